//! How a part is shown to a model: what is never sent, and the part's region beside the whole frame.

use crate::standin::StandIn;
use image::{Rgb, RgbImage};
use rstest::rstest;
use serde_json::{Value, json};
use wiko_analyzer::claude::ClaudeSettings;
use wiko_core::{
    defect::{DefectType, Severity},
    geometry::{BoxProvenance, BoxPx},
    ports::{AnalysisError, AnalysisRequest, Analyzer, Language},
    spending::Meter,
    verdict::UndeterminedReason,
};
use wiko_testkit::{builders, contracts::analyzer as contract};

fn request(picture: &RgbImage, language: Language) -> AnalysisRequest {
    let jpeg = wiko_imaging::encode_jpeg(picture, 92).unwrap();
    AnalysisRequest {
        capture: builders::capture(1),
        image: wiko_imaging::inspect(jpeg).unwrap(),
        language,
        screening: None,
        screen_fault: None,
        mm_per_px: None,
        meter: Meter::default(),
    }
}

const fn at(x: u32, y: u32, width: u32, height: u32) -> BoxPx {
    BoxPx {
        x,
        y,
        width,
        height,
    }
}

const BLADE: BoxPx = at(900, 700, 1900, 500);

/// A bright blade on a dark table, in a frame larger than any model looks at.
fn blade() -> RgbImage {
    RgbImage::from_fn(3840, 2160, |x, y| {
        let grain = ((x * 31 + y * 17) % 5) as u8;
        let level = if BLADE.meets(&at(x, y, 1, 1)) {
            180
        } else {
            30
        };
        Rgb([level + grain; 3])
    })
}

/// In the second picture, which is the part's region.
fn in_region(confidence: f64) -> Value {
    json!({
        "picture": 1, "type": "blade_scratch", "severity": "minor", "confidence": confidence,
        "region": "blade_surface", "box": [400, 200, 520, 230], "description": "scratch",
        "recommended_action": "rework", "criterion": null,
    })
}

#[rstest]
#[case::a_lens_cap(0, "lens cap", "镜头盖")]
#[case::far_too_long_exposed(255, "exposure", "曝光")]
#[case::something_before_the_lens(120, "covers the lens", "遮挡")]
#[tokio::test]
async fn a_picture_that_shows_too_little_is_sent_to_nobody_and_it_is_said_what_to_do(
    #[case] level: u8,
    #[case] english: &str,
    #[case] chinese: &str,
) {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let claude = standin.claude(ClaudeSettings::default());
    let picture = RgbImage::from_pixel(1280, 720, Rgb([level; 3]));
    for (language, says) in [(Language::En, english), (Language::ZhCn, chinese)] {
        let request = request(&picture, language);
        let Err(AnalysisError::Unusable { reason, detail }) = claude.analyze(&request).await else {
            panic!("it was judged");
        };
        assert_eq!(reason, UndeterminedReason::ImageUnfit);
        assert!(detail.contains(says), "{detail}");
        assert!(request.meter.calls().is_empty());
    }
    assert!(standin.requests().await.is_empty());
}

#[tokio::test]
async fn a_picture_of_too_few_pixels_is_sent_to_nobody() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let claude = standin.claude(ClaudeSettings::default());
    let striped =
        |width, height| RgbImage::from_fn(width, height, |x, y| Rgb([(x * 40 + y * 90) as u8; 3]));
    for (width, height) in [(16, 16), (640, 31)] {
        let request = request(&striped(width, height), Language::En);
        let Err(AnalysisError::Unusable { reason, detail }) = claude.analyze(&request).await else {
            panic!("it was judged");
        };
        assert_eq!(reason, UndeterminedReason::ImageUnfit);
        assert!(detail.contains("too few pixels"), "{detail}");
    }
    assert!(standin.requests().await.is_empty(), "the model was asked");
    let seen = claude
        .analyze(&request(&striped(640, 32), Language::En))
        .await;
    assert!(seen.is_ok(), "{seen:?}");
}

#[tokio::test]
async fn of_a_frame_larger_than_the_model_looks_at_the_part_is_shown_beside_the_whole() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    standin
        .script(json!([{"reply": {"findings": [in_region(0.9)]}}]))
        .await;
    let claude = standin.claude(ClaudeSettings::default());
    let request = request(&blade(), Language::En);
    let analysis = contract::its_analysis_keeps_the_ports_word(&claude, &request).await;
    let seen = standin.requests().await;
    let sent = seen[0]["images"].as_array().unwrap();
    assert_eq!((seen.len(), sent.len()), (1, 2));
    assert_eq!(sent[0]["width_px"], 2576, "the whole frame is there too");
    let found = &analysis.findings[0];
    let BoxProvenance::Cropped { crop, .. } = found.provenance else {
        panic!("{found:?}");
    };
    assert_eq!(crop.union(&BLADE), crop, "all of the blade is in it");
    // It is small enough to be shown in its own size.
    assert_eq!(sent[1]["width_px"], crop.width);
    assert_eq!(sent[1]["height_px"], crop.height);
    assert_eq!(found.box_px, at(crop.x + 400, crop.y + 200, 120, 30));
}

#[tokio::test]
async fn what_is_doubtful_in_the_parts_region_is_looked_at_from_near_all_the_same() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    standin
        .script(json!([{"reply": {"findings": [in_region(0.4)]}}, {"reply": {}}]))
        .await;
    let claude = standin.claude(ClaudeSettings::default());
    let request = request(&blade(), Language::En);
    let analysis = claude.analyze(&request).await.unwrap();
    assert!(analysis.disagreement.is_some(), "it was not found again");
    let seen = standin.requests().await;
    let near = seen[1]["images"].as_array().unwrap();
    assert_eq!((seen.len(), near.len()), (2, 2));
    // Of 120 × 30 pixels, with as much again on every side, enlarged twice.
    assert_eq!(near[1]["width_px"], 720);
}

#[tokio::test]
async fn the_parts_region_counts_among_the_details_of_one_request() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let claude = standin.claude(ClaudeSettings::default());
    let mut request = request(&blade(), Language::En);
    let marks = (0..6).map(|n| at(950 + n * 300, 720 + n * 60, 20, 20));
    let marks = marks.map(|mark| builders::finding(DefectType::Unknown, Severity::Major, mark));
    request.screening = Some(builders::defective(&request.image.facts(), marks.collect()));
    claude.analyze(&request).await.unwrap();
    let seen = standin.requests().await;
    let sent = seen[0]["images"].as_array().unwrap();
    assert_eq!(sent.len(), 1 + 4);
    assert!(
        sent[1]["width_px"].as_u64().unwrap() > 1900,
        "the region is the first"
    );
}
