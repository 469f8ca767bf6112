//! What another program may have left in a camera, and that keeps frames from coming.

use super::features::Features;
use wiko_aravis::Device;
use wiko_core::{
    camera::{Feature, FeatureError, FeatureKind, FeatureValue, Mismatch},
    ports::CameraError,
};

/// Undoes what another program may have left: no trigger, frames without end. What cannot be undone is answered.
pub(super) fn undo(device: &Device, features: &Features) -> Result<Vec<Mismatch>, CameraError> {
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
