//! The machine's clock and randomness.

use wiko_core::{
    ports::{Clock, Entropy},
    time::UnixMillis,
};

/// The system's time.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(jiff::Timestamp::now().as_millisecond())
    }
}

/// The system's randomness.
#[derive(Debug, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn id_bytes(&self) -> [u8; 10] {
        rand::random()
    }

    fn jitter(&self) -> f64 {
        rand::random()
    }
}
