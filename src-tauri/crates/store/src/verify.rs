//! Spool and database compared, and what `status` and `doctor` ask of the disk.

use crate::{
    layout::Layout,
    reader::{RecordsReader, Unread, check_size, read_whole},
    records::{SqliteRecords, blocking},
    row::{column, parsed},
};
use sqlx::sqlite::SqliteRow;
use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};
use wiko_core::{id::InspectionId, image::ImageFacts, ports::StoreError, time::UnixMillis};

/// Rows read at a time; a read must stay short.
const CHUNK: i64 = 1000;

/// How closely pictures are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// That each is there with its size.
    Sizes,
    /// That each has the bytes that were captured, by their SHA-256.
    Hashes,
}

/// A part whose picture is not as it was captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedImage {
    /// The part.
    pub id: InspectionId,
    /// In words.
    pub reason: String,
}

/// How the disk of a data directory stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskReport {
    /// The data directory.
    pub data_dir: PathBuf,
    /// Free for this user.
    pub free_bytes: u64,
    /// Of the whole disk.
    pub total_bytes: u64,
    /// The database without its log.
    pub database_bytes: u64,
    /// The write-ahead log; hundreds of megabytes mean that a read has been open for long.
    pub wal_bytes: u64,
    /// Files in quarantine.
    pub quarantined: u64,
    /// The version of SQLite.
    pub sqlite_version: String,
}

impl RecordsReader {
    /// How the disk stands.
    pub async fn disk(&self) -> Result<DiskReport, StoreError> {
        let sqlite_version = self.sqlite_version().await?;
        let layout = self.layout.clone();
        let measured = blocking(move || measure(&layout, sqlite_version)).await?;
        measured.map_err(|error| self.faults.file_read("measuring the disk", &error))
    }

    async fn sqlite_version(&self) -> Result<String, StoreError> {
        sqlx::query_scalar("SELECT sqlite_version()")
            .fetch_one(&self.pool)
            .await
            .map_err(|error| self.failed(&error))
    }

    /// Parts whose picture is missing or is not as it was captured, and how many were looked at.
    pub async fn verify_images(
        &self,
        depth: Depth,
    ) -> Result<(u64, Vec<DamagedImage>), StoreError> {
        let (mut looked_at, mut damaged, mut after) = (0, vec![], 0);
        loop {
            let rows = sqlx::query(
                "SELECT sequence, id, captured_at, image_format, image_size_bytes, image_sha256,
                        image_width_px, image_height_px
                 FROM inspection
                 WHERE sequence > ? AND image_removed_at IS NULL ORDER BY sequence LIMIT ?",
            )
            .bind(after)
            .bind(CHUNK)
            .fetch_all(&self.pool)
            .await
            .map_err(|error| self.failed(&error))?;
            let Some(last) = rows.last() else {
                return Ok((looked_at, damaged));
            };
            after = column(last, "sequence").map_err(|error| self.failed(&error))?;
            let mut expected = Vec::with_capacity(rows.len());
            for row in &rows {
                let (id, path) = self.picture_of(row)?;
                expected.push((id, path, self.facts_of(id, row)?));
            }
            looked_at += rows.len() as u64;
            damaged.extend(blocking(move || compare(expected, depth)).await?);
        }
    }

    /// What a row says of its picture.
    fn facts_of(&self, id: InspectionId, row: &SqliteRow) -> Result<ImageFacts, StoreError> {
        let failed = |error| self.failed(&error);
        let sha256: &str = column(row, "image_sha256").map_err(failed)?;
        let format: &str = column(row, "image_format").map_err(failed)?;
        let read = |reason: String| StoreError::Fault {
            reason: format!("the record of inspection {id} cannot be read: {reason}"),
        };
        Ok(ImageFacts {
            sha256: parsed(sha256).map_err(read)?,
            size_bytes: column::<i64>(row, "image_size_bytes")
                .map_err(failed)?
                .cast_unsigned(),
            width_px: column(row, "image_width_px").map_err(failed)?,
            height_px: column(row, "image_height_px").map_err(failed)?,
            format: parsed(format).map_err(read)?,
        })
    }

    /// Id and path of a row with `id`, `captured_at` and `image_format`.
    pub(crate) fn picture_of(
        &self,
        row: &SqliteRow,
    ) -> Result<(InspectionId, PathBuf), StoreError> {
        let failed = |error| self.failed(&error);
        let id: &str = column(row, "id").map_err(failed)?;
        let captured_at = UnixMillis(column(row, "captured_at").map_err(failed)?);
        let format: &str = column(row, "image_format").map_err(failed)?;
        let path = || {
            let id = parsed(id)?;
            Ok((id, self.layout.image(id, captured_at, parsed(format)?)))
        };
        path().map_err(|reason: String| StoreError::Fault {
            reason: format!("the record of inspection {id} cannot be read: {reason}"),
        })
    }
}

impl SqliteRecords {
    /// Moves what lies in the spool without a row to quarantine, and finishes deleting what was removed.
    pub(crate) async fn sweep(&self) -> Result<Vec<PathBuf>, StoreError> {
        let spool = Arc::clone(&self.spool);
        let listed = blocking(move || spool.list())
            .await?
            .map_err(|error| self.faults().file_read("reading the spool", &error))?;
        let (mut orphans, mut left_over) = (vec![], vec![]);
        for files in listed {
            let known = self.pictures_with_rows(&files).await?;
            for file in files {
                match known.get(&file) {
                    Some(false) => {}
                    Some(true) => left_over.push(file),
                    None => orphans.push(file),
                }
            }
        }
        if !left_over.is_empty() {
            tracing::info!(
                count = left_over.len(),
                "pictures that were removed are deleted"
            );
            self.delete(left_over).await?;
        }
        if orphans.is_empty() {
            return Ok(vec![]);
        }
        tracing::warn!(
            count = orphans.len(),
            "files without a record go to quarantine"
        );
        let spool = Arc::clone(&self.spool);
        blocking(move || spool.quarantine(&orphans))
            .await?
            .map_err(|failed| self.spool_write(&failed))
    }

    /// Those of `files` that are pictures of parts, and whether the picture was removed.
    async fn pictures_with_rows(
        &self,
        files: &[PathBuf],
    ) -> Result<HashMap<PathBuf, bool>, StoreError> {
        let ids: Vec<_> = files
            .iter()
            .filter_map(|file| file.file_stem()?.to_str()?.parse::<InspectionId>().ok())
            .collect();
        let ids = serde_json::to_string(&ids).map_err(|error| StoreError::Fault {
            reason: format!("the spool's names cannot be listed: {error}"),
        })?;
        let reader = self.reader();
        let rows = sqlx::query(
            "SELECT id, captured_at, image_format, image_removed_at IS NOT NULL AS removed FROM inspection
             WHERE id IN (SELECT value FROM json_each(?))",
        )
        .bind(ids)
        .fetch_all(&reader.pool)
        .await
        .map_err(|error| reader.failed(&error))?;
        rows.iter()
            .map(|row| {
                let removed = column(row, "removed").map_err(|error| reader.failed(&error))?;
                Ok((reader.picture_of(row)?.1, removed))
            })
            .collect()
    }
}

fn compare(expected: Vec<(InspectionId, PathBuf, ImageFacts)>, depth: Depth) -> Vec<DamagedImage> {
    let damage = |path: &Path, facts: &ImageFacts| {
        let looked = match depth {
            Depth::Sizes => check_size(path, facts),
            Depth::Hashes => read_whole(path, *facts).map(drop),
        };
        match looked {
            Ok(()) => None,
            Err(Unread::Damaged(reason)) => Some(reason),
            Err(Unread::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                Some("the file is gone".into())
            }
            Err(Unread::Io(error)) => Some(error.to_string()),
        }
    };
    expected
        .into_iter()
        .filter_map(|(id, path, facts)| {
            damage(&path, &facts).map(|reason| DamagedImage { id, reason })
        })
        .collect()
}

fn measure(layout: &Layout, sqlite_version: String) -> io::Result<DiskReport> {
    let disk = fs4::statvfs(layout.root())?;
    Ok(DiskReport {
        data_dir: layout.root().to_owned(),
        free_bytes: disk.available_space(),
        total_bytes: disk.total_space(),
        database_bytes: fs::metadata(layout.database())?.len(),
        wal_bytes: size_or_zero(&layout.wal())?,
        quarantined: fs::read_dir(layout.quarantine())?.count() as u64,
        sqlite_version,
    })
}

fn size_or_zero(path: &Path) -> io::Result<u64> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}
