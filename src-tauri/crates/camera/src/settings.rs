//! Puts settings on a camera and holds what it answers against them.
//!
//! Invariants:
//! - Every setting is tried, whatever became of the others; each that was not met is told.
//! - Nothing is taken on trust: what counts is what the camera answers once all of them are set.

use wiko_core::{
    camera::{FeatureError, FeatureSettings, FeatureValue, Mismatch},
    ports::{Camera, CameraError},
};

/// What has to be set before the others: what is selected decides what they mean, and an automatic mode overwrites
/// them. Sizes go before offsets, which a full-size picture leaves no room for.
const FIRST: [&str; 4] = ["Selector", "Auto", "Mode", "Source"];

/// Tries that a setting gets which another one, set after it, had still ruled out.
const ROUNDS: usize = 2;

/// Sets `settings`, then reads all of them back. Fails only where the camera itself does.
pub(crate) fn apply(
    camera: &mut dyn Camera,
    settings: &FeatureSettings,
) -> Result<Vec<Mismatch>, CameraError> {
    if settings.is_empty() {
        return Ok(Vec::new());
    }
    let mut refused: Vec<(&String, String)> = Vec::new();
    let mut left = in_order(settings);
    for _ in 0..ROUNDS {
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
    }
    let mut mismatches = unmet(camera, settings)?;
    for mismatch in &mut mismatches {
        if let Some((_, reason)) = refused.iter().find(|(name, _)| **name == mismatch.name) {
            mismatch.reason.clone_from(reason);
        }
    }
    Ok(mismatches)
}

/// Those of `settings` that the camera does not answer with.
pub(crate) fn unmet(
    camera: &mut dyn Camera,
    settings: &FeatureSettings,
) -> Result<Vec<Mismatch>, CameraError> {
    let mut mismatches = Vec::new();
    for (name, told) in settings {
        let read = match camera.feature(name) {
            Ok(feature) => {
                let met = |value: &FeatureValue| told.is_met_by(value, feature.increment());
                if feature.value.as_ref().is_some_and(met) {
                    continue;
                }
                feature.value
            }
            Err(FeatureError::Camera(error)) if error.is_loss() => return Err(error),
            Err(_) => None,
        };
        let reason = match &read {
            Some(read) => format!("{name} was set to {told} and is {read}"),
            None => format!("{name} cannot be read back"),
        };
        mismatches.push(Mismatch {
            name: name.clone(),
            told: told.clone(),
            read,
            reason,
        });
    }
    Ok(mismatches)
}

/// Selectors and automatic modes first, offsets last.
fn in_order(settings: &FeatureSettings) -> Vec<&String> {
    let rank = |name: &str| {
        if name.starts_with("Offset") {
            return FIRST.len() + 1;
        }
        let first = FIRST.iter().position(|part| name.contains(part));
        first.unwrap_or(FIRST.len())
    };
    let mut names: Vec<&String> = settings.keys().collect();
    names.sort_by_key(|name| rank(name));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_and_automatic_modes_go_before_values_and_sizes_before_offsets() {
        let names = [
            "ExposureTime",
            "ExposureAuto",
            "OffsetX",
            "TriggerMode",
            "TriggerSelector",
            "TriggerSource",
            "Width",
        ];
        let settings: FeatureSettings = names
            .map(|name| (name.to_owned(), FeatureValue::Integer(1)))
            .into();
        assert_eq!(
            in_order(&settings),
            [
                "TriggerSelector",
                "ExposureAuto",
                "TriggerMode",
                "TriggerSource",
                "ExposureTime",
                "Width",
                "OffsetX"
            ]
        );
    }
}
