//! Whether the clock of the machine can be trusted.
//!
//! Invariant: nothing here changes a record. Records are ordered by their sequence, whatever the clock says;
//! a person is told, because the times in them are what the clock said.

use crate::time::{ClockReading, UnixMillis};
use std::{fmt, time::Duration};

/// A larger step between two looks is a jump. Time servers move a clock by less at once.
pub const LARGEST_STEP_MS: i64 = 2_000;

/// The year in which this program was made: a clock that shows an earlier one has lost its time.
pub const FIRST_YEAR: i16 = 2026;

/// Longer than a line stands still, the new year's holiday included: a clock so far ahead of the last record
/// is to be looked at by a person.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(40 * 24 * 60 * 60);

/// What is wrong with the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockTrouble {
    /// It was set while the station ran.
    Jumped {
        /// What it showed just after.
        to: UnixMillis,
        /// By how much: ahead, or back where negative.
        by_ms: i64,
    },
    /// It shows a time before the last record.
    BehindRecords {
        /// What it showed.
        now: UnixMillis,
        /// When the last record was captured.
        last: UnixMillis,
    },
    /// It shows a time long after the last record.
    AheadOfRecords {
        /// What it showed.
        now: UnixMillis,
        /// When the last record was captured.
        last: UnixMillis,
    },
    /// It shows a time before this program was made.
    BeforeProgram {
        /// What it showed.
        now: UnixMillis,
    },
}

impl ClockTrouble {
    /// The trouble at the start of a station whose last record was captured at `last`.
    pub fn at_start(now: UnixMillis, last: Option<UnixMillis>) -> Option<Self> {
        if now.timestamp().to_zoned(jiff::tz::TimeZone::UTC).year() < FIRST_YEAR {
            return Some(Self::BeforeProgram { now });
        }
        let last = last?;
        if last.0 > now.0 + LARGEST_STEP_MS {
            return Some(Self::BehindRecords { now, last });
        }
        (now.since(last) > LONGEST_PAUSE).then_some(Self::AheadOfRecords { now, last })
    }
}

/// Trouble as the audit trail notes it.
#[derive(serde::Serialize, serde::Deserialize)]
struct Note {
    said: String,
    trouble: ClockTrouble,
}

impl ClockTrouble {
    /// For the audit trail: in words, and so that a later start finds it again.
    pub fn noted(&self) -> String {
        let note = Note {
            said: self.to_string(),
            trouble: *self,
        };
        serde_json::to_string(&note).unwrap_or(note.said)
    }

    /// The trouble that was noted so.
    pub fn of_note(detail: &str) -> Option<Self> {
        let note: Note = serde_json::from_str(detail).ok()?;
        Some(note.trouble)
    }
}

impl fmt::Display for ClockTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jumped { to, by_ms } => {
                let direction = if *by_ms < 0 { "back" } else { "ahead" };
                let seconds = by_ms.unsigned_abs() as f64 / 1000.0;
                write!(
                    f,
                    "the clock was set {direction} by {seconds:.1} s, to {}",
                    to.iso8601()
                )
            }
            Self::BehindRecords { now, last } => write!(
                f,
                "the clock shows {}, before the last record of {}",
                now.iso8601(),
                last.iso8601()
            ),
            Self::AheadOfRecords { now, last } => write!(
                f,
                "the clock shows {}, long after the last record of {}",
                now.iso8601(),
                last.iso8601()
            ),
            Self::BeforeProgram { now } => write!(
                f,
                "the clock shows {}, before this program was made",
                now.iso8601()
            ),
        }
    }
}

/// Compares the clock that people set with the one that nobody can set, from look to look.
#[derive(Debug)]
pub struct ClockWatch {
    last: ClockReading,
}

impl ClockWatch {
    /// Begins to watch.
    pub fn new(first: ClockReading) -> Self {
        Self { last: first }
    }

    /// The jump since the last look, where there was one.
    pub fn look(&mut self, reading: ClockReading) -> Option<ClockTrouble> {
        let passed_ms = reading.monotonic_ms.saturating_sub(self.last.monotonic_ms);
        let shown_ms = reading.now.0.saturating_sub(self.last.now.0);
        let by_ms = shown_ms.saturating_sub_unsigned(passed_ms);
        let to = reading.now;
        self.last = reading;
        (by_ms.abs() > LARGEST_STEP_MS).then_some(ClockTrouble::Jumped { to, by_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::BootId;

    const NOON: i64 = 1_772_352_000_000;

    fn reading(shown_ms: i64, passed_ms: u64) -> ClockReading {
        ClockReading {
            now: UnixMillis(NOON + shown_ms),
            boot_id: BootId("boot".into()),
            monotonic_ms: 1_000_000 + passed_ms,
        }
    }

    #[test]
    fn a_clock_that_goes_with_time_or_is_slewed_has_not_jumped() {
        let mut watch = ClockWatch::new(reading(0, 0));
        // Also after a night asleep, which both clocks count.
        for (shown_ms, passed_ms) in [(5_000, 5_000), (10_500, 10_000), (36_000_000, 36_000_400)] {
            assert_eq!(watch.look(reading(shown_ms, passed_ms)), None);
        }
    }

    #[test]
    fn a_jump_either_way_is_told_once_with_its_size() {
        let mut watch = ClockWatch::new(reading(0, 0));
        let jumped = |by_ms, to_ms| {
            let to = UnixMillis(NOON + to_ms);
            Some(ClockTrouble::Jumped { to, by_ms })
        };
        assert_eq!(watch.look(reading(8_000, 5_000)), jumped(3_000, 8_000));
        assert_eq!(watch.look(reading(13_000, 10_000)), None);
        let back = watch.look(reading(13_000 + 5_000 - 3_600_000, 15_000));
        assert_eq!(back, jumped(-3_600_000, 18_000 - 3_600_000));
        assert!(back.unwrap().to_string().contains("back by 3600.0 s"));
    }

    #[test]
    fn a_clock_that_does_not_fit_the_last_record_or_the_program_is_told_at_the_start() {
        let (now, at_start) = (UnixMillis(NOON), ClockTrouble::at_start);
        assert_eq!(at_start(now, None), None);
        assert_eq!(at_start(now, Some(UnixMillis(NOON + 2_000))), None);
        let last = UnixMillis(NOON + 60_000);
        assert_eq!(
            at_start(now, Some(last)),
            Some(ClockTrouble::BehindRecords { now, last })
        );
        let now_then =
            |pause: Duration| at_start(UnixMillis(NOON).plus(pause), Some(UnixMillis(NOON)));
        assert_eq!(now_then(LONGEST_PAUSE), None, "a holiday");
        let ahead = now_then(LONGEST_PAUSE + Duration::from_secs(1));
        assert!(matches!(ahead, Some(ClockTrouble::AheadOfRecords { .. })));
        assert_eq!(
            ahead.and_then(|trouble| ClockTrouble::of_note(&trouble.noted())),
            ahead
        );
        assert_eq!(ClockTrouble::of_note("seen: the clock was set"), None);
        let lost = UnixMillis(0);
        assert_eq!(
            at_start(lost, Some(now)),
            Some(ClockTrouble::BeforeProgram { now: lost })
        );
    }
}
