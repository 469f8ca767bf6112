//! How WebKit draws the window.
//!
//! Without a GPU its accelerated compositing halves the frame rate of the live picture (15 to 18 frames a
//! second were seen instead of 30), so it is switched off there. Never under WebDriver, whose screenshots
//! hang without it.

use crate::{cli::Failure, settings::Environment};
use std::{os::unix::process::CommandExt, path::Path, process::Command};

const SWITCH: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";

/// Starts this program anew with the switch set, where it should be and is not. Setting a variable of a
/// running process is not sound once it has threads.
pub fn choose(environment: &Environment) -> Result<(), Failure> {
    let automated = environment.get("TAURI_AUTOMATION").is_some();
    if automated || environment.get(SWITCH).is_some() || has_gpu(Path::new("/dev/dri")) {
        return Ok(());
    }
    let mut again = Command::new(std::env::current_exe()?);
    Err(again
        .args(std::env::args_os().skip(1))
        .env(SWITCH, "1")
        .exec()
        .into())
}

fn has_gpu(devices: &Path) -> bool {
    let is_renderer = |device: std::fs::DirEntry| {
        device
            .file_name()
            .as_encoded_bytes()
            .starts_with(b"renderD")
    };
    std::fs::read_dir(devices).is_ok_and(|devices| devices.flatten().any(is_renderer))
}
