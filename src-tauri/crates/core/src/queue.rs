//! The two durable queues of a part: analysis and upload.

use crate::{
    analysis::Analysis, coded, id::InspectionId, image::ImageFacts, sku::ProductSku, stage::Stage,
    time::UnixMillis,
};

/// Which queue.
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
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum Queue {
    /// Parts that wait for an analyzer.
    Analysis,
    /// Parts that wait for the cloud.
    Upload,
}
coded!(Queue, "queue");

/// What stands in the way of a piece of work, and so what is done next.
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
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum Obstacle {
    /// It may go by itself: offline, throttled, a server's fault. Tried again after a while.
    Transient,
    /// The credentials are expired, refused or missing: the queue waits for new ones.
    Credentials,
    /// A person has to do something first; the work is parked with the reason.
    NeedsPerson,
}

/// Why a try failed that is made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hindrance {
    /// What stands in the way.
    pub obstacle: Obstacle,
    /// In words, with what to do.
    pub reason: String,
}
coded!(Obstacle, "obstacle");

/// Work taken from a queue. It is this worker's until `leased_until`; afterwards it may be taken again.
#[derive(Debug, Clone, PartialEq)]
pub struct Lease {
    /// The part.
    pub id: InspectionId,
    /// Failed tries before this one.
    pub attempts: u32,
}

/// How a queue stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Waiting, or being worked on.
    pub waiting: u64,
    /// Parked until a person retries.
    pub parked: u64,
    /// When the oldest of those waiting was captured.
    pub oldest_captured_at: Option<UnixMillis>,
}

/// A failed try, as it is noted in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setback {
    /// What stands in the way.
    pub obstacle: Obstacle,
    /// In words, with what to do. Never holds a secret.
    pub reason: String,
    /// When to try next; ignored where it is parked.
    pub next_try_at: UnixMillis,
}

/// Which work of a queue is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    /// All that is due: what was never tried, or else the oldest.
    All,
    /// Only what was never tried.
    Untried,
    /// Only what failed before.
    Tried,
}

/// How a piece of work stands.
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
pub enum WorkState {
    /// Until it is due.
    Waiting,
    /// A worker has it.
    Leased,
    /// Until a person retries.
    Parked,
}
coded!(WorkState, "state");

/// A part on a queue, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedPart {
    /// The part.
    pub id: InspectionId,
    /// Its number in the order of capture.
    pub sequence: i64,
    /// When it was captured.
    pub captured_at: UnixMillis,
    /// Which product.
    pub product_sku: ProductSku,
    /// At which stage.
    pub stage: Stage,
    /// On which queue.
    pub queue: Queue,
    /// How it stands there.
    pub state: WorkState,
    /// Failed tries.
    pub attempts: u32,
    /// When it is tried next; none where that is at once or not at all.
    pub due_at: Option<UnixMillis>,
    /// What stood in the way of the last try; none where none failed since the last retry.
    pub hindrance: Option<Hindrance>,
}

/// Which parts on the queues are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// All.
    All,
    /// The parked, and those whose last try failed.
    Troubled,
    /// Those that wait and whose last try failed.
    Delayed,
    /// The parked.
    Parked,
}

/// The first of those that are listed, the parked before the others, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueuedParts {
    /// The first.
    pub parts: Vec<QueuedPart>,
    /// How many there are in all.
    pub total: u64,
}

/// What the upload worker needs of a part.
#[derive(Debug, Clone)]
pub struct UploadWork {
    /// The lease.
    pub lease: Lease,
    /// The record to be sent.
    pub inspection: crate::inspection::Inspection,
}

/// What the analysis worker needs of a part.
#[derive(Debug, Clone)]
pub struct AnalysisWork {
    /// The lease.
    pub lease: Lease,
    /// The part at capture.
    pub capture: crate::inspection::CaptureFacts,
    /// The picture's facts.
    pub image: ImageFacts,
    /// What the local screen said before, where it did.
    pub screening: Option<Analysis>,
}
