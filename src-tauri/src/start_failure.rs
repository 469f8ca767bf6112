//! Why the window did not open, for a person who started it from an icon and sees no terminal.

use crate::settings::Environment;
use gtk::prelude::*;
use std::fmt::Display;

/// Shows the reason until it is acknowledged; nothing where no person is there to do so.
pub fn show(environment: &Environment, reason: &dyn Display) {
    let automated = environment.get("TAURI_AUTOMATION").is_some();
    if automated || !environment.has_display() || gtk::init().is_err() {
        return;
    }
    let dialog = gtk::MessageDialog::new(
        None::<&gtk::Window>,
        gtk::DialogFlags::MODAL,
        gtk::MessageType::Error,
        gtk::ButtonsType::Close,
        "检测站无法启动，请联系现场技术人员。\nThe station did not start: call the field tech.",
    );
    dialog.set_title("Wiko");
    dialog.set_secondary_text(Some(&reason.to_string()));
    dialog.set_keep_above(true);
    dialog.run();
}
