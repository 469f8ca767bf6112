//! Fake of the analyzer port: answers what its script says, in order.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};
use wiko_core::{
    analysis::{Analysis, Finding, Provider, Usage},
    ports::{AnalysisError, AnalysisRequest, Analyzer, Hindered},
    queue::Obstacle,
    spending::Purpose,
    verdict::UndeterminedReason,
};

use crate::builders;

/// One answer.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Nothing is wrong with the part.
    Good,
    /// These findings.
    Defective(Vec<Finding>),
    /// This very analysis, whatever the request was.
    Exactly(Box<Analysis>),
    /// No analysis.
    Error(AnalysisError),
}

impl Answer {
    /// The service did not answer.
    pub fn hindered(obstacle: Obstacle) -> Self {
        Self::Error(AnalysisError::Hindered(Hindered {
            service: None,
            obstacle,
            reason: format!("as scripted: {obstacle}"),
            retry_after: None,
        }))
    }

    /// The answer cannot be used.
    pub fn unusable(reason: UndeterminedReason) -> Self {
        Self::Error(AnalysisError::Unusable {
            reason,
            detail: format!("as scripted: {reason}"),
        })
    }

    /// It has learnt nothing of the product at the stage.
    pub fn not_learnt() -> Self {
        Self::Error(AnalysisError::NotLearnt {
            reason: "as scripted: nothing learnt".into(),
        })
    }
}

/// Gives one answer of its script for each request, then the last one for ever. Without a script it
/// cannot be reached: a forgotten script shows as a pending part, never as a good one.
#[derive(Debug)]
pub struct ScriptedAnalyzer {
    provider: Provider,
    /// Of each request; none where it costs nothing.
    cost_micro_usd: Option<u64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    script: VecDeque<Answer>,
    last: Option<Answer>,
    requests: Vec<AnalysisRequest>,
}

impl ScriptedAnalyzer {
    /// Answers in the name of `provider`.
    pub fn new(provider: Provider, script: impl IntoIterator<Item = Answer>) -> Self {
        let state = State {
            script: script.into_iter().collect(),
            ..State::default()
        };
        Self {
            provider,
            cost_micro_usd: None,
            state: Mutex::new(state),
        }
    }

    /// The same, where each request costs so much, whatever is answered.
    #[must_use]
    pub fn costing(self, cost_micro_usd: u64) -> Self {
        Self {
            cost_micro_usd: Some(cost_micro_usd),
            ..self
        }
    }

    /// Replaces what is left of the script.
    pub fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        let mut state = self.state();
        state.script = answers.into_iter().collect();
        state.last = None;
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<AnalysisRequest> {
        self.state().requests.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl Analyzer for ScriptedAnalyzer {
    fn provider(&self) -> Provider {
        self.provider
    }

    async fn analyze(&self, request: &AnalysisRequest) -> Result<Analysis, AnalysisError> {
        let answer = {
            let mut state = self.state();
            state.requests.push(request.clone());
            if let Some(next) = state.script.pop_front() {
                state.last = Some(next);
            }
            state.last.clone()
        };
        if let Some(cost_micro_usd) = self.cost_micro_usd {
            let usage = Usage {
                cost_micro_usd,
                ..Usage::default()
            };
            request
                .meter
                .add(self.provider, "scripted", Purpose::Look, usage);
        }
        let facts = &request.image.facts();
        let mut analysis = match answer.unwrap_or_else(|| Answer::hindered(Obstacle::Transient)) {
            Answer::Good => builders::good(facts),
            Answer::Defective(findings) => builders::defective(facts, findings),
            Answer::Exactly(analysis) => return Ok(*analysis),
            // The trouble of an analyzer that asks a service is the service's.
            Answer::Error(AnalysisError::Hindered(hindered)) => {
                return Err(AnalysisError::Hindered(Hindered {
                    service: hindered.service.or(self.provider.service()),
                    ..hindered
                }));
            }
            Answer::Error(error) => return Err(error),
        };
        analysis.appraiser.provider = self.provider;
        Ok(analysis)
    }
}
