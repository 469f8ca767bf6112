//! The request in the form of Converse, and the answer out of it.

use super::{
    document::{to_document, to_json},
    models::{Capabilities, JsonGuarantee},
};
use crate::vision::{MOST_TOKENS, Question, TokenCounts, Turn, prompt::Task};
use aws_sdk_bedrockruntime::{
    error::BuildError,
    operation::converse::{ConverseOutput, builders::ConverseFluentBuilder},
    primitives::Blob,
    types::{
        CachePointBlock, CachePointType, ContentBlock, ConversationRole, ImageBlock, ImageFormat,
        ImageSource, InferenceConfiguration, Message, SpecificToolChoice, StopReason,
        SystemContentBlock, Tool, ToolChoice, ToolConfiguration, ToolInputSchema, ToolResultBlock,
        ToolResultContentBlock, ToolResultStatus, ToolSpecification, ToolUseBlock,
    },
};
use std::{collections::HashMap, sync::Mutex};
use wiko_contract::{Answer, Block, End, Form};

/// Enough for a score of findings or for a cause; an answer that needs more is cut off and discarded.
const MAX_OUTPUT_TOKENS: i32 = 8192;

/// The tools of a model, each built once: the schema's keys lie in a hash map, and only a copy of the same map
/// keeps their order, without which the service's cache never hits.
#[derive(Debug, Default)]
pub(super) struct Tools(Mutex<HashMap<&'static str, ToolConfiguration>>);

impl Tools {
    fn of(
        &self,
        name: &'static str,
        task: &Task,
        strict: bool,
    ) -> Result<ToolConfiguration, BuildError> {
        let mut built = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(known) = built.get(name) {
            return Ok(known.clone());
        }
        let specification = ToolSpecification::builder()
            .name(name)
            .description("Records the result.")
            .input_schema(ToolInputSchema::Json(to_document(&task.schema)))
            .set_strict(strict.then_some(true))
            .build()?;
        let forced = SpecificToolChoice::builder().name(name).build()?;
        let tools = ToolConfiguration::builder()
            .tools(Tool::ToolSpec(specification))
            .tool_choice(ToolChoice::Tool(forced))
            .build()?;
        built.insert(name, tools.clone());
        Ok(tools)
    }
}

/// Fills a request.
pub(super) fn fill(
    request: ConverseFluentBuilder,
    question: &Question<'_>,
    capabilities: &Capabilities,
    tools: &Tools,
) -> Result<ConverseFluentBuilder, BuildError> {
    let task = question.task;
    // The newer families answer any temperature with an error; the older ones are set to repeat.
    let temperature = capabilities.takes_temperature.then_some(0.0);
    let inference = InferenceConfiguration::builder()
        .max_tokens(MAX_OUTPUT_TOKENS)
        .set_temperature(temperature)
        .build();
    let tool_config = match task.form {
        Form::Tool(name) => {
            let strict = capabilities.json == JsonGuarantee::StrictTool;
            Some(tools.of(name, task, strict)?)
        }
        Form::Text => None,
    };
    let mut request = request
        .system(SystemContentBlock::Text(task.system.clone()))
        .inference_config(inference)
        .set_tool_config(tool_config);
    let floor = capabilities.cache_floor_tokens;
    let mut called: Vec<String> = Vec::new();
    // What is the same for every part stands before all that is not.
    let mut before = references(task, floor)?;
    for turn in question.turns {
        request = request.messages(message(
            turn,
            task.form,
            std::mem::take(&mut before),
            &mut called,
        )?);
    }
    if task.least_tokens() >= floor {
        request = request.system(SystemContentBlock::CachePoint(cache_point()?));
    }
    Ok(request)
}

fn cache_point() -> Result<CachePointBlock, BuildError> {
    CachePointBlock::builder()
        .r#type(CachePointType::Default)
        .build()
}

/// The reference pictures, each after its text, and a cache point behind them where the model has a cache for so
/// many tokens.
fn references(task: &Task, cache_floor_tokens: u64) -> Result<Vec<ContentBlock>, BuildError> {
    let mut content = Vec::new();
    for reference in &*task.references {
        content.push(ContentBlock::Text(reference.text.clone()));
        content.push(jpeg(&reference.picture.jpeg)?);
    }
    if !content.is_empty() && task.least_tokens() + task.reference_tokens() >= cache_floor_tokens {
        content.push(ContentBlock::CachePoint(cache_point()?));
    }
    Ok(content)
}

fn jpeg(bytes: &[u8]) -> Result<ContentBlock, BuildError> {
    let image = ImageBlock::builder()
        .format(ImageFormat::Jpeg)
        .source(ImageSource::Bytes(Blob::new(bytes)))
        .build()?;
    Ok(ContentBlock::Image(image))
}

/// A turn as a message, after what goes before it. `called` keeps the ids of the calls that the next turn must answer, for the service
/// refuses a call without a result.
fn message(
    turn: &Turn,
    form: Form,
    before: Vec<ContentBlock>,
    called: &mut Vec<String>,
) -> Result<Message, BuildError> {
    let mut content = before;
    let role = match turn {
        Turn::Shown { pictures, text } => {
            // The images stand before the text.
            for picture in pictures {
                content.push(jpeg(&picture.jpeg)?);
            }
            content.push(ContentBlock::Text(text.clone()));
            ConversationRole::User
        }
        Turn::Answered(answer) => {
            called.clear();
            for block in &answer.blocks {
                content.push(said_before(block, form, called)?);
            }
            if content.is_empty() {
                content.push(ContentBlock::Text("…".to_owned()));
            }
            ConversationRole::Assistant
        }
        Turn::Repair(text) => {
            for id in called.drain(..) {
                let result = ToolResultBlock::builder()
                    .tool_use_id(id)
                    .status(ToolResultStatus::Error)
                    .content(ToolResultContentBlock::Text(text.clone()))
                    .build()?;
                content.push(ContentBlock::ToolResult(result));
            }
            if content.is_empty() {
                content.push(ContentBlock::Text(text.clone()));
            }
            ConversationRole::User
        }
    };
    Message::builder()
        .role(role)
        .set_content(Some(content))
        .build()
}

fn said_before(
    block: &Block,
    form: Form,
    called: &mut Vec<String>,
) -> Result<ContentBlock, BuildError> {
    Ok(match block {
        // The service refuses a text without a letter.
        Block::Text(text) if text.trim().is_empty() => ContentBlock::Text("…".to_owned()),
        Block::Text(text) => ContentBlock::Text(text.clone()),
        // Without tools in the request the service takes no calls in it.
        Block::Call { name, .. } if form == Form::Text => ContentBlock::Text(format!("[{name}]")),
        Block::Call { name, input } => {
            let id = format!("call_{}", called.len());
            called.push(id.clone());
            let empty = serde_json::Value::Object(serde_json::Map::new());
            // An input must be an object, and a name one that the service takes.
            let input = input.as_ref().filter(|input| input.is_object());
            let name: String = name
                .chars()
                .filter(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == '-')
                .take(64)
                .collect();
            ContentBlock::ToolUse(
                ToolUseBlock::builder()
                    .tool_use_id(id)
                    .name(if name.is_empty() { "unknown" } else { &name })
                    .input(to_document(input.unwrap_or(&empty)))
                    .build()?,
            )
        }
    })
}

/// What was said and how it ended, in the form of every provider.
pub(super) fn answer_of(output: &ConverseOutput) -> Answer {
    let content = match &output.output {
        Some(aws_sdk_bedrockruntime::types::ConverseOutput::Message(message)) => {
            message.content.as_slice()
        }
        _ => &[],
    };
    let end = match &output.stop_reason {
        StopReason::EndTurn | StopReason::StopSequence => End::OfItself,
        StopReason::ToolUse => End::ToolCall,
        StopReason::MalformedToolUse | StopReason::MalformedModelOutput => End::Malformed,
        other => End::Early(other.as_str().to_owned()),
    };
    let blocks = content
        .iter()
        .filter_map(|block| match block {
            ContentBlock::Text(text) => Some(Block::Text(text.clone())),
            ContentBlock::ToolUse(call) => Some(Block::Call {
                name: call.name.clone(),
                input: to_json(&call.input).ok(),
            }),
            _ => None,
        })
        .collect();
    Answer { end, blocks }
}

/// What the service counted.
pub(super) fn token_counts(output: &ConverseOutput) -> TokenCounts {
    let count = |tokens: i32| u64::try_from(tokens).unwrap_or(0).min(MOST_TOKENS);
    output
        .usage()
        .map_or_else(TokenCounts::default, |usage| TokenCounts {
            uncached_input: count(usage.input_tokens),
            output: count(usage.output_tokens),
            cache_read: usage.cache_read_input_tokens.map_or(0, count),
            cache_write: usage.cache_write_input_tokens.map_or(0, count),
        })
}
