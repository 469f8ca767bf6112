//! What an analyzer says of a picture, in the form that every analyzer shares. It is a claim; only
//! [`crate::verdict::judge`] makes a verdict of it.

use crate::{
    coded,
    defect::{DefectType, RecommendedAction, Region, Severity},
    geometry::{BoxProvenance, BoxPx},
    image::Sha256,
    service::Service,
    sku::ProductSku,
    stage::Stage,
};

/// Who analysed.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum Provider {
    /// The local screen on this machine.
    Screen,
    /// Claude on Amazon Bedrock.
    Claude,
    /// Azure OpenAI, the fallback.
    Azure,
}
coded!(Provider, "provider");

impl Provider {
    /// The service outside of the station that it asks; none where it asks nobody whose circuit is kept.
    pub fn service(self) -> Option<Service> {
        match self {
            Self::Claude => Some(Service::Bedrock),
            Self::Azure => Some(Service::Azure),
            Self::Screen => None,
        }
    }
}

/// What the analyzer says of the part as a whole.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum Claim {
    /// Nothing is wrong.
    Good,
    /// Something is wrong.
    Defective,
    /// It cannot tell.
    Unsure,
}
coded!(Claim, "claim");

/// One defect, where it is, and how sure the analyzer is.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    /// What it is.
    pub defect_type: DefectType,
    /// How bad; never below the type's least severity once made by [`Finding::new`].
    pub severity: Severity,
    /// 0 to 1.
    pub confidence: f64,
    /// Where on the product.
    pub region: Region,
    /// Where on the original picture.
    pub box_px: BoxPx,
    /// How the box came to the original picture.
    pub provenance: BoxProvenance,
    /// What to do about it.
    pub recommended_action: RecommendedAction,
    /// In words, in the operator's language where the analyzer speaks one; may be empty.
    pub description: String,
    /// Largest extent in millimetres, where the camera is calibrated.
    pub size_mm: Option<f64>,
}

/// What a finding is made from.
#[derive(Debug, Clone)]
pub struct FindingDraft {
    /// See [`Finding::defect_type`].
    pub defect_type: DefectType,
    /// As claimed; raised to the type's least severity.
    pub severity: Severity,
    /// See [`Finding::confidence`].
    pub confidence: f64,
    /// See [`Finding::region`].
    pub region: Region,
    /// See [`Finding::box_px`].
    pub box_px: BoxPx,
    /// See [`Finding::provenance`].
    pub provenance: BoxProvenance,
    /// As claimed; made as strict as the severity asks for.
    pub recommended_action: Option<RecommendedAction>,
    /// See [`Finding::description`].
    pub description: String,
}

impl Finding {
    /// Makes a finding: the severity is never below what its type asks for, the action never milder
    /// than what the severity asks for.
    pub fn new(draft: FindingDraft) -> Self {
        let severity = draft.severity.max(draft.defect_type.least_severity());
        let usual = severity.usual_action();
        let recommended_action = match draft.recommended_action {
            // A major defect may be worth a rework or a second look instead of the scrap bin;
            // a critical one never is.
            Some(claimed) if severity == Severity::Major => claimed.max(RecommendedAction::Rework),
            Some(claimed) => claimed.max(usual),
            None => usual,
        };
        Self {
            defect_type: draft.defect_type,
            severity,
            confidence: draft.confidence,
            region: draft.region,
            box_px: draft.box_px,
            provenance: draft.provenance,
            recommended_action,
            description: draft.description,
            size_mm: None,
        }
    }
}

/// Whether the picture was fit to be judged.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ImageQuality {
    /// It was.
    Usable,
    /// It was not, and why.
    Unusable {
        /// What is wrong with it. Records of before this was told apart say nothing.
        #[serde(default)]
        unfit: Unfit,
        /// In words.
        reason: String,
    },
}

/// What is wrong with a picture that cannot be judged.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Unfit {
    /// Blur, glare, darkness or framing could hide a defect.
    #[default]
    Quality,
    /// Writing in it reads like an instruction to whoever judges it.
    Instruction,
    /// It shows no part.
    NoPart,
    /// It shows another product, or the product at another stage.
    OtherProduct,
}

impl ImageQuality {
    /// Blur, glare, darkness or framing could hide a defect; the reason says which.
    pub fn poor(reason: String) -> Self {
        Self::Unusable {
            unfit: Unfit::Quality,
            reason,
        }
    }
}

/// Why the defect came to be, as far as the analyzer can tell.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CauseAnalysis {
    /// The stage that probably caused it.
    pub probable_stage: Option<Stage>,
    /// The likeliest cause, in a sentence.
    pub root_cause: String,
    /// Why, five times over.
    pub five_whys: Vec<String>,
    /// Causes by the six branches of Ishikawa.
    pub ishikawa: Ishikawa,
    /// What helped it along.
    pub contributing_factors: Vec<String>,
    /// What to do now.
    pub corrective_actions: Vec<String>,
    /// What to do so that it does not come back.
    pub preventive_actions: Vec<String>,
}

/// The six branches of an Ishikawa diagram.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Ishikawa {
    /// The machine.
    pub machine: Vec<String>,
    /// The material.
    pub material: Vec<String>,
    /// The method.
    pub method: Vec<String>,
    /// The people.
    pub man: Vec<String>,
    /// The measurement.
    pub measurement: Vec<String>,
    /// The environment.
    pub environment: Vec<String>,
}

/// What an analysis cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Usage {
    /// Tokens sent, the image's included.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// Tokens read from the prompt cache.
    pub cache_read_tokens: u64,
    /// Millionths of a US dollar.
    pub cost_micro_usd: u64,
    /// From the request to the whole reply; of several calls, their sum.
    pub latency_ms: u64,
}

impl Usage {
    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cache_read_tokens: self
                .cache_read_tokens
                .saturating_add(other.cache_read_tokens),
            cost_micro_usd: self.cost_micro_usd.saturating_add(other.cost_micro_usd),
            latency_ms: self.latency_ms.saturating_add(other.latency_ms),
        }
    }
}

/// Who analysed, with what.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Appraiser {
    /// The provider.
    pub provider: Provider,
    /// The model's id, as the provider names it.
    pub model: String,
    /// SHA-256 of the prompt, or of the screen's learnt model.
    pub prompt_sha256: Sha256,
    /// By which recipe a model judged; none of the screen, and in records of before recipes were told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<RecipeTag>,
}

/// Names a recipe and its very content.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RecipeTag {
    /// The stage that it is for.
    pub stage: Stage,
    /// The one product that it is for; none for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_sku: Option<ProductSku>,
    /// Counts up with every change of meaning.
    pub version: u32,
    /// Hash of the recipe and of its reference pictures.
    pub sha256: Sha256,
}

impl RecipeTag {
    /// The recipe's name: its stage, with the product before it where it is for one alone.
    pub fn name(&self) -> String {
        match &self.product_sku {
            Some(sku) => format!("{sku}.{}", self.stage),
            None => self.stage.to_string(),
        }
    }
}

impl std::fmt::Display for RecipeTag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} v{}", self.name(), self.version)
    }
}

/// A whole reply of an analyzer.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Analysis {
    /// The picture that was analysed.
    pub image_sha256: Sha256,
    /// True only where the reply ended of itself: not cut off, not refused.
    pub complete: bool,
    /// In what two answers of the analyzer contradict each other, where they do: then a person decides.
    #[serde(default)]
    pub disagreement: Option<String>,
    /// What is said of the part as a whole.
    pub claim: Claim,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Whether the picture was fit to be judged.
    pub image_quality: ImageQuality,
    /// Why, where it was asked.
    pub cause: Option<CauseAnalysis>,
    /// In a sentence or two, in the operator's language; may be empty.
    pub summary: String,
    /// Who said it.
    pub appraiser: Appraiser,
    /// What it cost.
    pub usage: Usage,
}

impl Analysis {
    /// With the size of each finding: what `extent_mm` says of its box, to a tenth of a millimetre; none where it says
    /// nothing.
    #[must_use]
    pub fn measured(mut self, extent_mm: impl Fn(&BoxPx) -> Option<f64>) -> Self {
        for finding in &mut self.findings {
            finding.size_mm = extent_mm(&finding.box_px).map(|mm| (mm * 10.0).round() / 10.0);
        }
        self
    }

    /// The worst finding: the most severe, then the surest.
    pub fn worst(&self) -> Option<&Finding> {
        worst(&self.findings)
    }
}

/// The worst of some findings: the most severe, then the surest.
pub fn worst(findings: &[Finding]) -> Option<&Finding> {
    findings.iter().max_by(|a, b| {
        a.severity
            .cmp(&b.severity)
            .then(a.confidence.total_cmp(&b.confidence))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_before_recipes_were_told_is_read_and_written_as_it_was() {
        let before = format!(
            r#"{{"provider":"claude","model":"m","prompt_sha256":"{}"}}"#,
            Sha256::of(b"prompt")
        );
        let mut appraiser: Appraiser = serde_json::from_str(&before).unwrap();
        assert_eq!(appraiser.recipe, None);
        assert_eq!(serde_json::to_string(&appraiser).unwrap(), before);

        let tag = RecipeTag {
            stage: Stage::BladeGlazing,
            product_sku: Some(ProductSku::new("WK-KN-200").unwrap()),
            version: 2,
            sha256: Sha256::of(b"recipe"),
        };
        assert_eq!(tag.to_string(), "WK-KN-200.blade_glazing v2");
        appraiser.recipe = Some(tag);
        let json = serde_json::to_string(&appraiser).unwrap();
        assert_eq!(serde_json::from_str::<Appraiser>(&json).unwrap(), appraiser);
    }

    fn draft(defect_type: DefectType, severity: Severity) -> FindingDraft {
        FindingDraft {
            defect_type,
            severity,
            confidence: 0.9,
            region: Region::BladeSurface,
            box_px: BoxPx {
                x: 0,
                y: 0,
                width: 4,
                height: 4,
            },
            provenance: BoxProvenance::Native,
            recommended_action: Some(RecommendedAction::Accept),
            description: String::new(),
        }
    }

    #[test]
    fn a_rust_spot_called_cosmetic_is_critical_and_rejected() {
        let finding = Finding::new(draft(DefectType::RustSpot, Severity::Cosmetic));
        assert_eq!(finding.severity, Severity::Critical);
        assert_eq!(finding.recommended_action, RecommendedAction::Reject);
    }

    #[test]
    fn a_major_defect_may_be_reworked_but_not_accepted() {
        let mut scratch = draft(DefectType::BladeScratch, Severity::Major);
        assert_eq!(
            Finding::new(scratch.clone()).recommended_action,
            RecommendedAction::Rework
        );
        scratch.recommended_action = None;
        assert_eq!(
            Finding::new(scratch).recommended_action,
            RecommendedAction::Reject
        );
    }

    #[test]
    fn the_worst_finding_is_the_most_severe_then_the_surest() {
        let minor = Finding::new(draft(DefectType::BladeScratch, Severity::Minor));
        let rust = Finding::new(draft(DefectType::RustSpot, Severity::Minor));
        let surer = Finding {
            confidence: 0.95,
            ..rust.clone()
        };
        assert_eq!(worst(&[minor, surer.clone(), rust]), Some(&surer));
        assert_eq!(worst(&[]), None);
    }
}
