//! What the two queues keep to.

use super::{captured, later, override_by_a_person, passed, setback};
use crate::builders::{NOON, capture};
use wiko_core::{
    history::HistoryFilter,
    inspection::{OperatorCall, OperatorDecision, UploadState},
    ports::Records,
    queue::{Among, Hindrance, Listed, Obstacle, Queue, WorkState},
    verdict::VerdictCode,
};

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

/// What is held back for a service goes by whether it was tried before.
pub async fn some_of_a_queue_is_leased_where_that_is_asked_for(records: &dyn Records) {
    let (tried, fresh) = (captured(records, 1).await, captured(records, 2).await);
    let lease = async |among| {
        let work = records.lease_analysis_among(among, later(2), later(60));
        work.await.unwrap().map(|work| work.lease.id)
    };
    assert_eq!(lease(Among::Tried).await, None);
    assert_eq!(lease(Among::All).await, Some(tried));
    let again = setback(Obstacle::Transient, later(1));
    let set_back = records.set_back(Queue::Analysis, tried, &again);
    set_back.await.unwrap();
    assert_eq!(lease(Among::Tried).await, Some(tried));
    assert_eq!(lease(Among::Tried).await, None);
    assert_eq!(lease(Among::Untried).await, Some(fresh));
    assert_eq!(lease(Among::Untried).await, None);
}

/// The list says why each part waits, the parked first, and how many there are beyond it.
pub async fn the_parts_on_the_queues_are_listed_the_parked_first(records: &dyn Records) {
    let list = async |queue, listed, limit| {
        let page = records.queued(queue, listed, limit).await.unwrap();
        let ids: Vec<_> = page.parts.iter().map(|part| part.id).collect();
        (ids, page.total)
    };
    assert_eq!(list(None, Listed::All, 10).await, (vec![], 0));
    let mut parts = vec![];
    for n in 1..=4 {
        parts.push(captured(records, n).await);
    }
    // The first failed, the second is parked, the third is leased, the fourth waits for its upload.
    let obstacles = [Obstacle::Transient, Obstacle::NeedsPerson];
    for (part, obstacle) in parts.iter().zip(obstacles) {
        records.lease_analysis(NOON, later(60)).await.unwrap();
        let why = setback(obstacle, later(30));
        let set_back = records.set_back(Queue::Analysis, *part, &why);
        set_back.await.unwrap();
    }
    records.lease_analysis(NOON, later(60)).await.unwrap();
    passed(records, 4).await;

    let all = list(None, Listed::All, 10).await;
    assert_eq!(all, (vec![parts[1], parts[0], parts[2], parts[3]], 4));
    assert_eq!(list(None, Listed::All, 1).await, (vec![parts[1]], 4));
    let troubled = list(Some(Queue::Analysis), Listed::Troubled, 10).await;
    assert_eq!(troubled, (vec![parts[1], parts[0]], 2));
    assert_eq!(list(None, Listed::Parked, 10).await, (vec![parts[1]], 1));
    assert_eq!(list(None, Listed::Delayed, 10).await, (vec![parts[0]], 1));
    assert_eq!(
        list(Some(Queue::Upload), Listed::All, 10).await,
        (vec![parts[3]], 1)
    );

    let page = records.queued(None, Listed::All, 10).await.unwrap();
    let [parked, waiting, leased, upload] = &page.parts[..] else {
        panic!("{page:?}");
    };
    assert_eq!((parked.state, parked.due_at), (WorkState::Parked, None));
    assert_eq!(
        (waiting.state, waiting.due_at),
        (WorkState::Waiting, Some(later(30)))
    );
    assert_eq!((waiting.attempts, waiting.sequence), (1, 1));
    let why = waiting.hindrance.as_ref().unwrap();
    assert_eq!(why.obstacle, Obstacle::Transient);
    assert!(!why.reason.is_empty());
    assert_eq!((leased.state, leased.attempts), (WorkState::Leased, 0));
    assert_eq!((upload.queue, &upload.hindrance), (Queue::Upload, &None));
    assert_eq!(upload.stage, capture(4).stage);
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
    assert_eq!(records.next_due(Queue::Analysis, NOON).await, Ok(None));
    set_back(Obstacle::Transient).await;
    assert_eq!(
        records.next_due(Queue::Analysis, NOON).await,
        Ok(Some(later(30)))
    );
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
    assert_eq!(records.next_due(Queue::Analysis, NOON).await, Ok(None));
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

/// Due times of a clock that went wrong and was put right are not waited for: an hour, or a year.
pub async fn a_clock_that_was_set_back_strands_no_part(records: &dyn Records) {
    let id = captured(records, 1).await;
    let ahead = later(3600);
    records.lease_analysis(ahead, later(3660)).await.unwrap();
    let far = setback(Obstacle::Transient, later(3630));
    records.set_back(Queue::Analysis, id, &far).await.unwrap();

    assert_eq!(
        records.next_due(Queue::Analysis, NOON).await,
        Ok(Some(NOON))
    );
    let work = records.lease_analysis(NOON, later(60)).await.unwrap();
    assert_eq!(work.unwrap().lease.id, id);
    let held = records.lease_analysis(NOON, later(60)).await.unwrap();
    assert!(held.is_none(), "the lease holds");

    // The longest wait there is, and the lease of a worker that broke off before the clock was set back.
    let longest = NOON.plus(wiko_core::backoff::LONGEST);
    let waits = setback(Obstacle::Transient, longest);
    records.set_back(Queue::Analysis, id, &waits).await.unwrap();
    assert_eq!(
        records.next_due(Queue::Analysis, NOON).await,
        Ok(Some(longest))
    );
    let early = records.lease_analysis(NOON, later(60)).await.unwrap();
    assert!(early.is_none(), "it is not due");
    records.lease_analysis(ahead, later(7200)).await.unwrap();
    let work = records.lease_analysis(NOON, later(60)).await.unwrap();
    assert_eq!(work.unwrap().lease.id, id);
}
