//! The supervisor's commands.

use crate::{
    access::Gate,
    dto::{CommandError, ErrorCode, HistoryPageDto, HistoryQueryDto, InspectionDto},
};
use tauri::State;
use wiko_core::{
    history::{HistoryCursor, HistoryFilter},
    id::InspectionId,
    ports::Records,
    queue::Queue,
    role::Role,
    time::UnixMillis,
};

#[tauri::command]
#[specta::specta]
pub(super) async fn history_page(
    gate: State<'_, Gate>,
    query: HistoryQueryDto,
) -> Result<HistoryPageDto, CommandError> {
    let (app, _) = gate.enter(Role::Operator)?;
    if !(1..=200).contains(&query.limit) {
        return Err(CommandError::new(
            ErrorCode::InvalidInput,
            "limit must be from 1 to 200",
        ));
    }
    let filter = HistoryFilter {
        from: query.from.map(|ms| UnixMillis(ms as i64)),
        to: query.to.map(|ms| UnixMillis(ms as i64)),
        stage: query.stage,
        product_sku: match query.product_sku {
            Some(sku) => Some(app.installation.settings.skus.find(&sku)?.clone()),
            None => None,
        },
        verdict: query.verdict,
        severity: query.severity,
    };
    let after = query.after.map(|sequence| HistoryCursor(sequence as i64));
    let page = app
        .installation
        .records
        .history(&filter, after, query.limit)
        .await?;
    Ok(HistoryPageDto::from(&page))
}

#[tauri::command]
#[specta::specta]
pub(super) async fn inspection(
    gate: State<'_, Gate>,
    id: String,
) -> Result<InspectionDto, CommandError> {
    let (app, _) = gate.enter(Role::Operator)?;
    let inspection = app.installation.records.inspection(id.parse()?).await?;
    Ok(InspectionDto::new(
        &inspection,
        app.installation.station.has_cloud(),
    ))
}

/// Makes waiting and parked work due at once: one part's, or all of the queue. Answers how many.
#[tauri::command]
#[specta::specta]
pub(super) async fn retry_queue(
    gate: State<'_, Gate>,
    queue: Queue,
    id: Option<String>,
) -> Result<u32, CommandError> {
    let (app, _) = gate.enter(Role::Supervisor)?;
    let id = id.map(|id| id.parse::<InspectionId>()).transpose()?;
    let count = app.installation.station.retry(queue, id).await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

#[tauri::command]
#[specta::specta]
pub(super) async fn clear_storage_fault(gate: State<'_, Gate>) -> Result<(), CommandError> {
    let (app, _) = gate.enter(Role::Supervisor)?;
    // A fault that is still there would come back with the next part, and lose the operator's time.
    app.installation.records.clear_fault();
    app.installation.records.check_writable().await?;
    Ok(())
}
