//! Parts that passed a camera and that nobody has seen: how many, until somebody has found them.
//!
//! Invariants:
//! - The audit trail holds how many are to be found still, and at the start they are read from there: closing the station
//!   ends no alarm. What was counted and not yet noted is noted once the trail can be written.
//! - Only a person takes parts off, under their name, and no more than they were shown.

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

/// What the subject of a row begins with; the camera's id follows.
const SUBJECT: &str = "missed_parts/";

/// Parts of one camera that nobody has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// The camera's id.
    pub camera: String,
    /// How many are to be found still.
    pub parts: u64,
}

impl Missed {
    fn new(camera: &str, parts: u64) -> Self {
        Self {
            camera: camera.to_owned(),
            parts,
        }
    }
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
    open: u64,
    noted: u64,
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
    match serde_json::from_str::<Detail>(&row.entry.detail) {
        Ok(detail) => Some(Missed::new(camera, detail.open)),
        Err(error) => {
            tracing::error!(
                %error,
                row = row.number,
                "how many parts are to be found cannot be read from the audit trail"
            );
            None
        }
    }
}

impl MissedParts {
    /// With those that were to be found when the station was closed.
    pub async fn load(
        records: Arc<SqliteRecords>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let mut counts = Counts::default();
        for missed in read(records.reader()).await? {
            let (open, noted) = (missed.parts, missed.parts);
            counts
                .by_camera
                .insert(missed.camera, Count { open, noted });
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
        counts.by_camera.entry(camera.to_owned()).or_default().open += more;
        drop(counts);
        tracing::error!(camera, parts = more, "parts passed that nobody has seen");
        self.changed.send_replace(());
    }

    /// Those that are to be found still, of each camera that has some.
    pub fn open(&self) -> Vec<Missed> {
        let counts = self.counts();
        let open = counts.by_camera.iter().filter(|(_, count)| count.open > 0);
        open.map(|(camera, count)| Missed::new(camera, count.open))
            .collect()
    }

    /// Told of each change.
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Notes in the audit trail what was counted since. Where that fails it is tried again the next time.
    pub async fn note(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.noting.lock().await;
        let new: Vec<(String, u64)> = {
            let counts = self.counts();
            let new = counts.by_camera.iter();
            new.filter(|(_, count)| count.open != count.noted)
                .map(|(camera, count)| (camera.clone(), count.open))
                .collect()
        };
        for (camera, open) in new {
            let (source, identity) = (AuditSource::Station, STATION.to_owned());
            let entry = self.row(&camera, Detail { open, found: 0 }, source, identity);
            self.records.note(&entry).await?;
            self.counts().by_camera.entry(camera).or_default().noted = open;
        }
        Ok(())
    }

    /// Notes that `identity` has found `parts` parts of that camera, of which no more are taken off than there are.
    pub async fn found(
        &self,
        camera: &str,
        parts: u64,
        identity: String,
    ) -> Result<(), StoreError> {
        let _one_at_a_time = self.noting.lock().await;
        let open = self.counts().by_camera.get(camera).map(|it| it.open);
        let found = parts.min(open.unwrap_or(0));
        if found == 0 {
            return Ok(());
        }
        let left = open.unwrap_or(0) - found;
        let detail = Detail { open: left, found };
        let entry = self.row(camera, detail, AuditSource::Window, identity);
        self.records.note(&entry).await?;
        let mut counts = self.counts();
        let count = counts.by_camera.entry(camera.to_owned()).or_default();
        // More may have passed while the row was written.
        count.open -= found;
        count.noted = left;
        drop(counts);
        self.changed.send_replace(());
        Ok(())
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
