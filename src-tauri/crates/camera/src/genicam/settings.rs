//! What a camera is told when it is opened, in an order in which it takes it, and what it made of it.

use super::features::Features;
use wiko_aravis::Device;
use wiko_core::{
    camera::{Feature, FeatureError, FeatureKind, FeatureSettings, FeatureValue, Mismatch},
    ports::CameraError,
};

/// Whatever the order, some cameras want another: what is refused is tried again while anything succeeds.
const TRIES: usize = 4;

/// Undoes what another program may have left: no trigger, frames without end. What cannot be undone is answered.
pub(super) fn undo_what_others_left(
    device: &Device,
    features: &Features,
) -> Result<Vec<Mismatch>, CameraError> {
    let mut mismatches = Vec::new();
    let mut must_be = |name: &str, value: &str| -> Result<(), CameraError> {
        let told = FeatureValue::Text(value.to_owned());
        let Ok(feature) = features.one(device, name, false) else {
            return Ok(());
        };
        let has_it = matches!(&feature.kind, FeatureKind::Enumeration { entries }
            if entries.iter().any(|entry| entry == value));
        if !has_it || feature.value.as_ref() == Some(&told) {
            return Ok(());
        }
        match features.set(device, name, &told) {
            Ok(()) => {}
            Err(FeatureError::Camera(error)) => return Err(error),
            Err(error) => mismatches.push(Mismatch {
                name: name.to_owned(),
                told,
                read: feature.value,
                reason: error.to_string(),
            }),
        }
        Ok(())
    };
    must_be("AcquisitionMode", "Continuous")?;
    let Ok(Feature {
        kind: FeatureKind::Enumeration { entries },
        value: Some(FeatureValue::Text(selected)),
        ..
    }) = features.one(device, "TriggerSelector", false)
    else {
        must_be("TriggerMode", "Off")?;
        return Ok(mismatches);
    };
    for entry in entries.iter().filter(|entry| **entry != selected) {
        must_be("TriggerSelector", entry)?;
        must_be("TriggerMode", "Off")?;
    }
    must_be("TriggerSelector", &selected)?;
    must_be("TriggerMode", "Off")?;
    Ok(mismatches)
}

/// Sets all that was told and reads it back. The stream is stopped.
pub(super) fn apply(
    device: &Device,
    features: &Features,
    settings: &FeatureSettings,
) -> Result<Vec<Mismatch>, CameraError> {
    for (size, offset) in [("Width", "OffsetX"), ("Height", "OffsetY")] {
        // An offset that is still there takes from what the size may be.
        if settings.contains_key(size) && settings.contains_key(offset) {
            // Where it cannot be, setting the size says what is wrong.
            let to_the_edge = features.set(device, offset, &FeatureValue::Integer(0));
            if let Err(FeatureError::Camera(error)) = to_the_edge {
                return Err(error);
            }
        }
    }
    let mut left: Vec<(&String, &FeatureValue)> = settings.iter().collect();
    left.sort_by_key(|(name, _)| rank(name));
    let mut refused = Vec::new();
    for _ in 0..TRIES {
        let tried = left.len();
        refused.clear();
        let mut again = Vec::new();
        for (name, value) in left {
            match set(device, features, name, value) {
                Ok(()) => {}
                Err(FeatureError::Camera(error)) => return Err(error),
                Err(error) => {
                    again.push((name, value));
                    refused.push((name.clone(), error.to_string()));
                }
            }
        }
        left = again;
        if left.is_empty() || left.len() == tried {
            break;
        }
    }
    let mut mismatches = Vec::new();
    for (name, told) in settings {
        let reason = refused.iter().find(|(refused, _)| refused == name);
        let reason = reason.map(|(_, reason)| reason.clone());
        mismatches.extend(mismatch(device, features, name, told, reason)?);
    }
    Ok(mismatches)
}

fn set(
    device: &Device,
    features: &Features,
    name: &str,
    value: &FeatureValue,
) -> Result<(), FeatureError> {
    let value = features.one(device, name, false)?.accept(value)?;
    features.set(device, name, &value)
}

/// Whether a feature has not what it was told; `refused` is why it was not set, where it was not.
fn mismatch(
    device: &Device,
    features: &Features,
    name: &str,
    told: &FeatureValue,
    refused: Option<String>,
) -> Result<Option<Mismatch>, CameraError> {
    let read = match features.one(device, name, false) {
        Ok(feature) => Some(feature),
        Err(FeatureError::Camera(error)) => return Err(error),
        Err(_) => None,
    };
    Ok(differs(name, told, read.as_ref(), refused))
}

/// The difference between what a feature was told and what it is; none where it does what it was told.
pub(super) fn differs(
    name: &str,
    told: &FeatureValue,
    read: Option<&Feature>,
    refused: Option<String>,
) -> Option<Mismatch> {
    let value = read.and_then(|feature| feature.value.clone());
    let is_met = match (read, &value) {
        (Some(feature), Some(value)) => told.is_met_by(value, feature.increment()),
        // A command, or what can only be set: done where it was not refused.
        (Some(_), None) => refused.is_none(),
        (None, _) => false,
    };
    let reason = match (&refused, &value) {
        (Some(reason), _) => reason.clone(),
        (None, Some(value)) => format!("{name} was told {told} and answers {value}"),
        (None, None) => format!("{name} cannot be read"),
    };
    (!is_met).then(|| Mismatch {
        name: name.to_owned(),
        told: told.clone(),
        read: value,
        reason,
    })
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
        _ if name.ends_with("Selector") => 3,
        _ if name.ends_with("Auto") || name.ends_with("Mode") || name.ends_with("Enable") => 4,
        _ if name.starts_with("Binning") || name.starts_with("Decimation") => 7,
        "PixelFormat" => 8,
        "Width" | "Height" => 9,
        "OffsetX" | "OffsetY" => 10,
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
