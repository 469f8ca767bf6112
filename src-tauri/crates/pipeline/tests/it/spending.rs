//! What models cost is noted for each part, and a budget that is spent makes nothing good.

use super::*;
use wiko_core::{
    analysis::Provider,
    ports::Records,
    sampling,
    spending::{BudgetState, Purpose},
    time::UnixMillis,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn budget(
    month_micro_usd: u64,
    sample_every: u32,
) -> impl FnOnce(StationSettings) -> StationSettings {
    move |settings| StationSettings {
        budget: Budget {
            month_micro_usd,
            sample_every,
        },
        ..settings
    }
}

/// Captures a part and lets it go as far as it goes now.
async fn judged(bench: &Bench, n: u64) -> wiko_core::inspection::Inspection {
    let part = bench.station.capture(&order(), &shot(n)).await.unwrap();
    bench.station.drain_once().await.unwrap();
    bench.records.inspection(part.id).await.unwrap()
}

fn decided_by(part: &wiko_core::inspection::Inspection) -> Option<Provider> {
    part.analysis().map(|said| said.appraiser.provider)
}

#[tokio::test]
async fn every_call_is_in_the_ledger_whatever_came_of_it() {
    let answers = [
        Answer::Good,
        Answer::unusable(wiko_core::verdict::UndeterminedReason::ContractBroken),
        Answer::hindered(Obstacle::Transient),
    ];
    let bench = bench(vec![claude(answers).costing(7)], None).await;
    for n in 1..=3 {
        let part = judged(&bench, n).await;
        let calls = bench.records.calls(part.capture.id).await.unwrap();
        let purposes: Vec<_> = calls.iter().map(|call| call.purpose).collect();
        assert_eq!(purposes, [Purpose::Look], "part {n}");
    }
    let (shift, month) = bench.station.spending().await.unwrap();
    assert_eq!((month.parts, month.cost_micro_usd()), (3, 21));
    assert_eq!(shift, month);
    assert_eq!(month.per_part_micro_usd(), Some(7));
}

#[tokio::test]
async fn once_the_budget_is_spent_the_screen_judges_and_says_so_and_the_next_month_is_paid_for_again()
 {
    let bench = bench_of(
        budget(20, 0),
        vec![claude([Answer::Good]).costing(10), screen([Answer::Good])],
        None,
    )
    .await;
    assert_eq!(decided_by(&judged(&bench, 1).await), Some(Provider::Claude));
    let report = bench.station.budget().await.unwrap();
    assert_eq!(
        (report.state, report.spent_micro_usd),
        (BudgetState::Within, 10)
    );
    assert_eq!(decided_by(&judged(&bench, 2).await), Some(Provider::Claude));
    assert_eq!(
        bench.station.budget().await.unwrap().state,
        BudgetState::Spent
    );
    assert_eq!(decided_by(&judged(&bench, 3).await), Some(Provider::Screen));
    bench.clock.advance(31 * DAY);
    assert_eq!(
        bench.station.budget().await.unwrap().state,
        BudgetState::Within
    );
    assert_eq!(decided_by(&judged(&bench, 4).await), Some(Provider::Claude));
}

#[tokio::test]
async fn a_part_that_only_a_model_could_judge_stays_pending_once_the_budget_is_spent() {
    let bench = bench_of(
        budget(0, 0),
        vec![claude([Answer::Good]).costing(10)],
        Some(screen([Answer::Good])),
    )
    .await;
    let part = judged(&bench, 1).await;
    assert_eq!(part.verdict(), VerdictCode::Pending);
    let why = part.pending.unwrap();
    assert_eq!(why.obstacle, Obstacle::Transient);
    assert!(
        why.reason.contains("budget_usd_per_month"),
        "{}",
        why.reason
    );
    assert!(bench.chain[0].requests().is_empty(), "it was asked");
}

#[tokio::test]
async fn a_sample_still_goes_to_the_model_once_the_budget_is_spent() {
    let bench = bench_of(
        budget(0, 3),
        vec![claude([Answer::Good]).costing(10), screen([Answer::Good])],
        None,
    )
    .await;
    let mut asked = 0;
    for n in 1..=60 {
        let part = judged(&bench, n).await;
        let sampled = sampling::of_budget(part.capture.id, 3);
        let by = if sampled {
            Provider::Claude
        } else {
            Provider::Screen
        };
        assert_eq!(decided_by(&part), Some(by), "part {n}");
        asked += usize::from(sampled);
    }
    assert!((1..60).contains(&asked), "{asked} of 60");
    assert_eq!(bench.chain[0].requests().len(), asked);
}

#[tokio::test]
async fn a_part_that_waits_for_the_next_month_is_tried_again_only_then() {
    let analyzers = vec![
        claude([Answer::Good]).costing(10),
        screen([Answer::not_learnt()]),
    ];
    let bench = bench_of(budget(0, 0), analyzers, None).await;
    let mut events = bench.station.subscribe();
    let running = Running::of(&bench.station);
    let mut ids = vec![];
    for n in 1..=3 {
        let part = bench.station.capture(&order(), &shot(n)).await.unwrap();
        wait_for(
            &mut events,
            |event| matches!(event, StationEvent::Delayed { id, .. } if *id == part.id),
        )
        .await;
        ids.push(part.id);
        // Everything that was set back is due by now.
        bench.clock.advance(Duration::from_secs(600));
    }
    running.stopped().await;
    assert_eq!(bench.chain[1].requests().len(), 3, "each part once");
    assert!(bench.chain[0].requests().is_empty());
}

#[tokio::test]
async fn a_budget_holds_over_a_new_start_and_ends_with_the_facilitys_month() {
    let hong_kong = |settings: StationSettings| StationSettings {
        shifts: ShiftPlan::new(
            jiff::tz::TimeZone::fixed(jiff::tz::offset(8)),
            vec![("A".into(), jiff::civil::time(0, 0, 0, 0))],
        )
        .unwrap(),
        ..budget(10, 0)(settings)
    };
    let bench = bench_of(
        hong_kong,
        vec![claude([Answer::Good]).costing(10), screen([Answer::Good])],
        None,
    )
    .await;
    assert_eq!(decided_by(&judged(&bench, 1).await), Some(Provider::Claude));
    // Another station on the same records, which has counted nothing itself.
    let again = bench.reopened(hong_kong);
    assert_eq!(again.budget().await.unwrap().state, BudgetState::Spent);
    // 2026-03-31T15:59Z is the last minute of March there.
    bench.clock.set(UnixMillis(1_774_972_740_000));
    assert_eq!(again.budget().await.unwrap().state, BudgetState::Spent);
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(again.budget().await.unwrap().state, BudgetState::Within);
}

#[tokio::test]
async fn a_part_that_fails_after_it_has_moved_on_is_on_the_containment_list() {
    let offline = Answer::hindered(Obstacle::Transient);
    let bench = bench(vec![claude([offline, scratch()])], None).await;
    let late = judged(&bench, 1).await;
    assert_eq!(late.verdict(), VerdictCode::Pending);
    bench.clock.advance(Duration::from_secs(3600));
    let part = judged(&bench, 2).await;
    assert_eq!(part.verdict(), VerdictCode::Fail);
    let late = bench.records.inspection(late.capture.id).await.unwrap();
    assert_eq!(late.verdict(), VerdictCode::Fail);
    let list = bench.records.contained(false, 10).await.unwrap();
    let listed: Vec<_> = list.parts.iter().map(|part| part.id).collect();
    assert_eq!((listed, list.open), (vec![late.capture.id], 1));
    assert!(list.parts[0].decided_at > UnixMillis(late.capture.captured_at.0 + 3_000_000));
}
