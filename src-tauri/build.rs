//! Tells Tauri which commands there are, so that a window may call these and no others.

/// Every command of the window; `capabilities/main.json` allows each by its name.
const COMMANDS: &[&str] = &[
    "station",
    "window_ready",
    "set_order",
    "set_language",
    "trigger_capture",
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
    "clear_storage_fault",
    "doctor",
    "cameras",
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
