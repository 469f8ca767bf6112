//! The request, and what of the reply is looked at.

use super::{
    document::{to_document, to_json},
    models::{Capabilities, JsonGuarantee, TokenCounts},
    prompt::{Prompts, StagePrompt, TOOL_NAME},
};
use crate::contract::{ReadReply, ReplyRefused, SentFrame, read_reply, read_reply_text};
use aws_sdk_bedrockruntime::{
    error::BuildError,
    operation::converse::{ConverseOutput, builders::ConverseFluentBuilder},
    primitives::Blob,
    types::{
        CachePointBlock, CachePointType, ContentBlock, ConversationRole, ImageBlock, ImageFormat,
        ImageSource, InferenceConfiguration, Message, SpecificToolChoice, StopReason,
        SystemContentBlock, Tool, ToolChoice, ToolConfiguration, ToolInputSchema,
        ToolSpecification,
    },
};
use wiko_core::{ports::AnalysisError, verdict::UndeterminedReason};

/// Enough for a score of findings with their causes; a reply that needs more is cut off and discarded.
const MAX_OUTPUT_TOKENS: i32 = 8192;

/// What every request of one model has in common. Built once: the schema's keys lie in a hash map, and
/// only a copy of the same map keeps their order, without which the service's cache never hits.
#[derive(Debug, Clone)]
pub(super) struct RequestTemplate {
    capabilities: Capabilities,
    tools: Option<ToolConfiguration>,
    schema_chars: u64,
}

impl RequestTemplate {
    pub(super) fn new(capabilities: Capabilities, prompts: &Prompts) -> Result<Self, BuildError> {
        let strict = match capabilities.json {
            JsonGuarantee::StrictTool => Some(true),
            JsonGuarantee::ForcedTool => None,
            JsonGuarantee::PromptOnly => {
                return Ok(Self {
                    capabilities,
                    tools: None,
                    schema_chars: 0,
                });
            }
        };
        let specification = ToolSpecification::builder()
            .name(TOOL_NAME)
            .description("Records the result of inspecting the picture.")
            .input_schema(ToolInputSchema::Json(to_document(prompts.schema())))
            .set_strict(strict)
            .build()?;
        let forced = SpecificToolChoice::builder().name(TOOL_NAME).build()?;
        let tools = ToolConfiguration::builder()
            .tools(Tool::ToolSpec(specification))
            .tool_choice(ToolChoice::Tool(forced))
            .build()?;
        Ok(Self {
            capabilities,
            tools: Some(tools),
            schema_chars: prompts.schema().to_string().chars().count() as u64,
        })
    }

    /// Fills a request. The image stands before the text.
    pub(super) fn fill(
        &self,
        request: ConverseFluentBuilder,
        prompt: &StagePrompt,
        jpeg: Vec<u8>,
        look: String,
    ) -> Result<ConverseFluentBuilder, BuildError> {
        let picture = ImageBlock::builder()
            .format(ImageFormat::Jpeg)
            .source(ImageSource::Bytes(Blob::new(jpeg)))
            .build()?;
        let message = Message::builder()
            .role(ConversationRole::User)
            .content(ContentBlock::Image(picture))
            .content(ContentBlock::Text(look))
            .build()?;
        // The newer families answer any temperature with an error; the older ones are set to repeat.
        let temperature = self.capabilities.takes_temperature.then_some(0.0);
        let inference = InferenceConfiguration::builder()
            .max_tokens(MAX_OUTPUT_TOKENS)
            .set_temperature(temperature)
            .build();
        let mut request = request
            .system(SystemContentBlock::Text(prompt.system.clone()))
            .messages(message)
            .inference_config(inference)
            .set_tool_config(self.tools.clone());
        if self.is_worth_caching(prompt) {
            let point = CachePointBlock::builder()
                .r#type(CachePointType::Default)
                .build()?;
            request = request.system(SystemContentBlock::CachePoint(point));
        }
        Ok(request)
    }

    /// True where system prompt and schema surely pass the model's floor, at four characters a token;
    /// Chinese has fewer, so this errs to the side of no cache point, which costs nothing.
    fn is_worth_caching(&self, prompt: &StagePrompt) -> bool {
        let chars = prompt.system.chars().count() as u64 + self.schema_chars;
        chars / 4 >= self.capabilities.cache_floor_tokens
    }
}

/// Reads a reply of the service. How it ended is looked at first: a reply that was cut off is discarded
/// even where it could be read.
pub(super) fn read_output(
    output: &ConverseOutput,
    json: JsonGuarantee,
    frame: &SentFrame,
) -> Result<ReadReply, AnalysisError> {
    let expected_end = match json {
        JsonGuarantee::StrictTool | JsonGuarantee::ForcedTool => StopReason::ToolUse,
        JsonGuarantee::PromptOnly => StopReason::EndTurn,
    };
    let content = match &output.output {
        Some(aws_sdk_bedrockruntime::types::ConverseOutput::Message(message)) => {
            message.content.as_slice()
        }
        _ => &[],
    };
    match &output.stop_reason {
        end if *end == expected_end => {}
        // The model ended of itself and did not call the tool, or called one where none was given.
        StopReason::EndTurn | StopReason::StopSequence | StopReason::ToolUse => {
            return Err(broken(told_instead(content)));
        }
        StopReason::MalformedToolUse | StopReason::MalformedModelOutput => {
            return Err(broken(
                "the service calls the model's output malformed".into(),
            ));
        }
        cut => {
            return Err(AnalysisError::Unusable {
                reason: UndeterminedReason::Incomplete,
                detail: format!("the model's reply ended early ({})", cut.as_str()),
            });
        }
    }
    match json {
        JsonGuarantee::StrictTool | JsonGuarantee::ForcedTool => read_tool_use(content, frame),
        JsonGuarantee::PromptOnly => read_text(content, frame),
    }
}

fn read_tool_use(content: &[ContentBlock], frame: &SentFrame) -> Result<ReadReply, AnalysisError> {
    let calls: Vec<_> = content
        .iter()
        .filter_map(|block| block.as_tool_use().ok())
        .collect();
    let call = match calls.as_slice() {
        [call] => call,
        [] => return Err(broken(told_instead(content))),
        more => return Err(broken(format!("the model called {} tools", more.len()))),
    };
    if call.name != TOOL_NAME {
        let name: String = call.name.chars().take(64).collect();
        return Err(broken(format!("the model called a tool \"{name}\"")));
    }
    let input = to_json(&call.input).map_err(|error| broken(error.to_string()))?;
    read_reply(input, frame).map_err(refused)
}

fn read_text(content: &[ContentBlock], frame: &SentFrame) -> Result<ReadReply, AnalysisError> {
    let text: String = content
        .iter()
        .filter_map(|block| block.as_text().ok())
        .map(String::as_str)
        .collect();
    read_reply_text(unfenced(text.trim()), frame).map_err(refused)
}

/// Takes away the one Markdown fence that models like to put around JSON; anything else stays and is
/// refused by the reader.
fn unfenced(text: &str) -> &str {
    text.strip_prefix("```json")
        .or_else(|| text.strip_prefix("```"))
        .and_then(|inner| inner.strip_suffix("```"))
        .map_or(text, str::trim)
}

fn told_instead(content: &[ContentBlock]) -> String {
    let prose: String = content
        .iter()
        .filter_map(|block| block.as_text().ok())
        .flat_map(|text| text.chars())
        .take(200)
        .collect();
    if prose.is_empty() {
        "the model gave no result".to_owned()
    } else {
        format!("the model gave no result but wrote \"{prose}\"")
    }
}

fn broken(detail: String) -> AnalysisError {
    refused(ReplyRefused::ContractBroken { detail })
}

#[allow(clippy::needless_pass_by_value)] // handed to map_err
fn refused(refused: ReplyRefused) -> AnalysisError {
    AnalysisError::Unusable {
        reason: refused.reason(),
        detail: refused.to_string(),
    }
}

/// What the service counted.
pub(super) fn token_counts(output: &ConverseOutput) -> TokenCounts {
    let count = |tokens: i32| u64::try_from(tokens).unwrap_or(0);
    output
        .usage()
        .map_or_else(TokenCounts::default, |usage| TokenCounts {
            uncached_input: count(usage.input_tokens),
            output: count(usage.output_tokens),
            cache_read: usage.cache_read_input_tokens.map_or(0, count),
            cache_write: usage.cache_write_input_tokens.map_or(0, count),
        })
}
