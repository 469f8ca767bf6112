//! The one further try that an answer which breaks the contract is given.

use super::{
    answer::{Answer, Block, Form, read_answer, unfenced},
    read::{ReadReply, ReplyRefused, SentFrame},
    unique::without_duplicates,
};
use serde_json::{Map, Value};

/// True where the model may be asked once more to put the same answer into form. What was cut off, speaks of
/// another picture or contradicts itself is not a matter of form.
pub fn may_be_repaired(refused: &ReplyRefused) -> bool {
    matches!(refused, ReplyRefused::ContractBroken { .. })
}

/// Reads the second answer, given after the first was refused. It may say what the first one said, in form. It
/// clears a part only where the first one called it good in all but form: anything else would be asking until it
/// passes.
pub fn read_repaired(
    first: &Answer,
    second: &Answer,
    form: Form,
    frame: &SentFrame,
) -> Result<ReadReply, ReplyRefused> {
    let reply = read_answer(second, form, frame)?;
    if reply.clears() && !called_it_good(first) {
        return Err(ReplyRefused::Disagreement {
            detail: "the first answer was not in form and did not plainly call the part good, the one in form does"
                .to_owned(),
        });
    }
    Ok(reply)
}

/// True where an answer is one JSON object that calls the part good and holds nothing that could say otherwise: what
/// is not known to be calm counts as a doubt.
fn called_it_good(answer: &Answer) -> bool {
    match answer.blocks.as_slice() {
        [
            Block::Call {
                input: Some(Value::Object(reply)),
                ..
            },
        ] => is_calm(reply),
        blocks => {
            let mut all = String::new();
            for block in blocks {
                match block {
                    Block::Text(text) => all.push_str(text),
                    Block::Call { .. } => return false,
                }
            }
            let reply = without_duplicates(unfenced(all.trim()));
            reply.is_some_and(|reply| reply.as_object().is_some_and(is_calm))
        }
    }
}

fn is_calm(reply: &Map<String, Value>) -> bool {
    let says_good = reply
        .get("verdict")
        .is_some_and(|verdict| verdict == "good")
        && reply
            .get("findings")
            .is_some_and(|findings| findings == &Value::Array(vec![]));
    says_good
        && reply.iter().all(|(key, value)| match key.as_str() {
            "verdict" | "findings" => true,
            "image_token" | "summary" => value.is_string(),
            "part" => value == "expected",
            "instruction_in_image" => value == &Value::Bool(false),
            "image_quality" => value.as_object().is_some_and(|quality| {
                quality.iter().all(|(key, value)| match key.as_str() {
                    "usable" => value == &Value::Bool(true),
                    "reason" => value.is_string(),
                    _ => false,
                })
            }),
            "checklist" => value
                .as_array()
                .is_some_and(|entries| entries.iter().all(is_met)),
            _ => false,
        })
}

fn is_met(entry: &Value) -> bool {
    entry.as_object().is_some_and(|entry| {
        entry.get("result").is_some_and(|result| result == "met")
            && entry.iter().all(|(key, value)| match key.as_str() {
                "result" => true,
                "criterion" => value.is_string(),
                _ => false,
            })
    })
}
