//! From captured to decided.

use crate::{station::Inner, worker::Source};
use std::sync::Arc;
use wiko_core::{
    analysis::{Analysis, Provider},
    chain::ChainOutcome,
    event::StationEvent,
    ports::{AnalysisError, AnalysisRequest, Hindered, StoreError},
    queue::{AnalysisWork, Obstacle, Queue},
    time::UnixMillis,
};

pub(crate) struct AnalysisSource(pub(crate) Arc<Inner>);

impl Source for AnalysisSource {
    type Work = AnalysisWork;

    async fn lease(&self) -> Result<Option<AnalysisWork>, StoreError> {
        let now = self.0.clock.now();
        if self.0.analysis_pause.holds_until(now).is_some() {
            return Ok(None);
        }
        let until = now.plus(self.0.settings.analysis_lease);
        let work = self.0.records.lease_analysis(now, until).await?;
        if work.is_some() {
            self.0.analysis_pause.passed(now);
        }
        Ok(work)
    }

    async fn process(&self, work: AnalysisWork) {
        if let Err(error) = self.0.analyze(work).await {
            self.0.storage_failed(&error);
        }
    }

    async fn next_due(&self) -> Result<Option<UnixMillis>, StoreError> {
        let now = self.0.clock.now();
        match self.0.analysis_pause.holds_until(now) {
            Some(until) => Ok(Some(until)),
            None => self.0.records.next_due(Queue::Analysis, now).await,
        }
    }
}

impl Inner {
    /// Brings one part as far as it goes now: decided, or back into the queue with the reason.
    async fn analyze(&self, work: AnalysisWork) -> Result<(), StoreError> {
        let id = work.lease.id;
        let sent = self.analysis_pause.lifted();
        let image = match self.records.image(id).await {
            Ok(image) => image,
            Err(damaged @ StoreError::ImageDamaged { .. }) => {
                let hindered = Hindered {
                    obstacle: Obstacle::NeedsPerson,
                    reason: damaged.to_string(),
                    retry_after: None,
                };
                return self
                    .set_back(Queue::Analysis, &work.lease, hindered, sent)
                    .await;
            }
            Err(error) => return Err(error),
        };
        let mut request = AnalysisRequest {
            capture: work.capture,
            image,
            language: self.language(),
            screening: work.screening,
        };
        if request.screening.is_none() {
            request.screening = self.screen(&request).await?;
        }
        match self.chain.decide(&request).await {
            ChainOutcome::Decided {
                verdict,
                analysis,
                detail,
            } => {
                // The screen needs no credentials, so its answer says nothing of them.
                let by_screen = analysis
                    .as_ref()
                    .is_some_and(|said| said.appraiser.provider == Provider::Screen);
                if !by_screen {
                    self.analysis_pause.lift();
                }
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
                    Err(error) => Err(error),
                }
            }
            ChainOutcome::Pending(hindered) => {
                self.set_back(Queue::Analysis, &work.lease, hindered, sent)
                    .await
            }
        }
    }

    /// What the local screen says before the chain is asked; nothing where it has learnt nothing or
    /// where the chain begins with it anyway.
    async fn screen(&self, request: &AnalysisRequest) -> Result<Option<Analysis>, StoreError> {
        let Some(screen) = &self.screen else {
            return Ok(None);
        };
        let first = self
            .chain
            .analyzers()
            .first()
            .map(|analyzer| analyzer.provider());
        if first == Some(Provider::Screen) {
            return Ok(None);
        }
        match screen.analyze(request).await {
            Ok(screening) => {
                let id = request.capture.id;
                self.records.screened(id, &screening).await?;
                self.tell(StationEvent::Screened {
                    id,
                    screening: screening.clone(),
                });
                Ok(Some(screening))
            }
            Err(AnalysisError::NotLearnt { .. }) => Ok(None),
            Err(error) => {
                tracing::warn!(id = %request.capture.id, %error, "the screen gave no answer");
                Ok(None)
            }
        }
    }
}
