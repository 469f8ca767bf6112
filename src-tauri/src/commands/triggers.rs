//! The set-up of triggers.

use crate::{
    access::Gate,
    dto::{CommandError, TriggerSettingsDto, TriggersDto},
};
use tauri::State;
use wiko_core::{audit::AuditCategory, role::Role};

/// How triggers are set up, and what came of them.
#[tauri::command]
#[specta::specta]
pub(super) async fn triggers(gate: State<'_, Gate>) -> Result<TriggersDto, CommandError> {
    let (app, _) = gate.enter(Role::Operator)?;
    Ok(app.triggers_dto().await)
}

/// Sets triggers up anew. What is under way goes on.
#[tauri::command]
#[specta::specta]
pub(super) async fn set_triggers(
    gate: State<'_, Gate>,
    settings: TriggerSettingsDto,
) -> Result<TriggersDto, CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    let before = app.triggers().settings();
    app.set_triggers(settings.into()).await?;
    let now = app.triggers().settings();
    if now != before {
        let detail = serde_json::json!({"from": before, "to": now});
        gate.note(AuditCategory::Setting, "triggers", detail.to_string())
            .await?;
    }
    Ok(app.triggers_dto().await)
}
