//! The simulated line: a camera over parts that were never made.
//!
//! Invariants:
//! - The same configuration gives the same pixels, frame by frame.
//! - Every visible change that a defect makes lies in its box, and the box is no larger than that: it is
//!   measured on the pixels, not estimated from what was drawn.
//! - Good parts differ only as real ones do: a little in place, angle, light and grain.

mod belt;
mod camera;
mod defect;
mod field;
mod noise;
mod part;
mod render;
mod shape;

pub use belt::{Belt, BeltCamera, BeltConfig};
pub use camera::{SimulatedCamera, SimulatedCameraConfig, SimulatedPart};
pub use part::{SimulatedDefect, can_show, render_part};
