//! Parts that triggers told of, that moved on by themselves and that nobody has seen.
//!
//! Invariants:
//! - A part counts for the camera that it passed, whichever inspects by the time that it is counted.
//! - Nothing that was counted is taken back. A program may say that it asks again for a part that it was refused, so its
//!   refusals count only once it did not.

use std::collections::BTreeMap;
use wiko_core::trigger::{TriggerRefusal, TriggerSource};

/// A program asks again within this of its last refusal.
const AGAIN_WITHIN_MS: u64 = 2_000;

/// A trigger, and the camera that its part passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Passing {
    pub source: TriggerSource,
    /// None where each part is taken as that camera tells of it, so that none is missed for want of another trigger.
    pub camera: Option<String>,
    /// No other trigger can tell of the same part.
    pub is_apart: bool,
    /// It asks again for a part that was refused before.
    pub is_again: bool,
}

#[derive(Debug, Default)]
pub(super) struct Missed {
    by_camera: BTreeMap<String, u64>,
    by_source: BTreeMap<TriggerSource, u64>,
    /// Parts that programs may ask for again: which camera they pass, and when they were last refused.
    owed: Vec<(String, u64)>,
    let_through: Option<TriggerSource>,
    taking: Option<Passing>,
}

impl Missed {
    /// A trigger was refused.
    pub fn refused(&mut self, passing: &Passing, refusal: TriggerRefusal, at_ms: u64) {
        let same_source = self.let_through == Some(passing.source);
        match (passing.source, refusal) {
            // Each frame of a line, and each picture of lines, is a part of its own.
            (TriggerSource::CameraLine, _) => self.count(passing.source, passing.camera.as_deref()),
            (TriggerSource::PartPresent, _) if passing.is_apart => {
                self.count(passing.source, passing.camera.as_deref());
            }
            // Another source may have told of the same part; the same one tells of the next.
            (TriggerSource::PartPresent, TriggerRefusal::Bounce) if same_source => {
                self.count(passing.source, passing.camera.as_deref());
            }
            (TriggerSource::Http, TriggerRefusal::Bounce) if !same_source => {}
            (TriggerSource::Http, _) => self.owe(passing, at_ms),
            _ => {}
        }
    }

    /// A trigger was let through.
    pub fn let_through(&mut self, passing: Passing) {
        self.let_through = Some(passing.source);
        self.taking = Some(passing);
    }

    /// What came of the trigger that was let through.
    pub fn settled(&mut self, is_taken: bool, at_ms: u64) {
        // None where it was given up before it came.
        let Some(passing) = self.taking.take() else {
            return;
        };
        match passing.source {
            TriggerSource::Http if is_taken && passing.is_again => {
                self.overdue(at_ms);
                self.owed.pop();
            }
            _ if is_taken => {}
            TriggerSource::Http => self.owe(&passing, at_ms),
            source if source.tells_of_passing_parts() => {
                self.count(source, passing.camera.as_deref());
            }
            _ => {}
        }
    }

    /// Waits no longer: neither for the part that is being taken nor for programs to ask again.
    pub fn give_up(&mut self) {
        self.settled(false, 0);
        self.overdue(u64::MAX);
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

    fn owe(&mut self, passing: &Passing, at_ms: u64) {
        self.overdue(at_ms);
        match (self.owed.last_mut(), &passing.camera) {
            // The same part still.
            (Some((_, last_ms)), _) if passing.is_again => *last_ms = at_ms,
            (_, Some(camera)) => self.owed.push((camera.clone(), at_ms)),
            (_, None) => {}
        }
    }

    fn overdue(&mut self, now_ms: u64) {
        let is_overdue =
            |(_, at_ms): &(String, u64)| now_ms.saturating_sub(*at_ms) > AGAIN_WITHIN_MS;
        let (overdue, owed): (Vec<_>, Vec<_>) = std::mem::take(&mut self.owed)
            .into_iter()
            .partition(is_overdue);
        self.owed = owed;
        for (camera, _) in overdue {
            self.count(TriggerSource::Http, Some(&camera));
        }
    }

    fn count(&mut self, source: TriggerSource, camera: Option<&str>) {
        let Some(camera) = camera else {
            return;
        };
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

    fn by(source: TriggerSource, camera: &str) -> Passing {
        Passing {
            source,
            camera: Some(camera.to_owned()),
            is_apart: false,
            is_again: false,
        }
    }

    fn again(camera: &str) -> Passing {
        Passing {
            is_again: true,
            ..by(Http, camera)
        }
    }

    fn came(missed: &mut Missed, passing: Passing, is_taken: bool, at_ms: u64) {
        missed.let_through(passing);
        missed.settled(is_taken, at_ms);
    }

    #[test]
    fn each_frame_of_a_line_that_was_refused_or_failed_counts_for_its_own_camera() {
        let mut missed = Missed::default();
        let of_lines = Passing {
            is_apart: true,
            ..by(PartPresent, "b")
        };
        for refusal in [Bounce, Busy, SourceOff] {
            missed.refused(&by(CameraLine, "a"), refusal, 0);
            missed.refused(&of_lines, refusal, 0);
            // A hand in the picture, or the key that took the part that has come to rest.
            missed.refused(&by(PartPresent, "b"), refusal, 0);
            missed.refused(&by(Key, "a"), refusal, 0);
        }
        came(&mut missed, by(CameraLine, "c"), false, 0);
        came(&mut missed, by(PartPresent, "c"), false, 0);
        came(&mut missed, by(Key, "c"), false, 0);
        came(&mut missed, by(CameraLine, "c"), true, 0);
        assert_eq!(told(&mut missed, 0), [at("a", 3), at("b", 3), at("c", 2)]);
        assert_eq!(missed.of_source(CameraLine), 4);
        assert_eq!(missed.of_source(PartPresent), 4);
    }

    #[test]
    fn parts_that_come_to_rest_sooner_than_parts_are_told_apart_are_missed() {
        let mut missed = Missed::default();
        came(&mut missed, by(PartPresent, "a"), true, 0);
        missed.refused(&by(PartPresent, "a"), Bounce, 100);
        assert_eq!(told(&mut missed, 100), [at("a", 1)]);
    }

    #[test]
    fn each_part_that_a_program_told_of_and_was_refused_counts_though_the_next_is_taken() {
        let mut missed = Missed::default();
        missed.let_through(by(Http, "a"));
        // While the one before is still being taken, which must not clear it.
        missed.refused(&by(Http, "a"), Busy, 400);
        missed.settled(true, 600);
        came(&mut missed, by(Http, "a"), true, 800);
        missed.refused(&by(Http, "a"), Bounce, 1_000);
        came(&mut missed, by(Http, "a"), true, 1_200);
        came(&mut missed, by(Http, "b"), false, 1_400);
        came(&mut missed, by(Http, "a"), true, 1_600);
        assert_eq!(told(&mut missed, 1_600), []);
        assert_eq!(told(&mut missed, 9_000), [at("a", 2), at("b", 1)]);
        assert_eq!(missed.of_source(Http), 3);
        // The same part as the line's.
        missed.let_through(by(CameraLine, "a"));
        missed.refused(&by(Http, "a"), Bounce, 10_000);
        assert_eq!(told(&mut missed, 20_000), [at("a", 2), at("b", 1)]);
    }

    #[test]
    fn a_program_that_asks_again_for_the_same_part_until_it_is_taken_has_missed_none() {
        let mut missed = Missed::default();
        missed.refused(&by(Http, "a"), Busy, 0);
        for at_ms in (50..3_000).step_by(50) {
            missed.refused(&again("a"), Busy, at_ms);
        }
        came(&mut missed, again("a"), false, 3_100);
        came(&mut missed, again("a"), true, 3_200);
        assert_eq!(told(&mut missed, 60_000), []);
        // And one that gives up, or asks too late, has missed one.
        missed.refused(&by(Http, "a"), Busy, 100_000);
        missed.refused(&again("a"), Busy, 101_000);
        came(&mut missed, again("a"), true, 104_000);
        assert_eq!(told(&mut missed, 200_000), [at("a", 1)]);
    }

    #[test]
    fn what_is_not_settled_at_the_end_counts_once_where_it_moves_on_by_itself() {
        let mut missed = Missed::default();
        missed.let_through(by(CameraLine, "a"));
        missed.refused(&by(Http, "b"), Busy, 100);
        missed.give_up();
        missed.settled(false, 200);
        assert_eq!(told(&mut missed, 200), [at("a", 1), at("b", 1)]);
        missed.let_through(by(Key, "a"));
        missed.give_up();
        assert_eq!(told(&mut missed, 300), [at("a", 1), at("b", 1)]);
    }
}
