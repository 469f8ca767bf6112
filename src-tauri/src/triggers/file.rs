//! How triggers are set up on this station: `triggers.toml` in the data directory, written by set-up.
//!
//! Invariants:
//! - The file is there whole or not at all, and on the disk before a change counts as made.
//! - A file that cannot be used is refused with what is wrong and left as it is.

use crate::set_up_file::{lock, write_whole};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use wiko_core::trigger::{BadTriggerSettings, TriggerSettings};

/// Name of the file in the data directory.
pub const FILE_NAME: &str = "triggers.toml";

/// Held by whoever changes the file, so that neither of two processes undoes what the other did.
const LOCK: &str = ".triggers.lock";

/// The set-up of triggers cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TriggerFileError {
    /// The file is not to be had.
    #[error("{}: {error}; check the disk and the rights to the data directory", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is not what set-up writes.
    #[error("{}: {message}; mend it, or delete it and set the triggers up again", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What and where.
        message: String,
    },
    /// A station cannot work by it.
    #[error(transparent)]
    Bad(#[from] BadTriggerSettings),
}

/// The settings of `data_dir`; those of a new station where nothing was set up.
pub fn load(data_dir: &Path) -> Result<TriggerSettings, TriggerFileError> {
    let path = data_dir.join(FILE_NAME);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(TriggerSettings::default());
        }
        Err(error) => return Err(TriggerFileError::Io { path, error }),
    };
    let malformed = |message: String| TriggerFileError::Malformed {
        path: path.clone(),
        message,
    };
    let settings: TriggerSettings =
        toml::from_str(&text).map_err(|error| malformed(error.to_string()))?;
    settings
        .checked()
        .map_err(|error| malformed(error.to_string()))
}

/// The settings of `data_dir` for a station that runs: none where the file is not there or empty, which is nothing to work
/// by.
pub fn reload(data_dir: &Path) -> Result<Option<TriggerSettings>, TriggerFileError> {
    let length = fs::metadata(data_dir.join(FILE_NAME)).map(|file| file.len());
    match length {
        Ok(length) if length > 0 => load(data_dir).map(Some),
        _ => Ok(None),
    }
}

/// Keeps the settings, once they are checked, and gives them back. On the disk when it returns.
pub fn save(
    data_dir: &Path,
    settings: TriggerSettings,
) -> Result<TriggerSettings, TriggerFileError> {
    let _lock = locked(data_dir)?;
    put(data_dir, settings)
}

/// Changes what is kept, which nobody else does meanwhile. Answers with what was before, and what is kept now.
pub fn edit<E: From<TriggerFileError>>(
    data_dir: &Path,
    edit: impl FnOnce(&TriggerSettings) -> Result<TriggerSettings, E>,
) -> Result<(TriggerSettings, TriggerSettings), E> {
    let _lock = locked(data_dir)?;
    let before = load(data_dir)?;
    let now = put(data_dir, edit(&before)?)?;
    Ok((before, now))
}

fn locked(data_dir: &Path) -> Result<fs::File, TriggerFileError> {
    let path = data_dir.join(LOCK);
    lock(&path).map_err(|error| TriggerFileError::Io { path, error })
}

fn put(data_dir: &Path, settings: TriggerSettings) -> Result<TriggerSettings, TriggerFileError> {
    let settings = settings.checked()?;
    let path = data_dir.join(FILE_NAME);
    let text = toml::to_string(&settings).map_err(|error| TriggerFileError::Malformed {
        path: path.clone(),
        message: error.to_string(),
    })?;
    write_whole(&path, text.as_bytes()).map_err(|error| TriggerFileError::Io { path, error })?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wiko_core::trigger::{BarcodeFills, BarcodeSettings, PedalKey, TriggerSource};

    #[test]
    fn what_was_kept_is_read_again_and_nothing_kept_is_a_new_station() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(load(dir.path()).unwrap(), TriggerSettings::default());
        let settings = TriggerSettings {
            sources: [TriggerSource::Pedal, TriggerSource::Barcode].into(),
            debounce_ms: 200,
            interval_ms: 900,
            pedal_key: PedalKey::try_from("F13".to_owned()).ok(),
            barcode: BarcodeSettings {
                prefix: "W-".into(),
                suffix: "#".into(),
                fills: BarcodeFills::Lot,
                triggers: true,
            },
            http_port: 9000,
        };
        save(dir.path(), settings.clone()).unwrap();
        assert_eq!(load(dir.path()).unwrap(), settings);
    }

    #[test]
    fn a_station_that_runs_keeps_to_its_settings_where_the_file_is_gone_or_empty() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(reload(dir.path()).unwrap(), None);
        let path = dir.path().join(FILE_NAME);
        fs::write(&path, "").unwrap();
        assert_eq!(reload(dir.path()).unwrap(), None);
        fs::write(&path, "debounce_ms = 400\n").unwrap();
        assert_eq!(reload(dir.path()).unwrap().unwrap().debounce_ms, 400);
        fs::write(&path, "debounce_ms = 1\n").unwrap();
        reload(dir.path()).unwrap_err();
    }

    #[test]
    fn two_who_change_the_file_at_once_undo_nothing_of_each_other() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        edit(dir.path(), |now| {
                            let next = TriggerSettings {
                                interval_ms: now.interval_ms + 1,
                                ..now.clone()
                            };
                            Ok::<_, TriggerFileError>(next)
                        })
                        .unwrap();
                    }
                });
            }
        });
        let before = TriggerSettings::default().interval_ms;
        assert_eq!(load(dir.path()).unwrap().interval_ms, before + 100);
    }

    #[test]
    fn a_file_that_cannot_be_used_is_refused_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        for (text, told) in [
            ("debounce_ms = \"x\"\n", "line 1"),
            ("deboance_ms = 300\n", "deboance_ms"),
            ("sources = [\"foot\"]\n", "foot"),
            ("sources = [\"pedal\"]\n", "pedal_key"),
            ("debounce_ms = 1\n", "debounce_ms"),
        ] {
            fs::write(&path, text).unwrap();
            let refused = load(dir.path()).unwrap_err().to_string();
            assert!(refused.contains(told), "{refused}");
            assert!(refused.contains("triggers.toml"), "{refused}");
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        fs::write(&path, "debounce_ms = 400\n").unwrap();
        let bad = TriggerSettings {
            http_port: 80,
            ..TriggerSettings::default()
        };
        let refused = save(dir.path(), bad).unwrap_err().to_string();
        assert!(refused.contains("http_port"), "{refused}");
        assert_eq!(load(dir.path()).unwrap().debounce_ms, 400);
    }
}
