use crate::camera::{CameraId, Frame};
use std::time::Duration;

/// A source of frames. Blocking: each camera is driven by a thread of its own.
pub trait Camera: Send {
    /// Who it is.
    fn id(&self) -> &CameraId;

    /// The next frame. Returns within `timeout` and a little, whatever the camera does. After
    /// [`CameraError::Ended`] or [`CameraError::Lost`] the camera is to be dropped.
    fn next_frame(&mut self, timeout: Duration) -> Result<Frame, CameraError>;
}

/// No frame, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CameraError {
    /// None came in time; another try may bring one.
    #[error("no frame within {waited_ms} ms; check the cable and the trigger")]
    Timeout {
        /// How long it was waited for.
        waited_ms: u64,
    },
    /// One came that cannot be used; the next may be good.
    #[error("{source_name}: {reason}")]
    BadFrame {
        /// The frame's or file's name.
        source_name: String,
        /// In words.
        reason: String,
    },
    /// The pictures are at their end.
    #[error("there are no more pictures")]
    Ended,
    /// The camera is gone.
    #[error("the camera is gone: {reason}")]
    Lost {
        /// In words, with what to do.
        reason: String,
    },
}
