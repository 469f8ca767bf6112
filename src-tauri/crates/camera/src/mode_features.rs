//! Format, size and rate of a camera as GenICam features.
//!
//! Invariants:
//! - They are set with the stream stopped, so they are all `Locked`.
//! - Setting one keeps the others where the camera offers that; a size or rate goes before what was not asked for.

use crate::mode::{self, Chosen, Encoding, Mode, Wanted};
use wiko_core::camera::{
    Access, Feature, FeatureError, FeatureKind, FeatureSettings, FeatureValue, Mismatch, Visibility,
};

const PIXEL_FORMAT: &str = "PixelFormat";
const WIDTH: &str = "Width";
const HEIGHT: &str = "Height";
const RATE: &str = "AcquisitionFrameRate";

/// The settings of the mode, and all others.
pub(crate) fn split(settings: &FeatureSettings) -> (FeatureSettings, FeatureSettings) {
    let of_mode = |name: &String| [PIXEL_FORMAT, WIDTH, HEIGHT, RATE].contains(&name.as_str());
    settings
        .clone()
        .into_iter()
        .partition(|(name, _)| of_mode(name))
}

/// What these settings ask for; refused where a value is none of its kind.
pub(crate) fn wanted(settings: &FeatureSettings) -> Result<Wanted, String> {
    let mut wanted = Wanted::default();
    for (name, value) in settings {
        put(&mut wanted, name, value).ok_or_else(|| format!("{value} is no value for {name}"))?;
    }
    Ok(wanted)
}

fn put(wanted: &mut Wanted, name: &str, value: &FeatureValue) -> Option<()> {
    let length = || match value {
        FeatureValue::Integer(length) => u32::try_from(*length).ok(),
        _ => None,
    };
    match name {
        PIXEL_FORMAT => match value {
            FeatureValue::Text(name) => wanted.encoding = Some(Encoding::of_name(name)?),
            _ => return None,
        },
        WIDTH => wanted.width_px = Some(length()?),
        HEIGHT => wanted.height_px = Some(length()?),
        RATE => wanted.fps = Some(value.number().filter(|fps| *fps > 0.0)?),
        _ => return None,
    }
    Some(())
}

/// The mode with this feature set to a value that it has accepted. The others are kept as far as the camera offers that
/// with it.
pub(crate) fn changed<'a>(
    modes: impl Iterator<Item = &'a Mode> + Clone,
    now: &Chosen,
    name: &str,
    value: &FeatureValue,
) -> Result<Chosen, FeatureError> {
    let all = Wanted {
        encoding: Some(now.encoding),
        width_px: Some(now.width_px),
        height_px: Some(now.height_px),
        fps: now.interval.map(|interval| interval.fps()),
    };
    let without_rate = Wanted { fps: None, ..all };
    let tries = match name {
        RATE => vec![all],
        PIXEL_FORMAT => vec![all, without_rate, Wanted::default()],
        WIDTH => {
            let any_height = Wanted {
                height_px: None,
                ..without_rate
            };
            vec![all, without_rate, any_height]
        }
        _ => {
            let any_width = Wanted {
                width_px: None,
                ..without_rate
            };
            vec![all, without_rate, any_width]
        }
    };
    let mut refusal = String::new();
    for mut wanted in tries {
        put(&mut wanted, name, value).ok_or_else(|| FeatureError::WrongType {
            name: name.to_owned(),
            given: value.to_string(),
        })?;
        match mode::choose(modes.clone(), &wanted) {
            Ok(chosen) => return Ok(chosen),
            Err(why) => refusal = why,
        }
    }
    Err(FeatureError::Refused {
        name: name.to_owned(),
        reason: refusal,
    })
}

/// The four features as they are now.
pub(crate) fn features<'a>(
    modes: impl Iterator<Item = &'a Mode> + Clone,
    now: &Chosen,
) -> Vec<Feature> {
    let mut encodings: Vec<String> = Vec::new();
    for mode in modes.clone() {
        let name = mode.encoding.name();
        if !encodings.iter().any(|known| known == name) {
            encodings.push(name.to_owned());
        }
    }
    let of_encoding = modes.filter(|mode| mode.encoding == now.encoding);
    let widths = of_encoding.clone().map(|mode| mode.width_px);
    let heights = of_encoding.clone().map(|mode| mode.height_px);
    let feature = |name: &str, category: &str, kind, value, unit: &str| Feature {
        name: name.to_owned(),
        display_name: name.to_owned(),
        category: category.to_owned(),
        visibility: Visibility::Beginner,
        access: Access::Locked,
        kind,
        value: Some(value),
        unit: unit.to_owned(),
        description: String::new(),
    };
    const FORMAT: &str = "ImageFormatControl";
    let length = |px: u32| FeatureValue::Integer(i64::from(px));
    let mut features = vec![
        feature(
            PIXEL_FORMAT,
            FORMAT,
            FeatureKind::Enumeration { entries: encodings },
            FeatureValue::Text(now.encoding.name().to_owned()),
            "",
        ),
        feature(WIDTH, FORMAT, lengths(widths), length(now.width_px), "px"),
        feature(
            HEIGHT,
            FORMAT,
            lengths(heights),
            length(now.height_px),
            "px",
        ),
    ];
    let size = (now.width_px, now.height_px);
    let of_size = of_encoding.filter(|mode| (mode.width_px, mode.height_px) == size);
    let limits = of_size.filter_map(|mode| mode.rates.limits_fps()).next();
    if let (Some((min, max)), Some(interval)) = (limits, now.interval) {
        let kind = FeatureKind::Float {
            min,
            max,
            increment: None,
        };
        let rate = FeatureValue::Float(interval.fps());
        features.push(feature(RATE, "AcquisitionControl", kind, rate, "Hz"));
    }
    features
}

/// From the least to the most, in the largest steps that meet each.
fn lengths(of_modes: impl Iterator<Item = u32>) -> FeatureKind {
    let lengths: Vec<u32> = of_modes.collect();
    let min = lengths.iter().copied().min().unwrap_or(0);
    let max = lengths.iter().copied().max().unwrap_or(0);
    let step = lengths
        .iter()
        .fold(0, |step, length| common_divisor(step, length - min));
    FeatureKind::Integer {
        min: i64::from(min),
        max: i64::from(max),
        increment: i64::from(step.max(1)),
    }
}

fn common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// The settings of the mode that the camera has not.
pub(crate) fn mismatches(
    settings: &FeatureSettings,
    features: &[Feature],
    refusal: Option<&str>,
) -> Vec<Mismatch> {
    let mismatch = |(name, told): (&String, &FeatureValue)| {
        let feature = features.iter().find(|feature| feature.name == *name);
        let read = feature.and_then(|feature| feature.value.clone());
        // A rate is taken within half a percent.
        let near = |read: &FeatureValue| match (told.number(), read.number()) {
            (Some(told), Some(read)) if name == RATE => (told - read).abs() <= told * 0.01,
            _ => told.is_met_by(read, None),
        };
        (!read.as_ref().is_some_and(near)).then(|| Mismatch {
            name: name.clone(),
            told: told.clone(),
            read,
            reason: refusal.map_or_else(|| "the driver took another".to_owned(), str::to_owned),
        })
    };
    settings.iter().filter_map(mismatch).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mode::{Interval, Rates};
    use wiko_core::camera::PixelFormat;

    fn modes() -> Vec<Mode> {
        let mode = |encoding, width_px, height_px, fps: &[u32]| Mode {
            encoding,
            width_px,
            height_px,
            rates: Rates::Discrete(
                fps.iter()
                    .map(|fps| Interval {
                        numerator: 1,
                        denominator: *fps,
                    })
                    .collect(),
            ),
        };
        vec![
            mode(Encoding::Raw(PixelFormat::YUV422Yuyv8), 640, 480, &[15, 30]),
            mode(Encoding::Raw(PixelFormat::YUV422Yuyv8), 1280, 720, &[10]),
            mode(Encoding::Mjpeg, 1280, 720, &[30]),
            mode(Encoding::Mjpeg, 1920, 1080, &[30]),
        ]
    }

    fn told(name: &str, value: FeatureValue) -> Result<String, FeatureError> {
        let modes = modes();
        let now = mode::choose(modes.iter(), &Wanted::default()).unwrap();
        assert_eq!(now.to_string(), "MJPEG 1920x1080 at 30.0000 fps");
        changed(modes.iter(), &now, name, &value).map(|chosen| chosen.to_string())
    }

    #[test]
    fn setting_one_keeps_the_others_as_far_as_the_camera_offers_it() {
        let set = told(WIDTH, FeatureValue::Integer(1280)).unwrap();
        assert_eq!(set, "MJPEG 1280x720 at 30.0000 fps");
        let raw = FeatureValue::Text("YUV422_8".into());
        assert_eq!(
            told(PIXEL_FORMAT, raw).unwrap(),
            "YUV422_8 640x480 at 30.0000 fps"
        );
        let refused = told(WIDTH, FeatureValue::Integer(640)).unwrap_err();
        assert!(
            refused.to_string().contains("does not offer MJPEG"),
            "{refused}"
        );
    }

    #[test]
    fn sizes_are_limits_and_the_steps_that_meet_each() {
        let modes = modes();
        let now = mode::choose(modes.iter(), &Wanted::default()).unwrap();
        let features = features(modes.iter(), &now);
        assert_eq!(
            features[1].kind,
            FeatureKind::Integer {
                min: 1280,
                max: 1920,
                increment: 640
            }
        );
        assert!(
            features
                .iter()
                .all(|feature| feature.access == Access::Locked)
        );
    }

    #[test]
    fn what_could_not_be_had_is_named_with_what_there_is() {
        let modes = modes();
        let settings = FeatureSettings::from([
            (HEIGHT.to_owned(), FeatureValue::Integer(1080)),
            (WIDTH.to_owned(), FeatureValue::Integer(2000)),
        ]);
        let refusal = mode::choose(modes.iter(), &wanted(&settings).unwrap()).unwrap_err();
        let now = mode::choose(modes.iter(), &Wanted::default()).unwrap();
        let found = mismatches(&settings, &features(modes.iter(), &now), Some(&refusal));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name, WIDTH);
        assert_eq!(found[0].read, Some(FeatureValue::Integer(1920)));
        assert!(found[0].reason.contains("does not offer 2000x1080"));
    }
}
