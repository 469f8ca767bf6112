//! What all clones of a station share.

use crate::{
    CloudLink, Parts, StationSettings, circuits::Circuits, ledger::Ledger, upload::UPLOAD_SERVICES,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, broadcast, watch};
use wiko_core::{
    backoff,
    chain::Chain,
    clock_watch::ClockTrouble,
    event::StationEvent,
    ports::{Analyzer, Clock, Entropy, Hindered, Language, Records, StoreError, Uploader},
    queue::{Lease, Queue, Setback},
    service::Service,
    time::UnixMillis,
};

/// Events that a slow listener may fall behind before it has to read the records instead.
const EVENTS_HELD: usize = 1024;

pub(crate) struct Inner {
    pub(crate) records: Arc<dyn Records>,
    pub(crate) chain: Chain,
    /// Whom the chain's analyzers ask.
    pub(crate) chain_services: Vec<Service>,
    pub(crate) screen: Option<Arc<dyn Analyzer>>,
    pub(crate) uploader: Option<Arc<dyn Uploader>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) settings: StationSettings,
    pub(crate) knock_analysis: Arc<Notify>,
    pub(crate) knock_upload: Arc<Notify>,
    pub(crate) circuits: Arc<Circuits>,
    pub(crate) ledger: Ledger,
    pub(crate) events: broadcast::Sender<StationEvent>,
    pub(crate) link: watch::Sender<CloudLink>,
    pub(crate) clock_trouble: watch::Sender<Option<ClockTrouble>>,
    pub(crate) language: Mutex<Language>,
    sweep: Mutex<Option<UnixMillis>>,
}

impl Inner {
    pub(crate) fn new(parts: Parts) -> Self {
        let link = match parts.uploader {
            Some(_) => CloudLink::Unknown,
            None => CloudLink::NotConfigured,
        };
        let events = broadcast::channel(EVENTS_HELD).0;
        let (knock_analysis, knock_upload) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let analyzers = parts.chain.analyzers().iter();
        let mut chain_services: Vec<_> = analyzers
            .filter_map(|analyzer| analyzer.provider().service())
            .collect();
        chain_services.dedup();
        Self {
            circuits: Arc::new(Circuits::new(
                parts.clock.clone(),
                parts.entropy.clone(),
                events.clone(),
                vec![knock_analysis.clone(), knock_upload.clone()],
            )),
            ledger: Ledger::new(
                parts.records.clone(),
                parts.settings.shifts.clone(),
                parts.settings.budget,
            ),
            records: parts.records,
            chain: parts.chain,
            chain_services,
            screen: parts.screen,
            uploader: parts.uploader,
            clock: parts.clock,
            entropy: parts.entropy,
            language: Mutex::new(parts.settings.language),
            settings: parts.settings,
            knock_analysis,
            knock_upload,
            events,
            link: watch::channel(link).0,
            clock_trouble: watch::channel(None).0,
            sweep: Mutex::new(None),
        }
    }

    pub(crate) fn tell(&self, event: StationEvent) {
        // An error means that nobody listens, which is fine: the records know.
        let _ = self.events.send(event);
    }

    pub(crate) fn language(&self) -> Language {
        *self.language.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the local analyzers for each part that is due by `at`, also where the service is not asked.
    pub(crate) fn sweep_until(&self, at: UnixMillis) {
        *self.sweep() = Some(at);
    }

    /// Until when parts are due that go through although the service is not asked.
    pub(crate) fn sweep(&self) -> MutexGuard<'_, Option<UnixMillis>> {
        self.sweep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True where parts can be answered for without any service.
    pub(crate) fn answers_locally(&self) -> bool {
        let local = |analyzer: &Arc<dyn Analyzer>| analyzer.provider().service().is_none();
        self.screen.is_some() || self.chain.analyzers().iter().any(local)
    }

    /// The cloud answers, unless one of its services is known not to do what it is asked.
    pub(crate) fn cloud_answers(&self) {
        if !UPLOAD_SERVICES
            .iter()
            .any(|service| self.circuits.troubled(*service))
        {
            self.set_link(CloudLink::Connected);
        }
    }

    pub(crate) fn set_link(&self, link: CloudLink) {
        self.link.send_if_modified(|current| {
            let changed = *current != link;
            if changed {
                *current = link;
            }
            changed
        });
    }

    pub(crate) fn storage_failed(&self, error: &StoreError) {
        tracing::error!(%error, "the records failed");
        if error.stops_capture() {
            self.tell(StationEvent::StorageFault {
                error: error.clone(),
            });
        }
    }

    /// Puts leased work back: to wait, or parked where a person is needed.
    pub(crate) async fn set_back(
        &self,
        queue: Queue,
        lease: &Lease,
        hindered: Hindered,
    ) -> Result<(), StoreError> {
        let jitter = self.entropy.jitter();
        let wait = backoff::delay(lease.attempts + 1, jitter, hindered.retry_after);
        let setback = Setback {
            obstacle: hindered.obstacle,
            reason: hindered.reason,
            next_try_at: self.clock.now().plus(wait),
        };
        self.records.set_back(queue, lease.id, &setback).await?;
        tracing::warn!(id = %lease.id, %queue, obstacle = %setback.obstacle, reason = setback.reason, "delayed");
        self.tell(StationEvent::Delayed {
            id: lease.id,
            queue,
            obstacle: setback.obstacle,
            reason: setback.reason,
        });
        Ok(())
    }
}
