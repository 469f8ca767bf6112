//! Contract of the records port. There is no fake: the real store on a temporary directory is fast.
//! Each function wants a store without any part in it.

use crate::builders::{NOON, capture, defective, finding, good, image};
use std::time::Duration;
use wiko_core::{
    analysis::Analysis,
    defect::{DefectType, Severity},
    geometry::BoxPx,
    history::{HistoryCursor, HistoryFilter, Tally},
    id::InspectionId,
    image::{EncodedImage, Sha256},
    inspection::{OperatorCall, OperatorDecision, UploadState},
    ports::{Records, StoreError},
    queue::{Hindrance, Obstacle, Queue, Setback},
    sku::ProductSku,
    stage::Stage,
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
    let facts = picture(n).facts;
    let analysis = good(&facts);
    let id = capture(n).id;
    records
        .decide(
            id,
            &judge(&facts, &analysis),
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
    let facts = picture(n).facts;
    let analysis = defective(&facts, vec![finding(defect, Severity::Minor, BOX)]);
    let id = capture(n).id;
    records
        .decide(
            id,
            &judge(&facts, &analysis),
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
    bytes_that_are_not_those_of_the_hash_are_refused(&empty().await).await;
    a_part_cannot_be_captured_twice(&empty().await).await;
    an_unknown_part_is_not_found(&empty().await).await;
    a_part_is_decided_once(&empty().await).await;
    a_verdict_keeps_its_analysis_and_its_reason(&empty().await).await;
    a_refused_reply_with_a_confidence_that_is_no_number_stays_readable(&empty().await).await;
    what_the_screen_said_is_kept_while_the_part_is_pending(&empty().await).await;
    analysis_work_is_leased_oldest_first_and_to_one_holder(&empty().await).await;
    a_part_that_was_never_tried_goes_before_those_that_were(&empty().await).await;
    a_setback_waits_or_parks_and_a_retry_frees_it(&empty().await).await;
    only_decided_parts_are_uploaded_and_each_until_it_is_verified(&empty().await).await;
    a_person_s_decision_sends_the_part_again(&empty().await).await;
    a_newer_revision_keeps_the_part_on_the_queue(&empty().await).await;
    the_queues_tell_how_they_stand(&empty().await).await;
    the_history_is_newest_first_in_pages_without_gaps(&empty().await).await;
    each_filter_narrows_the_history(&empty().await).await;
    a_clock_that_was_set_back_hides_no_part_from_the_history(&empty().await).await;
    the_tally_counts_from_its_start_until_before_its_end(&empty().await).await;
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
    assert_eq!(record.image, picture(1).facts);
    assert_eq!(record.sequence, first);
    assert_eq!(record.verdict(), VerdictCode::Pending);
    assert_eq!(record.upload, UploadState::NotDue);
    assert_eq!((record.screening, record.pending), (None, None));
    assert_eq!(record.revision, 0);
    assert!(record.operator_decisions.is_empty());
    assert_eq!(
        *records.image(part.id).await.unwrap().bytes,
        *picture(1).bytes
    );
}

/// A picture whose bytes do not fit its facts is no evidence.
pub async fn bytes_that_are_not_those_of_the_hash_are_refused(records: &dyn Records) {
    let mut other = picture(1);
    other.facts.sha256 = Sha256::of(b"another");
    let error = records.capture(&capture(1), &other).await.unwrap_err();
    assert!(matches!(error, StoreError::ImageDamaged { .. }), "{error}");
    let id = capture(1).id;
    assert_eq!(
        records.inspection(id).await,
        Err(StoreError::NotFound { id })
    );
    captured(records, 1).await;
}

/// The first picture stays.
pub async fn a_part_cannot_be_captured_twice(records: &dyn Records) {
    let id = captured(records, 1).await;
    let again = records.capture(&capture(1), &picture(2)).await;
    assert!(again.is_err());
    assert_eq!(
        records.inspection(id).await.unwrap().image,
        picture(1).facts
    );
    assert_eq!(*records.image(id).await.unwrap().bytes, *picture(1).bytes);
}

/// Every call that names a part says so.
pub async fn an_unknown_part_is_not_found(records: &dyn Records) {
    let id = capture(7).id;
    let missing = StoreError::NotFound { id };
    let analysis = good(&picture(7).facts);
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
    let analysis = good(&picture(1).facts);
    let verdict = judge(&picture(1).facts, &analysis);
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
        ..good(&picture(1).facts)
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
    let facts = picture(1).facts;
    let mut analysis = defective(
        &facts,
        vec![finding(DefectType::BladeScratch, Severity::Minor, BOX)],
    );
    analysis.findings[0].confidence = f64::NAN;
    let verdict = judge(&facts, &analysis);
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
    let screening = good(&picture(1).facts);
    records.screened(id, &screening).await.unwrap();
    let record = records.inspection(id).await.unwrap();
    assert_eq!(record.screening, Some(screening.clone()));
    assert_eq!(record.verdict(), VerdictCode::Pending);
    let work = records.lease_analysis(NOON, later(60)).await.unwrap();
    assert_eq!(work.unwrap().screening, Some(screening));
}

/// Nobody else gets the part before the lease ends; afterwards somebody does.
pub async fn analysis_work_is_leased_oldest_first_and_to_one_holder(records: &dyn Records) {
    let (one, two) = (captured(records, 1).await, captured(records, 2).await);
    let lease = async |now, until| {
        let work = records.lease_analysis(now, until).await.unwrap();
        work.map(|work| (work.lease.id, work.lease.attempts))
    };
    assert_eq!(lease(NOON, later(60)).await, Some((one, 0)));
    assert_eq!(lease(NOON, later(60)).await, Some((two, 0)));
    assert_eq!(lease(later(59), later(99)).await, None);
    assert_eq!(lease(later(60), later(120)).await, Some((one, 0)));
    passed(records, 2).await;
    assert_eq!(lease(later(60), later(120)).await, None);
}

/// The part under the camera does not wait behind an outage's backlog.
pub async fn a_part_that_was_never_tried_goes_before_those_that_were(records: &dyn Records) {
    let tried = captured(records, 1).await;
    let lease = records
        .lease_analysis(later(0), later(60))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(lease.lease.id, tried);
    let again = setback(Obstacle::Transient, later(1));
    records
        .set_back(Queue::Analysis, tried, &again)
        .await
        .unwrap();
    let fresh = captured(records, 2).await;
    for expected in [fresh, tried] {
        let work = records
            .lease_analysis(later(2), later(60))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(work.lease.id, expected);
    }
}

/// Waiting work waits its time, parked work waits for a person.
pub async fn a_setback_waits_or_parks_and_a_retry_frees_it(records: &dyn Records) {
    let id = captured(records, 1).await;
    let lease = async |now| {
        let work = records.lease_analysis(now, later(1000)).await.unwrap();
        work.map(|work| work.lease.attempts)
    };
    let set_back = async |obstacle| {
        let setback = setback(obstacle, later(30));
        records
            .set_back(Queue::Analysis, id, &setback)
            .await
            .unwrap();
    };
    assert_eq!(lease(NOON).await, Some(0));
    assert_eq!(records.next_due(Queue::Analysis).await, Ok(None));
    set_back(Obstacle::Transient).await;
    assert_eq!(records.next_due(Queue::Analysis).await, Ok(Some(later(30))));
    let pending = records.inspection(id).await.unwrap().pending;
    let away = Hindrance {
        obstacle: Obstacle::Transient,
        reason: "the network is away".into(),
    };
    assert_eq!(pending, Some(away));
    assert_eq!(lease(later(29)).await, None);
    assert_eq!(lease(later(30)).await, Some(1));
    set_back(Obstacle::Credentials).await;
    assert_eq!(records.retry(Queue::Analysis, None, NOON).await, Ok(1));
    assert_eq!(lease(NOON).await, Some(2));
    set_back(Obstacle::NeedsPerson).await;
    assert_eq!(lease(later(999)).await, None);
    assert_eq!(records.next_due(Queue::Analysis).await, Ok(None));
    assert_eq!(records.depth(Queue::Analysis).await.unwrap().parked, 1);
    assert_eq!(records.retry(Queue::Upload, Some(id), NOON).await, Ok(0));
    assert_eq!(records.retry(Queue::Analysis, Some(id), NOON).await, Ok(1));
    assert_eq!(lease(NOON).await, Some(3));
    assert_eq!(
        records.retry(Queue::Analysis, None, NOON).await,
        Ok(0),
        "leased work is its holder's"
    );
}

/// Nothing goes to the cloud before its decision; nothing leaves the queue before it is verified.
pub async fn only_decided_parts_are_uploaded_and_each_until_it_is_verified(records: &dyn Records) {
    let id = captured(records, 1).await;
    assert!(
        records
            .lease_upload(NOON, later(60))
            .await
            .unwrap()
            .is_none()
    );
    let early = records.uploaded(id, 0, "s3://bucket/key", NOON).await;
    assert!(early.is_err(), "it is not decided");

    passed(records, 1).await;
    let waiting = UploadState::Waiting {
        attempts: 0,
        last_reason: String::new(),
    };
    assert_eq!(records.inspection(id).await.unwrap().upload, waiting);
    let work = records
        .lease_upload(NOON, later(60))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(work.lease.id, id);
    assert_eq!(work.inspection, records.inspection(id).await.unwrap());

    let parked = setback(Obstacle::NeedsPerson, NOON);
    records.set_back(Queue::Upload, id, &parked).await.unwrap();
    let expected = UploadState::Parked {
        obstacle: Obstacle::NeedsPerson,
        reason: "the network is away".into(),
    };
    assert_eq!(records.inspection(id).await.unwrap().upload, expected);
    assert_eq!(records.retry(Queue::Upload, None, NOON).await, Ok(1));
    let work = records
        .lease_upload(NOON, later(60))
        .await
        .unwrap()
        .unwrap();
    let revision = work.inspection.revision;
    let newer = records.uploaded(id, revision + 1, "s3://bucket/key", NOON);
    assert!(newer.await.is_err(), "there is no such revision yet");

    for _ in 0..2 {
        records
            .uploaded(id, revision, "s3://bucket/key", later(70))
            .await
            .unwrap();
    }
    let verified = UploadState::Verified {
        at: later(70),
        image_url: "s3://bucket/key".into(),
    };
    assert_eq!(records.inspection(id).await.unwrap().upload, verified);
    assert!(
        records
            .lease_upload(later(900), later(960))
            .await
            .unwrap()
            .is_none()
    );
    let page = records.history(&HistoryFilter::default(), None, 9).await;
    assert!(page.unwrap().rows[0].uploaded);
}

/// Also where it was verified before.
pub async fn a_person_s_decision_sends_the_part_again(records: &dyn Records) {
    let id = captured(records, 1).await;
    records
        .operator_decided(id, &override_by_a_person())
        .await
        .unwrap();
    assert!(
        records
            .lease_upload(NOON, later(60))
            .await
            .unwrap()
            .is_none(),
        "a pending part is not sent"
    );
    passed(records, 1).await;
    let work = records
        .lease_upload(NOON, later(60))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(work.inspection.operator_decisions, [override_by_a_person()]);
    let before = work.inspection.revision;
    records
        .uploaded(id, before, "s3://b/k", NOON)
        .await
        .unwrap();

    let confirmed = OperatorDecision {
        call: OperatorCall::Confirm,
        reason: None,
        ..override_by_a_person()
    };
    records.operator_decided(id, &confirmed).await.unwrap();
    let work = records
        .lease_upload(NOON, later(60))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(work.inspection.revision, before + 1);
    assert_eq!(
        work.inspection.operator_decisions,
        [override_by_a_person(), confirmed]
    );
    assert_eq!(
        work.inspection.verdict(),
        VerdictCode::Pass,
        "a person's call stands beside the verdict"
    );
    let page = records.history(&HistoryFilter::default(), None, 9).await;
    let row = &page.unwrap().rows[0];
    assert_eq!(row.operator_call, Some(OperatorCall::Confirm));
    assert!(!row.uploaded, "its newest revision is not there yet");
}

/// What was said while the upload ran is sent too, by one holder at a time.
pub async fn a_newer_revision_keeps_the_part_on_the_queue(records: &dyn Records) {
    let id = captured(records, 1).await;
    passed(records, 1).await;
    let work = records
        .lease_upload(NOON, later(60))
        .await
        .unwrap()
        .unwrap();
    records
        .operator_decided(id, &override_by_a_person())
        .await
        .unwrap();
    let second = records.lease_upload(NOON, later(60)).await.unwrap();
    assert!(second.is_none(), "the lease holds");
    let sent = work.inspection.revision;
    records.uploaded(id, sent, "s3://b/k", NOON).await.unwrap();
    let again = records
        .lease_upload(NOON, later(60))
        .await
        .unwrap()
        .unwrap();
    let newest = again.inspection.revision;
    assert!(newest > sent);
    records
        .uploaded(id, newest, "s3://b/k", NOON)
        .await
        .unwrap();
    // News of the older try that comes late.
    records.uploaded(id, sent, "s3://b/k", NOON).await.unwrap();
    let upload = records.inspection(id).await.unwrap().upload;
    assert!(matches!(upload, UploadState::Verified { .. }), "{upload:?}");
}

/// Waiting, parked, and how old the oldest is.
pub async fn the_queues_tell_how_they_stand(records: &dyn Records) {
    let empty = records.depth(Queue::Analysis).await.unwrap();
    assert_eq!((empty.waiting, empty.oldest_captured_at), (0, None));
    for n in 1..=3 {
        captured(records, n).await;
    }
    records.lease_analysis(NOON, later(60)).await.unwrap();
    let parked = setback(Obstacle::NeedsPerson, NOON);
    records
        .set_back(Queue::Analysis, capture(1).id, &parked)
        .await
        .unwrap();
    records.lease_analysis(NOON, later(60)).await.unwrap();
    let depth = records.depth(Queue::Analysis).await.unwrap();
    assert_eq!(
        (depth.waiting, depth.parked),
        (2, 1),
        "leased work waits too"
    );
    assert_eq!(depth.oldest_captured_at, Some(capture(2).captured_at));
}

/// Page after page gives every part once.
pub async fn the_history_is_newest_first_in_pages_without_gaps(records: &dyn Records) {
    for n in 1..=7 {
        captured(records, n).await;
    }
    let (mut seen, mut after) = (vec![], None::<HistoryCursor>);
    loop {
        let page = records
            .history(&HistoryFilter::default(), after, 3)
            .await
            .unwrap();
        assert!(page.rows.len() <= 3);
        seen.extend(page.rows.iter().map(|row| row.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let newest_first: Vec<_> = (1..=7).rev().map(|n| capture(n).id).collect();
    assert_eq!(seen, newest_first);
}

/// One filter after the other, and all together.
pub async fn each_filter_narrows_the_history(records: &dyn Records) {
    let sku = ProductSku::new("WK-SC-200").unwrap();
    for n in 1..=6 {
        let mut part = capture(n);
        if n % 2 == 0 {
            part.stage = Stage::LogoPrint;
        }
        if n > 3 {
            part.product_sku = sku.clone();
        }
        records.capture(&part, &picture(n)).await.unwrap();
    }
    passed(records, 1).await;
    failed(records, 2, DefectType::RustSpot).await;
    failed(records, 4, DefectType::BladeScratch).await;
    let at = |n| Some(capture(n).captured_at);
    let any = HistoryFilter::default;
    let all_of_them = HistoryFilter {
        from: at(1),
        to: at(6),
        stage: Some(Stage::LogoPrint),
        product_sku: Some(sku.clone()),
        verdict: Some(VerdictCode::Fail),
        severity: Some(Severity::Minor),
    };
    let nothing = HistoryFilter {
        from: at(6),
        to: at(6),
        ..any()
    };
    let table: [(HistoryFilter, &[u32]); 11] = [
        (any(), &[6, 5, 4, 3, 2, 1]),
        (
            HistoryFilter {
                from: at(5),
                ..any()
            },
            &[6, 5],
        ),
        (HistoryFilter { to: at(3), ..any() }, &[2, 1]),
        (
            HistoryFilter {
                stage: Some(Stage::LogoPrint),
                ..any()
            },
            &[6, 4, 2],
        ),
        (
            HistoryFilter {
                product_sku: Some(sku),
                ..any()
            },
            &[6, 5, 4],
        ),
        (
            HistoryFilter {
                verdict: Some(VerdictCode::Pending),
                ..any()
            },
            &[6, 5, 3],
        ),
        (
            HistoryFilter {
                verdict: Some(VerdictCode::Pass),
                ..any()
            },
            &[1],
        ),
        (
            HistoryFilter {
                severity: Some(Severity::Critical),
                ..any()
            },
            &[2],
        ),
        (
            HistoryFilter {
                severity: Some(Severity::Major),
                ..any()
            },
            &[],
        ),
        (all_of_them, &[4]),
        (nothing, &[]),
    ];
    for (filter, expected) in table {
        let page = records.history(&filter, None, 10).await.unwrap();
        let found: Vec<_> = page.rows.iter().map(|row| row.id).collect();
        let expected: Vec<_> = expected.iter().map(|n| capture(*n).id).collect();
        assert_eq!(found, expected, "{filter:?}");
        assert_eq!(page.next, None);
    }
    let rust = HistoryFilter {
        severity: Some(Severity::Critical),
        ..any()
    };
    let page = records.history(&rust, None, 1).await.unwrap();
    assert_eq!(page.rows[0].defect_type, Some(DefectType::RustSpot));
    assert_eq!(page.rows[0].findings, 1);
}

/// Order is that of capture; a span of time holds what was captured in it, in whatever order.
pub async fn a_clock_that_was_set_back_hides_no_part_from_the_history(records: &dyn Records) {
    let order = [500, 501, 3, 4, 502];
    for n in order {
        captured(records, n).await;
    }
    let found = async |from, to| {
        let filter = HistoryFilter {
            from: Some(capture(from).captured_at),
            to: Some(capture(to).captured_at),
            ..HistoryFilter::default()
        };
        let page = records.history(&filter, None, 10).await.unwrap();
        page.rows.iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let ids = |parts: &[u32]| parts.iter().map(|n| capture(*n).id).collect::<Vec<_>>();
    assert_eq!(found(0, 100).await, ids(&[4, 3]));
    assert_eq!(found(400, 600).await, ids(&[502, 501, 500]));
    assert_eq!(found(0, 600).await, ids(&[502, 4, 3, 501, 500]));
}

/// The end is not part of it; pending is no yield.
pub async fn the_tally_counts_from_its_start_until_before_its_end(records: &dyn Records) {
    for n in 1..=5 {
        captured(records, n).await;
    }
    passed(records, 1).await;
    passed(records, 2).await;
    failed(records, 3, DefectType::BladeChip).await;
    let from = capture(2).captured_at;
    let tally = records.tally(from, capture(5).captured_at).await.unwrap();
    let expected = Tally {
        pass: 1,
        fail: 1,
        undetermined: 0,
        pending: 1,
    };
    assert_eq!(tally, expected);
    assert_eq!(records.tally(from, from).await, Ok(Tally::default()));
}

/// And looking leaves nothing behind.
pub async fn a_healthy_store_is_writable(records: &dyn Records) {
    for _ in 0..2 {
        records.check_writable().await.unwrap();
    }
    let page = records.history(&HistoryFilter::default(), None, 1).await;
    assert!(page.unwrap().rows.is_empty());
}
