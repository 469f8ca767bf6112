//! What of the cameras is shown and changes nothing.

use super::Failure;
use crate::{
    cameras::{Cameras, Running},
    cli::output::Output,
    clock::{SystemClock, local},
    dto::{CameraDto, QualityHistoryDto},
    settings::{CameraDriver, Settings},
    wiring,
};
use serde_json::json;
use std::time::Duration;
use wiko_core::{
    camera::{Access, Feature, FeatureKind, Transport},
    ports::Clock,
    time::UnixMillis,
};

pub(super) fn list(settings: &Settings, cameras: &Cameras, output: &Output) {
    if !cameras.uses_roster() {
        let camera = &settings.camera;
        let driver: &'static str = camera.driver.into();
        let folder = match camera.driver {
            CameraDriver::Replay => camera.folder.as_ref(),
            CameraDriver::Simulated => None,
        };
        output.line(
            &json!({
                "event": "camera",
                "id": camera.id,
                "driver": driver,
                "folder": folder.map(|folder| folder.display().to_string()),
                "frames_per_second": camera.frames_per_second,
            }),
            format_args!(
                "{} ({driver}, {} frames/s)",
                camera.id, camera.frames_per_second
            ),
        );
    }
    for entry in cameras.entries() {
        let line = format!(
            "{} ({}, {}, {} settings)",
            entry.id,
            entry.stage,
            entry.device.label(),
            entry.features.len()
        );
        output.line(&json!({"event": "camera", "camera": entry}), line);
    }
}

pub(super) async fn find(cameras: &Cameras, output: &Output) -> Result<(), Failure> {
    let found = cameras.find().await?;
    let entries = cameras.entries();
    for device in &found.devices {
        let mine = entries.iter().find(|it| it.device == device.identity);
        let assigned = mine.map(|entry| entry.id.as_str());
        let whose = assigned.map(|id| format!(" = {id}")).unwrap_or_default();
        let obstacle = device.obstacle.as_deref();
        let obstacle = obstacle.map(|it| format!(": {it}")).unwrap_or_default();
        let transport = device.identity.transport;
        let mac = device.identity.mac.as_deref();
        let mac = mac.map(|mac| format!(", {mac}")).unwrap_or_default();
        output.line(
            &json!({"event": "found", "device": device, "label": device.identity.label(), "assigned": assigned}),
            format_args!(
                "{} ({transport}, {}{mac}){whose}{obstacle}",
                device.identity.label(),
                device.address
            ),
        );
    }
    for (transport, error) in &found.unavailable {
        output.line(
            &json!({"event": "unavailable", "transport": transport, "reason": error.to_string()}),
            format_args!("{transport}: {error}"),
        );
    }
    if found.devices.is_empty() {
        output.line(
            &json!({"event": "none_found"}),
            "no camera found: check cable and power, and for GigE that it is in this machine's network",
        );
    }
    Ok(())
}

pub(super) async fn watch(
    cameras: &Cameras,
    id: &str,
    seconds: Option<u64>,
    output: &Output,
) -> Result<(), Failure> {
    let entry = cameras.entry(id)?;
    let feed = cameras.feed(&entry)?;
    let running = Running {
        entry: Some(entry),
        feed,
    };
    let until = tokio::time::sleep(Duration::from_secs(seconds.unwrap_or(u64::MAX / 4)));
    tokio::pin!(until);
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = &mut until => return Ok(()),
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
        let now = SystemClock.now();
        let dto = CameraDto::new(id.to_owned(), &running, Transport::Simulated, false, now);
        let lost = dto.statistics.frames_lost;
        let line = format!(
            "{:9} {:5.1} frames/s, {lost} lost{}{}",
            dto.state.code(),
            dto.frames_per_second,
            if dto.reason.is_empty() { "" } else { ": " },
            dto.reason
        );
        output.line(&json!({"event": "camera", "camera": dto}), line);
    }
}

/// What a camera says that knows no limit.
const UNBOUND: f64 = 1e300;

pub(super) fn described(feature: &Feature) -> String {
    let value = feature.value.as_ref().map(ToString::to_string);
    let value = value.unwrap_or_else(|| "-".to_owned());
    let limits = match &feature.kind {
        FeatureKind::Integer {
            min,
            max,
            increment,
        } if *min > i64::MIN && *max < i64::MAX => format!(" [{min} … {max}, step {increment}]"),
        FeatureKind::Float { min, max, .. } if *min > -UNBOUND && *max < UNBOUND => {
            format!(" [{min} … {max}]")
        }
        FeatureKind::Integer { .. } | FeatureKind::Float { .. } => String::new(),
        FeatureKind::Enumeration { entries } => format!(" [{}]", entries.join(", ")),
        FeatureKind::Boolean | FeatureKind::String | FeatureKind::Command => String::new(),
    };
    let access = match feature.access {
        Access::ReadWrite => "",
        Access::Locked => " (the stream stops while it is set)",
        Access::ReadOnly => " (read only)",
        other => return format!("{} ({})", feature.name, other.code()),
    };
    let unit = match feature.unit.as_str() {
        "" => String::new(),
        unit => format!(" {unit}"),
    };
    format!("{} = {value}{unit}{limits}{access}", feature.name)
}

pub(super) async fn quality(
    settings: &Settings,
    cameras: &Cameras,
    id: &str,
    output: &Output,
) -> Result<(), Failure> {
    cameras.entry(id)?;
    let hours = match wiring::open_reader(settings).await? {
        Some(records) => records.quality_hours(id, SystemClock.now()).await?,
        None => Vec::new(),
    };
    let history = QualityHistoryDto::of(&hours);
    if history.hours.is_empty() {
        output.text("no frame of it was inspected in the last days");
    }
    let zone = settings.shifts.zone();
    for hour in &history.hours {
        output.line(
            &json!({"event": "quality_hour", "camera": id, "hour": hour}),
            format_args!(
                "{}  {} frames, {} unfit; focus {:.1}, mean level {:.0}, clipped on the part {:.1} %, noise {:.1}",
                local(UnixMillis(hour.from as i64), zone),
                hour.frames,
                hour.unfit,
                hour.focus,
                hour.mean_level,
                hour.clipped_on_part * 100.0,
                hour.noise
            ),
        );
    }
    for drift in &history.warnings {
        let measure = serde_json::to_value(drift.measure)?;
        output.line(
            &json!({"event": "drift", "camera": id, "drift": drift}),
            format_args!(
                "{} has changed by {:+.0} % over the days: clean the lens, check the light",
                measure.as_str().unwrap_or_default().replace('_', " "),
                drift.change * 100.0
            ),
        );
    }
    Ok(())
}
