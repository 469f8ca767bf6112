//! Controls of nokhwa as features. Their units differ from one system to the other, so none is named after a unit of
//! GenICam.

use nokhwa::utils::{
    CameraControl, ControlValueDescription, ControlValueSetter, KnownCameraControl,
    KnownCameraControlFlag,
};
use wiko_core::camera::{Access, Feature, FeatureKind, FeatureValue, Visibility};

const CATEGORY: &str = "OsControl";

/// The feature's name: nokhwa's, and for what it has no name for the driver's, in the form of V4L2 tools.
pub(super) fn name(control: &CameraControl) -> String {
    match control.control() {
        KnownCameraControl::Other(_) => {
            let words = control.name().split(|c: char| !c.is_ascii_alphanumeric());
            let words: Vec<String> = words
                .filter(|word| !word.is_empty())
                .map(str::to_ascii_lowercase)
                .collect();
            words.join("_")
        }
        known => format!("{known:?}"),
    }
}

/// The feature as it is now; none for a kind that has no form here.
pub(super) fn feature(control: &CameraControl) -> Option<Feature> {
    let (kind, value) = match control.description() {
        ControlValueDescription::IntegerRange {
            min,
            max,
            value,
            step,
            ..
        } => {
            let kind = FeatureKind::Integer {
                min: *min,
                max: *max,
                increment: (*step).max(1),
            };
            (kind, FeatureValue::Integer(*value))
        }
        ControlValueDescription::Boolean { value, .. } => {
            (FeatureKind::Boolean, FeatureValue::Boolean(*value))
        }
        ControlValueDescription::FloatRange {
            min,
            max,
            value,
            step,
            ..
        } => {
            let kind = FeatureKind::Float {
                min: *min,
                max: *max,
                increment: Some(*step).filter(|step| *step > 0.0),
            };
            (kind, FeatureValue::Float(*value))
        }
        ControlValueDescription::Enum {
            value, possible, ..
        } => {
            let entries = possible.iter().map(i64::to_string).collect();
            let kind = FeatureKind::Enumeration { entries };
            (kind, FeatureValue::Text(value.to_string()))
        }
        _ => return None,
    };
    let is = |flag| control.flag().contains(&flag);
    let access = if is(KnownCameraControlFlag::ReadOnly) {
        Access::ReadOnly
    } else if is(KnownCameraControlFlag::Disabled) || !control.active() {
        Access::Unavailable
    } else {
        Access::ReadWrite
    };
    Some(Feature {
        name: name(control),
        display_name: control.name().to_owned(),
        category: CATEGORY.to_owned(),
        visibility: Visibility::Expert,
        access,
        kind,
        value: Some(value),
        unit: String::new(),
        description: String::new(),
    })
}

/// A value that the feature has accepted, as nokhwa takes it.
pub(super) fn setter(value: &FeatureValue) -> ControlValueSetter {
    match value {
        FeatureValue::Boolean(on) => ControlValueSetter::Boolean(*on),
        FeatureValue::Integer(number) => ControlValueSetter::Integer(*number),
        FeatureValue::Float(number) => ControlValueSetter::Float(*number),
        FeatureValue::Text(entry) => match entry.parse() {
            Ok(number) => ControlValueSetter::EnumValue(number),
            Err(_) => ControlValueSetter::String(entry.clone()),
        },
    }
}
