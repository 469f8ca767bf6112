//! Tells Tauri which commands there are, so that a window may call these and no others.

/// Every command of the window; `capabilities/main.json` allows each by its name.
const COMMANDS: &[&str] = &[
    "station",
    "window_ready",
    "set_order",
    "set_language",
    "trigger_capture",
    "scan",
    "forget_serial",
    "operator_decide",
    "history_page",
    "inspection",
    "retry_queue",
    "queued_parts",
    "contained_parts",
    "acknowledge_contained",
    "spending",
    "audit_trail",
    "dismiss_clock_trouble",
    "found_missed_parts",
    "clear_storage_fault",
    "doctor",
    "cameras",
    "find_cameras",
    "assign_camera",
    "remove_camera",
    "camera_features",
    "set_camera_feature",
    "set_camera_region",
    "set_line_scan",
    "camera_live_aids",
    "calibrate_camera",
    "take_flat_field",
    "clear_flat_field",
    "balance_white",
    "take_quality_reference",
    "set_quality_limits",
    "test_shot",
    "export_camera_settings",
    "import_camera_settings",
    "camera_quality_history",
    "triggers",
    "set_triggers",
    "credentials",
    "set_credentials",
    "clear_credentials",
];

fn main() {
    let attributes = tauri_build::Attributes::new()
        .capabilities_path_pattern("src-tauri/capabilities/*.json")
        .app_manifest(tauri_build::AppManifest::new().commands(COMMANDS));
    if let Err(error) = tauri_build::try_build(attributes) {
        println!("cargo::error={error:#}");
    }
}
