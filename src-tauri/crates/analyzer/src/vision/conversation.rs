//! One question to a model and what follows from its answer, in one form for every provider.

use super::{
    frame::{ImageTier, Picture},
    prompt::Task,
    unusable,
};
use std::time::Instant;
use wiko_contract::{Answer, ReadReply, SentFrame, may_be_repaired, read_answer, read_repaired};
use wiko_core::{
    analysis::{Provider, Usage},
    ports::{AnalysisError, AnalysisRequest, Hindered},
    spending::Purpose,
};

/// A model behind some service.
#[async_trait::async_trait]
pub trait VisionModel: Send + Sync + std::fmt::Debug {
    /// Whose it is.
    fn provider(&self) -> Provider;

    /// Its id, as the provider names it.
    fn id(&self) -> &str;

    /// How large a picture it looks at.
    fn image_tier(&self) -> ImageTier;

    /// How its answers are brought into form.
    fn form(&self) -> AnswerForm;

    /// Tokens below which its service caches nothing; none where it has no cache that is told what to keep.
    fn cache_floor_tokens(&self) -> Option<u64> {
        None
    }

    /// Asks once.
    async fn ask(&self, question: &Question<'_>) -> Result<Taken, Hindered>;

    /// What the counted tokens cost, and how long it took.
    fn usage(&self, counts: TokenCounts, latency_ms: u64) -> Usage;
}

/// How a model's answers are brought into form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerForm {
    /// By the forced call of a tool.
    Tool,
    /// By a schema beside the prompt, to which the service holds the text.
    Schema,
    /// By words: the schema is in the prompt.
    Prompt,
}

/// What a model is asked.
#[derive(Debug)]
pub struct Question<'a> {
    /// What is the same for every part of a stage, with the schema of the answer.
    pub task: &'a Task,
    /// What was said so far, the person's turn last.
    pub turns: &'a [Turn],
}

/// One turn of a conversation.
#[derive(Debug, Clone)]
pub enum Turn {
    /// Pictures, and a text about them after.
    Shown {
        /// In the order in which the answer counts them, from 0.
        pictures: Vec<Picture>,
        /// About them.
        text: String,
    },
    /// What the model answered.
    Answered(Answer),
    /// What is wrong with the form of that answer.
    Repair(String),
}

/// An answer with what the service counted for it.
#[derive(Debug, Clone)]
pub struct Taken {
    /// What was said.
    pub answer: Answer,
    /// What it took.
    pub counts: TokenCounts,
}

/// What the service counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenCounts {
    /// Sent, and not found in the cache.
    pub uncached_input: u64,
    /// Found in the cache.
    pub cache_read: u64,
    /// Put into the cache.
    pub cache_write: u64,
    /// Received.
    pub output: u64,
}

/// A conversation about one part.
pub(super) struct Conversation<'a, M> {
    model: &'a M,
    request: &'a AnalysisRequest,
    task: &'a Task,
    turns: Vec<Turn>,
}

impl<'a, M: VisionModel> Conversation<'a, M> {
    pub(super) fn new(
        model: &'a M,
        request: &'a AnalysisRequest,
        task: &'a Task,
        pictures: Vec<Picture>,
        text: String,
    ) -> Self {
        Self {
            model,
            request,
            task,
            turns: vec![Turn::Shown { pictures, text }],
        }
    }

    /// Asks, and notes what it cost.
    pub(super) async fn ask(&mut self, purpose: Purpose) -> Result<Answer, AnalysisError> {
        let asked_at = Instant::now();
        let question = Question {
            task: self.task,
            turns: &self.turns,
        };
        let taken = self.model.ask(&question).await?;
        let latency_ms = u64::try_from(asked_at.elapsed().as_millis()).unwrap_or(u64::MAX);
        let usage = self.model.usage(taken.counts, latency_ms);
        tracing::info!(
            id = %self.request.capture.id,
            model_id = self.model.id(),
            %purpose,
            input_tokens = usage.input_tokens,
            output_tokens = usage.output_tokens,
            cache_read_tokens = usage.cache_read_tokens,
            cost_micro_usd = usage.cost_micro_usd,
            latency_ms,
            "the model answered"
        );
        self.request
            .meter
            .add(self.model.provider(), self.model.id(), purpose, usage);
        Ok(taken.answer)
    }

    /// Asks for an inspection's reply; one out of form is given one further try.
    pub(super) async fn ask_for_reply(
        &mut self,
        purpose: Purpose,
        frame: &SentFrame,
    ) -> Result<ReadReply, AnalysisError> {
        let form = self.task.form;
        let first = self.ask(purpose).await?;
        let refused = match read_answer(&first, form, frame) {
            Ok(reply) => return Ok(reply),
            Err(refused) if may_be_repaired(&refused) => refused,
            Err(refused) => return Err(unusable(refused)),
        };
        tracing::warn!(id = %self.request.capture.id, %refused, "asked once more");
        self.turns.push(Turn::Answered(first.clone()));
        self.turns
            .push(Turn::Repair(self.task.repair(&refused.to_string())));
        let second = match self.ask(Purpose::Repair).await {
            Ok(second) => second,
            // The model has answered, and not in a form that can be used.
            Err(AnalysisError::Hindered(hindered)) => {
                tracing::warn!(id = %self.request.capture.id, %hindered, "no further try was had");
                return Err(unusable(refused));
            }
            Err(other) => return Err(other),
        };
        read_repaired(&first, &second, form, frame).map_err(unusable)
    }
}
