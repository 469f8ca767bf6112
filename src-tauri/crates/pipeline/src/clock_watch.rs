//! Looks at the clock again and again, and tells where it cannot be trusted.

use crate::inner::Inner;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use wiko_core::{
    audit::{AuditCategory, AuditEntry, AuditResult, AuditSource, STATION},
    clock_watch::{ClockTrouble, ClockWatch},
    event::StationEvent,
    history::HistoryFilter,
    ports::StoreError,
};

/// On what the audit trail notes trouble with the clock.
pub const SUBJECT: &str = "clock";

/// How often. A jump is told so late at most.
const LOOK_EVERY: Duration = Duration::from_secs(3);

impl Inner {
    /// Watches until `stop`.
    pub(crate) async fn watch_clock(&self, stop: &CancellationToken) {
        match self.trouble_at_start().await {
            Ok(Some(trouble)) => self.clock_troubled(trouble).await,
            Ok(None) => {}
            Err(error) => self.storage_failed(&error),
        }
        let mut watch = ClockWatch::new(self.clock.reading());
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => return,
            }
            if let Some(trouble) = watch.look(self.clock.reading()) {
                self.clock_troubled(trouble).await;
            }
        }
    }

    async fn trouble_at_start(&self) -> Result<Option<ClockTrouble>, StoreError> {
        let newest = self
            .records
            .history(&HistoryFilter::default(), None, 1)
            .await?;
        let last = newest.rows.first().map(|row| row.captured_at);
        Ok(ClockTrouble::at_start(self.clock.now(), last))
    }

    async fn clock_troubled(&self, trouble: ClockTrouble) {
        tracing::warn!(%trouble, "clock");
        self.clock_trouble.send_replace(Some(trouble));
        let entry = AuditEntry {
            at: self.clock.now(),
            source: AuditSource::Station,
            category: AuditCategory::Clock,
            identity: STATION.to_owned(),
            subject: Some(SUBJECT.to_owned()),
            result: AuditResult::Done,
            detail: trouble.noted(),
        };
        if let Err(error) = self.records.note(&entry).await {
            self.storage_failed(&error);
        }
        self.tell(StationEvent::ClockTroubled(trouble));
    }
}
