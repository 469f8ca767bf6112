//! Takes a data directory over, and puts in order what the run before left.
//!
//! Invariants:
//! - One process has a data directory, from before anything in it is read.
//! - A write-ahead log that lost what was committed is kept, and latches a fault, before SQLite reads it.

use crate::{
    ballast::{self, with_room},
    connection, containment,
    faults::Faults,
    layout::{Layout, LockRefused},
    reader::RecordsReader,
    records::{SqliteRecords, blocking},
    spool::Spool,
    wal_check,
};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, RwLock},
    time::Duration,
};
use tokio::sync::Mutex;
use wiko_core::{containment::LATE_AFTER, ports::StoreError};

/// What can be chosen of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreOptions {
    /// Below this much free space nothing is captured, so that decisions and uploads of what is
    /// there can still be written down. On a full disk not even a row can be deleted.
    pub reserve_bytes: u64,
    /// A part whose verdict comes later than that after its capture has moved on.
    pub late_after: Duration,
}

impl Default for StoreOptions {
    /// Four times what the write-ahead log may keep.
    fn default() -> Self {
        Self {
            reserve_bytes: 256 << 20,
            late_after: LATE_AFTER,
        }
    }
}

/// A store that was opened, and what was found on the way.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub records: SqliteRecords,
    /// Pictures without a row and unfinished files, where they lie now.
    pub quarantined: Vec<PathBuf>,
}

impl SqliteRecords {
    /// Takes a data directory for this process, makes or upgrades what is in it, gives up the leases
    /// and waits of the run before, and clears the spool of what has no row.
    pub async fn open(data_dir: &Path, options: StoreOptions) -> Result<Opened, StoreError> {
        with_room!(ballast::Alone(data_dir), Self::take_over(data_dir, options))
    }

    async fn take_over(data_dir: &Path, options: StoreOptions) -> Result<Opened, StoreError> {
        let layout = Layout::new(data_dir);
        let faults = Arc::new(Faults::of(data_dir));
        let prepared = layout.clone();
        let lock = blocking(move || {
            prepared.create_root().map_err(LockRefused::Io)?;
            let lock = prepared.lock()?;
            // A new database would take acknowledged pictures for what nobody knows.
            if !prepared.has_database() && prepared.has_pictures().map_err(LockRefused::Io)? {
                return Err(LockRefused::DatabaseLost);
            }
            prepared.create().map_err(LockRefused::Io)?;
            Ok(lock)
        })
        .await?
        .map_err(|refused| match refused {
            LockRefused::InUse => faults.in_use(),
            LockRefused::DatabaseLost => faults.database_lost(),
            LockRefused::Io(error) => faults.file_write("preparing the data directory", &error),
        })?;
        keep_damaged_log(&layout, &faults).await?;
        let mut writer = connection::open_writer(&layout, &faults).await?;
        connection::empty_log(&mut writer, &faults).await;
        // Leases are the last run's, and so are due times: the clock may have been set back since.
        sqlx::query(
            "UPDATE work SET state = 'waiting', due_at = 0
             WHERE state = 'leased' OR (state = 'waiting' AND due_at <> 0)",
        )
        .execute(&mut writer)
        .await
        .map_err(|error| faults.row_write(&error))?;
        containment::set_late_after(&mut writer, options.late_after)
            .await
            .map_err(|error| faults.row_write(&error))?;
        let pool = connection::open_readers(&layout, &faults).await?;
        let records = Self {
            writer: Mutex::new(writer),
            spool: Arc::new(Spool::new(layout.clone())),
            reader: RecordsReader {
                layout,
                faults,
                pool,
            },
            signer: RwLock::default(),
            options,
            lock,
        };
        let quarantined = records.sweep().await?;
        Ok(Opened {
            records,
            quarantined,
        })
    }
}

/// Keeps a log that lost what was committed, and latches the fault. Before SQLite reads it: afterwards nothing
/// tells of it.
async fn keep_damaged_log(layout: &Layout, faults: &Faults) -> Result<(), StoreError> {
    let log = layout.clone();
    let kept = blocking(move || {
        let commits = wal_check::lost_commits(&log.wal())?;
        (commits > 0)
            .then(|| Ok((commits, log.keep_wal()?)))
            .transpose()
    })
    .await?;
    let failed = |error| faults.file_read("reading the write-ahead log", &error);
    if let Some((commits, file)) = kept.map_err(failed)? {
        faults.latch(format!(
            "the write-ahead log is damaged, and {commits} changes in it cannot be read: parts that were captured or \
             decided last are missing or pending again. The log is kept as {}, the pictures without a record lie \
             beside it: check the disk, compare with the cloud or a backup, and inspect those parts again",
            file.display()
        ));
    }
    Ok(())
}
