//! The verdict on a part, and the one function that makes it.
//!
//! Invariants:
//! - [`Pass`] has a private field: [`judge`] alone makes one, from a complete, consistent analysis of
//!   this very picture.
//! - Whatever is not clearly good or clearly bad is [`Verdict::Undetermined`], with its reason. Nothing
//!   is repaired or clamped here.
//! - Reading a record gives a [`VerdictCode`], which says what was decided and can decide nothing.

use crate::{
    analysis::{Analysis, Claim, ImageQuality, Unfit},
    coded,
    image::ImageFacts,
};

/// Proof that a part was found good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    _made_by_judge: (),
}

/// The verdict on one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Found good.
    Pass(Pass),
    /// Found defective.
    Fail,
    /// Not to be decided by a machine; a person has to look.
    Undetermined(UndeterminedReason),
}

impl Verdict {
    /// What stands in the record.
    pub fn code(&self) -> VerdictCode {
        match self {
            Self::Pass(_) => VerdictCode::Pass,
            Self::Fail => VerdictCode::Fail,
            Self::Undetermined(_) => VerdictCode::Undetermined,
        }
    }

    /// Why it is undetermined, where it is.
    pub fn reason(&self) -> Option<UndeterminedReason> {
        match self {
            Self::Undetermined(reason) => Some(*reason),
            Self::Pass(_) | Self::Fail => None,
        }
    }
}

/// A verdict as records, screen and command line name it. `Pending` is the absence of one.
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
pub enum VerdictCode {
    /// Found good.
    Pass,
    /// Found defective.
    Fail,
    /// A person has to look.
    Undetermined,
    /// Nobody has answered yet.
    Pending,
}
coded!(VerdictCode, "verdict");

/// Why a machine could not decide.
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
pub enum UndeterminedReason {
    /// The reply speaks of another picture.
    OtherImage,
    /// The reply was cut off or refused.
    Incomplete,
    /// The reply does not keep to the contract.
    ContractBroken,
    /// The picture is not fit to be judged.
    ImageUnfit,
    /// The analyzer cannot tell.
    Unsure,
    /// It is called good, and defects are listed.
    GoodWithFindings,
    /// It is called defective, and nothing is listed.
    DefectiveWithoutFindings,
    /// A finding lies outside the picture, or its confidence is no number from 0 to 1.
    FindingOutOfRange,
    /// Writing in the picture reads like an instruction.
    InstructionInPicture,
    /// The picture shows no part.
    NoPart,
    /// The picture shows another product, or the product at another stage.
    OtherProduct,
    /// Two answers about this picture contradict each other.
    Disagreement,
    /// It was found good, and belongs to the sample that a person looks at all the same.
    SampledForReview,
    /// It was found good, and the local screen, which should have looked as well, could not.
    ScreenSilent,
}
coded!(UndeterminedReason, "reason");

/// Decides on the part in `image` from what an analyzer said, and from what the local screen said before
/// where it did. The only maker of a [`Pass`].
///
/// The screen cannot clear a part here, but it can keep one from passing: what it marks, or does not recognise,
/// and an analyzer calls good, is for a person. A Fail that it does not see stands: the part is stopped, and
/// whoever confirms it looks anyway.
pub fn judge(image: &ImageFacts, analysis: &Analysis, screening: Option<&Analysis>) -> Verdict {
    use UndeterminedReason as Why;
    if analysis.image_sha256 != image.sha256 {
        return Verdict::Undetermined(Why::OtherImage);
    }
    if !analysis.complete {
        return Verdict::Undetermined(Why::Incomplete);
    }
    let in_range = |finding: &crate::analysis::Finding| {
        finding.box_px.lies_in(image.width_px, image.height_px)
            && (0.0..=1.0).contains(&finding.confidence)
    };
    if !analysis.findings.iter().all(in_range) {
        return Verdict::Undetermined(Why::FindingOutOfRange);
    }
    if let ImageQuality::Unusable { unfit, .. } = &analysis.image_quality {
        return Verdict::Undetermined((*unfit).into());
    }
    if analysis.disagreement.is_some() {
        return Verdict::Undetermined(Why::Disagreement);
    }
    match (analysis.claim, analysis.findings.is_empty()) {
        (Claim::Good, true) if screening.is_some_and(|said| !clears(image, said)) => {
            Verdict::Undetermined(Why::Disagreement)
        }
        (Claim::Good, true) => Verdict::Pass(Pass { _made_by_judge: () }),
        (Claim::Good, false) => Verdict::Undetermined(Why::GoodWithFindings),
        (Claim::Defective, false) => Verdict::Fail,
        (Claim::Defective, true) => Verdict::Undetermined(Why::DefectiveWithoutFindings),
        (Claim::Unsure, _) => Verdict::Undetermined(Why::Unsure),
    }
}

impl From<Unfit> for UndeterminedReason {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Quality => Self::ImageUnfit,
            Unfit::Instruction => Self::InstructionInPicture,
            Unfit::NoPart => Self::NoPart,
            Unfit::OtherProduct => Self::OtherProduct,
        }
    }
}

/// True where a screening holds nothing against the part. Whatever is not plainly good does.
fn clears(image: &ImageFacts, screening: &Analysis) -> bool {
    screening.image_sha256 == image.sha256
        && screening.complete
        && screening.disagreement.is_none()
        && screening.claim == Claim::Good
        && screening.findings.is_empty()
        && screening.image_quality == ImageQuality::Usable
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        analysis::{Appraiser, Finding, FindingDraft, Provider, Usage},
        defect::{DefectType, Region, Severity},
        geometry::{BoxProvenance, BoxPx},
        image::{ImageFormat, Sha256},
    };
    use proptest::prelude::*;

    fn image() -> ImageFacts {
        ImageFacts {
            sha256: Sha256::of(b"part"),
            size_bytes: 4,
            width_px: 100,
            height_px: 50,
            format: ImageFormat::Jpeg,
        }
    }

    fn good() -> Analysis {
        Analysis {
            image_sha256: image().sha256,
            complete: true,
            disagreement: None,
            claim: Claim::Good,
            findings: vec![],
            image_quality: ImageQuality::Usable,
            cause: None,
            summary: String::new(),
            appraiser: Appraiser {
                provider: Provider::Screen,
                model: "test".into(),
                prompt_sha256: Sha256::of(b""),
                recipe: None,
            },
            usage: Usage::default(),
        }
    }

    fn scratch(box_px: BoxPx, confidence: f64) -> Finding {
        Finding::new(FindingDraft {
            defect_type: DefectType::BladeScratch,
            severity: Severity::Minor,
            confidence,
            region: Region::BladeSurface,
            box_px,
            provenance: BoxProvenance::Native,
            recommended_action: None,
            description: String::new(),
        })
    }

    const INSIDE: BoxPx = BoxPx {
        x: 90,
        y: 40,
        width: 10,
        height: 10,
    };
    const OUTSIDE: BoxPx = BoxPx {
        x: 95,
        y: 40,
        width: 10,
        height: 10,
    };

    #[test]
    fn a_complete_reply_about_this_image_that_lists_nothing_is_a_pass() {
        assert_eq!(judge(&image(), &good(), None).code(), VerdictCode::Pass);
    }

    #[test]
    fn every_way_a_reply_can_be_wrong_has_its_reason() {
        use UndeterminedReason as Why;
        let unusable = |unfit| ImageQuality::Unusable {
            unfit,
            reason: "dark".into(),
        };
        let table = [
            (
                Analysis {
                    image_sha256: Sha256::of(b"other"),
                    ..good()
                },
                Why::OtherImage,
            ),
            (
                Analysis {
                    complete: false,
                    ..good()
                },
                Why::Incomplete,
            ),
            (
                Analysis {
                    image_quality: unusable(Unfit::Quality),
                    ..good()
                },
                Why::ImageUnfit,
            ),
            (
                Analysis {
                    image_quality: unusable(Unfit::Instruction),
                    ..good()
                },
                Why::InstructionInPicture,
            ),
            (
                Analysis {
                    image_quality: unusable(Unfit::NoPart),
                    ..good()
                },
                Why::NoPart,
            ),
            (
                Analysis {
                    image_quality: unusable(Unfit::OtherProduct),
                    ..good()
                },
                Why::OtherProduct,
            ),
            (
                Analysis {
                    disagreement: Some("two looks".into()),
                    ..good()
                },
                Why::Disagreement,
            ),
            (
                Analysis {
                    claim: Claim::Unsure,
                    ..good()
                },
                Why::Unsure,
            ),
            (
                Analysis {
                    claim: Claim::Defective,
                    ..good()
                },
                Why::DefectiveWithoutFindings,
            ),
            (
                Analysis {
                    findings: vec![scratch(INSIDE, 0.5)],
                    ..good()
                },
                Why::GoodWithFindings,
            ),
            (
                Analysis {
                    findings: vec![scratch(OUTSIDE, 0.5)],
                    ..good()
                },
                Why::FindingOutOfRange,
            ),
            (
                Analysis {
                    findings: vec![scratch(INSIDE, f64::NAN)],
                    ..good()
                },
                Why::FindingOutOfRange,
            ),
            (
                Analysis {
                    findings: vec![scratch(INSIDE, 1.5)],
                    ..good()
                },
                Why::FindingOutOfRange,
            ),
        ];
        for (analysis, reason) in table {
            assert_eq!(
                judge(&image(), &analysis, None),
                Verdict::Undetermined(reason)
            );
        }
    }

    #[test]
    fn a_defective_part_with_its_findings_fails() {
        let analysis = Analysis {
            claim: Claim::Defective,
            findings: vec![scratch(INSIDE, 0.5)],
            ..good()
        };
        assert_eq!(judge(&image(), &analysis, None), Verdict::Fail);
    }

    #[test]
    fn what_the_screen_marks_or_does_not_recognise_is_not_passed_by_another_analyzer() {
        let marked = Analysis {
            claim: Claim::Defective,
            findings: vec![scratch(INSIDE, 0.5)],
            ..good()
        };
        let not_recognised = Analysis {
            claim: Claim::Unsure,
            image_quality: ImageQuality::poor("not whole".into()),
            ..good()
        };
        for screening in [&marked, &not_recognised] {
            let verdict = judge(&image(), &good(), Some(screening));
            assert_eq!(verdict.reason(), Some(UndeterminedReason::Disagreement));
        }
        let verdict = judge(&image(), &good(), Some(&good()));
        assert_eq!(verdict.code(), VerdictCode::Pass);
    }

    #[test]
    fn a_fail_that_the_screen_does_not_see_stands() {
        let failed = Analysis {
            claim: Claim::Defective,
            findings: vec![scratch(INSIDE, 0.5)],
            ..good()
        };
        assert_eq!(judge(&image(), &failed, Some(&good())), Verdict::Fail);
    }

    proptest! {
        #[test]
        fn a_pass_comes_only_from_a_complete_good_and_empty_reply_about_this_image(
            same_image: bool, complete: bool, claim in 0usize..3, count in 0usize..3,
            x in 0u32..120, confidence in -1.0f64..2.0, usable: bool, screened in 0usize..4,
        ) {
            let box_px = BoxPx { x, y: 0, width: 10, height: 10 };
            let analysis = Analysis {
                image_sha256: if same_image { image().sha256 } else { Sha256::of(b"x") },
                complete,
                claim: Claim::ALL[claim],
                findings: vec![scratch(box_px, confidence); count],
                image_quality: if usable {
                    ImageQuality::Usable
                } else {
                    ImageQuality::poor(String::new())
                },
                ..good()
            };
            let screening = Claim::ALL.get(screened).map(|&claim| Analysis { claim, ..good() });
            let contradicted = screened == 1 || screened == 2;
            let may_pass =
                same_image && complete && claim == 0 && count == 0 && usable && !contradicted;
            let verdict = judge(&image(), &analysis, screening.as_ref());
            prop_assert_eq!(verdict.code() == VerdictCode::Pass, may_pass);
        }
    }
}
