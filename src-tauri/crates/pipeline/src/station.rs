//! The engine of a station, with or without a window.

use crate::{
    CallRefused, CloudLink, Order, Parts, StationSettings,
    analysis::AnalysisSource,
    inner::Inner,
    ledger::BudgetReport,
    upload::{UPLOAD_SERVICES, UploadSource},
    worker,
};
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use wiko_core::{
    audit::AuditEntry,
    camera::Shot,
    circuit::CircuitReport,
    clock_watch::ClockTrouble,
    event::StationEvent,
    history::Tally,
    id::InspectionId,
    inspection::{CaptureFacts, Inspection, OperatorCall, OperatorDecision},
    ports::{Language, Records, StoreError},
    queue::Queue,
    shift::Shift,
    spending::Spending,
    text::plain,
    time::UnixMillis,
    verdict::VerdictCode,
};

/// How often an idle station asks the cloud for a sign of life.
const REACH_EVERY: Duration = Duration::from_secs(30);

/// The engine of a station. Cheap to clone; all clones are the same station.
#[derive(Clone)]
pub struct Station(pub(crate) Arc<Inner>);

/// A code as it was meant: scanners end it with a return, and part it with characters that nobody sees.
fn scanned(code: Option<&str>) -> Option<String> {
    code.map(plain).filter(|code| !code.is_empty())
}

impl Station {
    /// A station of the given parts; nothing runs yet.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner::new(parts)))
    }

    /// What happens from now on. Who falls behind is told so and reads the records.
    pub fn subscribe(&self) -> broadcast::Receiver<StationEvent> {
        self.0.events.subscribe()
    }

    /// Whether the cloud answers.
    pub fn link(&self) -> watch::Receiver<CloudLink> {
        self.0.link.subscribe()
    }

    /// The circuit of each service that the station asks: whether it is asked now, and if not, why.
    pub fn circuits(&self) -> Vec<CircuitReport> {
        let inner = &self.0;
        let asked = |service: &wiko_core::service::Service| match inner.uploader {
            Some(_) if UPLOAD_SERVICES.contains(service) => true,
            _ => inner.chain_services.contains(service),
        };
        let mut reports = inner.circuits.reports();
        reports.retain(|report| asked(&report.service));
        reports
    }

    /// What is wrong with the machine's clock, until a person has seen it.
    pub fn clock_trouble(&self) -> watch::Receiver<Option<ClockTrouble>> {
        self.0.clock_trouble.subscribe()
    }

    /// Of an earlier run, which nobody has seen yet.
    pub fn clock_is_still_troubled(&self, trouble: ClockTrouble) {
        self.0.clock_trouble.send_replace(Some(trouble));
    }

    /// A person has seen what is wrong with the clock.
    pub fn dismiss_clock_trouble(&self) {
        self.0.clock_trouble.send_replace(None);
    }

    /// The records.
    pub fn records(&self) -> &Arc<dyn Records> {
        &self.0.records
    }

    /// What is fixed for this run.
    pub fn settings(&self) -> &StationSettings {
        &self.0.settings
    }

    /// True where the station has a cloud.
    pub fn has_cloud(&self) -> bool {
        self.0.uploader.is_some()
    }

    /// The language in which analyzers write from now on.
    pub fn set_language(&self, language: Language) {
        *self
            .0
            .language
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = language;
    }

    /// The language in which analyzers write.
    pub fn language(&self) -> Language {
        self.0.language()
    }

    /// Makes a shot a part: safe on disk and in the records, or refused with the reason.
    pub async fn capture(&self, order: &Order, shot: &Shot) -> Result<CaptureFacts, StoreError> {
        let inner = &self.0;
        let reading = inner.clock.reading();
        let captured_at = reading.now;
        let capture = CaptureFacts {
            id: InspectionId::new(captured_at, inner.entropy.id_bytes()),
            captured_at,
            facility: inner.settings.facility,
            station: inner.settings.station.clone(),
            stage: order.stage,
            product_sku: order.product_sku.clone(),
            lot: scanned(order.lot.as_deref()),
            serial: scanned(order.serial.as_deref()),
            shift: inner.settings.shifts.shift_at(captured_at).code,
            operator: order.operator.clone(),
            camera: shot.camera.clone(),
            boot_id: reading.boot_id,
            monotonic_ms: reading.monotonic_ms,
        };
        let sequence = match inner.records.capture(&capture, &shot.image).await {
            Ok(sequence) => sequence,
            Err(error) => {
                inner.storage_failed(&error);
                return Err(error);
            }
        };
        tracing::info!(id = %capture.id, sequence, "captured");
        inner.tell(StationEvent::Captured {
            capture: capture.clone(),
            image: shot.image.facts(),
        });
        inner.knock_analysis.notify_one();
        Ok(capture)
    }

    /// Notes what a person says of a part. Everything but a confirmation needs a reason, and everything
    /// but a rejection a verdict.
    pub async fn operator_decide(
        &self,
        id: InspectionId,
        call: OperatorCall,
        operator: String,
        reason: Option<String>,
    ) -> Result<Inspection, CallRefused> {
        let reason = reason.filter(|reason| !reason.trim().is_empty());
        if call != OperatorCall::Confirm && reason.is_none() {
            return Err(CallRefused::NoReason);
        }
        // A decision is never taken back, so what is judged here is judged when the call is noted.
        if call != OperatorCall::Reject
            && self.0.records.inspection(id).await?.verdict() == VerdictCode::Pending
        {
            return Err(CallRefused::NotJudged);
        }
        let decision = OperatorDecision {
            call,
            operator,
            reason,
            decided_at: self.0.clock.now(),
        };
        self.0.records.operator_decided(id, &decision).await?;
        self.0.tell(StationEvent::OperatorDecided { id, decision });
        self.0.knock_upload.notify_one();
        Ok(self.0.records.inspection(id).await?)
    }

    /// Makes waiting and parked work due at once; one part's or all. Returns how many. Closes the circuits
    /// of the queue: it is also what is called when there are new credentials.
    pub async fn retry(&self, queue: Queue, id: Option<InspectionId>) -> Result<u64, StoreError> {
        let inner = &self.0;
        let now = inner.clock.now();
        let count = inner.records.retry(queue, id, now).await?;
        match queue {
            Queue::Analysis => {
                inner.sweep_until(now);
                inner.circuits.reset(&inner.chain_services);
                inner.knock_analysis.notify_one();
            }
            Queue::Upload => {
                inner.circuits.reset(&UPLOAD_SERVICES);
                inner.knock_upload.notify_one();
            }
        }
        Ok(count)
    }

    /// How the budget of the running month stands.
    pub async fn budget(&self) -> Result<BudgetReport, StoreError> {
        self.0.ledger.report(self.0.clock.now()).await
    }

    /// What models cost since the running shift began, and since the running month began.
    pub async fn spending(&self) -> Result<(Spending, Spending), StoreError> {
        let (now, shifts) = (self.0.clock.now(), &self.0.settings.shifts);
        let end = UnixMillis(i64::MAX);
        let since = |start| self.0.records.spending(start, end);
        let shift = since(shifts.shift_at(now).starts_at).await?;
        Ok((shift, since(shifts.month_start(now)).await?))
    }

    /// Notes that a person has seen to a part of the containment list, and what became of it.
    pub async fn acknowledge_contained(
        &self,
        id: InspectionId,
        entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let noted = self.0.records.acknowledge_contained(id, entry).await?;
        if noted {
            self.0.tell(StationEvent::ContainmentAcknowledged { id });
        }
        Ok(noted)
    }

    /// The running shift and its count.
    pub async fn shift_tally(&self) -> Result<(Shift, Tally), StoreError> {
        let now = self.0.clock.now();
        let shift = self.0.settings.shifts.shift_at(now);
        let tally = self
            .0
            .records
            .tally(shift.starts_at, UnixMillis(i64::MAX))
            .await?;
        Ok((shift, tally))
    }

    /// Works both queues until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let inner = &self.0;
        let analysis = worker::work(
            Arc::new(AnalysisSource::new(inner.clone())),
            inner.clock.clone(),
            inner.knock_analysis.clone(),
            inner.settings.analyses_in_flight,
            stop.clone(),
        );
        let upload = async {
            let Some(uploader) = inner.uploader.clone() else {
                return;
            };
            let source = Arc::new(UploadSource {
                inner: inner.clone(),
                uploader,
            });
            let probe = async {
                loop {
                    tokio::select! {
                        () = source.reach() => {}
                        () = stop.cancelled() => return,
                    }
                    tokio::select! {
                        () = tokio::time::sleep(REACH_EVERY) => {}
                        () = stop.cancelled() => return,
                    }
                }
            };
            let work = worker::work(
                source.clone(),
                inner.clock.clone(),
                inner.knock_upload.clone(),
                inner.settings.uploads_in_flight,
                stop.clone(),
            );
            tokio::join!(probe, work);
        };
        tokio::join!(analysis, upload, inner.watch_clock(&stop));
    }

    /// The record once it is decided, or as it stands after `timeout`. Refused where the storage fails meanwhile.
    pub async fn wait_decided(
        &self,
        id: InspectionId,
        timeout: Duration,
    ) -> Result<Inspection, StoreError> {
        let mut events = self.subscribe();
        let decided = async {
            loop {
                let inspection = self.0.records.inspection(id).await?;
                if inspection.verdict() != VerdictCode::Pending {
                    return Ok(inspection);
                }
                loop {
                    match events.recv().await {
                        Ok(StationEvent::Decided { id: decided, .. }) if decided == id => break,
                        // What the records show then may never have reached the disk.
                        Ok(StationEvent::StorageFault { error }) => return Err(error),
                        Ok(_) => {}
                        // Fallen behind: the records know.
                        Err(broadcast::error::RecvError::Lagged(_)) => break,
                        Err(broadcast::error::RecvError::Closed) => return Ok(inspection),
                    }
                }
            }
        };
        match tokio::time::timeout(timeout, decided).await {
            Ok(inspection) => inspection,
            Err(_) => self.0.records.inspection(id).await,
        }
    }
}
