//! Emptying the queues because a person asks for it: everything in them is tried once.

use crate::{
    Station,
    analysis::AnalysisSource,
    upload::{UPLOAD_SERVICES, UploadSource},
    worker::Source,
};
use std::sync::Arc;
use tokio::{sync::broadcast, task::JoinSet};
use wiko_core::{
    circuit::{CircuitReport, CircuitState},
    event::StationEvent,
    ports::StoreError,
    queue::Queue,
    time::UnixMillis,
};

/// What a drain did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// Decided.
    pub decided: u64,
    /// In the cloud, verified.
    pub uploaded: u64,
    /// Still waiting for an analyzer.
    pub analysis_waiting: u64,
    /// Still waiting for the cloud.
    pub upload_waiting: u64,
    /// Parked on the analysis queue.
    pub analysis_parked: u64,
    /// Parked on the upload queue.
    pub upload_parked: u64,
    /// The services that were not asked for everything, because they did not do what they were asked.
    pub held: Vec<CircuitReport>,
}

impl DrainReport {
    /// Parked in either queue.
    pub fn parked(&self) -> u64 {
        self.analysis_parked + self.upload_parked
    }

    fn count(&mut self, events: &mut broadcast::Receiver<StationEvent>) {
        use broadcast::error::TryRecvError;
        loop {
            match events.try_recv() {
                Ok(StationEvent::Decided { .. }) => self.decided += 1,
                Ok(StationEvent::Uploaded { .. }) => self.uploaded += 1,
                Ok(_) | Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }
}

impl Station {
    /// Tries everything in both queues once, the parked too, because a person asks for it. Ends early where
    /// a service turns out not to do what it is asked.
    pub async fn drain_once(&self) -> Result<DrainReport, StoreError> {
        let inner = &self.0;
        let mut report = DrainReport::default();
        let mut events = self.subscribe();

        self.retry(Queue::Analysis, None).await?;
        let analysis = Arc::new(AnalysisSource::new(inner.clone()));
        let in_flight = inner.settings.analyses_in_flight;
        drain(analysis, inner.clock.now(), in_flight, || {
            report.count(&mut events);
        })
        .await?;

        if let Some(uploader) = inner.uploader.clone() {
            self.retry(Queue::Upload, None).await?;
            let upload = Arc::new(UploadSource {
                inner: inner.clone(),
                uploader,
            });
            let in_flight = inner.settings.uploads_in_flight;
            drain(upload, inner.clock.now(), in_flight, || {
                report.count(&mut events);
            })
            .await?;
        }

        let analysis = inner.records.depth(Queue::Analysis).await?;
        let upload = inner.records.depth(Queue::Upload).await?;
        report.analysis_waiting = analysis.waiting;
        report.analysis_parked = analysis.parked;
        report.upload_waiting = upload.waiting;
        report.upload_parked = upload.parked;
        report.held = self.circuits();
        // A queue that is empty was held up by nobody.
        report.held.retain(|circuit| {
            let uploads = UPLOAD_SERVICES.contains(&circuit.service);
            let waiting = if uploads { upload } else { analysis }.waiting;
            circuit.state != CircuitState::Closed && waiting > 0
        });
        Ok(report)
    }
}

/// Works on all that is due by `now`, each piece once: what fails falls due later. The first piece goes
/// alone, so that where nothing is taken, nothing more is sent.
async fn drain<S: Source>(
    source: Arc<S>,
    now: UnixMillis,
    in_flight: usize,
    mut after_each: impl FnMut(),
) -> Result<(), StoreError> {
    if let Some(first) = source.lease(now).await? {
        source.process(first).await;
        after_each();
    }
    let mut running = JoinSet::new();
    let mut more = true;
    loop {
        while more && running.len() < in_flight.max(1) {
            match source.lease(now).await? {
                Some(work) => {
                    let source = source.clone();
                    running.spawn(async move { source.process(work).await });
                }
                None => more = false,
            }
        }
        match running.join_next().await {
            Some(ended) => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a piece of work broke off");
                }
                after_each();
            }
            None => return Ok(()),
        }
    }
}
