//! Shifts: which one a moment belongs to, also across midnight.

use crate::time::UnixMillis;
use jiff::{civil, tz::TimeZone};

/// When the shifts of a day begin, in the facility's own time.
#[derive(Debug, Clone, PartialEq)]
pub struct ShiftPlan {
    zone: TimeZone,
    /// Code and start, in the order of the day; never empty.
    starts: Vec<(String, civil::Time)>,
}

/// One shift of one day.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Shift {
    /// Such as `A`.
    pub code: String,
    /// The day on which it began.
    pub date: civil::Date,
    /// Its first millisecond.
    pub starts_at: UnixMillis,
}

/// The plan cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadShiftPlan {
    /// No shift is listed.
    #[error("no shift is listed")]
    Empty,
    /// Two shifts share a code or a start.
    #[error("two shifts share the code or the start \"{0}\"")]
    Twice(String),
}

impl ShiftPlan {
    /// A plan of the given shifts in any order.
    pub fn new(
        zone: TimeZone,
        mut starts: Vec<(String, civil::Time)>,
    ) -> Result<Self, BadShiftPlan> {
        starts.sort_by_key(|(_, start)| *start);
        if starts.is_empty() {
            return Err(BadShiftPlan::Empty);
        }
        for (n, (code, start)) in starts.iter().enumerate() {
            let seen = |(other, begins): &(String, civil::Time)| other == code || begins == start;
            if starts[..n].iter().any(seen) {
                return Err(BadShiftPlan::Twice(code.clone()));
            }
        }
        Ok(Self { zone, starts })
    }

    /// The facility's time zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// IANA name of the facility's time zone; `UTC` for one that has none.
    pub fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The shift to which a moment belongs. Before the day's first start, that is the last shift of
    /// the day before.
    pub fn shift_at(&self, at: UnixMillis) -> Shift {
        let local = at.timestamp().to_zoned(self.zone.clone());
        let running = self
            .starts
            .iter()
            .rev()
            .find(|(_, start)| *start <= local.time());
        let (date, (code, start)) = match running {
            Some(shift) => (local.date(), shift),
            None => {
                let yesterday = local.date().yesterday().unwrap_or(local.date());
                (yesterday, &self.starts[self.starts.len() - 1])
            }
        };
        let starts_at = date
            .to_datetime(*start)
            .to_zoned(self.zone.clone())
            .map_or(at, |zoned| UnixMillis(zoned.timestamp().as_millisecond()));
        Shift {
            code: code.clone(),
            date,
            starts_at,
        }
    }

    /// The first millisecond of the calendar month of a moment, in the facility's time zone.
    pub fn month_start(&self, at: UnixMillis) -> UnixMillis {
        let local = at.timestamp().to_zoned(self.zone.clone());
        let first = local.date().first_of_month().to_zoned(self.zone.clone());
        first.map_or(at, |zoned| UnixMillis(zoned.timestamp().as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> ShiftPlan {
        let at = |hour| civil::time(hour, 0, 0, 0);
        ShiftPlan::new(
            TimeZone::fixed(jiff::tz::offset(8)),
            vec![
                ("C".into(), at(23)),
                ("A".into(), at(7)),
                ("B".into(), at(15)),
            ],
        )
        .unwrap()
    }

    fn local(text: &str) -> UnixMillis {
        UnixMillis(
            format!("{text}+08:00")
                .parse::<jiff::Timestamp>()
                .unwrap()
                .as_millisecond(),
        )
    }

    #[test]
    fn a_night_shift_keeps_the_day_on_which_it_began() {
        let before = plan().shift_at(local("2026-03-01T23:30:00"));
        let after = plan().shift_at(local("2026-03-02T06:59:59"));
        assert_eq!(before, after);
        assert_eq!(
            (after.code.as_str(), after.date),
            ("C", civil::date(2026, 3, 1))
        );
        assert_eq!(after.starts_at, local("2026-03-01T23:00:00"));
    }

    #[test]
    fn a_shift_begins_on_its_first_second() {
        assert_eq!(plan().shift_at(local("2026-03-02T07:00:00")).code, "A");
        assert_eq!(plan().shift_at(local("2026-03-02T14:59:59")).code, "A");
        assert_eq!(plan().shift_at(local("2026-03-02T15:00:00")).code, "B");
    }

    #[test]
    fn a_month_begins_at_midnight_of_the_facility() {
        let first = local("2026-03-01T00:00:00");
        let start = |text| plan().month_start(local(text));
        assert_eq!(start("2026-03-01T00:00:00"), first);
        assert_eq!(start("2026-03-31T23:59:59"), first);
        assert_ne!(start("2026-02-28T23:59:59"), first);
    }

    #[test]
    fn a_plan_without_shifts_or_with_one_twice_is_refused() {
        let zone = TimeZone::UTC;
        assert_eq!(
            ShiftPlan::new(zone.clone(), vec![]),
            Err(BadShiftPlan::Empty)
        );
        let twice = vec![
            ("A".into(), civil::time(7, 0, 0, 0)),
            ("A".into(), civil::time(8, 0, 0, 0)),
        ];
        assert_eq!(
            ShiftPlan::new(zone, twice),
            Err(BadShiftPlan::Twice("A".into()))
        );
    }
}
