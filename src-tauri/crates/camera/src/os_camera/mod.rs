//! Cameras of the operating system by nokhwa: USB cameras on Windows and macOS, and on Linux where it is chosen.
//!
//! Invariants:
//! - nokhwa waits for a frame for ever and may panic, so it runs on a thread of its own; a call of ours returns in time.
//! - A thread that hangs is left behind and counted. Of those there are few; then opening is refused.
//! - The old handle is gone, or left behind, before the camera is opened again.
//! - nokhwa hands over buffers with remains of older frames: every JPEG is decoded before it is believed, and
//!   one that came before is none.

mod camera;
mod controls;
mod discovery;
mod worker;

pub use camera::{NokhwaCamera, NokhwaDevice, NokhwaOptions};
pub use discovery::NokhwaDiscovery;
