//! What the kernel's errors mean for a camera, in words with what to do.

use rustix::io::Errno;
use std::{io, path::Path};
use wiko_core::ports::{CameraError, LostCause};

/// What a node does not open for, or stops working for.
pub(super) fn lost(path: &Path, error: &io::Error) -> CameraError {
    let path = path.display();
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    let (cause, words) = match code {
        Some(Errno::NOENT | Errno::NXIO) => {
            (LostCause::NotFound, "it is not there; plug it in".to_owned())
        }
        Some(Errno::NODEV) => (
            LostCause::Unplugged,
            "it was unplugged or lost its power; check the cable".to_owned(),
        ),
        Some(Errno::BUSY) => (LostCause::OpenElsewhere, BUSY.to_owned()),
        Some(Errno::ACCESS | Errno::PERM) => (LostCause::NoPermission, NO_PERMISSION.to_owned()),
        Some(Errno::NOSPC) => (
            LostCause::Failed,
            "the USB has no room for its frames; plug it into a port of its own, or choose MJPEG or a smaller size"
                .to_owned(),
        ),
        Some(Errno::IO | Errno::PROTO | Errno::TIMEDOUT) => (
            LostCause::Failed,
            format!("it does not answer as it should ({error}); check the cable and plug it in again"),
        ),
        _ => (
            LostCause::Failed,
            format!(
                "its driver refuses ({error}); plug it in again, and choose another format or size where that does not help"
            ),
        ),
    };
    CameraError::lost(cause, format!("{path}: {words}"))
}

/// Another has its stream.
pub(super) const BUSY: &str = "another program has it; close that program";

/// The node is of a group that this user is not in.
pub(super) const NO_PERMISSION: &str = "this user may not open it; install the station's udev rule \
     60-wiko-cameras.rules, or add the user to the group video and sign in again";
