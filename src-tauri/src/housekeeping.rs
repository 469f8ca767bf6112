//! What a running station does for its own storage: makes room, keeps the ballast, makes the daily backup.
//!
//! Invariants:
//! - How long ago something was done is counted by the clock that nobody can set; when the backup is due, by
//!   the one on the wall.
//! - What failed is noted in the audit trail, shown, and tried again; it never stops the station.

use crate::{backups, settings::Settings};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;
use wiko_core::{
    audit::{AuditCategory, AuditEntry, AuditResult, AuditSource, STATION},
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
}

impl Housekeeping {
    /// Of a station whose records are open.
    pub fn new(
        records: Arc<SqliteRecords>,
        settings: Arc<Settings>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            records,
            settings,
            clock,
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

    /// Does what is due, until `stop`. A full disk is looked at at once.
    pub async fn run(&self, mut events: Receiver<StationEvent>, stop: CancellationToken) {
        loop {
            self.look().await;
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

    /// Does what is due now.
    pub async fn look(&self) {
        let reading = self.clock.reading();
        let since = |then: u64| Duration::from_millis(reading.monotonic_ms.saturating_sub(then));
        let room_due = self
            .state()
            .made_room_ms
            .is_none_or(|then| since(then) >= MAKE_ROOM_EVERY);
        if room_due {
            self.state().made_room_ms = Some(reading.monotonic_ms);
            self.make_room(&reading).await;
        }
        self.keep_ballast(&reading).await;
        let failed = self.state().backup_failed.as_ref().map(|(then, _)| *then);
        if failed.is_none_or(|then| since(then) >= TRY_AGAIN_AFTER) {
            self.back_up(&reading).await;
        }
    }

    async fn make_room(&self, reading: &ClockReading) {
        match self
            .records
            .retain(&self.settings.storage.retention, reading.now)
            .await
        {
            Ok(retained) if retained.removed > 0 => {
                tracing::info!(
                    removed = retained.removed,
                    bytes = retained.bytes,
                    "made room"
                );
            }
            Ok(_) => {}
            Err(error) => self.storage_failed(reading, "making room", &error).await,
        }
    }

    async fn keep_ballast(&self, reading: &ClockReading) {
        let wanted = self.settings.storage.ballast_bytes;
        let looked = async {
            let found = self.records.reader().storage().await?.ballast_bytes;
            Ok::<_, StoreError>((found, self.records.keep_ballast(wanted).await?))
        };
        let (found, there) = match looked.await {
            Ok(looked) => looked,
            Err(error) => {
                return self
                    .storage_failed(reading, "keeping the ballast", &error)
                    .await;
            }
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

    async fn storage_failed(&self, reading: &ClockReading, doing: &str, error: &StoreError) {
        tracing::error!(%error, doing, "housekeeping failed");
        let why = format!("{doing}: {error}");
        self.note(
            reading,
            AuditCategory::Storage,
            AuditResult::Failed,
            None,
            &why,
        )
        .await;
    }

    async fn back_up(&self, reading: &ClockReading) {
        let Some(backup) = &self.settings.backup else {
            return;
        };
        let station = &self.settings.station;
        let made = async {
            let daily = backups::daily(&backup.folder, station).map_err(|error| {
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
                match backups::remove_oldest(backup, station, &report.file) {
                    Ok(removed) => tracing::info!(count = removed.len(), "old backups removed"),
                    Err(error) => tracing::warn!(%error, "old backups could not be removed"),
                }
            }
            Err(why) => {
                tracing::error!(why, "no backup was made");
                self.state().backup_failed = Some((reading.monotonic_ms, why.clone()));
                let folder = backup.folder.display().to_string();
                self.note(
                    reading,
                    AuditCategory::Backup,
                    AuditResult::Failed,
                    Some(&folder),
                    &why,
                )
                .await;
            }
        }
    }

    async fn note(
        &self,
        reading: &ClockReading,
        category: AuditCategory,
        result: AuditResult,
        subject: Option<&str>,
        detail: &str,
    ) {
        let entry = AuditEntry {
            at: reading.now,
            source: AuditSource::Station,
            category,
            identity: STATION.to_owned(),
            subject: subject.map(str::to_owned),
            result,
            detail: detail.to_owned(),
        };
        if let Err(error) = self.records.note(&entry).await {
            tracing::error!(%error, detail, "the audit trail could not be told");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Environment;
    use std::path::Path;
    use wiko_core::time::UnixMillis;
    use wiko_testkit::{
        builders::{NOON, capture},
        contracts::records::{captured, passed},
        fakes::clock::SetClock,
    };

    const HOUR: Duration = Duration::from_secs(60 * 60);

    struct Kept {
        _dir: tempfile::TempDir,
        folder: std::path::PathBuf,
        records: Arc<SqliteRecords>,
        clock: Arc<SetClock>,
        housekeeping: Housekeeping,
    }

    async fn station(now: UnixMillis) -> Kept {
        let dir = tempfile::tempdir().unwrap();
        let (data_dir, folder) = (dir.path().join("data"), dir.path().join("backups"));
        std::fs::create_dir_all(&data_dir).unwrap();
        let toml = format!(
            "[storage]\nreserve_mb = 1\nballast_mb = 2\nlow_disk_gb = 0.01\n\
             [backup]\nfolder = '{}'\nkeep = 3\n",
            folder.display()
        );
        std::fs::write(data_dir.join("station.toml"), toml).unwrap();
        let settings = Settings::load(&data_dir, false, &Environment::default()).unwrap();
        let options = crate::wiring::store_options(&settings);
        let records = SqliteRecords::open(&data_dir, options)
            .await
            .unwrap()
            .records;
        let (records, clock) = (Arc::new(records), Arc::new(SetClock::at(now)));
        let housekeeping = Housekeeping::new(records.clone(), Arc::new(settings), clock.clone());
        Kept {
            _dir: dir,
            folder,
            records,
            clock,
            housekeeping,
        }
    }

    fn files(folder: &Path) -> usize {
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    }

    async fn trail(records: &SqliteRecords, category: AuditCategory) -> Vec<AuditResult> {
        let rows = records.reader().audit(None, false, 1000).await.unwrap();
        let of = rows
            .into_iter()
            .filter(|row| row.entry.category == category);
        of.map(|row| row.entry.result).collect()
    }

    #[tokio::test]
    async fn a_backup_is_made_when_it_is_due_and_the_newest_are_kept() {
        let kept = station(NOON).await;
        captured(&*kept.records, 1).await;
        std::fs::create_dir(&kept.folder).unwrap();
        kept.housekeeping.look().await;
        assert_eq!(files(&kept.folder), 1, "none was made before");
        kept.clock.advance(HOUR);
        kept.housekeeping.look().await;
        assert_eq!(files(&kept.folder), 1, "it is not due again");
        for day in 2..=5 {
            // Off at night, on again at some hour of the day.
            kept.clock.advance(24 * HOUR);
            kept.housekeeping.look().await;
            assert_eq!(files(&kept.folder), day.min(3));
        }
        assert_eq!(
            trail(&kept.records, AuditCategory::Backup).await,
            [AuditResult::Done; 5]
        );
        assert_eq!(kept.housekeeping.backup_failed(), None);
        let note = kept
            .records
            .reader()
            .storage()
            .await
            .unwrap()
            .last_backup
            .unwrap();
        assert!(note.made);
    }

    #[tokio::test]
    async fn a_backup_that_fails_is_noted_shown_and_tried_again_in_an_hour() {
        let kept = station(NOON).await;
        captured(&*kept.records, 1).await;
        kept.housekeeping.look().await;
        let why = kept.housekeeping.backup_failed().unwrap();
        assert!(why.contains("backups") && why.contains("mount it"), "{why}");
        std::fs::create_dir(&kept.folder).unwrap();
        kept.clock.advance(HOUR / 2);
        kept.housekeeping.look().await;
        assert_eq!(files(&kept.folder), 0, "too early");
        kept.clock.advance(HOUR / 2);
        kept.housekeeping.look().await;
        assert_eq!(files(&kept.folder), 1);
        assert_eq!(kept.housekeeping.backup_failed(), None);
        let trail = trail(&kept.records, AuditCategory::Backup).await;
        assert_eq!(trail, [AuditResult::Done, AuditResult::Failed]);
    }

    #[tokio::test]
    async fn room_is_made_every_ten_minutes_whatever_the_wall_clock_does() {
        let kept = station(NOON).await;
        let (records, n) = (&*kept.records, 1);
        captured(records, n).await;
        passed(records, n).await;
        kept.housekeeping.look().await;
        let id = capture(n).id;
        records.uploaded(id, 1, "s3://b/k", NOON).await.unwrap();
        let later = NOON.plus(91 * 24 * HOUR);
        kept.clock.set(later);
        kept.housekeeping.look().await;
        records.image(id).await.unwrap();
        kept.clock.advance(MAKE_ROOM_EVERY);
        kept.housekeeping.look().await;
        let gone = records.image(id).await.unwrap_err();
        assert!(matches!(gone, StoreError::ImageRemoved { .. }), "{gone}");
    }

    #[tokio::test]
    async fn a_ballast_that_was_given_up_is_made_again_and_both_are_noted() {
        let kept = station(NOON).await;
        kept.housekeeping.look().await;
        let bytes = async || kept.records.reader().storage().await.unwrap().ballast_bytes;
        assert_eq!(bytes().await, 2 << 20);
        std::fs::remove_file(kept._dir.path().join("data/ballast")).unwrap();
        kept.housekeeping.look().await;
        assert_eq!(bytes().await, 2 << 20);
        let trail = trail(&kept.records, AuditCategory::Storage).await;
        assert_eq!(trail, [AuditResult::Done, AuditResult::Failed]);
    }
}
