//! Which rows make a picture; the rows themselves are elsewhere.
//!
//! Invariants:
//! - A picture's rows followed each other on the belt: where they did not, one picture ends and the next begins.
//! - A picture that does not show its part from beginning to end carries [`FrameFault::CutShort`].
//! - What might be a part is never left out, but for specks shorter than the shortest part that
//!   empty belt is seen around.

use super::{
    config::{LineMode, LineScanConfig, PartTrigger},
    presence::{PartEdge, PartPresence, RowSight},
};
use std::collections::VecDeque;
use wiko_core::{camera::FrameFault, time::UnixMillis};

/// So much that is told from outside may wait for the next row.
const MOST_SIGNALS: usize = 64;

/// Told from outside, for [`PartTrigger::External`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartSignal {
    /// A part begins.
    Begins,
    /// It has ended.
    Ended,
}

/// Rows that are a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PictureRows {
    pub(crate) from: u64,
    pub(crate) until: u64,
    /// When the block came in which its part begins.
    pub(crate) exposed_at: UnixMillis,
    pub(crate) faults: Vec<FrameFault>,
}

/// A picture that is not whole yet.
#[derive(Debug, Clone, Copy)]
struct Open {
    from: u64,
    part_from: u64,
    /// Its end, once it is known.
    until: Option<u64>,
    /// It begins within its part, or ended there.
    cut: bool,
    exposed_at: UnixMillis,
}

impl Open {
    fn page(self, until: u64, fault: Option<FrameFault>) -> Option<PictureRows> {
        let cut = self.cut.then_some(FrameFault::CutShort);
        let until = self.until.map_or(until, |end| end.min(until));
        (until > self.from).then(|| PictureRows {
            from: self.from,
            until,
            exposed_at: self.exposed_at,
            faults: cut.into_iter().chain(fault).collect(),
        })
    }
}

/// Follows rows, one after the other, and says which make a picture.
#[derive(Debug)]
pub(crate) struct Pager {
    mode: LineMode,
    pre_roll_rows: u64,
    presence: Option<PartPresence>,
    open: Option<Open>,
    /// The first row after the last break; no picture reaches back beyond it.
    floor: u64,
    /// WEB: the first row that no window has shown yet.
    unshown: u64,
    /// A part begun from outside that has not ended.
    begun_outside: bool,
    entering_at: UnixMillis,
    /// Told from outside, and with which row to come.
    signals: VecDeque<(PartSignal, u64)>,
}

impl Pager {
    pub(crate) fn new(config: &LineScanConfig) -> Self {
        Self {
            mode: config.mode,
            pre_roll_rows: config.pre_roll_rows(),
            presence: config.levels().map(PartPresence::new),
            open: None,
            floor: 0,
            unshown: 0,
            begun_outside: false,
            entering_at: UnixMillis(0),
            signals: VecDeque::with_capacity(MOST_SIGNALS),
        }
    }

    pub(crate) fn specks(&self) -> u64 {
        self.presence.as_ref().map_or(0, PartPresence::specks)
    }

    /// Rows from this one on may still become a picture, with all rows before `next` seen.
    pub(crate) fn kept_from(&self, next: u64) -> u64 {
        let roll = |row: u64| row.saturating_sub(self.pre_roll_rows);
        let entering = self
            .presence
            .as_ref()
            .and_then(PartPresence::entering_since);
        let told = self.signals.iter().map(|(_, told_at)| *told_at);
        let entering = told.chain(entering).fold(next, u64::min);
        let open = self.open.map_or(next, |open| open.from);
        roll(entering).max(self.floor).min(open)
    }

    /// The next row is seen, of a block exposed then.
    pub(crate) fn step(
        &mut self,
        row: u64,
        sight: RowSight,
        exposed_at: UnixMillis,
    ) -> Option<PictureRows> {
        if matches!(self.mode, LineMode::Web { .. }) && self.open.is_none() {
            self.open = Some(Open {
                from: row,
                part_from: row,
                until: None,
                cut: false,
                exposed_at,
            });
        }
        let presence = self.presence.as_mut()?;
        let away = presence.entering_since().is_none() && presence.here_until().is_none();
        let edge = presence.step(row, sight);
        if away {
            self.entering_at = exposed_at;
        }
        match edge {
            Some(PartEdge::Begins(at)) => self.begin(at, at, self.entering_at, at == self.floor),
            Some(PartEdge::Ended(at)) => {
                self.end(at);
                None
            }
            None => None,
        }
    }

    /// Something is told from outside, with row `next` to come. It takes effect with the next row that comes: rows that
    /// are lost until then may be of the part that ends as well as of the one that begins. False where too much waits.
    pub(crate) fn tell(&mut self, signal: PartSignal, next: u64) -> bool {
        if self.triggered() != Some(PartTrigger::External) {
            return true;
        }
        let room = self.signals.len() < MOST_SIGNALS;
        if room {
            self.signals.push_back((signal, next));
        }
        room
    }

    /// True where something was told that has not yet taken effect.
    pub(crate) fn has_signals(&self) -> bool {
        !self.signals.is_empty()
    }

    /// Lets the next signal take effect: row `next` has come, of a block exposed then.
    pub(crate) fn heed(&mut self, next: u64, exposed_at: UnixMillis) -> Option<PictureRows> {
        match self.signals.pop_front()? {
            (PartSignal::Begins, told_at) => {
                let at = told_at.max(self.floor);
                let closed = self.begin(at, next, exposed_at, false);
                self.begun_outside = true;
                closed
            }
            (PartSignal::Ended, _) => {
                if self.begun_outside {
                    self.begun_outside = false;
                    self.end(next);
                }
                None
            }
        }
    }

    fn triggered(&self) -> Option<PartTrigger> {
        match self.mode {
            LineMode::Web { .. } => None,
            LineMode::Page { trigger, .. } | LineMode::LongPage { trigger, .. } => Some(trigger),
        }
    }

    /// A part begins with row `at`; the one before is past before row `past`.
    fn begin(
        &mut self,
        at: u64,
        past: u64,
        exposed_at: UnixMillis,
        cut: bool,
    ) -> Option<PictureRows> {
        let before = self.open.take();
        // By the lines it has ended before the next begins.
        let whole = self.presence.is_some() || self.has_ended(before);
        let closed = before.and_then(|open| {
            let fault = (!whole).then_some(FrameFault::CutShort);
            open.page(past, fault)
        });
        let until = match self.mode {
            LineMode::Page { page_rows, .. } => Some(at + u64::from(page_rows)),
            LineMode::LongPage { .. } | LineMode::Web { .. } => None,
        };
        self.open = Some(Open {
            from: at.saturating_sub(self.pre_roll_rows).max(self.floor),
            part_from: at,
            until,
            cut,
            exposed_at,
        });
        closed
    }

    fn end(&mut self, at: u64) {
        if let (LineMode::LongPage { post_roll_rows, .. }, Some(open)) =
            (self.mode, self.open.as_mut())
            && open.until.is_none()
        {
            if open.cut && at <= open.part_from {
                // The rest of a part that was cut, of which nothing came any more.
                self.open = None;
                return;
            }
            open.until = Some(at + u64::from(post_roll_rows));
        }
    }

    /// True where the part of that picture is known to be past.
    fn has_ended(&self, open: Option<Open>) -> bool {
        match &self.presence {
            Some(presence) => presence.here_until().is_none(),
            // A page that is begun from outside is whole when it is full.
            None => {
                matches!(self.mode, LineMode::LongPage { .. })
                    && open.is_some_and(|open| open.until.is_some())
            }
        }
    }

    /// The picture that is whole, with all rows before `next` seen, of a block exposed then. To be asked again until
    /// there is none.
    pub(crate) fn settle(&mut self, next: u64, exposed_at: UnixMillis) -> Option<PictureRows> {
        let open = self.open?;
        match self.mode {
            LineMode::Web {
                window_rows,
                overlap_rows,
            } => {
                let until = open.from + u64::from(window_rows);
                if next < until {
                    return None;
                }
                self.unshown = until;
                self.open = Some(Open {
                    from: until - u64::from(overlap_rows),
                    exposed_at,
                    ..open
                });
                open.page(until, None)
            }
            LineMode::Page { .. } => {
                let until = open.until.filter(|until| next >= *until)?;
                let here = self.presence.as_ref().and_then(PartPresence::here_until);
                let fault = match here {
                    // The part goes on beyond its page, or has not been away for long enough to say.
                    Some(last) if last > until => Some(FrameFault::CutShort),
                    Some(_) => return None,
                    None => None,
                };
                self.open = None;
                self.begun_outside = false;
                open.page(until, fault)
            }
            LineMode::LongPage { longest_rows, .. } => {
                if let Some(until) = open.until {
                    let entering = self
                        .presence
                        .as_ref()
                        .and_then(PartPresence::entering_since);
                    // Its roll shows nothing of the next part.
                    let unsure = entering.is_some_and(|since| since < until);
                    if next < until || unsure {
                        return None;
                    }
                    self.open = None;
                    return open.page(until, None);
                }
                let here = self.presence.as_ref().and_then(PartPresence::here_until);
                let cut_at = open.part_from + u64::from(longest_rows);
                if here.unwrap_or(next) <= cut_at {
                    return None;
                }
                self.open = Some(Open {
                    from: cut_at,
                    part_from: cut_at,
                    cut: true,
                    exposed_at,
                    ..open
                });
                Open { cut: true, ..open }.page(cut_at, None)
            }
        }
    }

    /// The belt stands, with row `next` to come: gives what there is of a part. What comes later is its rest.
    pub(crate) fn stand(&mut self, next: u64, exposed_at: UnixMillis) -> Option<PictureRows> {
        let open = self.open?;
        if matches!(self.mode, LineMode::Web { .. }) || next <= open.part_from {
            return None;
        }
        if self.has_ended(Some(open)) {
            self.open = None;
            return open.page(next, None);
        }
        self.break_off(next, exposed_at, None)
    }

    /// The rows from `next` on do not follow those before it: gives what there is. `fault` is why, beside being cut. To be
    /// asked again until there is none.
    pub(crate) fn break_off(
        &mut self,
        next: u64,
        exposed_at: UnixMillis,
        fault: Option<FrameFault>,
    ) -> Option<PictureRows> {
        let entering = self
            .presence
            .as_ref()
            .and_then(PartPresence::entering_since);
        if self.floor == next && self.open.is_none() {
            return None;
        }
        if let Some(since) = entering
            && self.open.is_none_or(|open| open.part_from != since)
        {
            // Too few rows yet to be sure of a part: it is taken for one.
            let before = self.begin(since, since, self.entering_at, since == self.floor);
            self.open = self.open.map(|open| Open {
                until: None,
                ..open
            });
            if before.is_some() {
                return before;
            }
        }
        let open = self.open.take();
        let whole = match self.mode {
            LineMode::Web { .. } => next <= self.unshown,
            _ => entering.is_none() && self.has_ended(open),
        };
        let closed = match (self.mode, open) {
            (LineMode::Web { .. }, Some(_)) if whole => None,
            (_, Some(open)) if whole => open.page(next, None),
            (_, Some(open)) => Open { cut: true, ..open }.page(next, fault),
            (_, None) => None,
        };
        self.floor = next;
        self.unshown = next;
        if let Some(presence) = &mut self.presence {
            presence.reset(next);
        }
        if self.begun_outside && matches!(self.mode, LineMode::LongPage { .. }) {
            self.begin(next, next, exposed_at, true);
        }
        closed
    }
}
