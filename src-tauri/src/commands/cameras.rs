//! The field tech's commands of cameras. What changes something is noted in the audit trail.

use crate::{
    access::Gate,
    app::App,
    cameras::{CamerasError, roster::LineScanEntry},
    dto::{
        AssignCameraForm, CalibrateForm, CameraDto, CommandError, ErrorCode, ExportedSettingsDto,
        FeatureSetDto, FlatFieldStep, FoundCameraDto, FoundCamerasDto, ImportedSettingsDto,
        LineScanDto, LiveAidsDto, QualityHistoryDto, RegionForm, SetFeatureForm, TestShotDto,
        UnavailableDto,
    },
};
use serde_json::json;
use tauri::State;
use wiko_core::{
    audit::AuditCategory,
    camera::{DeviceIdentity, Feature, QualityLimits},
    ports::CameraError,
    role::Role,
};

#[tauri::command]
#[specta::specta]
pub(super) async fn cameras(gate: State<'_, Gate>) -> Result<Vec<CameraDto>, CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    Ok(app.camera_dtos())
}

#[tauri::command]
#[specta::specta]
pub(super) async fn find_cameras(gate: State<'_, Gate>) -> Result<FoundCamerasDto, CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    let found = app.cameras.find().await?;
    let entries = app.cameras.entries();
    let assigned = |device: &DeviceIdentity| {
        let mine = entries.iter().find(|entry| entry.device == *device);
        mine.map(|entry| entry.id.clone())
    };
    let devices = found.devices.into_iter().map(|device| FoundCameraDto {
        assigned: assigned(&device.identity),
        label: device.identity.label(),
        device: device.identity,
        address: device.address,
        obstacle: device.obstacle,
    });
    let unavailable = found.unavailable.into_iter();
    Ok(FoundCamerasDto {
        devices: devices.collect(),
        unavailable: unavailable
            .map(|(transport, error)| UnavailableDto {
                transport,
                cause: match &error {
                    CameraError::Lost { cause, .. } => Some(*cause),
                    _ => None,
                },
                reason: error.to_string(),
            })
            .collect(),
    })
}

#[tauri::command]
#[specta::specta]
pub(super) async fn assign_camera(
    gate: State<'_, Gate>,
    form: AssignCameraForm,
) -> Result<(), CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    let line_scan = form.line_scan.map(LineScanEntry::from);
    let entry = app
        .cameras
        .assign(&form.id, form.stage, form.device, line_scan)?;
    let detail =
        json!({"stage": entry.stage, "device": entry.device, "line_scan": entry.line_scan});
    app.choose_camera()?;
    note(&gate, &form.id, detail).await
}

#[tauri::command]
#[specta::specta]
pub(super) async fn remove_camera(
    gate: State<'_, Gate>,
    camera: String,
) -> Result<(), CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    app.cameras.remove(&camera)?;
    app.choose_camera()?;
    note(&gate, &camera, json!({"removed": true})).await
}

#[tauri::command]
#[specta::specta]
pub(super) async fn camera_features(
    gate: State<'_, Gate>,
    camera: String,
) -> Result<Vec<Feature>, CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    Ok(app.cameras.features(&camera).await?)
}

#[tauri::command]
#[specta::specta]
pub(super) async fn set_camera_feature(
    gate: State<'_, Gate>,
    form: SetFeatureForm,
) -> Result<FeatureSetDto, CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    let before = app.cameras.entry(&form.camera)?.features;
    let detail = json!({"feature": form.name, "from": before.get(&form.name), "to": form.value});
    let set = app
        .cameras
        .set_feature(&form.camera, &form.name, form.value);
    let (_, measured_again) = set.await?;
    app.choose_camera()?;
    note(&gate, &form.camera, detail).await?;
    Ok(FeatureSetDto {
        features: app.cameras.features(&form.camera).await?,
        measured_again,
    })
}

#[tauri::command]
#[specta::specta]
pub(super) async fn set_camera_region(
    gate: State<'_, Gate>,
    form: RegionForm,
) -> Result<FeatureSetDto, CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    app.cameras.set_region(&form.camera, form.region).await?;
    app.choose_camera()?;
    note(&gate, &form.camera, json!({"region": form.region})).await?;
    Ok(FeatureSetDto {
        features: app.cameras.features(&form.camera).await?,
        measured_again: true,
    })
}

#[tauri::command]
#[specta::specta]
pub(super) async fn set_line_scan(
    gate: State<'_, Gate>,
    camera: String,
    line_scan: LineScanDto,
) -> Result<(), CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    let line_scan = LineScanEntry::from(line_scan);
    app.cameras.set_line_scan(&camera, line_scan)?;
    app.choose_camera()?;
    note(&gate, &camera, json!({"line_scan": line_scan})).await
}

#[tauri::command]
#[specta::specta]
pub(super) async fn camera_live_aids(
    gate: State<'_, Gate>,
    camera: String,
) -> Result<LiveAidsDto, CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    let (frame, aids) = app.cameras.live_aids(&camera).await?;
    let age_ms = app.installation.clock.now().0 - frame.exposed_at.0;
    let line_rate = app.cameras.line_rate(&camera);
    Ok(LiveAidsDto {
        sequence: aids.sequence as f64,
        age_ms: age_ms.max(0) as f64,
        histogram: aids.histogram.iter().map(|count| *count as f64).collect(),
        quality: aids.quality,
        faults: aids.faults,
        line_rate_hz: line_rate.map(|rate| rate.0),
        aspect_error: line_rate.and_then(|rate| rate.1),
    })
}

#[tauri::command]
#[specta::specta]
pub(super) async fn calibrate_camera(
    gate: State<'_, Gate>,
    camera: String,
    form: CalibrateForm,
) -> Result<CameraDto, CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    match form {
        CalibrateForm::TwoPoints {
            a_px,
            b_px,
            distance_mm,
        } => app
            .cameras
            .calibrate_by_points(&camera, a_px, b_px, distance_mm)?,
        CalibrateForm::Checkerboard {
            columns,
            rows,
            square_mm,
        } => {
            app.cameras
                .calibrate_by_board(&camera, columns, rows, square_mm)
                .await?;
        }
    }
    changed(&gate, app, &camera, "calibration").await
}

#[tauri::command]
#[specta::specta]
pub(super) async fn take_flat_field(
    gate: State<'_, Gate>,
    camera: String,
    step: FlatFieldStep,
) -> Result<CameraDto, CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    match step {
        FlatFieldStep::Dark => app.cameras.take_dark(&camera).await?,
        FlatFieldStep::White => app.cameras.take_white(&camera).await?,
    }
    changed(&gate, app, &camera, "flat_field").await
}

#[tauri::command]
#[specta::specta]
pub(super) async fn clear_flat_field(
    gate: State<'_, Gate>,
    camera: String,
) -> Result<CameraDto, CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    app.cameras.clear_flat_field(&camera)?;
    changed(&gate, app, &camera, "flat_field").await
}

#[tauri::command]
#[specta::specta]
pub(super) async fn balance_white(
    gate: State<'_, Gate>,
    camera: String,
) -> Result<FeatureSetDto, CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    app.cameras.balance_white(&camera).await?;
    app.choose_camera()?;
    note(&gate, &camera, json!({"white_balance": "taken"})).await?;
    Ok(FeatureSetDto {
        features: app.cameras.features(&camera).await?,
        measured_again: false,
    })
}

#[tauri::command]
#[specta::specta]
pub(super) async fn take_quality_reference(
    gate: State<'_, Gate>,
    camera: String,
) -> Result<CameraDto, CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    app.cameras.take_reference(&camera).await?;
    changed(&gate, app, &camera, "reference").await
}

#[tauri::command]
#[specta::specta]
pub(super) async fn set_quality_limits(
    gate: State<'_, Gate>,
    camera: String,
    limits: QualityLimits,
) -> Result<CameraDto, CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    app.cameras.set_limits(&camera, limits)?;
    changed(&gate, app, &camera, "limits").await
}

#[tauri::command]
#[specta::specta]
pub(super) async fn test_shot(
    gate: State<'_, Gate>,
    camera: String,
) -> Result<TestShotDto, CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    let shot = app.cameras.test_shot(&camera).await?;
    Ok(TestShotDto {
        sequence: shot.frame.sequence as f64,
        waited_ms: shot.waited.as_secs_f64() * 1e3,
        width_px: shot.frame.size_px().0,
        height_px: shot.frame.size_px().1,
        quality: shot.quality,
        faults: shot.faults,
    })
}

#[tauri::command]
#[specta::specta]
pub(super) async fn export_camera_settings(
    gate: State<'_, Gate>,
    camera: String,
) -> Result<ExportedSettingsDto, CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    let (text, path) = app.cameras.export_settings(&camera)?;
    Ok(ExportedSettingsDto {
        file_name: path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        text,
        path: path.display().to_string(),
    })
}

#[tauri::command]
#[specta::specta]
pub(super) async fn import_camera_settings(
    gate: State<'_, Gate>,
    camera: String,
    text: String,
) -> Result<ImportedSettingsDto, CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    let (set, mismatches) = app.cameras.import_settings(&camera, &text).await?;
    app.choose_camera()?;
    let features = app.cameras.entry(&camera)?.features;
    note(&gate, &camera, json!({"imported": features})).await?;
    Ok(ImportedSettingsDto {
        set: u32::try_from(set).unwrap_or(u32::MAX),
        mismatches,
    })
}

#[tauri::command]
#[specta::specta]
pub(super) async fn camera_quality_history(
    gate: State<'_, Gate>,
    camera: String,
) -> Result<QualityHistoryDto, CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    app.cameras.entry(&camera)?;
    let now = app.installation.clock.now();
    let hours = app
        .installation
        .records
        .reader()
        .quality_hours(&camera, now);
    Ok(QualityHistoryDto::of(&hours.await?))
}

/// Notes what was changed of a camera, and shows it as it is now.
async fn changed(
    gate: &Gate,
    app: &App,
    camera: &str,
    what: &str,
) -> Result<CameraDto, CommandError> {
    app.choose_camera()?;
    let entry = app.cameras.entry(camera)?;
    let now = match what {
        "calibration" => json!(entry.calibration),
        "limits" => json!(entry.limits),
        "reference" => json!({"taken_at": entry.reference_taken_at, "limits": entry.limits}),
        _ => json!({"taken_at": entry.flat_field_taken_at}),
    };
    note(gate, camera, json!({ (what): now })).await?;
    app.camera_dtos()
        .into_iter()
        .find(|dto| dto.id == camera)
        .ok_or_else(|| CommandError::new(ErrorCode::NotFound, format!("no camera {camera}")))
}

async fn note(gate: &Gate, camera: &str, detail: serde_json::Value) -> Result<(), CommandError> {
    let subject = format!("camera {camera}");
    gate.note(AuditCategory::Setting, &subject, detail.to_string())
        .await
}

impl From<CamerasError> for CommandError {
    fn from(error: CamerasError) -> Self {
        match error {
            CamerasError::Camera(error) => error.into(),
            CamerasError::Feature(error) => error.into(),
            CamerasError::Roster(error) => Self::new(error_code(&error), error.to_string()),
            other @ (CamerasError::Unknown(_) | CamerasError::Unfit(_)) => {
                Self::new(ErrorCode::CameraSetting, other.to_string())
            }
        }
    }
}

fn error_code(error: &crate::cameras::roster::RosterError) -> ErrorCode {
    use crate::cameras::roster::RosterError;
    match error {
        RosterError::Io { .. } => ErrorCode::StorageFault,
        RosterError::Malformed { .. } => ErrorCode::CameraSetting,
        RosterError::BadId { .. } | RosterError::TooMany => ErrorCode::InvalidInput,
    }
}
