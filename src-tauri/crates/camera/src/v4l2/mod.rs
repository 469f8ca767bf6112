//! Cameras of Video4Linux: USB cameras on Linux.
//!
//! Invariants:
//! - A JPEG of the camera is passed on in its very bytes; pixels are copied once, out of the driver's buffer.
//! - A frame that is torn, marked by the driver or of another size than agreed is a bad frame, never a picture.
//! - A frame's time is that of its exposure by the driver's stamp: one that waited in a buffer does not look fresh. Where
//!   the driver gives none that can be true, it is when the buffer was last seen empty, so that none is stale for ever.
//! - Whatever the device does, a call returns, and nothing here panics.

mod buffers;
mod camera;
mod controls;
mod discovery;
mod faults;
mod formats;
mod node;
mod timing;

pub use camera::{V4l2Camera, V4l2Device, V4l2Options};
pub use discovery::V4l2Discovery;
