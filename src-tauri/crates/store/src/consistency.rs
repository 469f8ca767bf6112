//! Whether the database agrees with itself: SQLite's own check, and that each part is on the queue that
//! its state asks for.
//!
//! Invariant: a part that is not decided is on the analysis queue; a decided one of which a revision is
//! not verified in the cloud is on the upload queue. Whoever is on neither is forgotten.

use crate::{reader::RecordsReader, records::blocking, row::column};
use std::path::PathBuf;
use wiko_core::ports::StoreError;

/// Rows looked at in one read; a read must stay short.
const CHUNK: i64 = 5000;

/// More of one kind than this are not named one by one.
const MOST_NAMED: usize = 100;

impl RecordsReader {
    /// What SQLite finds wrong with the file; empty where nothing is. `quick` leaves out the comparison
    /// of each index with its table.
    pub async fn verify_database(&self, quick: bool) -> Result<Vec<String>, StoreError> {
        let check = if quick {
            "SELECT quick_check FROM pragma_quick_check"
        } else {
            "SELECT integrity_check FROM pragma_integrity_check"
        };
        let mut apart = self.apart().await?;
        let mut wrong: Vec<String> = sqlx::query_scalar(check)
            .fetch_all(&mut apart)
            .await
            .map_err(|error| self.failed(&error))?;
        wrong.retain(|line| line != "ok");
        let dangling: Vec<String> = sqlx::query_scalar(
            "SELECT format('row %s of %s points to no row of %s', rowid, \"table\", parent)
             FROM pragma_foreign_key_check LIMIT 100",
        )
        .fetch_all(&mut apart)
        .await
        .map_err(|error| self.failed(&error))?;
        wrong.extend(dangling);
        Ok(wrong)
    }

    /// What lies in quarantine: files that were found without a record. Nothing here is ever deleted.
    pub async fn quarantined(&self) -> Result<Vec<PathBuf>, StoreError> {
        let quarantine = self.layout.quarantine();
        let listed = blocking(move || {
            let mut files = Vec::new();
            for entry in std::fs::read_dir(quarantine)? {
                files.push(entry?.path());
            }
            files.sort();
            Ok(files)
        });
        listed.await?.map_err(|error: std::io::Error| {
            self.faults.file_read("reading the quarantine", &error)
        })
    }

    /// Parts that are not on the queue that their state asks for, in words; the first hundred.
    pub async fn verify_queues(&self) -> Result<Vec<String>, StoreError> {
        let mut wrong: Vec<String> = Vec::new();
        let mut after = 0_i64;
        loop {
            // The last row is read for its number alone, so that an empty page is the end.
            let rows = sqlx::query(
                "SELECT i.sequence, i.id,
                        i.verdict = 'pending' AND a.sequence IS NULL AS not_analysed,
                        i.verdict <> 'pending' AND a.sequence IS NOT NULL AS analysed_again,
                        i.verdict <> 'pending' AND u.sequence IS NULL
                            AND i.uploaded_revision IS NOT i.revision AS not_uploaded,
                        i.verdict = 'pending' AND u.sequence IS NOT NULL AS uploaded_early
                 FROM inspection i
                 LEFT JOIN work a ON a.queue = 'analysis' AND a.sequence = i.sequence
                 LEFT JOIN work u ON u.queue = 'upload' AND u.sequence = i.sequence
                 WHERE i.sequence > ? ORDER BY i.sequence LIMIT ?",
            )
            .bind(after)
            .bind(CHUNK)
            .fetch_all(&self.pool)
            .await
            .map_err(|error| self.failed(&error))?;
            let Some(last) = rows.last() else {
                return Ok(wrong);
            };
            after = column(last, "sequence").map_err(|error| self.failed(&error))?;
            for row in &rows {
                for (name, words) in [
                    ("not_analysed", "is not decided and on no queue"),
                    (
                        "analysed_again",
                        "is decided and still on the analysis queue",
                    ),
                    (
                        "not_uploaded",
                        "is not in the cloud as it is here, and on no queue",
                    ),
                    ("uploaded_early", "is not decided and on the upload queue"),
                ] {
                    let found: bool = column(row, name).map_err(|error| self.failed(&error))?;
                    if found && wrong.len() < MOST_NAMED {
                        let id: String = column(row, "id").map_err(|error| self.failed(&error))?;
                        wrong.push(format!("inspection {id} {words}"));
                    }
                }
            }
        }
    }
}
