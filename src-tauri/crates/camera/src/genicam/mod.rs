//! GenICam cameras: GigE Vision and USB3 Vision, area and line sensors.
//!
//! Invariants:
//! - Without Aravis' library the station starts and says how to install it; nothing here is looked for before it is asked.
//! - A frame is given only where all of it came. What did not is counted and leaves a gap in the sequence, so that rows of
//!   a line sensor are never joined over it; so does each stop of the stream.
//! - A frame counts as exposed no later than it truly was asked for: from the arrival of its first packet, less the
//!   exposure, not from when somebody came to fetch it.
//! - What another program left behind (trigger, acquisition mode) is undone on opening; what is told is read back.
//! - A camera that stops answering is lost within two seconds, whatever it was asked at that moment; one that waits for its
//!   trigger answers, and is not.
//! - Memory is bounded: so many bytes of buffers, and never fewer than three buffers.

mod arrival;
mod camera;
mod discovery;
mod features;
mod gvcp;
mod leftovers;
mod opening;
mod pixels;
mod sequence;
mod session;
mod worker;

pub use camera::{GenicamCamera, GenicamOptions};
pub use discovery::GenicamDiscovery;

use wiko_aravis::{Aravis, Error, ErrorKind, LoadError};
use wiko_core::ports::{CameraError, LostCause};

fn load(library: &str) -> Result<&'static Aravis, CameraError> {
    Aravis::load(library).map_err(|error| {
        let what = match &error {
            LoadError::Missing { .. } => "GenICam cameras need Aravis: ",
            LoadError::Unfit { .. } => "this version of Aravis cannot be used: ",
        };
        CameraError::lost(LostCause::NoDriver, format!("{what}{error}"))
    })
}

/// Why a camera cannot be opened or has stopped answering.
fn lost(label: &str, error: &Error) -> CameraError {
    let words = error.message.to_uppercase();
    let (cause, what_to_do) = match error.kind {
        _ if words.contains("LIBUSB_ERROR_ACCESS") => (
            LostCause::NoPermission,
            "this user may not open it; install Aravis' udev rules and plug it in again",
        ),
        _ if words.contains("LIBUSB_ERROR_BUSY") => (
            LostCause::OpenElsewhere,
            "another program has it; close that first",
        ),
        ErrorKind::NotController => (
            LostCause::OpenElsewhere,
            "another program or station has it; close it there first",
        ),
        ErrorKind::NotFound => (
            LostCause::NotFound,
            "it is not there; check cable, power and network",
        ),
        ErrorKind::Timeout => (
            LostCause::Unplugged,
            "it does not answer; check cable, power and network",
        ),
        ErrorKind::Refused | ErrorKind::Description | ErrorKind::Other => (
            LostCause::Failed,
            "unplug it and plug it in again, or start it anew",
        ),
    };
    CameraError::lost(cause, format!("{label}: {what_to_do} ({error})"))
}
