//! A clock that goes where the test sets it, and randomness that repeats.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use wiko_core::{
    ports::{Clock, Entropy},
    time::{BootId, ClockReading, UnixMillis},
};

/// Stands still until it is advanced.
#[derive(Debug)]
pub struct SetClock {
    now: AtomicI64,
    monotonic_ms: AtomicU64,
}

impl SetClock {
    /// Stands at `now`.
    pub fn at(now: UnixMillis) -> Self {
        Self {
            now: AtomicI64::new(now.0),
            monotonic_ms: AtomicU64::new(1_000_000),
        }
    }

    /// Time goes by, for both clocks.
    pub fn advance(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap();
        self.now.fetch_add(by_ms, Ordering::SeqCst);
        self.monotonic_ms
            .fetch_add(by_ms.cast_unsigned(), Ordering::SeqCst);
    }

    /// Somebody sets the time of day, also back; no time goes by.
    pub fn set(&self, now: UnixMillis) {
        self.now.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn reading(&self) -> ClockReading {
        ClockReading {
            now: UnixMillis(self.now.load(Ordering::SeqCst)),
            boot_id: BootId("boot-test".into()),
            monotonic_ms: self.monotonic_ms.load(Ordering::SeqCst),
        }
    }
}

/// Counts instead of throwing dice: ids differ and tests repeat. Jitter is always 1.
#[derive(Debug, Default)]
pub struct CountingEntropy(AtomicU64);

impl Entropy for CountingEntropy {
    fn id_bytes(&self) -> [u8; 10] {
        let mut bytes = [0; 10];
        bytes[2..].copy_from_slice(&self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes());
        bytes
    }

    fn jitter(&self) -> f64 {
        1.0
    }
}
