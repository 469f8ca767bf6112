//! Puts a backup into an empty data directory.
//!
//! Invariants:
//! - Nothing is put in place before every member was found to have the SHA-256 of the manifest and the
//!   database to be sound. Then all of it comes by one rename, or nothing does.
//! - Only names that a backup has are written, and only below the folder that is being filled.
//! - No picture is missing that the cloud does not have, but those that were missing when the backup was made.
//! - A verified picture that is not inside counts as removed here. The restore is a row of the audit trail.

use crate::{
    archive::{DamagedMember, Kind, Manifest},
    audit,
    backup::{member_name, sync_name},
    connection,
    faults::Faults,
    layout::{Layout, create_private_dir_all, open_dir},
    open::StoreOptions,
    records::{SqliteRecords, blocking},
    row::{column, parsed},
    transaction,
    unpack::{Found, unpack},
};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteRow};
use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};
use wiko_core::{
    audit::{AuditCategory, AuditEntry, AuditResult, AuditSource},
    image::Sha256,
    ports::StoreError,
    time::UnixMillis,
};

/// Rows looked at in one go.
const CHUNK: i64 = 1000;

/// The one folder that may lie in an empty data directory: the station's own log.
const LOGS: &str = "logs";

/// A backup that was put in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreReport {
    /// Which station made it.
    pub station: String,
    /// With which version.
    pub version: String,
    /// When, in UTC.
    pub made_at: String,
    /// Parts in the records.
    pub records: u64,
    /// Pictures.
    pub images: u64,
    /// Pictures that count as removed here: only the cloud has them.
    pub images_in_the_cloud: u64,
    /// Pictures that were missing or damaged when the backup was made.
    pub damaged: Vec<(String, String)>,
}

/// Nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Something lies in the folder.
    #[error("{} is not empty: restore into a new or empty folder with --data-dir, or move away what is there (stop the station first)", data_dir.display())]
    NotEmpty {
        /// The folder.
        data_dir: PathBuf,
    },
    /// It is something else.
    #[error("{} is no backup of a station: {reason}", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
        /// How that shows.
        reason: String,
    },
    /// It was made by a newer version.
    #[error("{} was made by a newer version of the station: install that version, then restore", file.display())]
    Newer {
        /// The file.
        file: PathBuf,
    },
    /// It is not as it was made.
    #[error("{} is damaged, and nothing was restored: {reason}; take another backup", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// How that shows.
        reason: String,
    },
    /// The file or the folder.
    #[error("nothing was restored: {doing}: {error}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why it failed.
        error: io::Error,
    },
    /// The records.
    #[error("nothing was restored: {0}")]
    Store(#[from] StoreError),
}

/// The folder that is being filled; removed again unless it was put in place.
struct Staging(PathBuf);

impl Drop for Staging {
    fn drop(&mut self) {
        // Not there any more where it was put in place.
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn failed(doing: impl Into<String>) -> impl FnOnce(io::Error) -> RestoreError {
    let doing = doing.into();
    move |error| RestoreError::Io { doing, error }
}

/// Restores `file` into `data_dir`, which is new or empty. `identity` is who asked for it.
pub async fn restore(
    file: &Path,
    data_dir: &Path,
    now: UnixMillis,
    identity: &str,
) -> Result<RestoreReport, RestoreError> {
    let absolute = |path: &Path| {
        std::path::absolute(path).map_err(failed(format!("finding {}", path.display())))
    };
    let (file, data_dir) = (absolute(file)?, absolute(data_dir)?);
    let begun = (file.clone(), data_dir.clone());
    let (staging, unpacked) = blocking(move || {
        let (file, data_dir) = begun;
        must_be_empty(&data_dir)?;
        let staging = stage(&data_dir)?;
        let unpacked = unpack(&file, &staging.0)?;
        Ok::<_, RestoreError>((staging, unpacked))
    })
    .await??;
    let (manifest, found) = unpacked;

    check_database(&file, &staging.0).await?;
    let layout = Layout::new(&staging.0);
    let faults = Faults::of(&staging.0);
    let mut records = match connection::open_writer(&layout, &faults).await {
        Err(StoreError::TooNew { .. }) => return Err(RestoreError::Newer { file }),
        opened => opened?,
    };
    let restored = Restored {
        file: &file,
        layout: &layout,
        faults: &faults,
        manifest: &manifest,
        found: &found,
    };
    let in_the_cloud = restored.fit(&mut records, now, identity).await?;
    if let Err(error) = records.close().await {
        return Err(faults.row_write(&error).into());
    }
    // As at any start: what the station will find, it finds now.
    let opened = SqliteRecords::open(
        &staging.0,
        StoreOptions {
            reserve_bytes: 0,
            ..StoreOptions::default()
        },
    )
    .await?;
    opened.records.close().await;

    let report = RestoreReport {
        records: manifest.counts.records,
        images: manifest.counts.images,
        images_in_the_cloud: in_the_cloud,
        damaged: manifest
            .damaged
            .into_iter()
            .map(|damaged| (damaged.path, damaged.reason))
            .collect(),
        station: manifest.station,
        version: manifest.version,
        made_at: manifest.made_at,
    };
    blocking(move || put_in_place(&staging, &data_dir)).await??;
    Ok(report)
}

/// True where nothing lies in the folder but the log.
fn must_be_empty(data_dir: &Path) -> Result<(), RestoreError> {
    let entries = match fs::read_dir(data_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(format!("reading {}", data_dir.display()))(error)),
    };
    for entry in entries {
        let entry = entry.map_err(failed(format!("reading {}", data_dir.display())))?;
        let is_log = entry.file_name() == LOGS && entry.path().is_dir();
        if !is_log {
            return Err(RestoreError::NotEmpty {
                data_dir: data_dir.to_owned(),
            });
        }
    }
    Ok(())
}

/// Makes a folder beside the data directory, on the same disk: what is in it comes into place by a rename.
fn stage(data_dir: &Path) -> Result<Staging, RestoreError> {
    let (Some(parent), Some(name)) = (data_dir.parent(), data_dir.file_name()) else {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "it has no folder above it");
        return Err(failed(format!("restoring into {}", data_dir.display()))(
            error,
        ));
    };
    create_private_dir_all(parent).map_err(failed(format!("making {}", parent.display())))?;
    let name = format!(
        ".{}.restoring-{}",
        name.to_string_lossy(),
        std::process::id()
    );
    let path = parent.join(name);
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder
        .create(&path)
        .map_err(failed(format!("making {}", path.display())))?;
    Ok(Staging(path))
}

/// Lets SQLite look at every page of the records.
async fn check_database(file: &Path, staging: &Path) -> Result<(), RestoreError> {
    let damaged = |reason: String| RestoreError::Damaged {
        file: file.to_owned(),
        reason: format!("its records: {reason}"),
    };
    let database = Layout::new(staging).database();
    let checked = async {
        let mut connection = connection::open_still(&database).await?;
        let problem: String = sqlx::query_scalar("PRAGMA integrity_check(1)")
            .fetch_one(&mut connection)
            .await?;
        let orphans = sqlx::query("PRAGMA foreign_key_check")
            .fetch_all(&mut connection)
            .await?;
        connection.close().await?;
        Ok::<_, sqlx::Error>((problem, orphans.len()))
    };
    match checked.await {
        Ok((problem, 0)) if problem == "ok" => Ok(()),
        Ok((problem, 0)) => Err(damaged(problem)),
        Ok((_, orphans)) => Err(damaged(format!("{orphans} rows belong to nothing"))),
        Err(error) => Err(damaged(error.to_string())),
    }
}

/// Records and pictures that were unpacked.
struct Restored<'a> {
    file: &'a Path,
    layout: &'a Layout,
    faults: &'a Faults,
    manifest: &'a Manifest,
    found: &'a Found,
}

impl Restored<'_> {
    /// Compares records and pictures, notes which pictures only the cloud has, and that this is a restore.
    /// Returns how many pictures only the cloud has.
    async fn fit(
        &self,
        records: &mut SqliteConnection,
        now: UnixMillis,
        identity: &str,
    ) -> Result<u64, RestoreError> {
        let row_write = |error: sqlx::Error| RestoreError::from(self.faults.row_write(&error));
        let damaged: HashSet<&str> = self
            .manifest
            .damaged
            .iter()
            .map(|DamagedMember { path, .. }| path.as_str())
            .collect();
        let mut pictures: HashSet<&str> = self
            .found
            .keys()
            .map(String::as_str)
            .filter(|name| Kind::of(name) == Some(Kind::Picture))
            .collect();
        let mut transaction = transaction::begin(records).await.map_err(row_write)?;
        let (mut after, mut counted, mut in_the_cloud) = (0, 0u64, 0u64);
        loop {
            let rows = sqlx::query(
                "SELECT sequence, id, captured_at, image_format, image_sha256,
                        uploaded_revision IS NOT NULL AS verified, image_removed_at IS NOT NULL AS removed
                 FROM inspection WHERE sequence > ? ORDER BY sequence LIMIT ?",
            )
            .bind(after)
            .bind(CHUNK)
            .fetch_all(&mut *transaction)
            .await
            .map_err(row_write)?;
            let Some(last) = rows.last() else { break };
            after = column(last, "sequence").map_err(row_write)?;
            counted += rows.len() as u64;
            let mut removed_here = vec![];
            for row in &rows {
                match self.place(row, &damaged, &mut pictures)? {
                    Place::Here => {}
                    Place::Removed => in_the_cloud += 1,
                    Place::InTheCloud => {
                        in_the_cloud += 1;
                        removed_here.push(column::<i64>(row, "sequence").map_err(row_write)?);
                    }
                }
            }
            let json = serde_json::to_string(&removed_here)
                .map_err(|error| self.damaged(error.to_string()))?;
            sqlx::query(
                "UPDATE inspection SET image_removed_at = ?
                 WHERE sequence IN (SELECT value FROM json_each(?))",
            )
            .bind(now.0)
            .bind(json)
            .execute(&mut *transaction)
            .await
            .map_err(row_write)?;
        }
        if let Some(name) = pictures.iter().next() {
            return Err(self.damaged(format!("{name} belongs to no record")));
        }
        if counted != self.manifest.counts.records {
            return Err(self.damaged("its manifest counts other records".to_owned()));
        }
        let entry = AuditEntry {
            at: now,
            source: AuditSource::CommandLine,
            category: AuditCategory::Restore,
            identity: identity.to_owned(),
            subject: self
                .file
                .file_name()
                .map(|name| name.to_string_lossy().into_owned()),
            result: AuditResult::Done,
            detail: serde_json::json!({
                "made_at": self.manifest.made_at,
                "station": self.manifest.station,
                "version": self.manifest.version,
                "records": counted,
                "pictures": self.manifest.counts.images,
                "pictures_in_the_cloud_alone": in_the_cloud,
            })
            .to_string(),
        };
        audit::append(&mut transaction, None, &entry)
            .await
            .map_err(row_write)?;
        transaction.commit().await.map_err(row_write)?;
        Ok(in_the_cloud)
    }

    /// Where the picture of a row is.
    fn place(
        &self,
        row: &SqliteRow,
        damaged: &HashSet<&str>,
        pictures: &mut HashSet<&str>,
    ) -> Result<Place, RestoreError> {
        let text = |name| {
            column::<&str>(row, name).map_err(|error| self.damaged(format!("a record: {error}")))
        };
        let number = |name| {
            column::<i64>(row, name).map_err(|error| self.damaged(format!("a record: {error}")))
        };
        let id = text("id")?;
        let path = (|| {
            let captured_at = UnixMillis(column(row, "captured_at").map_err(|e| e.to_string())?);
            let format: &str = column(row, "image_format").map_err(|e| e.to_string())?;
            Ok(self.layout.image(parsed(id)?, captured_at, parsed(format)?))
        })()
        .map_err(|reason: String| self.damaged(format!("the record of {id}: {reason}")))?;
        let name = member_name(self.layout, &path);
        if number("removed")? != 0 {
            return Ok(Place::Removed);
        }
        if pictures.remove(name.as_str()) {
            let sha256 = self.found.get(&name).map(Sha256::to_string);
            if sha256.as_deref() != Some(text("image_sha256")?) && !damaged.contains(name.as_str())
            {
                return Err(self.damaged(format!("the picture of {id} is not the one captured")));
            }
            return Ok(Place::Here);
        }
        if number("verified")? != 0 {
            return Ok(Place::InTheCloud);
        }
        if damaged.contains(name.as_str()) {
            return Ok(Place::Here);
        }
        Err(self.damaged(format!(
            "the picture of {id} is missing, and the cloud does not have it"
        )))
    }

    fn damaged(&self, reason: String) -> RestoreError {
        RestoreError::Damaged {
            file: self.file.to_owned(),
            reason,
        }
    }
}

/// Where the picture of a restored part is.
enum Place {
    /// In the backup, or missing as it was when the backup was made.
    Here,
    /// Removed before the backup was made.
    Removed,
    /// Left to the cloud by the backup.
    InTheCloud,
}

/// One rename: all or nothing.
fn put_in_place(staging: &Staging, data_dir: &Path) -> Result<(), RestoreError> {
    must_be_empty(data_dir)?;
    let doing = || {
        failed(format!(
            "putting the files into {} (where a disk is mounted there, restore into a folder on it)",
            data_dir.display()
        ))
    };
    let logs = data_dir.join(LOGS);
    if logs.is_dir() {
        fs::rename(&logs, staging.0.join(LOGS)).map_err(doing())?;
    }
    open_dir(&staging.0)
        .and_then(|dir| dir.sync_all())
        .map_err(doing())?;
    // An empty folder is replaced by the rename on Unix, and by nothing elsewhere.
    #[cfg(not(unix))]
    if data_dir.is_dir() {
        fs::remove_dir(data_dir).map_err(doing())?;
    }
    fs::rename(&staging.0, data_dir).map_err(doing())?;
    match data_dir.parent() {
        Some(parent) => sync_name(parent).map_err(doing()),
        None => Ok(()),
    }
}
