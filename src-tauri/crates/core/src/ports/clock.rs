use crate::time::UnixMillis;

/// The time of day.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> UnixMillis;
}

/// Randomness, for ids and for jitter.
pub trait Entropy: Send + Sync {
    /// Ten random bytes.
    fn id_bytes(&self) -> [u8; 10];

    /// A random number from 0 to 1.
    fn jitter(&self) -> f64;
}
