//! The worst finding in the form that the factory's cloud already knows: the `analysis` map of the
//! DynamoDB item, and what reports read.
//!
//! The map's `bounding_box` is in percent of the picture; everything else of ours is in pixels.

use crate::{
    analysis::Ishikawa,
    defect::{DefectType, RecommendedAction, Region, Severity},
    inspection::Inspection,
    stage::Stage,
    verdict::{UndeterminedReason, VerdictCode},
};

/// The summary of a decided inspection.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Summary {
    /// `pass`, `fail` or `undetermined`: readers must not take the absence of a defect for a pass.
    pub verdict: VerdictCode,
    /// Why it is undetermined, where it is.
    pub undetermined_reason: Option<UndeterminedReason>,
    /// True for a fail, false for a pass, nothing for undetermined.
    pub has_defect: Option<bool>,
    /// The type's code, `none` for a pass, `unknown` for undetermined.
    pub defect_type: String,
    /// The severity's code, `pass` for a pass, nothing for undetermined.
    pub severity: Option<String>,
    /// 0 to 1; nothing where nobody is confident of anything.
    pub confidence: Option<f64>,
    /// Where.
    pub location: Location,
    /// In words.
    pub description: String,
    /// The stage that probably caused it.
    pub probable_stage: Option<Stage>,
    /// Why, in a sentence.
    pub root_cause_hypothesis: String,
    /// What to do now.
    pub corrective_actions: Vec<String>,
    /// What to do so that it does not come back.
    pub preventive_actions: Vec<String>,
    /// Why, five times over.
    pub five_why_chain: Vec<String>,
    /// What helped it along.
    pub contributing_factors: Vec<String>,
    /// Causes by branch.
    pub ishikawa_analysis: Ishikawa,
    /// What to do with the part.
    pub recommended_action: RecommendedAction,
    /// Sizes, where the camera is calibrated.
    pub measurements: Measurements,
    /// Who analysed: the provider's code.
    pub provider: Option<String>,
    /// The model's id.
    pub model_version: Option<String>,
}

/// Where the worst finding is.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Location {
    /// On the product.
    pub region: Region,
    /// On the picture; none for a part without findings.
    pub bounding_box: Option<PercentBox>,
}

/// A box in percent of the picture.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PercentBox {
    /// Left edge, 0 to 100.
    pub x: f64,
    /// Top edge, 0 to 100.
    pub y: f64,
    /// Width, 0 to 100.
    pub width: f64,
    /// Height, 0 to 100.
    pub height: f64,
}

/// Sizes of the worst finding.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Measurements {
    /// Largest extent in millimetres.
    pub defect_size_mm: Option<f64>,
    /// Share of the picture under the boxes of all findings, overlaps counted twice.
    pub affected_area_percent: f64,
}

/// The summary of an inspection; none while it is pending.
pub fn summarize(inspection: &Inspection) -> Option<Summary> {
    let decision = inspection.decision.as_ref()?;
    let analysis = decision.analysis.as_ref();
    let findings = analysis.map_or(&[][..], |analysis| &analysis.findings[..]);
    let worst = crate::analysis::worst(findings);
    let cause = analysis
        .and_then(|analysis| analysis.cause.clone())
        .unwrap_or_default();
    let (width, height) = (
        f64::from(inspection.image.width_px),
        f64::from(inspection.image.height_px),
    );
    let percent = |part: u32, whole: f64| f64::from(part) * 100.0 / whole.max(1.0);
    let area: u64 = findings.iter().map(|finding| finding.box_px.area()).sum();

    let (has_defect, defect_type, severity, recommended_action) = match decision.verdict {
        VerdictCode::Pass => (
            Some(false),
            "none".to_owned(),
            Some("pass".to_owned()),
            RecommendedAction::Accept,
        ),
        VerdictCode::Fail => (
            Some(true),
            worst
                .map_or(DefectType::Unknown, |finding| finding.defect_type)
                .to_string(),
            worst.map(|finding| finding.severity.to_string()),
            worst.map_or(Severity::Major.usual_action(), |finding| {
                finding.recommended_action
            }),
        ),
        VerdictCode::Undetermined | VerdictCode::Pending => (
            None,
            DefectType::Unknown.to_string(),
            None,
            RecommendedAction::EscalateToSupervisor,
        ),
    };
    Some(Summary {
        verdict: decision.verdict,
        undetermined_reason: decision.reason,
        has_defect,
        defect_type,
        severity,
        confidence: worst.map(|finding| finding.confidence),
        location: Location {
            region: worst.map_or(Region::FullProduct, |finding| finding.region),
            bounding_box: worst.map(|finding| PercentBox {
                x: percent(finding.box_px.x, width),
                y: percent(finding.box_px.y, height),
                width: percent(finding.box_px.width, width),
                height: percent(finding.box_px.height, height),
            }),
        },
        description: match (worst, analysis) {
            (Some(finding), _) if !finding.description.is_empty() => finding.description.clone(),
            (_, Some(analysis)) if !analysis.summary.is_empty() => analysis.summary.clone(),
            _ => decision.detail.clone(),
        },
        probable_stage: cause.probable_stage.or_else(|| {
            worst.and_then(|finding| finding.defect_type.usual_stages().first().copied())
        }),
        root_cause_hypothesis: cause.root_cause,
        corrective_actions: cause.corrective_actions,
        preventive_actions: cause.preventive_actions,
        five_why_chain: cause.five_whys,
        contributing_factors: cause.contributing_factors,
        ishikawa_analysis: cause.ishikawa,
        recommended_action,
        measurements: Measurements {
            defect_size_mm: worst.and_then(|finding| finding.size_mm),
            affected_area_percent: area as f64 * 100.0 / (width * height).max(1.0),
        },
        provider: analysis.map(|analysis| analysis.appraiser.provider.to_string()),
        model_version: analysis.map(|analysis| analysis.appraiser.model.clone()),
    })
}
