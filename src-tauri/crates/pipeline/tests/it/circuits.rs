//! What is known not to answer is not asked for every part, and people are told of it once.

use super::{path::refused, *};
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
use tokio::sync::broadcast::Receiver;
use wiko_core::{
    circuit::{CircuitReport, CircuitState},
    queue::{Among, Listed, WorkState},
    service::Service,
    time::UnixMillis,
};

const PARTS: u64 = 200;

fn hindered(obstacle: Obstacle) -> Answer {
    Answer::hindered(obstacle)
}

async fn capture(bench: &Bench, parts: std::ops::Range<u64>) {
    for n in parts {
        bench.station.capture(&order(), &shot(n)).await.unwrap();
    }
}

/// Parts that were tried, of a queue.
async fn tried(bench: &Bench, queue: Queue) -> usize {
    let all = bench.records.reader();
    let all = all.queued(Some(queue), Listed::All, 1000).await.unwrap();
    all.parts.iter().filter(|part| part.attempts > 0).count()
}

struct Told {
    /// Of each part that was put back.
    delays: usize,
    /// Of each time that people were told of a service.
    turns: Vec<(Service, CircuitState)>,
}

fn told(events: &mut Receiver<StationEvent>) -> Told {
    let mut told = Told {
        delays: 0,
        turns: vec![],
    };
    while let Ok(event) = events.try_recv() {
        match event {
            StationEvent::Delayed { .. } => told.delays += 1,
            StationEvent::CircuitTurned(report) => told.turns.push((report.service, report.state)),
            _ => {}
        }
    }
    told
}

fn turned(state: CircuitState) -> impl Fn(&StationEvent) -> bool {
    move |event| matches!(event, StationEvent::CircuitTurned(report) if report.state == state)
}

fn delayed(event: &StationEvent) -> bool {
    matches!(event, StationEvent::Delayed { .. })
}

fn of(bench: &Bench, service: Service) -> CircuitReport {
    let reports = bench.station.circuits();
    reports
        .into_iter()
        .find(|report| report.service == service)
        .unwrap()
}

#[tokio::test]
async fn two_hundred_waiting_parts_and_a_refused_key_are_four_requests_and_one_alert() {
    let bench = bench(vec![claude([hindered(Obstacle::Credentials)])], None).await;
    let mut events = bench.station.subscribe();
    capture(&bench, 0..PARTS).await;
    let running = Running::of(&bench.station);
    wait_for(&mut events, turned(CircuitState::Open)).await;

    // The wait is over, and a knock wakes the queue: one part finds out. Whatever would have gone before
    // has gone by then.
    let mut probes = bench.station.subscribe();
    let before = bench.chain[0].requests().len();
    assert!((1..=4).contains(&before), "{before} at once");
    bench.clock.advance(Duration::from_secs(6));
    capture(&bench, PARTS..PARTS + 1).await;
    while bench.chain[0].requests().len() == before {
        wait_for(&mut probes, delayed).await;
    }
    running.stopped().await;
    let requests = bench.chain[0].requests().len();
    assert!(requests <= 5, "{requests}: four at once and the probe");
    // A part that was taken just before the circuit opened is put back without a request.
    let tried = tried(&bench, Queue::Analysis).await;
    assert!((requests - 1..=5).contains(&tried), "{tried} of {requests}");
    let told = told(&mut probes);
    assert!(told.turns.is_empty(), "{:?}", told.turns);
    let report = of(&bench, Service::Bedrock);
    assert_eq!(report.state, CircuitState::Open);
    assert_eq!(report.obstacle, Some(Obstacle::Credentials));
    assert!(!report.reason.is_empty());
}

#[tokio::test]
async fn a_drain_asks_a_refused_key_once_and_says_what_held_it_up() {
    let bench = bench(vec![claude([hindered(Obstacle::Credentials)])], None).await;
    let mut events = bench.station.subscribe();
    capture(&bench, 0..PARTS).await;
    let report = bench.station.drain_once().await.unwrap();
    assert_eq!(bench.chain[0].requests().len(), 1);
    assert_eq!((report.decided, report.analysis_waiting), (0, PARTS));
    let held: Vec<_> = report.held.iter().map(|held| held.service).collect();
    assert_eq!(held, [Service::Bedrock]);
    let told = told(&mut events);
    assert_eq!(told.turns, [(Service::Bedrock, CircuitState::Open)]);
    assert_eq!(told.delays, 1);
}

#[tokio::test]
async fn two_hundred_decided_parts_and_a_refused_key_are_one_upload_and_one_alert_in_a_drain() {
    let bench = bench(vec![claude([Answer::Good])], None).await;
    bench.cloud.hinder(Some(refused()));
    let mut link = bench.station.link();
    capture(&bench, 0..PARTS).await;
    let mut events = bench.station.subscribe();
    let report = bench.station.drain_once().await.unwrap();
    assert_eq!((report.decided, report.upload_waiting), (PARTS, PARTS));
    assert_eq!(tried(&bench, Queue::Upload).await, 1);
    let told = told(&mut events);
    assert_eq!(told.turns, [(Service::S3, CircuitState::Open)]);
    assert!(link.has_changed().unwrap());
    assert_eq!(*link.borrow_and_update(), CloudLink::Hindered(refused()));
    assert_eq!(report.held.len(), 1);
}

#[tokio::test]
async fn five_failures_in_a_row_hold_the_uploads_until_a_probe_is_taken() {
    let bench = bench(vec![claude([Answer::Good])], None).await;
    bench.cloud.hinder(Some(offline()));
    capture(&bench, 0..50).await;
    let report = bench.station.drain_once().await.unwrap();
    let tries = tried(&bench, Queue::Upload).await;
    // The first alone, then four at once, and those that were under way when the fifth failed.
    assert!((5..=8).contains(&tries), "{tries}");
    assert_eq!(report.upload_waiting, 50);
    assert_eq!(of(&bench, Service::S3).state, CircuitState::Open);
    assert_eq!(of(&bench, Service::Dynamodb).state, CircuitState::Closed);

    let mut events = bench.station.subscribe();
    bench.cloud.hinder(None);
    bench.clock.advance(Duration::from_secs(6));
    assert_eq!(of(&bench, Service::S3).state, CircuitState::HalfOpen);
    let running = Running::of(&bench.station);
    wait_for(&mut events, turned(CircuitState::Closed)).await;
    let all = async {
        while bench.cloud.count() < 50 {
            events.recv().await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap();
    running.stopped().await;
}

#[tokio::test]
async fn while_claude_is_away_the_screen_decides_without_waiting_for_it() {
    let chain = vec![
        claude([hindered(Obstacle::Transient)]),
        screen([Answer::Good]),
    ];
    let bench = bench(chain, None).await;
    capture(&bench, 0..20).await;
    let report = bench.station.drain_once().await.unwrap();
    assert_eq!(report.decided, 20);
    let asked = bench.chain[0].requests().len();
    assert!((5..=8).contains(&asked), "{asked}");

    let running = Running::of(&bench.station);
    let part = bench.station.capture(&order(), &shot(99)).await.unwrap();
    let decided = bench.station.wait_decided(part.id, PATIENCE).await.unwrap();
    running.stopped().await;
    assert_eq!(decided.verdict(), VerdictCode::Pass);
    assert_eq!(bench.chain[0].requests().len(), asked);
}

#[tokio::test]
async fn what_the_screen_has_not_learnt_is_looked_at_once_while_claude_is_not_asked() {
    let chain = vec![
        claude([hindered(Obstacle::Credentials)]),
        screen([Answer::not_learnt()]),
    ];
    let bench = bench(chain, None).await;
    let mut events = bench.station.subscribe();
    let running = Running::of(&bench.station);
    capture(&bench, 0..30).await;
    for _ in 0..30 {
        wait_for(&mut events, delayed).await;
    }
    // Another part comes, which wakes the queue; those before it stay where they are.
    capture(&bench, 30..31).await;
    wait_for(&mut events, delayed).await;
    running.stopped().await;
    assert_eq!(told(&mut events).delays, 0);
    assert!(bench.chain[0].requests().len() <= 4);
    let all = bench.records.reader();
    let all = all
        .queued(Some(Queue::Analysis), Listed::Troubled, 100)
        .await
        .unwrap();
    assert_eq!(all.total, 31);
    for part in all.parts {
        assert_eq!((part.state, part.attempts), (WorkState::Waiting, 1));
        let why = part.hindrance.unwrap();
        assert_eq!(why.obstacle, Obstacle::Credentials);
    }
}

#[tokio::test]
async fn a_retry_by_a_person_asks_the_screen_for_every_part_again_also_while_claude_is_away() {
    let chain = vec![
        claude([hindered(Obstacle::Credentials)]),
        screen([Answer::not_learnt()]),
    ];
    let bench = bench(chain, None).await;
    capture(&bench, 0..10).await;
    assert_eq!(bench.station.drain_once().await.unwrap().decided, 0);
    bench.chain[1].script([Answer::Good]);
    let mut events = bench.station.subscribe();
    let running = Running::of(&bench.station);
    bench.station.retry(Queue::Analysis, None).await.unwrap();
    for _ in 0..10 {
        wait_for(&mut events, |event| {
            matches!(event, StationEvent::Decided { .. })
        })
        .await;
    }
    running.stopped().await;
}

#[tokio::test]
async fn after_a_retry_a_clock_that_is_set_back_makes_no_part_be_asked_about_again_and_again() {
    let chain = vec![
        claude([hindered(Obstacle::Credentials)]),
        screen([Answer::not_learnt()]),
    ];
    let bench = bench(chain, None).await;
    capture(&bench, 0..10).await;
    bench.station.drain_once().await.unwrap();
    bench.station.retry(Queue::Analysis, None).await.unwrap();
    bench.clock.set(UnixMillis(NOON.0 - 60_000));
    let before = bench.chain[1].requests().len();
    let mut events = bench.station.subscribe();
    let running = Running::of(&bench.station);
    for n in 10..20 {
        let part = bench.station.capture(&order(), &shot(n)).await.unwrap();
        wait_for(
            &mut events,
            |event| matches!(event, StationEvent::Delayed { id, .. } if *id == part.id),
        )
        .await;
    }
    running.stopped().await;
    assert_eq!(bench.chain[1].requests().len() - before, 10);
}

#[tokio::test]
async fn a_picture_that_is_sent_to_nobody_is_no_sign_that_the_service_is_back() {
    let unfit = Answer::unusable(UndeterminedReason::ImageUnfit);
    let bench = bench(vec![claude([hindered(Obstacle::Credentials), unfit])], None).await;
    let mut events = bench.station.subscribe();
    let running = Running::of(&bench.station);
    capture(&bench, 0..1).await;
    wait_for(&mut events, |event| {
        matches!(event, StationEvent::Delayed { .. })
    })
    .await;
    bench.clock.advance(Duration::from_secs(3600));
    capture(&bench, 1..2).await;
    wait_for(&mut events, |event| {
        matches!(event, StationEvent::Decided { .. })
    })
    .await;
    running.stopped().await;
    assert_ne!(of(&bench, Service::Bedrock).state, CircuitState::Closed);
}

#[tokio::test]
async fn an_answer_that_the_records_refuse_parks_its_part_with_the_reason() {
    let bench = bench(vec![claude([Answer::Good])], None).await;
    capture(&bench, 0..1).await;
    let database = bench._dir.path().join("wiko.sqlite3");
    let mut connection = SqliteConnectOptions::new()
        .filename(database)
        .connect()
        .await
        .unwrap();
    sqlx::query(
        "CREATE TRIGGER refuses BEFORE UPDATE OF verdict ON inspection
         BEGIN SELECT RAISE(ABORT, 'refused by a test'); END",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let report = bench.station.drain_once().await.unwrap();
    assert_eq!((report.decided, report.analysis_parked), (0, 1));
    let reader = bench.records.reader();
    let parked = reader
        .queued(Some(Queue::Analysis), Listed::Troubled, 10)
        .await
        .unwrap();
    let why = &parked.parts[0].hindrance.as_ref().unwrap().reason;
    assert!(why.contains("refused by a test"), "{why}");
}

#[tokio::test]
async fn a_missing_right_parks_the_part_that_met_it_and_the_others_wait() {
    let bench = bench(vec![claude([Answer::Good])], None).await;
    bench.cloud.hinder(Some(Hindered {
        obstacle: Obstacle::NeedsPerson,
        reason: "AccessDenied; compare the policy".into(),
        ..refused()
    }));
    capture(&bench, 0..20).await;
    let report = bench.station.drain_once().await.unwrap();
    assert_eq!((report.upload_parked, report.upload_waiting), (1, 19));
}

#[tokio::test]
async fn trouble_of_one_part_stops_no_other() {
    let bench = bench(vec![claude([Answer::Good])], None).await;
    bench.cloud.hinder(Some(Hindered {
        service: None,
        obstacle: Obstacle::NeedsPerson,
        reason: "another picture is there".into(),
        retry_after: None,
    }));
    capture(&bench, 0..10).await;
    let report = bench.station.drain_once().await.unwrap();
    assert_eq!((report.upload_parked, report.upload_waiting), (10, 0));
    assert!(report.held.is_empty());
}

#[tokio::test]
async fn only_what_was_never_tried_or_only_what_was_is_leased_where_that_is_asked_for() {
    let bench = bench(vec![claude([hindered(Obstacle::Transient)])], None).await;
    capture(&bench, 0..1).await;
    bench.station.drain_once().await.unwrap();
    capture(&bench, 1..2).await;
    let records = bench.station.records();
    let later = NOON.plus(Duration::from_secs(400));
    let until = later.plus(Duration::from_secs(60));
    let mut attempts = vec![];
    for among in [Among::Tried, Among::Tried, Among::Untried, Among::Untried] {
        let leased = records.lease_analysis_among(among, later, until).await;
        attempts.push(leased.unwrap().map(|work| work.lease.attempts));
    }
    assert_eq!(attempts, [Some(1), None, Some(0), None]);
}
