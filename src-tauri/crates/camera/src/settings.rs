//! Puts settings on a camera and holds what it answers against them.
//!
//! Invariants:
//! - Every setting is tried, whatever became of the others; each that was not met is told.
//! - Nothing is taken on trust: what counts is what the camera answers once all of them are set.

use wiko_core::{
    camera::{Access, Feature, FeatureError, FeatureSettings, FeatureValue, Mismatch},
    ports::{Camera, CameraError},
};

/// Whatever the order, some cameras want another: what is refused is tried again while anything succeeds.
const ROUNDS: usize = 4;

/// Sets `settings`, then reads all of them back. Fails only where the camera itself does.
pub(crate) fn apply(
    camera: &mut dyn Camera,
    settings: &FeatureSettings,
) -> Result<Vec<Mismatch>, CameraError> {
    if settings.is_empty() {
        return Ok(Vec::new());
    }
    make_room(camera, settings)?;
    let mut refused: Vec<(&String, String)> = Vec::new();
    let mut left = in_order(settings);
    for _ in 0..ROUNDS {
        let tried = left.len();
        refused.clear();
        for name in std::mem::take(&mut left) {
            match camera.set_feature(name, &settings[name]) {
                Ok(_) => {}
                Err(FeatureError::Camera(error)) if error.is_loss() => return Err(error),
                Err(error) => {
                    refused.push((name, error.to_string()));
                    left.push(name);
                }
            }
        }
        if left.is_empty() || left.len() == tried {
            break;
        }
    }
    read_back(camera, settings, &refused)
}

/// Those of `settings` that the camera does not answer with.
pub(crate) fn unmet(
    camera: &mut dyn Camera,
    settings: &FeatureSettings,
) -> Result<Vec<Mismatch>, CameraError> {
    read_back(camera, settings, &[])
}

/// An offset that is still there takes from what the size may be.
fn make_room(camera: &mut dyn Camera, settings: &FeatureSettings) -> Result<(), CameraError> {
    for (size, offset) in [("Width", "OffsetX"), ("Height", "OffsetY")] {
        let (Some(told), true) = (settings.get(size), settings.contains_key(offset)) else {
            continue;
        };
        let fits = camera
            .feature(size)
            .is_ok_and(|is| differs(size, told, Some(&is), None).is_none());
        if fits {
            continue;
        }
        // Where it cannot be, setting the size says what is wrong.
        match camera.set_feature(offset, &FeatureValue::Integer(0)) {
            Err(FeatureError::Camera(error)) if error.is_loss() => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

fn read_back(
    camera: &mut dyn Camera,
    settings: &FeatureSettings,
    refused: &[(&String, String)],
) -> Result<Vec<Mismatch>, CameraError> {
    let mut mismatches = Vec::new();
    for (name, told) in settings {
        let read = match camera.feature(name) {
            Ok(feature) => Some(feature),
            Err(FeatureError::Camera(error)) if error.is_loss() => return Err(error),
            Err(_) => None,
        };
        let refused = refused.iter().find(|(refused, _)| *refused == name);
        let reason = refused.map(|(_, reason)| reason.as_str());
        mismatches.extend(differs(name, told, read.as_ref(), reason));
    }
    Ok(mismatches)
}

/// The difference between what a feature was told and what it is; none where it does what it was told. `refused` is why
/// it was not set, where it was not.
pub(crate) fn differs(
    name: &str,
    told: &FeatureValue,
    read: Option<&Feature>,
    refused: Option<&str>,
) -> Option<Mismatch> {
    let value = read.and_then(|feature| feature.value.clone());
    let is_met = match (read, &value) {
        (Some(feature), Some(value)) => told.is_met_by(value, feature.increment()),
        // What can only be set, a command among it: done where it was not refused.
        (Some(feature), None) => refused.is_none() && feature.access != Access::Unavailable,
        (None, _) => false,
    };
    let reason = match (refused, &value) {
        (Some(reason), _) => reason.to_owned(),
        (None, Some(value)) => format!("{name} was set to {told} and is {value}"),
        (None, None) => format!("{name} cannot be read back"),
    };
    (!is_met).then(|| Mismatch {
        name: name.to_owned(),
        told: told.clone(),
        read: value,
        reason,
    })
}

fn in_order(settings: &FeatureSettings) -> Vec<&String> {
    let mut names: Vec<&String> = settings.keys().collect();
    names.sort_by_key(|name| rank(name));
    names
}

/// What is set first: sets of settings, selectors before what they select, modes before values, sizes before offsets.
fn rank(name: &str) -> u8 {
    match name {
        "UserSetSelector" => 0,
        "UserSetLoad" => 1,
        "DeviceScanType" | "SensorShutterMode" => 2,
        "TriggerSource" | "TriggerActivation" | "TriggerDelay" => 5,
        // On only once it is known from where.
        "TriggerMode" => 6,
        _ if name.contains("Selector") => 3,
        // What is automatic overwrites what it sets itself.
        _ if name.contains("Auto") || name.ends_with("Mode") || name.ends_with("Enable") => 4,
        _ if name.starts_with("Binning") || name.starts_with("Decimation") => 7,
        "PixelFormat" => 8,
        "Width" | "Height" => 9,
        _ if name.starts_with("Offset") => 10,
        // The rate may be no higher than the exposure lets it be.
        "ExposureTime" => 11,
        _ if name.ends_with("Rate") => 12,
        _ => 13,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_depend_on_is_set_before_them() {
        for (first, then) in [
            ("UserSetLoad", "ExposureTime"),
            ("TriggerSelector", "TriggerMode"),
            ("TriggerSource", "TriggerMode"),
            ("ExposureAuto", "ExposureTime"),
            ("GainAuto", "Gain"),
            ("BinningHorizontal", "Width"),
            ("Width", "OffsetX"),
            ("PixelFormat", "Width"),
            ("ExposureTime", "AcquisitionLineRate"),
            ("AcquisitionFrameRateEnable", "AcquisitionFrameRate"),
        ] {
            assert!(rank(first) < rank(then), "{first} before {then}");
        }
    }
}
