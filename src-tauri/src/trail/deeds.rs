//! What was done at the command line, on its way into the audit trail.
//!
//! Invariants:
//! - Only the station that holds a data directory writes its database. A command beside it leaves its deed as a
//!   file in `deeds/`, and the station that works there, or the next one, takes it into its trail.
//! - A deed that changes what lies outside the records is left before it is done, as begun ([`begin`]): after a
//!   crash in the middle the trail says so. While the command is at work it holds the file's lock.
//! - A file is there whole or not at all, and is removed once its row is written. A crash between the two
//!   doubles nothing: the row is known again. One that cannot be removed is not looked at again in this run.
//! - Only what was read and is no deed is put aside; what the disk does not give stays where it is.
//! - Whatever a file says, its row says that it came from the command line.

use super::COMMAND_LINE;
use crate::{settings::Settings, wiring::store_options};
use std::{
    collections::BTreeSet,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use wiko_core::{
    audit::{AuditCategory, AuditEntry, AuditResult, AuditSource},
    ports::{Records, StoreError},
    time::UnixMillis,
};
use wiko_store::SqliteRecords;

const FOLDER: &str = "deeds";

/// Of a deed that was done.
const ENDING: &str = "json";

/// Of one that was begun.
const BEGUN: &str = "begun";

/// Of one that is none.
const UNREADABLE: &str = "unreadable";

/// Files whose rows are written and that could not be removed in this run.
static NOTED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// How often a running station looks for deeds.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What a person or a script did at the command line.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deed {
    /// When.
    pub at: UnixMillis,
    /// What kind.
    pub category: AuditCategory,
    /// On what: the name of a secret, a model's file.
    pub subject: String,
    /// What exactly. Never holds a secret.
    pub detail: String,
    /// How it ended.
    #[serde(default = "done")]
    pub result: AuditResult,
}

/// Files of stations before this field have none.
fn done() -> AuditResult {
    AuditResult::Done
}

impl Deed {
    fn entry(&self) -> AuditEntry {
        AuditEntry {
            at: self.at,
            source: AuditSource::CommandLine,
            category: self.category,
            identity: COMMAND_LINE.to_owned(),
            subject: Some(self.subject.clone()),
            result: self.result,
            detail: self.detail.clone(),
        }
    }
}

/// Where a deed was noted.
#[derive(Debug, PartialEq, Eq)]
pub enum Noted {
    /// In the trail.
    InTrail,
    /// As a file, because the trail cannot be written from here now.
    ForLater(StoreError),
}

/// A deed is in no trail, and will not be.
#[derive(Debug, thiserror::Error)]
#[error("it is not in the audit trail: {trail}; nor could it be left for later: {file}")]
pub struct NotNoted {
    trail: StoreError,
    file: io::Error,
}

/// Why not all that was left is in the trail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTakenIn {
    /// The trail takes nothing.
    #[error(transparent)]
    Trail(#[from] StoreError),
    /// The disk does not give some of the files, or does not let go of them; the others are in the trail.
    #[error("{}", .0.join("; "))]
    Files(Vec<String>),
}

impl NotTakenIn {
    /// The trail's own error; what is wrong with files is logged and fails nothing.
    pub fn of_the_trail(self) -> Result<(), StoreError> {
        match self {
            Self::Trail(error) => Err(error),
            Self::Files(_) => {
                tracing::error!(error = %self, "deeds of the command line are not in the trail");
                Ok(())
            }
        }
    }
}

/// A deed that is being done.
#[derive(Debug)]
pub struct Begun {
    folder: PathBuf,
    name: String,
    /// Locked for as long as the deed lasts.
    _file: File,
}

/// Leaves word of a deed before it is done. Where it was not finished, the trail says that it was begun.
pub fn begin(settings: &Settings, deed: &Deed) -> io::Result<Begun> {
    let folder = settings.data_dir.join(FOLDER);
    let name = name_of(deed);
    let begun = Deed {
        detail: format!("begun: {}", deed.detail),
        result: AuditResult::Failed,
        ..deed.clone()
    };
    let file = put(&folder, &name, BEGUN, &begun)?;
    Ok(Begun {
        folder,
        name,
        _file: file,
    })
}

impl Begun {
    fn path(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", self.name))
    }

    /// Puts the finished deed in the place of the one that was begun, and has it taken in where no station works
    /// there.
    pub async fn finish(self, settings: &Settings, deed: &Deed) -> Result<Noted, NotNoted> {
        if let Err(file) = put(&self.folder, &self.name, ENDING, deed) {
            // The disk is full, perhaps; the trail has its ballast.
            let noted = append(settings, Some(deed)).await;
            let noted = noted.map_err(|trail| NotNoted { trail, file });
            if noted.is_ok() {
                self.over();
            }
            return noted.map(|()| Noted::InTrail);
        }
        self.over();
        Ok(match append(settings, None).await {
            Ok(()) => Noted::InTrail,
            Err(trail) => Noted::ForLater(trail),
        })
    }

    /// Removed before its lock is given up: what is there without a lock was left by a crash.
    fn over(&self) {
        let path = self.path(BEGUN);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::error!(path = %path.display(), %error, "a deed that is over cannot be removed");
            }
            _ => {}
        }
    }
}

/// Notes a deed in the trail of a data directory, or leaves it for the station that works there.
pub async fn note(settings: &Settings, deed: &Deed) -> Result<Noted, NotNoted> {
    let trail = match append(settings, Some(deed)).await {
        Ok(()) => return Ok(Noted::InTrail),
        Err(trail) => trail,
    };
    let folder = settings.data_dir.join(FOLDER);
    match put(&folder, &name_of(deed), ENDING, deed) {
        Ok(_) => Ok(Noted::ForLater(trail)),
        Err(file) => Err(NotNoted { trail, file }),
    }
}

/// Takes in what was left, which was done before, then this.
async fn append(settings: &Settings, deed: Option<&Deed>) -> Result<(), StoreError> {
    let opened = SqliteRecords::open(&settings.data_dir, store_options(settings)).await?;
    for path in &opened.quarantined {
        tracing::warn!(path = %path.display(), "a picture without a record was put in quarantine");
    }
    let noted = async {
        take_in(&opened.records, &settings.data_dir)
            .await
            .or_else(NotTakenIn::of_the_trail)?;
        match deed {
            Some(deed) => opened.records.note(&deed.entry()).await.map(drop),
            None => Ok(()),
        }
    };
    let noted = noted.await;
    opened.records.close().await;
    noted
}

fn name_of(deed: &Deed) -> String {
    format!("{:020}-{}", deed.at.0, std::process::id())
}

/// Puts a deed there, whole; its file is locked for as long as it is held.
fn put(folder: &Path, name: &str, ending: &str, deed: &Deed) -> io::Result<File> {
    private_dir(folder)?;
    let part = folder.join(format!("{name}.{ending}.part"));
    let mut file = private_file(&part)?;
    let written = (|| {
        if ending == BEGUN {
            file.try_lock()?;
        }
        file.write_all(&serde_json::to_vec(deed)?)?;
        file.sync_all()?;
        fs::rename(&part, folder.join(format!("{name}.{ending}")))?;
        sync_dir(folder)
    })();
    match written {
        Ok(()) => Ok(file),
        Err(error) => {
            // Nothing is left of it either way.
            let _ = fs::remove_file(&part);
            Err(error)
        }
    }
}

/// Takes into the trail what was left for it, the oldest first. A deed that is still being done is left alone.
pub async fn take_in(records: &SqliteRecords, data_dir: &Path) -> Result<(), NotTakenIn> {
    let folder = data_dir.join(FOLDER);
    let named = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
    let left = match left(&folder) {
        Ok(left) => left,
        Err(error) => return Err(NotTakenIn::Files(vec![named(&folder, error)])),
    };
    let mut wrong = vec![];
    for LeftDeed { path, state } in left {
        if is_noted(&path) {
            continue;
        }
        let read = match state {
            LeftState::Waiting => fs::read(&path).map(Some),
            LeftState::Begun => read_of_the_dead(&path),
            LeftState::Unreadable => Ok(None),
        };
        let json = match read {
            Ok(Some(json)) => json,
            Ok(None) => continue,
            // Taken away in the meantime by the command itself, which has ended well.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                wrong.push(named(&path, error));
                continue;
            }
        };
        let entry = match serde_json::from_slice::<Deed>(&json) {
            Ok(deed) if state == LeftState::Begun => deed.of_unknown_end().entry(),
            Ok(deed) => deed.entry(),
            Err(error) => {
                // Out of the way of the others, and kept for whoever looks.
                match fs::rename(&path, path.with_extension(UNREADABLE)) {
                    Ok(()) => {
                        tracing::error!(path = %path.display(), %error, "a deed cannot be read");
                    }
                    Err(kept) => wrong.push(named(&path, kept)),
                }
                continue;
            }
        };
        let subject = entry.subject.as_deref().unwrap_or_default();
        let last = records.reader().last_of(entry.category, subject).await?;
        if last.is_none_or(|last| last.entry != entry) {
            records.note(&entry).await?;
        }
        // The other first: alone it would be told of as one whose end is not known.
        for file in [&path.with_extension(BEGUN), &path] {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    wrong.push(named(file, error));
                    noted(path.clone());
                    break;
                }
                _ => {}
            }
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(NotTakenIn::Files(wrong)),
    }
}

fn is_noted(path: &Path) -> bool {
    let noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    noted.contains(path)
}

fn noted(path: PathBuf) {
    let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    noted.insert(path);
}

impl Deed {
    fn of_unknown_end(self) -> Self {
        Self {
            detail: format!(
                "{}; its end is not known: the command was ended in the middle",
                self.detail
            ),
            result: AuditResult::Failed,
            ..self
        }
    }
}

/// Reads a deed that was begun, where its command has ended: none while it is at work, or was finished.
fn read_of_the_dead(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // A command that ended well removed it, and what it finished is taken in by its own name.
    if !path.try_exists()? || path.with_extension(ENDING).try_exists()? {
        return Ok(None);
    }
    let mut json = vec![];
    file.read_to_end(&mut json)?;
    Ok(Some(json))
}

/// How far a deed has come that is not in the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftState {
    /// Done; waits for a station.
    Waiting,
    /// Begun; the command is at work, or was ended in the middle.
    Begun,
    /// No deed; never taken in.
    Unreadable,
}

/// A deed that is not in the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftDeed {
    /// Its file.
    pub path: PathBuf,
    /// How far it has come.
    pub state: LeftState,
}

/// What was left in a data directory and is not in its trail, the oldest first.
pub fn deeds_left(data_dir: &Path) -> io::Result<Vec<LeftDeed>> {
    left(&data_dir.join(FOLDER))
}

fn left(folder: &Path) -> io::Result<Vec<LeftDeed>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(error),
    };
    let mut left = vec![];
    for entry in entries {
        let path = entry?.path();
        let state = match path.extension().and_then(|ending| ending.to_str()) {
            Some(ENDING) => LeftState::Waiting,
            Some(BEGUN) => LeftState::Begun,
            Some(UNREADABLE) => LeftState::Unreadable,
            _ => continue,
        };
        left.push(LeftDeed { path, state });
    }
    left.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(left)
}

/// Takes deeds into the trail for as long as the station is at work.
pub fn keep_taking_in(records: &Arc<SqliteRecords>, data_dir: PathBuf) {
    let records = Arc::downgrade(records);
    tokio::spawn(async move {
        let mut told = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let Some(records) = records.upgrade() else {
                return;
            };
            let failed = take_in(&records, &data_dir).await.err();
            if let Some(error) = failed.as_ref().filter(|_| failed != told) {
                tracing::warn!(%error, "deeds of the command line are not in the trail yet");
            }
            told = failed;
        }
    });
}

fn private_dir(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder)
}

fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

#[cfg(unix)]
fn sync_dir(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Nowhere else can a folder be opened to be synced.
#[cfg(not(unix))]
fn sync_dir(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[path = "deeds_tests.rs"]
mod tests;
