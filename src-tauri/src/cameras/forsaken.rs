//! Cameras that are let go of, and the parts that nobody took of them.
//!
//! Invariant: a part that a camera told of is taken or counted, also one that comes while the camera is let go of.

use super::Cameras;
use std::{
    collections::BTreeMap,
    sync::{Arc, MutexGuard, PoisonError},
};
use wiko_camera::CameraFeed;
use wiko_core::camera::CameraState;

#[derive(Default)]
pub(super) struct Forsaken {
    feeds: Vec<(String, Arc<CameraFeed>)>,
    /// The program ends: no camera is opened any more.
    pub(super) is_closed: bool,
    /// Parts that nobody took of feeds that have ended.
    missed: BTreeMap<String, u64>,
}

impl Forsaken {
    /// Keeps no more of a feed that has ended than its number.
    fn settle(&mut self) {
        let missed = &mut self.missed;
        self.feeds.retain(|(id, feed)| {
            // One that its taker has in its hand may still be left there.
            let goes_on = feed.state() != CameraState::Ended || feed.are_parts_taken();
            if !goes_on {
                *missed.entry(id.clone()).or_default() += feed.parts_overflowed();
            }
            goes_on
        });
    }
}

impl Cameras {
    /// Has a camera let go of, whoever else looks at it, which may take seconds; not waited for. Parts that wait for
    /// inspection, or that come until it is let go of, are missed.
    pub(super) fn stop(&self, id: &str) {
        let mut feeds = self.feeds();
        if let Some(feed) = feeds.remove(id) {
            feed.forsake();
            let mut forsaken = self.forsaken();
            forsaken.settle();
            forsaken.feeds.push((id.to_owned(), feed));
        }
    }

    /// Parts that each camera told of and nobody took, since the station started.
    pub fn parts_missed(&self) -> BTreeMap<String, u64> {
        // Locked in the order of `stop`, which moves feeds from the one to the other.
        let feeds = self.feeds();
        let mut forsaken = self.forsaken();
        forsaken.settle();
        let mut missed = forsaken.missed.clone();
        let goes_on = forsaken.feeds.iter().map(|(id, feed)| (id, feed));
        for (id, feed) in feeds.iter().chain(goes_on) {
            *missed.entry(id.clone()).or_default() += feed.parts_overflowed();
        }
        missed
    }

    pub(super) fn forsaken(&self) -> MutexGuard<'_, Forsaken> {
        self.forsaken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has every camera let go of, for the end of the process; none is opened any more.
    pub fn stop_all(&self) {
        self.forsaken().is_closed = true;
        let ids: Vec<_> = self.feeds().keys().cloned().collect();
        for id in ids {
            self.stop(&id);
        }
    }
}
