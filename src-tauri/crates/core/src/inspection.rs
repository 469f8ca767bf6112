//! The record of one part: everything known of it, from capture to upload.

use crate::{
    analysis::Analysis,
    audit::AuditRow,
    camera::CameraTag,
    coded,
    disposition::Disposition,
    facility::Facility,
    id::InspectionId,
    image::ImageFacts,
    ports::StoreError,
    queue::{Hindrance, Obstacle},
    sku::ProductSku,
    stage::Stage,
    time::{BootId, UnixMillis},
    verdict::{UndeterminedReason, VerdictCode},
};

/// What is fixed the moment the frame is taken. `captured_at` is frozen: it is the sort key in the cloud.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CaptureFacts {
    /// The part's id.
    pub id: InspectionId,
    /// When it was captured.
    pub captured_at: UnixMillis,
    /// Where.
    pub facility: Facility,
    /// At which station.
    pub station: String,
    /// At which stage.
    pub stage: Stage,
    /// Which product.
    pub product_sku: ProductSku,
    /// The lot, where it was given.
    pub lot: Option<String>,
    /// The part's serial number, where it was scanned.
    pub serial: Option<String>,
    /// Code of the shift.
    pub shift: String,
    /// Opaque id of the operator.
    pub operator: String,
    /// The camera and its frame.
    pub camera: CameraTag,
    /// Which run of the machine: with `monotonic_ms` it orders what clocks that were set do not.
    pub boot_id: BootId,
    /// Since that run began.
    pub monotonic_ms: u64,
}

/// What a person said of a verdict.
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
pub enum OperatorCall {
    /// The part is as the station says.
    Confirm,
    /// The part is good, whatever the station says.
    Accept,
    /// The part is bad, whatever the station says.
    Reject,
}
coded!(OperatorCall, "operator's call");

/// A person's decision with its reason. It stands beside the verdict and never replaces it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OperatorDecision {
    /// What was said.
    pub call: OperatorCall,
    /// Who said it: opaque id.
    pub operator: String,
    /// Code of the reason; needed for everything but a confirmation.
    pub reason: Option<String>,
    /// When.
    pub decided_at: UnixMillis,
}

/// What the chain of analyzers decided.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Decision {
    /// The verdict as recorded.
    pub verdict: VerdictCode,
    /// Why it is undetermined, where it is.
    pub reason: Option<UndeterminedReason>,
    /// The reason in words, with what the analyzer said; may be empty.
    pub detail: String,
    /// When.
    pub decided_at: UnixMillis,
    /// The analysis it rests on; none where no analyzer gave one that could be read.
    pub analysis: Option<Analysis>,
}

/// How far the record has come on its way to the cloud.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum UploadState {
    /// Not decided yet, so not to be sent.
    NotDue,
    /// Waiting for its turn or for the network.
    Waiting {
        /// Failed tries so far.
        attempts: u32,
        /// The last failure in words; empty before the first.
        last_reason: String,
    },
    /// Parked until a person retries.
    Parked {
        /// What stands in the way.
        obstacle: Obstacle,
        /// In words, with what to do.
        reason: String,
    },
    /// In S3 and DynamoDB, both verified.
    Verified {
        /// When it was verified.
        at: UnixMillis,
        /// Where the image lies, `s3://bucket/key`.
        image_url: String,
    },
}

/// A picture was removed from the station to make room, after the cloud was found to have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRemoval {
    /// When.
    pub at: UnixMillis,
    /// Where it lies, `s3://bucket/key`.
    pub image_url: String,
}

/// The whole record of a part.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Counts up with every capture of this station; the order that holds when clocks do not.
    pub sequence: i64,
    /// What was fixed at capture.
    pub capture: CaptureFacts,
    /// The picture.
    pub image: ImageFacts,
    /// What the local screen said, where it answered.
    pub screening: Option<Analysis>,
    /// What was decided; none while pending.
    pub decision: Option<Decision>,
    /// Why it is still pending, where a try failed.
    pub pending: Option<Hindrance>,
    /// What people said, oldest first.
    pub operator_decisions: Vec<OperatorDecision>,
    /// Counts up with every change after the capture.
    pub revision: u32,
    /// How far it has come.
    pub upload: UploadState,
    /// That its picture was removed here to make room; none where it still lies here.
    pub image_removed: Option<ImageRemoval>,
    /// Its last row in the audit trail, which says what the record was then; none before the first
    /// decision, and in records that are older than the trail.
    pub evidence: Option<Box<AuditRow>>,
}

impl Inspection {
    /// Why its picture cannot be shown, where it was removed.
    pub fn image_removed(&self) -> Option<StoreError> {
        self.image_removed.as_ref().map(|removal| {
            let kept = removal.at.since(self.capture.captured_at);
            StoreError::ImageRemoved {
                id: self.capture.id,
                after_days: kept.as_secs() / (24 * 60 * 60),
                image_url: removal.image_url.clone(),
            }
        })
    }

    /// The verdict's code; `Pending` while there is none.
    pub fn verdict(&self) -> VerdictCode {
        self.decision
            .as_ref()
            .map_or(VerdictCode::Pending, |decision| decision.verdict)
    }

    /// What a person said last, where one did.
    pub fn last_call(&self) -> Option<OperatorCall> {
        self.operator_decisions.last().map(|said| said.call)
    }

    /// What becomes of the part: its verdict and what people said of it.
    pub fn disposition(&self) -> Disposition {
        Disposition::of(self.verdict(), self.last_call())
    }

    /// The analysis to show: the one decided on, or else what the screen said.
    pub fn analysis(&self) -> Option<&Analysis> {
        match &self.decision {
            Some(decision) => decision.analysis.as_ref(),
            None => self.screening.as_ref(),
        }
    }
}
