//! Parts that triggers told of, that moved on by themselves and that nobody has seen.
//!
//! Invariants:
//! - A part counts for the camera that it passed, whichever inspects by the time that it is counted.
//! - Nothing that was counted is taken back. A program may ask again for a part that it was refused, as it is told to, so
//!   its refusals count only once it did not.

use std::collections::BTreeMap;
use wiko_core::trigger::{TriggerRefusal, TriggerSource};

/// A program that was refused asks again within this; later it asks for another part.
const RETRY_WITHIN_MS: u64 = 2_000;

#[derive(Debug, Default)]
pub(super) struct Missed {
    by_camera: BTreeMap<String, u64>,
    by_source: BTreeMap<TriggerSource, u64>,
    /// Refusals of programs that may ask again: past which camera, and when.
    owed: Vec<(String, u64)>,
    let_through: Option<TriggerSource>,
}

impl Missed {
    /// A trigger was refused. `is_apart` where no other trigger can tell of the same part.
    pub fn refused(
        &mut self,
        source: TriggerSource,
        refusal: TriggerRefusal,
        is_apart: bool,
        camera: &str,
        at_ms: u64,
    ) {
        match (source, refusal) {
            // Each frame of a line, and each picture of lines, is a part of its own.
            (TriggerSource::CameraLine, _) => self.count(source, camera),
            (TriggerSource::PartPresent, _) if is_apart => self.count(source, camera),
            (TriggerSource::Http, TriggerRefusal::Busy) => {
                self.owed.push((camera.to_owned(), at_ms));
            }
            // Another source may have told of the same part; the same one tells of the next.
            (TriggerSource::Http, TriggerRefusal::Bounce)
                if self.let_through == Some(TriggerSource::Http) =>
            {
                self.count(source, camera);
            }
            _ => {}
        }
    }

    /// A trigger was let through.
    pub fn let_through(&mut self, source: TriggerSource) {
        self.let_through = Some(source);
    }

    /// The part of a trigger that was let through is safe.
    pub fn taken(&mut self, source: TriggerSource, at_ms: u64) {
        if source == TriggerSource::Http {
            self.overdue(at_ms);
            self.owed.clear();
        }
    }

    /// No part came of a trigger that was let through.
    pub fn failed(&mut self, source: TriggerSource, camera: &str, at_ms: u64) {
        match source {
            TriggerSource::Http => self.owed.push((camera.to_owned(), at_ms)),
            source if source.tells_of_passing_parts() => self.count(source, camera),
            _ => {}
        }
    }

    /// How many passed each camera until now.
    pub fn by_camera(&mut self, now_ms: u64) -> BTreeMap<String, u64> {
        self.overdue(now_ms);
        self.by_camera.clone()
    }

    /// How many of them the triggers of this source told of.
    pub fn of_source(&self, source: TriggerSource) -> u64 {
        self.by_source.get(&source).copied().unwrap_or_default()
    }

    fn overdue(&mut self, now_ms: u64) {
        let (overdue, owed) = std::mem::take(&mut self.owed)
            .into_iter()
            .partition(|(_, at_ms)| now_ms.saturating_sub(*at_ms) > RETRY_WITHIN_MS);
        self.owed = owed;
        let overdue: Vec<_> = overdue;
        for (camera, _) in overdue {
            self.count(TriggerSource::Http, &camera);
        }
    }

    fn count(&mut self, source: TriggerSource, camera: &str) {
        *self.by_camera.entry(camera.to_owned()).or_default() += 1;
        *self.by_source.entry(source).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TriggerRefusal::{Bounce, Busy, SourceOff};
    use TriggerSource::{CameraLine, Http, Key, PartPresent};

    fn told(missed: &mut Missed, now_ms: u64) -> Vec<(String, u64)> {
        missed.by_camera(now_ms).into_iter().collect()
    }

    fn at(camera: &str, parts: u64) -> (String, u64) {
        (camera.to_owned(), parts)
    }

    #[test]
    fn each_frame_of_a_line_that_was_refused_or_failed_counts_for_its_own_camera() {
        let mut missed = Missed::default();
        for refusal in [Bounce, Busy, SourceOff] {
            missed.refused(CameraLine, refusal, false, "a", 0);
            missed.refused(PartPresent, refusal, true, "b", 0);
            // A hand in the picture, or the key that took the part that has come to rest.
            missed.refused(PartPresent, refusal, false, "b", 0);
            missed.refused(Key, refusal, false, "a", 0);
        }
        missed.failed(CameraLine, "c", 0);
        missed.failed(PartPresent, "c", 0);
        missed.failed(Key, "c", 0);
        assert_eq!(told(&mut missed, 0), [at("a", 3), at("b", 3), at("c", 2)]);
        assert_eq!(missed.of_source(CameraLine), 4);
        assert_eq!(missed.of_source(PartPresent), 4);
    }

    #[test]
    fn a_program_that_is_refused_and_asks_again_in_time_has_missed_no_part() {
        let mut missed = Missed::default();
        for at_ms in [0, 50, 100] {
            missed.refused(Http, Busy, false, "a", at_ms);
        }
        missed.failed(Http, "a", 200);
        assert_eq!(told(&mut missed, 2_000), []);
        missed.taken(Http, 2_000);
        assert_eq!(told(&mut missed, 60_000), []);
        // And one that does not, or too late, has.
        missed.refused(Http, Busy, false, "a", 100_000);
        missed.taken(Key, 100_001);
        missed.failed(Http, "b", 103_000);
        missed.taken(Http, 103_001);
        assert_eq!(told(&mut missed, 200_000), [at("a", 1)]);
        missed.failed(Http, "b", 300_000);
        assert_eq!(told(&mut missed, 302_001), [at("a", 1), at("b", 1)]);
        assert_eq!(missed.of_source(Http), 2);
    }

    #[test]
    fn a_program_that_is_faster_than_parts_are_told_apart_misses_each_bounce() {
        let mut missed = Missed::default();
        // The same part as the line's.
        missed.let_through(CameraLine);
        missed.refused(Http, Bounce, false, "a", 0);
        assert_eq!(told(&mut missed, 0), []);
        missed.let_through(Http);
        missed.refused(Http, Bounce, false, "a", 300);
        missed.taken(Http, 310);
        assert_eq!(told(&mut missed, 310), [at("a", 1)]);
    }
}
