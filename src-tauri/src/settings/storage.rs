//! `[storage]` and `[backup]` of `station.toml`: how long pictures are kept, what stays free, and where the
//! daily backup goes.

use super::{SettingsError, file::TimeOfDay};
use serde::Deserialize;
use std::{path::PathBuf, time::Duration};
use wiko_store::{BackupImages, RetentionPolicy};

const MIB: u64 = 1 << 20;
const GIB: f64 = (1u64 << 30) as f64;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Longer than any station stands.
const MOST_DAYS: u32 = 36_500;

/// More than any disk of a station, in MiB.
const MOST_MIB: u64 = 1 << 20;

/// The same, in GiB.
const MOST_GIB: f64 = 1_048_576.0;

/// `[storage]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageFile {
    /// Pictures of good parts are kept so long, once they are verified in the cloud.
    pub keep_days: u32,
    /// All others are kept so long.
    pub keep_defect_days: u32,
    /// All pictures together; none for no limit.
    pub budget_gb: Option<f64>,
    /// Below this, verified pictures go before their time.
    pub low_disk_gb: f64,
    /// Below this nothing is captured.
    pub reserve_mb: u64,
    /// Room set aside for rows.
    pub ballast_mb: u64,
}

impl Default for StorageFile {
    fn default() -> Self {
        Self {
            keep_days: 90,
            keep_defect_days: 365,
            budget_gb: None,
            low_disk_gb: 5.0,
            reserve_mb: 256,
            ballast_mb: 128,
        }
    }
}

/// `[backup]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BackupFile {
    /// Where it goes; none for no daily backup.
    pub folder: Option<PathBuf>,
    /// When, in the station's time zone.
    pub at: TimeOfDay,
    /// So many are kept.
    pub keep: usize,
    /// Which pictures go in.
    pub images: BackupImages,
}

impl Default for BackupFile {
    fn default() -> Self {
        Self {
            folder: None,
            at: TimeOfDay(jiff::civil::time(3, 30, 0, 0)),
            keep: 7,
            images: BackupImages::Unsent,
        }
    }
}

/// What is kept, how long, and how much of the disk stays free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageSettings {
    /// Which pictures go when.
    pub retention: RetentionPolicy,
    /// Below this nothing is captured.
    pub reserve_bytes: u64,
    /// Room set aside for rows.
    pub ballast_bytes: u64,
}

/// The daily backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSettings {
    /// Where it goes.
    pub folder: PathBuf,
    /// When, in the station's time zone.
    pub at: jiff::civil::Time,
    /// So many are kept.
    pub keep: usize,
    /// Which pictures go in.
    pub images: BackupImages,
}

fn value(key: &'static str, reason: impl Into<String>) -> SettingsError {
    SettingsError::Value {
        key,
        reason: reason.into(),
    }
}

impl StorageFile {
    pub(super) fn checked(&self) -> Result<StorageSettings, SettingsError> {
        for (key, days) in [
            ("storage.keep_days", self.keep_days),
            ("storage.keep_defect_days", self.keep_defect_days),
        ] {
            if !(1..=MOST_DAYS).contains(&days) {
                return Err(value(key, format!("must be from 1 to {MOST_DAYS}")));
            }
        }
        if self.keep_defect_days < self.keep_days {
            let reason = format!(
                "must be at least keep_days ({}): pictures of defects are kept longest",
                self.keep_days
            );
            return Err(value("storage.keep_defect_days", reason));
        }
        for (key, mib) in [
            ("storage.reserve_mb", self.reserve_mb),
            ("storage.ballast_mb", self.ballast_mb),
        ] {
            if mib > MOST_MIB {
                return Err(value(key, format!("must be at most {MOST_MIB}")));
            }
        }
        let reserve_bytes = self.reserve_mb * MIB;
        let free_floor_bytes = bytes("storage.low_disk_gb", self.low_disk_gb)?;
        if free_floor_bytes < reserve_bytes {
            let reason = format!(
                "must not be less than reserve_mb ({} MB): below that nothing is captured any more",
                self.reserve_mb
            );
            return Err(value("storage.low_disk_gb", reason));
        }
        let budget_bytes = match self.budget_gb {
            Some(0.0) => return Err(value("storage.budget_gb", "must be above 0")),
            budget => budget
                .map(|gb| bytes("storage.budget_gb", gb))
                .transpose()?,
        };
        Ok(StorageSettings {
            retention: RetentionPolicy {
                keep: self.keep_days * DAY,
                keep_defects: self.keep_defect_days * DAY,
                budget_bytes,
                free_floor_bytes,
            },
            reserve_bytes,
            ballast_bytes: self.ballast_mb * MIB,
        })
    }
}

/// Also turns away what is no number.
fn bytes(key: &'static str, gib: f64) -> Result<u64, SettingsError> {
    if !(0.0..=MOST_GIB).contains(&gib) {
        return Err(value(key, format!("must be from 0 to {MOST_GIB}")));
    }
    Ok((gib * GIB) as u64)
}

impl BackupFile {
    pub(super) fn checked(
        self,
        data_dir: &std::path::Path,
    ) -> Result<Option<BackupSettings>, SettingsError> {
        if !(1..=1000).contains(&self.keep) {
            return Err(value("backup.keep", "must be from 1 to 1000"));
        }
        let Some(folder) = self.folder else {
            return Ok(None);
        };
        if !folder.is_absolute() {
            let reason = "must be a whole path, such as \"/mnt/backup/wiko\"";
            return Err(value("backup.folder", reason));
        }
        let data_dir = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
        if folder.starts_with(&data_dir) {
            let reason =
                "lies in the data directory, and would be lost with it: choose another disk";
            return Err(value("backup.folder", reason));
        }
        Ok(Some(BackupSettings {
            folder,
            at: self.at.0,
            keep: self.keep,
            images: self.images,
        }))
    }
}
