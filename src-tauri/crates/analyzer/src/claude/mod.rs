//! Claude on Amazon Bedrock, over Converse.
//!
//! Invariants:
//! - The picture is scaled by the model's own rule before it is sent, so that every box in a reply is in
//!   pixels that are known.
//! - One request, one answer: nothing is asked twice here, unless the credentials were refused and others
//!   are set by now. Trying again is for the durable queue, which knows how long a part has waited.
//! - A service that did not answer is [`Hindered`]; a model that answered what cannot be used is
//!   [`AnalysisError::Unusable`]. Neither is ever an analysis.
//! - What an endpoint or a model refuses to say is not guessed: an analysis is made only from a reply
//!   that ended of itself and passed [`crate::contract::read_reply`].

mod converse;
mod document;
pub mod models;
pub mod prompt;
pub mod resize;
mod trouble;

use self::{
    converse::RequestTemplate,
    models::{DEFAULT_MODEL_ID, Model, ModelRefused},
    prompt::{PromptBroken, Prompts, StagePrompt},
    resize::PreparedImage,
};
use aws_sdk_bedrockruntime::{Client, operation::converse::ConverseOutput};
use std::time::Instant;
use wiko_aws::{Aws, ServiceSettings};
use wiko_core::{
    analysis::{Analysis, Appraiser, Provider, Usage},
    ports::{AnalysisError, AnalysisRequest, Analyzer, Hindered},
    queue::Obstacle,
    verdict::UndeterminedReason,
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
    /// A request cannot be put together.
    #[error("a request to Bedrock cannot be made: {0}")]
    Request(#[from] aws_sdk_bedrockruntime::error::BuildError),
}

/// The analyzer.
#[derive(Debug)]
pub struct Claude {
    aws: Aws,
    client: Client,
    model: Model,
    prompts: Prompts,
    template: RequestTemplate,
}

impl Claude {
    /// Looks the model up and renders the prompts; asks nobody for anything yet.
    pub fn new(aws: &Aws, settings: ClaudeSettings) -> Result<Self, ClaudeRefused> {
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
        let prompts = Prompts::render(model.capabilities.json)?;
        Ok(Self {
            aws: aws.clone(),
            client: Client::new(&aws.sdk_config(&service.at(settings.endpoint_url))),
            template: RequestTemplate::new(model.capabilities, &prompts)?,
            prompts,
            model,
        })
    }

    /// The model that is asked.
    pub fn model(&self) -> &Model {
        &self.model
    }

    async fn converse(
        &self,
        request: &AnalysisRequest,
        prompt: &StagePrompt,
        picture: &PreparedImage,
        token: &str,
    ) -> Result<ConverseOutput, AnalysisError> {
        let capture = &request.capture;
        let (language, stage) = (request.language, capture.stage);
        let look = prompt::render_look(language, stage, &capture.product_sku, picture, token)
            .map_err(|error| cannot_ask(&error))?;
        let ready = self
            .template
            .fill(self.client.converse(), prompt, picture.jpeg.clone(), look)
            .map_err(|error| cannot_ask(&error))?
            .model_id(&self.model.id);
        let send = || async {
            let sent = ready.clone().send().await;
            sent.map_err(|error| trouble::hindered_by(&error, &self.model.id))
        };
        Ok(self.aws.with_credentials(send).await?)
    }
}

#[async_trait::async_trait]
impl Analyzer for Claude {
    fn provider(&self) -> Provider {
        Provider::Claude
    }

    async fn analyze(&self, request: &AnalysisRequest) -> Result<Analysis, AnalysisError> {
        let prompt = self
            .prompts
            .stage(request.capture.stage, request.language)
            .map_err(|error| cannot_ask(&error))?;
        let picture = self.prepared(request).await?;
        let frame = picture.sent_frame(&prompt.criteria);
        let asked_at = Instant::now();
        let output = self
            .converse(request, prompt, &picture, &frame.token())
            .await?;
        let usage = self.usage(&output, asked_at);
        let read = converse::read_output(&output, self.model.capabilities.json, &frame)?;
        Ok(Analysis {
            image_sha256: request.image.facts().sha256,
            complete: true,
            claim: read.claim,
            findings: read.findings,
            image_quality: read.image_quality,
            cause: read.cause,
            summary: read.summary,
            appraiser: Appraiser {
                provider: Provider::Claude,
                model: self.model.id.clone(),
                prompt_sha256: prompt.sha256,
            },
            usage,
        })
    }
}

impl Claude {
    async fn prepared(&self, request: &AnalysisRequest) -> Result<PreparedImage, AnalysisError> {
        let image = request.image.clone();
        let tier = self.model.capabilities.image_tier;
        tokio::task::spawn_blocking(move || resize::prepare(&image, tier))
            .await
            .map_err(|error| Hindered {
                service: None,
                obstacle: Obstacle::Transient,
                reason: format!("the picture could not be prepared: {error}"),
                retry_after: None,
            })?
            .map_err(|error| AnalysisError::Unusable {
                reason: UndeterminedReason::ImageUnfit,
                detail: error.to_string(),
            })
    }

    /// What the reply cost. Logged here, because a reply that cannot be used costs as much as any other
    /// and leaves no analysis to keep the figure.
    fn usage(&self, output: &ConverseOutput, asked_at: Instant) -> Usage {
        let latency_ms = u64::try_from(asked_at.elapsed().as_millis()).unwrap_or(u64::MAX);
        let counts = converse::token_counts(output);
        let usage = self.model.capabilities.price.usage(counts, latency_ms);
        tracing::info!(
            model_id = self.model.id,
            input_tokens = usage.input_tokens,
            output_tokens = usage.output_tokens,
            cache_read_tokens = usage.cache_read_tokens,
            cost_micro_usd = usage.cost_micro_usd,
            latency_ms,
            "Claude answered"
        );
        usage
    }
}

/// The request cannot be put together: a fault of the station, not of the part.
fn cannot_ask(error: &dyn std::error::Error) -> AnalysisError {
    Hindered {
        service: None,
        obstacle: Obstacle::NeedsPerson,
        reason: format!("Claude cannot be asked: {error}; install the station anew"),
        retry_after: None,
    }
    .into()
}
