//! The path of a part: captured, decided, sent, and what a person says of it.

use super::*;

#[tokio::test]
async fn a_part_is_captured_decided_and_uploaded_by_the_workers() {
    let bench = bench(vec![claude([scratch()])], None).await;
    let stop = CancellationToken::new();
    let run = tokio::spawn({
        let (station, stop) = (bench.station.clone(), stop.clone());
        async move { station.run(stop).await }
    });
    let mut link = bench.station.link();
    let part = bench.station.capture(&order(), &shot(1)).await.unwrap();
    let decided = bench.station.wait_decided(part.id, PATIENCE).await.unwrap();
    assert_eq!(decided.verdict(), VerdictCode::Fail);
    let connected = link.wait_for(|link| *link == CloudLink::Connected);
    tokio::time::timeout(PATIENCE, connected)
        .await
        .unwrap()
        .unwrap();
    stop.cancel();
    run.await.unwrap();
    let report = bench.station.drain_once().await.unwrap();
    assert_eq!((report.upload_waiting, report.parked()), (0, 0));
    assert_eq!(bench.cloud.count(), 1);
    let uploaded = bench.station.records().inspection(part.id).await.unwrap();
    assert!(matches!(uploaded.upload, UploadState::Verified { .. }));
}

#[tokio::test]
async fn a_part_that_nobody_answers_for_stays_pending_and_is_decided_when_somebody_does() {
    let answers = [Answer::hindered(Obstacle::Transient), Answer::Good];
    let bench = bench(vec![claude(answers)], None).await;
    let part = bench.station.capture(&order(), &shot(1)).await.unwrap();
    let first = bench.station.drain_once().await.unwrap();
    assert_eq!((first.decided, first.analysis_waiting), (0, 1));
    let pending = bench.station.records().inspection(part.id).await.unwrap();
    assert_eq!(pending.verdict(), VerdictCode::Pending);
    assert!(
        pending
            .pending
            .is_some_and(|why| why.obstacle == Obstacle::Transient && !why.reason.is_empty())
    );
    assert_eq!(
        bench.cloud.count(),
        0,
        "a pending part must not be uploaded"
    );

    bench.clock.advance(Duration::from_secs(2));
    let second = bench.station.drain_once().await.unwrap();
    assert_eq!(
        (second.decided, second.uploaded, second.analysis_waiting),
        (1, 1, 0)
    );
}

#[tokio::test]
async fn a_reply_that_cannot_be_used_is_undetermined_and_uploaded_as_such() {
    let broken = Answer::unusable(UndeterminedReason::ContractBroken);
    let bench = bench(vec![claude([broken]), screen([Answer::Good])], None).await;
    let part = bench.station.capture(&order(), &shot(1)).await.unwrap();
    bench.station.drain_once().await.unwrap();
    let stored = bench.cloud.stored(part.id).unwrap();
    assert_eq!(stored.verdict(), VerdictCode::Undetermined);
    assert_eq!(
        stored.decision.unwrap().reason,
        Some(UndeterminedReason::ContractBroken)
    );
}

#[tokio::test]
async fn what_the_screen_says_is_kept_beside_the_verdict_and_decides_nothing() {
    let bench = bench(vec![claude([scratch()])], Some(screen([Answer::Good]))).await;
    let part = bench.station.capture(&order(), &shot(1)).await.unwrap();
    bench.station.drain_once().await.unwrap();
    let decided = bench.station.records().inspection(part.id).await.unwrap();
    assert_eq!(decided.verdict(), VerdictCode::Fail);
    assert_eq!(
        decided.screening.unwrap().appraiser.provider,
        Provider::Screen
    );
    assert_eq!(
        decided
            .decision
            .unwrap()
            .analysis
            .unwrap()
            .appraiser
            .provider,
        Provider::Claude
    );
}

#[tokio::test]
async fn without_the_cloud_decided_parts_wait_and_go_when_it_is_back() {
    let bench = bench(vec![claude([Answer::Good])], None).await;
    bench.cloud.hinder(Some(offline()));
    for n in 1..=3 {
        bench.station.capture(&order(), &shot(n)).await.unwrap();
    }
    let without = bench.station.drain_once().await.unwrap();
    assert_eq!(
        (without.decided, without.uploaded, without.upload_waiting),
        (3, 0, 3)
    );
    assert_eq!(
        *bench.station.link().borrow(),
        CloudLink::Hindered(offline())
    );
    bench.cloud.hinder(None);
    bench.clock.advance(Duration::from_secs(2));
    let with = bench.station.drain_once().await.unwrap();
    assert_eq!((with.uploaded, with.upload_waiting), (3, 0));
    assert_eq!(*bench.station.link().borrow(), CloudLink::Connected);
}

#[tokio::test]
async fn a_part_that_needs_a_person_is_parked_with_the_reason_until_it_is_retried() {
    let bench = bench(
        vec![claude([
            Answer::hindered(Obstacle::NeedsPerson),
            Answer::Good,
        ])],
        None,
    )
    .await;
    bench.station.capture(&order(), &shot(1)).await.unwrap();
    assert_eq!(bench.station.drain_once().await.unwrap().parked(), 1);
    assert_eq!(
        bench
            .station
            .records()
            .depth(Queue::Analysis)
            .await
            .unwrap()
            .parked,
        1
    );
    assert_eq!(bench.station.retry(Queue::Analysis, None).await.unwrap(), 1);
    bench.clock.advance(Duration::from_secs(1));
    assert_eq!(bench.station.drain_once().await.unwrap().parked(), 0);
}

pub(super) fn refused() -> Hindered {
    Hindered {
        service: Some(wiko_core::service::Service::S3),
        obstacle: Obstacle::Credentials,
        reason: "the key is expired".into(),
        retry_after: None,
    }
}

#[tokio::test]
async fn refused_credentials_pause_the_uploads_until_there_are_new_ones() {
    const PARTS: usize = 30;
    let bench = bench(vec![claude([Answer::Good])], None).await;
    bench.cloud.hinder(Some(refused()));
    let stop = CancellationToken::new();
    let run = tokio::spawn({
        let (station, stop) = (bench.station.clone(), stop.clone());
        async move { station.run(stop).await }
    });
    let mut parts = vec![];
    for n in 0..PARTS {
        let part = bench.station.capture(&order(), &shot(n as u64)).await;
        let part = part.unwrap().id;
        bench.station.wait_decided(part, PATIENCE).await.unwrap();
        parts.push(part);
    }
    let mut tried = 0;
    for part in &parts {
        let part = bench.station.records().inspection(*part).await.unwrap();
        if matches!(part.upload, UploadState::Waiting { attempts: 1.., .. }) {
            tried += 1;
        }
    }
    assert!(tried <= 4, "{tried} were tried, and 4 at once at most");

    let mut events = bench.station.subscribe();
    bench.cloud.hinder(None);
    bench.station.retry(Queue::Upload, None).await.unwrap();
    // What was under way with the old key waits its time; the others go at once.
    let others = async {
        while bench.cloud.count() < PARTS - 4 {
            events.recv().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, others).await.unwrap();
    stop.cancel();
    run.await.unwrap();
}

#[tokio::test]
async fn a_drain_sends_no_more_once_the_credentials_are_refused() {
    let bench = bench(vec![claude([Answer::Good])], None).await;
    bench.cloud.hinder(Some(refused()));
    let mut events = bench.station.subscribe();
    for n in 1..=3 {
        bench.station.capture(&order(), &shot(n)).await.unwrap();
    }
    let report = bench.station.drain_once().await.unwrap();
    assert_eq!((report.uploaded, report.upload_waiting), (0, 3));
    let mut refusals = 0;
    while let Ok(event) = events.try_recv() {
        refusals += u32::from(matches!(event, StationEvent::Delayed { .. }));
    }
    assert_eq!(refusals, 1);
    bench.cloud.hinder(None);
    assert_eq!(bench.station.drain_once().await.unwrap().uploaded, 3);
}

#[tokio::test]
async fn a_new_part_is_asked_about_although_the_credentials_of_claude_are_refused() {
    let chain = vec![
        claude([Answer::hindered(Obstacle::Credentials)]),
        screen([Answer::not_learnt(), Answer::Good]),
    ];
    let bench = bench(chain, None).await;
    let stop = CancellationToken::new();
    let run = tokio::spawn({
        let (station, stop) = (bench.station.clone(), stop.clone());
        async move { station.run(stop).await }
    });
    let mut events = bench.station.subscribe();
    bench.station.capture(&order(), &shot(1)).await.unwrap();
    let delayed =
        async { while !matches!(events.recv().await, Ok(StationEvent::Delayed { .. })) {} };
    tokio::time::timeout(PATIENCE, delayed).await.unwrap();
    let new = bench.station.capture(&order(), &shot(2)).await.unwrap();
    let decided = bench.station.wait_decided(new.id, PATIENCE).await.unwrap();
    assert_eq!(decided.verdict(), VerdictCode::Pass);
    stop.cancel();
    run.await.unwrap();
}

#[tokio::test]
async fn an_override_needs_a_reason_and_goes_to_the_cloud_as_a_new_revision() {
    let bench = bench(vec![claude([scratch()])], None).await;
    let part = bench.station.capture(&order(), &shot(1)).await.unwrap();
    bench.station.drain_once().await.unwrap();
    let before = bench.cloud.stored(part.id).unwrap().revision;
    let by = |call, reason: Option<&str>| {
        bench
            .station
            .operator_decide(part.id, call, "op-1".into(), reason.map(str::to_owned))
    };
    let refused = by(OperatorCall::Accept, Some("  ")).await;
    assert_eq!(refused.unwrap_err(), CallRefused::NoReason);
    let accepted = by(OperatorCall::Accept, Some("reflection")).await.unwrap();
    assert_eq!(
        accepted.verdict(),
        VerdictCode::Fail,
        "a person's call never replaces the verdict"
    );
    bench.clock.advance(Duration::from_secs(1));
    bench.station.drain_once().await.unwrap();
    let stored = bench.cloud.stored(part.id).unwrap();
    assert!(stored.revision > before);
    assert_eq!(stored.operator_decisions.len(), 1);
}

#[tokio::test]
async fn a_part_that_nobody_has_judged_can_be_rejected_and_not_released() {
    let bench = bench(vec![claude([scratch()])], None).await;
    let part = bench.station.capture(&order(), &shot(1)).await.unwrap();
    let by = |call| {
        let reason = Some("seen_by_eye".to_owned());
        bench
            .station
            .operator_decide(part.id, call, "op-1".into(), reason)
    };
    for call in [OperatorCall::Accept, OperatorCall::Confirm] {
        assert_eq!(by(call).await.unwrap_err(), CallRefused::NotJudged);
    }
    let rejected = by(OperatorCall::Reject).await.unwrap();
    assert_eq!(rejected.operator_decisions.len(), 1);
}

#[tokio::test]
async fn a_correction_after_the_picture_was_removed_sends_the_record_alone() {
    let bench = bench(vec![claude([Answer::Good])], None).await;
    let part = bench.station.capture(&order(), &shot(1)).await.unwrap();
    assert_eq!(bench.station.drain_once().await.unwrap().uploaded, 1);
    let all_go = wiko_store::RetentionPolicy {
        keep: Duration::ZERO,
        keep_defects: Duration::ZERO,
        budget_bytes: None,
        free_floor_bytes: 0,
    };
    let retained = bench
        .records
        .retain(&all_go, bench.clock.now())
        .await
        .unwrap();
    assert_eq!(retained.removed, 1);
    let reason = Some("missed_defect".to_owned());
    let call = wiko_core::inspection::OperatorCall::Reject;
    bench
        .station
        .operator_decide(part.id, call, "op-9".into(), reason)
        .await
        .unwrap();
    let report = bench.station.drain_once().await.unwrap();
    assert_eq!(
        (report.uploaded, report.upload_waiting, report.parked()),
        (1, 0, 0)
    );
    let there = bench.cloud.stored(part.id).unwrap();
    assert_eq!(there.last_call(), Some(call));
}

#[tokio::test]
async fn a_code_is_recorded_without_the_characters_that_a_scanner_adds() {
    let bench = bench(vec![claude([Answer::Good])], None).await;
    let scanned = Order {
        lot: Some(" L2603\u{1d}-01\r".into()),
        serial: Some("\r\n".into()),
        ..order()
    };
    let part = bench.station.capture(&scanned, &shot(1)).await.unwrap();
    assert_eq!((part.lot.as_deref(), part.serial), (Some("L2603-01"), None));
}
