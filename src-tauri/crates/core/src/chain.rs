//! The chain of analyzers: who is asked, in which order, and what becomes of their answers.
//!
//! Invariants:
//! - The first analyzer that answers decides. An answer that cannot be used makes the part
//!   undetermined; the next analyzer is never asked in the hope of a better one.
//! - The next one is asked only where the one before has learnt nothing of the part or could not be
//!   reached. Where nobody answers, the part stays pending.
//! - Who is known not to answer is not asked: the part goes on to the next at once.
//! - A part that the local screen should have looked at, and could not, is passed by nobody.
//! - A part whose frame is unfit to be judged is judged by nobody: it goes to a person with what to do.
//! - A part whose recipe is not as it was released is judged by nobody: it waits for a person.

use crate::{
    analysis::{Analysis, Provider},
    ports::{AnalysisError, AnalysisRequest, Analyzer, Hindered, Language},
    queue::Obstacle,
    verdict::{UndeterminedReason, Verdict, judge},
};
use std::sync::Arc;

/// Analyzers in the order in which they are asked.
#[derive(Clone)]
pub struct Chain(Vec<Arc<dyn Analyzer>>);

/// Stands before the analyzers: says who may be asked now, and hears what came of it.
pub trait Gate: Send {
    /// Why this one is not to be asked now, where it is not.
    fn may_ask(&mut self, provider: Provider) -> Result<(), Hindered>;

    /// What the one that was asked last has answered.
    fn answered(&mut self, answer: &Result<Analysis, AnalysisError>);
}

/// What the chain came to.
#[derive(Debug, Clone)]
pub enum ChainOutcome {
    /// An analyzer answered.
    Decided {
        /// The verdict.
        verdict: Verdict,
        /// What was said; none where it could not be used.
        analysis: Option<Box<Analysis>>,
        /// Why the answer could not be used, or which two contradict each other, in words; else empty.
        detail: String,
    },
    /// Nobody answered; the part stays pending.
    Pending(Hindered),
}

impl Chain {
    /// A chain of the given analyzers.
    pub fn new(analyzers: Vec<Arc<dyn Analyzer>>) -> Self {
        Self(analyzers)
    }

    /// The analyzers, in the order in which they are asked.
    pub fn analyzers(&self) -> &[Arc<dyn Analyzer>] {
        &self.0
    }

    /// Asks one analyzer after the other until one answers.
    pub async fn decide(&self, request: &AnalysisRequest, gate: &mut dyn Gate) -> ChainOutcome {
        for analyzer in &self.0 {
            if let Some(reason) = analyzer.withheld(request).await {
                return ChainOutcome::Pending(withheld(reason));
            }
        }
        if let Some(detail) = unfit(request) {
            return ChainOutcome::Decided {
                verdict: Verdict::Undetermined(UndeterminedReason::ImageUnfit),
                analysis: None,
                detail,
            };
        }
        let mut hindrances: Vec<Hindered> = Vec::new();
        let mut screen_fault = request.screen_fault.clone();
        for analyzer in &self.0 {
            if let Err(held) = gate.may_ask(analyzer.provider()) {
                hindrances.push(held);
                continue;
            }
            let answer = analyzer.analyze(request).await;
            gate.answered(&answer);
            match answer {
                Ok(analysis) => {
                    let analysis = analysis.measured(|area| request.extent_mm(area));
                    let screening = request.screening.as_ref();
                    let verdict = judge(&request.image.facts(), &analysis, screening);
                    // Of no account where it has looked after all.
                    let unscreened = analyzer.provider() != Provider::Screen;
                    let (verdict, detail) = match (verdict, screen_fault) {
                        (Verdict::Pass(_), Some(fault)) if unscreened => (
                            Verdict::Undetermined(UndeterminedReason::ScreenSilent),
                            fault,
                        ),
                        (verdict, _) => (verdict, contradiction(verdict, &analysis)),
                    };
                    return ChainOutcome::Decided {
                        verdict,
                        analysis: Some(Box::new(analysis)),
                        detail,
                    };
                }
                Err(AnalysisError::Unusable { reason, detail }) => {
                    return ChainOutcome::Decided {
                        verdict: Verdict::Undetermined(reason),
                        analysis: None,
                        detail,
                    };
                }
                Err(AnalysisError::NotLearnt { reason }) => hindrances.push(Hindered {
                    service: None,
                    obstacle: Obstacle::Transient,
                    reason,
                    retry_after: None,
                }),
                Err(AnalysisError::Hindered(hindered)) => {
                    if analyzer.provider() == Provider::Screen {
                        screen_fault.get_or_insert_with(|| hindered.reason.clone());
                    }
                    hindrances.push(hindered);
                }
                Err(AnalysisError::Withheld { reason }) => {
                    return ChainOutcome::Pending(withheld(reason));
                }
            }
        }
        ChainOutcome::Pending(combined(hindrances))
    }
}

/// Nobody judges the part, in whatever order they would be asked.
fn withheld(reason: String) -> Hindered {
    Hindered {
        service: None,
        obstacle: Obstacle::NeedsPerson,
        reason,
        retry_after: None,
    }
}

/// Which two answers contradict each other, where some do; empty where none do.
fn contradiction(verdict: Verdict, analysis: &Analysis) -> String {
    match (verdict.reason(), &analysis.disagreement) {
        (Some(UndeterminedReason::Disagreement), Some(said)) => said.clone(),
        (Some(UndeterminedReason::Disagreement), None) => {
            "the local screen does not find the part good, and it is called good".to_owned()
        }
        _ => String::new(),
    }
}

/// One hindrance for all of them: refused credentials where there are any, because a person has to see
/// to them; or else, while any may go by itself, the part is tried again.
fn combined(hindrances: Vec<Hindered>) -> Hindered {
    let obstacles = || hindrances.iter().map(|hindered| hindered.obstacle);
    let refused = obstacles().find(|obstacle| *obstacle == Obstacle::Credentials);
    let obstacle = refused.or_else(|| obstacles().min());
    let retry_after = hindrances
        .iter()
        .filter_map(|hindered| hindered.retry_after)
        .min();
    let reasons: Vec<_> = hindrances
        .into_iter()
        .map(|hindered| hindered.reason)
        .collect();
    Hindered {
        // Of several, none.
        service: None,
        obstacle: obstacle.unwrap_or(Obstacle::NeedsPerson),
        reason: if reasons.is_empty() {
            "no analyzer is configured: set analysis.chain in station.toml".to_owned()
        } else {
            reasons.join("; ")
        },
        retry_after,
    }
}

/// What to do about a frame that is unfit to be judged, whoever would judge it.
fn unfit(request: &AnalysisRequest) -> Option<String> {
    let faults = request.capture.camera.faults();
    let words: Vec<_> = faults
        .iter()
        .map(|fault| fault.what_to_do(request.language))
        .collect();
    let separator = match request.language {
        Language::En => "; ",
        Language::ZhCn => "；",
    };
    (!words.is_empty()).then(|| words.join(separator))
}

#[cfg(test)]
#[path = "chain_tests.rs"]
mod tests;
