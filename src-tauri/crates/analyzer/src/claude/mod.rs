//! Claude on Amazon Bedrock, over Converse.
//!
//! Invariants:
//! - One request, one answer: nothing is asked twice here, unless the credentials were refused and others
//!   are set by now. Trying again is for the durable queue, which knows how long a part has waited.
//! - How an answer ended is passed on as the service tells it; an end that nobody knows is an early one.

mod converse;
mod document;
pub mod models;
mod trouble;

use self::{
    converse::Tools,
    models::{DEFAULT_MODEL_ID, JsonGuarantee, Model, ModelRefused},
};
use crate::vision::{
    AnswerForm, Question, Taken, TokenCounts, VisionAnalyzer, VisionModel, frame::ImageTier,
    prompt::PromptBroken,
};
use aws_sdk_bedrockruntime::Client;
use wiko_aws::{Aws, ServiceSettings};
use wiko_core::{
    analysis::{Provider, Usage},
    ports::Hindered,
    queue::Obstacle,
};

/// What a station says about Claude.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaudeSettings {
    /// A model id, an inference profile or its ARN.
    pub model_id: String,
    /// Instead of Bedrock's own: a private endpoint, or a server of a test.
    pub endpoint_url: Option<String>,
    /// From sending the picture to the whole reply.
    pub attempt_timeout_ms: u64,
}

impl Default for ClaudeSettings {
    fn default() -> Self {
        Self {
            model_id: DEFAULT_MODEL_ID.to_owned(),
            endpoint_url: None,
            attempt_timeout_ms: 60_000,
        }
    }
}

/// Claude cannot be asked at all with these settings.
#[derive(Debug, thiserror::Error)]
pub enum ClaudeRefused {
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] ModelRefused),
    /// The built-in prompts do not fit together.
    #[error(transparent)]
    Prompts(#[from] PromptBroken),
}

/// The analyzer.
pub type Claude = VisionAnalyzer<BedrockModel>;

impl Claude {
    /// Looks the model up and renders the prompts; asks nobody for anything yet.
    pub fn on_bedrock(aws: &Aws, settings: ClaudeSettings) -> Result<Self, ClaudeRefused> {
        Ok(Self::new(BedrockModel::new(aws, settings)?)?)
    }
}

/// A model of Claude on Bedrock.
#[derive(Debug)]
pub struct BedrockModel {
    aws: Aws,
    client: Client,
    model: Model,
    tools: Tools,
}

impl BedrockModel {
    fn new(aws: &Aws, settings: ClaudeSettings) -> Result<Self, ModelRefused> {
        let model = models::lookup(&settings.model_id)?;
        if !model.known {
            tracing::warn!(
                model_id = model.id,
                "unknown model: the most careful settings and the dearest price are assumed"
            );
        }
        let timeout_ms = settings.attempt_timeout_ms;
        let service = ServiceSettings {
            max_attempts: 1,
            ..ServiceSettings::new(timeout_ms, timeout_ms)
        };
        Ok(Self {
            aws: aws.clone(),
            client: Client::new(&aws.sdk_config(&service.at(settings.endpoint_url))),
            model,
            tools: Tools::default(),
        })
    }

    /// The model with what it can do.
    pub fn facts(&self) -> &Model {
        &self.model
    }
}

#[async_trait::async_trait]
impl VisionModel for BedrockModel {
    fn provider(&self) -> Provider {
        Provider::Claude
    }

    fn id(&self) -> &str {
        &self.model.id
    }

    fn image_tier(&self) -> ImageTier {
        self.model.capabilities.image_tier
    }

    fn form(&self) -> AnswerForm {
        match self.model.capabilities.json {
            JsonGuarantee::StrictTool | JsonGuarantee::ForcedTool => AnswerForm::Tool,
            JsonGuarantee::PromptOnly => AnswerForm::Prompt,
        }
    }

    fn cache_floor_tokens(&self) -> Option<u64> {
        Some(self.model.capabilities.cache_floor_tokens)
    }

    async fn ask(&self, question: &Question<'_>) -> Result<Taken, Hindered> {
        let ready = converse::fill(
            self.client.converse(),
            question,
            &self.model.capabilities,
            &self.tools,
        )
        .map_err(|error| Hindered {
            service: None,
            obstacle: Obstacle::NeedsPerson,
            reason: format!("Claude cannot be asked: {error}; install the station anew"),
            retry_after: None,
        })?
        .model_id(&self.model.id);
        let send = || async {
            let sent = ready.clone().send().await;
            sent.map_err(|error| trouble::hindered_by(&error, &self.model.id))
        };
        let output = self.aws.with_credentials(send).await?;
        Ok(Taken {
            answer: converse::answer_of(&output),
            counts: converse::token_counts(&output),
        })
    }

    fn usage(&self, counts: TokenCounts, latency_ms: u64) -> Usage {
        self.model.capabilities.price.usage(counts, latency_ms)
    }
}
