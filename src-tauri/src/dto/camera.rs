use crate::cameras::{
    Running, pixel_format,
    roster::{CalibrationEntry, CameraEntry, LineScanEntry},
};
use serde::{Deserialize, Serialize};
use specta::Type;
use specta_typescript::Number;
use wiko_core::{
    camera::{
        CameraState, DeviceIdentity, Feature, FeatureValue, FrameFault, FrameQuality, Mismatch,
        QualityLimits, StreamStatistics, Transport,
    },
    geometry::BoxPx,
    ports::{CameraError, LostCause},
    stage::Stage,
    time::UnixMillis,
};

/// A camera of the station, as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
pub struct CameraDto {
    /// Its id.
    pub id: String,
    /// How it is reached.
    pub transport: Transport,
    /// The device that it was assigned to; none for a simulated or replayed one.
    pub device: Option<DeviceIdentity>,
    /// The stage that it looks at; none for the one of `station.toml`, which looks at whatever is inspected.
    pub stage: Option<Stage>,
    /// True for the one whose picture the line operator sees and inspects.
    pub inspecting: bool,
    /// False for the one of `station.toml`, which is not set up here.
    pub removable: bool,
    /// What it does.
    pub state: CameraState,
    /// Why it is lost, where it is.
    pub cause: Option<LostCause>,
    /// What last went wrong, in words with what to do; empty where nothing did.
    pub reason: String,
    /// Frames a second over the last seconds.
    #[specta(type = Number)]
    pub frames_per_second: f64,
    /// Size of the last frame.
    pub width_px: Option<u32>,
    /// Size of the last frame.
    pub height_px: Option<u32>,
    /// How its pixels come: a PFNC name, or `JPEG`.
    pub pixel_format: Option<String>,
    /// What its stream delivered and lost since it was opened.
    pub statistics: StatisticsDto,
    /// Features that have not the value that they were told: it is not ready to inspect.
    pub mismatches: Vec<Mismatch>,
    /// Pixel to millimetre, where it was measured.
    pub calibration: Option<CalibrationDto>,
    /// The flat field in use, where there is one.
    pub flat_field: Option<FlatFieldDto>,
    /// What the stage asks of its frames.
    pub limits: QualityLimits,
    /// When the reference picture was taken that frames are held against, epoch milliseconds.
    #[specta(type = Option<Number>)]
    pub reference_taken_at: Option<f64>,
    /// How lines become pictures, for a line-scan camera.
    pub line_scan: Option<LineScanDto>,
}

/// What a stream delivered and lost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Type)]
pub struct StatisticsDto {
    /// Frames that arrived whole.
    #[specta(type = Number)]
    pub frames: f64,
    /// Frames taken and never seen whole.
    #[specta(type = Number)]
    pub frames_lost: f64,
    /// Packets asked for again.
    #[specta(type = Number)]
    pub packets_resent: f64,
    /// Packets that never came.
    #[specta(type = Number)]
    pub packets_missing: f64,
    /// Frames that came while no buffer was free.
    #[specta(type = Number)]
    pub underruns: f64,
    /// Parts that were triggered and found no room in the queue to inspection: each is a part not inspected.
    #[specta(type = Number)]
    pub parts_overflowed: f64,
}

impl StatisticsDto {
    /// As the window shows it.
    pub fn new(stream: StreamStatistics, parts_overflowed: u64) -> Self {
        Self {
            frames: stream.frames as f64,
            frames_lost: stream.frames_lost as f64,
            packets_resent: stream.packets_resent as f64,
            packets_missing: stream.packets_missing as f64,
            underruns: stream.underruns as f64,
            parts_overflowed: parts_overflowed as f64,
        }
    }
}

/// Pixel to millimetre.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
pub struct CalibrationDto {
    /// Millimetres that a pixel stands for.
    #[specta(type = Number)]
    pub mm_per_px: f64,
    /// How it was found.
    pub method: CalibrationMethod,
    /// How far the corners of the board lie from where they should, in pixels; of a checkerboard.
    #[specta(type = Option<Number>)]
    pub residual_px: Option<f64>,
    /// How far the lens bends a line at the edge of the picture, in percent; of a checkerboard.
    #[specta(type = Option<Number>)]
    pub distortion_percent: Option<f64>,
    /// When, epoch milliseconds.
    #[specta(type = Number)]
    pub taken_at: f64,
}

/// How a scale was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationMethod {
    /// Two points and the distance between them.
    TwoPoints,
    /// A checkerboard.
    Checkerboard,
}

/// A flat field.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
pub struct FlatFieldDto {
    /// When it was taken, epoch milliseconds.
    #[specta(type = Number)]
    pub taken_at: f64,
    /// Older than it should be, or the camera's settings differ from those it was taken with: take it again.
    pub stale: bool,
    /// Why, in words; empty where it is not stale.
    pub reason: String,
}

/// How lines become pictures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, Type)]
pub struct LineScanDto {
    /// A picture a part, or one after the other with an overlap.
    pub mode: LineScanMode,
    /// Rows kept from before the part.
    pub pre_roll_rows: u32,
    /// Rows kept after the part.
    pub post_roll_rows: u32,
    /// The longest picture.
    pub longest_rows: u32,
    /// Rows that the next picture repeats, in the continuous mode.
    pub overlap_rows: u32,
    /// How fast the belt moves, in millimetres a second; 0 where it is not known.
    #[specta(type = Number)]
    pub belt_mm_per_s: f64,
    /// Level of the belt without a part.
    pub background_level: u8,
    /// A part differs from the belt by as many levels.
    pub contrast_levels: u8,
}

/// How lines become pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum LineScanMode {
    /// A picture for each part, found in the lines themselves.
    PartTriggered,
    /// One picture after the other, each with the end of the one before.
    Continuous,
}

/// The cameras that are there.
#[derive(Debug, Clone, Serialize, Type)]
pub struct FoundCamerasDto {
    /// Each.
    pub devices: Vec<FoundCameraDto>,
    /// Kinds of cameras that could not be looked for, such as GigE Vision without its library.
    pub unavailable: Vec<UnavailableDto>,
}

/// A camera that is there.
#[derive(Debug, Clone, Serialize, Type)]
pub struct FoundCameraDto {
    /// What it is known by.
    pub device: DeviceIdentity,
    /// For people: `Basler acA2500 (22512345)`.
    pub label: String,
    /// Where it is reached now.
    pub address: String,
    /// Why it cannot be opened now; none where nothing is known against it.
    pub obstacle: Option<String>,
    /// The camera of the station that it is assigned to.
    pub assigned: Option<String>,
}

/// A kind of cameras that could not be looked for.
#[derive(Debug, Clone, Serialize, Type)]
pub struct UnavailableDto {
    /// Which.
    pub transport: Transport,
    /// Why.
    pub cause: Option<LostCause>,
    /// In words, with what to do.
    pub reason: String,
}

/// Puts a found camera to a stage. An id that is known gets another device: after a camera was replaced, or where
/// several could be it.
#[derive(Debug, Clone, Deserialize, Type)]
pub struct AssignCameraForm {
    /// Its id in records; letters, digits, `-` and `_`.
    pub id: String,
    /// Where it looks.
    pub stage: Stage,
    /// Which device.
    pub device: DeviceIdentity,
    /// For a line-scan camera.
    pub line_scan: Option<LineScanDto>,
}

/// Sets one feature.
#[derive(Debug, Clone, Deserialize, Type)]
pub struct SetFeatureForm {
    /// Which camera.
    pub camera: String,
    /// Which feature.
    pub name: String,
    /// Its new value; `true` for a command.
    pub value: FeatureValue,
}

/// What a feature is after it was set.
#[derive(Debug, Clone, Serialize, Type)]
pub struct FeatureSetDto {
    /// All features: one may move the limits of others.
    pub features: Vec<Feature>,
    /// The size of the pictures changed: calibration, flat field and reference hold no more and were put away.
    pub measured_again: bool,
}

/// What helps to set up a camera, of its latest frame.
#[derive(Debug, Clone, Serialize, Type)]
pub struct LiveAidsDto {
    /// Number of the frame.
    #[specta(type = Number)]
    pub sequence: f64,
    /// How old the frame is.
    #[specta(type = Number)]
    pub age_ms: f64,
    /// Pixels of each of the 256 levels of grey.
    #[specta(type = Vec<Number>)]
    pub histogram: Vec<f64>,
    /// What was measured.
    pub quality: FrameQuality,
    /// What the stage's limits say of it, and the camera itself.
    pub faults: Vec<FrameFault>,
    /// The measured line rate in lines a second, of a line-scan camera.
    #[specta(type = Option<Number>)]
    pub line_rate_hz: Option<f64>,
    /// How much the part is stretched (above 0) or squeezed (below), as a share; of a line-scan camera.
    #[specta(type = Option<Number>)]
    pub aspect_error: Option<f64>,
}

/// Asks for a scale.
#[derive(Debug, Clone, Deserialize, Type)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum CalibrateForm {
    /// Two points of the picture, and how far they are apart.
    TwoPoints {
        /// In pixels, `[x, y]`.
        #[specta(type = [Number; 2])]
        a_px: [f64; 2],
        /// In pixels, `[x, y]`.
        #[specta(type = [Number; 2])]
        b_px: [f64; 2],
        /// Millimetres between them.
        #[specta(type = Number)]
        distance_mm: f64,
    },
    /// A board that lies before the camera now.
    Checkerboard {
        /// Squares across.
        columns: u32,
        /// Squares down.
        rows: u32,
        /// Edge of a square in millimetres.
        #[specta(type = Number)]
        square_mm: f64,
    },
}

/// One half of a flat field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum FlatFieldStep {
    /// The lens is covered.
    Dark,
    /// An even white target fills the picture. Completes the flat field.
    White,
}

/// A test shot: nothing is recorded of it.
#[derive(Debug, Clone, Serialize, Type)]
pub struct TestShotDto {
    /// Number of the frame.
    #[specta(type = Number)]
    pub sequence: f64,
    /// From the trigger to the frame.
    #[specta(type = Number)]
    pub waited_ms: f64,
    /// Pixels across.
    pub width_px: u32,
    /// Pixels down.
    pub height_px: u32,
    /// What was measured.
    pub quality: FrameQuality,
    /// What makes it unfit to be judged; empty for a good one.
    pub faults: Vec<FrameFault>,
}

/// Where the region of interest is set.
#[derive(Debug, Clone, Deserialize, Type)]
pub struct RegionForm {
    /// Which camera.
    pub camera: String,
    /// On the picture as it is now; none for all that the sensor has.
    pub region: Option<BoxPx>,
}

/// A file of settings, as text.
#[derive(Debug, Clone, Serialize, Type)]
pub struct ExportedSettingsDto {
    /// A name for the file.
    pub file_name: String,
    /// What goes into it.
    pub text: String,
    /// Where the station has put a copy.
    pub path: String,
}

/// What came of importing settings.
#[derive(Debug, Clone, Serialize, Type)]
pub struct ImportedSettingsDto {
    /// Features that were set.
    pub set: u32,
    /// Those that the camera did not take.
    pub mismatches: Vec<Mismatch>,
}

impl From<LineScanDto> for LineScanEntry {
    fn from(dto: LineScanDto) -> Self {
        Self {
            continuous: dto.mode == LineScanMode::Continuous,
            pre_roll_rows: dto.pre_roll_rows,
            post_roll_rows: dto.post_roll_rows,
            longest_rows: dto.longest_rows,
            overlap_rows: dto.overlap_rows,
            belt_mm_per_s: dto.belt_mm_per_s,
            background_level: dto.background_level,
            contrast_levels: dto.contrast_levels,
        }
    }
}

impl From<LineScanEntry> for LineScanDto {
    fn from(entry: LineScanEntry) -> Self {
        Self {
            mode: if entry.continuous {
                LineScanMode::Continuous
            } else {
                LineScanMode::PartTriggered
            },
            pre_roll_rows: entry.pre_roll_rows,
            post_roll_rows: entry.post_roll_rows,
            longest_rows: entry.longest_rows,
            overlap_rows: entry.overlap_rows,
            belt_mm_per_s: entry.belt_mm_per_s,
            background_level: entry.background_level,
            contrast_levels: entry.contrast_levels,
        }
    }
}

impl From<CalibrationEntry> for CalibrationDto {
    fn from(entry: CalibrationEntry) -> Self {
        Self {
            mm_per_px: entry.mm_per_px,
            method: if entry.checkerboard {
                CalibrationMethod::Checkerboard
            } else {
                CalibrationMethod::TwoPoints
            },
            residual_px: entry.residual_px,
            distortion_percent: entry.distortion_percent,
            taken_at: entry.taken_at.0 as f64,
        }
    }
}

impl CameraDto {
    /// A running camera; `transport` is that of the one of `station.toml`, which has no device.
    pub fn new(
        id: String,
        running: &Running,
        transport: Transport,
        inspecting: bool,
        now: UnixMillis,
    ) -> Self {
        let (entry, feed) = (running.entry.as_ref(), &running.feed);
        let frame = feed.latest();
        let error = feed.last_error();
        let device = entry.map(|entry| entry.device.clone());
        Self {
            id,
            transport: device.as_ref().map_or(transport, |it| it.transport),
            device,
            stage: entry.map(|entry| entry.stage),
            inspecting,
            removable: entry.is_some(),
            state: feed.state(),
            cause: match &error {
                Some(CameraError::Lost { cause, .. }) => Some(*cause),
                _ => None,
            },
            reason: error.map(|error| error.to_string()).unwrap_or_default(),
            frames_per_second: feed.fps(),
            width_px: frame.as_ref().map(|frame| frame.size_px().0),
            height_px: frame.as_ref().map(|frame| frame.size_px().1),
            pixel_format: frame.as_deref().map(pixel_format),
            statistics: StatisticsDto::new(feed.statistics(), feed.parts_overflowed()),
            mismatches: feed.mismatches(),
            calibration: entry
                .and_then(|it| it.calibration)
                .map(CalibrationDto::from),
            flat_field: entry.and_then(|entry| FlatFieldDto::of(entry, now)),
            limits: entry.map(|entry| entry.limits).unwrap_or_default(),
            reference_taken_at: entry
                .and_then(|entry| entry.reference_taken_at)
                .map(|at| at.0 as f64),
            line_scan: entry.and_then(|it| it.line_scan).map(LineScanDto::from),
        }
    }
}

/// A flat field is to be taken again after so long: lamps age, dust settles.
const FLAT_FIELD_DAYS: i64 = 7;

impl FlatFieldDto {
    pub fn of(entry: &CameraEntry, now: UnixMillis) -> Option<Self> {
        let taken_at = entry.flat_field_taken_at?;
        let days = (now.0 - taken_at.0) / (24 * 60 * 60 * 1000);
        let stale = days >= FLAT_FIELD_DAYS;
        Some(Self {
            taken_at: taken_at.0 as f64,
            stale,
            reason: if stale {
                format!("it is {days} days old: take it again")
            } else {
                String::new()
            },
        })
    }
}
