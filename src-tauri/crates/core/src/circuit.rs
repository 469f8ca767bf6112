//! The circuit breaker of a service: what is known not to answer is not asked for every part.
//!
//! Invariants:
//! - Closed, everything goes. Open, nothing goes until the wait is over; then one probe goes, and all wait
//!   for what it meets. What it meets closes the circuit, or opens it for twice as long.
//! - It opens at once where credentials are refused or a person is needed, because the next part would
//!   meet the same, and where the service asks to be left alone for longer than any part waits; otherwise
//!   after [`FAILURES`] failures without an answer in between.
//! - Waits are counted by the monotonic clock: a clock that is set back prolongs none.
//! - What was sent before the circuit last opened, closed or was reset says nothing of it.
//!
//! Source: M. Nygard, "Release It!", 2007, "Circuit Breaker".

use crate::{
    backoff, coded,
    ports::Hindered,
    queue::Obstacle,
    service::Service,
    time::{ClockReading, UnixMillis},
};
use std::time::Duration;

/// So many transient failures in a row open a circuit.
pub const FAILURES: u32 = 5;

/// The wait after the first opening; it doubles up to [`backoff::LONGEST`].
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// A service that asks to be left alone for longer is asked after this all the same.
const LONGEST_ASKED: Duration = Duration::from_secs(60 * 60);

/// How a circuit stands.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum CircuitState {
    /// The service is asked.
    Closed,
    /// It is not asked for a while.
    Open,
    /// One request finds out whether it may be asked again.
    HalfOpen,
}
coded!(CircuitState, "circuit state");

/// A circuit as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CircuitReport {
    /// Whose.
    pub service: Service,
    /// How it stands.
    pub state: CircuitState,
    /// Since when it is closed, or is not.
    pub since: UnixMillis,
    /// Until when nothing is asked; none unless open.
    pub until: Option<UnixMillis>,
    /// What was met; none while closed.
    pub obstacle: Option<Obstacle>,
    /// In words, with what to do; empty while closed.
    pub reason: String,
}

/// A request that was let through; what comes of it is told to the circuit with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Sent {
    epoch: u64,
}

/// A turn that people are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It opened, or stays open for another reason than before.
    Opened,
    /// It closed.
    Closed,
}

/// The circuit of one service.
#[derive(Debug)]
pub struct Circuit {
    phase: Phase,
    since: UnixMillis,
    /// Counts openings, closings and resets.
    epoch: u64,
}

#[derive(Debug)]
enum Phase {
    Closed { failures: u32 },
    Open(Open),
}

#[derive(Debug)]
struct Open {
    met: Hindered,
    /// Openings in a row.
    tries: u32,
    /// Monotonic milliseconds.
    until_ms: u64,
    /// Before this not even a sign of life shortens the wait: the service asked for it.
    least_until_ms: u64,
    probing: bool,
}

/// Why nothing may be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What was met.
    pub met: Hindered,
    /// How long; none while the probe is under way, whose end is told.
    pub wait: Option<Duration>,
}

impl Circuit {
    /// A closed one.
    pub fn new(now: UnixMillis) -> Self {
        Self {
            phase: Phase::Closed { failures: 0 },
            since: now,
            epoch: 0,
        }
    }

    /// Whether a request may be sent now; nothing is taken.
    pub fn admits(&self, at: &ClockReading) -> Result<(), Held> {
        let Phase::Open(open) = &self.phase else {
            return Ok(());
        };
        let wait = match (open.probing, open.until_ms.saturating_sub(at.monotonic_ms)) {
            (false, 0) => return Ok(()),
            (false, left_ms) => Some(Duration::from_millis(left_ms)),
            (true, _) => None,
        };
        Err(Held {
            met: open.met.clone(),
            wait,
        })
    }

    /// Lets a request through, where one may go: while open, the probe.
    pub fn send(&mut self, at: &ClockReading) -> Result<Sent, Held> {
        self.admits(at)?;
        if let Phase::Open(open) = &mut self.phase {
            open.probing = true;
        }
        Ok(Sent { epoch: self.epoch })
    }

    /// The service answered, whatever it said of the part.
    pub fn answered(&mut self, sent: &Sent, at: &ClockReading) -> Option<Turn> {
        if sent.epoch != self.epoch {
            return None;
        }
        self.close(at)
    }

    /// It did not do what was asked, and the trouble is its own. `jitter` is a random number from 0 to 1.
    pub fn failed(
        &mut self,
        sent: &Sent,
        at: &ClockReading,
        met: &Hindered,
        jitter: f64,
    ) -> Option<Turn> {
        if sent.epoch != self.epoch {
            return None;
        }
        let (tries, before) = match &mut self.phase {
            Phase::Closed { failures } => {
                *failures += 1;
                let at_once = met.obstacle != Obstacle::Transient
                    || met
                        .retry_after
                        .is_some_and(|asked| asked > backoff::LONGEST);
                if !at_once && *failures < FAILURES {
                    return None;
                }
                self.since = at.now;
                (1, None)
            }
            Phase::Open(open) => (open.tries.saturating_add(1), Some(open.met.obstacle)),
        };
        let monotonic = |wait: Duration| {
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            at.monotonic_ms.saturating_add(wait_ms)
        };
        let asked_for = met.retry_after.unwrap_or_default().min(LONGEST_ASKED);
        self.epoch += 1;
        self.phase = Phase::Open(Open {
            met: met.clone(),
            tries,
            until_ms: monotonic(wait(tries, met.obstacle, jitter).max(asked_for)),
            least_until_ms: monotonic(asked_for),
            probing: false,
        });
        (before != Some(met.obstacle)).then_some(Turn::Opened)
    }

    /// What came of it says nothing of the service: it was not sent after all, or the part was at fault.
    /// Where it was the probe, another one may go.
    pub fn untold(&mut self, sent: &Sent) {
        if let Phase::Open(open) = &mut self.phase
            && sent.epoch == self.epoch
        {
            open.probing = false;
        }
    }

    /// The service gave a sign of life: the probe need not wait any longer. Where a person is needed it
    /// says nothing, since the service was alive before.
    pub fn alive(&mut self, at: &ClockReading) -> bool {
        match &mut self.phase {
            Phase::Open(open) if !open.probing && open.met.obstacle != Obstacle::NeedsPerson => {
                let earlier = open.least_until_ms.max(at.monotonic_ms);
                let shortens = earlier < open.until_ms;
                open.until_ms = open.until_ms.min(earlier);
                shortens
            }
            Phase::Open(_) | Phase::Closed { .. } => false,
        }
    }

    /// A person says that it may be asked again: new credentials, or a retry.
    pub fn reset(&mut self, at: &ClockReading) -> Option<Turn> {
        let turn = self.close(at);
        self.epoch += 1;
        turn
    }

    fn close(&mut self, at: &ClockReading) -> Option<Turn> {
        let open = matches!(self.phase, Phase::Open(_));
        self.phase = Phase::Closed { failures: 0 };
        if !open {
            return None;
        }
        self.epoch += 1;
        self.since = at.now;
        Some(Turn::Closed)
    }

    /// As it is shown.
    pub fn report(&self, service: Service, at: &ClockReading) -> CircuitReport {
        let held = self.admits(at).err();
        let (state, until) = match (&self.phase, held.and_then(|held| held.wait)) {
            (Phase::Closed { .. }, _) => (CircuitState::Closed, None),
            (Phase::Open(_), Some(wait)) => (CircuitState::Open, Some(at.now.plus(wait))),
            (Phase::Open(_), None) => (CircuitState::HalfOpen, None),
        };
        let met = match &self.phase {
            Phase::Open(open) => Some(&open.met),
            Phase::Closed { .. } => None,
        };
        CircuitReport {
            service,
            state,
            since: self.since,
            until,
            obstacle: met.map(|met| met.obstacle),
            reason: met.map(|met| met.reason.clone()).unwrap_or_default(),
        }
    }
}

fn wait(tries: u32, obstacle: Obstacle, jitter: f64) -> Duration {
    // Each probe that needs a person parks its part.
    if obstacle == Obstacle::NeedsPerson {
        return backoff::LONGEST;
    }
    let doublings = tries.saturating_sub(1).min(16);
    let ceiling = FIRST_WAIT
        .saturating_mul(1 << doublings)
        .min(backoff::LONGEST);
    ceiling.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
#[path = "circuit_tests.rs"]
mod tests;
