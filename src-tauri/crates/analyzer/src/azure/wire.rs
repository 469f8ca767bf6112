//! The request in the form of chat completions, and the answer out of it.

use crate::vision::{MOST_TOKENS, Question, Taken, TokenCounts, Turn};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use wiko_contract::{Answer, Block, End};

/// As much as Claude is given.
const MAX_OUTPUT_TOKENS: u32 = 8192;

/// Name of the schema in the request; the service asks for one.
const SCHEMA_NAME: &str = "answer";

pub(super) fn request(
    question: &Question<'_>,
    deployment: &str,
    api_version: Option<&str>,
) -> Value {
    let task = question.task;
    let system = json!({"role": "system", "content": task.system});
    let mut messages = vec![system];
    messages.extend(question.turns.iter().map(message));
    // Before the pictures of the part.
    if let Some(first) = messages
        .get_mut(1)
        .and_then(|first| first["content"].as_array_mut())
    {
        let references = task.references.iter();
        let shown = references.flat_map(|reference| {
            let text = json!({"type": "text", "text": reference.text});
            [text, image(&reference.picture.jpeg)]
        });
        first.splice(0..0, shown);
    }
    // Versions before that refuse the newer name.
    let limit = match api_version {
        Some(version) if version < "2024-09-01" => "max_tokens",
        _ => "max_completion_tokens",
    };
    json!({
        "model": deployment,
        "messages": messages,
        limit: MAX_OUTPUT_TOKENS,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": SCHEMA_NAME, "strict": true, "schema": task.schema},
        },
    })
}

fn message(turn: &Turn) -> Value {
    match turn {
        Turn::Shown { pictures, text } => {
            let mut content: Vec<Value> = pictures
                .iter()
                .map(|picture| image(&picture.jpeg))
                .collect();
            content.push(json!({"type": "text", "text": text}));
            json!({"role": "user", "content": content})
        }
        Turn::Answered(answer) => {
            let said: String = answer
                .blocks
                .iter()
                .map(|block| match block {
                    Block::Text(text) => text.clone(),
                    Block::Call { name, .. } => format!("[{name}]"),
                })
                .collect();
            json!({"role": "assistant", "content": said})
        }
        Turn::Repair(text) => json!({"role": "user", "content": text}),
    }
}

fn image(jpeg: &[u8]) -> Value {
    let url = format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg));
    json!({"type": "image_url", "image_url": {"url": url, "detail": "high"}})
}

/// An answer of the service; what it tells beside is left aside. None where the text is none of its answers.
pub(super) fn taken(text: &str) -> Option<Taken> {
    let body: Value = serde_json::from_str(text).ok()?;
    body.get("choices")?;
    let answer = match Vec::<Choice>::deserialize(&body["choices"]) {
        Ok(choices) => answer(choices),
        Err(_) => Answer {
            end: End::Malformed,
            blocks: vec![],
        },
    };
    let usage = &body["usage"];
    let count = |value: &Value| value.as_u64().unwrap_or(0).min(MOST_TOKENS);
    let cached = count(&usage["prompt_tokens_details"]["cached_tokens"]);
    Some(Taken {
        answer,
        counts: TokenCounts {
            uncached_input: count(&usage["prompt_tokens"]).saturating_sub(cached),
            cache_read: cached,
            cache_write: 0,
            output: count(&usage["completion_tokens"]),
        },
    })
}

#[derive(Debug, Deserialize)]
struct Choice {
    finish_reason: Option<String>,
    message: Message,
}

#[derive(Debug, Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<Value>>,
}

/// Of several choices none can be told to be the answer.
fn answer(mut choices: Vec<Choice>) -> Answer {
    let early = |how: &str| Answer {
        end: End::Early(how.to_owned()),
        blocks: vec![],
    };
    let (Some(choice), true) = (choices.pop(), choices.is_empty()) else {
        return early("not one choice");
    };
    if choice.message.refusal.is_some() {
        return early("refusal");
    }
    let end = match choice.finish_reason.as_deref() {
        Some("stop") => End::OfItself,
        Some("tool_calls") => End::ToolCall,
        Some(other) => End::Early(other.to_owned()),
        None => End::Early("no finish reason".to_owned()),
    };
    let text = choice.message.content.map(Block::Text);
    let calls = choice
        .message
        .tool_calls
        .unwrap_or_default()
        .into_iter()
        .map(|call| Block::Call {
            name: call["function"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            input: None,
        });
    Answer {
        end,
        blocks: text.into_iter().chain(calls).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn a_whole_answer_is_its_text_with_what_was_counted() {
        let taken = super::taken(
            r#"{"id": "x", "choices": [{"index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": "{}"}}],
               "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
                         "prompt_tokens_details": {"cached_tokens": 60}}}"#,
        )
        .unwrap();
        assert_eq!(taken.answer.end, End::OfItself);
        assert_eq!(taken.answer.blocks, [Block::Text("{}".into())]);
        assert_eq!(
            (taken.counts.uncached_input, taken.counts.cache_read),
            (40, 60)
        );
    }

    #[test]
    fn a_count_that_no_model_comes_to_is_not_believed() {
        let taken = super::taken(
            r#"{"choices": [{"finish_reason": "stop", "message": {"content": "{}"}}],
               "usage": {"prompt_tokens": 18446744073709551615, "completion_tokens": 18446744073709551615}}"#,
        );
        let counts = taken.unwrap().counts;
        assert_eq!(
            (counts.uncached_input, counts.output),
            (MOST_TOKENS, MOST_TOKENS)
        );
    }

    #[rstest]
    #[case::length(r#"{"choices": [{"finish_reason": "length", "message": {"content": "{}"}}]}"#)]
    #[case::filtered(
        r#"{"choices": [{"finish_reason": "content_filter", "message": {"content": "{}"}}]}"#
    )]
    #[case::refused(r#"{"choices": [{"finish_reason": "stop", "message": {"content": "{}", "refusal": "no"}}]}"#)]
    #[case::no_end(r#"{"choices": [{"finish_reason": null, "message": {"content": "{}"}}]}"#)]
    #[case::none(r#"{"choices": []}"#)]
    #[case::two(
        r#"{"choices": [{"finish_reason": "stop", "message": {"content": "{}"}},
                                {"finish_reason": "stop", "message": {"content": "{}"}}]}"#
    )]
    fn what_did_not_end_of_itself_ended_early(#[case] text: &str) {
        let end = taken(text).unwrap().answer.end;
        assert!(matches!(end, End::Early(_)), "{end:?}");
    }

    #[test]
    fn an_answer_of_another_form_is_an_answer_and_a_page_of_a_proxy_is_none() {
        for text in [r#"{"choices": "x"}"#, r#"{"choices": [{"message": 7}]}"#] {
            assert_eq!(taken(text).unwrap().answer.end, End::Malformed, "{text}");
        }
        let nulls = r#"{"choices": [{"finish_reason": "stop", "message": {"content": "{}", "tool_calls": null}}],
                        "usage": {"prompt_tokens": null}}"#;
        assert_eq!(taken(nulls).unwrap().answer.end, End::OfItself);
        for text in ["<html>", "{}", "7"] {
            assert!(taken(text).is_none(), "{text}");
        }
    }
}
