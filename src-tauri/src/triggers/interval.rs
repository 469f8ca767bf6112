//! Triggers by time alone. Invariant: a tick that finds a part being taken is refused like any other trigger and not
//! made up for later.

use super::Triggers;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};
use wiko_core::trigger::{Trigger, TriggerSource};

/// Triggers each time `every` has passed, for the first time once it has passed once.
pub(super) async fn run(triggers: Triggers, every: Duration) {
    let mut ticks = tokio::time::interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = triggers.inner.clock.now();
        // What comes of it is counted, told and logged there.
        let _ = triggers.offer(Trigger::plain(TriggerSource::Interval, now));
    }
}
