//! What a provider gave back, in one form for all of them, and how it ended.

use super::{
    read::{ReadReply, ReplyRefused, SentFrame, broken, check_cause, check_reply},
    wire::{CauseReply, Reply},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use wiko_core::{analysis::CauseAnalysis, text::plain};

/// How an answer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As the one call of a tool of this name.
    Tool(&'static str),
    /// As text that is one JSON object.
    Text,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The model had said what it wanted to say.
    OfItself,
    /// It called a tool.
    ToolCall,
    /// The provider calls what the model made malformed.
    Malformed,
    /// It was cut off, filtered or refused, or ended in a way that nobody knows; the provider's word for it.
    Early(String),
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// Text.
    Text(String),
    /// The call of a tool.
    Call {
        /// The tool's name, as the model gave it.
        name: String,
        /// Its input; none where it holds what JSON does not know, such as a number that is none.
        input: Option<Value>,
    },
}

/// What a provider gave back.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// How it ended.
    pub end: End,
    /// What it consists of, in order. What a model thought before it spoke is not among it.
    pub blocks: Vec<Block>,
}

/// Reads the answer to an inspection. What comes out may still be undetermined: that is for
/// [`wiko_core::verdict::judge`] to say.
pub fn read_answer(
    answer: &Answer,
    form: Form,
    frame: &SentFrame,
) -> Result<ReadReply, ReplyRefused> {
    check_reply(&read::<Reply>(answer, form)?, frame)
}

/// Reads the answer to the question for the cause.
pub fn read_cause(
    answer: &Answer,
    form: Form,
    frame: &SentFrame,
) -> Result<CauseAnalysis, ReplyRefused> {
    check_cause(read::<CauseReply>(answer, form)?, frame)
}

/// How it ended is looked at first: what was cut off is discarded even where it could be read.
fn read<T: DeserializeOwned>(answer: &Answer, form: Form) -> Result<T, ReplyRefused> {
    let expected = match form {
        Form::Tool(_) => End::ToolCall,
        Form::Text => End::OfItself,
    };
    match &answer.end {
        end if *end == expected => {}
        // The model ended of itself and called no tool, or called one where none was given.
        End::OfItself | End::ToolCall => return Err(broken(told_instead(&answer.blocks))),
        End::Malformed => {
            return Err(broken("the service calls the model's output malformed"));
        }
        End::Early(how) => {
            return Err(ReplyRefused::Incomplete {
                how: shortened(how),
            });
        }
    }
    match form {
        Form::Tool(name) => {
            let input = the_call(&answer.blocks, name)?;
            T::deserialize(input).map_err(|error| broken(error.to_string()))
        }
        // Straight into the type: a key given twice is refused here, where a map would keep the last.
        Form::Text => {
            let text = text_of(&answer.blocks)?;
            serde_json::from_str(unfenced(text.trim())).map_err(|error| broken(error.to_string()))
        }
    }
}

/// The input of the one call.
fn the_call<'a>(blocks: &'a [Block], tool: &str) -> Result<&'a Value, ReplyRefused> {
    let calls: Vec<_> = blocks
        .iter()
        .filter_map(|block| match block {
            Block::Call { name, input } => Some((name, input)),
            Block::Text(_) => None,
        })
        .collect();
    match calls.as_slice() {
        [] => Err(broken(told_instead(blocks))),
        [(name, _)] if *name != tool => Err(broken(format!(
            "the model called a tool \"{}\"",
            shortened(name)
        ))),
        [(_, Some(input))] => Ok(input),
        [_] => Err(broken("a number is not finite")),
        more => Err(broken(format!("the model called {} tools", more.len()))),
    }
}

/// All of the text; a call among it where none was asked for refuses the answer.
fn text_of(blocks: &[Block]) -> Result<String, ReplyRefused> {
    let mut all = String::new();
    for block in blocks {
        match block {
            Block::Text(text) => all.push_str(text),
            Block::Call { name, .. } => {
                return Err(broken(format!(
                    "the model called a tool \"{}\"",
                    shortened(name)
                )));
            }
        }
    }
    Ok(all)
}

/// Takes away the one Markdown fence that models like to put around JSON; anything else stays and is
/// refused by the reader.
pub(crate) fn unfenced(text: &str) -> &str {
    text.strip_prefix("```json")
        .or_else(|| text.strip_prefix("```"))
        .and_then(|inner| inner.strip_suffix("```"))
        .map_or(text, str::trim)
}

fn told_instead(blocks: &[Block]) -> String {
    let prose: String = blocks
        .iter()
        .filter_map(|block| match block {
            Block::Text(text) => Some(text.as_str()),
            Block::Call { .. } => None,
        })
        .flat_map(str::chars)
        .take(200)
        .collect();
    if prose.is_empty() {
        "the model gave no result".to_owned()
    } else {
        format!("the model gave no result but wrote \"{}\"", plain(&prose))
    }
}

/// Short enough for a record.
pub(crate) fn shortened(text: &str) -> String {
    plain(text).chars().take(80).collect()
}
