//! From captured to decided.

use crate::{
    circuits::{Circuits, Pass},
    inner::Inner,
    ledger::BudgetReport,
    worker::Source,
};
use std::{sync::Arc, time::Duration};
use wiko_core::{
    analysis::{Analysis, Provider},
    backoff,
    chain::{ChainOutcome, Gate},
    event::StationEvent,
    id::InspectionId,
    ports::{AnalysisError, AnalysisRequest, Hindered, StoreError},
    queue::{Among, AnalysisWork, Obstacle, Queue},
    sampling,
    spending::{BudgetState, Meter},
    time::UnixMillis,
    verdict::{UndeterminedReason, Verdict},
};

pub(crate) struct AnalysisSource {
    inner: Arc<Inner>,
}

/// Whether the services of the chain may be asked now.
enum Standing {
    /// One of them, or the chain needs none.
    Clear,
    /// One part may find out.
    Probe(Pass),
    /// None of them, for so long.
    Held(Duration),
    /// The month's budget is spent: a sample of what was never tried.
    Spent,
}

impl AnalysisSource {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    async fn standing(&self) -> Result<Standing, StoreError> {
        let (circuits, services) = (&self.inner.circuits, &self.inner.chain_services);
        if services.is_empty() {
            return Ok(Standing::Clear);
        }
        // Before any probe is taken, which a part that may not be asked about would keep from others.
        let budget = self.inner.ledger.report(self.inner.clock.now()).await?;
        if budget.state == BudgetState::Spent {
            return Ok(Standing::Spent);
        }
        if !services.iter().all(|service| circuits.troubled(*service)) {
            return Ok(Standing::Clear);
        }
        for service in services {
            if let Ok([probe]) = circuits.pass([*service]) {
                return Ok(Standing::Probe(probe));
            }
        }
        let waits = services.iter();
        let waits = waits.filter_map(|service| circuits.longest_wait(&[*service]));
        Ok(Standing::Held(waits.min().unwrap_or_default()))
    }

    async fn take(
        &self,
        among: Among,
        now: UnixMillis,
    ) -> Result<Option<AnalysisWork>, StoreError> {
        let inner = &self.inner;
        let until = inner.clock.now().plus(inner.settings.analysis_lease);
        inner.records.lease_analysis_among(among, now, until).await
    }

    /// Work that goes through although no service is asked: each part once, for what the local analyzers
    /// say. A part that they do not know then waits until a service is asked again, or a person retries.
    async fn take_held(&self) -> Result<Option<AnalysisWork>, StoreError> {
        let sweep = *self.inner.sweep();
        if let Some(due) = sweep {
            // Set back since, the clock would find what was just given back due again, without end.
            let due_by_now = due.min(self.inner.clock.now());
            if let Some(work) = self.take(Among::All, due_by_now).await? {
                return Ok(Some(work));
            }
            self.inner.sweep().take_if(|again| *again == due);
        }
        self.take(Among::Untried, self.inner.clock.now()).await
    }
}

impl Source for AnalysisSource {
    type Work = (AnalysisWork, Option<Pass>);

    async fn lease(&self, now: UnixMillis) -> Result<Option<Self::Work>, StoreError> {
        match self.standing().await? {
            Standing::Clear => {
                let work = self.take(Among::All, now).await?;
                Ok(work.map(|work| (work, None)))
            }
            Standing::Probe(probe) => {
                // Somebody stands before what was never tried, and need not wait for the probe.
                let mut work = self.take(Among::Tried, now).await?;
                if work.is_none() {
                    work = self.take(Among::All, now).await?;
                }
                match work {
                    Some(work) => Ok(Some((work, Some(probe)))),
                    None => {
                        probe.unused();
                        Ok(None)
                    }
                }
            }
            Standing::Held(_) if !self.inner.answers_locally() => Ok(None),
            Standing::Held(_) | Standing::Spent => {
                Ok(self.take_held().await?.map(|work| (work, None)))
            }
        }
    }

    async fn process(&self, (work, probe): Self::Work) {
        if let Err(error) = self.inner.analyze(work, probe).await {
            self.inner.storage_failed(&error);
        }
    }

    async fn next_due(&self) -> Result<Option<UnixMillis>, StoreError> {
        let now = self.inner.clock.now();
        match self.standing().await? {
            Standing::Held(wait) => Ok(Some(now.plus(wait))),
            // The month may turn.
            Standing::Spent => Ok(Some(now.plus(backoff::LONGEST))),
            Standing::Clear => self.inner.records.next_due(Queue::Analysis, now).await,
            Standing::Probe(probe) => {
                probe.unused();
                self.inner.records.next_due(Queue::Analysis, now).await
            }
        }
    }

    fn failed(&self, error: &StoreError) {
        self.inner.storage_failed(error);
    }
}

/// Asks the budget and the circuits before each analyzer of the chain.
struct StationGate<'a> {
    id: InspectionId,
    budget: BudgetReport,
    circuits: &'a Arc<Circuits>,
    /// Taken with the part.
    probe: Option<Pass>,
    /// Of the one that was asked last.
    pass: Option<Pass>,
}

impl Gate for StationGate<'_> {
    fn may_ask(&mut self, provider: Provider) -> Result<(), Hindered> {
        self.pass = None;
        let Some(service) = provider.service() else {
            return Ok(());
        };
        if let Some(forbidden) = self.budget.forbids(provider, self.id) {
            return Err(forbidden);
        }
        if let Some(probe) = self.probe.take_if(|probe| probe.service() == service) {
            self.pass = Some(probe);
            return Ok(());
        }
        match self.circuits.pass([service]) {
            Ok([pass]) => {
                self.pass = Some(pass);
                Ok(())
            }
            Err(held) => Err(Hindered {
                obstacle: match held.met.obstacle {
                    // That is for the part that met it; this one waits for what becomes of that.
                    Obstacle::NeedsPerson => Obstacle::Transient,
                    other => other,
                },
                retry_after: None,
                ..held.met
            }),
        }
    }

    fn answered(&mut self, answer: &Result<Analysis, AnalysisError>) {
        let Some(pass) = self.pass.take() else {
            return;
        };
        match answer {
            Err(AnalysisError::Hindered(hindered)) => {
                if hindered.service == Some(pass.service()) {
                    pass.failed(hindered);
                }
            }
            // Nobody was asked: it says nothing of the service.
            Err(AnalysisError::Unusable {
                reason: UndeterminedReason::ImageUnfit,
                ..
            }) => pass.unused(),
            Ok(_) | Err(AnalysisError::NotLearnt { .. } | AnalysisError::Unusable { .. }) => {
                pass.answered();
            }
            // The service was not asked.
            Err(AnalysisError::Withheld { .. }) => {}
        }
    }
}

impl Inner {
    /// Brings one part as far as it goes now: decided, or back into the queue with the reason.
    async fn analyze(&self, work: AnalysisWork, probe: Option<Pass>) -> Result<(), StoreError> {
        let id = work.lease.id;
        let image = match self.records.image(id).await {
            Ok(image) => image,
            // Also one that the disk does not give: it would be tried without end, and nobody would see it.
            Err(damaged @ (StoreError::ImageDamaged { .. } | StoreError::Fault { .. })) => {
                let hindered = Hindered {
                    service: None,
                    obstacle: Obstacle::NeedsPerson,
                    reason: damaged.to_string(),
                    retry_after: None,
                };
                return self.set_back(Queue::Analysis, &work.lease, hindered).await;
            }
            Err(error) => return Err(error),
        };
        let measured = work.capture.camera.conditions.as_ref();
        let measured = measured.and_then(|conditions| conditions.mm_per_px);
        let calibration = self.settings.calibration.as_ref();
        let mm_per_px = measured.or_else(|| {
            calibration
                .filter(|known| known.camera == work.capture.camera.id)
                .map(|known| known.mm_per_px)
        });
        let mut request = AnalysisRequest {
            capture: work.capture,
            image,
            language: self.language(),
            screening: work.screening,
            screen_fault: None,
            mm_per_px,
            meter: Meter::default(),
        };
        if request.screening.is_none() {
            match self.screen(&request).await? {
                Ok(screening) => request.screening = screening,
                Err(fault) => request.screen_fault = Some(fault),
            }
        }
        let mut gate = StationGate {
            id,
            budget: self.ledger.report(self.clock.now()).await?,
            circuits: &self.circuits,
            probe,
            pass: None,
        };
        let outcome = self.chain.decide(&request, &mut gate).await;
        let calls = request.meter.calls();
        self.ledger.note(id, &calls, self.clock.now()).await?;
        match outcome {
            ChainOutcome::Decided {
                verdict,
                analysis,
                detail,
            } => {
                let verdict = self.sampled_for_review(id, verdict);
                let decided = self
                    .records
                    .decide(id, &verdict, analysis.as_deref(), &detail, self.clock.now())
                    .await;
                match decided {
                    Ok(decision) => {
                        tracing::info!(%id, verdict = %decision.verdict, "decided");
                        self.tell(StationEvent::Decided { id, decision });
                        self.knock_upload.notify_one();
                        Ok(())
                    }
                    // A try whose lease had run out was faster; its decision stands.
                    Err(StoreError::AlreadyDecided { .. }) => Ok(()),
                    // The records would not take it the next time either.
                    Err(refused @ StoreError::Refused { .. }) => {
                        let hindered = Hindered {
                            service: None,
                            obstacle: Obstacle::NeedsPerson,
                            reason: format!("the answer could not be recorded: {refused}"),
                            retry_after: None,
                        };
                        self.set_back(Queue::Analysis, &work.lease, hindered).await
                    }
                    Err(error) => Err(error),
                }
            }
            ChainOutcome::Pending(hindered) => {
                self.set_back(Queue::Analysis, &work.lease, hindered).await
            }
        }
    }

    /// A sample of what machines find good is shown to a person, who finds out where they are wrong.
    fn sampled_for_review(&self, id: InspectionId, verdict: Verdict) -> Verdict {
        let sampled = sampling::of_review(id, self.settings.review_every);
        match verdict {
            Verdict::Pass(_) if sampled => {
                Verdict::Undetermined(UndeterminedReason::SampledForReview)
            }
            other => other,
        }
    }

    /// What the local screen says before the chain is asked; nothing where it has learnt nothing or
    /// where the chain begins with it anyway. Where it should have looked and could not: why.
    async fn screen(
        &self,
        request: &AnalysisRequest,
    ) -> Result<Result<Option<Analysis>, String>, StoreError> {
        let Some(screen) = &self.screen else {
            return Ok(Ok(None));
        };
        let first = self
            .chain
            .analyzers()
            .first()
            .map(|analyzer| analyzer.provider());
        if first == Some(Provider::Screen) {
            return Ok(Ok(None));
        }
        match screen.analyze(request).await {
            Ok(screening) => {
                let screening = screening.measured(|area| request.extent_mm(area));
                let id = request.capture.id;
                self.records.screened(id, &screening).await?;
                self.tell(StationEvent::Screened {
                    id,
                    screening: screening.clone(),
                });
                Ok(Ok(Some(screening)))
            }
            Err(AnalysisError::NotLearnt { .. }) => Ok(Ok(None)),
            Err(error) => {
                tracing::warn!(id = %request.capture.id, %error, "the screen gave no answer");
                Ok(Err(error.to_string()))
            }
        }
    }
}
