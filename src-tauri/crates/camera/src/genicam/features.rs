//! Features of a device as the domain sees them.
//!
//! Invariant: names are those of the SFNC, also where the camera is older and has others for them.

use std::collections::HashMap;
use wiko_aravis::{AccessMode, Device, Error, ErrorKind, Node, NodeKind, Visibility as Seen};
use wiko_core::{
    camera::{Access, Feature, FeatureError, FeatureKind, FeatureValue, Visibility},
    ports::{CameraError, LostCause},
};

/// Names of the SFNC and what cameras called them before; the first that a camera has stands for it.
const OLDER_NAMES: [(&str, &[&str]); 9] = [
    ("ExposureTime", &["ExposureTimeAbs"]),
    ("Gain", &["GainAbs", "GainRaw"]),
    ("BlackLevel", &["BlackLevelAbs", "BlackLevelRaw"]),
    ("AcquisitionFrameRate", &["AcquisitionFrameRateAbs"]),
    ("AcquisitionLineRate", &["AcquisitionLineRateAbs"]),
    ("TriggerDelay", &["TriggerDelayAbs"]),
    ("ResultingFrameRate", &["ResultingFrameRateAbs"]),
    ("BalanceRatio", &["BalanceRatioAbs"]),
    ("DeviceSerialNumber", &["DeviceID"]),
];

/// What an automatic mode takes away while it is on.
const AUTOMATIC: [(&str, &str); 5] = [
    ("ExposureTime", "ExposureAuto"),
    ("Gain", "GainAuto"),
    ("BlackLevel", "BlackLevelAuto"),
    ("BalanceRatio", "BalanceWhiteAuto"),
    ("AcquisitionFrameRate", "AcquisitionFrameRateAuto"),
];

/// What changes the size of a frame: never set while streaming, also where the camera would not mind.
const GEOMETRY: [&str; 8] = [
    "Width",
    "Height",
    "PixelFormat",
    "BinningHorizontal",
    "BinningVertical",
    "DecimationHorizontal",
    "DecimationVertical",
    "DeviceScanType",
];

/// What the station itself does with a stream, and nobody else.
const OURS: [&str; 4] = [
    "AcquisitionStart",
    "AcquisitionStop",
    "AcquisitionAbort",
    "TLParamsLocked",
];

struct Entry {
    category: String,
    /// By the SFNC.
    name: String,
    /// What the device calls it.
    called: String,
}

/// The features of one device, in the order of its description.
pub(super) struct Features {
    entries: Vec<Entry>,
    by_name: HashMap<String, usize>,
}

impl Features {
    pub(super) fn of(device: &Device) -> Self {
        Self::named(device.features())
    }

    fn named(found: Vec<(String, String)>) -> Self {
        let has = |name: &str| found.iter().any(|(_, called)| called == name);
        let standard: HashMap<&str, &str> = OLDER_NAMES
            .iter()
            .filter(|(name, _)| !has(name))
            .filter_map(|(name, older)| {
                let called = older.iter().find(|older| has(older))?;
                Some((*called, *name))
            })
            .collect();
        let entries: Vec<Entry> = found
            .iter()
            .filter(|(_, called)| !OURS.contains(&called.as_str()))
            .map(|(category, called)| Entry {
                category: category.clone(),
                name: (*standard.get(called.as_str()).unwrap_or(&called.as_str())).to_owned(),
                called: called.clone(),
            })
            .collect();
        let by_name = entries
            .iter()
            .enumerate()
            .map(|(n, entry)| (entry.name.clone(), n))
            .collect();
        Self { entries, by_name }
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.by_name.get(name).map(|n| &self.entries[*n])
    }

    pub(super) fn node<'d>(&self, device: &'d Device, name: &str) -> Option<Node<'d>> {
        device.node(&self.entry(name)?.called)
    }

    /// All that the camera has, as they are now.
    pub(super) fn all(
        &self,
        device: &Device,
        streaming: bool,
    ) -> Result<Vec<Feature>, CameraError> {
        let mut features = Vec::new();
        for entry in &self.entries {
            match self.read(device, entry, streaming) {
                Ok(Some(feature)) => features.push(feature),
                Ok(None) => {}
                Err(error) => return Err(gone(&error)),
            }
        }
        Ok(features)
    }

    /// One, as it is now.
    pub(super) fn one(
        &self,
        device: &Device,
        name: &str,
        streaming: bool,
    ) -> Result<Feature, FeatureError> {
        let unknown = || FeatureError::Unknown {
            name: name.to_owned(),
        };
        let entry = self.entry(name).ok_or_else(unknown)?;
        self.read(device, entry, streaming)
            .map_err(|error| gone(&error))?
            .ok_or_else(unknown)
    }

    /// Fails only where the camera does not answer: each further question would take seconds.
    fn read(
        &self,
        device: &Device,
        entry: &Entry,
        streaming: bool,
    ) -> Result<Option<Feature>, Error> {
        let Some(node) = device.node(&entry.called) else {
            return Ok(None);
        };
        let visibility = match node.visibility() {
            Seen::Invisible => return Ok(None),
            Seen::Beginner => Visibility::Beginner,
            Seen::Expert => Visibility::Expert,
            Seen::Guru => Visibility::Guru,
        };
        if !answered(node.is_implemented())?.unwrap_or(true) {
            return Ok(None);
        }
        let Some(kind) = kind(&node)? else {
            return Ok(None);
        };
        let access = self.access(device, entry, &node, streaming)?;
        let readable = node.access() != AccessMode::WriteOnly && access != Access::Unavailable
            || node.kind() != NodeKind::Command && node.is_available().unwrap_or(false);
        let value = if readable {
            answered(value(&node))?.flatten()
        } else {
            None
        };
        let display_name = node.display_name();
        Ok(Some(Feature {
            name: entry.name.clone(),
            display_name: if display_name.trim().is_empty() {
                entry.name.clone()
            } else {
                display_name
            },
            category: entry.category.clone(),
            visibility,
            access,
            kind,
            value,
            unit: node.unit(),
            description: node.description(),
        }))
    }

    fn access(
        &self,
        device: &Device,
        entry: &Entry,
        node: &Node<'_>,
        streaming: bool,
    ) -> Result<Access, Error> {
        if !answered(node.is_available())?.unwrap_or(true) {
            return Ok(Access::Unavailable);
        }
        let locked = answered(node.is_locked())?.unwrap_or(false);
        if locked {
            // Of what the description locks, only the stream's lock can be lifted from here.
            if !streaming || self.is_automatic(device, &entry.name)? {
                return Ok(Access::Unavailable);
            }
            return Ok(Access::Locked);
        }
        if node.access() == AccessMode::ReadOnly && node.kind() != NodeKind::Command {
            return Ok(Access::ReadOnly);
        }
        if streaming && GEOMETRY.contains(&entry.name.as_str()) {
            return Ok(Access::Locked);
        }
        Ok(Access::ReadWrite)
    }

    fn is_automatic(&self, device: &Device, name: &str) -> Result<bool, Error> {
        let mode = AUTOMATIC.iter().find(|(feature, _)| *feature == name);
        let Some(mode) = mode.and_then(|(_, mode)| self.node(device, mode)) else {
            return Ok(false);
        };
        Ok(answered(mode.string())?.is_some_and(|mode| mode != "Off"))
    }

    /// Sets it, as [`Feature::accept`] let it through.
    pub(super) fn set(
        &self,
        device: &Device,
        name: &str,
        value: &FeatureValue,
    ) -> Result<(), FeatureError> {
        let Some(node) = self.node(device, name) else {
            return Err(FeatureError::Unknown {
                name: name.to_owned(),
            });
        };
        let set = match (node.kind(), value) {
            (NodeKind::Command, FeatureValue::Boolean(true)) => node.execute(),
            (NodeKind::Boolean, FeatureValue::Boolean(value)) => node.set_boolean(*value),
            (NodeKind::Integer, FeatureValue::Integer(value)) => node.set_integer(*value),
            (NodeKind::Float, FeatureValue::Float(value)) => node.set_float(*value),
            (NodeKind::Enumeration | NodeKind::String, FeatureValue::Text(value)) => {
                node.set_string(value)
            }
            _ => {
                return Err(FeatureError::WrongType {
                    name: name.to_owned(),
                    given: value.to_string(),
                });
            }
        };
        set.map_err(|error| match error.kind {
            ErrorKind::Timeout => FeatureError::Camera(gone(&error)),
            _ => FeatureError::Refused {
                name: name.to_owned(),
                reason: error.to_string(),
            },
        })
    }
}

/// What the camera does not tell is left open; that it does not answer at all is an error.
fn answered<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == ErrorKind::Timeout => Err(error),
        Err(_) => Ok(None),
    }
}

fn gone(error: &Error) -> CameraError {
    CameraError::lost(
        LostCause::Unplugged,
        format!("the camera does not answer ({error}); check cable, power and network"),
    )
}

/// None where it is nothing that could be shown. Limits that the camera does not tell are those of the type: it refuses
/// itself what it does not take.
fn kind(node: &Node<'_>) -> Result<Option<FeatureKind>, Error> {
    Ok(Some(match node.kind() {
        NodeKind::Command => FeatureKind::Command,
        NodeKind::Boolean => FeatureKind::Boolean,
        NodeKind::String => FeatureKind::String,
        NodeKind::Integer => {
            let limits = answered(node.integer_limits())?;
            let (min, max, increment) = limits.unwrap_or((i64::MIN, i64::MAX, 1));
            FeatureKind::Integer {
                min,
                max,
                increment: increment.max(1),
            }
        }
        NodeKind::Float => {
            let limits = answered(node.float_limits())?;
            let (min, max, increment) = limits.unwrap_or((f64::MIN, f64::MAX, None));
            FeatureKind::Float {
                min,
                max,
                increment,
            }
        }
        NodeKind::Enumeration => FeatureKind::Enumeration {
            entries: answered(node.entries())?.unwrap_or_default(),
        },
        NodeKind::Category | NodeKind::Other => return Ok(None),
    }))
}

fn value(node: &Node<'_>) -> Result<Option<FeatureValue>, Error> {
    Ok(match node.kind() {
        NodeKind::Boolean => Some(FeatureValue::Boolean(node.boolean()?)),
        NodeKind::Integer => Some(FeatureValue::Integer(node.integer()?)),
        NodeKind::Float => Some(FeatureValue::Float(node.float()?)),
        NodeKind::Enumeration | NodeKind::String => Some(FeatureValue::Text(node.string()?)),
        NodeKind::Command | NodeKind::Category | NodeKind::Other => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(called: &[&str]) -> Vec<(String, String)> {
        let found = called
            .iter()
            .map(|name| ("Category".to_owned(), (*name).to_owned()))
            .collect();
        let features = Features::named(found);
        features
            .entries
            .into_iter()
            .map(|entry| (entry.name, entry.called))
            .collect()
    }

    #[test]
    fn an_older_name_stands_under_the_standard_one_where_the_camera_has_not_both() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            names(&["ExposureTimeAbs", "GainRaw"]),
            [
                pair("ExposureTime", "ExposureTimeAbs"),
                pair("Gain", "GainRaw")
            ]
        );
        assert_eq!(
            names(&["ExposureTime", "ExposureTimeAbs"]),
            [
                pair("ExposureTime", "ExposureTime"),
                pair("ExposureTimeAbs", "ExposureTimeAbs")
            ]
        );
        assert_eq!(
            names(&["GainAbs", "GainRaw"]),
            [pair("Gain", "GainAbs"), pair("GainRaw", "GainRaw")]
        );
    }

    #[test]
    fn starting_and_stopping_is_the_stations_alone() {
        assert_eq!(names(&["AcquisitionStart", "AcquisitionStop"]), []);
    }
}
