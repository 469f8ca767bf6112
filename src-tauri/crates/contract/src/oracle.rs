//! What an answer must be for its part to pass, written a second time and apart from the reader: tests and the
//! fuzzer hold the one against the other.

use crate::{Answer, Block, End, Form, SentFrame};
use serde_json::{Value, json};

/// True where the part may pass on this answer. Looks at plain JSON alone.
pub fn may_pass(answer: &Answer, form: Form, frame: &SentFrame) -> bool {
    match (form, &answer.end, answer.blocks.as_slice()) {
        (Form::Text, End::OfItself, blocks) => {
            let mut all = String::new();
            for block in blocks {
                match block {
                    Block::Text(text) => all.push_str(text),
                    Block::Call { .. } => return false,
                }
            }
            parsed(&all).is_some_and(|reply| clears(&reply, frame))
        }
        (Form::Tool(tool), End::ToolCall, blocks) => {
            let mut calls = blocks.iter().filter_map(|block| match block {
                Block::Call { name, input } => Some((name, input)),
                Block::Text(_) => None,
            });
            match (calls.next(), calls.next()) {
                (Some((name, Some(input))), None) => name == tool && clears(input, frame),
                _ => false,
            }
        }
        _ => false,
    }
}

/// True where an answer plainly calls the part good, in whatever form: what a further try may repeat.
pub fn says_good(answer: &Answer) -> bool {
    let good = |reply: &Value| {
        reply["verdict"] == "good"
            && reply["findings"] == json!([])
            && (reply["part"].is_null() || reply["part"] == "expected")
            && reply["instruction_in_image"] != true
            && reply["image_quality"]["usable"] != false
    };
    match answer.blocks.as_slice() {
        [
            Block::Call {
                input: Some(reply), ..
            },
        ] => good(reply),
        blocks => {
            let mut all = String::new();
            for block in blocks {
                match block {
                    Block::Text(text) => all.push_str(text),
                    Block::Call { .. } => return false,
                }
            }
            parsed(&all).is_some_and(|reply| good(&reply))
        }
    }
}

/// The JSON of a text, without a fence around it.
fn parsed(text: &str) -> Option<Value> {
    let fence = |c: char| c.is_whitespace() || c == '`';
    let bare = text.trim_matches(fence);
    serde_json::from_str(bare.strip_prefix("json").unwrap_or(bare).trim()).ok()
}

fn clears(reply: &Value, frame: &SentFrame) -> bool {
    const KEYS: [&str; 8] = [
        "image_token",
        "image_quality",
        "part",
        "instruction_in_image",
        "checklist",
        "findings",
        "verdict",
        "summary",
    ];
    let Some(map) = reply.as_object() else {
        return false;
    };
    let quality = reply["image_quality"].as_object();
    map.len() == KEYS.len()
        && KEYS.iter().all(|key| map.contains_key(*key))
        && reply["verdict"] == "good"
        && reply["findings"] == json!([])
        && reply["image_token"] == frame.token()
        && reply["part"] == "expected"
        && reply["instruction_in_image"] == false
        && quality.is_some_and(|quality| {
            quality.len() == 2 && quality["usable"] == true && quality["reason"].is_string()
        })
        && reply["summary"].is_string()
        && each_is_met(&reply["checklist"], frame)
}

fn each_is_met(checklist: &Value, frame: &SentFrame) -> bool {
    let Some(entries) = checklist.as_array() else {
        return false;
    };
    let asked = if frame.asks_checklist {
        frame.criteria.len()
    } else {
        0
    };
    entries.len() == asked
        && frame.criteria.iter().take(asked).all(|criterion| {
            entries.contains(&json!({"criterion": criterion.code, "result": "met"}))
        })
}
