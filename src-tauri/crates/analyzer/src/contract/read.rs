//! From a reply to the parts of an analysis.

use super::{
    checklist::{Answers, Criterion, sort_answers},
    wire::{Reply, ReplyFinding},
};
use wiko_core::{
    analysis::{CauseAnalysis, Claim, Finding, FindingDraft, ImageQuality, Ishikawa},
    geometry::{BoxProvenance, SeenCorners},
    image::{ImageFacts, Sha256},
    verdict::UndeterminedReason,
};

/// The picture as it was sent, and what a reply to it must keep to.
#[derive(Debug, Clone)]
pub struct SentFrame {
    /// Facts of the original: boxes are mapped to its pixels.
    pub original: ImageFacts,
    /// How the sent picture came from the original.
    pub provenance: BoxProvenance,
    /// The criteria that were asked.
    pub criteria: Vec<Criterion>,
}

impl SentFrame {
    /// What the reply must repeat: the first eight hexadecimal digits of the original's hash.
    pub fn token(&self) -> String {
        image_token(&self.original.sha256)
    }
}

/// The token of the picture with that hash.
pub(crate) fn image_token(sha256: &Sha256) -> String {
    sha256.to_string().chars().take(8).collect()
}

/// The parts of an analysis that a reply gives.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadReply {
    /// See [`wiko_core::analysis::Analysis::claim`].
    pub claim: Claim,
    /// See [`wiko_core::analysis::Analysis::findings`].
    pub findings: Vec<Finding>,
    /// See [`wiko_core::analysis::Analysis::image_quality`].
    pub image_quality: ImageQuality,
    /// See [`wiko_core::analysis::Analysis::cause`].
    pub cause: Option<CauseAnalysis>,
    /// See [`wiko_core::analysis::Analysis::summary`].
    pub summary: String,
}

/// Why a reply is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyRefused {
    /// It does not keep to the contract.
    #[error("the model's reply does not keep to the contract: {detail}")]
    ContractBroken {
        /// What is wrong with it.
        detail: String,
    },
    /// It speaks of another picture.
    #[error("the model's reply carries the image token \"{given}\" where {expected} was sent")]
    OtherImage {
        /// The token of the picture that was sent.
        expected: String,
        /// The token in the reply.
        given: String,
    },
}

impl ReplyRefused {
    /// Why the part is undetermined.
    pub fn reason(&self) -> UndeterminedReason {
        match self {
            Self::ContractBroken { .. } => UndeterminedReason::ContractBroken,
            Self::OtherImage { .. } => UndeterminedReason::OtherImage,
        }
    }
}

fn broken(detail: impl Into<String>) -> ReplyRefused {
    ReplyRefused::ContractBroken {
        detail: detail.into(),
    }
}

/// Reads a reply to `frame`. What comes out may still be undetermined: that is for
/// [`wiko_core::verdict::judge`] to say.
pub fn read_reply(reply: serde_json::Value, frame: &SentFrame) -> Result<ReadReply, ReplyRefused> {
    let reply: Reply = serde_json::from_value(reply).map_err(|error| broken(error.to_string()))?;
    check_reply(reply, frame)
}

/// Reads a reply that came as text: one JSON object and nothing else.
pub(crate) fn read_reply_text(text: &str, frame: &SentFrame) -> Result<ReadReply, ReplyRefused> {
    // Straight into the type: a key given twice is refused here, where a map would keep the last.
    let reply: Reply = serde_json::from_str(text).map_err(|error| broken(error.to_string()))?;
    check_reply(reply, frame)
}

fn check_reply(reply: Reply, frame: &SentFrame) -> Result<ReadReply, ReplyRefused> {
    let expected = frame.token();
    if reply.image_token != expected {
        return Err(ReplyRefused::OtherImage {
            expected,
            given: reply.image_token.chars().take(80).collect(),
        });
    }
    let answers = sort_answers(&reply.checklist, &frame.criteria).map_err(broken)?;
    if reply.verdict == Claim::Good {
        refuse_half_checked(&answers)?;
    }
    let findings = reply
        .findings
        .iter()
        .enumerate()
        .map(|(index, finding)| {
            read_finding(finding, frame)
                .map_err(|detail| broken(format!("findings[{index}]: {detail}")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(ReadReply {
        claim: reply.verdict,
        findings,
        image_quality: image_quality(&reply, &answers),
        summary: reply.summary.trim().to_owned(),
        cause: cause(reply),
    })
}

/// A part is not good while a criterion was passed over or is violated.
fn refuse_half_checked(answers: &Answers) -> Result<(), ReplyRefused> {
    if !answers.missing.is_empty() {
        let missing = answers.missing.join(", ");
        return Err(broken(format!(
            "the part is called good, and the checklist leaves out {missing}"
        )));
    }
    if !answers.violated.is_empty() {
        let violated = answers.violated.join(", ");
        return Err(broken(format!(
            "the part is called good, and the checklist says that {violated} is violated"
        )));
    }
    Ok(())
}

/// Whether the picture can carry a verdict: the model's word, and two cases in which a machine should
/// not decide whatever the model says.
fn image_quality(reply: &Reply, answers: &Answers) -> ImageQuality {
    let unusable = |reason: String| ImageQuality::Unusable { reason };
    if reply.instruction_in_image {
        return unusable(
            "writing in the picture reads like an instruction: a person has to look".to_owned(),
        );
    }
    if !reply.image_quality.usable {
        return unusable(reply.image_quality.reason.trim().to_owned());
    }
    if reply.verdict == Claim::Good && !answers.not_visible.is_empty() {
        let codes = answers.not_visible.join(", ");
        return unusable(format!("the picture does not show enough to check {codes}"));
    }
    ImageQuality::Usable
}

fn read_finding(finding: &ReplyFinding, frame: &SentFrame) -> Result<Finding, String> {
    if !(0.0..=1.0).contains(&finding.confidence) {
        let given = finding.confidence;
        return Err(format!("confidence {given} is not a number from 0 to 1"));
    }
    let corners = SeenCorners::try_from(finding.box_px.as_slice()).map_err(|_| {
        let count = finding.box_px.len();
        format!("the box has {count} numbers instead of four")
    })?;
    let (width_px, height_px) = (frame.original.width_px, frame.original.height_px);
    let box_px = frame
        .provenance
        .to_original(corners, width_px, height_px)
        .map_err(|refused| format!("box {corners:?}: {refused}"))?;
    let described = finding.description.trim();
    let description = match &finding.criterion {
        Some(code) if frame.criteria.iter().any(|known| known.code == *code) => {
            format!("{described} [{code}]").trim_start().to_owned()
        }
        Some(code) => return Err(format!("criterion \"{code}\" was not asked")),
        None => described.to_owned(),
    };
    Ok(Finding::new(FindingDraft {
        defect_type: finding.defect_type,
        severity: finding.severity,
        confidence: finding.confidence,
        region: finding.region,
        box_px,
        provenance: frame.provenance,
        recommended_action: Some(finding.recommended_action),
        description,
    }))
}

/// The cause, where the reply says anything of one.
fn cause(reply: Reply) -> Option<CauseAnalysis> {
    let ishikawa = reply.ishikawa.unwrap_or_default();
    let cause = CauseAnalysis {
        probable_stage: reply.probable_stage,
        root_cause: reply.root_cause.unwrap_or_default(),
        five_whys: reply.five_whys.unwrap_or_default(),
        ishikawa: Ishikawa {
            machine: ishikawa.machine,
            material: ishikawa.material,
            method: ishikawa.method,
            man: ishikawa.man,
            measurement: ishikawa.measurement,
            environment: ishikawa.environment,
        },
        contributing_factors: reply.contributing_factors.unwrap_or_default(),
        corrective_actions: reply.corrective_actions.unwrap_or_default(),
        preventive_actions: reply.preventive_actions.unwrap_or_default(),
    };
    (cause != CauseAnalysis::default()).then_some(cause)
}
