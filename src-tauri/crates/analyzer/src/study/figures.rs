//! The figures of a study, from what was said of its parts.

use super::report::{Appraiser, Judgement, Kind, PartReport};
use crate::labelled::Standard;
use wiko_core::{
    agreement::{Calibration, Kappa, Proportion, calibration, cohen, fleiss, percentile},
    geometry::BoxPx,
    matching::{LEAST_IOU, matched},
    verdict::VerdictCode,
};

/// Boxes count as matched from these intersections over union on.
const IOUS: [f64; 2] = [LEAST_IOU, 0.5];

/// Bins of the confidence.
const BINS: usize = 10;

/// How often each verdict was given, trial by trial.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OutcomeCounts {
    /// Called good.
    pub pass: usize,
    /// Called defective.
    pub fail: usize,
    /// Left to a person.
    pub undetermined: usize,
    /// Asked about and not answered.
    pub not_answered: usize,
}

impl OutcomeCounts {
    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.answered() + self.not_answered
    }

    /// How often it answered.
    pub fn answered(&self) -> usize {
        self.pass + self.fail + self.undetermined
    }

    fn of<'a>(judgements: impl Iterator<Item = &'a Judgement>) -> Self {
        let mut counts = Self::default();
        for judgement in judgements {
            *match judgement.verdict {
                VerdictCode::Pass => &mut counts.pass,
                VerdictCode::Fail => &mut counts.fail,
                VerdictCode::Undetermined => &mut counts.undetermined,
                VerdictCode::Pending => &mut counts.not_answered,
            } += 1;
        }
        counts
    }
}

/// Boxes of the first answer about each part against the labelled ones, at one least overlap.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct BoxFigures {
    /// Matched from this intersection over union on.
    pub least_iou: f64,
    /// Of the boxes that were found, those that are labelled.
    pub precision: Proportion,
    /// Of the labelled boxes, those that were found.
    pub recall: Proportion,
    /// The harmonic mean of both; none without boxes.
    pub f1: Option<f64>,
}

/// How long answers took.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Latency {
    /// Answers.
    pub answers: usize,
    /// Half of them took at most so long.
    pub median_ms: f64,
    /// Nineteen of twenty took at most so long.
    pub p95_ms: f64,
}

/// One appraiser.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AppraiserFigures {
    /// Who.
    #[serde(flatten)]
    pub appraiser: Appraiser,
    /// Parts about which it answered once at least.
    pub parts_judged: usize,
    /// Looks at parts that are labelled defective.
    pub on_defective: OutcomeCounts,
    /// Looks at parts that are labelled good.
    pub on_good: OutcomeCounts,
    /// Defective parts that it passed once or more often, of those that it judged: escapes.
    pub misses: Proportion,
    /// Good parts that it failed once or more often, of those that it judged: overkill.
    pub false_alarms: Proportion,
    /// Parts that it left to a person once or more often, of those that it judged.
    pub undetermined: Proportion,
    /// Looks that were not answered, of all.
    pub not_answered: Proportion,
    /// Parts that it judged as they are labelled in each trial, of those that it judged.
    pub right_every_time: Proportion,
    /// Parts that it judged alike in each trial, of those that it judged twice or more often.
    pub same_every_time: Proportion,
    /// Cohen's kappa against the labels, over all answered looks.
    pub kappa_to_standard: Kappa,
    /// Fleiss' kappa among its own trials, over the parts that it judged in each of them.
    pub kappa_of_trials: Kappa,
    /// Its boxes; empty where it draws none or none is labelled.
    pub boxes: Vec<BoxFigures>,
    /// Its confidence; none where it states none or no box is labelled.
    pub calibration: Option<Calibration>,
    /// None of people, and of who did not answer.
    pub latency: Option<Latency>,
    /// What it cost in all.
    pub cost_micro_usd: u64,
    /// The mean over its answers; none where it is not known.
    pub cost_micro_usd_per_look: Option<f64>,
}

/// Two appraisers.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PairFigures {
    /// The one.
    pub a: String,
    /// The other.
    pub b: String,
    /// Cohen's kappa over the parts and trials that both judged.
    pub kappa: Kappa,
}

/// What one appraiser said of a part, in the order of trials.
fn said_by<'a>(
    part: &'a PartReport,
    name: &'a str,
) -> impl Iterator<Item = &'a Judgement> + Clone + 'a {
    let judgements = part.judgements.iter();
    judgements.filter(move |judgement| judgement.appraiser == name)
}

fn is_answer(judgement: &Judgement) -> bool {
    judgement.verdict != VerdictCode::Pending
}

/// The answered verdicts of a part.
fn verdicts(part: &PartReport, name: &str) -> Vec<VerdictCode> {
    let answers = said_by(part, name).filter(|judgement| is_answer(judgement));
    answers.map(|judgement| judgement.verdict).collect()
}

impl AppraiserFigures {
    /// The figures of one of those who judged `parts`.
    pub fn of(appraiser: Appraiser, parts: &[PartReport]) -> Self {
        let name = appraiser.name.as_str();
        let judged: Vec<(Standard, Vec<VerdictCode>)> = parts
            .iter()
            .map(|part| (part.standard, verdicts(part, name)))
            .filter(|(_, verdicts)| !verdicts.is_empty())
            .collect();
        let counts = |standard: Standard| {
            let of = parts.iter().filter(|part| part.standard == standard);
            OutcomeCounts::of(of.flat_map(|part| said_by(part, name)))
        };
        let (on_defective, on_good) = (counts(Standard::Fail), counts(Standard::Pass));
        let ever = |among: Option<Standard>, verdict: VerdictCode| {
            let among = |standard: Standard| among.is_none_or(|among| among == standard);
            let of: Vec<_> = judged
                .iter()
                .filter(|(standard, _)| among(*standard))
                .collect();
            let count = of
                .iter()
                .filter(|(_, verdicts)| verdicts.contains(&verdict));
            Proportion::new(count.count(), of.len())
        };
        let right = judged.iter().filter(|(standard, verdicts)| {
            verdicts
                .iter()
                .all(|verdict| *verdict == standard.verdict())
        });
        let repeated: Vec<_> = judged.iter().filter(|(_, of)| of.len() > 1).collect();
        let same = repeated
            .iter()
            .filter(|(_, of)| of.iter().all(|verdict| *verdict == of[0]));
        let to_standard: Vec<_> = judged
            .iter()
            .flat_map(|(standard, of)| of.iter().map(|verdict| (standard.verdict(), *verdict)))
            .collect();
        let asked = on_defective.asked() + on_good.asked();
        let answered = on_defective.answered() + on_good.answered();
        let costs = parts.iter().flat_map(|part| said_by(part, name));
        let cost_micro_usd = costs.map(|judgement| judgement.cost_micro_usd).sum();
        let priced = appraiser.kind == Kind::Analyzer && appraiser.priced && answered > 0;
        let (boxes, calibration) = boxes(&appraiser, parts);
        Self {
            parts_judged: judged.len(),
            misses: ever(Some(Standard::Fail), VerdictCode::Pass),
            false_alarms: ever(Some(Standard::Pass), VerdictCode::Fail),
            undetermined: ever(None, VerdictCode::Undetermined),
            not_answered: Proportion::new(asked - answered, asked),
            right_every_time: Proportion::new(right.count(), judged.len()),
            same_every_time: Proportion::new(same.count(), repeated.len()),
            kappa_to_standard: cohen(&to_standard),
            kappa_of_trials: trials(parts, name),
            latency: latency(parts, name),
            cost_micro_usd_per_look: priced.then(|| cost_micro_usd as f64 / answered as f64),
            cost_micro_usd,
            on_defective,
            on_good,
            boxes,
            calibration,
            appraiser,
        }
    }
}

/// Fleiss' kappa among the trials of one appraiser.
fn trials(parts: &[PartReport], name: &str) -> Kappa {
    let all = parts.iter().flat_map(|part| said_by(part, name));
    let trials = all.map(|judgement| judgement.trial).max().unwrap_or(0) as usize;
    let of_each = parts.iter().map(|part| verdicts(part, name));
    let complete: Vec<_> = of_each
        .filter(|of| !of.is_empty() && of.len() == trials)
        .collect();
    fleiss(&complete)
}

fn latency(parts: &[PartReport], name: &str) -> Option<Latency> {
    let all = parts.iter().flat_map(|part| said_by(part, name));
    let taken: Vec<f64> = all.filter_map(|judgement| judgement.latency_ms).collect();
    Some(Latency {
        answers: taken.len(),
        median_ms: percentile(&taken, 50)?,
        p95_ms: percentile(&taken, 95)?,
    })
}

/// Boxes and confidence of an appraiser, over its first answer about each part whose boxes are known: a box that is
/// found in every trial is one box. Nothing where it draws none or the set has none.
fn boxes(appraiser: &Appraiser, parts: &[PartReport]) -> (Vec<BoxFigures>, Option<Calibration>) {
    let labelled = parts.iter().any(|part| !part.boxes.is_empty());
    let known = parts.iter().filter(|part| part.boxes_known);
    let first = |part| said_by(part, &appraiser.name).find(|said| is_answer(said));
    let answers: Vec<(&PartReport, &Judgement)> = known
        .filter_map(|part| Some((part, first(part)?)))
        .collect();
    if appraiser.kind == Kind::Person || !labelled || answers.is_empty() {
        return (vec![], None);
    }
    let at = |least_iou: f64| {
        let (mut right, mut found, mut labelled) = (0, 0, 0);
        for (part, judgement) in &answers {
            right += matches(part, judgement, least_iou)
                .into_iter()
                .flatten()
                .count();
            found += judgement.findings.len();
            labelled += part.boxes.len();
        }
        BoxFigures {
            least_iou,
            precision: Proportion::new(right, found),
            recall: Proportion::new(right, labelled),
            f1: (found + labelled > 0).then(|| (2 * right) as f64 / (found + labelled) as f64),
        }
    };
    let statements: Vec<(f64, bool)> = answers
        .iter()
        .flat_map(|(part, judgement)| {
            let right = matches(part, judgement, LEAST_IOU);
            let confidences = judgement.findings.iter().map(|finding| finding.confidence);
            confidences.zip(right.into_iter().map(|matched| matched.is_some()))
        })
        .collect();
    let calibration = (!statements.is_empty()).then(|| calibration(&statements, BINS));
    (IOUS.map(at).to_vec(), calibration)
}

fn matches(part: &PartReport, judgement: &Judgement, least_iou: f64) -> Vec<Option<usize>> {
    let findings = judgement.findings.iter();
    let found: Vec<(BoxPx, f64)> = findings.map(|of| (of.box_px, of.confidence)).collect();
    matched(&found, &part.boxes, least_iou)
}

/// Each pair of appraisers, over the parts and trials that both answered.
pub(super) fn pairs(appraisers: &[Appraiser], parts: &[PartReport]) -> Vec<PairFigures> {
    let mut pairs = Vec::new();
    for (at, a) in appraisers.iter().enumerate() {
        for b in &appraisers[at + 1..] {
            let mut both = Vec::new();
            for part in parts {
                let others = said_by(part, &b.name).filter(|said| is_answer(said));
                for one in said_by(part, &a.name).filter(|said| is_answer(said)) {
                    let other = others.clone().find(|other| other.trial == one.trial);
                    both.extend(other.map(|other| (one.verdict, other.verdict)));
                }
            }
            pairs.push(PairFigures {
                a: a.name.clone(),
                b: b.name.clone(),
                kappa: cohen(&both),
            });
        }
    }
    pairs
}

/// Fleiss' kappa of all who answered anything, by the first trial of each, over the parts that all of them answered.
/// One trial of each: more would let an appraiser agree with itself.
pub(super) fn all(appraisers: &[Appraiser], parts: &[PartReport]) -> Kappa {
    let answered = |name: &str| parts.iter().any(|part| !verdicts(part, name).is_empty());
    let names: Vec<&str> = appraisers.iter().map(|of| of.name.as_str()).collect();
    let names: Vec<&str> = names.into_iter().filter(|name| answered(name)).collect();
    let first = |part: &PartReport, name: &str| {
        let mut said = said_by(part, name).filter(|said| said.trial == 1 && is_answer(said));
        said.next().map(|said| said.verdict)
    };
    let subjects: Vec<Vec<VerdictCode>> = parts
        .iter()
        .filter_map(|part| names.iter().map(|name| first(part, name)).collect())
        .filter(|of: &Vec<_>| !of.is_empty())
        .collect();
    fleiss(&subjects)
}
