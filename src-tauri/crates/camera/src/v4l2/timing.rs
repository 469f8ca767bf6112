//! When a frame was exposed, by what its driver and its buffer tell.
//!
//! Invariants:
//! - No frame looks younger than it is: what is not known is taken at its oldest.
//! - No frame looks old for ever: a stamp that cannot be of this frame counts as none.

use rustix::time::ClockId;
use std::time::Duration;

/// A frame's exposure may have begun so long before its buffer was given to the driver.
const LONGEST_EXPOSURE: Duration = Duration::from_secs(2);

/// The clock that nobody can set, since the machine's start.
pub(super) fn monotonic() -> Duration {
    Duration::try_from(rustix::time::clock_gettime(ClockId::Monotonic)).unwrap_or_default()
}

/// Times of a filled buffer, all by [`monotonic`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    /// The driver's; none where it keeps none, or one by another clock.
    pub(super) stamp: Option<Duration>,
    /// True where the stamp is of the beginning of the exposure, false where of the frame's end.
    pub(super) stamped_at_start: bool,
    /// The buffer was still empty then.
    pub(super) empty_at: Duration,
    /// It was taken out.
    pub(super) taken_at: Duration,
}

/// When a frame's exposure began, at the latest that can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Began {
    pub(super) at: Duration,
    /// False where only the buffer tells it.
    pub(super) by_the_driver: bool,
}

impl Times {
    /// A stamp of the frame's end, or of its arrival, is a frame's time after the exposure began. A driver whose stamps
    /// stand still, are of another clock than they say, or are copied from somewhere, has none.
    pub(super) fn exposure_began(self, frame_time: Duration, stamps_on_arrival: bool) -> Began {
        let earliest = self.empty_at.saturating_sub(LONGEST_EXPOSURE + frame_time);
        // Drivers that reckon with the camera's clock may be a little ahead of ours.
        let latest = self.taken_at + frame_time;
        let stamp = self
            .stamp
            .filter(|stamp| !stamp.is_zero() && (earliest..=latest).contains(stamp));
        match stamp {
            Some(stamp) if self.stamped_at_start && !stamps_on_arrival => Began {
                at: stamp.min(self.taken_at),
                by_the_driver: true,
            },
            Some(stamp) => Began {
                at: stamp.min(self.taken_at).saturating_sub(frame_time),
                by_the_driver: true,
            },
            None => Began {
                at: self.empty_at.saturating_sub(frame_time),
                by_the_driver: false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME_TIME: Duration = Duration::from_millis(33);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn taken(stamp: Option<u64>) -> Times {
        Times {
            stamp: stamp.map(ms),
            stamped_at_start: false,
            empty_at: ms(100_000),
            taken_at: ms(100_900),
        }
    }

    fn began(times: Times) -> (u64, bool) {
        let began = times.exposure_began(FRAME_TIME, false);
        (began.at.as_millis() as u64, began.by_the_driver)
    }

    #[test]
    fn a_frame_that_waited_is_as_old_as_its_stamp() {
        assert_eq!(began(taken(Some(100_100))), (100_067, true));
        let mut at_start = taken(Some(100_100));
        at_start.stamped_at_start = true;
        assert_eq!(began(at_start), (100_100, true));
        let on_arrival = at_start.exposure_began(FRAME_TIME, true);
        assert_eq!(on_arrival.at, ms(100_067));
    }

    #[test]
    fn a_frame_without_a_stamp_is_as_old_as_its_buffer_may_have_waited() {
        for stamp in [None, Some(0)] {
            assert_eq!(began(taken(stamp)), (99_967, false));
        }
    }

    #[test]
    fn a_stamp_from_before_the_buffer_was_empty_or_from_the_future_counts_as_none() {
        for stamp in [1, 97_900, 100_934, 1_700_000_000_000, u64::MAX / 2] {
            assert_eq!(began(taken(Some(stamp))), (99_967, false), "{stamp}");
        }
    }

    #[test]
    fn a_long_exposure_and_a_clock_that_is_a_little_ahead_are_believed() {
        assert_eq!(began(taken(Some(98_500))), (98_467, true));
        assert_eq!(began(taken(Some(100_930))), (100_867, true));
    }
}
