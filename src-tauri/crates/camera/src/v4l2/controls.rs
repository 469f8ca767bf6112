//! Controls of V4L2 as features of GenICam: names, units and values both ways.
//!
//! Invariants:
//! - A name, unit and kind never depend on the driver: `ExposureTime` is microseconds.
//! - What a control allows now is asked now; a switch of an automatic mode changes it.

use super::node::{Control, Node};
use std::io;
use v4l::v4l_sys as sys;
use wiko_core::camera::{Access, Feature, FeatureKind, FeatureValue, Visibility};

/// The category of controls that have no SFNC name.
const OTHERS: &str = "V4l2Control";
const OFF: &str = "Off";
const CONTINUOUS: &str = "Continuous";

/// Entries of `V4L2_CID_EXPOSURE_AUTO`: both automatic; both by hand; time by hand; iris by hand.
const EXPOSURE_AUTO: i64 = 0;
const EXPOSURE_MANUAL: i64 = 1;
const EXPOSURE_SHUTTER_PRIORITY: i64 = 2;
const EXPOSURE_APERTURE_PRIORITY: i64 = 3;

/// How a control's number stands in a feature.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    /// As the driver types it.
    AsTyped,
    /// A number of the feature's unit for each of the control's.
    Scaled(f64),
    /// A switch as `Off` and `Continuous`.
    AutoSwitch,
    /// The menu of exposure modes as `Off` and `Continuous`.
    ExposureMode,
}

struct Known {
    id: u32,
    name: &'static str,
    category: &'static str,
    unit: &'static str,
    form: Form,
}

const fn known(
    id: u32,
    name: &'static str,
    category: &'static str,
    unit: &'static str,
    form: Form,
) -> Known {
    Known {
        id,
        name,
        category,
        unit,
        form,
    }
}

const ACQUISITION: &str = "AcquisitionControl";
const ANALOG: &str = "AnalogControl";
const FORMAT: &str = "ImageFormatControl";
const OPTIC: &str = "OpticControl";

/// In the order in which they are listed. Ids are numbers where the kernel's headers have renamed them.
const KNOWN: [Known; 20] = [
    known(
        0x009a_0901,
        "ExposureAuto",
        ACQUISITION,
        "",
        Form::ExposureMode,
    ),
    // Counted in 100 us.
    known(
        0x009a_0902,
        "ExposureTime",
        ACQUISITION,
        "us",
        Form::Scaled(100.0),
    ),
    known(
        0x009a_0903,
        "ExposureAutoPriority",
        ACQUISITION,
        "",
        Form::AsTyped,
    ),
    known(
        sys::V4L2_CID_POWER_LINE_FREQUENCY,
        "PowerLineFrequency",
        ACQUISITION,
        "",
        Form::AsTyped,
    ),
    known(
        sys::V4L2_CID_AUTOGAIN,
        "GainAuto",
        ANALOG,
        "",
        Form::AutoSwitch,
    ),
    known(sys::V4L2_CID_GAIN, "Gain", ANALOG, "", Form::Scaled(1.0)),
    known(
        sys::V4L2_CID_AUTO_WHITE_BALANCE,
        "BalanceWhiteAuto",
        ANALOG,
        "",
        Form::AutoSwitch,
    ),
    known(
        sys::V4L2_CID_WHITE_BALANCE_TEMPERATURE,
        "WhiteBalanceTemperature",
        ANALOG,
        "K",
        Form::AsTyped,
    ),
    known(
        sys::V4L2_CID_BRIGHTNESS,
        "Brightness",
        ANALOG,
        "",
        Form::AsTyped,
    ),
    known(
        sys::V4L2_CID_CONTRAST,
        "Contrast",
        ANALOG,
        "",
        Form::AsTyped,
    ),
    known(
        sys::V4L2_CID_SATURATION,
        "Saturation",
        ANALOG,
        "",
        Form::AsTyped,
    ),
    known(sys::V4L2_CID_HUE, "Hue", ANALOG, "", Form::AsTyped),
    known(sys::V4L2_CID_GAMMA, "Gamma", ANALOG, "", Form::AsTyped),
    known(
        sys::V4L2_CID_SHARPNESS,
        "Sharpness",
        ANALOG,
        "",
        Form::AsTyped,
    ),
    known(
        sys::V4L2_CID_BACKLIGHT_COMPENSATION,
        "BacklightCompensation",
        ANALOG,
        "",
        Form::AsTyped,
    ),
    known(0x009a_090c, "FocusAuto", OPTIC, "", Form::AutoSwitch),
    known(0x009a_090a, "FocusAbsolute", OPTIC, "", Form::AsTyped),
    known(0x009a_090d, "ZoomAbsolute", OPTIC, "", Form::AsTyped),
    known(sys::V4L2_CID_HFLIP, "ReverseX", FORMAT, "", Form::AsTyped),
    known(sys::V4L2_CID_VFLIP, "ReverseY", FORMAT, "", Form::AsTyped),
];

/// A control with its entries, where it has any.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Described {
    pub(super) control: Control,
    pub(super) name: String,
    form: Form,
    menu: Vec<(i64, String)>,
}

/// All controls that are one value, those with a GenICam name first.
pub(super) fn all(node: &Node) -> io::Result<Vec<Described>> {
    let mut found = Vec::new();
    let mut id = 0;
    while let Some(control) = node.control_after(id)? {
        // A driver that goes back would go round for ever.
        if control.id <= id {
            break;
        }
        id = control.id;
        if is_one_value(&control) {
            found.push(describe(node, control));
        }
    }
    let rank = |described: &Described| {
        let place = KNOWN
            .iter()
            .position(|known| known.id == described.control.id);
        place.unwrap_or(KNOWN.len())
    };
    found.sort_by_key(rank);
    Ok(found)
}

/// The same control as it is now.
pub(super) fn again(node: &Node, described: &Described) -> io::Result<Described> {
    Ok(describe(node, node.control(described.control.id)?))
}

fn describe(node: &Node, control: Control) -> Described {
    let is_menu = [
        sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_MENU,
        sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER_MENU,
    ]
    .contains(&control.kind);
    let known = KNOWN.iter().find(|known| known.id == control.id);
    Described {
        name: known.map_or_else(|| v4l2_name(&control.name), |known| known.name.to_owned()),
        form: known.map_or(Form::AsTyped, |known| known.form),
        menu: if is_menu {
            node.menu(&control)
        } else {
            Vec::new()
        },
        control,
    }
}

fn is_one_value(control: &Control) -> bool {
    let simple = (sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER
        ..=sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER_MENU)
        .contains(&control.kind);
    simple
        && control.kind != sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_CTRL_CLASS
        && control.elements <= 1
        && control.flags & sys::V4L2_CTRL_FLAG_DISABLED == 0
}

/// `White Balance, Automatic` as tools of V4L2 write it: `white_balance_automatic`.
fn v4l2_name(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    words.join("_")
}

impl Described {
    /// The feature with its value now.
    pub(super) fn feature(&self, node: &Node) -> Feature {
        let known = KNOWN.iter().find(|known| known.id == self.control.id);
        Feature {
            name: self.name.clone(),
            display_name: self.control.name.clone(),
            category: known.map_or(OTHERS, |known| known.category).to_owned(),
            visibility: match known {
                Some(_) => Visibility::Beginner,
                None => Visibility::Expert,
            },
            access: self.access(),
            kind: self.kind(),
            value: self.value(node),
            unit: known.map_or("", |known| known.unit).to_owned(),
            description: String::new(),
        }
    }

    fn access(&self) -> Access {
        let is = |flag| self.control.flags & flag != 0;
        if is(sys::V4L2_CTRL_FLAG_READ_ONLY) {
            Access::ReadOnly
        } else if is(sys::V4L2_CTRL_FLAG_INACTIVE) {
            Access::Unavailable
        } else if is(sys::V4L2_CTRL_FLAG_GRABBED) {
            Access::Locked
        } else {
            Access::ReadWrite
        }
    }

    fn kind(&self) -> FeatureKind {
        let control = &self.control;
        let step = i64::try_from(control.step).unwrap_or(i64::MAX).max(1);
        match (self.form, control.kind) {
            (Form::AutoSwitch | Form::ExposureMode, _) => {
                let entries = [OFF, CONTINUOUS].into_iter();
                let had = entries.filter(|entry| self.number_of_entry(entry).is_some());
                FeatureKind::Enumeration {
                    entries: had.map(str::to_owned).collect(),
                }
            }
            (Form::Scaled(scale), _) => FeatureKind::Float {
                min: control.min as f64 * scale,
                max: control.max as f64 * scale,
                increment: Some(step as f64 * scale),
            },
            (Form::AsTyped, sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_BOOLEAN) => FeatureKind::Boolean,
            (Form::AsTyped, sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_BUTTON) => FeatureKind::Command,
            (Form::AsTyped, sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_STRING) => FeatureKind::String,
            (Form::AsTyped, _) if self.is_menu() => FeatureKind::Enumeration {
                entries: self.menu.iter().map(|(_, name)| name.clone()).collect(),
            },
            (Form::AsTyped, sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_BITMASK) => FeatureKind::Integer {
                min: 0,
                max: i64::from((control.max as i32).cast_unsigned()),
                increment: 1,
            },
            (Form::AsTyped, _) => FeatureKind::Integer {
                min: control.min,
                max: control.max,
                increment: step,
            },
        }
    }

    fn is_menu(&self) -> bool {
        !self.menu.is_empty()
    }

    /// None for what is only written, and for what the driver does not answer: then it cannot be read, and says so.
    fn value(&self, node: &Node) -> Option<FeatureValue> {
        let control = &self.control;
        let write_only = control.flags & sys::V4L2_CTRL_FLAG_WRITE_ONLY != 0;
        if write_only || control.kind == sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_BUTTON {
            return None;
        }
        if control.kind == sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_STRING {
            return node.string(control).ok().map(FeatureValue::Text);
        }
        self.value_of(node.number(control).ok()?)
    }

    fn value_of(&self, number: i64) -> Option<FeatureValue> {
        let text = |text: &str| Some(FeatureValue::Text(text.to_owned()));
        match self.form {
            Form::Scaled(scale) => Some(FeatureValue::Float(number as f64 * scale)),
            Form::AutoSwitch => text(if number == 0 { OFF } else { CONTINUOUS }),
            Form::ExposureMode => match number {
                EXPOSURE_MANUAL | EXPOSURE_SHUTTER_PRIORITY => text(OFF),
                _ => text(CONTINUOUS),
            },
            Form::AsTyped if self.is_menu() => {
                let entry = self.menu.iter().find(|(index, _)| *index == number);
                entry.and_then(|(_, name)| text(name))
            }
            Form::AsTyped if self.control.kind == sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_BOOLEAN => {
                Some(FeatureValue::Boolean(number != 0))
            }
            Form::AsTyped => Some(FeatureValue::Integer(number)),
        }
    }

    /// Writes a value that the feature has accepted.
    pub(super) fn set(&self, node: &Node, value: &FeatureValue) -> io::Result<()> {
        let number = match (value, self.form) {
            (FeatureValue::Text(string), _)
                if self.control.kind == sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_STRING =>
            {
                return node.set_string(&self.control, string);
            }
            (FeatureValue::Text(entry), _) => self
                .number_of_entry(entry)
                .ok_or_else(|| io::Error::other("the driver has no such entry"))?,
            (FeatureValue::Boolean(on), _) => i64::from(*on),
            (FeatureValue::Integer(number), Form::Scaled(scale)) => scaled(*number as f64, scale),
            (FeatureValue::Float(number), Form::Scaled(scale)) => scaled(*number, scale),
            (FeatureValue::Integer(number), _) => *number,
            (FeatureValue::Float(number), _) => number.round() as i64,
        };
        node.set_number(&self.control, number)
    }

    fn number_of_entry(&self, entry: &str) -> Option<i64> {
        let has = |number: i64| self.menu.iter().any(|(index, _)| *index == number);
        let first_of = |numbers: [i64; 3]| numbers.into_iter().find(|number| has(*number));
        match (self.form, entry) {
            (Form::AutoSwitch, OFF) => Some(0),
            (Form::AutoSwitch, CONTINUOUS) => Some(1),
            (Form::ExposureMode, OFF) => {
                first_of([EXPOSURE_MANUAL, EXPOSURE_SHUTTER_PRIORITY, EXPOSURE_MANUAL])
            }
            // What the driver itself holds for automatic goes first.
            (Form::ExposureMode, CONTINUOUS) => match self.control.default {
                default @ (EXPOSURE_AUTO | EXPOSURE_APERTURE_PRIORITY) if has(default) => {
                    Some(default)
                }
                _ => first_of([EXPOSURE_APERTURE_PRIORITY, EXPOSURE_AUTO, EXPOSURE_AUTO]),
            },
            (Form::AsTyped, _) => {
                let named = self.menu.iter().find(|(_, name)| name == entry);
                named.map(|(index, _)| *index)
            }
            _ => None,
        }
    }
}

fn scaled(number: f64, scale: f64) -> i64 {
    (number / scale).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(id: u32, kind: u32, min: i64, max: i64, flags: u32) -> Control {
        Control {
            id,
            kind,
            name: "Exposure Time, Absolute".into(),
            min,
            max,
            step: 1,
            default: EXPOSURE_APERTURE_PRIORITY,
            flags,
            elements: 1,
            element_bytes: 4,
        }
    }

    fn described(control: Control, menu: &[i64]) -> Described {
        let known = KNOWN.iter().find(|known| known.id == control.id);
        Described {
            name: v4l2_name(&control.name),
            form: known.map_or(Form::AsTyped, |known| known.form),
            menu: menu
                .iter()
                .map(|index| (*index, format!("entry {index}")))
                .collect(),
            control,
        }
    }

    #[test]
    fn exposure_time_is_microseconds_whatever_the_driver_counts_in() {
        let kind = sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER;
        let exposure = described(control(0x009a_0902, kind, 3, 2047, 0), &[]);
        assert_eq!(
            exposure.kind(),
            FeatureKind::Float {
                min: 300.0,
                max: 204_700.0,
                increment: Some(100.0)
            }
        );
        assert_eq!(exposure.value_of(156), Some(FeatureValue::Float(15_600.0)));
        assert_eq!(scaled(15_640.0, 100.0), 156);
    }

    #[test]
    fn exposure_modes_are_off_and_continuous_in_what_the_driver_has() {
        let kind = sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_MENU;
        // What nearly all webcams have: by hand, and aperture priority.
        let webcam = described(control(0x009a_0901, kind, 0, 3, 0), &[1, 3]);
        assert_eq!(webcam.number_of_entry(OFF), Some(EXPOSURE_MANUAL));
        assert_eq!(
            webcam.number_of_entry(CONTINUOUS),
            Some(EXPOSURE_APERTURE_PRIORITY)
        );
        let automatic_only = described(control(0x009a_0901, kind, 0, 3, 0), &[0]);
        let entries = vec![CONTINUOUS.to_owned()];
        assert_eq!(automatic_only.kind(), FeatureKind::Enumeration { entries });
    }

    #[test]
    fn flags_say_what_can_be_done_now() {
        let kind = sys::v4l2_ctrl_type_V4L2_CTRL_TYPE_INTEGER;
        let access = |flags| described(control(1, kind, 0, 1, flags), &[]).access();
        assert_eq!(access(0), Access::ReadWrite);
        assert_eq!(access(sys::V4L2_CTRL_FLAG_READ_ONLY), Access::ReadOnly);
        assert_eq!(access(sys::V4L2_CTRL_FLAG_INACTIVE), Access::Unavailable);
        assert_eq!(access(sys::V4L2_CTRL_FLAG_GRABBED), Access::Locked);
    }

    #[test]
    fn a_control_without_a_genicam_name_keeps_that_of_v4l2_tools() {
        assert_eq!(
            v4l2_name("White Balance, Automatic"),
            "white_balance_automatic"
        );
        assert_eq!(v4l2_name("Integer 32 Bits"), "integer_32_bits");
    }
}
