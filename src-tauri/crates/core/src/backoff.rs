//! How long to wait before the next try: doubling, with full jitter, at most five minutes.
//!
//! Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("full jitter").

use std::time::Duration;

/// The longest wait between two tries.
pub const LONGEST: Duration = Duration::from_secs(300);

const FIRST: Duration = Duration::from_secs(1);

/// The wait after `attempts` failed tries (1 for the first failure). `jitter` is a random number
/// from 0 to 1. What the service asks for (`Retry-After`) is the least that is waited.
pub fn delay(attempts: u32, jitter: f64, retry_after: Option<Duration>) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    let ceiling = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    // Never less than a tenth: a zero wait would turn a dead service into a busy loop.
    let waited = ceiling.mul_f64(jitter.clamp(0.1, 1.0));
    waited
        .max(retry_after.unwrap_or(Duration::ZERO))
        .min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_five_minutes_and_is_never_zero() {
        assert_eq!(delay(1, 1.0, None), Duration::from_secs(1));
        assert_eq!(delay(4, 1.0, None), Duration::from_secs(8));
        assert_eq!(delay(40, 1.0, None), LONGEST);
        assert_eq!(delay(u32::MAX, 1.0, None), LONGEST);
        assert_eq!(delay(1, 0.0, None), Duration::from_millis(100));
    }

    #[test]
    fn what_the_service_asks_for_is_waited_up_to_the_cap() {
        assert_eq!(
            delay(1, 0.5, Some(Duration::from_secs(40))),
            Duration::from_secs(40)
        );
        assert_eq!(delay(1, 0.5, Some(Duration::from_secs(4000))), LONGEST);
    }
}
