//! The formats, sizes and rates that a camera offers, and which of them is taken.
//!
//! Invariants:
//! - What was asked for is taken or refused with what there is; nothing near it is taken instead.
//! - Where nothing was asked for, a rate that can follow a line goes before size: drivers offer their largest size at
//!   two frames a second and their highest rate in a stamp.

use wiko_core::camera::PixelFormat;

/// The least rate of a mode that is chosen by itself.
const LEAST_FPS: f64 = 15.0;
/// More is not taken unasked: it only costs.
const ENOUGH_FPS: f64 = 30.0;
/// From here on raw pixels fill the USB; below, they are the better picture.
const HIGH_RESOLUTION_PX: u64 = 640 * 480;
/// A refusal names so many modes.
const MOST_LISTED: usize = 10;
/// How far a rate may be from the one asked for.
const RATE_TOLERANCE: f64 = 0.005;

/// How a camera sends its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Each frame a JPEG.
    Mjpeg,
    /// Pixels.
    Raw(PixelFormat),
}

/// The name under which a JPEG stream stands beside the pixel formats.
const MJPEG: &str = "MJPEG";

impl Encoding {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mjpeg => MJPEG,
            Self::Raw(format) => format.into(),
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        if name == MJPEG {
            return Some(Self::Mjpeg);
        }
        let known = PixelFormat::ALL
            .iter()
            .find(|format| <&str>::from(**format) == name);
        known.map(|format| Self::Raw(*format))
    }

    /// Which goes first among modes that are otherwise alike.
    fn rank(self, pixels: u64) -> u8 {
        match self {
            Self::Mjpeg if pixels > HIGH_RESOLUTION_PX => 0,
            Self::Raw(PixelFormat::YUV422Yuyv8) => 1,
            Self::Raw(PixelFormat::YUV422Uyvy8) => 2,
            Self::Raw(PixelFormat::RGB8) => 3,
            Self::Raw(PixelFormat::BGR8) => 4,
            Self::Raw(PixelFormat::NV12) => 5,
            Self::Mjpeg => 6,
            Self::Raw(_) => 7,
        }
    }
}

/// Seconds from one frame to the next, as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) numerator: u32,
    pub(crate) denominator: u32,
}

impl Interval {
    /// Frames a second; 0 for a fraction that is none.
    pub(crate) fn fps(self) -> f64 {
        if self.numerator == 0 {
            return 0.0;
        }
        f64::from(self.denominator) / f64::from(self.numerator)
    }

    /// The interval of a rate that need not be whole.
    fn of_fps(fps: f64) -> Self {
        let milli = (fps * 1000.0).round().clamp(1.0, f64::from(u32::MAX)) as u32;
        if milli.is_multiple_of(1000) {
            return Self {
                numerator: 1,
                denominator: milli / 1000,
            };
        }
        Self {
            numerator: 1000,
            denominator: milli,
        }
    }
}

/// The rates of one format and size.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rates {
    /// The driver does not say.
    Unknown,
    /// These.
    Discrete(Vec<Interval>),
    /// Any from `min_fps` to `max_fps`.
    Range { min_fps: f64, max_fps: f64 },
}

impl Rates {
    /// The interval of this rate, where it can be had.
    fn asked(&self, fps: f64) -> Option<Interval> {
        let near = |have: f64| (have - fps).abs() <= fps * RATE_TOLERANCE;
        match self {
            Self::Unknown => None,
            Self::Discrete(intervals) => {
                let distance = |interval: &Interval| (interval.fps() - fps).abs();
                let nearest = intervals
                    .iter()
                    .min_by(|a, b| distance(a).total_cmp(&distance(b)));
                nearest.copied().filter(|interval| near(interval.fps()))
            }
            Self::Range { min_fps, max_fps } => {
                let inside =
                    (*min_fps..=*max_fps).contains(&fps) || near(*min_fps) || near(*max_fps);
                inside.then(|| Interval::of_fps(fps))
            }
        }
    }

    /// The fastest that is not above [`ENOUGH_FPS`], else the slowest above it.
    fn unasked(&self) -> Option<Interval> {
        match self {
            Self::Unknown => None,
            Self::Discrete(intervals) => {
                let enough = ENOUGH_FPS * (1.0 + RATE_TOLERANCE);
                let by_fps = |a: &&Interval, b: &&Interval| a.fps().total_cmp(&b.fps());
                let below = intervals.iter().filter(|interval| interval.fps() <= enough);
                let above = intervals.iter().filter(|interval| interval.fps() > enough);
                below.max_by(by_fps).or(above.min_by(by_fps)).copied()
            }
            Self::Range { min_fps, max_fps } => Some(Interval::of_fps(
                ENOUGH_FPS.clamp(*min_fps, min_fps.max(*max_fps)),
            )),
        }
    }

    /// The slowest and the fastest, in frames a second.
    pub(crate) fn limits_fps(&self) -> Option<(f64, f64)> {
        match self {
            Self::Unknown => None,
            Self::Discrete(intervals) => {
                let fps = intervals.iter().map(|interval| interval.fps());
                let min = fps.clone().min_by(f64::total_cmp)?;
                Some((min, fps.max_by(f64::total_cmp)?))
            }
            Self::Range { min_fps, max_fps } => Some((*min_fps, *max_fps)),
        }
    }
}

/// A format and size that a camera offers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mode {
    pub(crate) encoding: Encoding,
    pub(crate) width_px: u32,
    pub(crate) height_px: u32,
    pub(crate) rates: Rates,
}

/// What is asked for; what is none is left to the choice.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) encoding: Option<Encoding>,
    pub(crate) width_px: Option<u32>,
    pub(crate) height_px: Option<u32>,
    pub(crate) fps: Option<f64>,
}

/// What the camera is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) encoding: Encoding,
    pub(crate) width_px: u32,
    pub(crate) height_px: u32,
    /// None where the driver knows no rates.
    pub(crate) interval: Option<Interval>,
}

impl std::fmt::Display for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} {}x{}",
            self.encoding.name(),
            self.width_px,
            self.height_px
        )?;
        match self.interval {
            Some(interval) => write!(f, " at {:.4} fps", interval.fps()),
            None => Ok(()),
        }
    }
}

/// The mode to take. The refusal says what there is.
pub(crate) fn choose<'a>(
    modes: impl Iterator<Item = &'a Mode> + Clone,
    wanted: &Wanted,
) -> Result<Chosen, String> {
    let meets = |asked: Option<u32>, have: u32| asked.is_none_or(|asked| asked == have);
    let fitting: Vec<(&Mode, Option<Interval>)> = modes
        .clone()
        .filter(|mode| wanted.encoding.is_none_or(|asked| asked == mode.encoding))
        .filter(|mode| meets(wanted.width_px, mode.width_px))
        .filter(|mode| meets(wanted.height_px, mode.height_px))
        .filter_map(|mode| match wanted.fps {
            Some(fps) => mode.rates.asked(fps).map(|interval| (mode, Some(interval))),
            None => Some((mode, mode.rates.unasked())),
        })
        .collect();
    let pixels = |mode: &Mode| u64::from(mode.width_px) * u64::from(mode.height_px);
    // A rate that nobody knows is taken for good enough: such drivers have one.
    let quick = |interval: Option<Interval>| {
        interval.is_none_or(|interval| interval.fps() >= LEAST_FPS * (1.0 - RATE_TOLERANCE))
    };
    let best = fitting.into_iter().max_by_key(|(mode, interval)| {
        let milli_fps = interval.map_or(0, |interval| (interval.fps() * 1000.0) as u64);
        (
            quick(*interval),
            pixels(mode),
            std::cmp::Reverse(mode.encoding.rank(pixels(mode))),
            milli_fps,
        )
    });
    let (mode, interval) = best.ok_or_else(|| refusal(modes, wanted))?;
    Ok(Chosen {
        encoding: mode.encoding,
        width_px: mode.width_px,
        height_px: mode.height_px,
        interval,
    })
}

fn refusal<'a>(modes: impl Iterator<Item = &'a Mode> + Clone, wanted: &Wanted) -> String {
    let has_encoding = modes
        .clone()
        .any(|mode| wanted.encoding == Some(mode.encoding));
    let mut asked = Vec::new();
    asked.extend(wanted.encoding.map(|encoding| encoding.name().to_owned()));
    match (wanted.width_px, wanted.height_px) {
        (Some(width), Some(height)) => asked.push(format!("{width}x{height}")),
        (Some(width), None) => asked.push(format!("{width} px across")),
        (None, Some(height)) => asked.push(format!("{height} px down")),
        (None, None) => {}
    }
    asked.extend(wanted.fps.map(|fps| format!("{fps} frames a second")));
    let mut offered: Vec<String> = Vec::new();
    let mut more = 0;
    for mode in modes {
        // Where the format itself is there, only its modes help.
        if has_encoding && wanted.encoding.is_some_and(|asked| asked != mode.encoding) {
            continue;
        }
        if offered.len() == MOST_LISTED {
            more += 1;
            continue;
        }
        let mut words = format!(
            "{} {}x{}",
            mode.encoding.name(),
            mode.width_px,
            mode.height_px
        );
        if let Some((min, max)) = mode.rates.limits_fps() {
            words += &format!(" at {} to {}", shown(min), shown(max));
        }
        offered.push(words);
    }
    if more > 0 {
        offered.push(format!("{more} more"));
    }
    if offered.is_empty() {
        return "it offers no format that the station can read".to_owned();
    }
    format!(
        "it does not offer {}; it has {}",
        asked.join(" at "),
        offered.join(", ")
    )
}

fn shown(fps: f64) -> f64 {
    (fps * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const YUYV: Encoding = Encoding::Raw(PixelFormat::YUV422Yuyv8);

    fn mode(encoding: Encoding, width_px: u32, height_px: u32, fps: &[u32]) -> Mode {
        let interval = |fps: &u32| Interval {
            numerator: 1,
            denominator: *fps,
        };
        Mode {
            encoding,
            width_px,
            height_px,
            rates: Rates::Discrete(fps.iter().map(interval).collect()),
        }
    }

    /// As a common webcam lists them.
    fn webcam() -> Vec<Mode> {
        vec![
            mode(YUYV, 640, 480, &[30, 15]),
            mode(YUYV, 1920, 1080, &[5]),
            mode(YUYV, 320, 180, &[60, 30, 1]),
            mode(Encoding::Mjpeg, 640, 480, &[30]),
            mode(Encoding::Mjpeg, 1920, 1080, &[60, 30, 15]),
            mode(Encoding::Mjpeg, 3840, 2160, &[2]),
        ]
    }

    fn chosen(wanted: Wanted) -> String {
        choose(webcam().iter(), &wanted).unwrap().to_string()
    }

    #[test]
    fn unasked_it_is_the_largest_that_follows_a_line_and_never_the_absurd_extremes() {
        assert_eq!(chosen(Wanted::default()), "MJPEG 1920x1080 at 30.0000 fps");
        let slow_only = [mode(YUYV, 640, 480, &[5]), mode(YUYV, 1280, 720, &[5, 2])];
        assert_eq!(
            choose(slow_only.iter(), &Wanted::default())
                .unwrap()
                .to_string(),
            "YUV422_8 1280x720 at 5.0000 fps"
        );
    }

    #[test]
    fn jpeg_goes_first_where_pixels_would_fill_the_bus_and_pixels_where_they_do_not() {
        let of_height = |height| {
            chosen(Wanted {
                height_px: Some(height),
                ..Wanted::default()
            })
        };
        assert_eq!(of_height(480), "YUV422_8 640x480 at 30.0000 fps");
        assert_eq!(of_height(1080), "MJPEG 1920x1080 at 30.0000 fps");
    }

    #[test]
    fn what_was_asked_for_is_taken_or_refused_with_what_there_is() {
        let asked = |fps| Wanted {
            width_px: Some(1920),
            height_px: Some(1080),
            fps: Some(fps),
            ..Wanted::default()
        };
        assert_eq!(chosen(asked(60.0)), "MJPEG 1920x1080 at 60.0000 fps");
        assert_eq!(chosen(asked(5.0)), "YUV422_8 1920x1080 at 5.0000 fps");
        let refused = choose(webcam().iter(), &asked(25.0)).unwrap_err();
        assert!(refused.contains("does not offer 1920x1080 at 25 frames a second"));
        assert!(refused.contains("MJPEG 1920x1080 at 15 to 60"), "{refused}");
    }

    #[test]
    fn a_rate_that_is_no_whole_number_is_found_within_half_a_percent() {
        let ntsc = Mode {
            rates: Rates::Discrete(vec![Interval {
                numerator: 1001,
                denominator: 30_000,
            }]),
            ..mode(YUYV, 640, 480, &[])
        };
        let asked = |fps| Wanted {
            fps: Some(fps),
            ..Wanted::default()
        };
        assert!(choose([&ntsc].into_iter(), &asked(30.0)).is_ok());
        assert!(choose([&ntsc].into_iter(), &asked(29.0)).is_err());
        let stepwise = Mode {
            rates: Rates::Range {
                min_fps: 1.0,
                max_fps: 100.0,
            },
            ..ntsc
        };
        let taken = choose([&stepwise].into_iter(), &asked(12.5))
            .unwrap()
            .interval
            .unwrap();
        assert!((taken.fps() - 12.5).abs() < 1e-9);
    }

    #[test]
    fn of_two_formats_as_good_it_is_always_the_same_one() {
        let uyvy = Encoding::Raw(PixelFormat::YUV422Uyvy8);
        let (a, b) = (mode(YUYV, 640, 480, &[30]), mode(uyvy, 640, 480, &[30]));
        for modes in [[&a, &b], [&b, &a]] {
            let chosen = choose(modes.into_iter(), &Wanted::default()).unwrap();
            assert_eq!(chosen.encoding, YUYV);
        }
    }

    #[test]
    fn a_refusal_lists_the_modes_of_the_format_and_not_more_than_can_be_read() {
        let many: Vec<Mode> = (1..=30)
            .flat_map(|n| {
                [
                    mode(YUYV, n * 16, 480, &[30]),
                    mode(Encoding::Mjpeg, n * 16, 480, &[30]),
                ]
            })
            .collect();
        let wanted = Wanted {
            encoding: Some(YUYV),
            width_px: Some(7),
            ..Wanted::default()
        };
        let refused = choose(many.iter(), &wanted).unwrap_err();
        assert!(
            !refused.contains("MJPEG") && refused.ends_with(", 20 more"),
            "{refused}"
        );
    }

    #[test]
    fn a_camera_without_a_format_of_ours_is_refused_in_words() {
        let refused = choose([].iter(), &Wanted::default()).unwrap_err();
        assert_eq!(refused, "it offers no format that the station can read");
    }

    #[test]
    fn every_encoding_is_found_by_its_name() {
        for format in PixelFormat::ALL {
            let encoding = Encoding::Raw(*format);
            assert_eq!(Encoding::of_name(encoding.name()), Some(encoding));
        }
        assert_eq!(Encoding::of_name("MJPEG"), Some(Encoding::Mjpeg));
        assert_eq!(Encoding::of_name("H264"), None);
    }
}
