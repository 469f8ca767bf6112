use super::*;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use wiko_core::{
    analysis::{Analysis, Appraiser, Claim, ImageQuality, Provider, Usage},
    geometry::{BoxProvenance, BoxPx},
    image::{ImageFacts, ImageFormat, Sha256},
    verdict::{UndeterminedReason as Why, VerdictCode, judge},
};

mod details;
mod made_up;
mod reading;
mod repair;

fn frame() -> SentFrame {
    let criterion = |code: &str| Criterion {
        code: code.into(),
        text: String::new(),
    };
    SentFrame {
        original: ImageFacts {
            sha256: Sha256::of(b"part"),
            size_bytes: 4,
            width_px: 2000,
            height_px: 1000,
            format: ImageFormat::Jpeg,
        },
        pictures: vec![
            BoxProvenance::Resized {
                width_px: 1000,
                height_px: 500,
            },
            BoxProvenance::Cropped {
                crop: DETAIL,
                width_px: 200,
                height_px: 100,
            },
        ],
        criteria: vec![criterion("BG1"), criterion("BG2")],
        asks_checklist: true,
    }
}

const DETAIL: BoxPx = BoxPx {
    x: 1000,
    y: 500,
    width: 100,
    height: 50,
};

const TOOL: Form = Form::Tool("record_inspection");

/// An answer that calls the tool with this input.
fn call(input: Value) -> Answer {
    Answer {
        end: End::ToolCall,
        blocks: vec![Block::Call {
            name: "record_inspection".into(),
            input: Some(input),
        }],
    }
}

/// An answer that is text.
fn text(text: impl Into<String>) -> Answer {
    Answer {
        end: End::OfItself,
        blocks: vec![Block::Text(text.into())],
    }
}

fn read_reply(reply: Value) -> Result<ReadReply, ReplyRefused> {
    read_answer(&call(reply), TOOL, &frame())
}

fn read_text(said: &str) -> Result<ReadReply, ReplyRefused> {
    read_answer(&text(said), Form::Text, &frame())
}

fn good() -> Value {
    json!({
        "image_token": frame().token(),
        "image_quality": {"usable": true, "reason": ""},
        "part": "expected",
        "instruction_in_image": false,
        "checklist": [
            {"criterion": "BG1", "result": "met"},
            {"criterion": "BG2", "result": "met"},
        ],
        "findings": [],
        "verdict": "good",
        "summary": "无缺陷",
    })
}

fn scratch() -> Value {
    json!({
        "type": "blade_scratch", "severity": "minor", "confidence": 0.9,
        "region": "blade_surface", "picture": 0, "box": [10, 20, 110.5, 40],
        "description": "刀面划痕", "recommended_action": "accept_with_discount",
        "criterion": "BG1",
    })
}

fn defective() -> Value {
    let mut reply = good();
    reply["verdict"] = json!("defective");
    reply["findings"] = json!([scratch()]);
    reply["checklist"][0]["result"] = json!("violated");
    reply
}

/// What the station makes of a reply.
fn decided(reply: Value) -> Result<VerdictCode, Why> {
    judged(read_reply(reply))
}

fn judged(read: Result<ReadReply, ReplyRefused>) -> Result<VerdictCode, Why> {
    let frame = frame();
    let read = read.map_err(|refused| refused.reason())?;
    let analysis = Analysis {
        image_sha256: frame.original.sha256,
        complete: true,
        disagreement: read.disagreement,
        claim: read.claim,
        findings: read.findings,
        image_quality: read.image_quality,
        cause: None,
        summary: read.summary,
        appraiser: Appraiser {
            provider: Provider::Claude,
            model: String::new(),
            prompt_sha256: Sha256::of(b""),
            recipe: None,
        },
        usage: Usage::default(),
    };
    let verdict = judge(&frame.original, &analysis, None);
    verdict.reason().map_or(Ok(verdict.code()), Err)
}

fn with(mut reply: Value, pointer: &str, value: Value) -> Value {
    *reply.pointer_mut(pointer).unwrap() = value;
    reply
}

fn without(mut reply: Value, key: &str) -> Value {
    reply.as_object_mut().unwrap().remove(key).unwrap();
    reply
}

#[test]
fn a_complete_good_reply_passes_and_a_defective_one_fails() {
    assert_eq!(decided(good()), Ok(VerdictCode::Pass));
    assert_eq!(decided(defective()), Ok(VerdictCode::Fail));
}

trait Pipe: Sized {
    fn pipe(self, change: impl FnOnce(Self) -> Self) -> Self {
        change(self)
    }
}
impl Pipe for Value {}
