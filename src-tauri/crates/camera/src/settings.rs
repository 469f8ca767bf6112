//! The settings that a camera is to have, put on it and read back.
//!
//! Invariants:
//! - Automatic modes go first: a time cannot be set while the camera chooses it.
//! - All is read back at the end, as a later setting may move an earlier one; what differs is a [`Mismatch`].

use std::collections::BTreeMap;
use wiko_core::{
    camera::{FeatureError, FeatureSettings, FeatureValue, Mismatch},
    ports::{Camera, CameraError},
};

/// Tries that a setting gets which others still rule out.
const ROUNDS: usize = 2;

/// Sets all and answers with what has another value then. Fails only where the camera is lost.
pub(crate) fn apply(
    camera: &mut dyn Camera,
    settings: &FeatureSettings,
) -> Result<Vec<Mismatch>, CameraError> {
    let mut left: Vec<(&String, &FeatureValue)> = settings.iter().collect();
    left.sort_by_key(|(name, _)| !name.ends_with("Auto"));
    let mut refused: BTreeMap<&String, FeatureError> = BTreeMap::new();
    for _ in 0..ROUNDS {
        let round = std::mem::take(&mut left);
        for (name, value) in round {
            match camera.set_feature(name, value) {
                Ok(_) => {
                    refused.remove(name);
                }
                Err(FeatureError::Camera(error)) => return Err(error),
                Err(error) => {
                    refused.insert(name, error);
                    left.push((name, value));
                }
            }
        }
    }
    let mut mismatches = Vec::new();
    for (name, told) in settings {
        let (read, increment) = match camera.feature(name) {
            Ok(feature) => {
                let increment = feature.increment();
                (feature.value, increment)
            }
            Err(FeatureError::Camera(error)) => return Err(error),
            Err(_) => (None, None),
        };
        let met = read
            .as_ref()
            .is_some_and(|read| told.is_met_by(read, increment));
        if met {
            continue;
        }
        let reason = match refused.get(name) {
            Some(error) => error.to_string(),
            None => format!("{name} was set to {told} and is not"),
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
