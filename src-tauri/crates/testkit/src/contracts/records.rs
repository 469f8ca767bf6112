//! Contract of the records port. There is no fake: the real store on a temporary directory is fast.
//! Each function wants a store without any part in it.

pub mod containment;
pub mod history;
pub mod queue;
pub mod spending;

use crate::builders::{NOON, capture, defective, finding, good, image};
use std::time::Duration;
use wiko_core::{
    analysis::Analysis,
    defect::{DefectType, Severity},
    geometry::BoxPx,
    history::{HistoryFilter, HistoryRow, Tally},
    id::InspectionId,
    image::EncodedImage,
    inspection::{OperatorCall, OperatorDecision, UploadState},
    ports::{Records, StoreError},
    queue::{Obstacle, Queue, Setback},
    time::UnixMillis,
    verdict::{UndeterminedReason, Verdict, VerdictCode, judge},
};

const BOX: BoxPx = BoxPx {
    x: 10,
    y: 20,
    width: 30,
    height: 40,
};

fn later(seconds: u64) -> UnixMillis {
    NOON.plus(Duration::from_secs(seconds))
}

/// The picture of the part that [`captured`] makes for `n`.
pub fn picture(n: u32) -> EncodedImage {
    image(format!("picture {n}").as_bytes())
}

/// Captures part `n`.
pub async fn captured(records: &dyn Records, n: u32) -> InspectionId {
    let part = capture(n);
    records.capture(&part, &picture(n)).await.unwrap();
    part.id
}

/// Decides part `n` as good.
pub async fn passed(records: &dyn Records, n: u32) -> InspectionId {
    let facts = picture(n).facts();
    let analysis = good(&facts);
    let id = capture(n).id;
    records
        .decide(
            id,
            &judge(&facts, &analysis, None),
            Some(&analysis),
            "",
            later(60),
        )
        .await
        .unwrap();
    id
}

/// Decides part `n` as defective.
pub async fn failed(records: &dyn Records, n: u32, defect: DefectType) -> InspectionId {
    let facts = picture(n).facts();
    let analysis = defective(&facts, vec![finding(defect, Severity::Minor, BOX)]);
    let id = capture(n).id;
    records
        .decide(
            id,
            &judge(&facts, &analysis, None),
            Some(&analysis),
            "",
            later(60),
        )
        .await
        .unwrap();
    id
}

fn setback(obstacle: Obstacle, next_try_at: UnixMillis) -> Setback {
    Setback {
        obstacle,
        reason: "the network is away".into(),
        next_try_at,
    }
}

fn override_by_a_person() -> OperatorDecision {
    OperatorDecision {
        call: OperatorCall::Reject,
        operator: "op-9".into(),
        reason: Some("seen_by_eye".into()),
        decided_at: later(90),
    }
}

/// Every case of the contract, each on a store that `empty` makes.
pub async fn all<R: Records, F: AsyncFn() -> R>(empty: F) {
    a_captured_part_is_read_back_as_it_was_captured(&empty().await).await;
    a_part_cannot_be_captured_twice(&empty().await).await;
    an_unknown_part_is_not_found(&empty().await).await;
    a_part_is_decided_once(&empty().await).await;
    a_verdict_keeps_its_analysis_and_its_reason(&empty().await).await;
    a_refused_reply_with_a_confidence_that_is_no_number_stays_readable(&empty().await).await;
    what_the_screen_said_is_kept_while_the_part_is_pending(&empty().await).await;
    spending::the_calls_of_models_are_kept_and_summed_up_by_time(&empty().await).await;
    containment::a_part_that_is_not_found_good_in_time_is_to_be_found_again(&empty().await).await;
    containment::a_part_that_was_passed_and_is_rejected_late_is_to_be_found_again(&empty().await)
        .await;
    containment::a_part_is_off_the_list_once_somebody_has_seen_to_it(&empty().await).await;
    queue::analysis_work_is_leased_oldest_first_and_to_one_holder(&empty().await).await;
    queue::a_part_that_was_never_tried_goes_before_those_that_were(&empty().await).await;
    queue::a_setback_waits_or_parks_and_a_retry_frees_it(&empty().await).await;
    queue::only_decided_parts_are_uploaded_and_each_until_it_is_verified(&empty().await).await;
    queue::a_person_s_decision_sends_the_part_again(&empty().await).await;
    queue::a_newer_revision_keeps_the_part_on_the_queue(&empty().await).await;
    queue::some_of_a_queue_is_leased_where_that_is_asked_for(&empty().await).await;
    queue::the_parts_on_the_queues_are_listed_the_parked_first(&empty().await).await;
    queue::the_queues_tell_how_they_stand(&empty().await).await;
    queue::a_clock_that_was_set_back_strands_no_part(&empty().await).await;
    history::the_history_is_newest_first_in_pages_without_gaps(&empty().await).await;
    history::each_filter_narrows_the_history(&empty().await).await;
    history::what_is_said_of_a_part_is_found(&empty().await).await;
    history::a_part_is_listed_by_what_became_of_it(&empty().await).await;
    history::a_clock_that_was_set_back_hides_no_part_from_the_history(&empty().await).await;
    history::the_tally_counts_from_its_start_until_before_its_end(&empty().await).await;
    the_tally_counts_what_a_person_made_of_a_part(&empty().await).await;
    a_line_of_the_history_says_what_the_record_says(&empty().await).await;
    a_healthy_store_is_writable(&empty().await).await;
}

/// Record and picture come back unchanged, pending and with nothing said of them.
pub async fn a_captured_part_is_read_back_as_it_was_captured(records: &dyn Records) {
    let mut part = capture(1);
    part.lot = None;
    part.serial = Some("序列-1".into());
    part.camera.frame_sequence = u64::MAX;
    let first = records.capture(&part, &picture(1)).await.unwrap();
    let second = records.capture(&capture(2), &picture(2)).await.unwrap();
    assert!(second > first, "the sequence counts up");

    let record = records.inspection(part.id).await.unwrap();
    assert_eq!(record.capture, part);
    assert_eq!(record.image, picture(1).facts());
    assert_eq!(record.sequence, first);
    assert_eq!(record.verdict(), VerdictCode::Pending);
    assert_eq!(record.upload, UploadState::NotDue);
    assert_eq!((record.screening, record.pending), (None, None));
    assert_eq!(record.revision, 0);
    assert!(record.operator_decisions.is_empty());
    assert_eq!(
        *records.image(part.id).await.unwrap().bytes(),
        *picture(1).bytes()
    );
}

/// The first picture stays.
pub async fn a_part_cannot_be_captured_twice(records: &dyn Records) {
    let id = captured(records, 1).await;
    let again = records.capture(&capture(1), &picture(2)).await;
    assert!(again.is_err());
    assert_eq!(
        records.inspection(id).await.unwrap().image,
        picture(1).facts()
    );
    assert_eq!(
        *records.image(id).await.unwrap().bytes(),
        *picture(1).bytes()
    );
}

/// Every call that names a part says so.
pub async fn an_unknown_part_is_not_found(records: &dyn Records) {
    let id = capture(7).id;
    let missing = StoreError::NotFound { id };
    let analysis = good(&picture(7).facts());
    assert_eq!(records.inspection(id).await.unwrap_err(), missing);
    assert_eq!(records.image(id).await.unwrap_err(), missing);
    assert_eq!(records.screened(id, &analysis).await.unwrap_err(), missing);
    let decided = records
        .decide(id, &Verdict::Fail, None, "", NOON)
        .await
        .unwrap_err();
    assert_eq!(decided, missing);
    let said = records.operator_decided(id, &override_by_a_person()).await;
    assert_eq!(said.unwrap_err(), missing);
    let setback = setback(Obstacle::Transient, NOON);
    let back = records.set_back(Queue::Upload, id, &setback).await;
    assert_eq!(back.unwrap_err(), missing);
    let uploaded = records.uploaded(id, 1, "s3://b/k", NOON).await;
    assert_eq!(uploaded.unwrap_err(), missing);
    let retried = records.retry(Queue::Upload, Some(id), NOON).await;
    assert_eq!(retried.unwrap_err(), missing);
}

/// The first decision stands.
pub async fn a_part_is_decided_once(records: &dyn Records) {
    captured(records, 1).await;
    let id = failed(records, 1, DefectType::BladeScratch).await;
    let analysis = good(&picture(1).facts());
    let verdict = judge(&picture(1).facts(), &analysis, None);
    assert_eq!(verdict.code(), VerdictCode::Pass);
    let again = records
        .decide(id, &verdict, Some(&analysis), "", later(61))
        .await;
    assert_eq!(again.unwrap_err(), StoreError::AlreadyDecided { id });
    let screened = records.screened(id, &analysis).await;
    assert_eq!(screened.unwrap_err(), StoreError::AlreadyDecided { id });
    let record = records.inspection(id).await.unwrap();
    assert_eq!(record.verdict(), VerdictCode::Fail);
    assert_eq!(record.screening, None);
}

/// What is returned is what is read.
pub async fn a_verdict_keeps_its_analysis_and_its_reason(records: &dyn Records) {
    let id = captured(records, 1).await;
    let verdict = Verdict::Undetermined(UndeterminedReason::Unsure);
    let analysis = Analysis {
        findings: vec![finding(DefectType::RustSpot, Severity::Minor, BOX)],
        ..good(&picture(1).facts())
    };
    let decision = records
        .decide(id, &verdict, Some(&analysis), "看不清", later(60))
        .await
        .unwrap();
    assert_eq!(decision.reason, Some(UndeterminedReason::Unsure));
    assert_eq!(decision.analysis.as_ref(), Some(&analysis));
    let record = records.inspection(id).await.unwrap();
    assert_eq!(record.decision, Some(decision));
    assert_eq!(record.revision, 1);

    captured(records, 2).await;
    let id = capture(2).id;
    let verdict = Verdict::Undetermined(UndeterminedReason::ContractBroken);
    records
        .decide(id, &verdict, None, "no JSON", later(60))
        .await
        .unwrap();
    let decision = records.inspection(id).await.unwrap().decision.unwrap();
    assert_eq!(
        (decision.analysis, decision.detail.as_str()),
        (None, "no JSON")
    );
}

/// JSON knows no NaN; the record must not become unreadable by it.
pub async fn a_refused_reply_with_a_confidence_that_is_no_number_stays_readable(
    records: &dyn Records,
) {
    let id = captured(records, 1).await;
    let facts = picture(1).facts();
    let mut analysis = defective(
        &facts,
        vec![finding(DefectType::BladeScratch, Severity::Minor, BOX)],
    );
    analysis.findings[0].confidence = f64::NAN;
    let verdict = judge(&facts, &analysis, None);
    records
        .decide(id, &verdict, Some(&analysis), "", later(60))
        .await
        .unwrap();
    let record = records.inspection(id).await.unwrap();
    assert_eq!(record.verdict(), VerdictCode::Undetermined);
    let confidence = record.analysis().unwrap().findings[0].confidence;
    assert!(!(0.0..=1.0).contains(&confidence), "{confidence}");
}

/// A screening is shown until there is a decision, and decides nothing.
pub async fn what_the_screen_said_is_kept_while_the_part_is_pending(records: &dyn Records) {
    let id = captured(records, 1).await;
    let screening = good(&picture(1).facts());
    records.screened(id, &screening).await.unwrap();
    let record = records.inspection(id).await.unwrap();
    assert_eq!(record.screening, Some(screening.clone()));
    assert_eq!(record.verdict(), VerdictCode::Pending);
    let work = records.lease_analysis(NOON, later(60)).await.unwrap();
    assert_eq!(work.unwrap().screening, Some(screening));
}

/// A rejected part is no yield, an accepted one is; the last call holds.
pub async fn the_tally_counts_what_a_person_made_of_a_part(records: &dyn Records) {
    for n in 1..=5 {
        captured(records, n).await;
    }
    for n in 1..=3 {
        passed(records, n).await;
    }
    failed(records, 4, DefectType::BladeChip).await;
    let calls = [
        (1, OperatorCall::Confirm),
        (2, OperatorCall::Accept),
        (2, OperatorCall::Reject),
        (3, OperatorCall::Reject),
        (3, OperatorCall::Confirm),
        (4, OperatorCall::Accept),
        (5, OperatorCall::Reject),
    ];
    for (n, call) in calls {
        let said = OperatorDecision {
            call,
            ..override_by_a_person()
        };
        records
            .operator_decided(capture(n).id, &said)
            .await
            .unwrap();
    }
    let tally = records
        .tally(capture(1).captured_at, capture(6).captured_at)
        .await
        .unwrap();
    let expected = Tally {
        pass: 3,
        fail: 2,
        undetermined: 0,
        pending: 0,
    };
    assert_eq!(tally, expected, "rejected: parts 2 and 5");
    assert_eq!(tally.yield_ratio(), Some(0.6));
}

/// The line made of a record is the line that the history gives: pending, screened, decided, called.
pub async fn a_line_of_the_history_says_what_the_record_says(records: &dyn Records) {
    for n in 1..=4 {
        captured(records, n).await;
    }
    let facts = picture(2).facts();
    let seen = defective(
        &facts,
        vec![finding(DefectType::Unknown, Severity::Major, BOX)],
    );
    records.screened(capture(2).id, &seen).await.unwrap();
    failed(records, 3, DefectType::RustSpot).await;
    passed(records, 4).await;
    records
        .operator_decided(capture(4).id, &override_by_a_person())
        .await
        .unwrap();
    let page = records.history(&HistoryFilter::default(), None, 9).await;
    let lines = page.unwrap().rows;
    assert_eq!(lines.len(), 4);
    for line in lines {
        let record = records.inspection(line.id).await.unwrap();
        assert_eq!(line, HistoryRow::of(&record));
    }
    let screened = records.inspection(capture(2).id).await.unwrap();
    let line = HistoryRow::of(&screened);
    assert_eq!(
        (line.severity, line.findings),
        (None, 0),
        "what the screen saw of a pending part is no finding yet"
    );
}

/// And looking leaves nothing behind.
pub async fn a_healthy_store_is_writable(records: &dyn Records) {
    for _ in 0..2 {
        records.check_writable().await.unwrap();
    }
    let page = records.history(&HistoryFilter::default(), None, 1).await;
    assert!(page.unwrap().rows.is_empty());
}
