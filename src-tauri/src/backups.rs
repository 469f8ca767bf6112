//! Backups of a station: what goes in beside the records, and when and where the daily one is made.
//!
//! Invariants:
//! - Nothing secret goes in: of `station.toml` every line is left out that looks as if it held a secret.
//! - Of the folder of daily backups only files are removed that were made here, known by their name.

use crate::{
    settings::{BackupSettings, FILE_NAME, Settings, without_secrets},
    wiring::RECIPES_DIR,
};
use jiff::{civil::Time, tz::TimeZone};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use wiko_core::time::UnixMillis;
use wiko_store::{
    BackupError, BackupExtra, BackupImages, BackupReport, BackupRequest, RecordsReader,
};

/// Where the time stands in a name, in UTC.
const STAMP: &str = "%Y%m%dT%H%M%SZ";

/// A name dated later than this after now was given while the clock was wrong.
const CLOCKS_DIFFER_MS: i64 = 60_000;

/// Makes a backup of the station whose records are read.
pub async fn make(
    reader: &RecordsReader,
    settings: &Settings,
    file: &Path,
    images: BackupImages,
    now: UnixMillis,
) -> Result<BackupReport, BackupError> {
    let of = settings.clone();
    let extra = blocking(move || extra(&of)).await;
    let extra = extra.map_err(|error| BackupError::Io {
        doing: "reading station.toml, models and recipes".to_owned(),
        error,
    })?;
    let request = BackupRequest {
        file: file.to_owned(),
        images,
        extra,
        station: settings.station.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: now,
    };
    reader.back_up(request).await
}

/// Runs what a dead disk may hold up for ever away from the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// [`daily`], for async code.
pub async fn found(folder: &Path, station: &str) -> io::Result<Vec<(UnixMillis, PathBuf)>> {
    let (folder, station) = (folder.to_owned(), station.to_owned());
    blocking(move || daily(&folder, &station)).await
}

/// Removes what is too old and what broke off, after a backup was made.
pub async fn tidy(
    backup: &BackupSettings,
    station: &str,
    made: &Path,
    now: UnixMillis,
) -> io::Result<Vec<PathBuf>> {
    let (backup, station, made) = (backup.clone(), station.to_owned(), made.to_owned());
    blocking(move || {
        let mut removed = remove_begun(&backup.folder, &station)?;
        removed.extend(remove_oldest(&backup, &station, &made, now)?);
        Ok(removed)
    })
    .await
}

/// Removes what earlier runs of this station had begun when they were broken off: nobody else makes its
/// daily backups.
fn remove_begun(folder: &Path, station: &str) -> io::Result<Vec<PathBuf>> {
    let (begins, own) = (
        format!(".{}", prefix(station)),
        std::process::id().to_string(),
    );
    let mut removed = vec![];
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let mut ends = name.rsplit('.');
        let (kind, process) = (ends.next(), ends.next());
        let begun = matches!(kind, Some("part" | "sqlite3")) && process != Some(own.as_str());
        if begun && name.starts_with(&begins) && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
            removed.push(entry.path());
        }
    }
    Ok(removed)
}

/// `station.toml` without what looks like a secret, what the local screen has learnt, and the released recipes.
fn extra(settings: &Settings) -> io::Result<Vec<BackupExtra>> {
    let mut extra = vec![];
    match fs::read_to_string(settings.data_dir.join(FILE_NAME)) {
        Ok(text) => {
            let (text, left_out) = without_secrets(&text);
            if left_out > 0 {
                tracing::warn!(
                    left_out,
                    "lines of station.toml look like secrets: not in the backup"
                );
            }
            extra.push(BackupExtra {
                name: FILE_NAME.to_owned(),
                bytes: text.into_bytes(),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let models: Vec<_> = match fs::read_dir(crate::wiring::models_dir(settings)) {
        Ok(models) => models.collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => vec![],
        Err(error) => return Err(error),
    };
    for model in models {
        let model = model?;
        let name = model.file_name().to_string_lossy().into_owned();
        // One that is being written has its name only when it is whole.
        let whole = !name.starts_with('.') && !name.ends_with(".part");
        if whole && model.file_type()?.is_file() {
            extra.push(BackupExtra {
                name: format!("models/{name}"),
                bytes: fs::read(model.path())?,
            });
        }
    }
    let recipes = crate::wiring::released_recipes(settings);
    for (name, bytes) in recipes.files_to_keep()? {
        let name = format!("{RECIPES_DIR}/{name}");
        extra.push(BackupExtra { name, bytes });
    }
    Ok(extra)
}

/// How the names of a station's daily backups begin. Two names never give the same: stations that share a
/// folder would take each other's backups for their own.
fn prefix(station: &str) -> String {
    let mut name = String::from("wiko-station_");
    for c in station.chars() {
        // Letters of every script; what a file system or a person might stumble over is written as its number.
        if c.is_alphanumeric() || c == '-' {
            name.push(c);
        } else {
            name.push_str(&format!("~{:x}~", u32::from(c)));
        }
    }
    name.push('_');
    name
}

/// The name of a daily backup.
pub fn file_name(station: &str, now: UnixMillis) -> String {
    format!("{}{}.tar", prefix(station), now.timestamp().strftime(STAMP))
}

/// When a file of that name was made; none where it is no daily backup of that station.
fn made_at(name: &str, station: &str) -> Option<UnixMillis> {
    let stamp = name.strip_prefix(&prefix(station))?.strip_suffix(".tar")?;
    let at = jiff::civil::DateTime::strptime(STAMP, stamp).ok()?;
    let at = at.to_zoned(TimeZone::UTC).ok()?;
    Some(UnixMillis(at.timestamp().as_millisecond()))
}

/// The daily backups of a station in a folder, the newest first.
pub fn daily(folder: &Path, station: &str) -> io::Result<Vec<(UnixMillis, PathBuf)>> {
    let mut found = vec![];
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(at) = made_at(&entry.file_name().to_string_lossy(), station)
            && entry.file_type()?.is_file()
        {
            found.push((at, entry.path()));
        }
    }
    found.sort_by(|a, b| b.cmp(a));
    Ok(found)
}

/// When the last one was made; one from the future was made while the clock was wrong and counts for nothing.
pub fn last_made(daily: &[(UnixMillis, PathBuf)], now: UnixMillis) -> Option<UnixMillis> {
    let mut past = daily.iter().filter(|(at, _)| is_past(*at, now));
    past.next().map(|(at, _)| *at)
}

fn is_past(at: UnixMillis, now: UnixMillis) -> bool {
    at.0 <= now.0.saturating_add(CLOCKS_DIFFER_MS)
}

/// The last moment up to `now` at which a backup was to be made.
pub fn last_planned(at: Time, zone: &TimeZone, now: UnixMillis) -> Option<UnixMillis> {
    let today = now.timestamp().to_zoned(zone.clone()).date();
    let planned = |date: jiff::civil::Date| {
        let moment = date.to_datetime(at).to_zoned(zone.clone()).ok()?;
        Some(UnixMillis(moment.timestamp().as_millisecond()))
    };
    let of_today = planned(today)?;
    if of_today <= now {
        return Some(of_today);
    }
    planned(today.yesterday().ok()?)
}

/// The next moment after `now` at which a backup is to be made.
pub fn next_planned(at: Time, zone: &TimeZone, now: UnixMillis) -> Option<UnixMillis> {
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    // Days are 23 to 25 hours long.
    [day, day * 2]
        .into_iter()
        .filter_map(|later| last_planned(at, zone, now.plus(later)))
        .find(|planned| *planned > now)
}

/// True where no backup was made since the last moment at which one was to be made: also where the machine
/// was off then, and where none was ever made.
pub fn is_due(at: Time, zone: &TimeZone, last: Option<UnixMillis>, now: UnixMillis) -> bool {
    match (last, last_planned(at, zone, now)) {
        (None, _) => true,
        (Some(last), Some(planned)) => last < planned,
        (Some(_), None) => false,
    }
}

/// Removes the oldest daily backups of a station until so many are left; never the one just made, nor those
/// from the future, which are none of the oldest and would push out those of these days.
pub fn remove_oldest(
    backup: &BackupSettings,
    station: &str,
    made: &Path,
    now: UnixMillis,
) -> io::Result<Vec<PathBuf>> {
    let older = daily(&backup.folder, station)?
        .into_iter()
        .filter(|(at, _)| is_past(*at, now))
        .map(|(_, path)| path)
        .filter(|path| path != made)
        .skip(backup.keep.saturating_sub(1));
    older
        .map(|path| fs::remove_file(&path).map(|()| path))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixMillis {
        UnixMillis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn half_past_three() -> Time {
        jiff::civil::time(3, 30, 0, 0)
    }

    #[test]
    fn a_backup_is_due_once_after_each_of_its_times_also_when_the_machine_was_off() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let due = |last: Option<&str>, now| is_due(half_past_three(), &zone, last.map(at), at(now));
        // 03:30 in Shanghai is 19:30 UTC of the day before.
        assert!(due(None, "2026-03-01T12:00:00Z"));
        assert!(!due(Some("2026-03-01T19:30:05Z"), "2026-03-02T19:29:59Z"));
        assert!(due(Some("2026-03-01T19:30:05Z"), "2026-03-02T19:30:00Z"));
        assert!(due(Some("2026-03-01T19:30:05Z"), "2026-03-20T05:00:00Z"));
        assert!(!due(Some("2026-03-20T05:00:00Z"), "2026-03-20T19:29:00Z"));
        let next = next_planned(half_past_three(), &zone, at("2026-03-01T19:30:00Z"));
        assert_eq!(next, Some(at("2026-03-02T19:30:00Z")));
    }

    #[test]
    fn a_day_without_that_hour_has_its_backup_all_the_same() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let half_past_two = jiff::civil::time(2, 30, 0, 0);
        // Clocks go from 02:00 to 03:00 on this day.
        let planned = last_planned(half_past_two, &zone, at("2026-03-29T12:00:00Z")).unwrap();
        assert_eq!(planned, at("2026-03-29T01:30:00Z"));
        let next = next_planned(half_past_two, &zone, at("2026-03-28T12:00:00Z"));
        assert_eq!(next, Some(planned));
    }

    #[test]
    fn only_this_station_s_own_files_are_known_and_the_oldest_go() {
        let dir = tempfile::tempdir().unwrap();
        let day = |day: i64| UnixMillis(at("2026-03-01T19:30:00Z").0 + day * 86_400_000);
        let mut own: Vec<_> = (0..9)
            .map(|n| dir.path().join(file_name("yj_1", day(n))))
            .collect();
        let others = [
            "wiko-station_yj-2_20200101T000000Z.tar",
            "wiko-station_yj-1_20200101T000000Z.tar.gz",
            "wiko-station_yj-1_.tar",
            "wiko-station_yj-1_old.tar",
            "holiday.tar",
        ]
        .map(|name| dir.path().join(name));
        for file in own.iter().chain(&others) {
            fs::write(file, "x").unwrap();
        }
        let backup = BackupSettings {
            folder: dir.path().to_owned(),
            at: half_past_three(),
            keep: 7,
            images: BackupImages::Unsent,
        };
        // Just made, while the clock was set back: it stays, and those that are in the future then.
        let made = dir.path().join(file_name("yj_1", day(-400)));
        fs::write(&made, "x").unwrap();
        let removed = remove_oldest(&backup, "yj_1", &made, day(-400)).unwrap();
        assert_eq!(removed.len(), 0);
        let removed = remove_oldest(&backup, "yj_1", &made, day(8)).unwrap();
        assert_eq!(removed.len(), 3);
        let kept = own.split_off(3);
        assert!(
            kept.iter()
                .chain(&others)
                .chain([&made])
                .all(|file| file.exists())
        );
        assert!(own.iter().all(|file| !file.exists()));
        let known = daily(dir.path(), "yj_1").unwrap();
        assert_eq!(
            last_made(&known, day(5)),
            Some(day(5)),
            "those after it count for nothing"
        );
    }

    #[test]
    fn what_an_earlier_run_had_begun_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let tar = file_name("yj_1", at("2026-03-01T19:30:00Z"));
        let own = std::process::id();
        let begun = [format!(".{tar}.1.part"), format!(".{tar}.1.sqlite3")];
        let others = [
            tar.clone(),
            format!(".{tar}.{own}.part"),
            format!(".{}.1.part", file_name("yj_2", at("2026-03-01T19:30:00Z"))),
            ".holiday.1.part".to_owned(),
        ];
        for name in begun.iter().chain(&others) {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        let mut removed = remove_begun(dir.path(), "yj_1").unwrap();
        removed.sort();
        assert_eq!(removed, begun.map(|name| dir.path().join(name)));
        assert!(others.iter().all(|name| dir.path().join(name).exists()));
    }

    #[test]
    fn two_stations_never_share_the_names_of_their_backups() {
        let names = ["yj-1", "yj_1", "yj 1", "质检一", "质检二", "---", "yj/1"];
        for one in names {
            let name = file_name(one, UnixMillis(1_772_352_000_000));
            assert!(!name.contains('/'), "{name}");
            let whose = |station: &&str| made_at(&name, station).is_some();
            let found: Vec<_> = names
                .iter()
                .copied()
                .filter(|station| whose(station))
                .collect();
            assert_eq!(found, [one], "{name}");
        }
    }
}
