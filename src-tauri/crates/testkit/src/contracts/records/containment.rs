//! Which parts are on the containment list, and until when.

use super::{captured, later, picture};
use crate::builders::{capture, defective, finding, good};
use wiko_core::{
    analysis::Analysis,
    audit::{AuditCategory, AuditEntry, AuditResult, AuditSource},
    containment::Acknowledgement,
    defect::{DefectType, Severity},
    disposition::Disposition,
    id::InspectionId,
    inspection::{OperatorCall, OperatorDecision},
    ports::Records,
    time::UnixMillis,
    verdict::{UndeterminedReason, Verdict, judge},
};

async fn decided(
    records: &dyn Records,
    n: u32,
    analysis: &Analysis,
    at: UnixMillis,
) -> InspectionId {
    let id = captured(records, n).await;
    let verdict = judge(&picture(n).facts(), analysis, None);
    records
        .decide(id, &verdict, Some(analysis), "", at)
        .await
        .unwrap();
    id
}

fn bad(n: u32) -> Analysis {
    let found = finding(DefectType::RustSpot, Severity::Critical, super::BOX);
    defective(&picture(n).facts(), vec![found])
}

fn entry(id: InspectionId, note: &str) -> AuditEntry {
    AuditEntry {
        at: later(4000),
        source: AuditSource::Window,
        category: AuditCategory::Containment,
        identity: "op-5".into(),
        subject: Some(id.to_string()),
        result: AuditResult::Done,
        detail: note.into(),
    }
}

/// Late and not good; what is good, in time or pending is not on it.
pub async fn a_part_that_is_not_found_good_in_time_is_to_be_found_again(records: &dyn Records) {
    // Part n is captured n seconds after noon.
    decided(records, 1, &bad(1), later(61)).await;
    decided(records, 2, &good(&picture(2).facts()), later(3600)).await;
    let late = decided(records, 3, &bad(3), later(3600)).await;
    // The clock was set back in between: nobody knows how late it is.
    let unknown = decided(
        records,
        4,
        &bad(4),
        UnixMillis(capture(4).captured_at.0 - 1),
    )
    .await;
    let undetermined = captured(records, 5).await;
    records
        .decide(
            undetermined,
            &Verdict::Undetermined(UndeterminedReason::Unsure),
            None,
            "",
            later(66),
        )
        .await
        .unwrap();
    captured(records, 6).await;
    // Drawn for review: it was found good.
    let drawn = captured(records, 7).await;
    let review = Verdict::Undetermined(UndeterminedReason::SampledForReview);
    records
        .decide(drawn, &review, None, "", later(3600))
        .await
        .unwrap();

    let list = records.contained(false, 10).await.unwrap();
    let ids: Vec<_> = list.parts.iter().map(|part| part.id).collect();
    assert_eq!((ids, list.open), (vec![late, unknown, undetermined], 3));
    let first = &list.parts[0];
    assert_eq!(first.disposition, Disposition::Fail);
    assert_eq!(first.lot, capture(3).lot);
    assert_eq!(first.decided_at, later(3600));
    assert_eq!(
        first.worst,
        Some((DefectType::RustSpot, Severity::Critical))
    );
    assert_eq!(list.parts[2].worst, None);
    let some = records.contained(false, 1).await.unwrap();
    assert_eq!((some.parts.len(), some.open), (1, 3));
}

/// What was passed and is rejected while it lies there is not to be looked for; later it is.
pub async fn a_part_that_was_passed_and_is_rejected_late_is_to_be_found_again(
    records: &dyn Records,
) {
    let parts = [
        decided(records, 1, &good(&picture(1).facts()), later(3)).await,
        decided(records, 2, &good(&picture(2).facts()), later(3)).await,
    ];
    for (id, at) in parts.into_iter().zip([later(5), later(5000)]) {
        let reject = OperatorDecision {
            call: OperatorCall::Reject,
            operator: "op-9".into(),
            reason: Some("missed_defect".into()),
            decided_at: at,
        };
        for _ in 0..2 {
            records.operator_decided(id, &reject).await.unwrap();
        }
    }
    let list = records.contained(false, 10).await.unwrap();
    let listed: Vec<_> = list
        .parts
        .iter()
        .map(|part| (part.id, part.disposition))
        .collect();
    assert_eq!(listed, [(parts[1], Disposition::Rejected)]);
}

/// The first who has seen to a part is the one who is noted.
pub async fn a_part_is_off_the_list_once_somebody_has_seen_to_it(records: &dyn Records) {
    let late = decided(records, 1, &bad(1), later(3600)).await;
    let in_time = decided(records, 2, &bad(2), later(2)).await;
    let acknowledge = async |id, note| {
        let entry = entry(id, note);
        records.acknowledge_contained(id, &entry).await.unwrap()
    };
    assert!(acknowledge(late, "scrapped").await);
    assert!(!acknowledge(late, "found_good").await, "twice");
    assert!(!acknowledge(in_time, "scrapped").await, "not on the list");
    let open = records.contained(false, 10).await.unwrap();
    assert_eq!((open.parts.len(), open.open), (0, 0));
    let seen = records.contained(true, 10).await.unwrap();
    let expected = Acknowledgement {
        by: "op-5".into(),
        at: later(4000),
        note: "scrapped".into(),
    };
    assert_eq!(seen.parts[0].id, late);
    assert_eq!(seen.parts[0].acknowledged, Some(expected));
}
