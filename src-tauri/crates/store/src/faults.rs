//! Turns what the disk and the database say into [`StoreError`], and remembers an I/O error on a write.
//!
//! Invariant: after an I/O error on a write the latch stays shut until a person clears it, also when the
//! station is started again. The kernel reports a failed write-back once; what follows looks healthy. That
//! it is shut is noted in the file `fault`, as far as the disk still takes it.

use crate::layout::{Layout, private_file, sync_dir};
use std::{fs, io, io::Write, sync::Mutex, sync::PoisonError, time::SystemTime};
use wiko_core::{
    ports::{ReserveTouched, StoreError},
    time::UnixMillis,
};

/// Primary result codes of SQLite, see <https://www.sqlite.org/rescode.html>.
mod code {
    pub(super) const PERM: i32 = 3;
    pub(super) const READONLY: i32 = 8;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const CONSTRAINT: i32 = 19;
    pub(super) const NOTADB: i32 = 26;
    /// The wal-index could not grow; with a full disk this comes in place of FULL.
    pub(super) const IOERR_SHMSIZE: i32 = IOERR | (19 << 8);
}

/// Below this a disk is full, whatever it answers.
const NOTHING_FREE_BYTES: u64 = 64 * 1024;

/// The errors of one data directory.
#[derive(Debug)]
pub(crate) struct Faults {
    data_dir: std::path::PathBuf,
    latched: Mutex<Option<String>>,
}

impl Faults {
    pub(crate) fn of(data_dir: &std::path::Path) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            latched: Mutex::new(noted(&Layout::new(data_dir))),
        }
    }

    fn dir(&self) -> String {
        self.data_dir.display().to_string()
    }

    pub(crate) fn disk_full(&self) -> StoreError {
        StoreError::DiskFull {
            data_dir: self.dir(),
            reserve: None,
        }
    }

    /// There is room, and it is kept for decisions and uploads.
    pub(crate) fn reserve_touched(&self, free_bytes: u64, reserve_bytes: u64) -> StoreError {
        StoreError::DiskFull {
            data_dir: self.dir(),
            reserve: Some(ReserveTouched {
                free_bytes,
                reserve_bytes,
            }),
        }
    }

    pub(crate) fn in_use(&self) -> StoreError {
        StoreError::InUse {
            data_dir: self.dir(),
        }
    }

    pub(crate) fn too_new(&self) -> StoreError {
        StoreError::TooNew {
            data_dir: self.dir(),
        }
    }

    /// There are pictures and no database. A new one would take them for what was never acknowledged.
    pub(crate) fn database_lost(&self) -> StoreError {
        StoreError::Fault {
            reason: format!(
                "there are pictures in {} and no database: check that its disk is mounted; if the \
                 database is lost, restore a backup into an empty folder and keep this one",
                self.dir()
            ),
        }
    }

    fn read_only(&self) -> StoreError {
        StoreError::ReadOnly {
            data_dir: self.dir(),
        }
    }

    /// What is latched, where something is.
    pub(crate) fn latched(&self) -> Option<String> {
        self.latched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Opens the latch; it stays shut where the note of it cannot be removed. Blocks.
    pub(crate) fn clear(&self) -> io::Result<()> {
        let layout = Layout::new(&self.data_dir);
        match fs::remove_file(layout.fault()) {
            Ok(()) => sync_dir(layout.root())?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        *self.latched.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }

    /// Refuses while a fault is latched.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.latched()
            .map_or(Ok(()), |reason| Err(StoreError::Fault { reason }))
    }

    pub(crate) fn latch(&self, reason: String) -> StoreError {
        let mut latched = self.latched.lock().unwrap_or_else(PoisonError::into_inner);
        // The first fault is the one that says most; later ones follow from it.
        if latched.is_none() {
            *latched = Some(reason.clone());
            // The disk may not take it; then the latch holds for this run alone.
            if let Err(error) = note(&Layout::new(&self.data_dir), &reason) {
                tracing::error!(%error, reason, "the storage fault could not be noted on the disk");
            }
        }
        StoreError::Fault { reason }
    }

    /// A file could not be written, named, or made durable.
    pub(crate) fn file_write(&self, doing: &str, error: &io::Error) -> StoreError {
        self.file_refused(error).unwrap_or_else(|| {
            self.latch(format!(
                "{doing} in {}: {error}; check the disk",
                self.dir()
            ))
        })
    }

    /// A file or directory could not be read.
    pub(crate) fn file_read(&self, doing: &str, error: &io::Error) -> StoreError {
        self.file_refused(error)
            .unwrap_or_else(|| StoreError::Fault {
                reason: format!("{doing} in {}: {error}; check the disk", self.dir()),
            })
    }

    fn file_refused(&self, error: &io::Error) -> Option<StoreError> {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some(self.disk_full()),
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Some(self.read_only())
            }
            _ => None,
        }
    }

    /// The database did not take a change; nothing of it is kept.
    pub(crate) fn row_write(&self, error: &sqlx::Error) -> StoreError {
        match self.row_refused(error) {
            Refused::Known(known) => known,
            Refused::Broken(reason) => self.latch(reason),
            Refused::Other(reason) => StoreError::Fault { reason },
        }
    }

    /// The database did not answer a question.
    pub(crate) fn row_read(&self, error: &sqlx::Error) -> StoreError {
        match self.row_refused(error) {
            Refused::Known(known) => known,
            Refused::Broken(reason) | Refused::Other(reason) => StoreError::Fault { reason },
        }
    }

    fn row_refused(&self, error: &sqlx::Error) -> Refused {
        let reason = || format!("the database in {}: {error}", self.dir());
        let Some(extended) = extended_code(error) else {
            return match error {
                sqlx::Error::Io(io) => self
                    .file_refused(io)
                    .map_or_else(|| Refused::Broken(reason()), Refused::Known),
                _ => Refused::Other(reason()),
            };
        };
        match extended & 0xff {
            code::FULL => Refused::Known(self.disk_full()),
            code::PERM | code::READONLY | code::CANTOPEN => Refused::Known(self.read_only()),
            code::IOERR if extended == code::IOERR_SHMSIZE && self.nothing_free() => {
                Refused::Known(self.disk_full())
            }
            code::IOERR | code::CORRUPT | code::NOTADB => Refused::Broken(format!(
                "{}; check the disk, then `wiko-station doctor`",
                reason()
            )),
            code::CONSTRAINT => Refused::Known(StoreError::Refused { reason: reason() }),
            _ => Refused::Other(reason()),
        }
    }

    fn nothing_free(&self) -> bool {
        fs4::available_space(&self.data_dir).is_ok_and(|free| free < NOTHING_FREE_BYTES)
    }
}

/// Notes a fault for the next start, in words, with the time for the person who reads it.
fn note(layout: &Layout, reason: &str) -> io::Result<()> {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let at = UnixMillis(0).plus(since_epoch.unwrap_or_default());
    let mut file = private_file()
        .write(true)
        .create(true)
        .truncate(true)
        .open(layout.fault())?;
    writeln!(file, "{reason} (seen at {})", at.iso8601())?;
    file.sync_all()?;
    sync_dir(layout.root())
}

/// The fault that was noted. One that cannot be read is one all the same.
fn noted(layout: &Layout) -> Option<String> {
    match fs::read(layout.fault()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => None,
        Err(error) => Some(format!(
            "a storage fault was noted, which cannot be read: {error}"
        )),
        Ok(text) => match String::from_utf8_lossy(&text).trim() {
            "" => Some("a storage fault was noted, and the disk kept no more of it".to_owned()),
            reason => Some(reason.to_owned()),
        },
    }
}

/// True where it is certain that nothing of a failed change will ever be seen: SQLite refused it before
/// its commit. After an I/O error the commit may lie in the log all the same.
pub(crate) fn surely_not_written(error: &sqlx::Error) -> bool {
    extended_code(error)
        .is_some_and(|extended| matches!(extended & 0xff, code::FULL | code::CONSTRAINT))
}

enum Refused {
    /// It has its own kind of error.
    Known(StoreError),
    /// The disk or the file is broken.
    Broken(String),
    /// Anything else; nothing is wrong with the disk.
    Other(String),
}

fn extended_code(error: &sqlx::Error) -> Option<i32> {
    match error {
        sqlx::Error::Database(error) => error.code()?.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_io_error_on_a_write_is_latched_until_it_is_cleared_and_one_on_a_read_is_not() {
        let faults = Faults::of(std::path::Path::new("/data"));
        let eio = io::Error::from_raw_os_error(5);
        faults.file_read("reading", &eio);
        assert_eq!(faults.check(), Ok(()));

        let error = faults.file_write("writing a picture", &eio);
        assert!(
            error.to_string().contains("writing a picture in /data"),
            "{error}"
        );
        assert_eq!(faults.check(), Err(error));
        faults.clear().unwrap();
        assert_eq!(faults.check(), Ok(()));
    }

    #[test]
    fn a_fault_is_still_there_for_the_next_start_until_it_is_cleared() {
        let dir = tempfile::tempdir().unwrap();
        Faults::of(dir.path()).file_write("writing a picture", &io::Error::from_raw_os_error(5));
        let next = Faults::of(dir.path());
        let told = next.check().unwrap_err().to_string();
        assert!(
            told.contains("writing a picture") && told.contains("seen at 20"),
            "{told}"
        );
        next.clear().unwrap();
        assert_eq!(Faults::of(dir.path()).check(), Ok(()));

        // A power cut between the name and the words.
        fs::write(dir.path().join("fault"), "").unwrap();
        assert!(Faults::of(dir.path()).check().is_err());
    }

    #[test]
    fn a_full_and_a_read_only_disk_have_their_own_errors_and_latch_nothing() {
        let faults = Faults::of(std::path::Path::new("/data"));
        let data_dir = || "/data".to_owned();
        let table = [
            (
                28,
                StoreError::DiskFull {
                    data_dir: data_dir(),
                    reserve: None,
                },
            ),
            (
                30,
                StoreError::ReadOnly {
                    data_dir: data_dir(),
                },
            ),
            (
                13,
                StoreError::ReadOnly {
                    data_dir: data_dir(),
                },
            ),
        ];
        for (errno, expected) in table {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(faults.file_write("writing", &error), expected);
        }
        assert_eq!(faults.latched(), None);
    }
}
