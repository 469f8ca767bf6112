//! Parts that were not found good after they had moved on from the place where they were looked at, or that a person
//! rejected then although they had passed: somebody has to find them again.
//!
//! Invariants:
//! - A part is put on the list in the change that decides it, so that no crash comes between.
//! - It stays on the list until a person has acknowledged it. No later word on the part takes it off.

use crate::{
    defect::{DefectType, Severity},
    disposition::Disposition,
    id::InspectionId,
    sku::ProductSku,
    stage::Stage,
    time::UnixMillis,
};
use std::time::Duration;

/// A part whose verdict comes later than that after its capture has moved on, where nothing else is set.
pub const LATE_AFTER: Duration = Duration::from_secs(60);

/// A part of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainedPart {
    /// Its place in the order of capture.
    pub sequence: i64,
    /// Its id.
    pub id: InspectionId,
    /// When it was looked at.
    pub captured_at: UnixMillis,
    /// When its verdict came.
    pub decided_at: UnixMillis,
    /// What became of it by now: a person's last call goes before the verdict.
    pub disposition: Disposition,
    /// Which product.
    pub product_sku: ProductSku,
    /// At which stage.
    pub stage: Stage,
    /// The lot, where given.
    pub lot: Option<String>,
    /// The serial number, where scanned.
    pub serial: Option<String>,
    /// Code of the shift.
    pub shift: String,
    /// The worst that was found, where something was.
    pub worst: Option<(DefectType, Severity)>,
    /// Who has seen to it, where somebody has.
    pub acknowledged: Option<Acknowledgement>,
}

/// That a person has seen to a part of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Opaque id of the person.
    pub by: String,
    /// When.
    pub at: UnixMillis,
    /// What became of the part, in a word or a sentence.
    pub note: String,
}

/// Some of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainedParts {
    /// In the order of capture, the oldest first; of those that are seen to, the newest first.
    pub parts: Vec<ContainedPart>,
    /// How many nobody has seen to, whether they are among these or not.
    pub open: u64,
}
