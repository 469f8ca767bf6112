//! How WebKit draws the window.
//!
//! Without a GPU its accelerated compositing halves the frame rate of the live picture (15 to 18 frames a
//! second were seen instead of 30), so it is switched off there. Never under WebDriver, whose screenshots
//! hang without it.

use crate::settings::Environment;
use std::path::Path;

const SWITCH: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";

/// Sets the switch for this process and those that WebKit starts from it, where it should be and is not.
///
/// Must be called before this program starts a thread.
#[allow(
    unsafe_code,
    reason = "see SAFETY; a second start of the program instead would load WebKit twice"
)]
pub fn choose(environment: &Environment) {
    let automated = environment.get("TAURI_AUTOMATION").is_some();
    if automated || environment.get(SWITCH).is_some() || has_gpu(Path::new("/dev/dri")) {
        return;
    }
    // SAFETY: nobody reads the environment meanwhile. `main` calls this before it starts a thread; beside
    // its own there is only the one that JavaScriptCore's heap started when it was loaded, which gives
    // free pages back to the system and nothing else.
    unsafe { std::env::set_var(SWITCH, "1") };
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
