//! Threads of cameras that were told to stop and have not yet let go of theirs.
//!
//! Invariant: who drops a camera's feed waits for nothing, and who finds a camera held waits for those that are being let
//! go of at that moment, for a short while, as one of them may be its own.

use super::stop::Stop;
use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Stop signs of all threads that run.
static RUNNING: Mutex<Vec<Arc<Stop>>> = Mutex::new(Vec::new());
static ENDED: Condvar = Condvar::new();

fn running() -> MutexGuard<'static, Vec<Arc<Stop>>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn any_ending(running: &[Arc<Stop>]) -> bool {
    running.iter().any(|stop| stop.is_set())
}

/// A thread that runs; at its end whatever way it ends.
pub(super) struct Run(Arc<Stop>);

impl Run {
    pub(super) fn of(stop: Arc<Stop>) -> Self {
        running().push(Arc::clone(&stop));
        Self(stop)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        running().retain(|stop| !Arc::ptr_eq(stop, &self.0));
        ENDED.notify_all();
    }
}

/// Waits for cameras that are being let go of at this moment. True where there were any and all of them are gone; false
/// where `stop` says so before, or it takes too long.
pub(super) fn wait_for_others(stop: &Stop, within: Duration) -> bool {
    /// One look at the own stop sign.
    const LOOK: Duration = Duration::from_millis(50);
    let until = Instant::now() + within;
    let mut running = running();
    if !any_ending(&running) {
        return false;
    }
    while any_ending(&running) {
        if Instant::now() >= until || stop.is_set() {
            return false;
        }
        let waited = ENDED.wait_timeout(running, LOOK);
        running = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
    true
}

/// Waits until every camera whose feed was dropped or stopped is let go of: for the end of the process, which would
/// otherwise leave a network camera to believe for seconds that somebody has it. True where all of them are.
pub fn wait_for_stopped_cameras(within: Duration) -> bool {
    let (running, _) = ENDED
        .wait_timeout_while(running(), within, |running| any_ending(running))
        .unwrap_or_else(PoisonError::into_inner);
    !any_ending(&running)
}
