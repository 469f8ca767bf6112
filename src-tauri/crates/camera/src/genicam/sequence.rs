//! Numbers of frames: from the device's own, which begin anywhere and begin anew, to ours, which only grow.
//!
//! Invariant: a number is left out wherever a frame or block may be missing, and where it is not known whether one is.

/// Counts frames by the numbers that their device gave them.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    next: u64,
    last_id: Option<u64>,
    /// Frames that came and could not be used since the last good one.
    bad: u64,
    lost: u64,
}

impl Sequence {
    /// A whole frame with the device's number: its number here.
    pub(super) fn good(&mut self, id: u64) -> u64 {
        let ahead = self.last_id.map_or(1, |last| steps(last, id));
        let missing = ahead - 1;
        self.lost = self.lost.saturating_add(missing.saturating_sub(self.bad));
        let number = self.next.saturating_add(missing.max(self.bad));
        self.next = number.saturating_add(1);
        self.last_id = Some(id);
        self.bad = 0;
        number
    }

    /// A frame that cannot be used. Its number is not asked: where its first packet is missing it is an old one.
    pub(super) fn bad(&mut self) {
        self.bad += 1;
        self.lost = self.lost.saturating_add(1);
    }

    /// The stream was stopped and will begin anew: what passed by meanwhile nobody knows.
    pub(super) fn interrupted(&mut self) {
        if self.last_id.take().is_some() {
            self.next = self.next.saturating_add(1 + self.bad);
        }
        self.bad = 0;
    }

    /// Frames that the device took and that were never seen whole.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }
}

/// From one number of a device to a later one. Those of GigE Vision 1 have 16 bits and leave out 0.
fn steps(last: u64, id: u64) -> u64 {
    const LAST: u64 = 0xffff;
    if id > last {
        return id - last;
    }
    if id == last {
        // It does not count.
        return 1;
    }
    if last <= LAST {
        let ahead = LAST - last + id.max(1);
        if ahead < LAST / 2 {
            return ahead;
        }
    }
    // It has begun anew, after nobody knows what.
    2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(ids: &[u64]) -> (Vec<u64>, u64) {
        let mut sequence = Sequence::default();
        let numbers = ids.iter().map(|id| sequence.good(*id)).collect();
        (numbers, sequence.lost())
    }

    #[test]
    fn the_first_is_0_whatever_the_device_begins_with() {
        assert_eq!(numbers(&[1, 2, 3]), (vec![0, 1, 2], 0));
        assert_eq!(numbers(&[65_000, 65_001]), (vec![0, 1], 0));
        assert_eq!(numbers(&[0, 1]), (vec![0, 1], 0));
    }

    #[test]
    fn a_number_that_is_missing_is_a_gap() {
        assert_eq!(numbers(&[7, 8, 11]), (vec![0, 1, 4], 2));
    }

    #[test]
    fn numbers_of_16_bits_go_on_after_the_last_with_1_or_0() {
        assert_eq!(numbers(&[65_534, 65_535, 1, 2]), (vec![0, 1, 2, 3], 0));
        assert_eq!(numbers(&[65_535, 0, 1]), (vec![0, 1, 2], 0));
        assert_eq!(numbers(&[65_534, 2]), (vec![0, 3], 2));
    }

    #[test]
    fn numbers_of_64_bits_do_not_wrap_there() {
        assert_eq!(numbers(&[65_535, 65_536]), (vec![0, 1], 0));
    }

    #[test]
    fn a_device_that_begins_anew_leaves_a_gap() {
        assert_eq!(numbers(&[500, 501, 1, 2]), (vec![0, 1, 3, 4], 1));
        assert_eq!(numbers(&[100_000, 1]), (vec![0, 2], 1));
    }

    #[test]
    fn bad_frames_are_counted_once_and_leave_their_gap() {
        let mut sequence = Sequence::default();
        assert_eq!(sequence.good(1), 0);
        sequence.bad();
        assert_eq!((sequence.good(3), sequence.lost()), (2, 1));
        sequence.bad();
        assert_eq!((sequence.good(6), sequence.lost()), (5, 3));
        // Also where the device does not count.
        sequence.bad();
        assert_eq!((sequence.good(6), sequence.lost()), (7, 4));
    }

    #[test]
    fn a_stop_leaves_a_gap_and_is_no_loss() {
        let mut sequence = Sequence::default();
        sequence.interrupted();
        assert_eq!(sequence.good(1), 0);
        sequence.interrupted();
        assert_eq!((sequence.good(1), sequence.lost()), (2, 0));
    }
}
