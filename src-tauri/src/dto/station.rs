use serde::{Deserialize, Serialize};
use specta::Type;
use specta_typescript::Number;
use wiko_core::{
    camera::CameraState,
    facility::Facility,
    history::Tally,
    ports::{Backing, Language},
    queue::QueueDepth,
    role::Role,
    stage::Stage,
};

use crate::missed_parts::Missed;

use super::{BudgetDto, CircuitDto, ClockTroubleDto, HistoryRowDto, TriggerSettingsDto};

/// Who is at the station and how it runs.
#[derive(Debug, Clone, Serialize, Type)]
pub struct SessionDto {
    /// What the person may do.
    pub role: Role,
    /// Opaque id of the operator.
    pub operator: String,
    /// True on the demo profile: simulated camera, no account, runs as admin.
    pub demo: bool,
    /// The language of the window and of descriptions.
    pub language: Language,
}

/// What is being inspected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Type)]
pub struct OrderDto {
    /// Which product.
    pub product_sku: String,
    /// At which stage.
    pub stage: Stage,
    /// The lot, where given.
    pub lot: Option<String>,
}

/// Where the live picture comes from: a WebSocket on loopback.
///
/// Each binary message is a frame: `u64` sequence and `f64` epoch milliseconds of exposure, both little
/// endian, then the JPEG. The client answers each with its sequence as text; the next frame comes only
/// then, and it is the latest.
#[derive(Debug, Clone, Serialize, Type)]
pub struct PreviewDto {
    /// Address with this launch's token, `ws://127.0.0.1:…`: the picture of the camera that inspects. With `/` and the id
    /// of a camera after it, that one's.
    pub url: String,
}

/// All that the shell needs once.
#[derive(Debug, Clone, Serialize, Type)]
pub struct StationDto {
    /// The station's version.
    pub version: String,
    /// Where.
    pub facility: Facility,
    /// Which station.
    pub station: String,
    /// IANA name of the time zone in which the station's times are shown.
    pub time_zone: String,
    /// Who is there.
    pub session: SessionDto,
    /// What is being inspected.
    pub order: OrderDto,
    /// The products that are made.
    pub product_skus: Vec<String>,
    /// The live picture.
    pub preview: PreviewDto,
    /// How parts are triggered.
    pub triggers: TriggerSettingsDto,
    /// Where secrets lie; the window warns unless in the keyring.
    pub secrets: Backing,
    /// What changes all the time.
    pub live: LiveDto,
    /// The last ten parts, newest first.
    pub recent: Vec<HistoryRowDto>,
}

/// The count of the shift, by what became of each part: a person's last call goes before the verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
pub struct TallyDto {
    /// All captured parts.
    #[specta(type = Number)]
    pub inspected: f64,
    /// Found good and not rejected by a person, or released by one.
    #[specta(type = Number)]
    pub pass: f64,
    /// Found defective and not released by a person, or rejected by one.
    #[specta(type = Number)]
    pub fail: f64,
    /// A person has to look, and none has decided.
    #[specta(type = Number)]
    pub undetermined: f64,
    /// Nobody has answered yet.
    #[specta(type = Number)]
    pub pending: f64,
    /// Good among those decided good or bad, 0 to 1; none before the first decision.
    #[specta(type = Option<Number>)]
    pub yield_ratio: Option<f64>,
}

impl From<Tally> for TallyDto {
    fn from(tally: Tally) -> Self {
        Self {
            inspected: tally.inspected() as f64,
            pass: tally.pass as f64,
            fail: tally.fail as f64,
            undetermined: tally.undetermined as f64,
            pending: tally.pending as f64,
            yield_ratio: tally.yield_ratio(),
        }
    }
}

/// How a queue stands.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
pub struct QueueDto {
    /// Waiting or being worked on.
    #[specta(type = Number)]
    pub waiting: f64,
    /// Parked until a person retries.
    #[specta(type = Number)]
    pub parked: f64,
    /// When the oldest was captured.
    #[specta(type = Option<Number>)]
    pub oldest_captured_at: Option<f64>,
}

impl From<QueueDepth> for QueueDto {
    fn from(depth: QueueDepth) -> Self {
        Self {
            waiting: depth.waiting as f64,
            parked: depth.parked as f64,
            oldest_captured_at: depth.oldest_captured_at.map(|at| at.0 as f64),
        }
    }
}

/// Whether the cloud answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum CloudLink {
    /// None is configured.
    NotConfigured,
    /// Not asked yet.
    Unknown,
    /// It answers.
    Connected,
    /// It does not answer.
    Offline,
    /// It answers and refuses the credentials.
    CredentialsRefused,
    /// It answers and a person has to do something.
    NeedsPerson,
}

/// The cloud.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
pub struct CloudDto {
    /// Whether it answers.
    pub link: CloudLink,
    /// In words, with what to do; may be empty.
    pub reason: String,
}

/// What changes all the time.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
pub struct LiveDto {
    /// Code of the running shift.
    pub shift: String,
    /// When it began.
    #[specta(type = Number)]
    pub shift_started_at: f64,
    /// Its count.
    pub tally: TallyDto,
    /// The analysis queue.
    pub analysis_queue: QueueDto,
    /// The upload queue.
    pub upload_queue: QueueDto,
    /// The cloud.
    pub cloud: CloudDto,
    /// Whether each service that the station needs is asked now.
    pub circuits: Vec<CircuitDto>,
    /// How the month's budget for models stands.
    pub budget: BudgetDto,
    /// Parts that were not found good after they had moved on, and that nobody has seen to.
    #[specta(type = Number)]
    pub contained: f64,
    /// What is wrong with the machine's clock, until a person has seen it.
    pub clock_trouble: Option<ClockTroubleDto>,
    /// The camera's id.
    pub camera: String,
    /// The camera's state.
    pub camera_state: CameraState,
    /// Cameras were set up and none of them looks at the stage of the order.
    pub stage_lacks_camera: bool,
    /// What is amiss with cameras that give frames all the same.
    pub camera_warnings: Vec<CameraWarningDto>,
    /// Parts that passed a camera and that nobody has seen, until somebody has found them.
    pub missed_parts: Vec<MissedPartsDto>,
    /// The serial number that was scanned for the next part.
    pub kept_serial: Option<String>,
    /// The storage fault that stops capture, where there is one.
    pub storage_fault: Option<String>,
    /// Why nothing is captured for want of room, where there is none.
    pub no_room: Option<String>,
    /// Why the last daily backup was not made, where it was not.
    pub backup_failed: Option<String>,
}

/// Something is amiss with a camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Type)]
pub struct CameraWarningDto {
    /// Its id.
    pub camera: String,
    /// What.
    pub kind: CameraWarningKind,
}

/// Parts that passed a camera and that nobody has seen.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
pub struct MissedPartsDto {
    /// The camera's id.
    pub camera: String,
    /// How many are to be found still.
    #[specta(type = Number)]
    pub parts: f64,
    /// How many were counted in all: what a person says to have found.
    #[specta(type = Number)]
    pub counted: f64,
}

impl From<Missed> for MissedPartsDto {
    fn from(missed: Missed) -> Self {
        Self {
            camera: missed.camera,
            parts: missed.parts as f64,
            counted: missed.counted as f64,
        }
    }
}

/// What may be amiss with a camera that gives frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum CameraWarningKind {
    /// Frames are lost on their way.
    FramesLost,
    /// It does not do what it was told.
    SettingsRefused,
    /// The flat field is old.
    FlatFieldStale,
    /// Its pictures have changed over the days.
    Drift,
}
