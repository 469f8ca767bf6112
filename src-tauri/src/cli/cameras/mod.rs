//! Set-up of cameras at the command line: all that the window's page does.

mod arguments;
mod open;
mod show;
mod stage;

pub(crate) use arguments::CamerasCommand;
pub(super) use open::{named, opened, streaming};

use super::{Failure, deed, output::Output};
use crate::{
    cameras::{
        Cameras, MOST_SETTINGS_BYTES,
        roster::{CameraEntry, LineScanEntry},
    },
    clock::{SystemClock, SystemEntropy},
    settings::Settings,
};
use serde_json::json;
use show::{described, find, list, quality, watch};
use std::{io::Read, path::PathBuf, process::ExitCode, sync::Arc};
use wiko_core::{
    audit::AuditCategory,
    camera::{Feature, FeatureKind, FeatureValue},
    ports::Clock,
};

pub(crate) async fn run(
    command: CamerasCommand,
    settings: &Settings,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let settings = Arc::new(settings.clone());
    let cameras = Cameras::load(settings.clone(), clock, Arc::new(SystemEntropy))?;
    let change = run_command(command, &settings, &cameras, output).await?;
    if let Some((id, detail)) = change {
        let subject = format!("camera {id}");
        let category = AuditCategory::Setting;
        deed::note(&settings, output, category, subject, detail.to_string()).await;
    }
    Ok(ExitCode::SUCCESS)
}

/// Does it, and says what was changed of which camera.
async fn run_command(
    command: CamerasCommand,
    settings: &Settings,
    cameras: &Cameras,
    output: &Output,
) -> Result<Option<(String, serde_json::Value)>, Failure> {
    Ok(match command {
        CamerasCommand::List => {
            list(settings, cameras, output);
            None
        }
        CamerasCommand::Find => {
            find(cameras, output).await?;
            None
        }
        CamerasCommand::Assign {
            id,
            stage,
            device,
            longest_rows,
            roll_rows,
            background_level,
            contrast_levels,
            belt_mm_per_s,
        } => {
            let line_scan = longest_rows.map(|longest_rows| LineScanEntry {
                continuous: false,
                pre_roll_rows: roll_rows,
                post_roll_rows: roll_rows,
                longest_rows,
                overlap_rows: 0,
                belt_mm_per_s,
                background_level,
                contrast_levels,
            });
            let found = cameras.find().await?.devices;
            let named = found.iter().filter(|it| is_named(it, &device));
            let named: Vec<_> = named.collect();
            let [one] = named.as_slice() else {
                let labels: Vec<_> = found.iter().map(|it| it.identity.label()).collect();
                let count = named.len();
                return Err(format!(
                    "{count} of the cameras that are there are {device:?}; there are: {}",
                    labels.join(", ")
                )
                .into());
            };
            let entry =
                CameraEntry::new(id.clone(), stage.parse()?, one.identity.clone(), line_scan);
            let detail =
                json!({"stage": entry.stage, "device": entry.device, "line_scan": line_scan});
            cameras.assign(entry)?;
            output.line(
                &json!({"event": "camera_assigned", "id": id, "device": one.identity}),
                format_args!("{id} is {}", one.identity.label()),
            );
            Some((id, detail))
        }
        CamerasCommand::Remove { id } => {
            cameras.remove(&id)?;
            output.line(
                &json!({"event": "camera_removed", "id": id}),
                format_args!("{id} is no camera of this station any more"),
            );
            Some((id, json!({"removed": true})))
        }
        CamerasCommand::Watch { id, seconds } => {
            watch(cameras, &id, seconds, output).await?;
            None
        }
        CamerasCommand::Get { id, features } => {
            opened(cameras, &id).await?;
            let all = cameras.features(&id).await?;
            for name in &features {
                if !all.iter().any(|feature| feature.name == *name) {
                    return Err(format!("{id} has no feature {name}").into());
                }
            }
            let wanted = |it: &&Feature| features.is_empty() || features.contains(&it.name);
            for feature in all.iter().filter(wanted) {
                output.line(
                    &json!({"event": "feature", "camera": id, "feature": feature}),
                    format_args!("{}", described(feature)),
                );
            }
            None
        }
        CamerasCommand::Set { id, features } => {
            opened(cameras, &id).await?;
            let mut told = serde_json::Map::new();
            for pair in &features {
                let (name, text) = pair
                    .split_once('=')
                    .ok_or_else(|| format!("{pair:?}: write NAME=VALUE"))?;
                let all = cameras.features(&id).await?;
                let feature = all.iter().find(|feature| feature.name == name);
                let feature = feature.ok_or_else(|| format!("{id} has no feature {name}"))?;
                let value = value_of(feature, text)?;
                told.insert(name.to_owned(), json!(value));
                let (now, _) = cameras.set_feature(&id, name, value).await?;
                output.line(
                    &json!({"event": "feature", "camera": id, "feature": now}),
                    format_args!("{}", described(&now)),
                );
            }
            Some((id, told.into()))
        }
        CamerasCommand::Test { id } => {
            opened(cameras, &id).await?;
            let shot = cameras.test_shot(&id).await?;
            let (width_px, height_px) = shot.frame.size_px();
            let waited_ms = shot.waited.as_secs_f64() * 1e3;
            let faults: Vec<_> = shot.faults.iter().map(|fault| fault.code()).collect();
            output.line(
                &json!({
                    "event": "test_shot",
                    "camera": id,
                    "sequence": shot.frame.sequence,
                    "waited_ms": waited_ms,
                    "width_px": width_px,
                    "height_px": height_px,
                    "quality": shot.quality,
                    "faults": faults,
                }),
                format_args!(
                    "frame {} of {width_px} × {height_px} after {waited_ms:.0} ms; {}",
                    shot.frame.sequence,
                    if faults.is_empty() {
                        "fit".to_owned()
                    } else {
                        faults.join(", ")
                    }
                ),
            );
            None
        }
        CamerasCommand::Reference { id } => {
            opened(cameras, &id).await?;
            cameras.take_reference(&id).await?;
            let limits = cameras.entry(&id)?.limits;
            output.line(
                &json!({"event": "reference_taken", "camera": id, "limits": limits}),
                format_args!("frames of {id} are held against this one from now on"),
            );
            Some((id, json!({"reference": limits})))
        }
        CamerasCommand::Limits { id, limits } => stage::limits(cameras, id, &limits, output)?,
        CamerasCommand::LineScan { id, settings } => {
            stage::line_scan(cameras, id, &settings, output)?
        }
        CamerasCommand::Region { id, region, whole } => {
            stage::region(cameras, id, region.filter(|_| !whole), output).await?
        }
        CamerasCommand::Quality { id } => {
            quality(settings, cameras, &id, output).await?;
            None
        }
        CamerasCommand::Calibrate {
            id,
            points,
            mm,
            board,
        } => {
            match (points.as_deref(), mm, board.as_deref()) {
                (Some([x1, y1, x2, y2]), Some(mm), _) => {
                    cameras.calibrate_by_points(&id, [*x1, *y1], [*x2, *y2], mm)?;
                }
                (_, _, Some([across, down, square_mm])) => {
                    opened(cameras, &id).await?;
                    let (across, down) = (*across as u32, *down as u32);
                    cameras
                        .calibrate_by_board(&id, across, down, *square_mm)
                        .await?;
                }
                _ => return Err("give --points and --mm, or --board".into()),
            }
            let calibration = cameras.entry(&id)?.calibration;
            let mm_per_px = calibration.map(|known| known.mm_per_px).unwrap_or_default();
            output.line(
                &json!({"event": "calibrated", "camera": id, "calibration": calibration}),
                format_args!("a pixel of {id} is {mm_per_px:.5} mm"),
            );
            Some((id, json!({"calibration": calibration})))
        }
        CamerasCommand::FlatField { id, clear } => {
            if clear {
                cameras.clear_flat_field(&id)?;
            } else {
                opened(cameras, &id).await?;
                output.line(
                    &json!({"event": "cover_the_lens"}),
                    "cover the lens, then press Enter",
                );
                enter()?;
                cameras.take_dark(&id).await?;
                output.line(
                    &json!({"event": "show_white"}),
                    "put an even white target before the camera, then press Enter",
                );
                enter()?;
                cameras.take_white(&id).await?;
            }
            output.line(
                &json!({"event": "flat_field", "camera": id, "clear": clear}),
                format_args!(
                    "the flat field of {id} is {}",
                    if clear { "away" } else { "in use" }
                ),
            );
            Some((
                id,
                json!({"flat_field": if clear { "cleared" } else { "taken" }}),
            ))
        }
        CamerasCommand::BalanceWhite { id } => {
            opened(cameras, &id).await?;
            cameras.balance_white(&id).await?;
            output.line(
                &json!({"event": "white_balanced", "camera": id}),
                format_args!("{id} has found its white and keeps it"),
            );
            Some((id, json!({"white_balance": "taken"})))
        }
        CamerasCommand::Export { id } => {
            let (text, path) = cameras.export_settings(&id)?;
            output.line(
                &json!({"event": "settings", "camera": id, "path": path.display().to_string(), "text": text}),
                format_args!("{}", text.trim_end()),
            );
            None
        }
        CamerasCommand::Import { id, file } => {
            let text = read_settings(file)?;
            opened(cameras, &id).await?;
            let (count, mismatches) = cameras.import_settings(&id, &text).await?;
            output.line(
                &json!({"event": "settings_imported", "camera": id, "features": count, "mismatches": mismatches}),
                format_args!("{count} settings taken over; {} not taken by the camera", mismatches.len()),
            );
            for mismatch in &mismatches {
                output.line(
                    &json!({"event": "mismatch", "camera": id, "mismatch": mismatch}),
                    format_args!("  {}", mismatch.reason),
                );
            }
            Some((
                id.clone(),
                json!({"imported": cameras.entry(&id)?.features}),
            ))
        }
    })
}

fn is_named(device: &wiko_core::camera::FoundDevice, text: &str) -> bool {
    let identity = &device.identity;
    let port = identity.usb.as_ref().map(|usb| usb.port.as_str());
    let marks = [
        identity.serial.as_deref(),
        identity.mac.as_deref(),
        port,
        Some(device.address.as_str()),
        Some(identity.model.as_str()),
    ];
    marks.into_iter().flatten().any(|mark| mark == text)
}

/// Waits for the person; the end of input is an answer as well.
fn enter() -> Result<(), Failure> {
    let mut line = String::new();
    Ok(std::io::stdin().read_line(&mut line).map(drop)?)
}

fn read_settings(file: Option<PathBuf>) -> Result<String, Failure> {
    let mut text = String::new();
    let most = MOST_SETTINGS_BYTES as u64 + 1;
    match file {
        Some(path) => std::fs::File::open(&path)
            .and_then(|file| file.take(most).read_to_string(&mut text))
            .map_err(|error| format!("{}: {error}", path.display()))?,
        None => std::io::stdin().take(most).read_to_string(&mut text)?,
    };
    Ok(text)
}

/// A text as the value of a feature of that kind.
fn value_of(feature: &Feature, text: &str) -> Result<FeatureValue, Failure> {
    let no = |what: &str| format!("{}: {text:?} is no {what}", feature.name);
    Ok(match feature.kind {
        FeatureKind::Boolean | FeatureKind::Command => {
            FeatureValue::Boolean(text.parse().map_err(|_| no("true or false"))?)
        }
        FeatureKind::Integer { .. } => {
            FeatureValue::Integer(text.parse().map_err(|_| no("whole number"))?)
        }
        FeatureKind::Float { .. } => FeatureValue::Float(text.parse().map_err(|_| no("number"))?),
        FeatureKind::Enumeration { .. } | FeatureKind::String => {
            FeatureValue::Text(text.to_owned())
        }
    })
}
