//! One question to a model and what follows from its answer, in one form for every provider.

use super::{
    cache_watch::{CacheWatch, CachedCall, MISSES},
    frame::{ImageTier, Picture},
    prompt::Task,
    unusable,
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, PoisonError},
    time::Instant,
};
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

/// More than any model takes or gives at once: a gateway that counts more is wrong, and must not use up the budget.
pub const MOST_TOKENS: u64 = 1_000_000;

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
    cache: &'a Mutex<CacheWatch>,
    request: &'a AnalysisRequest,
    task: &'a Task,
    turns: Vec<Turn>,
}

impl<'a, M: VisionModel> Conversation<'a, M> {
    /// Begins with what the model is shown.
    pub(super) fn new(
        model: &'a M,
        cache: &'a Mutex<CacheWatch>,
        request: &'a AnalysisRequest,
        task: &'a Task,
        shown: Turn,
    ) -> Self {
        Self {
            model,
            cache,
            request,
            task,
            turns: vec![shown],
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
        let answered_at = Instant::now();
        let latency_ms = answered_at.duration_since(asked_at).as_millis();
        let latency_ms = u64::try_from(latency_ms).unwrap_or(u64::MAX);
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
        self.watch_cache(asked_at, answered_at, taken.counts);
        Ok(taken.answer)
    }

    /// Tells people where the service's cache does not do what it is paid for.
    fn watch_cache(&self, asked_at: Instant, answered_at: Instant, counts: TokenCounts) {
        let floor = self.model.cache_floor_tokens();
        let Some(prompt_tokens) = self.task.cached_tokens(floor) else {
            return;
        };
        let mut prompt = DefaultHasher::new();
        self.task.system.hash(&mut prompt);
        let call = CachedCall {
            prompt: prompt.finish(),
            asked_at,
            answered_at,
            read_tokens: counts.cache_read,
        };
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if !cache.note(&call) {
            return;
        }
        let cost = |counts| self.model.usage(counts, 0).cost_micro_usd;
        let uncached = TokenCounts {
            uncached_input: prompt_tokens,
            ..TokenCounts::default()
        };
        let cached = TokenCounts {
            cache_read: prompt_tokens,
            ..TokenCounts::default()
        };
        tracing::warn!(
            model_id = self.model.id(),
            calls = MISSES,
            prompt_tokens,
            extra_micro_usd_per_call = cost(uncached).saturating_sub(cost(cached)),
            cache_write_tokens = counts.cache_write,
            "the prompt cache does not work: nothing was read from it in {MISSES} calls in a row, and each costs more; \
             check that the model caches prompts in this region, and that no gateway before it takes the cache point out"
        );
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
