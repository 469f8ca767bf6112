//! Whether the machine's clock can be trusted.

use super::{check, ok};
use crate::{
    clock::{SystemClock, local},
    dto::{CheckDto, CheckState},
    settings::Settings,
    wiring,
};
use std::time::Duration;
use wiko_core::{
    audit::AuditCategory,
    clock_watch::ClockTrouble,
    history::HistoryFilter,
    ports::{Clock, StoreError},
    time::UnixMillis,
};
use wiko_pipeline::clock_watch::SUBJECT as CLOCK_SUBJECT;

/// A clock that is further off than this makes the times in the records doubtful. Some seconds less than
/// five minutes, because S3 tells the time in whole seconds and its answer takes a while.
const CLOCK_OFF_WARNING_S: i64 = 5 * 60 - 10;

/// S3 refuses requests of a clock that is further off.
const CLOCK_OFF_REFUSED_S: i64 = 15 * 60 - 10;

/// A jump of the clock is shown for so long after.
const CLOCK_JUMP_SHOWN: Duration = Duration::from_secs(24 * 60 * 60);

/// Can the clock be trusted, as far as this machine knows?
pub(super) async fn check_clock(settings: &Settings) -> CheckDto {
    let now = SystemClock.now();
    let known = async {
        let Some(reader) = wiring::open_reader(settings).await? else {
            return Ok((None, None));
        };
        let newest = reader.history(&HistoryFilter::default(), None, 1).await?;
        let noted = reader.last_of(AuditCategory::Clock, CLOCK_SUBJECT).await?;
        Ok::<_, StoreError>((newest.rows.first().map(|row| row.captured_at), noted))
    };
    // Records that cannot be read are told of by the database's own check.
    let (last, noted) = known.await.unwrap_or_default();
    let noted = noted.map(|row| {
        let detail = row.entry.detail;
        let told = ClockTrouble::of_note(&detail).map_or(detail, |trouble| trouble.to_string());
        (row.entry.at, told)
    });
    judged(settings, now, last, noted)
}

fn judged(
    settings: &Settings,
    now: UnixMillis,
    last: Option<UnixMillis>,
    noted: Option<(UnixMillis, String)>,
) -> CheckDto {
    let zone = settings.shifts.zone();
    let seen = local(now, zone);
    let remedy = "set the machine's clock, and switch on time synchronisation";
    if let Some(trouble) = ClockTrouble::at_start(now, last) {
        return check("clock", CheckState::Failed, trouble.to_string(), remedy);
    }
    match noted {
        Some((at, told)) if now.since(at) < CLOCK_JUMP_SHOWN => check(
            "clock",
            CheckState::Warning,
            format!("{seen}; {} {told}", local(at, zone)),
            "if nobody set it, switch on time synchronisation; the order of the records is not \
             affected, their times are what the clock showed",
        ),
        _ => ok("clock", seen),
    }
}

/// How far this machine's clock is from S3's.
pub(super) fn check_offset(now: UnixMillis, s3: Option<UnixMillis>) -> CheckDto {
    let Some(s3) = s3 else {
        return check(
            "clock_s3",
            CheckState::NotConfigured,
            "S3 does not tell the time",
            "",
        );
    };
    let ahead_s = (now.0 - s3.0) / 1000;
    let direction = if ahead_s < 0 { "behind" } else { "ahead of" };
    let seen = format!("{} s {direction} S3's clock", ahead_s.abs());
    let remedy = "set the machine's clock, and switch on time synchronisation: S3 refuses what comes from \
                  a clock that is 15 minutes off, and the times in the records are wrong";
    match ahead_s.abs() {
        off if off > CLOCK_OFF_REFUSED_S => check("clock_s3", CheckState::Failed, seen, remedy),
        off if off > CLOCK_OFF_WARNING_S => check("clock_s3", CheckState::Warning, seen, remedy),
        _ => ok("clock_s3", seen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Environment;

    const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

    #[test]
    fn the_clock_is_warned_of_before_s3_refuses_it() {
        let state = |ahead_s: i64| {
            let s3 = UnixMillis(NOW.0 - ahead_s * 1000);
            check_offset(NOW, Some(s3)).state
        };
        for (ahead_s, expected) in [
            (0, CheckState::Ok),
            (280, CheckState::Ok),
            (-300, CheckState::Warning),
            (300, CheckState::Warning),
            (900, CheckState::Failed),
            (-3_600, CheckState::Failed),
        ] {
            assert_eq!(state(ahead_s), expected, "{ahead_s} s");
        }
        assert!(
            check_offset(NOW, Some(UnixMillis(NOW.0 - 300_000)))
                .seen
                .contains("300 s ahead of")
        );
        assert_eq!(check_offset(NOW, None).state, CheckState::NotConfigured);
    }

    #[test]
    fn a_clock_that_jumped_today_or_lies_behind_the_records_is_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::load(dir.path(), false, &Environment::default()).unwrap();
        let hours_ago = |hours: i64| UnixMillis(NOW.0 - hours * 3_600_000);
        let jumped = |hours| {
            Some((
                hours_ago(hours),
                "the clock was set back by 3600.0 s".to_owned(),
            ))
        };
        let today = judged(&settings, NOW, None, jumped(2));
        assert_eq!(today.state, CheckState::Warning);
        assert!(
            today.seen.contains("set back by 3600.0 s"),
            "{}",
            today.seen
        );
        assert_eq!(
            judged(&settings, NOW, None, jumped(30)).state,
            CheckState::Ok
        );
        let last = Some(hours_ago(-1));
        assert_eq!(judged(&settings, NOW, last, None).state, CheckState::Failed);
        let lost = judged(&settings, UnixMillis(0), None, None);
        assert_eq!(lost.state, CheckState::Failed);
    }
}
