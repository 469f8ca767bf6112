//! The worst finding in the form that the factory's cloud already knows: the `analysis` map of the
//! DynamoDB item, and what reports read.
//!
//! The map's `bounding_box` is in percent of the picture; everything else of ours is in pixels.
//!
//! What a person decided wins in `has_defect` and `recommended_action`, by which readers sort parts.
//! What the machine found (`verdict`, `defect_type`, `severity`, the box) stays beside it.

use crate::{
    analysis::Ishikawa,
    defect::{DefectType, RecommendedAction, Region, Severity},
    disposition::Disposition,
    inspection::Inspection,
    stage::Stage,
    verdict::{UndeterminedReason, VerdictCode},
};

/// The summary of a decided inspection.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Summary {
    /// What the machine said: `pass`, `fail` or `undetermined`. Readers must not take the absence of a
    /// defect for a pass.
    pub verdict: VerdictCode,
    /// What became of the part: the verdict, or `accepted` or `rejected` where a person decided.
    pub disposition: Disposition,
    /// Why it is undetermined, where it is.
    pub undetermined_reason: Option<UndeterminedReason>,
    /// True for a fail or a rejected part, false for a pass or an accepted one, nothing where nobody
    /// has decided.
    pub has_defect: Option<bool>,
    /// The type's code as found, `none` for a pass, `unknown` where no machine named it.
    pub defect_type: String,
    /// The severity's code as found, `pass` for a pass, nothing where no machine graded it.
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

    let (mut has_defect, mut defect_type, mut severity, mut recommended_action) =
        match decision.verdict {
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
    let mut description = match (worst, analysis) {
        (Some(finding), _) if !finding.description.is_empty() => finding.description.clone(),
        (_, Some(analysis)) if !analysis.summary.is_empty() => analysis.summary.clone(),
        _ => decision.detail.clone(),
    };
    let disposition = inspection.disposition();
    match disposition {
        Disposition::Rejected => {
            has_defect = Some(true);
            recommended_action = RecommendedAction::Reject;
            if decision.verdict == VerdictCode::Pass {
                defect_type = DefectType::Unknown.to_string();
                severity = None;
                let said = inspection.operator_decisions.last();
                let reason = said.and_then(|said| said.reason.as_deref()).unwrap_or("");
                description = format!("rejected by a person ({reason}); the machine found nothing");
            }
        }
        Disposition::Accepted => {
            has_defect = Some(false);
            recommended_action = RecommendedAction::Accept;
        }
        Disposition::Pass
        | Disposition::Fail
        | Disposition::Undetermined
        | Disposition::Pending => {}
    }
    Some(Summary {
        verdict: decision.verdict,
        disposition,
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
        description,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        analysis::{Analysis, Appraiser, Claim, Finding, FindingDraft, ImageQuality, Provider},
        camera::{CameraId, CameraTag},
        facility::Facility,
        geometry::{BoxProvenance, BoxPx},
        id::InspectionId,
        image::{ImageFacts, ImageFormat, Sha256},
        inspection::{CaptureFacts, Decision, OperatorCall, OperatorDecision, UploadState},
        sku::ProductSku,
        time::{BootId, UnixMillis},
    };

    const NOON: UnixMillis = UnixMillis(1_772_352_000_000);

    /// A part with that verdict, of which a person then said so.
    fn part(verdict: VerdictCode, call: Option<OperatorCall>) -> Inspection {
        let image = ImageFacts {
            sha256: Sha256::of(b"part"),
            size_bytes: 4,
            width_px: 100,
            height_px: 50,
            format: ImageFormat::Jpeg,
        };
        let scratch = Finding::new(FindingDraft {
            defect_type: DefectType::BladeScratch,
            severity: Severity::Major,
            confidence: 0.8,
            region: Region::BladeSurface,
            box_px: BoxPx {
                x: 10,
                y: 10,
                width: 10,
                height: 10,
            },
            provenance: BoxProvenance::Native,
            recommended_action: None,
            description: "scratch".into(),
        });
        let (claim, findings) = match verdict {
            VerdictCode::Pass => (Claim::Good, vec![]),
            VerdictCode::Fail => (Claim::Defective, vec![scratch]),
            VerdictCode::Undetermined | VerdictCode::Pending => (Claim::Unsure, vec![]),
        };
        let analysis = Analysis {
            image_sha256: image.sha256,
            complete: true,
            disagreement: None,
            claim,
            findings,
            image_quality: ImageQuality::Usable,
            cause: None,
            summary: "said by the machine".into(),
            appraiser: Appraiser {
                provider: Provider::Claude,
                model: "test".into(),
                prompt_sha256: Sha256::of(b""),
                recipe: None,
            },
            usage: Default::default(),
        };
        Inspection {
            sequence: 1,
            capture: CaptureFacts {
                id: InspectionId::new(NOON, [0; 10]),
                captured_at: NOON,
                facility: Facility::Yangjiang,
                station: "yj-test-01".into(),
                stage: Stage::BladeGlazing,
                product_sku: ProductSku::new("WK-KN-200").unwrap(),
                lot: None,
                serial: None,
                shift: "A".into(),
                operator: "op-7".into(),
                camera: CameraTag {
                    id: CameraId("simulated".into()),
                    frame_sequence: 1,
                    exposed_at: NOON,
                    conditions: None,
                },
                boot_id: BootId("boot-1".into()),
                monotonic_ms: 0,
            },
            image,
            screening: None,
            decision: Some(Decision {
                verdict,
                reason: (verdict == VerdictCode::Undetermined)
                    .then_some(UndeterminedReason::Unsure),
                detail: String::new(),
                decided_at: NOON,
                analysis: Some(analysis),
            }),
            pending: None,
            operator_decisions: call
                .into_iter()
                .map(|call| OperatorDecision {
                    call,
                    operator: "op-9".into(),
                    reason: Some("missed_defect".into()),
                    decided_at: NOON,
                })
                .collect(),
            revision: 2,
            upload: UploadState::NotDue,
            image_removed: None,
            evidence: None,
        }
    }

    #[test]
    fn a_part_that_a_person_rejected_is_never_told_as_good() {
        for verdict in [
            VerdictCode::Pass,
            VerdictCode::Fail,
            VerdictCode::Undetermined,
        ] {
            let told = summarize(&part(verdict, Some(OperatorCall::Reject))).unwrap();
            assert_eq!(told.has_defect, Some(true), "{verdict}");
            assert_eq!(told.recommended_action, RecommendedAction::Reject);
            assert_eq!(told.disposition, Disposition::Rejected);
            assert_ne!(told.defect_type, "none");
            assert_ne!(told.severity.as_deref(), Some("pass"));
            assert_eq!(told.verdict, verdict, "what the machine said stays");
        }
        let told = summarize(&part(VerdictCode::Pass, Some(OperatorCall::Reject))).unwrap();
        assert!(told.description.contains("missed_defect"));
    }

    #[test]
    fn a_part_that_a_person_accepted_is_told_as_good_with_what_was_found() {
        let told = summarize(&part(VerdictCode::Fail, Some(OperatorCall::Accept))).unwrap();
        assert_eq!(told.has_defect, Some(false));
        assert_eq!(told.recommended_action, RecommendedAction::Accept);
        assert_eq!(told.disposition, Disposition::Accepted);
        assert_eq!(told.verdict, VerdictCode::Fail);
        assert_eq!(told.defect_type, "blade_scratch");
        assert_eq!(told.severity.as_deref(), Some("major"));
    }

    #[test]
    fn a_part_of_which_nobody_said_otherwise_is_told_as_the_machine_found_it() {
        for call in [None, Some(OperatorCall::Confirm)] {
            let told = summarize(&part(VerdictCode::Pass, call)).unwrap();
            assert_eq!(told.has_defect, Some(false));
            assert_eq!(told.recommended_action, RecommendedAction::Accept);
            let told = summarize(&part(VerdictCode::Undetermined, call)).unwrap();
            assert_eq!(told.has_defect, None);
            assert_eq!(
                told.recommended_action,
                RecommendedAction::EscalateToSupervisor
            );
        }
    }
}
