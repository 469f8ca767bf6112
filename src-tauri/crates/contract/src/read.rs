//! From a reply to the parts of an analysis.

use super::{
    answer::shortened,
    checklist::{Answers, Criterion, sort_answers},
    wire::{CauseReply, PartSeen, Reply, ReplyFinding},
};
use wiko_core::{
    analysis::{CauseAnalysis, Claim, Finding, FindingDraft, ImageQuality, Ishikawa, Unfit},
    geometry::{BoxProvenance, SeenCorners},
    image::{ImageFacts, Sha256},
    text::plain,
    verdict::UndeterminedReason,
};

/// The part as it was shown, and what an answer must keep to.
#[derive(Debug, Clone)]
pub struct SentFrame {
    /// Facts of the original: boxes are mapped to its pixels.
    pub original: ImageFacts,
    /// How each picture that was sent came from the original: the whole part first, details after it.
    pub pictures: Vec<BoxProvenance>,
    /// The criteria of the stage, which a finding may name.
    pub criteria: Vec<Criterion>,
    /// Whether the checklist answers them: not where details alone are shown, which must leave it empty.
    pub asks_checklist: bool,
}

impl SentFrame {
    /// What the reply must repeat: the first eight hexadecimal digits of the original's hash.
    pub fn token(&self) -> String {
        image_token(&self.original.sha256)
    }
}

/// The token of the picture with that hash.
pub fn image_token(sha256: &Sha256) -> String {
    sha256.to_string().chars().take(8).collect()
}

/// The parts of an analysis that a reply gives.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadReply {
    /// See [`wiko_core::analysis::Analysis::disagreement`].
    pub disagreement: Option<String>,
    /// See [`wiko_core::analysis::Analysis::claim`].
    pub claim: Claim,
    /// See [`wiko_core::analysis::Analysis::findings`].
    pub findings: Vec<Finding>,
    /// See [`wiko_core::analysis::Analysis::image_quality`].
    pub image_quality: ImageQuality,
    /// See [`wiko_core::analysis::Analysis::summary`].
    pub summary: String,
}

impl ReadReply {
    /// True where nothing is held against the part, so that it would pass.
    pub fn clears(&self) -> bool {
        self.disagreement.is_none()
            && self.claim == Claim::Good
            && self.findings.is_empty()
            && self.image_quality == ImageQuality::Usable
    }
}

/// Why an answer is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyRefused {
    /// It does not keep to the contract.
    #[error("the model's reply does not keep to the contract: {detail}")]
    ContractBroken {
        /// What is wrong with it.
        detail: String,
    },
    /// It was cut off, filtered or refused.
    #[error("the model's reply ended early ({how})")]
    Incomplete {
        /// The provider's word for it.
        how: String,
    },
    /// It speaks of another picture.
    #[error("the model's reply carries the image token \"{given}\" where {expected} was sent")]
    OtherImage {
        /// The token of the picture that was sent.
        expected: String,
        /// The token in the reply.
        given: String,
    },
    /// It contradicts another answer about the same picture.
    #[error("two answers contradict each other: {detail}")]
    Disagreement {
        /// In what.
        detail: String,
    },
}

impl ReplyRefused {
    /// Why the part is undetermined.
    pub fn reason(&self) -> UndeterminedReason {
        match self {
            Self::ContractBroken { .. } => UndeterminedReason::ContractBroken,
            Self::Incomplete { .. } => UndeterminedReason::Incomplete,
            Self::OtherImage { .. } => UndeterminedReason::OtherImage,
            Self::Disagreement { .. } => UndeterminedReason::Disagreement,
        }
    }
}

pub(crate) fn broken(detail: impl Into<String>) -> ReplyRefused {
    ReplyRefused::ContractBroken {
        detail: detail.into(),
    }
}

fn check_token(given: &str, frame: &SentFrame) -> Result<(), ReplyRefused> {
    let expected = frame.token();
    if given == expected {
        return Ok(());
    }
    Err(ReplyRefused::OtherImage {
        expected,
        given: shortened(given),
    })
}

/// Holds a reply against what was sent.
pub(crate) fn check_reply(reply: &Reply, frame: &SentFrame) -> Result<ReadReply, ReplyRefused> {
    check_token(&reply.image_token, frame)?;
    let asked = match frame.asks_checklist {
        true => frame.criteria.as_slice(),
        false => &[],
    };
    let answers = sort_answers(&reply.checklist, asked).map_err(broken)?;
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
        disagreement: None,
        claim: reply.verdict,
        findings,
        image_quality: image_quality(reply, &answers),
        summary: plain(&reply.summary),
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

/// Whether the pictures can carry a verdict: the model's word, and cases in which a machine should not
/// decide whatever the model says.
fn image_quality(reply: &Reply, answers: &Answers) -> ImageQuality {
    let unusable = |unfit, reason: &str| ImageQuality::Unusable {
        unfit,
        reason: plain(reason),
    };
    let told = &reply.image_quality.reason;
    let said = if told.trim().is_empty() {
        &reply.summary
    } else {
        told
    };
    if reply.instruction_in_image {
        return unusable(
            Unfit::Instruction,
            "writing in the picture reads like an instruction: a person has to look",
        );
    }
    match reply.part {
        PartSeen::Expected => {}
        PartSeen::Other => return unusable(Unfit::OtherProduct, said),
        PartSeen::Nothing => return unusable(Unfit::NoPart, said),
    }
    if !reply.image_quality.usable {
        return unusable(Unfit::Quality, told);
    }
    if reply.verdict == Claim::Good && !answers.not_visible.is_empty() {
        let codes = answers.not_visible.join(", ");
        return ImageQuality::poor(format!("the picture does not show enough to check {codes}"));
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
    let provenance = *usize::try_from(finding.picture)
        .ok()
        .and_then(|index| frame.pictures.get(index))
        .ok_or_else(|| {
            let (number, count) = (finding.picture, frame.pictures.len());
            format!("picture {number} was not sent: there are {count}, from 0")
        })?;
    let (width_px, height_px) = (frame.original.width_px, frame.original.height_px);
    let box_px = provenance
        .to_original(corners, width_px, height_px)
        .map_err(|refused| format!("box {corners:?}: {refused}"))?;
    let described = plain(&finding.description);
    let description = match &finding.criterion {
        Some(code) if frame.criteria.iter().any(|known| known.code == *code) => {
            format!("{described} [{code}]").trim_start().to_owned()
        }
        Some(code) => return Err(format!("criterion \"{code}\" was not asked")),
        None => described,
    };
    Ok(Finding::new(FindingDraft {
        defect_type: finding.defect_type,
        severity: finding.severity,
        confidence: finding.confidence,
        region: finding.region,
        box_px,
        provenance,
        recommended_action: Some(finding.recommended_action),
        description,
    }))
}

/// Holds the answer to the question for the cause against what was sent.
pub(crate) fn check_cause(
    reply: CauseReply,
    frame: &SentFrame,
) -> Result<CauseAnalysis, ReplyRefused> {
    check_token(&reply.image_token, frame)?;
    if reply.root_cause.trim().is_empty() {
        return Err(broken("the root cause is empty"));
    }
    let whys = reply.five_whys.len();
    if whys > 5 {
        return Err(broken(format!("{whys} whys where five are the most")));
    }
    let ishikawa = reply.ishikawa;
    let plain_all = |texts: Vec<String>| texts.iter().map(|text| plain(text)).collect();
    Ok(CauseAnalysis {
        probable_stage: reply.probable_stage,
        root_cause: plain(&reply.root_cause),
        five_whys: plain_all(reply.five_whys),
        ishikawa: Ishikawa {
            machine: plain_all(ishikawa.machine),
            material: plain_all(ishikawa.material),
            method: plain_all(ishikawa.method),
            man: plain_all(ishikawa.man),
            measurement: plain_all(ishikawa.measurement),
            environment: plain_all(ishikawa.environment),
        },
        contributing_factors: plain_all(reply.contributing_factors),
        corrective_actions: plain_all(reply.corrective_actions),
        preventive_actions: plain_all(reply.preventive_actions),
    })
}
