//! What a study found, as `study.json` holds it.

use super::{
    figures::{self, AppraiserFigures, PairFigures},
    ratings::{Ratings, RefusedRating},
    run::Appraised,
};
use crate::labelled::{LabelledSet, RefusedLabel, Standard};
use wiko_core::{
    agreement::Kappa,
    analysis::Provider,
    defect::{DefectType, Severity},
    geometry::BoxPx,
    image::Sha256,
    ports::Language,
    sku::ProductSku,
    stage::Stage,
    verdict::VerdictCode,
};

/// What the file calls itself.
pub const REPORT_FORMAT: &str = "wiko-station-study";

/// Raised when a key changes its meaning or goes; a new key does not raise it.
pub const REPORT_VERSION: u32 = 1;

/// A study, whole.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct StudyReport {
    /// [`REPORT_FORMAT`].
    pub format: String,
    /// [`REPORT_VERSION`].
    pub version: u32,
    /// What was asked, and how.
    pub setting: Setting,
    /// The labelled folder's name.
    pub set: String,
    /// From what the screen had learnt.
    pub screen_learnt_from: String,
    /// Everybody who judged, with their figures: analyzers, then people.
    pub appraisers: Vec<AppraiserFigures>,
    /// Each pair of appraisers.
    pub pairs: Vec<PairFigures>,
    /// All appraisers by their first trials: Fleiss' kappa.
    pub all: Kappa,
    /// Every part with all that was said of it.
    pub parts: Vec<PartReport>,
    /// Labels that were not used, and why.
    pub refused_labels: Vec<RefusedLabel>,
    /// Ratings of people that were not used, and why.
    pub refused_ratings: Vec<RefusedRating>,
    /// Pictures in the folder that no label speaks of.
    pub unlabelled: usize,
}

/// What was asked, and how.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Setting {
    /// When it began, ISO 8601.
    pub started_at: String,
    /// By which program.
    pub made_by: String,
    /// As which product the parts were shown.
    pub product_sku: ProductSku,
    /// At which stage.
    pub stage: Stage,
    /// The language of descriptions, and of the page.
    pub language: Language,
    /// How often each part was shown.
    pub trials: u32,
    /// What was allowed to be spent, in millionths of a US dollar.
    pub max_cost_micro_usd: u64,
}

/// One part and all that was said of it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PartReport {
    /// The picture, relative to the labelled folder.
    pub file: String,
    /// What it is.
    pub standard: Standard,
    /// Where its defects are.
    pub boxes: Vec<BoxPx>,
    /// False where it is defective and nobody said where.
    pub boxes_known: bool,
    /// What its defects are called by its labels.
    pub defect_types: Vec<String>,
    /// By appraiser and trial.
    pub judgements: Vec<Judgement>,
}

/// What one appraiser said of a part in one trial.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Judgement {
    /// Who.
    pub appraiser: String,
    /// From 1.
    pub trial: u32,
    /// The verdict; `pending` where nobody answered.
    pub verdict: VerdictCode,
    /// Why it is undetermined (a code), or why nobody answered (a sentence); else empty.
    pub reason: String,
    /// What was found.
    pub findings: Vec<JudgedFinding>,
    /// From the question to the answer; none of people.
    pub latency_ms: Option<f64>,
    /// What it cost, all calls together.
    pub cost_micro_usd: u64,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct JudgedFinding {
    /// What it is.
    pub defect_type: DefectType,
    /// How bad.
    pub severity: Severity,
    /// 0 to 1.
    pub confidence: f64,
    /// Where.
    pub box_px: BoxPx,
}

/// What an appraiser is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An analyzer of the station.
    Analyzer,
    /// A person.
    Person,
}

/// Who judged.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Appraiser {
    /// Unique in a study.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Of an analyzer: whose.
    pub provider: Option<Provider>,
    /// Of an analyzer that answered: the model, as its provider names it.
    pub model: Option<String>,
    /// Of an analyzer that answered with one and the same: hash of the prompt or of the screen's model.
    pub prompt_sha256: Option<Sha256>,
    /// False where the cost of its calls is not known.
    pub priced: bool,
    /// Why it was not asked about every part, where it was not.
    pub ended_early: Option<String>,
}

impl StudyReport {
    /// Puts together what analyzers and people said of the parts of a set.
    pub fn of(
        set: &LabelledSet,
        setting: Setting,
        appraised: Vec<Appraised>,
        ratings: Ratings,
    ) -> Self {
        let mut parts: Vec<PartReport> = set
            .parts
            .iter()
            .map(|part| PartReport {
                file: part.file.clone(),
                standard: part.standard,
                boxes: part.boxes.clone(),
                boxes_known: part.boxes_known,
                defect_types: part.defect_types.clone(),
                judgements: vec![],
            })
            .collect();
        let mut appraisers = Vec::new();
        for appraised in appraised {
            appraisers.push(appraised.appraiser);
            for (part, judgement) in appraised.judgements {
                parts[part].judgements.push(judgement);
            }
        }
        appraisers.extend(ratings.raters());
        for rating in ratings.used {
            parts[rating.part].judgements.push(rating.judgement());
        }
        let pairs = figures::pairs(&appraisers, &parts);
        let all = figures::all(&appraisers, &parts);
        let appraisers = appraisers
            .into_iter()
            .map(|appraiser| AppraiserFigures::of(appraiser, &parts))
            .collect();
        Self {
            format: REPORT_FORMAT.to_owned(),
            version: REPORT_VERSION,
            setting,
            set: set.name.clone(),
            screen_learnt_from: set.method.clone(),
            appraisers,
            pairs,
            all,
            parts,
            refused_labels: set.refused.clone(),
            refused_ratings: ratings.refused,
            unlabelled: set.unlabelled,
        }
    }

    /// What was spent, where every cost is known.
    pub fn cost_micro_usd(&self) -> u64 {
        let costs = self.appraisers.iter().map(|of| of.cost_micro_usd);
        costs.sum()
    }
}
