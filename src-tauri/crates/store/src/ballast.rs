//! The ballast: a file that takes up room, and gives it up for rows when the disk is full.
//!
//! Invariants:
//! - It is given up only where a row could not be written for want of room; never for a capture, which is
//!   refused instead.
//! - It is made again only where that leaves the reserve untouched.
//!
//! On a full disk SQLite can not even delete a row, and a checkpoint needs room as well. With the ballast
//! gone, decisions and uploads of what is there can still be written down.

use crate::{
    layout::{Layout, private_file, sync_dir},
    records::{SqliteRecords, blocking},
};
use fs4::FileExt;
use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
    sync::Arc,
};
use wiko_core::{
    analysis::Analysis,
    audit::AuditEntry,
    containment::ContainedParts,
    history::{HistoryCursor, HistoryFilter, HistoryPage, Tally},
    id::InspectionId,
    image::EncodedImage,
    inspection::{CaptureFacts, Decision, Inspection, OperatorDecision},
    ports::{Records, StoreError},
    queue::{Among, AnalysisWork, Listed, Queue, QueueDepth, QueuedParts, Setback, UploadWork},
    spending::{Call, Spending},
    time::UnixMillis,
    verdict::Verdict,
};

/// Written at a time where the file system cannot reserve room.
const CHUNK: usize = 1 << 20;

/// Runs a change again, once, where the disk was full and the ballast was there to be given up.
macro_rules! with_room {
    ($records:expr, $change:expr) => {
        match $change.await {
            Err(StoreError::DiskFull { .. }) if $records.release_ballast().await => $change.await,
            done => done,
        }
    };
}
pub(crate) use with_room;

/// The ballast of a data directory whose records are not open.
pub(crate) struct Alone<'a>(pub(crate) &'a Path);

impl Alone<'_> {
    pub(crate) async fn release_ballast(&self) -> bool {
        release_of(Layout::new(self.0)).await
    }
}

impl SqliteRecords {
    /// Sees to it that the ballast is there, of so many bytes; 0 for none. False where there is no room for
    /// it beside the reserve.
    pub async fn keep_ballast(&self, bytes: u64) -> Result<bool, StoreError> {
        let (layout, reserve) = (self.layout().clone(), self.reserve_bytes());
        let kept = blocking(move || keep(&layout, bytes, reserve)).await?;
        match kept {
            Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(false),
            kept => kept.map_err(|error| self.faults().file_read("making the ballast", &error)),
        }
    }

    /// Gives the ballast up; false where there is none.
    pub(crate) async fn release_ballast(&self) -> bool {
        release_of(self.layout().clone()).await
    }
}

async fn release_of(layout: Layout) -> bool {
    let released = match blocking(move || release(&layout)).await {
        Ok(released) => released.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match released {
        Ok(true) => tracing::error!("the disk is full: the ballast was given up for rows"),
        Ok(false) => {}
        Err(ref error) => tracing::error!(error, "the ballast could not be given up"),
    }
    matches!(released, Ok(true))
}

/// Bytes of the ballast that the disk really set aside.
pub(crate) fn present_bytes(layout: &Layout) -> u64 {
    File::open(layout.ballast())
        .and_then(|file| Ok(file.metadata()?.len().min(file.allocated_size()?)))
        .unwrap_or(0)
}

fn keep(layout: &Layout, bytes: u64, reserve: u64) -> io::Result<bool> {
    if bytes == 0 {
        return release(layout).map(|_| true);
    }
    let present = present_bytes(layout);
    if present == bytes {
        return Ok(true);
    }
    let missing = bytes.saturating_sub(present);
    if missing > 0 && fs4::available_space(layout.root())? < missing.saturating_add(reserve) {
        return Ok(false);
    }
    let path = layout.ballast();
    let made = fill(&path, bytes);
    if made.is_err() {
        // Half a ballast helps nobody, and its room is wanted.
        let _ = fs::remove_file(&path);
    }
    made.map(|()| true)
}

fn fill(path: &Path, bytes: u64) -> io::Result<()> {
    let mut file = private_file()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    file.set_len(bytes)?;
    match file.allocate(bytes) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            let zeros = vec![0; CHUNK];
            let mut left = bytes;
            while left > 0 {
                let now = left.min(CHUNK as u64);
                file.write_all(zeros.get(..now as usize).unwrap_or(&zeros))?;
                left -= now;
            }
        }
        Err(error) => return Err(error),
    }
    file.sync_all()
}

fn release(layout: &Layout) -> io::Result<bool> {
    let path = layout.ballast();
    let file = match private_file().write(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let released = file.metadata()?.len() > 0;
    // The room is free once this is on the platter, and only then.
    file.set_len(0)?;
    file.sync_all()?;
    drop(file);
    fs::remove_file(&path)?;
    sync_dir(layout.root())?;
    Ok(released)
}

/// Records that give up the ballast rather than a row.
#[derive(Debug, Clone)]
pub struct BallastedRecords(Arc<SqliteRecords>);

impl BallastedRecords {
    /// The same records, with the ballast behind them.
    pub fn new(records: Arc<SqliteRecords>) -> Self {
        Self(records)
    }
}

#[async_trait::async_trait]
impl Records for BallastedRecords {
    async fn capture(
        &self,
        capture: &CaptureFacts,
        image: &EncodedImage,
    ) -> Result<i64, StoreError> {
        self.0.capture(capture, image).await
    }

    async fn image(&self, id: InspectionId) -> Result<EncodedImage, StoreError> {
        self.0.image(id).await
    }

    async fn inspection(&self, id: InspectionId) -> Result<Inspection, StoreError> {
        self.0.inspection(id).await
    }

    async fn screened(&self, id: InspectionId, screening: &Analysis) -> Result<(), StoreError> {
        with_room!(self.0, self.0.screened(id, screening))
    }

    async fn spent(
        &self,
        id: InspectionId,
        calls: &[Call],
        at: UnixMillis,
    ) -> Result<(), StoreError> {
        with_room!(self.0, self.0.spent(id, calls, at))
    }

    async fn calls(&self, id: InspectionId) -> Result<Vec<Call>, StoreError> {
        self.0.calls(id).await
    }

    async fn spending(&self, from: UnixMillis, to: UnixMillis) -> Result<Spending, StoreError> {
        self.0.spending(from, to).await
    }

    async fn contained(
        &self,
        acknowledged: bool,
        limit: u32,
    ) -> Result<ContainedParts, StoreError> {
        self.0.contained(acknowledged, limit).await
    }

    async fn acknowledge_contained(
        &self,
        id: InspectionId,
        entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        with_room!(self.0, self.0.acknowledge_contained(id, entry))
    }

    async fn decide(
        &self,
        id: InspectionId,
        verdict: &Verdict,
        analysis: Option<&Analysis>,
        detail: &str,
        at: UnixMillis,
    ) -> Result<Decision, StoreError> {
        with_room!(self.0, self.0.decide(id, verdict, analysis, detail, at))
    }

    async fn operator_decided(
        &self,
        id: InspectionId,
        decision: &OperatorDecision,
    ) -> Result<(), StoreError> {
        with_room!(self.0, self.0.operator_decided(id, decision))
    }

    async fn lease_analysis_among(
        &self,
        among: Among,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Option<AnalysisWork>, StoreError> {
        with_room!(self.0, self.0.lease_analysis_among(among, now, until))
    }

    async fn lease_upload(
        &self,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Option<UploadWork>, StoreError> {
        with_room!(self.0, self.0.lease_upload(now, until))
    }

    async fn set_back(
        &self,
        queue: Queue,
        id: InspectionId,
        setback: &Setback,
    ) -> Result<(), StoreError> {
        with_room!(self.0, self.0.set_back(queue, id, setback))
    }

    async fn uploaded(
        &self,
        id: InspectionId,
        revision: u32,
        image_url: &str,
        at: UnixMillis,
    ) -> Result<(), StoreError> {
        with_room!(self.0, self.0.uploaded(id, revision, image_url, at))
    }

    async fn retry(
        &self,
        queue: Queue,
        id: Option<InspectionId>,
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        with_room!(self.0, self.0.retry(queue, id, now))
    }

    async fn next_due(
        &self,
        queue: Queue,
        now: UnixMillis,
    ) -> Result<Option<UnixMillis>, StoreError> {
        self.0.next_due(queue, now).await
    }

    async fn queued(
        &self,
        queue: Option<Queue>,
        listed: Listed,
        limit: u32,
    ) -> Result<QueuedParts, StoreError> {
        self.0.queued(queue, listed, limit).await
    }

    async fn depth(&self, queue: Queue) -> Result<QueueDepth, StoreError> {
        self.0.depth(queue).await
    }

    async fn history(
        &self,
        filter: &HistoryFilter,
        after: Option<HistoryCursor>,
        limit: u32,
    ) -> Result<HistoryPage, StoreError> {
        self.0.history(filter, after, limit).await
    }

    async fn tally(&self, from: UnixMillis, to: UnixMillis) -> Result<Tally, StoreError> {
        self.0.tally(from, to).await
    }

    async fn note(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.0.note(entry).await
    }

    async fn check_writable(&self) -> Result<(), StoreError> {
        self.0.check_writable().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> (tempfile::TempDir, Layout) {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        (dir, layout)
    }

    #[test]
    fn the_ballast_takes_the_room_that_it_says_and_gives_it_up_once() {
        let (_dir, layout) = layout();
        assert!(keep(&layout, 3 << 20, 0).unwrap());
        assert_eq!(present_bytes(&layout), 3 << 20);
        assert!(keep(&layout, 3 << 20, 0).unwrap(), "it is there already");
        assert!(release(&layout).unwrap());
        assert!(!release(&layout).unwrap());
        assert_eq!(present_bytes(&layout), 0);
    }

    #[test]
    fn half_a_ballast_is_made_whole_and_another_size_is_followed() {
        let (_dir, layout) = layout();
        // As a crash leaves it: as long as it should be, and no room behind it.
        File::create(layout.ballast())
            .unwrap()
            .set_len(2 << 20)
            .unwrap();
        assert_eq!(present_bytes(&layout), 0);
        assert!(keep(&layout, 2 << 20, 0).unwrap());
        assert_eq!(present_bytes(&layout), 2 << 20);
        assert!(keep(&layout, 1 << 20, 0).unwrap());
        assert_eq!(present_bytes(&layout), 1 << 20);
        assert!(keep(&layout, 0, 0).unwrap());
        assert!(!layout.ballast().exists());
    }

    #[test]
    fn no_ballast_is_made_that_would_touch_the_reserve() {
        let (_dir, layout) = layout();
        let free = fs4::available_space(layout.root()).unwrap();
        assert!(!keep(&layout, 1 << 20, free).unwrap());
        assert_eq!(present_bytes(&layout), 0);
    }
}
