//! The engine of a station, with or without a window.

use crate::{
    CloudLink,
    analysis::AnalysisSource,
    pause::{Lifted, Pause},
    upload::UploadSource,
    worker::{self, Source},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::CancellationToken;
use wiko_core::{
    backoff,
    camera::{CameraTag, Frame},
    chain::Chain,
    event::StationEvent,
    facility::Facility,
    history::Tally,
    id::InspectionId,
    inspection::{CaptureFacts, Inspection, OperatorCall, OperatorDecision},
    ports::{Analyzer, Clock, Entropy, Hindered, Language, Records, StoreError, Uploader},
    queue::{Lease, Obstacle, Queue, Setback},
    shift::{Shift, ShiftPlan},
    sku::ProductSku,
    stage::Stage,
    time::UnixMillis,
    verdict::VerdictCode,
};

/// Events that a slow listener may fall behind before it has to read the records instead.
const EVENTS_HELD: usize = 1024;

/// How often an idle station asks the cloud for a sign of life.
const REACH_EVERY: Duration = Duration::from_secs(30);

/// What is fixed for a run of the station.
#[derive(Debug, Clone)]
pub struct StationSettings {
    /// Where it stands.
    pub facility: Facility,
    /// Its name.
    pub station: String,
    /// When the shifts begin.
    pub shifts: ShiftPlan,
    /// The language in which analyzers write, until it is changed.
    pub language: Language,
    /// Analyses under way at once.
    pub analyses_in_flight: usize,
    /// Uploads under way at once.
    pub uploads_in_flight: usize,
    /// How long an analysis is a worker's own; longer than any may take.
    pub analysis_lease: Duration,
    /// How long an upload is a worker's own; longer than any may take.
    pub upload_lease: Duration,
}

/// What the station is made of.
pub struct Parts {
    /// Records and queues.
    pub records: Arc<dyn Records>,
    /// Who decides.
    pub chain: Chain,
    /// The local screen, which answers before the chain where it has learnt the part.
    pub screen: Option<Arc<dyn Analyzer>>,
    /// The cloud, where there is one.
    pub uploader: Option<Arc<dyn Uploader>>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Everything else.
    pub settings: StationSettings,
}

/// What is being inspected, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Which product.
    pub product_sku: ProductSku,
    /// At which stage.
    pub stage: Stage,
    /// The lot, where given.
    pub lot: Option<String>,
    /// The serial number, where scanned.
    pub serial: Option<String>,
    /// Opaque id of the operator.
    pub operator: String,
}

/// What a person said was not noted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallRefused {
    /// The disk or the database did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An override came without a reason.
    #[error("an override needs a reason: choose one")]
    NoReason,
    /// Nobody has judged the part: a call made now would hold against a verdict that its maker never saw.
    #[error("the part is not judged yet: wait for the verdict, or reject the part")]
    NotJudged,
}

/// What a drain did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// Decided.
    pub decided: u64,
    /// In the cloud, verified.
    pub uploaded: u64,
    /// Still waiting for an analyzer.
    pub analysis_waiting: u64,
    /// Still waiting for the cloud.
    pub upload_waiting: u64,
    /// Parked in either queue.
    pub parked: u64,
}

/// The engine of a station. Cheap to clone; all clones are the same station.
#[derive(Clone)]
pub struct Station(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) records: Arc<dyn Records>,
    pub(crate) chain: Chain,
    pub(crate) screen: Option<Arc<dyn Analyzer>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: StationSettings,
    pub(crate) knock_upload: Arc<Notify>,
    pub(crate) analysis_pause: Pause,
    pub(crate) upload_pause: Pause,
    uploader: Option<Arc<dyn Uploader>>,
    entropy: Arc<dyn Entropy>,
    knock_analysis: Arc<Notify>,
    events: broadcast::Sender<StationEvent>,
    link: watch::Sender<CloudLink>,
    language: Mutex<Language>,
}

impl Station {
    /// A station of the given parts; nothing runs yet.
    pub fn new(parts: Parts) -> Self {
        let link = match parts.uploader {
            Some(_) => CloudLink::Unknown,
            None => CloudLink::NotConfigured,
        };
        Self(Arc::new(Inner {
            records: parts.records,
            chain: parts.chain,
            screen: parts.screen,
            uploader: parts.uploader,
            clock: parts.clock,
            entropy: parts.entropy,
            language: Mutex::new(parts.settings.language),
            settings: parts.settings,
            knock_analysis: Arc::new(Notify::new()),
            knock_upload: Arc::new(Notify::new()),
            analysis_pause: Pause::default(),
            upload_pause: Pause::default(),
            events: broadcast::channel(EVENTS_HELD).0,
            link: watch::channel(link).0,
        }))
    }

    /// What happens from now on. Who falls behind is told so and reads the records.
    pub fn subscribe(&self) -> broadcast::Receiver<StationEvent> {
        self.0.events.subscribe()
    }

    /// Whether the cloud answers.
    pub fn link(&self) -> watch::Receiver<CloudLink> {
        self.0.link.subscribe()
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

    /// Makes a frame a part: safe on disk and in the records, or refused with the reason.
    pub async fn capture(&self, order: &Order, frame: &Frame) -> Result<CaptureFacts, StoreError> {
        let inner = &self.0;
        let captured_at = inner.clock.now();
        let capture = CaptureFacts {
            id: InspectionId::new(captured_at, inner.entropy.id_bytes()),
            captured_at,
            facility: inner.settings.facility,
            station: inner.settings.station.clone(),
            stage: order.stage,
            product_sku: order.product_sku.clone(),
            lot: order.lot.clone(),
            serial: order.serial.clone(),
            shift: inner.settings.shifts.shift_at(captured_at).code,
            operator: order.operator.clone(),
            camera: CameraTag {
                id: frame.camera.clone(),
                frame_sequence: frame.sequence,
                exposed_at: frame.exposed_at,
            },
        };
        let sequence = match inner.records.capture(&capture, &frame.image).await {
            Ok(sequence) => sequence,
            Err(error) => {
                inner.storage_failed(&error);
                return Err(error);
            }
        };
        tracing::info!(id = %capture.id, sequence, "captured");
        inner.tell(StationEvent::Captured {
            capture: capture.clone(),
            image: frame.image.facts,
        });
        // Somebody stands before it, and the screen may know it without any credentials.
        inner.analysis_pause.exempt_one();
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

    /// Makes waiting and parked work due at once; one part's or all. Returns how many. Ends the queue's
    /// pause: it is also what is called when there are new credentials.
    pub async fn retry(&self, queue: Queue, id: Option<InspectionId>) -> Result<u64, StoreError> {
        let count = self.0.records.retry(queue, id, self.0.clock.now()).await?;
        self.0.pause(queue).lift();
        match queue {
            Queue::Analysis => self.0.knock_analysis.notify_one(),
            Queue::Upload => self.0.knock_upload.notify_one(),
        }
        Ok(count)
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
            Arc::new(AnalysisSource(inner.clone())),
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
        tokio::join!(analysis, upload);
    }

    /// Tries everything in both queues once, the parked too, because a person asks for it.
    pub async fn drain_once(&self) -> Result<DrainReport, StoreError> {
        let inner = &self.0;
        let now = inner.clock.now();
        let mut report = DrainReport::default();
        let mut events = self.subscribe();
        let mut count = |report: &mut DrainReport| {
            while let Ok(event) = events.try_recv() {
                match event {
                    StationEvent::Decided { .. } => report.decided += 1,
                    StationEvent::Uploaded { .. } => report.uploaded += 1,
                    _ => {}
                }
            }
        };
        inner.records.retry(Queue::Analysis, None, now).await?;
        let source = AnalysisSource(inner.clone());
        while let Some(work) = inner
            .records
            .lease_analysis(now, now.plus(inner.settings.analysis_lease))
            .await?
        {
            source.process(work).await;
            count(&mut report);
        }
        if let Some(uploader) = inner.uploader.clone() {
            let now = inner.clock.now();
            inner.records.retry(Queue::Upload, None, now).await?;
            inner.upload_pause.lift();
            let source = UploadSource {
                inner: inner.clone(),
                uploader,
            };
            let until = now.plus(inner.settings.upload_lease);
            // Where the credentials are refused, they are for all that follow. The analyses go on: the
            // screen may know the next part.
            while inner.upload_pause.holds_until(inner.clock.now()).is_none()
                && let Some(work) = inner.records.lease_upload(now, until).await?
            {
                source.process(work).await;
                count(&mut report);
            }
        }
        let analysis = inner.records.depth(Queue::Analysis).await?;
        let upload = inner.records.depth(Queue::Upload).await?;
        report.analysis_waiting = analysis.waiting;
        report.upload_waiting = upload.waiting;
        report.parked = analysis.parked + upload.parked;
        Ok(report)
    }

    /// The record once it is decided, or as it stands after `timeout`.
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

impl Inner {
    fn pause(&self, queue: Queue) -> &Pause {
        match queue {
            Queue::Analysis => &self.analysis_pause,
            Queue::Upload => &self.upload_pause,
        }
    }

    pub(crate) fn tell(&self, event: StationEvent) {
        // An error means that nobody listens, which is fine: the records know.
        let _ = self.events.send(event);
    }

    pub(crate) fn language(&self) -> Language {
        *self.language.lock().unwrap_or_else(PoisonError::into_inner)
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
                reason: error.to_string(),
            });
        }
    }

    /// Puts leased work back: to wait, or parked where a person is needed. `sent` is when it was begun, as
    /// the queue's pause counts.
    pub(crate) async fn set_back(
        &self,
        queue: Queue,
        lease: &Lease,
        hindered: Hindered,
        sent: Lifted,
    ) -> Result<(), StoreError> {
        match hindered.obstacle {
            Obstacle::Credentials => self.pause(queue).begin(sent, self.clock.now()),
            // They were not refused, as far as is known.
            Obstacle::Transient | Obstacle::NeedsPerson => self.pause(queue).lift(),
        }
        let wait = match hindered.obstacle {
            // New credentials make the work due at once; until then there is nothing to hurry for.
            Obstacle::Credentials => backoff::LONGEST,
            Obstacle::Transient | Obstacle::NeedsPerson => backoff::delay(
                lease.attempts + 1,
                self.entropy.jitter(),
                hindered.retry_after,
            ),
        };
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
