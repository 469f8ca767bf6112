//! Parts that passed a camera and that nobody has seen: how many, until somebody has found them.
//!
//! Invariants:
//! - The audit trail holds that there are some from the first on, and how many at most a minute later; at the start they are
//!   read from there: closing the station ends no alarm. A power cut may forget the last minute's number, never the alarm.
//! - A belt that misses parts for hours does not flood the trail: rows are written at the first part, when their number has
//!   doubled, each minute, and at the end.
//! - Only a person takes parts off, under their name, and none that they were not shown.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;
use wiko_core::{
    audit::{AuditCategory, AuditEntry, AuditResult, AuditRow, AuditSource, STATION},
    ports::{Clock, Records, StoreError},
};
use wiko_store::{RecordsReader, SqliteRecords};

/// A number that goes on growing is noted so often.
const NOTE_EVERY_MS: u64 = 60_000;

/// What the subject of a row begins with; the camera's id follows.
const SUBJECT: &str = "missed_parts/";

/// Parts of one camera that nobody has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// The camera's id.
    pub camera: String,
    /// How many are to be found still.
    pub parts: u64,
    /// How many were counted in all, by which [`MissedParts::found`] knows what a person was shown.
    pub counted: u64,
}

/// What a row says.
#[derive(serde::Serialize, serde::Deserialize)]
struct Detail {
    /// Parts that are to be found still, after this row.
    open: u64,
    /// Parts that somebody has found with this row.
    #[serde(default)]
    found: u64,
}

#[derive(Clone, Copy, Default)]
struct Count {
    counted: u64,
    found: u64,
    /// What the trail says is open, and since when by the clock that nobody can set.
    noted: u64,
    noted_ms: u64,
}

impl Count {
    fn open(self) -> u64 {
        self.counted - self.found
    }

    fn is_due(self, now_ms: u64) -> bool {
        let (open, noted) = (self.open(), self.noted);
        let is_long_ago = now_ms.saturating_sub(self.noted_ms) >= NOTE_EVERY_MS;
        open != noted && (noted == 0 || open >= noted.saturating_mul(2) || is_long_ago)
    }
}

#[derive(Default)]
struct Counts {
    by_camera: BTreeMap<String, Count>,
    /// What each counter has told since the start.
    told: BTreeMap<String, u64>,
}

/// Counts them.
pub struct MissedParts {
    records: Arc<SqliteRecords>,
    clock: Arc<dyn Clock>,
    counts: Mutex<Counts>,
    /// One row at a time, so that the last one says what is open.
    noting: tokio::sync::Mutex<()>,
    changed: watch::Sender<()>,
}

/// The parts that are to be found still, of each camera that has some.
pub async fn read(records: &RecordsReader) -> Result<Vec<Missed>, StoreError> {
    let rows = records
        .last_of_each(AuditCategory::Containment, SUBJECT)
        .await?;
    let known = rows.iter().filter_map(told_by);
    Ok(known.filter(|missed| missed.parts > 0).collect())
}

fn told_by(row: &AuditRow) -> Option<Missed> {
    let camera = row.entry.subject.as_deref()?.strip_prefix(SUBJECT)?;
    let open = match serde_json::from_str::<Detail>(&row.entry.detail) {
        Ok(detail) => detail.open,
        Err(error) => {
            tracing::error!(
                %error,
                row = row.number,
                "how many parts are to be found cannot be read from the audit trail: at least one"
            );
            1
        }
    };
    Some(Missed {
        camera: camera.to_owned(),
        parts: open,
        counted: open,
    })
}

impl MissedParts {
    /// With those that were to be found when the station was closed.
    pub async fn load(
        records: Arc<SqliteRecords>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let mut counts = Counts::default();
        for missed in read(records.reader()).await? {
            let count = Count {
                counted: missed.parts,
                noted: missed.parts,
                ..Count::default()
            };
            counts.by_camera.insert(missed.camera, count);
        }
        Ok(Self {
            records,
            clock,
            counts: Mutex::new(counts),
            noting: tokio::sync::Mutex::default(),
            changed: watch::Sender::new(()),
        })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up what a counter says, that counts from the start of the program and never back: what it has counted since it
    /// was last asked went past `camera`.
    pub fn take_up(&self, counter: &str, camera: &str, total: u64) {
        let mut counts = self.counts();
        let told = counts.told.entry(counter.to_owned()).or_default();
        let more = total.saturating_sub(*told);
        if more == 0 {
            return;
        }
        *told = total;
        counts
            .by_camera
            .entry(camera.to_owned())
            .or_default()
            .counted += more;
        drop(counts);
        self.changed.send_replace(());
    }

    /// Those that are to be found still, of each camera that has some.
    pub fn open(&self) -> Vec<Missed> {
        let counts = self.counts();
        let all = counts.by_camera.iter().map(|(camera, count)| Missed {
            camera: camera.clone(),
            parts: count.open(),
            counted: count.counted,
        });
        all.filter(|missed| missed.parts > 0).collect()
    }

    /// Told of each change.
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Notes in the audit trail what was counted since, where it is time; where that fails it is tried again the next time.
    pub async fn note(&self) -> Result<(), StoreError> {
        let now_ms = self.clock.reading().monotonic_ms;
        self.note_those(|count| count.is_due(now_ms)).await
    }

    /// The same of all that was counted, for the end of the program.
    pub async fn note_all(&self) -> Result<(), StoreError> {
        self.note_those(|count| count.open() != count.noted).await
    }

    async fn note_those(&self, is_due: impl Fn(Count) -> bool) -> Result<(), StoreError> {
        let _one_at_a_time = self.noting.lock().await;
        let due: Vec<(String, u64)> = {
            let counts = self.counts();
            let due = counts.by_camera.iter().filter(|(_, count)| is_due(**count));
            due.map(|(camera, count)| (camera.clone(), count.open()))
                .collect()
        };
        for (camera, open) in due {
            tracing::error!(camera, parts = open, "parts passed that nobody has seen");
            let (source, identity) = (AuditSource::Station, STATION.to_owned());
            let entry = self.row(&camera, Detail { open, found: 0 }, source, identity);
            self.records.note(&entry).await?;
            self.noted(&camera, open);
        }
        Ok(())
    }

    fn noted(&self, camera: &str, open: u64) {
        let noted_ms = self.clock.reading().monotonic_ms;
        let mut counts = self.counts();
        let count = counts.by_camera.entry(camera.to_owned()).or_default();
        (count.noted, count.noted_ms) = (open, noted_ms);
    }

    /// Notes that `identity` has found the parts of that camera that they were shown, `counted` in all. Answers with how
    /// many those are that nobody had found before.
    pub async fn found(
        &self,
        camera: &str,
        counted: u64,
        identity: String,
    ) -> Result<u64, StoreError> {
        let _one_at_a_time = self.noting.lock().await;
        let Some(count) = self.counts().by_camera.get(camera).copied() else {
            return Ok(0);
        };
        let found = counted.min(count.counted).saturating_sub(count.found);
        if found == 0 {
            return Ok(0);
        }
        let open = count.open() - found;
        let entry = self.row(
            camera,
            Detail { open, found },
            AuditSource::Window,
            identity,
        );
        self.records.note(&entry).await?;
        // More may have passed while the row was written; they stay.
        self.counts()
            .by_camera
            .entry(camera.to_owned())
            .or_default()
            .found += found;
        self.noted(camera, open);
        self.changed.send_replace(());
        Ok(found)
    }

    fn row(
        &self,
        camera: &str,
        detail: Detail,
        source: AuditSource,
        identity: String,
    ) -> AuditEntry {
        let detail = serde_json::json!({"open": detail.open, "found": detail.found});
        AuditEntry {
            at: self.clock.now(),
            source,
            category: AuditCategory::Containment,
            identity,
            subject: Some(format!("{SUBJECT}{camera}")),
            result: AuditResult::Done,
            detail: detail.to_string(),
        }
    }
}

#[cfg(test)]
#[path = "missed_parts_tests.rs"]
mod tests;
