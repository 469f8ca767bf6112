//! The supervisor's commands.

use crate::{
    access::Gate,
    cli::queue::retried,
    dto::{
        AuditRowDto, CommandError, ContainedPartsDto, ErrorCode, HistoryPageDto, HistoryQueryDto,
        InspectionDto, QueuedPartsDto, SpendingDto,
    },
    trail::CLOCK_SEEN,
};
use tauri::State;
use wiko_core::{
    audit::{AuditCategory, AuditEntry, AuditResult, AuditSource},
    history::{HistoryCursor, HistoryFilter},
    id::InspectionId,
    ports::Records,
    queue::{Listed, Queue},
    role::Role,
    text::plain,
    time::UnixMillis,
};

/// Parts that the window lists; the command line lists them all.
const QUEUED_SHOWN: u32 = 50;

/// Parts of the containment list that the window shows; the command line shows them all.
const CONTAINED_SHOWN: u32 = 100;

/// Rows of the audit trail on a page.
const AUDIT_SHOWN: u32 = 50;

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
        disposition: query.disposition,
        severity: query.severity,
        text: query.text,
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
    let subject = id.map_or_else(|| queue.to_string(), |id| id.to_string());
    gate.note(AuditCategory::Queue, &subject, retried(queue, count))
        .await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The parked parts and those whose last try failed: the first of them, and how many there are.
#[tauri::command]
#[specta::specta]
pub(super) async fn queued_parts(gate: State<'_, Gate>) -> Result<QueuedPartsDto, CommandError> {
    let (app, _) = gate.enter(Role::Supervisor)?;
    // Without a cloud nothing waits for it.
    let queue = match app.installation.station.has_cloud() {
        true => None,
        false => Some(Queue::Analysis),
    };
    let page = app
        .installation
        .records
        .queued(queue, Listed::Troubled, QUEUED_SHOWN)
        .await?;
    Ok(QueuedPartsDto::from(&page))
}

/// The parts that were not found good after they had moved on, and that nobody has seen to.
#[tauri::command]
#[specta::specta]
pub(super) async fn contained_parts(
    gate: State<'_, Gate>,
) -> Result<ContainedPartsDto, CommandError> {
    let (app, _) = gate.enter(Role::Operator)?;
    let records = &app.installation.records;
    let list = records.contained(false, CONTAINED_SHOWN).await?;
    Ok(ContainedPartsDto::from(&list))
}

/// Notes that a person has seen to such a part, and what became of it. False where somebody was faster.
#[tauri::command]
#[specta::specta]
pub(super) async fn acknowledge_contained(
    gate: State<'_, Gate>,
    id: String,
    note: String,
) -> Result<bool, CommandError> {
    let (app, session) = gate.enter(Role::Supervisor)?;
    let id: InspectionId = id.parse()?;
    let note = plain(note.trim());
    if note.is_empty() {
        return Err(CommandError::new(
            ErrorCode::InvalidInput,
            "say what became of the part",
        ));
    }
    let entry = AuditEntry {
        at: app.installation.clock.now(),
        source: AuditSource::Window,
        category: AuditCategory::Containment,
        identity: session.identity(),
        subject: Some(id.to_string()),
        result: AuditResult::Done,
        detail: note,
    };
    let station = &app.installation.station;
    Ok(station.acknowledge_contained(id, &entry).await?)
}

/// What models cost since the running shift and since the running month began.
#[tauri::command]
#[specta::specta]
pub(super) async fn spending(gate: State<'_, Gate>) -> Result<SpendingDto, CommandError> {
    let (app, _) = gate.enter(Role::Supervisor)?;
    let (shift, month) = app.installation.station.spending().await?;
    Ok(SpendingDto {
        shift: (&shift).into(),
        month: (&month).into(),
    })
}

/// Rows of the audit trail without the verdicts, newest first, from before `before`.
#[tauri::command]
#[specta::specta]
pub(super) async fn audit_trail(
    gate: State<'_, Gate>,
    before: Option<u32>,
) -> Result<Vec<AuditRowDto>, CommandError> {
    let (app, _) = gate.enter(Role::Supervisor)?;
    let reader = app.installation.records.reader();
    let rows = reader
        .audit(before.map(i64::from), false, AUDIT_SHOWN)
        .await?;
    Ok(rows.iter().map(AuditRowDto::from).collect())
}

/// A person has found the parts that passed this camera unseen, as far as they were shown: `counted` in all. Answers with how
/// many nobody had found before.
#[tauri::command]
#[specta::specta]
pub(super) async fn found_missed_parts(
    gate: State<'_, Gate>,
    camera: String,
    counted: u32,
) -> Result<u32, CommandError> {
    let (app, session) = gate.enter(Role::Supervisor)?;
    let found = app
        .missed_parts()
        .found(&camera, counted.into(), session.identity());
    Ok(u32::try_from(found.await?).unwrap_or(u32::MAX))
}

/// A person has seen what is wrong with the clock.
#[tauri::command]
#[specta::specta]
pub(super) async fn dismiss_clock_trouble(gate: State<'_, Gate>) -> Result<(), CommandError> {
    let (app, _) = gate.enter(Role::Supervisor)?;
    let seen = *app.installation.station.clock_trouble().borrow();
    if let Some(trouble) = seen {
        app.installation.station.dismiss_clock_trouble();
        let detail = format!("seen: {trouble}");
        gate.note(AuditCategory::Clock, CLOCK_SEEN, detail).await?;
    }
    Ok(())
}

#[tauri::command]
#[specta::specta]
pub(super) async fn clear_storage_fault(gate: State<'_, Gate>) -> Result<(), CommandError> {
    let (app, session) = gate.enter(Role::Supervisor)?;
    let said = AuditEntry {
        at: app.installation.clock.now(),
        source: AuditSource::Window,
        category: AuditCategory::Storage,
        identity: session.identity(),
        subject: Some("storage_fault".to_owned()),
        result: AuditResult::Done,
        detail: cleared(app.installation.records.fault()),
    };
    // A fault that is still there would come back with the next part, and lose the operator's time.
    Ok(app.installation.records.clear_fault(&said).await?)
}

/// What the audit trail says of a fault that a person cleared.
pub(crate) fn cleared(fault: Option<String>) -> String {
    format!(
        "disk checked, capture goes on after: {}",
        fault.as_deref().unwrap_or("no fault")
    )
}
