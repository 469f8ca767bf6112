//! No answer of a model gives a Pass unless it is a complete, good reply about the very picture that was sent; and no
//! further try gives one where the first answer held something against the part.
//!
//! An input is a JSON object: `{"first": ANSWER, "second": ANSWER}`, an answer being `{"end": "call" | "itself" |
//! "malformed" | any word, "blocks": [{"text": …} | {"call": name, "input": …}]}`. Anything else is taken as text. The
//! mutator changes such objects as JSON, so that most inputs are near to a reply; libFuzzer's own changes the bytes.

#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use serde_json::{Value, json};
use wiko_contract::{
    Answer, Block, Criterion, End, Form, ReadReply, SentFrame, may_be_repaired, merge, oracle,
    read_answer,
    read_repaired,
};
use wiko_core::{
    analysis::{Analysis, Appraiser, Provider, Usage},
    geometry::{BoxProvenance, BoxPx},
    image::{ImageFacts, ImageFormat, Sha256},
    verdict::{VerdictCode, judge},
};

const TOOL: &str = "record_inspection";

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
                crop: BoxPx {
                    x: 100,
                    y: 100,
                    width: 50,
                    height: 50,
                },
                width_px: 200,
                height_px: 200,
            },
        ],
        criteria: vec![criterion("BG1"), criterion("BG2")],
        asks_checklist: true,
    }
}

fn passes(read: ReadReply, frame: &SentFrame) -> bool {
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
    judge(&frame.original, &analysis, None).code() == VerdictCode::Pass
}

fn answer(value: &Value) -> Answer {
    let blocks = value["blocks"].as_array().map(Vec::as_slice).unwrap_or_default();
    Answer {
        end: match value["end"].as_str().unwrap_or_default() {
            "call" => End::ToolCall,
            "itself" => End::OfItself,
            "malformed" => End::Malformed,
            other => End::Early(other.to_owned()),
        },
        blocks: blocks
            .iter()
            .map(|block| match block["text"].as_str() {
                Some(text) => Block::Text(text.to_owned()),
                None => Block::Call {
                    name: block["call"].as_str().unwrap_or_default().to_owned(),
                    input: block.get("input").cloned(),
                },
            })
            .collect(),
    }
}

fuzz_target!(|data: &[u8]| {
    let input: Value = serde_json::from_slice(data).unwrap_or_else(|_| {
        let text = String::from_utf8_lossy(data);
        json!({"first": {"end": "itself", "blocks": [{"text": text}]}})
    });
    let (first, second) = (answer(&input["first"]), answer(&input["second"]));
    let frame = frame();
    for form in [Form::Tool(TOOL), Form::Text] {
        match read_answer(&first, form, &frame) {
            Ok(read) => {
                if passes(read, &frame) {
                    assert!(oracle::may_pass(&first, form, &frame), "a false pass");
                }
            }
            Err(refused) if may_be_repaired(&refused) => {
                if let Ok(read) = read_repaired(&first, &second, form, &frame)
                    && passes(read, &frame)
                {
                    assert!(oracle::may_pass(&second, form, &frame), "a false pass after the further try");
                    assert!(oracle::says_good(&first), "asked until it passed");
                }
            }
            Err(_) => {}
        }
        let details = SentFrame {
            asks_checklist: false,
            ..frame.clone()
        };
        let (whole, near) = (read_answer(&first, form, &frame), read_answer(&second, form, &details));
        if let (Ok(whole), Ok(near)) = (whole, near) {
            let shown: Vec<BoxPx> = whole.findings.iter().map(|found| found.box_px).collect();
            if passes(merge(whole, near, &shown), &frame) {
                assert!(oracle::may_pass(&first, form, &frame), "a false first look");
                assert!(oracle::may_pass(&second, form, &details), "a false closer look");
            }
        }
    }
});

/// Small and quick: which change, and where.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit.max(1) as u64).unwrap_or(0)
    }
}

fn any_value(dice: &mut Dice) -> Value {
    match dice.below(20) {
        0 => json!(null),
        1 => json!(true),
        2 => json!(false),
        3 => json!([]),
        4 => json!({}),
        5 => json!(-1),
        6 => json!(1e308),
        7 => json!(0.5),
        8 => json!("good"),
        9 => json!("defective"),
        10 => json!("unsure"),
        11 => json!("met"),
        12 => json!("not_visible"),
        13 => json!("BG1"),
        14 => json!("BG2"),
        15 => json!("expected"),
        16 => json!("call"),
        17 => json!("itself"),
        18 => good(),
        _ => json!([{"type": "rust_spot", "severity": "cosmetic", "confidence": 0.9, "region": "tip", "picture": 0,
                     "box": [1, 2, 3, 4], "description": "", "recommended_action": "accept", "criterion": null}]),
    }
}

fn good() -> Value {
    json!({
        "image_token": frame().token(),
        "image_quality": {"usable": true, "reason": ""},
        "part": "expected",
        "instruction_in_image": false,
        "checklist": [{"criterion": "BG1", "result": "met"}, {"criterion": "BG2", "result": "met"}],
        "findings": [],
        "verdict": "good",
        "summary": "",
    })
}

/// Changes one place of a value, chosen by walking down.
fn change(value: &mut Value, dice: &mut Dice) {
    let deeper = dice.below(6) != 0;
    match value {
        Value::Object(map) if deeper && !map.is_empty() => {
            let keys: Vec<String> = map.keys().cloned().collect();
            let key = &keys[dice.below(keys.len())];
            match dice.below(12) {
                0 => drop(map.remove(key)),
                1 => drop(map.insert(format!("{key}_"), any_value(dice))),
                _ => change(&mut map[key], dice),
            }
        }
        Value::Array(list) if deeper && !list.is_empty() => {
            let at = dice.below(list.len());
            match dice.below(8) {
                0 => drop(list.remove(at)),
                1 => list.push(list[at].clone()),
                _ => change(&mut list[at], dice),
            }
        }
        Value::String(text) if deeper => {
            // Texts often hold JSON themselves: a reply that came as text.
            match serde_json::from_str::<Value>(text) {
                Ok(mut inner) => {
                    change(&mut inner, dice);
                    *text = inner.to_string();
                }
                Err(_) => *value = any_value(dice),
            }
        }
        other => *other = any_value(dice),
    }
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut dice = Dice(u64::from(seed) * 2_654_435_761 + 88_172_645_463_325_252);
    if dice.below(5) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let mut value: Value = serde_json::from_slice(&data[..size]).unwrap_or_else(|_| {
        let call = json!({"end": "call", "blocks": [{"call": TOOL, "input": good()}]});
        let said = json!({"end": "itself", "blocks": [{"text": good().to_string()}]});
        json!({"first": call, "second": said})
    });
    for _ in 0..=dice.below(3) {
        change(&mut value, &mut dice);
    }
    let text = value.to_string();
    if text.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    data[..text.len()].copy_from_slice(text.as_bytes());
    text.len()
});
