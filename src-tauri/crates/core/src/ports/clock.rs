use crate::time::{ClockReading, UnixMillis};

/// The time of day, and the time since the machine was started.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> UnixMillis {
        self.reading().now
    }

    /// Now, by the clock that people set and by the one that nobody can set.
    fn reading(&self) -> ClockReading;
}

/// Randomness, for ids and for jitter.
pub trait Entropy: Send + Sync {
    /// Ten random bytes.
    fn id_bytes(&self) -> [u8; 10];

    /// A random number from 0 to 1.
    fn jitter(&self) -> f64;
}
