//! Whether a service's prompt cache works. One that never hits fails nothing: every part costs more, and nobody sees
//! why.
//!
//! Invariants:
//! - A call counts only where the cache could have held its prompt: another one with it was answered before this one
//!   was asked, and the prompt was last used no longer ago than the cache keeps it.
//! - It is told once, and again only after the cache has worked in between.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// So many calls in a row that could have hit, and did not, are no accident.
pub(super) const MISSES: u32 = 5;

/// How long the services keep a prompt after its last use.
const KEPT_FOR: Duration = Duration::from_secs(5 * 60);

/// A call with a prompt that the service was asked to keep.
#[derive(Debug, Clone, Copy)]
pub(super) struct CachedCall {
    /// Tells one prompt from another.
    pub(super) prompt: u64,
    /// When it was sent.
    pub(super) asked_at: Instant,
    /// When its answer was there.
    pub(super) answered_at: Instant,
    /// Tokens that the service found in its cache.
    pub(super) read_tokens: u64,
}

/// What is known of the cache of one model.
#[derive(Debug, Default)]
pub(super) struct CacheWatch {
    kept: HashMap<u64, Kept>,
    misses: u32,
    told: bool,
}

/// A prompt that the cache should hold.
#[derive(Debug)]
struct Kept {
    since: Instant,
    last_used: Instant,
}

impl CacheWatch {
    /// Notes a call. True where people are to be told now that the cache does not work.
    pub(super) fn note(&mut self, call: &CachedCall) -> bool {
        let could_hit = self.could_hit(call);
        if call.read_tokens > 0 {
            (self.misses, self.told) = (0, false);
        } else if could_hit {
            self.misses = self.misses.saturating_add(1);
        }
        let tell = self.misses >= MISSES && !self.told;
        self.told |= tell;
        tell
    }

    /// Whether the cache should have held the prompt of this call; it should from now on.
    fn could_hit(&mut self, call: &CachedCall) -> bool {
        let age = |kept: &Kept| call.asked_at.saturating_duration_since(kept.last_used);
        match self.kept.get_mut(&call.prompt) {
            Some(kept) if age(kept) < KEPT_FOR => {
                kept.last_used = kept.last_used.max(call.answered_at);
                kept.since <= call.asked_at
            }
            _ => {
                let (since, last_used) = (call.answered_at, call.answered_at);
                self.kept.insert(call.prompt, Kept { since, last_used });
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A service in a test's own time.
    struct Calls {
        begin: Instant,
        watch: CacheWatch,
    }

    impl Calls {
        fn new() -> Self {
            Self {
                begin: Instant::now(),
                watch: CacheWatch::default(),
            }
        }

        /// A call of prompt 1, sent at `asked_s` and answered two seconds later.
        fn at(&mut self, asked_s: u64, read_tokens: u64) -> bool {
            self.of(1, asked_s, asked_s + 2, read_tokens)
        }

        fn of(&mut self, prompt: u64, asked_s: u64, answered_s: u64, read_tokens: u64) -> bool {
            let at = |seconds| self.begin + Duration::from_secs(seconds);
            self.watch.note(&CachedCall {
                prompt,
                asked_at: at(asked_s),
                answered_at: at(answered_s),
                read_tokens,
            })
        }
    }

    #[test]
    fn five_calls_that_could_have_hit_and_did_not_are_told_once() {
        let mut calls = Calls::new();
        // The first one fills the cache.
        let told: Vec<bool> = (0..12).map(|n| calls.at(n * 10, 0)).collect();
        let expected: Vec<bool> = (0..12).map(|n| n == 5).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn one_hit_begins_the_count_anew_and_after_it_people_are_told_again() {
        let mut calls = Calls::new();
        assert!(!(0..5).any(|n| calls.at(n * 10, 0)));
        assert!(!calls.at(50, 900));
        assert!(!(6..10).any(|n| calls.at(n * 10, 0)));
        assert!(calls.at(100, 0));
        assert!(!(11..20).any(|n| calls.at(n * 10, 0)));
        assert!(!calls.at(200, 900));
        assert!(!(21..25).any(|n| calls.at(n * 10, 0)));
        assert!(calls.at(250, 0));
    }

    #[test]
    fn a_prompt_that_the_cache_has_dropped_by_then_is_no_miss() {
        let mut calls = Calls::new();
        let apart = KEPT_FOR.as_secs() + 2;
        assert!(!(0..30).any(|n| calls.at(n * apart, 0)));
        // A second less, and it should have been there.
        let mut calls = Calls::new();
        let told: Vec<u64> = (0..30).filter(|n| calls.at(n * (apart - 1), 0)).collect();
        assert_eq!(told, [5]);
    }

    #[test]
    fn calls_that_are_under_way_together_do_not_fill_the_cache_for_each_other() {
        let mut calls = Calls::new();
        assert!(!(0..8).any(|n| calls.of(1, n, 20 + n, 0)));
        // From then on eight are under way at any time, and each could have hit.
        let told: Vec<u64> = (0..8).filter(|n| calls.of(1, 21 + n, 40 + n, 0)).collect();
        assert_eq!(told, [4]);
    }

    #[test]
    fn each_prompt_has_to_be_written_once() {
        let mut calls = Calls::new();
        assert!(!(0..40).any(|prompt| calls.of(prompt, prompt, prompt + 1, 0)));
        assert!(!(0..4).any(|prompt| calls.of(prompt, 50, 51, 0)));
        assert!(calls.of(4, 52, 53, 0));
    }
}
