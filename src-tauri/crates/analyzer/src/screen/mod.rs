//! The local screen: compares a part with good parts of the same SKU at the same stage, on the CPU,
//! without a network. See `docs/screen.md`.
//!
//! Invariants:
//! - A part is called good only where the picture was registered to the learnt reference, shows all of
//!   the part that good pictures show, and was judged as a whole. A picture that is not fit for that is unusable, never good.
//! - A picture that shows too little is nobody's to judge ([`crate::quality`]): it is refused before it is compared.
//! - Whatever differs is a finding of unknown type, major, for a person to look at: the screen sees
//!   that something differs, not what it is.
//! - The analysis names the hash of the model's file, so that a verdict can be traced to what was
//!   learnt.

mod align;
mod detect;
pub mod evaluate;
mod file;
mod layer;
mod learn;
mod level;
mod model;
mod models;
mod plane;
mod register;
mod taught;
mod whole;
mod words;

pub use detect::{Found, Screening, Unfit};
pub use file::FileFault;
pub use learn::{LearnError, MOST_PICTURES, learn, learn_with};
pub use model::{LearnOptions, Polarity, ScreenModel};
pub use models::{ModelFault, ScreenModels, learn_command};
pub use taught::TaughtScreens;

use crate::quality::refuse_unfit;
use std::{sync::Arc, time::Instant};
use wiko_core::{
    analysis::{Analysis, Appraiser, Claim, Finding, FindingDraft, ImageQuality, Provider, Usage},
    defect::{DefectType, RecommendedAction, Region, Severity},
    ports::{AnalysisError, AnalysisRequest, Analyzer, Hindered},
    queue::Obstacle,
    verdict::UndeterminedReason,
};

/// The method's name and version, as records name it.
const METHOD: &str = "screen-variation-2";

/// The screen as an analyzer.
#[derive(Clone)]
pub struct Screen {
    models: Arc<ScreenModels>,
}

impl Screen {
    /// A screen with the models of a station.
    pub fn new(models: Arc<ScreenModels>) -> Self {
        Self { models }
    }

    /// Analyses on the calling thread.
    pub fn analyze_blocking(&self, request: &AnalysisRequest) -> Result<Analysis, AnalysisError> {
        let started = Instant::now();
        let (sku, stage) = (&request.capture.product_sku, request.capture.stage);
        let model = match self.models.get(sku, stage) {
            Ok(Some(model)) => model,
            Ok(None) => {
                return Err(AnalysisError::NotLearnt {
                    reason: format!(
                        "the screen has learnt nothing of {sku} at {stage}: teach it with {}",
                        learn_command(sku, stage)
                    ),
                });
            }
            Err(fault) => return Err(hindered(&fault)),
        };
        judged_by(&model, request, started)
    }
}

/// What a learnt model says of a picture.
fn judged_by(
    model: &ScreenModel,
    request: &AnalysisRequest,
    started: Instant,
) -> Result<Analysis, AnalysisError> {
    let picture =
        wiko_imaging::decode_luma(&request.image).map_err(|refused| AnalysisError::Unusable {
            reason: UndeterminedReason::ImageUnfit,
            detail: refused.to_string(),
        })?;
    refuse_unfit(&picture, request.language)?;
    let screening = model.screen(picture);
    let mut analysis = analysis(request, model, screening);
    let elapsed = started.elapsed().as_millis();
    analysis.usage.latency_ms = u64::try_from(elapsed).unwrap_or(u64::MAX);
    Ok(analysis)
}

fn analysis(request: &AnalysisRequest, model: &ScreenModel, screening: Screening) -> Analysis {
    let language = request.language;
    let (claim, image_quality, findings, summary) = match screening {
        Screening::Unfit(unfit) => {
            let reason = words::unfit(unfit, model.picture_px(), language);
            let quality = ImageQuality::poor(reason.clone());
            (Claim::Unsure, quality, vec![], reason)
        }
        Screening::Judged { found, .. } => {
            let claim = if found.is_empty() {
                Claim::Good
            } else {
                Claim::Defective
            };
            let findings: Vec<_> = found
                .iter()
                .map(|found| finding(found, model, words::finding(language)))
                .collect();
            let summary = words::summary(findings.len(), language);
            (claim, ImageQuality::Usable, findings, summary)
        }
    };
    Analysis {
        image_sha256: request.image.facts().sha256,
        complete: true,
        disagreement: None,
        claim,
        findings,
        image_quality,
        cause: None,
        summary,
        appraiser: Appraiser {
            provider: Provider::Screen,
            model: METHOD.to_owned(),
            prompt_sha256: model.sha256(),
            recipe: None,
        },
        usage: Usage::default(),
    }
}

#[async_trait::async_trait]
impl Analyzer for Screen {
    fn provider(&self) -> Provider {
        Provider::Screen
    }

    async fn analyze(&self, request: &AnalysisRequest) -> Result<Analysis, AnalysisError> {
        let screen = self.clone();
        let request = request.clone();
        tokio::task::spawn_blocking(move || screen.analyze_blocking(&request))
            .await
            .unwrap_or_else(|stopped| Err(hindered(&stopped)))
    }
}

fn finding(found: &Found, model: &ScreenModel, description: String) -> Finding {
    // At the threshold an even bet, twice beyond it three in four.
    let confidence = 1.0 - 0.5 / f64::from(found.strength.max(1.0));
    Finding::new(FindingDraft {
        defect_type: DefectType::Unknown,
        severity: Severity::Major,
        confidence: confidence.min(0.99),
        region: Region::FullProduct,
        box_px: found.box_px,
        provenance: model.provenance(),
        recommended_action: Some(RecommendedAction::EscalateToSupervisor),
        description,
    })
}

fn hindered(reason: &impl ToString) -> AnalysisError {
    AnalysisError::Hindered(Hindered {
        service: None,
        obstacle: Obstacle::NeedsPerson,
        reason: reason.to_string(),
        retry_after: None,
    })
}
