//! The form of a backup: one tar file.
//!
//! ```text
//! wiko-station-backup         the version of this form; the first member
//! wiko.sqlite3                the records
//! spool/2026-03-01/ID.jpg     pictures
//! station.toml, models/…      what the station was told and has learnt
//! recipes/…                   the released recipes
//! manifest.json               every other member with its SHA-256; the last member
//! ```
//!
//! Invariant: the manifest is written last, once everything before it was. A file that was cut off has none,
//! and is no backup.

use crate::layout::DATABASE;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256 as Hasher};
use std::{
    fmt,
    io::{self, Read},
    path::{Component, Path},
};
use wiko_core::{id::InspectionId, image::Sha256};

/// The first member, by which a backup is known.
pub(crate) const MARK: &str = "wiko-station-backup";

/// The last member.
pub(crate) const MANIFEST: &str = "manifest.json";

/// The version of this form.
pub(crate) const FORM: u32 = 1;

/// Which pictures a backup holds. Those that are not verified in the cloud are always inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupImages {
    /// Every picture that lies here.
    All,
    /// Only those that the cloud does not have.
    Unsent,
}

impl fmt::Display for BackupImages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all",
            Self::Unsent => "unsent",
        })
    }
}

/// `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The station's version.
    pub(crate) version: String,
    /// The station's name.
    pub(crate) station: String,
    /// When, in UTC.
    pub(crate) made_at: String,
    /// Which pictures are inside.
    pub(crate) images: BackupImages,
    /// How much of what.
    pub(crate) counts: Counts,
    /// The last row of the audit trail.
    pub(crate) audit_head: Option<AuditHead>,
    /// Pictures that were not as they were captured when the backup was made.
    pub(crate) damaged: Vec<DamagedMember>,
    /// Every other member.
    pub(crate) members: Vec<Member>,
}

/// How much of what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Parts in the records.
    pub(crate) records: u64,
    /// Pictures inside.
    pub(crate) images: u64,
    /// Pictures that only the cloud has, or is left to have.
    pub(crate) images_in_the_cloud: u64,
}

/// The last row of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AuditHead {
    pub(crate) number: i64,
    pub(crate) sha256: Sha256,
}

/// A picture that is missing, or has other bytes than were captured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DamagedMember {
    pub(crate) path: String,
    pub(crate) reason: String,
}

/// A file inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: Sha256,
}

/// What a member is, by its name; none for what no backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Mark,
    Manifest,
    Database,
    Configuration,
    Model,
    Recipe,
    Picture,
}

impl Kind {
    /// Refuses every name that a backup does not have, those that lead elsewhere included.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let odd = |c: char| c == '\\' || c == ':' || c.is_control();
        if name.contains(odd) || name.contains("//") || name.ends_with('/') {
            return None;
        }
        let parts: Option<Vec<&str>> = Path::new(name)
            .components()
            .map(|part| match part {
                // A hidden file is none of ours, and `.` and `..` are no files at all.
                Component::Normal(part) => part.to_str().filter(|part| !part.starts_with('.')),
                _ => None,
            })
            .collect();
        match parts?.as_slice() {
            [MARK] => Some(Self::Mark),
            [MANIFEST] => Some(Self::Manifest),
            [DATABASE] => Some(Self::Database),
            ["station.toml"] => Some(Self::Configuration),
            ["models", _] => Some(Self::Model),
            ["recipes", _] | ["recipes", _, _, _] => Some(Self::Recipe),
            ["spool", day, file] if is_day(day) && is_picture(file) => Some(Self::Picture),
            _ => None,
        }
    }
}

fn is_day(name: &str) -> bool {
    name.len() == 10
        && name.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

fn is_picture(name: &str) -> bool {
    name.split_once('.').is_some_and(|(id, ending)| {
        id.parse::<InspectionId>().is_ok() && ["jpg", "png", "webp"].contains(&ending)
    })
}

/// Hashes and counts what is read through it.
pub(crate) struct Hashing<R> {
    inner: R,
    hasher: Hasher,
    bytes: u64,
}

impl<R: Read> Hashing<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            hasher: Hasher::new(),
            bytes: 0,
        }
    }

    /// Bytes that were read, and their hash.
    pub(crate) fn finish(self) -> (u64, Sha256) {
        let hash: [u8; 32] = self.hasher.finalize().into();
        (self.bytes, Sha256::from(hash))
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        self.bytes += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_of_a_backup_are_taken() {
        let id = "0198c0de-0000-7000-8000-000000000000";
        let picture = format!("spool/2026-03-01/{id}.jpg");
        for (name, kind) in [
            ("wiko-station-backup", Kind::Mark),
            ("manifest.json", Kind::Manifest),
            ("wiko.sqlite3", Kind::Database),
            ("station.toml", Kind::Configuration),
            ("models/WK-KN-200_blade_glazing.screen", Kind::Model),
            ("recipes/newest.json", Kind::Recipe),
            ("recipes/WK-KN-200.blade_glazing/v2/ok-1.jpg", Kind::Recipe),
            (&picture, Kind::Picture),
        ] {
            assert_eq!(Kind::of(name), Some(kind), "{name}");
        }
        for name in [
            "",
            "/etc/passwd",
            "../station.toml",
            "models/../station.toml",
            "models/../../x",
            "spool/2026-03-01/../../wiko.sqlite3",
            "./station.toml",
            "models/.hidden",
            "models/",
            "models//x",
            "models\\..\\x",
            "C:station.toml",
            "models/x:y",
            "recipes",
            "recipes/.lock",
            "recipes/blade_glazing/recipe.toml",
            "recipes/blade_glazing/v2/../../../x",
            "recipes/blade_glazing/v2/more/x",
            "wiko.sqlite3-wal",
            "lock",
            "fault",
            "logs/a.jsonl",
            "spool/2026-03-01/x.jpg",
            "spool/today/0198c0de-0000-7000-8000-000000000000.jpg",
            "spool/2026-03-01/0198c0de-0000-7000-8000-000000000000.exe",
            "spool/2026-03-01/0198c0de-0000-7000-8000-000000000000.jpg/x",
        ] {
            assert_eq!(Kind::of(name), None, "{name}");
        }
    }
}
