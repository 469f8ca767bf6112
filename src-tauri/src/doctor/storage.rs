//! The doctor's checks of what stands beside the records: storage fault, ballast, daily backup.

use crate::{
    backups,
    dto::{CheckDto, CheckState},
    settings::{BackupSettings, Settings},
    wiring,
};
use wiko_core::time::UnixMillis;
use wiko_store::{BackupNote, StorageReport};

const MIB: u64 = 1 << 20;

fn check(name: &str, state: CheckState, seen: impl Into<String>, remedy: &str) -> CheckDto {
    CheckDto {
        check: name.to_owned(),
        state,
        seen: seen.into(),
        remedy: remedy.to_owned(),
    }
}

/// Makes the checks. Writes nothing.
pub async fn examine(settings: &Settings, now: UnixMillis) -> Vec<CheckDto> {
    // What the records themselves say of a failure is the check of the database.
    let report = match wiring::open_reader(settings).await {
        Ok(Some(reader)) => reader.storage().await.ok(),
        Ok(None) | Err(_) => None,
    };
    let mut checks = vec![];
    if let Some(report) = &report {
        checks.push(fault(report));
        checks.push(ballast(settings, report));
    }
    let note = report.and_then(|report| report.last_backup);
    checks.push(backup(settings, note.as_ref(), now));
    checks
}

fn fault(report: &StorageReport) -> CheckDto {
    match &report.fault {
        None => check("storage_fault", CheckState::Ok, "none", ""),
        Some(fault) => check(
            "storage_fault",
            CheckState::Failed,
            fault,
            "nothing is captured: check the disk (smartctl, dmesg), then: wiko-station storage clear-fault, \
             or the window's button",
        ),
    }
}

fn ballast(settings: &Settings, report: &StorageReport) -> CheckDto {
    let (wanted, there) = (settings.storage.ballast_bytes, report.ballast_bytes);
    match (wanted, there) {
        (0, _) => check("ballast", CheckState::NotConfigured, "none is kept", ""),
        (wanted, there) if there >= wanted => check(
            "ballast",
            CheckState::Ok,
            format!("{} MiB set aside", there / MIB),
            "",
        ),
        _ => check(
            "ballast",
            CheckState::Warning,
            "not made yet, or given up when the disk was full",
            "free space on the disk; the station makes it again by itself",
        ),
    }
}

fn backup(settings: &Settings, note: Option<&BackupNote>, now: UnixMillis) -> CheckDto {
    let Some(backup) = &settings.backup else {
        return check(
            "backup",
            CheckState::NotConfigured,
            "no daily backup",
            "set backup.folder in station.toml to a folder on another disk",
        );
    };
    let zone = settings.shifts.zone();
    let told = |at: UnixMillis| {
        let zoned = at.timestamp().to_zoned(zone.clone());
        zoned.strftime("%Y-%m-%d %H:%M").to_string()
    };
    let next = backups::next_planned(backup.at, zone, now).map_or_else(String::new, told);
    let daily = match backups::daily(&backup.folder, &settings.station) {
        Ok(daily) => daily,
        Err(error) => {
            return check(
                "backup",
                CheckState::Failed,
                format!("{}: {error}; next: {next}", backup.folder.display()),
                "make or mount the folder, or set another backup.folder in station.toml",
            );
        }
    };
    let last = backups::last_made(&daily, now);
    let seen = match last {
        Some(last) => format!("last backup: {}; next: {next}", told(last)),
        None => format!("last backup: none; next: {next}"),
    };
    if let Some(failed) = note.filter(|note| !note.made && last.is_none_or(|last| note.at > last)) {
        let seen = format!("{seen}; failed {}: {}", told(failed.at), failed.detail);
        let remedy = "do what it says; it is tried again every hour";
        return check("backup", CheckState::Failed, seen, remedy);
    }
    if backups::is_due(backup.at, zone, last, now) {
        let remedy = "start the station: it makes the backup that is due";
        return check("backup", CheckState::Warning, seen, remedy);
    }
    if same_disk(settings, backup) {
        let remedy = "choose a backup.folder on another disk: this one is lost with the station's";
        return check(
            "backup",
            CheckState::Warning,
            format!("{seen}; on the same disk"),
            remedy,
        );
    }
    check("backup", CheckState::Ok, seen, "")
}

#[cfg(unix)]
fn same_disk(settings: &Settings, backup: &BackupSettings) -> bool {
    use std::os::unix::fs::MetadataExt;
    let disk = |path: &std::path::Path| std::fs::metadata(path).map(|found| found.dev()).ok();
    disk(&settings.data_dir).is_some_and(|own| disk(&backup.folder) == Some(own))
}

#[cfg(not(unix))]
fn same_disk(_: &Settings, _: &BackupSettings) -> bool {
    false
}
