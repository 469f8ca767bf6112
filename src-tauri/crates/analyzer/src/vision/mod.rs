//! What holds for every model that looks at pictures: how a part is shown to it, how its answer is taken, when it is
//! asked once more.
//!
//! Invariants:
//! - A picture is scaled by the model's own rule before it is sent, so that every box in an answer is in pixels that
//!   are known.
//! - A picture that shows too little is sent to nobody ([`crate::quality`]).
//! - An answer out of form is given one further try; whatever comes then stands. No doubt that an answer holds
//!   against a part is taken away by asking again ([`wiko_contract`]), and none is forgotten because the further
//!   request failed: once a model has answered, what comes of it is an analysis or [`AnalysisError::Unusable`], so
//!   that nobody else is asked in the hope of a Pass.
//! - What a model is not sure of it is shown again from near, once. Where the two looks differ, a person decides.
//! - A service that did not answer is [`Hindered`]; a model that answered what cannot be used is
//!   [`AnalysisError::Unusable`]. Neither is ever an analysis.
//! - Every call is on the meter of its part before its answer is read: what cannot be used costs as much.

mod cache_watch;
mod conversation;
pub mod frame;
pub mod prompt;
pub mod prompts;
pub mod recipe;
mod reference;

pub use conversation::{AnswerForm, MOST_TOKENS, Question, Taken, TokenCounts, Turn, VisionModel};

use self::{
    cache_watch::CacheWatch,
    conversation::Conversation,
    frame::{Picture, ShownPart},
    prompt::{StagePrompt, Task},
    prompts::{NoPrompt, Prompts},
    recipe::{RecipeSource, ReleasedRecipes},
};
use crate::quality::refuse_unfit;
use futures_util::future::try_join_all;
use image::RgbImage;
use std::sync::{Arc, Mutex};
use wiko_contract::{ReadReply, SentFrame, merge, read_cause};
use wiko_core::{
    analysis::{Analysis, Appraiser, CauseAnalysis, Claim, Finding, ImageQuality, Provider},
    defect::Severity,
    geometry::BoxPx,
    ports::{AnalysisError, AnalysisRequest, Analyzer, Hindered, Language},
    queue::Obstacle,
    spending::Purpose,
    stage::Stage,
    verdict::UndeterminedReason,
};
use wiko_imaging::luma_of;

/// A finding of less confidence is looked at again from near.
const SURE: f64 = 0.6;

/// Details of one request at the most, the part's region among them: each costs as much as a good part of the whole
/// picture.
const MAX_DETAILS: usize = 4;

/// An analyzer over some model.
#[derive(Debug)]
pub struct VisionAnalyzer<M> {
    model: M,
    prompts: Arc<Prompts>,
    cache: Mutex<CacheWatch>,
}

impl<M: VisionModel> VisionAnalyzer<M> {
    /// Renders the prompts; asks nobody for anything yet.
    pub fn new(model: M) -> Result<Self, prompt::PromptBroken> {
        let prompts = Prompts::render(model.form(), model.image_tier())?.into();
        Ok(Self {
            model,
            prompts,
            cache: Mutex::default(),
        })
    }

    /// With the released recipes of a station, which hold before the built-in ones.
    #[must_use]
    pub fn with_released(self, recipes: ReleasedRecipes) -> Self {
        let prompts = self.prompts.with_released(recipes).into();
        Self { prompts, ..self }
    }

    /// With one recipe that is to be released. Decodes pictures: not for an async thread.
    pub fn with_candidate(self, source: RecipeSource) -> Result<Self, prompt::PromptBroken> {
        let prompts = self.prompts.with_candidate(source)?.into();
        Ok(Self { prompts, ..self })
    }

    /// The prompts that it asks with.
    pub fn prompts(&self) -> &Arc<Prompts> {
        &self.prompts
    }

    /// Tokens below which its service caches nothing, where it has a cache.
    pub fn cache_floor_tokens(&self) -> Option<u64> {
        self.model.cache_floor_tokens()
    }

    /// The model that is asked, as its provider names it.
    pub fn model_id(&self) -> &str {
        self.model.id()
    }

    /// About how many tokens of a stage's prompt the service is asked to keep in its cache; none where it is not asked.
    pub fn cached_prompt_tokens(&self, stage: Stage, language: Language) -> Option<u64> {
        let prompt = self.prompts.stage(None, stage, language).ok()?;
        prompt
            .inspect
            .cached_tokens(self.model.cache_floor_tokens())
    }

    /// The first look: the whole frame, the part's region where that shows more, and from near what the local screen
    /// marked, the smallest first.
    async fn look(
        &self,
        request: &AnalysisRequest,
        prompt: &StagePrompt,
        part: &ShownPart,
    ) -> Result<ReadReply, AnalysisError> {
        let marked = request.screening.iter().flat_map(|said| &said.findings);
        let mut marked: Vec<BoxPx> = marked.map(|found| found.box_px).collect();
        marked.sort_by_key(BoxPx::area);
        let pictures = self.with_details(part, part.region, marked).await?;
        self.ask(request, prompt, Purpose::Look, part, pictures, true)
            .await
    }

    /// The closer look, where the first one calls the part defective and was not sure of anything that it found. One
    /// sure finding fails the part, and nothing that is seen from near takes that back.
    async fn look_closer(
        &self,
        request: &AnalysisRequest,
        prompt: &StagePrompt,
        part: &ShownPart,
        first: ReadReply,
    ) -> Result<ReadReply, AnalysisError> {
        let unsure =
            |found: &Finding| found.confidence < SURE && !part.is_from_near(found.provenance);
        let worth_it = first.claim == Claim::Defective
            && first.image_quality == ImageQuality::Usable
            && first.findings.iter().all(unsure);
        if !worth_it {
            return Ok(first);
        }
        let mut doubtful: Vec<&Finding> = first.findings.iter().collect();
        doubtful.sort_by(|a, b| a.confidence.total_cmp(&b.confidence));
        let doubtful = doubtful.into_iter().map(|found| found.box_px).collect();
        let looked = async {
            let pictures = self.with_details(part, None, doubtful).await?;
            let looked_at: Vec<BoxPx> = pictures.iter().filter_map(Picture::crop).collect();
            if looked_at.is_empty() {
                return Ok(None);
            }
            let purpose = Purpose::CloserLook;
            let closer = self.ask(request, prompt, purpose, part, pictures, false);
            Ok(Some((closer.await?, looked_at)))
        };
        match looked.await {
            Ok(Some((closer, looked_at))) => Ok(merge(first, closer, &looked_at)),
            Ok(None) => Ok(first),
            // The first answer stands, and it was not sure.
            Err(
                error @ (AnalysisError::Hindered(_)
                | AnalysisError::Unusable {
                    reason: UndeterminedReason::ImageUnfit,
                    ..
                }),
            ) => {
                tracing::warn!(id = %request.capture.id, %error, "no closer look was had");
                Ok(ReadReply {
                    claim: Claim::Unsure,
                    ..first
                })
            }
            Err(other) => Err(other),
        }
    }

    /// Why the defects came to be; none where that could not be found out, which changes nothing of the verdict.
    async fn cause(
        &self,
        request: &AnalysisRequest,
        prompt: &StagePrompt,
        part: &ShownPart,
        findings: &[Finding],
    ) -> Option<CauseAnalysis> {
        let pictures = vec![part.whole.clone()];
        let frame = sent_frame(part, prompt, &pictures, false);
        let asked = async {
            let text = prompt::render_cause_of(request, findings, &pictures, &frame.token())
                .map_err(|error| cannot_ask(&error))?;
            let task = &prompt.cause;
            let mut conversation = self.conversation(request, task, pictures, text);
            let answer = conversation.ask(Purpose::Cause).await?;
            read_cause(&answer, task.form, &frame).map_err(unusable)
        };
        match asked.await {
            Ok(cause) => Some(cause),
            Err(error) => {
                tracing::warn!(id = %request.capture.id, %error, "the cause is not known");
                None
            }
        }
    }

    /// The whole part, the region where one is given, and details around the given places.
    async fn with_details(
        &self,
        part: &ShownPart,
        region: Option<BoxPx>,
        around: Vec<BoxPx>,
    ) -> Result<Vec<Picture>, AnalysisError> {
        let mut regions: Vec<BoxPx> = region.into_iter().collect();
        regions.extend(part.detail_regions(around.into_iter(), MAX_DETAILS - regions.len()));
        let tier = self.model.image_tier();
        // Each on a processor of its own, where there are as many.
        let cut = regions.into_iter().map(|region| {
            let part = part.clone();
            off_thread(move || Ok(part.detail(region, tier)?))
        });
        let mut pictures = vec![part.whole.clone()];
        pictures.append(&mut try_join_all(cut).await?);
        Ok(pictures)
    }

    /// Asks, and once more where the answer is out of form.
    async fn ask(
        &self,
        request: &AnalysisRequest,
        prompt: &StagePrompt,
        purpose: Purpose,
        part: &ShownPart,
        pictures: Vec<Picture>,
        asks_checklist: bool,
    ) -> Result<ReadReply, AnalysisError> {
        let frame = sent_frame(part, prompt, &pictures, asks_checklist);
        let text = prompt::render_part(
            request,
            &pictures,
            part.region,
            &frame.token(),
            asks_checklist,
        )
        .map_err(|error| cannot_ask(&error))?;
        let mut conversation = self.conversation(request, &prompt.inspect, pictures, text);
        conversation.ask_for_reply(purpose, &frame).await
    }
}

#[async_trait::async_trait]
impl<M: VisionModel> Analyzer for VisionAnalyzer<M> {
    fn provider(&self) -> Provider {
        self.model.provider()
    }

    async fn withheld(&self, request: &AnalysisRequest) -> Option<String> {
        match self.stage_prompt(request).await {
            Err(AnalysisError::Withheld { reason }) => Some(reason),
            // What else is wrong, the analysis tells.
            _ => None,
        }
    }

    async fn analyze(&self, request: &AnalysisRequest) -> Result<Analysis, AnalysisError> {
        let prompt = &*self.stage_prompt(request).await?;
        let part = self.shown(request).await?;
        let first = self.look(request, prompt, &part).await?;
        let read = self.look_closer(request, prompt, &part, first).await?;
        let cause = match worth_explaining(&read) {
            true => self.cause(request, prompt, &part, &read.findings).await,
            false => None,
        };
        Ok(Analysis {
            image_sha256: request.image.facts().sha256,
            complete: true,
            disagreement: read.disagreement,
            claim: read.claim,
            findings: read.findings,
            image_quality: read.image_quality,
            cause,
            summary: read.summary,
            appraiser: Appraiser {
                provider: self.model.provider(),
                model: self.model.id().to_owned(),
                prompt_sha256: prompt.sha256,
                recipe: Some(prompt.recipe.clone()),
            },
            usage: request.meter.total_of(self.model.provider()),
        })
    }
}

/// True where the cause is asked for: of a part that fails by a major or critical finding.
fn worth_explaining(read: &ReadReply) -> bool {
    read.claim == Claim::Defective
        && read.disagreement.is_none()
        && read.image_quality == ImageQuality::Usable
        && read
            .findings
            .iter()
            .any(|found| found.severity >= Severity::Major)
}

impl<M: VisionModel> VisionAnalyzer<M> {
    /// The prompt of the recipe that holds for the part; its folder is looked at off this thread.
    async fn stage_prompt(
        &self,
        request: &AnalysisRequest,
    ) -> Result<Arc<StagePrompt>, AnalysisError> {
        let (prompts, language) = (self.prompts.clone(), request.language);
        let (sku, stage) = (request.capture.product_sku.clone(), request.capture.stage);
        let found =
            tokio::task::spawn_blocking(move || prompts.stage(Some(&sku), stage, language)).await;
        match found.map_err(|error| cannot_ask(&error))? {
            Ok(prompt) => Ok(prompt),
            Err(NoPrompt::Withheld(broken)) => Err(AnalysisError::Withheld {
                reason: broken.to_string(),
            }),
            Err(broken @ NoPrompt::Broken(_)) => Err(cannot_ask(&broken)),
        }
    }

    fn conversation<'a>(
        &'a self,
        request: &'a AnalysisRequest,
        task: &'a Task,
        pictures: Vec<Picture>,
        text: String,
    ) -> Conversation<'a, M> {
        let shown = Turn::Shown { pictures, text };
        Conversation::new(&self.model, &self.cache, request, task, shown)
    }

    async fn shown(&self, request: &AnalysisRequest) -> Result<ShownPart, AnalysisError> {
        let (image, tier) = (request.image.clone(), self.model.image_tier());
        let language = request.language;
        off_thread(move || {
            let fit = |pixels: &RgbImage| refuse_unfit(&luma_of(pixels), language);
            let (part, fit) = ShownPart::prepare_beside(&image, tier, fit)?;
            fit.map(|()| part)
        })
        .await
    }
}

fn sent_frame(
    part: &ShownPart,
    prompt: &StagePrompt,
    pictures: &[Picture],
    asks_checklist: bool,
) -> SentFrame {
    SentFrame {
        original: part.original,
        pictures: pictures.iter().map(|picture| picture.provenance).collect(),
        criteria: prompt.criteria.clone(),
        asks_checklist,
    }
}

/// Decoding, scaling and encoding take tens of milliseconds.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, AnalysisError> + Send + 'static,
) -> Result<T, AnalysisError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Hindered {
            service: None,
            obstacle: Obstacle::Transient,
            reason: format!("the picture could not be prepared: {error}"),
            retry_after: None,
        })?
}

impl From<frame::CannotShow> for AnalysisError {
    fn from(error: frame::CannotShow) -> Self {
        Self::Unusable {
            reason: UndeterminedReason::ImageUnfit,
            detail: error.to_string(),
        }
    }
}

#[allow(clippy::needless_pass_by_value)] // handed to map_err
fn unusable(refused: wiko_contract::ReplyRefused) -> AnalysisError {
    AnalysisError::Unusable {
        reason: refused.reason(),
        detail: refused.to_string(),
    }
}

/// The request cannot be put together: a fault of the station, not of the part.
pub(crate) fn cannot_ask(error: &dyn std::error::Error) -> AnalysisError {
    Hindered {
        service: None,
        obstacle: Obstacle::NeedsPerson,
        reason: format!("the model cannot be asked: {error}; install the station anew"),
        retry_after: None,
    }
    .into()
}
