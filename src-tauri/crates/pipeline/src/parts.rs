//! What a station is made of, what it is told, and what it refuses.

use std::{sync::Arc, time::Duration};
use wiko_core::{
    camera::CameraId,
    chain::Chain,
    facility::Facility,
    ports::{Analyzer, Clock, Entropy, Language, Records, StoreError, Uploader},
    shift::ShiftPlan,
    sku::ProductSku,
    spending::Budget,
    stage::Stage,
};

/// What a pixel of a camera stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Which camera; pictures from elsewhere are not measured.
    pub camera: CameraId,
    /// Millimetres in the plane of the part.
    pub mm_per_px: f64,
}

/// What is fixed for a run of the station.
#[derive(Debug, Clone)]
pub struct StationSettings {
    /// Where it stands.
    pub facility: Facility,
    /// Its name.
    pub station: String,
    /// When the shifts begin.
    pub shifts: ShiftPlan,
    /// The language in which analyzers write, until it is changed.
    pub language: Language,
    /// Analyses under way at once.
    pub analyses_in_flight: usize,
    /// Uploads under way at once.
    pub uploads_in_flight: usize,
    /// How long an analysis is a worker's own; longer than any may take.
    pub analysis_lease: Duration,
    /// How long an upload is a worker's own; longer than any may take.
    pub upload_lease: Duration,
    /// What models may cost in a month.
    pub budget: Budget,
    /// Of the parts that machines find good, one in so many is for a person all the same; 0 for none.
    pub review_every: u32,
    /// What a pixel of the camera stands for, where that is known.
    pub calibration: Option<Calibration>,
}

/// What the station is made of.
pub struct Parts {
    /// Records and queues.
    pub records: Arc<dyn Records>,
    /// Who decides.
    pub chain: Chain,
    /// The local screen, which answers before the chain where it has learnt the part.
    pub screen: Option<Arc<dyn Analyzer>>,
    /// The cloud, where there is one.
    pub uploader: Option<Arc<dyn Uploader>>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Everything else.
    pub settings: StationSettings,
}

/// What is being inspected, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Which product.
    pub product_sku: ProductSku,
    /// At which stage.
    pub stage: Stage,
    /// The lot, where given.
    pub lot: Option<String>,
    /// The serial number, where scanned.
    pub serial: Option<String>,
    /// Opaque id of the operator.
    pub operator: String,
}

/// What a person said was not noted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallRefused {
    /// The disk or the database did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An override came without a reason.
    #[error("an override needs a reason: choose one")]
    NoReason,
    /// Nobody has judged the part: a call made now would hold against a verdict that its maker never saw.
    #[error("the part is not judged yet: wait for the verdict, or reject the part")]
    NotJudged,
}
