//! Cameras behind the port: replay of pictures and the simulated line, the lines of line-scan cameras put together to
//! pictures, and the feed that runs any of them on a thread of its own.
//!
//! Invariants:
//! - Bytes of a picture are passed on as they are; what is hashed here is what goes to disk.
//! - A trigger gets a frame that was exposed at or after it, or none: never the one before.
//! - A bad picture is named and skipped; it does not end the run.

mod feed;
pub mod genicam;
pub mod line_scan;
mod mjpeg;
mod mode;
mod mode_features;
pub mod os_camera;
mod pacing;
mod part_present;
mod region;
mod replay;
mod settings;
pub mod simulated;
#[cfg(target_os = "linux")]
pub mod v4l2;

pub use feed::{CameraFeed, OpenCamera, Parts, TriggerMode, wait_for_stopped_cameras};
pub use line_scan::LineScanCamera;
pub use pacing::Pacing;
pub use part_present::{PartPresent, PartPresentConfig, PartView};
pub use region::RegionCamera;
pub use replay::{ReplayCamera, ReplaySource};
pub use simulated::{SimulatedCamera, SimulatedCameraConfig, SimulatedDefect, render_part};
