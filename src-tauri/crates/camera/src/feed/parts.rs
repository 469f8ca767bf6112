//! Frames that are each a part: what the camera's own line, or the lines of a line-scan camera, tell of.
//!
//! Invariants:
//! - A frame is a part only while somebody takes parts, or will in a moment; before, it is a picture like others, which
//!   another trigger may take.
//! - No part is lost in silence: one that finds no room, or that nobody came for, is counted, and its count is an alarm.
//! - One taker at a time. What it leaves waits for the next for a short while, as the set-up is changed; then it is counted.
//! - Each part is either taken or counted, and never both, also where its camera is let go of: from then on none is given,
//!   and what waited or still comes is counted.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use wiko_core::camera::Frame;

/// Parts that wait for inspection at once: more than a burst, and few enough for 12 MB pictures.
const MOST_PARTS: usize = 16;

/// And so many bytes of pixels: a line-scan picture may be as large as sixteen others.
const MOST_BYTES: usize = 512 << 20;

/// Who takes parts may be gone for so long: longer than it takes to start another.
const BETWEEN_TAKERS: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct PartQueue {
    held: Mutex<Held>,
    came: Notify,
}

#[derive(Default)]
struct Held {
    parts: VecDeque<Arc<Frame>>,
    is_taken: bool,
    /// When the last taker let go.
    left_at: Option<Instant>,
    /// The taker has seen the first of them and has not yet said that it need not wait any longer.
    is_in_hand: bool,
    is_closed: bool,
    /// The camera is let go of for good; with whether its parts were awaited until then.
    forsaken: Option<bool>,
    overflowed: u64,
}

impl Held {
    /// True where somebody takes parts, or will in a moment.
    fn is_awaited(&self) -> bool {
        let just_left = |left: Instant| left.elapsed() < BETWEEN_TAKERS;
        let is_awaited = || self.is_taken || self.left_at.is_some_and(just_left);
        self.forsaken.unwrap_or_else(is_awaited)
    }

    /// What nobody came for in time is counted.
    fn give_up(&mut self) {
        if self.is_awaited() || self.parts.is_empty() {
            return;
        }
        let left = self.parts.len();
        self.parts.clear();
        self.overflowed += left as u64;
        tracing::error!(left, "parts were not taken: their camera inspects no more");
    }
}

impl PartQueue {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A frame that is a part where somebody takes parts. Where nobody does, another trigger may take it from the live
    /// picture, and it was not missed.
    pub(super) fn put(&self, frame: Arc<Frame>) {
        let mut held = self.held();
        if !held.is_awaited() {
            return;
        }
        let waiting: usize = held
            .parts
            .iter()
            .map(|part| part.picture.size_bytes())
            .sum();
        // One that is larger than all the room there is goes in where it is alone.
        let fits = held.parts.is_empty() || waiting + frame.picture.size_bytes() <= MOST_BYTES;
        if held.forsaken.is_none() && fits && held.parts.len() < MOST_PARTS {
            held.parts.push_back(frame);
            drop(held);
            self.came.notify_one();
            return;
        }
        held.overflowed += 1;
        let (overflowed, is_forsaken) = (held.overflowed, held.forsaken.is_some());
        drop(held);
        if is_forsaken {
            tracing::error!(overflowed, "a part came as its camera was let go of");
        } else {
            tracing::error!(overflowed, "a part came faster than parts are taken");
        }
    }

    pub(super) fn is_taken(&self) -> bool {
        self.held().is_taken
    }

    /// Parts that found no room, and those that nobody came for.
    pub(super) fn overflowed(&self) -> u64 {
        let mut held = self.held();
        held.give_up();
        held.overflowed
    }

    pub(super) fn take(queue: &Arc<Self>) -> Option<Parts> {
        let mut held = queue.held();
        if held.is_taken {
            return None;
        }
        held.give_up();
        held.is_taken = true;
        Some(Parts(queue.clone()))
    }

    /// The camera is let go of for good: its taker gets no more parts. Those that wait are counted, and so is each that the
    /// camera still gives. One that the taker has in its hand is its own; it is counted where the taker leaves it.
    pub(super) fn forsake(&self) {
        let mut held = self.held();
        if held.forsaken.is_none() {
            held.give_up();
            held.forsaken = Some(held.is_awaited());
            let kept = usize::from(held.is_in_hand);
            let unseen = held.parts.len().saturating_sub(kept);
            held.parts.truncate(kept);
            held.overflowed += unseen as u64;
            if unseen > 0 {
                tracing::error!(unseen, "parts were not taken: their camera was let go of");
            }
        }
        drop(held);
        self.came.notify_one();
    }

    /// Nothing more will come.
    pub(super) fn close(&self) {
        self.held().is_closed = true;
        self.came.notify_one();
    }
}

/// The frames of a camera that are each a part, for one taker. Dropped, another may take those that wait; where none comes
/// for them in a few seconds, they are counted as overflowed.
pub struct Parts(Arc<PartQueue>);

impl Parts {
    /// The next part, which stays the next until [`Self::taken`]; none once the camera has ended and all were taken, or it
    /// is let go of.
    pub async fn next(&mut self) -> Option<Arc<Frame>> {
        loop {
            {
                let mut held = self.0.held();
                if held.forsaken.is_some() {
                    return None;
                }
                if let Some(part) = held.parts.front().cloned() {
                    held.is_in_hand = true;
                    return Some(part);
                }
                if held.is_closed {
                    return None;
                }
            }
            // A word given meanwhile is kept, so that none is missed.
            self.0.came.notified().await;
        }
    }

    /// The next part need not wait any longer.
    pub fn taken(&mut self) {
        let mut held = self.0.held();
        held.parts.pop_front();
        held.is_in_hand = false;
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let mut held = self.0.held();
        held.is_taken = false;
        held.is_in_hand = false;
        held.left_at = Some(Instant::now());
        if held.forsaken.is_some() {
            // What was in its hand: no other taker will come for it.
            held.overflowed += held.parts.len() as u64;
            held.parts.clear();
        }
    }
}
