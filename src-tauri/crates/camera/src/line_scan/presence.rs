//! Where parts begin and end, row by row.
//!
//! Invariants:
//! - Rows that never came are taken for rows of a part: what might be one is never left out.
//! - A part ends only after a gap of full length; a shorter one is a hole in it.

use super::config::PartLevels;

/// What a row shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RowSight {
    /// So great a share of it differs from the empty belt.
    Share(f32),
    /// It never came.
    Unknown,
}

/// A part has begun or ended; told some rows later, once it is sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartEdge {
    /// With this row.
    Begins(u64),
    /// This row is the first without it.
    Ended(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Away,
    /// Perhaps a part, perhaps a speck; `last` is the row after the last that showed it.
    Entering {
        since: u64,
        last: u64,
    },
    Here {
        last: u64,
    },
}

/// Follows the lines.
#[derive(Debug)]
pub(crate) struct PartPresence {
    levels: PartLevels,
    state: State,
    /// The first row that can be seen. What is there with it may be the rest of a part, and is one however short.
    floor: u64,
    specks: u64,
}

impl PartPresence {
    pub(crate) fn new(levels: PartLevels) -> Self {
        Self {
            levels,
            state: State::Away,
            floor: 0,
            specks: 0,
        }
    }

    /// Begins anew at `row`.
    pub(crate) fn reset(&mut self, row: u64) {
        self.state = State::Away;
        self.floor = row;
    }

    /// Where the part that is perhaps entering began.
    pub(crate) fn entering_since(&self) -> Option<u64> {
        match self.state {
            State::Entering { since, .. } => Some(since),
            State::Away | State::Here { .. } => None,
        }
    }

    /// The row after the last that showed the part, while it is there.
    pub(crate) fn here_until(&self) -> Option<u64> {
        match self.state {
            State::Here { last } => Some(last),
            State::Away | State::Entering { .. } => None,
        }
    }

    /// What was too short to be a part.
    pub(crate) fn specks(&self) -> u64 {
        self.specks
    }

    pub(crate) fn step(&mut self, row: u64, sight: RowSight) -> Option<PartEdge> {
        let shows = match sight {
            RowSight::Unknown => true,
            RowSight::Share(share) => {
                let away = self.state == State::Away && row != self.floor;
                share
                    >= if away {
                        self.levels.begin_share
                    } else {
                        self.levels.end_share
                    }
            }
        };
        let after = row + 1;
        let past = |last: u64| after - last >= u64::from(self.levels.least_gap_rows);
        match self.state {
            State::Away if shows => self.entered(row, after),
            State::Away => None,
            State::Entering { since, .. } if shows => self.entered(since, after),
            State::Entering { last, .. } => {
                if past(last) {
                    self.state = State::Away;
                    self.specks += 1;
                }
                None
            }
            State::Here { .. } if shows => {
                self.state = State::Here { last: after };
                None
            }
            State::Here { last } if past(last) => {
                self.state = State::Away;
                Some(PartEdge::Ended(last))
            }
            State::Here { .. } => None,
        }
    }

    fn entered(&mut self, since: u64, last: u64) -> Option<PartEdge> {
        let long_enough = last - since >= u64::from(self.levels.least_part_rows);
        if long_enough || since == self.floor {
            self.state = State::Here { last };
            return Some(PartEdge::Begins(since));
        }
        self.state = State::Entering { since, last };
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PartEdge::{Begins, Ended};

    const LEVELS: PartLevels = PartLevels {
        background_level: 50,
        contrast_levels: 30,
        begin_share: 0.5,
        end_share: 0.25,
        least_part_rows: 3,
        least_gap_rows: 2,
    };

    /// `#` shows it, `+` is between both limits, `.` is empty, `?` never came.
    fn edges(mut presence: PartPresence, first: u64, rows: &str) -> Vec<PartEdge> {
        (first..)
            .zip(rows.chars())
            .filter_map(|(row, sign)| {
                let sight = match sign {
                    '#' => RowSight::Share(0.6),
                    '+' => RowSight::Share(0.3),
                    '.' => RowSight::Share(0.1),
                    _ => RowSight::Unknown,
                };
                presence.step(row, sight)
            })
            .collect()
    }

    #[test]
    fn parts_begin_and_end_where_they_do() {
        for (rows, expected) in [
            ("....", vec![]),
            ("..####...", vec![Begins(2), Ended(6)]),
            // Specks, alone and one after the other.
            ("..##..##..", vec![]),
            // A hole, in what is sure to be a part and before it is.
            ("..####.###..", vec![Begins(2), Ended(10)]),
            ("..##.#..", vec![Begins(2), Ended(6)]),
            // Between the limits what was goes on.
            ("..++++++..", vec![]),
            ("..#++++++..", vec![Begins(2), Ended(9)]),
            ("..###.+##..", vec![Begins(2), Ended(9)]),
            ("..###.++..", vec![Begins(2), Ended(8)]),
            ("..###..++..", vec![Begins(2), Ended(5)]),
            // What never came is taken for the part.
            ("..??##...", vec![Begins(2), Ended(6)]),
            ("..####??...", vec![Begins(2), Ended(8)]),
            ("..####????##...", vec![Begins(2), Ended(12)]),
            ("..????...", vec![Begins(2), Ended(6)]),
            ("..??...", vec![]),
            ("...??++...", vec![Begins(3), Ended(7)]),
            ("###", vec![Begins(0)]),
            ("###..###..", vec![Begins(0), Ended(3), Begins(5), Ended(8)]),
        ] {
            assert_eq!(
                edges(PartPresence::new(LEVELS), 0, rows),
                expected,
                "{rows}"
            );
        }
    }

    #[test]
    fn what_is_there_at_first_is_the_rest_of_a_part_however_short() {
        for (rows, expected) in [
            ("+...", vec![Begins(5), Ended(6)]),
            (".#...", vec![]),
            (".+++...", vec![]),
        ] {
            let mut presence = PartPresence::new(LEVELS);
            presence.reset(5);
            assert_eq!(edges(presence, 5, rows), expected, "{rows}");
        }
    }
}
