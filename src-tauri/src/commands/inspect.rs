//! The line operator's commands.

use crate::{
    access::Gate,
    cameras,
    dto::{
        CommandError, ErrorCode, HistoryRowDto, InspectionDto, OperatorCallForm, OrderDto,
        PreviewDto, SessionDto, StationDto,
    },
    live,
};
use std::time::Duration;
use tauri::State;
use wiko_core::{
    audit::AuditCategory,
    history::{HistoryFilter, HistoryRow},
    ports::{Language, Records},
    role::Role,
    sku::ProductSku,
};
use wiko_pipeline::CallRefused;

/// Parts in the strip of the last ones.
const RECENT: u32 = 10;

/// How long the trigger waits for a fresh frame.
const FRAME_TIMEOUT: Duration = Duration::from_millis(1_500);

#[tauri::command]
#[specta::specta]
pub(super) async fn station(gate: State<'_, Gate>) -> Result<StationDto, CommandError> {
    let (app, session) = gate.enter(Role::Operator)?;
    let installation = &app.installation;
    let settings = &installation.settings;
    let recent = installation
        .records
        .history(&HistoryFilter::default(), None, RECENT)
        .await?;
    Ok(StationDto {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        facility: settings.facility,
        station: settings.station.clone(),
        time_zone: settings.shifts.zone_name().to_owned(),
        session: SessionDto {
            role: session.role,
            operator: session.operator.clone(),
            demo: settings.demo,
            language: installation.station.language(),
        },
        order: app.order_dto(),
        product_skus: settings
            .skus
            .all()
            .iter()
            .map(ProductSku::to_string)
            .collect(),
        preview: PreviewDto {
            url: app.preview_url().to_owned(),
        },
        secrets: installation.secrets.backing(),
        live: live::live(app).await?,
        recent: recent.rows.iter().map(HistoryRowDto::from).collect(),
    })
}

/// The window has drawn its first pictures.
#[tauri::command]
#[specta::specta]
pub(super) async fn window_ready(gate: State<'_, Gate>) -> Result<(), CommandError> {
    let (app, _) = gate.enter(Role::Operator)?;
    app.window_ready();
    Ok(())
}

#[tauri::command]
#[specta::specta]
pub(super) async fn set_order(
    gate: State<'_, Gate>,
    order: OrderDto,
) -> Result<OrderDto, CommandError> {
    let (app, _) = gate.enter(Role::Operator)?;
    let before = app.order_dto();
    app.set_order(&order)?;
    let now = app.order_dto();
    if now != before {
        let told = |order: &OrderDto| serde_json::json!({"product_sku": order.product_sku, "stage": order.stage, "lot": order.lot});
        let detail = serde_json::json!({"from": told(&before), "to": told(&now)});
        gate.note(AuditCategory::Setting, "order", detail.to_string())
            .await?;
    }
    Ok(now)
}

#[tauri::command]
#[specta::specta]
pub(super) async fn set_language(
    gate: State<'_, Gate>,
    language: Language,
) -> Result<(), CommandError> {
    let (app, _) = gate.enter(Role::Operator)?;
    let station = &app.installation.station;
    let before = station.language();
    station.set_language(language);
    if language == before {
        return Ok(());
    }
    let detail = serde_json::json!({"from": before, "to": language});
    gate.note(AuditCategory::Setting, "language", detail.to_string())
        .await
}

/// Takes the next frame and answers once the part is safe on disk.
#[tauri::command]
#[specta::specta]
pub(super) async fn trigger_capture(gate: State<'_, Gate>) -> Result<HistoryRowDto, CommandError> {
    let (app, session) = gate.enter(Role::Operator)?;
    let triggered_at = app.installation.clock.now();
    let (camera, order) = app.camera_and_order(&session.operator);
    let frame = camera.feed.frame_after(triggered_at, FRAME_TIMEOUT).await?;
    let shot = cameras::take_shot(&app.cameras, &camera, frame).await?;
    let capture = app.installation.station.capture(&order, &shot).await?;
    let inspection = app.installation.records.inspection(capture.id).await?;
    Ok(HistoryRowDto::from(&HistoryRow::of(&inspection)))
}

#[tauri::command]
#[specta::specta]
pub(super) async fn operator_decide(
    gate: State<'_, Gate>,
    form: OperatorCallForm,
) -> Result<InspectionDto, CommandError> {
    let (app, session) = gate.enter(Role::Operator)?;
    let station = &app.installation.station;
    let noted = station
        .operator_decide(
            form.id.parse()?,
            form.call,
            session.operator.clone(),
            form.reason,
        )
        .await;
    match noted {
        Ok(inspection) => Ok(InspectionDto::new(&inspection, station.has_cloud())),
        Err(CallRefused::Store(error)) => Err(error.into()),
        Err(refused @ (CallRefused::NoReason | CallRefused::NotJudged)) => Err(CommandError::new(
            ErrorCode::InvalidInput,
            refused.to_string(),
        )),
    }
}
