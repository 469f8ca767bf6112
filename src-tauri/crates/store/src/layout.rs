//! Where things lie in a data directory, and the lock on it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};
use wiko_core::{id::InspectionId, image::ImageFormat, time::UnixMillis};

/// Name of the database.
pub(crate) const DATABASE: &str = "wiko.sqlite3";

/// A data directory.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

/// What came of asking for the pictures.
#[derive(Debug)]
pub(crate) enum Hold {
    /// They are the caller's until the file is dropped.
    Held(#[allow(dead_code, reason = "the lock is what it is for")] File),
    /// A backup reads them.
    Busy,
}

/// Why the lock was not taken.
#[derive(Debug)]
pub(crate) enum LockRefused {
    /// Another process holds it.
    InUse,
    /// Pictures lie there without a database.
    DatabaseLost,
    /// The lock file cannot be opened.
    Io(io::Error),
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.root.join(DATABASE)
    }

    pub(crate) fn wal(&self) -> PathBuf {
        self.root.join("wiko.sqlite3-wal")
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }

    /// True where a picture has its name in the spool: its row was written, or was about to be.
    pub(crate) fn has_pictures(&self) -> io::Result<bool> {
        let days = match fs::read_dir(self.spool()) {
            Ok(days) => days,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        for day in days {
            let day = day?;
            if !day.file_type()?.is_dir() {
                continue;
            }
            for file in fs::read_dir(day.path())? {
                if !file?.file_name().to_string_lossy().starts_with('.') {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// True where there is a database with anything in it.
    pub(crate) fn has_database(&self) -> bool {
        fs::metadata(self.database()).is_ok_and(|file| file.len() > 0)
            || fs::metadata(self.wal()).is_ok_and(|file| file.len() > 0)
    }

    pub(crate) fn quarantine(&self) -> PathBuf {
        self.root.join("quarantine")
    }

    /// Room set aside for rows; see `ballast`.
    /// Copies the write-ahead log to quarantine, durably, under a name that was never given. Blocks.
    pub(crate) fn keep_wal(&self) -> io::Result<PathBuf> {
        let kept = (1u32..)
            .map(|n| {
                self.quarantine()
                    .join(format!("wiko.sqlite3-wal.damaged-{n}"))
            })
            .find(|kept| fs::symlink_metadata(kept).is_err())
            .unwrap_or_else(|| self.quarantine().join("wiko.sqlite3-wal.damaged"));
        fs::copy(self.wal(), &kept)?;
        File::open(&kept)?.sync_all()?;
        sync_dir(&self.quarantine())?;
        Ok(kept)
    }

    pub(crate) fn ballast(&self) -> PathBuf {
        self.root.join("ballast")
    }

    /// What broke, until a person clears it; see `faults`.
    pub(crate) fn fault(&self) -> PathBuf {
        self.root.join("fault")
    }

    /// Where the picture of a part lies: by the UTC day of its capture, which never changes.
    pub(crate) fn image(
        &self,
        id: InspectionId,
        captured_at: UnixMillis,
        format: ImageFormat,
    ) -> PathBuf {
        self.spool()
            .join(day(captured_at))
            .join(format!("{id}.{}", format.extension()))
    }

    /// Makes the data directory itself, for the station's user alone.
    pub(crate) fn create_root(&self) -> io::Result<()> {
        create_private_dir_all(&self.root)
    }

    /// Makes what is missing in it, and has the new names durable.
    pub(crate) fn create(&self) -> io::Result<()> {
        for dir in [self.spool(), self.quarantine()] {
            create_private_dir_all(&dir)?;
        }
        // SQLite gives its -wal and -shm the permissions of the database.
        private_file()
            .append(true)
            .create(true)
            .open(self.database())?;
        sync_dir(&self.root)?;
        match self.root.parent() {
            // The parent may belong to somebody else; the name in it is as durable as they made it.
            Some(parent) => sync_dir(parent).or_else(|error| match error.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            }),
            None => Ok(()),
        }
    }

    /// Takes the data directory for this process until the file is dropped.
    pub(crate) fn lock(&self) -> Result<File, LockRefused> {
        let mut file = private_file()
            .read(true)
            .append(true)
            .create(true)
            .open(self.root.join("lock"))
            .map_err(LockRefused::Io)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => LockRefused::InUse,
            TryLockError::Error(error) => LockRefused::Io(error),
        })?;
        // For a person who looks; the lock itself is what counts.
        let note = file
            .set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        if let Err(error) = note {
            tracing::debug!(%error, "the process id is not noted in the lock file");
        }
        Ok(file)
    }
}

impl Layout {
    /// Takes the pictures for removing some, where no backup reads them: also one of another process.
    pub(crate) fn hold_for_removal(&self) -> io::Result<Hold> {
        let file = self.pictures_lock()?;
        match file.try_lock() {
            Ok(()) => Ok(Hold::Held(file)),
            Err(TryLockError::WouldBlock) => Ok(Hold::Busy),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Keeps every picture where it is until the file is dropped; waits for a removal to end. Where nothing
    /// can be written nothing is removed, and no file is needed. Blocks.
    pub(crate) fn hold_for_reading(&self) -> io::Result<Option<File>> {
        match self.pictures_lock() {
            Ok(file) => file.lock_shared().map(|()| Some(file)),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn pictures_lock(&self) -> io::Result<File> {
        private_file()
            .read(true)
            .append(true)
            .create(true)
            .open(self.root.join("spool.lock"))
    }
}

/// The directory of a day, `2026-03-01`.
fn day(captured_at: UnixMillis) -> String {
    let mut text = captured_at.iso8601();
    if let Some(end) = text.find('T') {
        text.truncate(end);
    }
    text
}

/// Open options for files that only the station's user may read.
pub(crate) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options
}

/// Makes a directory and its missing parents, for the station's user alone.
pub(crate) fn create_private_dir_all(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(dir)
}

/// Has the names in a directory on the platter.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    open_dir(dir)?.sync_all()
}

/// A directory as something that can be fsynced.
pub(crate) fn open_dir(dir: &Path) -> io::Result<File> {
    File::open(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_lies_by_the_utc_day_of_its_capture() {
        let id = InspectionId::new(UnixMillis(0), [7; 10]);
        let path = Layout::new(Path::new("/data")).image(
            id,
            UnixMillis(1_772_352_000_000),
            ImageFormat::Png,
        );
        assert_eq!(
            path,
            PathBuf::from(format!("/data/spool/2026-03-01/{id}.png"))
        );
    }
}
