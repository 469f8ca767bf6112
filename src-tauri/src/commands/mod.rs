//! What the window can ask for. Each command names its role at the gate, unpacks, calls and maps.

mod inspect;
mod review;
mod setup;

pub(crate) use review::cleared;

use crate::dto::StationUpdate;
use tauri::Wry;
use tauri_specta::{Builder, ErrorHandlingMode, collect_commands, collect_events};

/// All commands and events. `build.rs` and `capabilities/main.json` list the same commands.
pub fn builder() -> Builder<Wry> {
    Builder::new()
        .error_handling(ErrorHandlingMode::Result)
        // Each type is written one way or both, never in two forms.
        .disable_serde_phases()
        .commands(collect_commands![
            inspect::station,
            inspect::window_ready,
            inspect::set_order,
            inspect::set_language,
            inspect::trigger_capture,
            inspect::operator_decide,
            review::history_page,
            review::inspection,
            review::retry_queue,
            review::queued_parts,
            review::contained_parts,
            review::acknowledge_contained,
            review::spending,
            review::audit_trail,
            review::dismiss_clock_trouble,
            review::clear_storage_fault,
            setup::doctor,
            setup::cameras,
            setup::credentials,
            setup::set_credentials,
            setup::clear_credentials,
        ])
        .events(collect_events![StationUpdate])
}

/// Writes the bindings of the window, in TypeScript.
pub fn write_typescript(
    file: &std::path::Path,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let exporter = specta_typescript::Typescript::default()
        .header("// Generated from Rust by `make bindings`: do not edit.\n");
    Ok(builder().export(exporter, file)?)
}
