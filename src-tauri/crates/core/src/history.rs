//! Questions to the history and the shift's count.

use crate::{
    defect::{DefectType, Severity},
    disposition::Disposition,
    id::InspectionId,
    inspection::{Inspection, OperatorCall, UploadState},
    sku::ProductSku,
    stage::Stage,
    time::UnixMillis,
    verdict::VerdictCode,
};

/// Which inspections to list. Each given field narrows; newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HistoryFilter {
    /// Captured at or after.
    pub from: Option<UnixMillis>,
    /// Captured before.
    pub to: Option<UnixMillis>,
    /// At this stage.
    pub stage: Option<Stage>,
    /// Of this product.
    pub product_sku: Option<ProductSku>,
    /// Of which this became. A pass that a person rejected is no pass here.
    pub disposition: Option<Disposition>,
    /// Whose worst finding has this severity.
    pub severity: Option<Severity>,
    /// In whose texts every one of these words stands: descriptions, summary, root cause, defect type,
    /// reasons of people, lot and serial. Words in letters and digits may be cut short.
    pub text: Option<String>,
}

/// Where a page of the history begins: just before this sequence number. Keyset, not offset, so that
/// the millionth page costs what the first does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryCursor(pub i64);

/// A line of the history.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryRow {
    /// Order of capture.
    pub sequence: i64,
    /// The part.
    pub id: InspectionId,
    /// When captured.
    pub captured_at: UnixMillis,
    /// Where.
    pub stage: Stage,
    /// Which product.
    pub product_sku: ProductSku,
    /// The lot, where given.
    pub lot: Option<String>,
    /// The verdict; `Pending` while there is none.
    pub verdict: VerdictCode,
    /// The worst finding's severity.
    pub severity: Option<Severity>,
    /// The worst finding's type.
    pub defect_type: Option<DefectType>,
    /// How many findings.
    pub findings: u32,
    /// A person's last call, where there is one.
    pub operator_call: Option<OperatorCall>,
    /// True once S3 and DynamoDB have it.
    pub uploaded: bool,
}

impl HistoryRow {
    /// The line of a record: the very one that the history has of it. What the local screen said of a
    /// pending part is no finding yet.
    pub fn of(inspection: &Inspection) -> Self {
        let analysis = inspection
            .decision
            .as_ref()
            .and_then(|decision| decision.analysis.as_ref());
        let worst = analysis.and_then(|analysis| analysis.worst());
        Self {
            sequence: inspection.sequence,
            id: inspection.capture.id,
            captured_at: inspection.capture.captured_at,
            stage: inspection.capture.stage,
            product_sku: inspection.capture.product_sku.clone(),
            lot: inspection.capture.lot.clone(),
            verdict: inspection.verdict(),
            severity: worst.map(|finding| finding.severity),
            defect_type: worst.map(|finding| finding.defect_type),
            findings: analysis.map_or(0, |analysis| analysis.findings.len() as u32),
            operator_call: inspection.last_call(),
            uploaded: matches!(inspection.upload, UploadState::Verified { .. }),
        }
    }

    /// What becomes of the part: its verdict and what people said of it.
    pub fn disposition(&self) -> Disposition {
        Disposition::of(self.verdict, self.operator_call)
    }
}

/// A page of the history.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryPage {
    /// Newest first. A page may hold fewer than asked for, even none, and not be the last: a search that
    /// finds much of which the other filters leave little is given back in pieces.
    pub rows: Vec<HistoryRow>,
    /// Where the next page begins; none on the last.
    pub next: Option<HistoryCursor>,
}

/// The count of a shift, or of any span of time, by what became of each part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Found good and not rejected by a person, or released by one.
    pub pass: u64,
    /// Found defective and not released by a person, or rejected by one.
    pub fail: u64,
    /// A person has to look, and none has decided.
    pub undetermined: u64,
    /// Nobody has answered yet.
    pub pending: u64,
}

impl Tally {
    /// Counts `parts` more of which this became.
    pub fn add(&mut self, disposition: Disposition, parts: u64) {
        *match disposition {
            Disposition::Pass | Disposition::Accepted => &mut self.pass,
            Disposition::Fail | Disposition::Rejected => &mut self.fail,
            Disposition::Undetermined => &mut self.undetermined,
            Disposition::Pending => &mut self.pending,
        } += parts;
    }

    /// All captured parts.
    pub fn inspected(&self) -> u64 {
        self.pass + self.fail + self.undetermined + self.pending
    }

    /// Yield: good ones among those decided good or bad, by machine or person. None before the first decision:
    /// a yield of nothing is not 100 %.
    pub fn yield_ratio(&self) -> Option<f64> {
        let decided = self.pass + self.fail;
        (decided > 0).then(|| self.pass as f64 / decided as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_counts_by_what_a_person_made_of_it() {
        let mut tally = Tally::default();
        for disposition in Disposition::ALL {
            tally.add(*disposition, 1);
        }
        let expected = Tally {
            pass: 2,
            fail: 2,
            undetermined: 1,
            pending: 1,
        };
        assert_eq!(tally, expected);
    }

    #[test]
    fn a_part_that_is_not_decided_counts_as_inspected_and_never_towards_the_yield() {
        let tally = Tally {
            pass: 3,
            fail: 1,
            undetermined: 2,
            pending: 4,
        };
        assert_eq!(tally.inspected(), 10);
        assert_eq!(tally.yield_ratio(), Some(0.75));
        assert_eq!(
            Tally {
                pending: 5,
                ..Tally::default()
            }
            .yield_ratio(),
            None
        );
    }
}
