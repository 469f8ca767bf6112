//! Claude over real HTTP, against the stand-in that holds each request to AWS's service model.

mod answers;
mod details;
mod failures;
mod request;

use crate::standin::{StandIn, claude_at};
use image::{Rgb, RgbImage};
use rstest::rstest;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use wiko_analyzer::claude::{Claude, ClaudeSettings};
use wiko_core::{
    analysis::{Analysis, Provider},
    chain::{Chain, ChainOutcome, Gate},
    defect::{DefectType, Severity},
    geometry::{BoxProvenance, BoxPx},
    image::EncodedImage,
    ports::{AnalysisError, AnalysisRequest, Analyzer, Hindered, Language},
    queue::Obstacle,
    spending::{Meter, Purpose},
    verdict::{UndeterminedReason as Why, VerdictCode, judge},
};
use wiko_testkit::{
    builders,
    contracts::analyzer::{self as contract, AnalyzerUnderTest, FarSide},
};

pub(crate) fn picture(width: u32, height: u32) -> EncodedImage {
    let steel = RgbImage::from_fn(width, height, |x, y| {
        let grain = ((x * 7 + y * 13) % 32) as u8;
        Rgb([150 + grain, 152 + grain, 155 + grain])
    });
    let jpeg = wiko_imaging::encode_jpeg(&steel, 90).unwrap();
    wiko_imaging::inspect(jpeg).unwrap()
}

pub(crate) fn request_of(image: EncodedImage, language: Language) -> AnalysisRequest {
    AnalysisRequest {
        capture: builders::capture(1),
        image,
        language,
        screening: None,
        screen_fault: None,
        mm_per_px: None,
        meter: Meter::default(),
    }
}

fn request() -> AnalysisRequest {
    request_of(picture(640, 480), Language::ZhCn)
}

fn scratch(box_px: [f64; 4]) -> Value {
    json!({
        "type": "blade_scratch", "severity": "major", "confidence": 0.8,
        "region": "blade_surface", "box": box_px, "description": "横向划痕",
        "recommended_action": "rework", "criterion": "BG1",
    })
}

fn defective() -> Value {
    json!({
        "findings": [scratch([10.0, 20.0, 110.0, 40.0])],
        "summary": "刀面有横向划痕",
    })
}

/// Seen in the first detail.
fn in_detail(mut finding: Value) -> Value {
    finding["picture"] = json!(1);
    finding
}

/// A minor one, whose cause nobody asks for.
fn shallow(box_px: [f64; 4], confidence: f64) -> Value {
    let mut finding = scratch(box_px);
    finding["severity"] = json!("minor");
    finding["confidence"] = json!(confidence);
    finding
}

fn with_finding(key: &str, value: Value) -> Value {
    let mut reply = defective();
    reply["findings"][0][key] = value;
    reply
}

fn good_with_finding() -> Value {
    let mut reply = with_finding("criterion", json!(null));
    reply["verdict"] = json!("good");
    reply
}

async fn hindered(claude: &Claude) -> Hindered {
    match claude.analyze(&request()).await {
        Err(AnalysisError::Hindered(hindered)) => hindered,
        other => panic!("{other:?}"),
    }
}

struct Harness {
    standin: StandIn,
    claude: Claude,
}

#[async_trait::async_trait]
impl AnalyzerUnderTest for Harness {
    fn analyzer(&self) -> &dyn Analyzer {
        &self.claude
    }

    async fn next(&self, answer: FarSide) {
        let step = match answer {
            FarSide::Good => json!({}),
            FarSide::GoodWithFinding => json!({"reply": good_with_finding()}),
            FarSide::Defective => json!({"reply": defective()}),
            FarSide::CutOff => json!({"stop_reason": "max_tokens"}),
            FarSide::Prose => json!({"prose": "The part is good."}),
            FarSide::OtherPicture => json!({"reply": {"image_token": "00000000"}}),
            FarSide::Throttled => json!({"error": "ThrottlingException"}),
            FarSide::CredentialsExpired => json!({"error": "ExpiredTokenException"}),
            FarSide::NeedsPerson => json!({"error": "AccessDeniedException"}),
        };
        // Its further try, where it is given one, is no better.
        let mut step = step;
        if answer == FarSide::Prose {
            step["times"] = json!(2);
        }
        self.standin.script(json!([step])).await;
    }
}

#[tokio::test]
async fn claude_keeps_the_contract_of_its_port() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let claude = standin.claude(ClaudeSettings::default());
    let harness = Harness { standin, claude };
    contract::only_a_good_answer_passes(&harness, &request()).await;
    contract::each_obstacle_is_told_apart(&harness, &request()).await;
}

/// Asks whomever it may.
pub(crate) struct Open;

impl Gate for Open {
    fn may_ask(&mut self, _: Provider) -> Result<(), Hindered> {
        Ok(())
    }

    fn answered(&mut self, _: &Result<Analysis, AnalysisError>) {}
}
