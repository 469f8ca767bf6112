//! Frames that are each a part: what the camera's own line, or the lines of a line-scan camera, tell of.
//!
//! Invariants:
//! - None is lost in silence: one that finds no room, or nobody to take it, is counted, and its count is an alarm.
//! - One taker at a time. What lies here when it lets go is counted too: the next one may look at another stage.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;
use wiko_core::camera::Frame;

/// Parts that wait for inspection at once: more than a burst, and few enough for 12 MB pictures.
const MOST_PARTS: usize = 16;

/// And so many bytes of pixels: a line-scan picture may be as large as sixteen others.
const MOST_BYTES: usize = 512 << 20;

#[derive(Default)]
pub(super) struct PartQueue {
    held: Mutex<Held>,
    came: Notify,
}

#[derive(Default)]
struct Held {
    parts: VecDeque<Arc<Frame>>,
    is_taken: bool,
    is_closed: bool,
    overflowed: u64,
}

impl PartQueue {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A part that nobody but its taker will see.
    pub(super) fn put(&self, frame: Arc<Frame>) {
        let mut held = self.held();
        let waiting: usize = held
            .parts
            .iter()
            .map(|part| part.picture.size_bytes())
            .sum();
        // One that is larger than all the room there is goes in where it is alone.
        let fits = held.parts.is_empty() || waiting + frame.picture.size_bytes() <= MOST_BYTES;
        if held.is_taken && fits && held.parts.len() < MOST_PARTS {
            held.parts.push_back(frame);
            drop(held);
            self.came.notify_one();
            return;
        }
        held.overflowed += 1;
        let overflowed = held.overflowed;
        drop(held);
        tracing::error!(overflowed, "a part came faster than parts are taken");
    }

    /// A part that a person may also take from the live picture, where nobody takes them all.
    pub(super) fn put_if_taken(&self, frame: Arc<Frame>) {
        if self.held().is_taken {
            self.put(frame);
        }
    }

    pub(super) fn is_taken(&self) -> bool {
        self.held().is_taken
    }

    pub(super) fn overflowed(&self) -> u64 {
        self.held().overflowed
    }

    pub(super) fn take(queue: &Arc<Self>) -> Option<Parts> {
        let mut held = queue.held();
        if held.is_taken {
            return None;
        }
        held.is_taken = true;
        Some(Parts(queue.clone()))
    }

    /// Nothing more will come.
    pub(super) fn close(&self) {
        self.held().is_closed = true;
        self.came.notify_one();
    }
}

/// The frames of a camera that are each a part, for one taker. Dropped, another may take them.
pub struct Parts(Arc<PartQueue>);

impl Parts {
    /// The next part; none once the camera has ended and all were given. May be dropped half way: nothing is lost.
    pub async fn recv(&mut self) -> Option<Arc<Frame>> {
        loop {
            {
                let mut held = self.0.held();
                if let Some(part) = held.parts.pop_front() {
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

    /// The next part, where one is there already.
    pub fn try_recv(&mut self) -> Option<Arc<Frame>> {
        self.0.held().parts.pop_front()
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let mut held = self.0.held();
        held.is_taken = false;
        let left = held.parts.len();
        held.parts.clear();
        held.overflowed += left as u64;
        drop(held);
        if left > 0 {
            tracing::error!(left, "parts were not taken: their camera inspects no more");
        }
    }
}
