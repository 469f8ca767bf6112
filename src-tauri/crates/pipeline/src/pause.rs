//! The pause of a queue whose credentials were refused: the next part would be refused as well, and so
//! would the thousands behind it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use wiko_core::{backoff, time::UnixMillis};

/// Lets one part through after each pause, to find out, and lets them all through once it is lifted.
#[derive(Debug, Default)]
pub(crate) struct Pause(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    until: Option<UnixMillis>,
    /// Parts that go through all the same.
    exempt: u64,
    lifted: Lifted,
}

/// How often a pause was lifted. What was sent before is refused with the old credentials, which says
/// nothing of the new ones.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifted(u64);

impl Pause {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be asked before a part is sent, and given to [`Self::begin`] if it is refused.
    pub(crate) fn lifted(&self) -> Lifted {
        self.state().lifted
    }

    /// A part was refused that was sent at `sent`.
    pub(crate) fn begin(&self, sent: Lifted, now: UnixMillis) {
        let mut state = self.state();
        if state.lifted == sent {
            state.until = Some(now.plus(backoff::LONGEST));
        }
    }

    /// There are new credentials, or the old ones were taken.
    pub(crate) fn lift(&self) {
        let mut state = self.state();
        *state = State {
            lifted: Lifted(state.lifted.0 + 1),
            ..State::default()
        };
    }

    /// One more part may go through while the pause lasts.
    pub(crate) fn exempt_one(&self) {
        let mut state = self.state();
        if state.until.is_some() {
            state.exempt += 1;
        }
    }

    /// When the next part may go, where none may now.
    pub(crate) fn holds_until(&self, now: UnixMillis) -> Option<UnixMillis> {
        let state = self.state();
        // Far further ahead than a pause is long: the clock was set back.
        let farthest = now.plus(backoff::LONGEST * 2);
        let lasts = |until: &UnixMillis| *until > now && *until <= farthest;
        state.until.filter(lasts).filter(|_| state.exempt == 0)
    }

    /// A part goes through: as one that is exempt, or to find out, and then no other until it is known
    /// or as long again.
    pub(crate) fn passed(&self, now: UnixMillis) {
        let mut state = self.state();
        if state.until.is_none() {
            return;
        }
        match state.exempt.checked_sub(1) {
            Some(left) => state.exempt = left,
            None => state.until = Some(now.plus(backoff::LONGEST)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_772_352_000_000);

    fn paused() -> Pause {
        let pause = Pause::default();
        pause.begin(pause.lifted(), NOW);
        pause
    }

    #[test]
    fn after_a_pause_one_part_goes_and_the_others_wait_as_long_again() {
        let pause = paused();
        let over = NOW.plus(backoff::LONGEST);
        assert_eq!(pause.holds_until(NOW), Some(over));
        assert_eq!(pause.holds_until(over), None);
        pause.passed(over);
        assert_eq!(pause.holds_until(over), Some(over.plus(backoff::LONGEST)));
        pause.lift();
        assert_eq!(pause.holds_until(over), None);
    }

    #[test]
    fn a_part_that_was_sent_before_the_pause_was_lifted_does_not_begin_it_anew() {
        let pause = paused();
        let sent = pause.lifted();
        pause.lift();
        pause.begin(sent, NOW);
        assert_eq!(pause.holds_until(NOW), None);
    }

    #[test]
    fn a_pause_holds_also_for_whoever_read_the_clock_just_before_it_began() {
        let pause = Pause::default();
        pause.begin(pause.lifted(), UnixMillis(NOW.0 + 5));
        assert!(pause.holds_until(NOW).is_some());
    }

    #[test]
    fn an_exempt_part_goes_through_and_the_pause_lasts() {
        let pause = paused();
        pause.exempt_one();
        assert_eq!(pause.holds_until(NOW), None);
        pause.passed(NOW);
        assert!(pause.holds_until(NOW).is_some());
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_prolong_a_pause() {
        let pause = paused();
        assert_eq!(pause.holds_until(UnixMillis(NOW.0 - 3_600_000)), None);
    }
}
