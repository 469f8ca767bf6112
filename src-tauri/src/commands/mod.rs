//! What the window can ask for. Each command names its role at the gate, unpacks, calls and maps.

mod cameras;
mod inspect;
mod review;
mod setup;
mod triggers;

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
            inspect::scan,
            inspect::forget_serial,
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
            review::found_missed_parts,
            review::clear_storage_fault,
            setup::doctor,
            cameras::cameras,
            cameras::find_cameras,
            cameras::assign_camera,
            cameras::remove_camera,
            cameras::camera_features,
            cameras::set_camera_feature,
            cameras::set_camera_region,
            cameras::set_line_scan,
            cameras::camera_live_aids,
            cameras::calibrate_camera,
            cameras::take_flat_field,
            cameras::clear_flat_field,
            cameras::balance_white,
            cameras::take_quality_reference,
            cameras::set_quality_limits,
            cameras::test_shot,
            cameras::export_camera_settings,
            cameras::import_camera_settings,
            cameras::camera_quality_history,
            triggers::triggers,
            triggers::set_triggers,
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
