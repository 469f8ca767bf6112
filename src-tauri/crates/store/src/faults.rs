//! Turns what the disk and the database say into [`StoreError`], and remembers an I/O error on a write.
//!
//! Invariant: after an I/O error on a write the latch stays shut until a person clears it or the
//! station is started again. The kernel reports a failed write-back once; what follows looks healthy.

use std::{io, sync::Mutex, sync::PoisonError};
use wiko_core::ports::StoreError;

/// Primary result codes of SQLite, see <https://www.sqlite.org/rescode.html>.
mod code {
    pub(super) const PERM: i32 = 3;
    pub(super) const READONLY: i32 = 8;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
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
            latched: Mutex::new(None),
        }
    }

    fn dir(&self) -> String {
        self.data_dir.display().to_string()
    }

    pub(crate) fn disk_full(&self) -> StoreError {
        StoreError::DiskFull {
            data_dir: self.dir(),
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

    pub(crate) fn clear(&self) {
        *self.latched.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Refuses while a fault is latched.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.latched()
            .map_or(Ok(()), |reason| Err(StoreError::Fault { reason }))
    }

    fn latch(&self, reason: String) -> StoreError {
        let mut latched = self.latched.lock().unwrap_or_else(PoisonError::into_inner);
        // The first fault is the one that says most; later ones follow from it.
        latched.get_or_insert_with(|| reason.clone());
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
            _ => Refused::Other(reason()),
        }
    }

    fn nothing_free(&self) -> bool {
        fs4::available_space(&self.data_dir).is_ok_and(|free| free < NOTHING_FREE_BYTES)
    }
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
        faults.clear();
        assert_eq!(faults.check(), Ok(()));
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
