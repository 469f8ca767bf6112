//! A clock that cannot be trusted is told of, noted, and shown until a person has seen it.

use super::*;
use wiko_core::{audit::AuditCategory, clock_watch::ClockTrouble, time::UnixMillis};
use wiko_pipeline::clock_watch::SUBJECT;

const HOUR_MS: i64 = 3_600_000;

async fn noted(bench: &Bench) -> String {
    let last = bench
        .records
        .reader()
        .last_of(AuditCategory::Clock, SUBJECT);
    last.await.unwrap().unwrap().entry.detail
}

#[tokio::test]
async fn a_clock_that_is_set_back_while_the_station_runs_is_told_noted_and_shown_until_it_is_seen()
{
    let bench = bench(vec![claude([Answer::Good])], None).await;
    let mut events = bench.station.subscribe();
    let running = Running::of(&bench.station);
    // Set back further until it is seen: before its first look the station knows of no other time.
    let mut hours = 0;
    let trouble = loop {
        hours += 1;
        bench.clock.set(UnixMillis(NOON.0 - hours * HOUR_MS));
        let next = tokio::time::timeout(Duration::from_secs(4), events.recv());
        if let Ok(Ok(StationEvent::ClockTroubled(trouble))) = next.await {
            break trouble;
        }
        assert!(hours < 10, "not seen");
    };
    running.stopped().await;
    let ClockTrouble::Jumped { by_ms, .. } = trouble else {
        panic!("{trouble}");
    };
    assert!(by_ms < 0 && by_ms % HOUR_MS == 0, "{by_ms}");
    assert!(noted(&bench).await.contains("set back by"));
    assert_eq!(*bench.station.clock_trouble().borrow(), Some(trouble));
    bench.station.dismiss_clock_trouble();
    assert_eq!(*bench.station.clock_trouble().borrow(), None);
}

#[tokio::test]
async fn a_clock_that_lies_behind_the_last_record_is_told_at_the_start_and_the_order_stays() {
    let bench = bench(vec![claude([Answer::Good])], None).await;
    let first = bench.station.capture(&order(), &shot(1)).await.unwrap();
    bench.clock.set(UnixMillis(NOON.0 - HOUR_MS));
    let mut events = bench.station.subscribe();
    let running = Running::of(&bench.station);
    wait_for(&mut events, |event| {
        matches!(
            event,
            StationEvent::ClockTroubled(ClockTrouble::BehindRecords { .. })
        )
    })
    .await;
    let second = bench.station.capture(&order(), &shot(2)).await.unwrap();
    running.stopped().await;
    assert!(noted(&bench).await.contains("before the last record"));
    let records = bench.station.records();
    let sequence = async |id| records.inspection(id).await.unwrap().sequence;
    assert!(sequence(first.id).await < sequence(second.id).await);
}
