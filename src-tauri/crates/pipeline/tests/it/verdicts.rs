//! What the station makes of a verdict, and of a finding.

use super::*;
use wiko_core::{camera::CameraId, ports::Records, sampling, verdict::UndeterminedReason};
use wiko_pipeline::Calibration;

async fn judged(bench: &Bench, n: u64) -> wiko_core::inspection::Inspection {
    let part = bench.station.capture(&order(), &shot(n)).await.unwrap();
    bench.station.drain_once().await.unwrap();
    bench.records.inspection(part.id).await.unwrap()
}

#[tokio::test]
async fn a_sample_of_the_parts_that_were_found_good_is_for_a_person() {
    let with = |settings| StationSettings {
        review_every: 3,
        ..settings
    };
    let bench = bench_of(with, vec![claude([Answer::Good])], None).await;
    let mut drawn = 0;
    for n in 1..=40 {
        let part = judged(&bench, n).await;
        let why = part.decision.as_ref().unwrap().reason;
        let sampled = sampling::of_review(part.capture.id, 3);
        let expected = sampled.then_some(UndeterminedReason::SampledForReview);
        assert_eq!(why, expected, "part {n}");
        assert!(part.analysis().unwrap().findings.is_empty());
        drawn += usize::from(sampled);
    }
    assert!((1..40).contains(&drawn), "{drawn} of 40");
}

#[tokio::test]
async fn no_part_that_failed_is_made_a_matter_of_review() {
    let with = |settings| StationSettings {
        review_every: 1,
        ..settings
    };
    let bench = bench_of(with, vec![claude([scratch()])], None).await;
    assert_eq!(judged(&bench, 1).await.verdict(), VerdictCode::Fail);
}

#[tokio::test]
async fn a_finding_has_a_size_where_its_camera_is_calibrated_and_none_elsewhere() {
    for (camera, size) in [("test", Some(25.0)), ("another", None)] {
        let with = |settings| StationSettings {
            calibration: Some(Calibration {
                camera: CameraId(camera.into()),
                mm_per_px: 0.5,
            }),
            ..settings
        };
        let screening = Some(screen([scratch()]));
        let bench = bench_of(with, vec![claude([scratch()])], screening).await;
        let part = judged(&bench, 1).await;
        // Its box is 30 by 40 pixels.
        let of = |said: Option<&wiko_core::analysis::Analysis>| said.unwrap().findings[0].size_mm;
        assert_eq!(of(part.analysis()), size);
        assert_eq!(of(part.screening.as_ref()), size);
        let asked = bench.chain[0].requests()[0].mm_per_px;
        assert_eq!(asked, size.map(|_| 0.5));
    }
}

#[tokio::test]
async fn where_the_screens_model_cannot_be_used_a_pass_is_for_a_person_and_a_fail_stands() {
    let damaged = || screen([Answer::hindered(Obstacle::NeedsPerson)]);
    let bench = bench_of(
        |settings| settings,
        vec![claude([Answer::Good, scratch()])],
        Some(damaged()),
    )
    .await;
    let part = judged(&bench, 1).await;
    let decision = part.decision.unwrap();
    assert_eq!(decision.reason, Some(UndeterminedReason::ScreenSilent));
    assert_eq!(decision.detail, "as scripted: needs_person");
    assert_eq!(judged(&bench, 2).await.verdict(), VerdictCode::Fail);
}

#[tokio::test]
async fn where_the_screen_has_learnt_nothing_of_the_part_a_pass_stands() {
    let unlearnt = screen([Answer::not_learnt()]);
    let chain = vec![claude([Answer::Good])];
    let bench = bench_of(|settings| settings, chain, Some(unlearnt)).await;
    assert_eq!(judged(&bench, 1).await.verdict(), VerdictCode::Pass);
}
