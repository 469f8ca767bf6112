//! What a camera can be told, after GenICam: named features with a type, limits, a unit and a visibility.
//!
//! Invariants:
//! - Limits are live: setting one feature may move those of others, so they are read again after each set.
//! - What was set is read back; a camera that answers with another value is not ready to inspect ([`Mismatch`]).

use crate::{coded, ports::CameraError};
use std::collections::BTreeMap;

/// Who a feature is meant for (GenICam `Visibility`).
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum Visibility {
    /// Everybody.
    Beginner,
    /// Who knows the camera.
    Expert,
    /// Who knows what may break.
    Guru,
}
coded!(Visibility, "visibility");

/// What can be done with a feature now.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum Access {
    /// It can be set.
    ReadWrite,
    /// It can only be read.
    ReadOnly,
    /// It can be set once the stream is stopped; the station stops and starts it for that.
    Locked,
    /// It is there and not to be had with the other settings as they are.
    Unavailable,
}
coded!(Access, "access");

/// The value of a feature.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum FeatureValue {
    /// On or off.
    Boolean(bool),
    /// A whole number.
    #[cfg_attr(feature = "specta", specta(type = f64))]
    Integer(i64),
    /// A number.
    Float(f64),
    /// A text, and the name of an entry of an enumeration.
    Text(String),
}

impl std::fmt::Display for FeatureValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value}"),
            Self::Text(value) => f.pad(value),
        }
    }
}

impl FeatureValue {
    /// The value as a number, where it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Boolean(_) | Self::Text(_) => None,
        }
    }

    /// True where a camera that was told `self` and answers `read` does what it was told: numbers may differ by half of
    /// `increment`, or where there is none by a thousandth.
    pub fn is_met_by(&self, read: &Self, increment: Option<f64>) -> bool {
        match (self.number(), read.number()) {
            (Some(told), Some(read)) => {
                let tolerance = increment.map_or(told.abs() * 1e-3, |increment| {
                    (increment.abs() / 2.0).max(told.abs() * 1e-6)
                });
                (told - read).abs() <= tolerance
            }
            _ => self == read,
        }
    }
}

/// What kind of value a feature has, with its limits as they are now.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum FeatureKind {
    /// On or off.
    Boolean,
    /// A whole number.
    Integer {
        /// The least.
        #[cfg_attr(feature = "specta", specta(type = f64))]
        min: i64,
        /// The most.
        #[cfg_attr(feature = "specta", specta(type = f64))]
        max: i64,
        /// From one possible value to the next, counted from `min`; at least 1.
        #[cfg_attr(feature = "specta", specta(type = f64))]
        increment: i64,
    },
    /// A number.
    Float {
        /// The least.
        min: f64,
        /// The most.
        max: f64,
        /// From one possible value to the next, where there are steps.
        increment: Option<f64>,
    },
    /// One of these names.
    Enumeration {
        /// The entries that can be had now.
        entries: Vec<String>,
    },
    /// A text.
    String,
    /// Something to be done: it is set to `true` to do it and has no value.
    Command,
}

/// A feature as it is now.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Feature {
    /// Its SFNC name, such as `ExposureTime`.
    pub name: String,
    /// For people; the name where the camera gives none.
    pub display_name: String,
    /// The category that it stands in, such as `AcquisitionControl`.
    pub category: String,
    /// Who it is meant for.
    pub visibility: Visibility,
    /// What can be done with it now.
    pub access: Access,
    /// Kind and limits.
    pub kind: FeatureKind,
    /// Its value; none for a command, and where it cannot be read.
    pub value: Option<FeatureValue>,
    /// Unit, such as `us` or `dB`; empty where it has none.
    pub unit: String,
    /// What it does, in the camera's words; may be empty.
    pub description: String,
}

impl Feature {
    /// Steps of its numbers, where it has any.
    pub fn increment(&self) -> Option<f64> {
        match &self.kind {
            FeatureKind::Integer { increment, .. } => Some(*increment as f64),
            FeatureKind::Float { increment, .. } => *increment,
            _ => None,
        }
    }

    /// The value as this feature takes it: of its type, within its limits, an entry that it has. A whole number is taken
    /// for a float; nothing is rounded or clamped.
    pub fn accept(&self, value: &FeatureValue) -> Result<FeatureValue, FeatureError> {
        let name = || self.name.clone();
        match self.access {
            Access::ReadOnly => return Err(FeatureError::ReadOnly { name: name() }),
            Access::Unavailable => return Err(FeatureError::Unavailable { name: name() }),
            Access::ReadWrite | Access::Locked => {}
        }
        let out_of_range = |min: f64, max: f64| FeatureError::OutOfRange {
            name: name(),
            given: value.to_string(),
            min,
            max,
            unit: self.unit.clone(),
        };
        match (&self.kind, value) {
            (FeatureKind::Boolean, FeatureValue::Boolean(_))
            | (FeatureKind::String, FeatureValue::Text(_))
            | (FeatureKind::Command, FeatureValue::Boolean(true)) => Ok(value.clone()),
            (
                FeatureKind::Integer {
                    min,
                    max,
                    increment,
                },
                FeatureValue::Integer(given),
            ) => {
                if given < min || given > max {
                    return Err(out_of_range(*min as f64, *max as f64));
                }
                if *increment > 1 && (given - min) % increment != 0 {
                    return Err(FeatureError::NotAStep {
                        name: name(),
                        given: *given,
                        min: *min,
                        increment: *increment,
                    });
                }
                Ok(value.clone())
            }
            (
                FeatureKind::Float { min, max, .. },
                FeatureValue::Float(_) | FeatureValue::Integer(_),
            ) => {
                let given = value.number().unwrap_or(f64::NAN);
                // Also turns away what is no number.
                if !(*min..=*max).contains(&given) {
                    return Err(out_of_range(*min, *max));
                }
                Ok(FeatureValue::Float(given))
            }
            (FeatureKind::Enumeration { entries }, FeatureValue::Text(given)) => {
                if entries.iter().any(|entry| entry == given) {
                    return Ok(value.clone());
                }
                Err(FeatureError::NoSuchEntry {
                    name: name(),
                    given: given.clone(),
                    entries: entries.join(", "),
                })
            }
            _ => Err(FeatureError::WrongType {
                name: name(),
                given: value.to_string(),
            }),
        }
    }
}

/// Features of one camera with the values that they are to have, in the order of their names.
pub type FeatureSettings = BTreeMap<String, FeatureValue>;

/// A feature that has not the value that it was told.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct Mismatch {
    /// Which.
    pub name: String,
    /// What it was told.
    pub told: FeatureValue,
    /// What it answers; none where it cannot be read.
    pub read: Option<FeatureValue>,
    /// Why, in words.
    pub reason: String,
}

/// A feature was not set or read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FeatureError {
    /// The camera has no such feature.
    #[error("the camera has no feature {name}: list them with `cameras get`")]
    Unknown {
        /// As it was given.
        name: String,
    },
    /// It can only be read.
    #[error("{name} can only be read")]
    ReadOnly {
        /// Which.
        name: String,
    },
    /// Other settings rule it out.
    #[error(
        "{name} cannot be set with the other settings as they are: look at its automatic mode or selector"
    )]
    Unavailable {
        /// Which.
        name: String,
    },
    /// Not a value of its type.
    #[error("{given} is no value for {name}")]
    WrongType {
        /// Which.
        name: String,
        /// The value.
        given: String,
    },
    /// Beyond its limits as they are now.
    #[error("{name}: {given} is out of range; it takes {min} to {max} {unit}")]
    OutOfRange {
        /// Which.
        name: String,
        /// The value.
        given: String,
        /// The least now.
        min: f64,
        /// The most now.
        max: f64,
        /// Unit.
        unit: String,
    },
    /// Between two steps.
    #[error(
        "{name}: {given} is between two steps; it takes {min} and so on in steps of {increment}"
    )]
    NotAStep {
        /// Which.
        name: String,
        /// The value.
        given: i64,
        /// Where steps begin.
        min: i64,
        /// Their size.
        increment: i64,
    },
    /// The enumeration has no such entry now.
    #[error("{name} has no entry {given}; it has {entries}")]
    NoSuchEntry {
        /// Which.
        name: String,
        /// The value.
        given: String,
        /// Those that it has.
        entries: String,
    },
    /// The camera would not.
    #[error("the camera refused {name}: {reason}")]
    Refused {
        /// Which.
        name: String,
        /// Its words.
        reason: String,
    },
    /// The camera itself is in trouble.
    #[error(transparent)]
    Camera(#[from] CameraError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(kind: FeatureKind) -> Feature {
        Feature {
            name: "ExposureTime".into(),
            display_name: "Exposure time".into(),
            category: "AcquisitionControl".into(),
            visibility: Visibility::Beginner,
            access: Access::ReadWrite,
            kind,
            value: None,
            unit: "us".into(),
            description: String::new(),
        }
    }

    #[test]
    fn a_value_is_taken_as_it_is_or_refused_with_the_limits_of_now() {
        let exposure = feature(FeatureKind::Float {
            min: 20.0,
            max: 1_000.0,
            increment: None,
        });
        assert_eq!(
            exposure.accept(&FeatureValue::Integer(100)),
            Ok(FeatureValue::Float(100.0))
        );
        for beyond in [19.9, 1_000.1, f64::NAN, f64::INFINITY] {
            let refused = exposure.accept(&FeatureValue::Float(beyond)).unwrap_err();
            assert!(
                matches!(refused, FeatureError::OutOfRange { .. }),
                "{beyond}"
            );
        }
        assert_eq!(
            exposure
                .accept(&FeatureValue::Float(1_500.0))
                .unwrap_err()
                .to_string(),
            "ExposureTime: 1500 is out of range; it takes 20 to 1000 us"
        );
    }

    #[test]
    fn steps_count_from_the_least_value() {
        let width = feature(FeatureKind::Integer {
            min: 8,
            max: 640,
            increment: 16,
        });
        assert!(width.accept(&FeatureValue::Integer(24)).is_ok());
        assert!(matches!(
            width.accept(&FeatureValue::Integer(32)),
            Err(FeatureError::NotAStep { .. })
        ));
    }

    #[test]
    fn what_is_read_back_may_differ_by_less_than_half_a_step() {
        let told = FeatureValue::Float(1000.0);
        assert!(told.is_met_by(&FeatureValue::Float(1049.0), Some(100.0)));
        assert!(!told.is_met_by(&FeatureValue::Float(1051.0), Some(100.0)));
        assert!(told.is_met_by(&FeatureValue::Float(1000.9), None));
        assert!(!told.is_met_by(&FeatureValue::Float(1002.0), None));
        let off = FeatureValue::Text("Off".into());
        assert!(!off.is_met_by(&FeatureValue::Text("Continuous".into()), None));
    }

    #[test]
    fn a_read_only_feature_is_never_set() {
        let mut width = feature(FeatureKind::Boolean);
        width.access = Access::ReadOnly;
        assert!(matches!(
            width.accept(&FeatureValue::Boolean(true)),
            Err(FeatureError::ReadOnly { .. })
        ));
    }
}
