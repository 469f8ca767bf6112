//! What a running station does for its own storage: makes room, keeps the ballast, makes the daily backup.
//!
//! Invariants:
//! - How long ago something was done is counted by the clock that nobody can set; when the backup is due, by
//!   the one on the wall.
//! - What failed is noted in the audit trail once, shown, and tried again; it never stops the station.
//! - While the clock is in doubt no picture is removed for its age.
//! - A backup, which may take an hour, and a folder for it that does not answer hold up nothing but the
//!   removal of pictures, which begins again as soon as the backup is done.

use crate::{backups, settings::Settings};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{
    broadcast::{Receiver, error::RecvError},
    watch,
};
use tokio_util::sync::CancellationToken;
use wiko_core::{
    audit::{AuditCategory, AuditEntry, AuditResult, AuditSource, STATION},
    clock_watch::{ClockTrouble, ClockWatch},
    event::StationEvent,
    ports::{Clock, Records, StoreError},
    time::ClockReading,
};
use wiko_store::SqliteRecords;

/// How often it is looked whether something is due.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// How often room is made.
const MAKE_ROOM_EVERY: Duration = Duration::from_secs(10 * 60);

/// How soon a backup that failed is tried again.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(60 * 60);

/// The housekeeping of one station.
pub struct Housekeeping {
    records: Arc<SqliteRecords>,
    settings: Arc<Settings>,
    clock: Arc<dyn Clock>,
    /// What is wrong with the clock, until a person has seen it.
    clock_trouble: watch::Receiver<Option<ClockTrouble>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When room was made last, as the machine counts.
    made_room_ms: Option<u64>,
    /// When the last backup failed, as the machine counts, and why.
    backup_failed: Option<(u64, String)>,
    /// Whether the ballast was there when it was looked last.
    ballast: Option<bool>,
    /// Why that which is being done failed the last time.
    failed: HashMap<&'static str, String>,
    /// The look before.
    watch: Option<ClockWatch>,
}

impl Housekeeping {
    /// Of a station whose records are open.
    pub fn new(
        records: Arc<SqliteRecords>,
        settings: Arc<Settings>,
        clock: Arc<dyn Clock>,
        clock_trouble: watch::Receiver<Option<ClockTrouble>>,
    ) -> Self {
        Self {
            records,
            settings,
            clock,
            clock_trouble,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the last backup was not made; none where it was.
    pub fn backup_failed(&self) -> Option<String> {
        self.state()
            .backup_failed
            .as_ref()
            .map(|(_, why)| why.clone())
    }

    /// Makes the backups that are due, until `stop`. A task of its own, for a folder may not answer.
    pub async fn keep_backups(&self, stop: CancellationToken) {
        let backups = async {
            loop {
                self.look_for_backup().await;
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        stop.run_until_cancelled(backups).await;
    }

    /// Makes room and keeps the ballast, until `stop`. A full disk is looked at at once.
    pub async fn keep_storage(&self, mut events: Receiver<StationEvent>, stop: CancellationToken) {
        loop {
            self.look_at_storage().await;
            let wait = tokio::time::sleep(LOOK_EVERY);
            tokio::pin!(wait);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = &mut wait => break,
                    event = events.recv() => match event {
                        Ok(StationEvent::StorageFault { .. }) => self.state().made_room_ms = None,
                        Ok(_) | Err(RecvError::Lagged(_)) => continue,
                        Err(RecvError::Closed) => {
                            wait.as_mut().await;
                            break;
                        }
                    },
                }
                // Many captures are refused on a full disk, and each says so.
                tokio::time::sleep(Duration::from_secs(1)).await;
                events = events.resubscribe();
                break;
            }
        }
    }

    async fn look_at_storage(&self) {
        let reading = self.clock.reading();
        let since = |then: u64| Duration::from_millis(reading.monotonic_ms.saturating_sub(then));
        let clock_is_sure = self.clock_is_sure(&reading);
        let room_due = self
            .state()
            .made_room_ms
            .is_none_or(|then| since(then) >= MAKE_ROOM_EVERY);
        if room_due {
            self.state().made_room_ms = Some(reading.monotonic_ms);
            self.make_room(&reading, clock_is_sure).await;
        }
        self.keep_ballast(&reading).await;
    }

    /// True where the clock went with time since the look before, and nobody has to look at it.
    fn clock_is_sure(&self, reading: &ClockReading) -> bool {
        let steady = match &mut self.state().watch {
            Some(watch) => watch.look(reading.clone()).is_none(),
            first => {
                *first = Some(ClockWatch::new(reading.clone()));
                false
            }
        };
        steady && self.clock_trouble.borrow().is_none()
    }

    async fn look_for_backup(&self) {
        let reading = self.clock.reading();
        let since = |then: u64| Duration::from_millis(reading.monotonic_ms.saturating_sub(then));
        let failed = self.state().backup_failed.as_ref().map(|(then, _)| *then);
        if failed.is_none_or(|then| since(then) >= TRY_AGAIN_AFTER) {
            self.back_up(&reading).await;
        }
    }

    async fn make_room(&self, reading: &ClockReading, clock_is_sure: bool) {
        let policy = self.settings.storage.retention;
        let policy = if clock_is_sure {
            policy
        } else {
            policy.whatever_the_age()
        };
        let retained = self.records.retain(&policy, reading.now).await;
        let retained = self.went(reading, "making room", retained).await;
        match retained {
            Some(retained) if retained.removed > 0 => {
                tracing::info!(
                    removed = retained.removed,
                    bytes = retained.bytes,
                    "made room"
                );
            }
            Some(retained) if retained.postponed => {
                tracing::info!("a backup reads the pictures: room is made after it");
                self.state().made_room_ms = None;
            }
            _ => {}
        }
    }

    async fn keep_ballast(&self, reading: &ClockReading) {
        let wanted = self.settings.storage.ballast_bytes;
        let looked = async {
            let found = self.records.reader().storage().await?.ballast_bytes;
            Ok::<_, StoreError>((found, self.records.keep_ballast(wanted).await?))
        };
        let looked = self
            .went(reading, "keeping the ballast", looked.await)
            .await;
        let Some((found, there)) = looked else {
            return;
        };
        let before = self.state().ballast.replace(there);
        if before == Some(true) && found < wanted {
            let why =
                "the disk was full: the ballast was given up, so that records could be written";
            self.note(
                reading,
                AuditCategory::Storage,
                AuditResult::Failed,
                Some("ballast"),
                why,
            )
            .await;
        }
        if before.is_some() && there && found < wanted {
            let why = "there is room again: the ballast was made";
            self.note(
                reading,
                AuditCategory::Storage,
                AuditResult::Done,
                Some("ballast"),
                why,
            )
            .await;
        }
    }

    /// What came of it, where it went. What fails again for the same reason is no news.
    async fn went<T>(
        &self,
        reading: &ClockReading,
        doing: &'static str,
        done: Result<T, StoreError>,
    ) -> Option<T> {
        let error = match done {
            Ok(done) => {
                self.state().failed.remove(doing);
                return Some(done);
            }
            Err(error) => error.to_string(),
        };
        tracing::error!(error, doing, "housekeeping failed");
        let why = format!("{doing}: {error}");
        self.note_failure(reading, doing, AuditCategory::Storage, None, &why)
            .await;
        None
    }

    async fn back_up(&self, reading: &ClockReading) {
        let Some(backup) = &self.settings.backup else {
            return;
        };
        let station = &self.settings.station;
        let made = async {
            let daily = backups::found(&backup.folder, station)
                .await
                .map_err(|error| {
                    format!(
                        "{} cannot be read: {error}; mount it or choose another folder",
                        backup.folder.display()
                    )
                })?;
            let last = backups::last_made(&daily, reading.now);
            if !backups::is_due(backup.at, self.settings.shifts.zone(), last, reading.now) {
                return Ok(None);
            }
            let file = backup.folder.join(backups::file_name(station, reading.now));
            let reader = self.records.reader();
            backups::make(reader, &self.settings, &file, backup.images, reading.now)
                .await
                .map(Some)
                .map_err(|error| error.to_string())
        };
        match made.await {
            Ok(None) => self.state().backup_failed = None,
            Ok(Some(report)) => {
                self.state().backup_failed = None;
                self.state().failed.remove("backup");
                let name = report.file.display().to_string();
                let detail = serde_json::json!({
                    "records": report.records,
                    "pictures": report.images,
                    "pictures_in_the_cloud_alone": report.images_in_the_cloud,
                    "damaged": report.damaged.len(),
                    "bytes": report.bytes,
                });
                tracing::info!(name, %detail, "backed up");
                self.note(
                    reading,
                    AuditCategory::Backup,
                    AuditResult::Done,
                    Some(&name),
                    &detail.to_string(),
                )
                .await;
                match backups::tidy(backup, station, &report.file, reading.now).await {
                    Ok(removed) => tracing::info!(count = removed.len(), "old backups removed"),
                    Err(error) => tracing::warn!(%error, "old backups could not be removed"),
                }
            }
            Err(why) => {
                tracing::error!(why, "no backup was made");
                self.state().backup_failed = Some((reading.monotonic_ms, why.clone()));
                let folder = backup.folder.display().to_string();
                let category = AuditCategory::Backup;
                self.note_failure(reading, "backup", category, Some(&folder), &why)
                    .await;
            }
        }
    }

    /// Notes why it failed, unless that was noted of it before.
    async fn note_failure(
        &self,
        reading: &ClockReading,
        doing: &'static str,
        category: AuditCategory,
        subject: Option<&str>,
        why: &str,
    ) {
        let before = self.state().failed.get(doing).cloned();
        let failed = AuditResult::Failed;
        // What could not be noted, for the disk was full, is noted once it is not.
        if before.as_deref() != Some(why)
            && self.note(reading, category, failed, subject, why).await
        {
            self.state().failed.insert(doing, why.to_owned());
        }
    }

    /// False where the trail cannot be written.
    async fn note(
        &self,
        reading: &ClockReading,
        category: AuditCategory,
        result: AuditResult,
        subject: Option<&str>,
        detail: &str,
    ) -> bool {
        let entry = AuditEntry {
            at: reading.now,
            source: AuditSource::Station,
            category,
            identity: STATION.to_owned(),
            subject: subject.map(str::to_owned),
            result,
            detail: detail.to_owned(),
        };
        let noted = self.records.note(&entry).await;
        if let Err(error) = &noted {
            tracing::error!(%error, detail, "the audit trail could not be told");
        }
        noted.is_ok()
    }
}

#[cfg(test)]
#[path = "housekeeping_tests.rs"]
mod tests;
