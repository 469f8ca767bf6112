//! Asks one analyzer about every part, trial after trial.

use super::report::{Appraiser, JudgedFinding, Judgement, Kind};
use crate::{
    labelled::{LabelledPart, LabelledSet, LabelsError, read_picture},
    screen::TaughtScreens,
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};
use tokio::task::JoinSet;
use wiko_core::{
    analysis::{Analysis, Provider},
    id::InspectionId,
    image::{EncodedImage, Sha256},
    inspection::CaptureFacts,
    ports::{AnalysisError, AnalysisRequest, Analyzer, Language},
    spending::Meter,
    verdict::{UndeterminedReason, Verdict, VerdictCode, judge},
};

/// An analyzer that answers none of its first looks is asked no more.
pub const FIRST_UNANSWERED: usize = 5;

/// What is asked, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The parts.
    pub set: Arc<LabelledSet>,
    /// What every part is shown as; its id changes from look to look.
    pub capture: CaptureFacts,
    /// The language of descriptions.
    pub language: Language,
    /// How often each part is shown.
    pub trials: u32,
    /// Looks under way at once.
    pub in_flight: usize,
    /// No look is begun once so much is spent; those under way are ended.
    pub max_cost_micro_usd: u64,
    /// Set by whoever wants the study to end with what it has.
    pub stop: Arc<AtomicBool>,
}

/// Who is to be asked.
#[derive(Clone)]
pub struct Candidate {
    /// Who it is.
    pub provider: Provider,
    /// False where the cost of its calls is not known.
    pub priced: bool,
    /// Where it answers.
    pub source: Source,
}

/// Where a candidate answers.
#[derive(Clone)]
pub enum Source {
    /// One analyzer for all parts.
    Analyzer(Arc<dyn Analyzer>),
    /// The screen, taught from the set itself.
    Taught(Arc<TaughtScreens>),
}

impl Source {
    async fn for_part(&self, part: &LabelledPart) -> Result<Arc<dyn Analyzer>, AnalysisError> {
        match self {
            Self::Analyzer(analyzer) => Ok(Arc::clone(analyzer)),
            Self::Taught(screens) => screens.for_part(part).await,
        }
    }
}

/// What one candidate said.
#[derive(Debug, Clone)]
pub struct Appraised {
    /// Who.
    pub appraiser: Appraiser,
    /// By index of the part in the set, then trial.
    pub judgements: Vec<(usize, Judgement)>,
}

/// Asks a candidate about every part, and adds what it costs to what was spent before.
pub async fn ask(plan: &Plan, candidate: &Candidate, spent_micro_usd: &mut u64) -> Appraised {
    let mut looks = looks(plan, candidate).into_iter();
    let mut under_way = JoinSet::new();
    let mut progress = Progress::default();
    let mut appraised = Appraised {
        appraiser: Appraiser {
            name: candidate.provider.to_string(),
            kind: Kind::Analyzer,
            provider: Some(candidate.provider),
            model: None,
            prompt_sha256: None,
            priced: candidate.priced,
            ended_early: None,
        },
        judgements: vec![],
    };
    let mut prompts = BTreeSet::new();
    loop {
        let ended = &mut appraised.appraiser.ended_early;
        while ended.is_none() && looks.len() > 0 && under_way.len() < plan.in_flight.max(1) {
            *ended = progress.why_no_more(plan, candidate, *spent_micro_usd);
            if ended.is_some() {
                break;
            }
            if let Some((part, trial)) = looks.next() {
                let (plan, candidate) = (plan.clone(), candidate.clone());
                under_way.spawn(async move { look(&plan, &candidate, part, trial).await });
            }
        }
        let Some(looked) = under_way.join_next().await else {
            break;
        };
        // A look that stopped in the middle has its own fault; the others go on.
        let Ok(looked) = looked else { continue };
        *spent_micro_usd = spent_micro_usd.saturating_add(looked.judgement.cost_micro_usd);
        progress.note(&looked.judgement);
        if let Some((model, prompt)) = looked.by {
            appraised.appraiser.model = Some(model);
            prompts.insert(prompt);
        }
        appraised.judgements.push((looked.part, looked.judgement));
    }
    appraised
        .judgements
        .sort_by_key(|(part, judgement)| (*part, judgement.trial));
    if prompts.len() == 1 {
        appraised.appraiser.prompt_sha256 = prompts.pop_first();
    }
    appraised
}

/// All looks in their order. A service is asked about every part before any a second time, so that a study which ends
/// early has looked at many parts once; the screen is taught each lesson once.
fn looks(plan: &Plan, candidate: &Candidate) -> Vec<(usize, u32)> {
    let parts = &plan.set.parts;
    let all = (0..parts.len()).flat_map(|part| (1..=plan.trials).map(move |trial| (part, trial)));
    let mut looks: Vec<_> = all.collect();
    match candidate.source {
        Source::Analyzer(_) => looks.sort_by_key(|(_, trial)| *trial),
        Source::Taught(_) => looks.sort_by_key(|(part, _)| parts[*part].lesson),
    }
    looks
}

#[derive(Debug, Default)]
struct Progress {
    asked: usize,
    answered: usize,
    last_reason: String,
}

impl Progress {
    fn note(&mut self, judgement: &Judgement) {
        self.asked += 1;
        if judgement.verdict == VerdictCode::Pending {
            self.last_reason.clone_from(&judgement.reason);
        } else {
            self.answered += 1;
        }
    }

    /// Why no further look is begun, where none is.
    fn why_no_more(&self, plan: &Plan, candidate: &Candidate, spent: u64) -> Option<String> {
        let name = candidate.provider;
        if plan.stop.load(Ordering::Relaxed) {
            return Some(format!(
                "{name} was asked no more: the study was stopped by hand"
            ));
        }
        if self.answered == 0 && self.asked >= FIRST_UNANSWERED {
            return Some(format!(
                "{name} was asked no more, because it answered none of its first {} looks: {}",
                self.asked, self.last_reason
            ));
        }
        let paid = name.service().is_some();
        if paid && spent >= plan.max_cost_micro_usd {
            let (spent, most) = (usd(spent), usd(plan.max_cost_micro_usd));
            return Some(format!(
                "{name} was asked no more, because {spent} USD of at most {most} USD were spent by then, without the looks under way: raise --max-cost-usd"
            ));
        }
        None
    }
}

fn usd(micro_usd: u64) -> String {
    format!("{:.2}", micro_usd as f64 / 1e6)
}

struct Looked {
    part: usize,
    judgement: Judgement,
    /// The model and its prompt, where it answered.
    by: Option<(String, Sha256)>,
}

async fn look(plan: &Plan, candidate: &Candidate, part: usize, trial: u32) -> Looked {
    let mut looked = Looked {
        part,
        judgement: Judgement {
            appraiser: candidate.provider.to_string(),
            trial,
            verdict: VerdictCode::Pending,
            reason: String::new(),
            findings: vec![],
            latency_ms: None,
            cost_micro_usd: 0,
        },
        by: None,
    };
    let labelled = &plan.set.parts[part];
    let path = plan.set.path(labelled);
    let read = tokio::task::spawn_blocking(move || read_picture(&path)).await;
    let read = read.map_err(|error| error.to_string());
    let image = match read.and_then(|read| read.map_err(|error: LabelsError| error.to_string())) {
        Ok(image) => image,
        Err(reason) => {
            looked.judgement.reason = reason;
            return looked;
        }
    };
    let analyzer = match candidate.source.for_part(labelled).await {
        Ok(analyzer) => analyzer,
        Err(error) => {
            looked.judgement.reason = error.to_string();
            return looked;
        }
    };
    let request = request(plan, image, part, trial);
    let started = Instant::now();
    let answer = analyzer.analyze(&request).await;
    let judgement = &mut looked.judgement;
    judgement.latency_ms = Some(started.elapsed().as_secs_f64() * 1e3);
    let calls = request.meter.calls();
    judgement.cost_micro_usd = calls.iter().map(|call| call.usage.cost_micro_usd).sum();
    match answer {
        Ok(analysis) => {
            let verdict = judge(&request.image.facts(), &analysis, None);
            judgement.verdict = verdict.code();
            judgement.reason = verdict
                .reason()
                .map_or_else(String::new, |why| why.to_string());
            judgement.findings = findings(verdict, &analysis);
            looked.by = Some((analysis.appraiser.model, analysis.appraiser.prompt_sha256));
        }
        Err(AnalysisError::Unusable { reason, .. }) => {
            judgement.verdict = VerdictCode::Undetermined;
            judgement.reason = reason.to_string();
        }
        Err(
            error @ (AnalysisError::NotLearnt { .. }
            | AnalysisError::Withheld { .. }
            | AnalysisError::Hindered(_)),
        ) => {
            judgement.reason = error.to_string();
            // How long a service took not to answer is no latency of its answers.
            judgement.latency_ms = None;
        }
    }
    looked
}

/// The request of one look, with an id that no other has.
fn request(plan: &Plan, image: EncodedImage, part: usize, trial: u32) -> AnalysisRequest {
    let mut random = [0; 10];
    random[..4].copy_from_slice(&trial.to_be_bytes());
    random[4..].copy_from_slice(&(part as u64).to_be_bytes()[2..]);
    let mut capture = plan.capture.clone();
    capture.id = InspectionId::new(capture.captured_at, random);
    AnalysisRequest {
        capture,
        image,
        language: plan.language,
        screening: None,
        screen_fault: None,
        mm_per_px: None,
        meter: Meter::default(),
    }
}

/// What was found, where it speaks of this picture and lies in it.
fn findings(verdict: Verdict, analysis: &Analysis) -> Vec<JudgedFinding> {
    let unsound = [
        UndeterminedReason::OtherImage,
        UndeterminedReason::FindingOutOfRange,
    ];
    if verdict
        .reason()
        .is_some_and(|reason| unsound.contains(&reason))
    {
        return vec![];
    }
    let found = analysis.findings.iter().map(|finding| JudgedFinding {
        defect_type: finding.defect_type,
        severity: finding.severity,
        confidence: finding.confidence,
        box_px: finding.box_px,
    });
    found.collect()
}
