//! How the storage of a data directory stands, and how a person clears a fault.

use crate::{
    ballast,
    reader::RecordsReader,
    records::{SqliteRecords, blocking},
};
use sqlx::{AssertSqlSafe, FromRow};
use std::sync::Arc;
use wiko_core::{
    audit::{AuditCategory, AuditEntry, AuditResult},
    ports::{Records, StoreError},
    time::UnixMillis,
};

/// What stands beside the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageReport {
    /// Room set aside for rows; 0 where it was given up or never made.
    pub ballast_bytes: u64,
    /// The storage fault that stops capture until a person clears it.
    pub fault: Option<String>,
    /// How the last backup that the trail tells of ended.
    pub last_backup: Option<BackupNote>,
}

/// What the audit trail says of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupNote {
    /// When.
    pub at: UnixMillis,
    /// True where it was made.
    pub made: bool,
    /// The file, or why it was not made.
    pub detail: String,
}

#[derive(FromRow)]
struct NoteRow {
    at: i64,
    result: String,
    detail: String,
}

/// Rows of the trail that are looked through for the last backup: pictures are deleted by the thousand.
const LOOKED_THROUGH: u32 = 200_000;

impl RecordsReader {
    /// What stands beside the records.
    pub async fn storage(&self) -> Result<StorageReport, StoreError> {
        let layout = self.layout.clone();
        Ok(StorageReport {
            ballast_bytes: blocking(move || ballast::present_bytes(&layout)).await?,
            fault: self.faults.latched(),
            last_backup: self.last_backup().await?,
        })
    }

    async fn last_backup(&self) -> Result<Option<BackupNote>, StoreError> {
        let row: Option<NoteRow> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT at, result, detail FROM
                (SELECT at, category, result, detail FROM audit WHERE category <> 'decision'
                 ORDER BY number DESC LIMIT {LOOKED_THROUGH})
             WHERE category = ? LIMIT 1"
        )))
        .bind(AuditCategory::Backup.code())
        .fetch_optional(&self.pool)
        .await
        .map_err(|error| self.failed(&error))?;
        Ok(row.map(|row| BackupNote {
            at: UnixMillis(row.at),
            made: row.result == AuditResult::Done.code(),
            detail: row.detail,
        }))
    }
}

impl SqliteRecords {
    /// Lets capture go on after a person has looked at the disk: once no page of the database is damaged, a
    /// file and a row can be written, and who said so is noted in the audit trail. Else the fault stays.
    /// Reads the whole database.
    pub async fn clear_fault(&self, said: &AuditEntry) -> Result<(), StoreError> {
        let damaged = self.reader().verify_database(true).await?;
        if let Some(first) = damaged.first() {
            return Err(StoreError::Fault {
                reason: format!(
                    "the fault stays, for the database is damaged ({first}): keep a copy of the data \
                     directory, and restore the last backup into an empty folder"
                ),
            });
        }
        self.probe().await?;
        self.note(said).await?;
        let faults = self.reader().faults.clone();
        let cleared = blocking(move || faults.clear()).await?;
        cleared.map_err(|error| self.faults().file_write("forgetting the fault", &error))
    }

    /// Writes and removes a file and a row.
    pub(crate) async fn probe(&self) -> Result<(), StoreError> {
        let spool = Arc::clone(&self.spool);
        blocking(move || spool.probe())
            .await?
            .map_err(|failed| self.spool_write(&failed))?;
        let mut writer = self.writer.lock().await;
        let probe = async {
            // Committed with the row in it: a transaction that ends as it began may write nothing.
            sqlx::query("INSERT OR REPLACE INTO probe VALUES (1)")
                .execute(&mut *writer)
                .await?;
            sqlx::query("DELETE FROM probe").execute(&mut *writer).await
        };
        probe
            .await
            .map(drop)
            .map_err(|error| self.row_write(&error))
    }
}
