//! Backs up a data directory into one file, also while a station works in it.
//!
//! Invariants:
//! - The records inside are one moment's: `VACUUM INTO` from a connection that reads, never a copy of the
//!   file. Pictures follow from those records, and none is removed meanwhile.
//! - A picture that is not verified in the cloud is always inside.
//! - The file has its name only once it is whole and on the platter. A file that is there is never replaced.

use crate::{
    archive::{
        AuditHead, BackupImages, Counts, DamagedMember, FORM, Hashing, MANIFEST, MARK, Manifest,
        Member,
    },
    connection,
    layout::{DATABASE, Layout, private_file, sync_dir},
    reader::RecordsReader,
    records::blocking,
    row::column,
};
use sqlx::{Connection, SqliteConnection, sqlite::SqliteRow};
use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
};
use wiko_core::{image::Sha256, ports::StoreError, time::UnixMillis};

/// Rows read at a time.
const CHUNK: i64 = 1000;

/// What is to be backed up.
#[derive(Debug, Clone)]
pub struct BackupRequest {
    /// The file to be made.
    pub file: PathBuf,
    /// Which pictures.
    pub images: BackupImages,
    /// What else goes in: `station.toml`, and what lies in `models/` and `recipes/`.
    pub extra: Vec<BackupExtra>,
    /// The station's name.
    pub station: String,
    /// The station's version.
    pub version: String,
    /// Now.
    pub made_at: UnixMillis,
}

/// A file beside the records.
#[derive(Debug, Clone)]
pub struct BackupExtra {
    /// Its name in the data directory.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupReport {
    /// The file.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Parts in the records.
    pub records: u64,
    /// Pictures inside.
    pub images: u64,
    /// Pictures that only the cloud has, or that were left to it.
    pub images_in_the_cloud: u64,
    /// Pictures that were missing, or not as they were captured, with the reason.
    pub damaged: Vec<(String, String)>,
    /// Number and hash of the last row of the audit trail.
    pub audit_head: Option<(i64, Sha256)>,
}

/// No backup was made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is such a file.
    #[error("{} exists already: choose another name; a backup never replaces a file", file.display())]
    Exists {
        /// The file.
        file: PathBuf,
    },
    /// There is no such folder.
    #[error("{} is no folder that can be written to: make it, mount its disk, or choose another", folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// It does not fit.
    #[error("there is no room for the backup in {}: free space there, or choose another folder", folder.display())]
    Full {
        /// The folder.
        folder: PathBuf,
    },
    /// Anything else about its file.
    #[error("the backup was not made: {doing}: {error}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why it failed.
        error: io::Error,
    },
    /// The records cannot be read.
    #[error("the backup was not made: {0}")]
    Store(#[from] StoreError),
}

/// Removes what was begun, unless it was finished.
struct Begun(PathBuf);

impl Drop for Begun {
    fn drop(&mut self) {
        // Gone already where it was finished.
        let _ = fs::remove_file(&self.0);
    }
}

impl RecordsReader {
    /// Makes a backup; the file is there, whole, when this returns `Ok`, and is not there when it does not.
    pub async fn back_up(&self, request: BackupRequest) -> Result<BackupReport, BackupError> {
        let target = Target::of(&request.file)?;
        let layout = self.layout.clone();
        let hold = blocking(move || layout.hold_for_reading()).await?;
        let _hold = hold.map_err(|error| target.failed("locking the pictures", error))?;

        let snapshot_path = target.beside("sqlite3");
        let snapshot_file = Begun(snapshot_path.clone());
        self.snapshot(&target, &snapshot_path).await?;
        let mut snapshot = connection::open_still(&snapshot_path)
            .await
            .map_err(|error| self.failed(&error))?;

        let part = target.beside("part");
        let part_file = Begun(part.clone());
        let archive = Archive::begin(target.clone(), part.clone(), request.made_at)?;
        let begun = request.clone();
        let mut archive = on_disk(archive, move |archive| {
            archive.bytes(MARK, format!("{FORM}\n").as_bytes())?;
            archive.database(&snapshot_path)?;
            for extra in &begun.extra {
                archive.bytes(&extra.name, &extra.bytes)?;
            }
            Ok(())
        })
        .await?;
        let manifest = self.facts(&mut snapshot, &request).await?;
        archive = self.pictures(&mut snapshot, &request, archive).await?;
        if let Err(error) = snapshot.close().await {
            tracing::debug!(%error, "the copy of the records was not closed in order");
        }
        let report = blocking(move || archive.finish(manifest, &part)).await??;
        drop((part_file, snapshot_file));
        Ok(report)
    }

    /// Copies the records as they are at one moment.
    async fn snapshot(&self, target: &Target, path: &Path) -> Result<(), BackupError> {
        // SQLite takes an empty file, and would make one that others may read.
        private_file()
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(|error| target.failed("making a copy of the records", error))?;
        let Some(text) = path.to_str() else {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "its name is no UTF-8");
            return Err(target.failed("making a copy of the records", error));
        };
        let mut apart = self.apart().await?;
        let copied = sqlx::query("VACUUM INTO ?")
            .bind(text)
            .execute(&mut apart)
            .await;
        match copied.map_err(|error| self.failed(&error)) {
            Ok(_) => Ok(()),
            // It is the folder of the backup that is full: reading needs no room.
            Err(StoreError::DiskFull { .. }) => Err(BackupError::Full {
                folder: target.folder.clone(),
            }),
            Err(error) => Err(error.into()),
        }
    }

    async fn facts(
        &self,
        snapshot: &mut SqliteConnection,
        request: &BackupRequest,
    ) -> Result<Manifest, StoreError> {
        let facts = async {
            let row = sqlx::query(
                "SELECT (SELECT count(*) FROM inspection) AS records,
                        (SELECT number FROM audit ORDER BY number DESC LIMIT 1) AS number,
                        (SELECT hash FROM audit ORDER BY number DESC LIMIT 1) AS hash",
            )
            .fetch_one(&mut *snapshot)
            .await?;
            let records = column::<i64>(&row, "records")?.cast_unsigned();
            let number: Option<i64> = column(&row, "number")?;
            let hash: Option<Vec<u8>> = column(&row, "hash")?;
            let hash = hash.and_then(|hash| <[u8; 32]>::try_from(hash).ok());
            Ok((records, number.zip(hash)))
        };
        let (records, head) = facts
            .await
            .map_err(|error: sqlx::Error| self.failed(&error))?;
        Ok(Manifest {
            version: request.version.clone(),
            station: request.station.clone(),
            made_at: request.made_at.iso8601(),
            images: request.images,
            counts: Counts {
                records,
                ..Counts::default()
            },
            audit_head: head.map(|(number, hash)| AuditHead {
                number,
                sha256: Sha256::from(hash),
            }),
            damaged: vec![],
            members: vec![],
        })
    }

    /// Puts the pictures of the copied records into the archive.
    async fn pictures(
        &self,
        snapshot: &mut SqliteConnection,
        request: &BackupRequest,
        mut archive: Archive,
    ) -> Result<Archive, BackupError> {
        let mut after = 0;
        loop {
            let rows = sqlx::query(
                "SELECT sequence, id, captured_at, image_format, image_sha256,
                        uploaded_revision IS NOT NULL AS verified, image_removed_at IS NOT NULL AS removed
                 FROM inspection WHERE sequence > ? ORDER BY sequence LIMIT ?",
            )
            .bind(after)
            .bind(CHUNK)
            .fetch_all(&mut *snapshot)
            .await
            .map_err(|error| self.failed(&error))?;
            let Some(last) = rows.last() else {
                return Ok(archive);
            };
            after = column(last, "sequence").map_err(|error| self.failed(&error))?;
            let mut wanted = vec![];
            let mut left = 0;
            for row in &rows {
                let flag = |name| column(row, name).map_err(|error| self.failed(&error));
                let (verified, removed): (bool, bool) = (flag("verified")?, flag("removed")?);
                if removed || (verified && request.images == BackupImages::Unsent) {
                    left += 1;
                } else {
                    wanted.push(self.wanted(row)?);
                }
            }
            archive = on_disk(archive, move |archive| {
                archive.in_the_cloud += left;
                wanted
                    .iter()
                    .try_for_each(|picture| archive.picture(picture))
            })
            .await?;
        }
    }

    fn wanted(&self, row: &SqliteRow) -> Result<Picture, StoreError> {
        let (_, path) = self.picture_of(row)?;
        let hash: &str = column(row, "image_sha256").map_err(|error| self.failed(&error))?;
        Ok(Picture {
            name: member_name(&self.layout, &path),
            path,
            sha256: hash.to_owned(),
        })
    }
}

/// A picture that goes into a backup.
struct Picture {
    path: PathBuf,
    name: String,
    sha256: String,
}

/// The name of a picture in an archive.
pub(crate) fn member_name(layout: &Layout, path: &Path) -> String {
    let name = path.strip_prefix(layout.root()).unwrap_or(path);
    let parts: Vec<_> = name
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    parts.join("/")
}

/// The file that is to be.
#[derive(Clone)]
struct Target {
    file: PathBuf,
    folder: PathBuf,
    name: String,
}

impl Target {
    fn of(file: &Path) -> Result<Self, BackupError> {
        let file = std::path::absolute(file).map_err(|error| BackupError::Io {
            doing: file.display().to_string(),
            error,
        })?;
        if fs::symlink_metadata(&file).is_ok() {
            return Err(BackupError::Exists { file });
        }
        let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
            return Err(BackupError::NoFolder { folder: file });
        };
        let folder = folder.to_owned();
        if !folder.is_dir() {
            return Err(BackupError::NoFolder { folder });
        }
        let name = name.to_string_lossy().into_owned();
        Ok(Self { file, folder, name })
    }

    /// A file beside it, while it is not finished.
    fn beside(&self, ending: &str) -> PathBuf {
        let process = std::process::id();
        self.folder
            .join(format!(".{}.{process}.{ending}", self.name))
    }

    fn failed(&self, doing: &str, error: io::Error) -> BackupError {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => BackupError::Full {
                folder: self.folder.clone(),
            },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                BackupError::NoFolder {
                    folder: self.folder.clone(),
                }
            }
            _ => BackupError::Io {
                doing: format!("{doing} for {}", self.file.display()),
                error,
            },
        }
    }
}

/// Works on an archive away from the async threads.
async fn on_disk(
    mut archive: Archive,
    work: impl FnOnce(&mut Archive) -> Result<(), BackupError> + Send + 'static,
) -> Result<Archive, BackupError> {
    blocking(move || work(&mut archive).map(|()| archive)).await?
}

/// An archive that is being written.
struct Archive {
    target: Target,
    builder: tar::Builder<BufWriter<File>>,
    made_at: UnixMillis,
    members: Vec<Member>,
    damaged: Vec<DamagedMember>,
    images: u64,
    in_the_cloud: u64,
}

impl Archive {
    fn begin(target: Target, part: PathBuf, made_at: UnixMillis) -> Result<Self, BackupError> {
        let file = private_file()
            .write(true)
            .create_new(true)
            .open(part)
            .map_err(|error| target.failed("making the file", error))?;
        Ok(Self {
            target,
            builder: tar::Builder::new(BufWriter::with_capacity(1 << 20, file)),
            made_at,
            members: vec![],
            damaged: vec![],
            images: 0,
            in_the_cloud: 0,
        })
    }

    /// Adds a member of exactly so many bytes.
    fn member(&mut self, name: &str, bytes: u64, content: impl Read) -> Result<(), BackupError> {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes);
        header.set_mode(0o600);
        header.set_mtime(self.made_at.seconds().max(0).cast_unsigned());
        header.set_entry_type(tar::EntryType::Regular);
        let mut content = Hashing::new(content.take(bytes));
        self.builder
            .append_data(&mut header, name, &mut content)
            .map_err(|error| self.target.failed("writing", error))?;
        let (read, sha256) = content.finish();
        if read != bytes {
            let error = io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter meanwhile");
            return Err(self.target.failed(name, error));
        }
        self.members.push(Member {
            path: name.to_owned(),
            bytes,
            sha256,
        });
        Ok(())
    }

    fn bytes(&mut self, name: &str, content: &[u8]) -> Result<(), BackupError> {
        self.member(name, content.len() as u64, content)
    }

    fn database(&mut self, snapshot: &Path) -> Result<(), BackupError> {
        let opened = File::open(snapshot).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (bytes, file) =
            opened.map_err(|error| self.target.failed("reading the copy of the records", error))?;
        self.member(DATABASE, bytes, file)
    }

    /// Adds a picture as it is. What is wrong with it is noted: the rest is worth no less.
    fn picture(&mut self, picture: &Picture) -> Result<(), BackupError> {
        let content = match fs::read(&picture.path) {
            Ok(content) => content,
            Err(error) => {
                self.damaged(picture, format!("it cannot be read: {error}"));
                return Ok(());
            }
        };
        self.bytes(&picture.name, &content)?;
        self.images += 1;
        let found = self.members.last().map(|member| member.sha256.to_string());
        if found.as_ref() != Some(&picture.sha256) {
            self.damaged(
                picture,
                "its SHA-256 is another than was captured".to_owned(),
            );
        }
        Ok(())
    }

    fn damaged(&mut self, picture: &Picture, reason: String) {
        tracing::error!(path = %picture.path.display(), reason, "a damaged picture in a backup");
        self.damaged.push(DamagedMember {
            path: picture.name.clone(),
            reason,
        });
    }

    /// Writes the manifest, has everything on the platter, and gives the file its name.
    fn finish(mut self, mut manifest: Manifest, part: &Path) -> Result<BackupReport, BackupError> {
        manifest.counts.images = self.images;
        manifest.counts.images_in_the_cloud = self.in_the_cloud;
        manifest.damaged = std::mem::take(&mut self.damaged);
        manifest.members = std::mem::take(&mut self.members);
        let json = serde_json::to_vec_pretty(&manifest)
            .map_err(|error| self.target.failed("the manifest", error.into()))?;
        self.bytes(MANIFEST, &json)?;
        let Self {
            target, builder, ..
        } = self;
        let finished = (|| {
            let mut writer = builder.into_inner()?;
            writer.flush()?;
            let file = writer
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            file.metadata().map(|found| found.len())
        })();
        let bytes = finished.map_err(|error| target.failed("writing", error))?;
        if fs::symlink_metadata(&target.file).is_ok() {
            return Err(BackupError::Exists { file: target.file });
        }
        fs::rename(part, &target.file)
            .and_then(|()| sync_name(&target.folder))
            .map_err(|error| target.failed("naming the file", error))?;
        Ok(BackupReport {
            file: target.file,
            bytes,
            records: manifest.counts.records,
            images: manifest.counts.images,
            images_in_the_cloud: manifest.counts.images_in_the_cloud,
            damaged: manifest
                .damaged
                .into_iter()
                .map(|damaged| (damaged.path, damaged.reason))
                .collect(),
            audit_head: manifest.audit_head.map(|head| (head.number, head.sha256)),
        })
    }
}

/// Has a name on the platter, where the file system of the backup knows how.
pub(crate) fn sync_name(folder: &Path) -> io::Result<()> {
    sync_dir(folder).or_else(|error| match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported => Ok(()),
        _ => Err(error),
    })
}
