//! The line operator's commands.

use crate::{
    access::Gate,
    app::App,
    dto::{
        CommandError, ErrorCode, HistoryRowDto, InspectionDto, OperatorCallForm, OrderDto,
        PreviewDto, ScannedDto, SessionDto, StationDto,
    },
    live,
    triggers::Scanned,
};
use tauri::State;
use wiko_core::{
    audit::AuditCategory,
    history::{HistoryFilter, HistoryRow},
    id::InspectionId,
    ports::{Language, Records},
    role::Role,
    sku::ProductSku,
    trigger::{Trigger, TriggerSource},
};
use wiko_pipeline::CallRefused;

/// Parts in the strip of the last ones.
const RECENT: u32 = 10;

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
        triggers: app.triggers().settings().into(),
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
    inspect_from_now_on(&gate, app, &order).await
}

/// Changes what is inspected, and notes it.
async fn inspect_from_now_on(
    gate: &Gate,
    app: &App,
    order: &OrderDto,
) -> Result<OrderDto, CommandError> {
    let before = app.order_dto();
    app.set_order(order)?;
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

/// Takes the part that lies there and answers once it is safe on disk. `source` is what the person pressed.
#[tauri::command]
#[specta::specta]
pub(super) async fn trigger_capture(
    gate: State<'_, Gate>,
    source: TriggerSource,
) -> Result<HistoryRowDto, CommandError> {
    let (app, _) = gate.enter(Role::Operator)?;
    if !matches!(
        source,
        TriggerSource::Key | TriggerSource::Pedal | TriggerSource::OnScreen
    ) {
        return Err(CommandError::new(
            ErrorCode::InvalidInput,
            format!("{source} is no trigger of the window"),
        ));
    }
    let trigger = Trigger::plain(source, app.installation.clock.now());
    let taken = app.triggers().take(trigger).await?;
    row_of(app, taken.id).await
}

/// Does with a scanned code what the set-up says.
#[tauri::command]
#[specta::specta]
pub(super) async fn scan(gate: State<'_, Gate>, text: String) -> Result<ScannedDto, CommandError> {
    let (app, _) = gate.enter(Role::Operator)?;
    Ok(match app.triggers().scan(&text).await? {
        Scanned::Taken { taken, lot } => ScannedDto::Taken {
            order: match lot {
                Some(lot) => Some(of_lot(&gate, app, lot).await?),
                None => None,
            },
            row: row_of(app, taken.id).await?,
        },
        Scanned::SerialKept(serial) => ScannedDto::SerialKept { serial },
        Scanned::Lot(lot) => ScannedDto::Lot {
            order: of_lot(&gate, app, lot).await?,
        },
    })
}

async fn of_lot(gate: &Gate, app: &App, lot: String) -> Result<OrderDto, CommandError> {
    let order = OrderDto {
        lot: Some(lot),
        ..app.order_dto()
    };
    inspect_from_now_on(gate, app, &order).await
}

/// Forgets the serial number that was scanned for the next part.
#[tauri::command]
#[specta::specta]
pub(super) async fn forget_serial(gate: State<'_, Gate>) -> Result<(), CommandError> {
    let (app, _) = gate.enter(Role::Operator)?;
    app.triggers().forget_serial();
    Ok(())
}

async fn row_of(app: &App, id: InspectionId) -> Result<HistoryRowDto, CommandError> {
    let inspection = app.installation.records.inspection(id).await?;
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
