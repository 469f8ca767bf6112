//! Whether the cameras are there, and what they need.

use super::{check, ok};
use crate::{
    cameras::{
        kinds::{self, Found},
        roster::{CameraEntry, Roster},
    },
    dto::{CheckDto, CheckState},
    settings::{CameraDriver, Settings},
};
use wiko_core::camera::DeviceMatch;

/// The cameras of the station, and the libraries for those that it could have. Looks for a second.
pub(super) async fn examine(settings: &Settings) -> Vec<CheckDto> {
    let roster = match Roster::load(&settings.data_dir) {
        Ok(roster) => roster,
        Err(error) => return vec![check("camera", CheckState::Failed, error.to_string(), "")],
    };
    // A search that stopped has found nothing, which the checks then say.
    let found = tokio::task::spawn_blocking(|| kinds::find(&kinds::all())).await;
    let found = found.unwrap_or_default();
    let entries = if settings.demo { &[] } else { roster.all() };
    let cameras = match entries {
        [] => configured(settings),
        entries => assigned(entries, &found),
    };
    vec![cameras, libraries(entries, &found)]
}

fn assigned(entries: &[CameraEntry], found: &Found) -> CheckDto {
    let mut missing = Vec::new();
    let mut there = Vec::new();
    for entry in entries {
        let (id, label) = (&entry.id, entry.device.label());
        let others = entries.iter().filter(|other| other.id != entry.id);
        let others: Vec<_> = others.map(|other| other.device.clone()).collect();
        match entry.device.find_beside(&found.devices, &others) {
            DeviceMatch::One(_) => there.push(format!("{id} is {label}")),
            DeviceMatch::Absent => missing.push(format!("{id}: {label} is not there")),
            DeviceMatch::Ambiguous(_) => {
                missing.push(format!("{id}: several cameras may be {label}"));
            }
        }
    }
    if missing.is_empty() {
        return ok("camera", there.join("; "));
    }
    check(
        "camera",
        CheckState::Failed,
        missing.join("; "),
        "check cable and power; where several may be it, assign it again in set-up",
    )
}

fn libraries(entries: &[CameraEntry], found: &Found) -> CheckDto {
    const NAME: &str = "camera_library";
    let Some((transport, error)) = found.unavailable.first() else {
        return ok(NAME, "every kind of camera can be looked for");
    };
    let needed = entries.iter().any(|entry| {
        let mut kinds = found.unavailable.iter();
        kinds.any(|(kind, _)| *kind == entry.device.transport)
    });
    let state = if needed {
        CheckState::Failed
    } else {
        CheckState::NotConfigured
    };
    check(NAME, state, format!("no {transport} cameras: {error}"), "")
}

/// The camera of `station.toml`.
fn configured(settings: &Settings) -> CheckDto {
    let camera = &settings.camera;
    match (camera.driver, &camera.folder) {
        (CameraDriver::Simulated, _) if settings.demo => ok("camera", "simulated"),
        (CameraDriver::Simulated, _) => check(
            "camera",
            CheckState::Warning,
            "simulated: it shows rendered parts, not real ones",
            "assign a camera in set-up, or set camera.driver in station.toml",
        ),
        (CameraDriver::Replay, Some(folder)) if folder.is_dir() => {
            ok("camera", format!("replay of {}", folder.display()))
        }
        (CameraDriver::Replay, Some(folder)) => check(
            "camera",
            CheckState::Failed,
            format!("{} is no folder", folder.display()),
            "set camera.folder in station.toml to the folder of pictures",
        ),
        (CameraDriver::Replay, None) => check(
            "camera",
            CheckState::Failed,
            "replay of no folder",
            "set camera.folder in station.toml to the folder of pictures",
        ),
    }
}
