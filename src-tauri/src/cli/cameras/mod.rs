//! Set-up of cameras at the command line: all that the window's page does.

mod arguments;
mod open;
mod show;
mod stage;

pub(crate) use arguments::CamerasCommand;
pub(super) use open::{named, opened, streaming};

use super::{Failure, deed, output::Output};
use crate::{
    cameras::{Cameras, MOST_SETTINGS_BYTES},
    clock::{SystemClock, SystemEntropy},
    settings::Settings,
};
use serde_json::json;
use show::{described, find, list, quality, watch};
use std::{io::Read, path::PathBuf, process::ExitCode, sync::Arc};
use wiko_core::{
    audit::AuditCategory,
    camera::{DeviceIdentity, Feature, FeatureKind, FeatureValue, FoundDevice},
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
    let done = run_command(command, &settings, &cameras, output).await?;
    if let Some((id, detail)) = done.change {
        let subject = format!("camera {id}");
        let category = AuditCategory::Setting;
        deed::note(&settings, output, category, subject, detail.to_string()).await;
    }
    match done.failed {
        None => Ok(ExitCode::SUCCESS),
        Some(failed) => Err(failed),
    }
}

/// What a command did.
struct Done {
    /// What was changed of which camera.
    change: Option<(String, serde_json::Value)>,
    /// What was not done after that.
    failed: Option<Failure>,
}

async fn run_command(
    command: CamerasCommand,
    settings: &Settings,
    cameras: &Cameras,
    output: &Output,
) -> Result<Done, Failure> {
    let mut failed = None;
    let change = match command {
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
            lines,
            replace,
        } => {
            let stage = stage.parse()?;
            if longest_rows.is_none() && !lines.are_default() {
                return Err(
                    "this is for a line-scan camera: give --longest-rows as well, or use \
                     wiko-station cameras line-scan"
                        .into(),
                );
            }
            let line_scan = longest_rows.map(|longest_rows| lines.entry(longest_rows));
            let one = only_one(cameras, &device).await?;
            if let Ok(before) = cameras.entry(&id)
                && before.device != one
                && !replace
            {
                return Err(format!(
                    "{id} is {}: with --replace it is {} from now on, and all that was set up and \
                     measured of it is set up anew",
                    before.device.label(),
                    one.label()
                )
                .into());
            }
            let entry = cameras.assign(&id, stage, one, line_scan)?;
            output.line(
                &json!({"event": "camera_assigned", "id": id, "device": entry.device}),
                format_args!("{id} is {}, at {}", entry.device.label(), entry.stage),
            );
            Some((
                id,
                json!({"stage": entry.stage, "device": entry.device, "line_scan": entry.line_scan}),
            ))
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
                feature_named(&id, &all, name)?;
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
            let all = cameras.features(&id).await?;
            // All of them are understood before the first is set.
            let pairs: Vec<_> = features
                .iter()
                .map(|pair| parsed(&id, &all, pair))
                .collect::<Result<_, Failure>>()?;
            let mut told = serde_json::Map::new();
            for (name, value) in pairs {
                match cameras.set_feature(&id, &name, value.clone()).await {
                    Ok((now, _)) => {
                        told.insert(name, json!(value));
                        output.line(
                            &json!({"event": "feature", "camera": id, "feature": now}),
                            format_args!("{}", described(&now)),
                        );
                    }
                    Err(error) => {
                        failed = Some(error.into());
                        break;
                    }
                }
            }
            (!told.is_empty()).then(|| (id, told.into()))
        }
        CamerasCommand::Test { id } => {
            opened(cameras, &id).await?;
            let shot = cameras.test_shot(&id).await?;
            let (width_px, height_px) = shot.frame.size_px();
            let waited_ms = shot.waited.as_secs_f64() * 1e3;
            let faults: Vec<_> = shot.faults.iter().map(|fault| fault.code()).collect();
            let quality = &shot.quality;
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
                    "frame {} of {width_px} × {height_px} after {waited_ms:.0} ms; focus {:.1}, mean level {:.0}, \
                     clipped {:.2} % (on the part {:.2} %), noise {:.1}, motion blur {:.2}{}{}; {}",
                    shot.frame.sequence,
                    quality.focus,
                    quality.mean_level,
                    quality.clipped_share * 100.0,
                    quality.clipped_on_part * 100.0,
                    quality.noise,
                    quality.motion_blur,
                    quality.likeness.map_or(String::new(), |it| format!(", likeness {it:.2}")),
                    quality.shift_px.map_or(String::new(), |it| format!(", moved by {it:.1} px")),
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
            cameras.entry(&id)?;
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
                    "frames of {id} are {}",
                    if clear {
                        "shown as they come"
                    } else {
                        "evened by its flat field from now on"
                    }
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
            cameras.check_settings(&id, &text)?;
            opened(cameras, &id).await?;
            let (count, mismatches) = cameras.import_settings(&id, &text).await?;
            output.line(
                &json!({"event": "settings_imported", "camera": id, "features": count, "mismatches": mismatches}),
                format_args!("{count} settings taken over by the camera"),
            );
            for mismatch in &mismatches {
                output.line(
                    &json!({"event": "mismatch", "camera": id, "mismatch": mismatch}),
                    format_args!("  {}", mismatch.reason),
                );
            }
            if !mismatches.is_empty() {
                failed = Some(
                    format!(
                        "{} settings were not taken by the camera, which gives no part until they are set to what it takes",
                        mismatches.len()
                    )
                    .into(),
                );
            }
            Some((
                id.clone(),
                json!({"imported": cameras.entry(&id)?.features}),
            ))
        }
    };
    Ok(Done { change, failed })
}

/// The only camera that is there and that `text` names.
async fn only_one(cameras: &Cameras, text: &str) -> Result<DeviceIdentity, Failure> {
    let found = cameras.find().await?.devices;
    let named: Vec<_> = found.iter().filter(|it| is_named(it, text)).collect();
    let labels = |devices: &[&FoundDevice]| {
        let labels = devices.iter().map(|device| {
            let marks = [device.identity.mac.as_deref(), Some(&*device.address)];
            let marks: Vec<_> = marks.into_iter().flatten().collect();
            format!("{} [{}]", device.identity.label(), marks.join(", "))
        });
        labels.collect::<Vec<_>>().join("; ")
    };
    match named.as_slice() {
        [one] => Ok(one.identity.clone()),
        [] if found.is_empty() => Err(
            "no camera found: check cable and power, and for GigE that it is in this machine's network"
                .into(),
        ),
        [] => Err(format!(
            "no camera that is there is {text:?}; there are: {}",
            labels(&found.iter().collect::<Vec<_>>())
        )
        .into()),
        several => Err(format!(
            "{} cameras that are there are {text:?}: name one by its serial number, MAC address or port: {}",
            several.len(),
            labels(several)
        )
        .into()),
    }
}

fn is_named(device: &FoundDevice, text: &str) -> bool {
    let identity = &device.identity;
    let port = identity.usb.as_ref().map(|usb| usb.port.as_str());
    let marks = [
        identity.serial.as_deref(),
        port,
        Some(device.address.as_str()),
        Some(identity.model.as_str()),
    ];
    // As on labels: with either mark between the pairs, in either case.
    let mac = |mac: &str| mac.replace('-', ":").to_ascii_lowercase();
    let same_mac = identity.mac.as_deref().map(mac) == Some(mac(text));
    let mut marks = marks.into_iter().flatten();
    same_mac || marks.any(|mark| mark.eq_ignore_ascii_case(text))
}

/// That feature, or one that was perhaps meant.
fn feature_named<'a>(id: &str, all: &'a [Feature], name: &str) -> Result<&'a Feature, Failure> {
    if let Some(feature) = all.iter().find(|feature| feature.name == name) {
        return Ok(feature);
    }
    let alike = |feature: &&Feature| feature.name.eq_ignore_ascii_case(name);
    Err(match all.iter().find(alike) {
        Some(meant) => format!("{id} has no feature {name:?}, but {}", meant.name),
        None => format!("{id} has no feature {name:?}: wiko-station cameras get {id} lists them"),
    }
    .into())
}

/// Waits for the person.
fn enter() -> Result<(), Failure> {
    match std::io::stdin().read_line(&mut String::new())? {
        0 => Err("nobody pressed Enter: run this where you can".into()),
        _ => Ok(()),
    }
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

/// `NAME=VALUE` of one of these features.
fn parsed(id: &str, all: &[Feature], pair: &str) -> Result<(String, FeatureValue), Failure> {
    let (name, text) = pair
        .split_once('=')
        .ok_or_else(|| format!("{pair:?}: write NAME=VALUE"))?;
    let value = value_of(feature_named(id, all, name)?, text)?;
    Ok((name.to_owned(), value))
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
