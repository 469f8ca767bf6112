//! How long sending and fetching a picture may take: what any call may, and the time for its bytes.

use aws_sdk_s3::config::timeout::TimeoutConfig;
use std::time::Duration;
use wiko_aws::ServiceSettings;

/// The slowest uplink that is waited for: what is left of a mobile link that the line shares.
const SLOWEST_BYTES_A_SECOND: u64 = 4_000;

/// A picture that takes longer than this is given up, and tried again later: 3.6 MB at the slowest.
const LONGEST_TRANSFER: Duration = Duration::from_secs(15 * 60);

/// The times of one picture's transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// One attempt, from the first byte to the last.
    pub(crate) attempt: Duration,
    /// All attempts together. Only one of them may take its whole time: what fails at once is tried
    /// again at once, what is slow is left to the queue.
    pub(crate) operation: Duration,
}

impl Pace {
    /// For so many bytes to or from a service with these settings.
    pub(crate) fn of(bytes: u64, service: &ServiceSettings) -> Self {
        let transfer_ms = bytes.saturating_mul(1000) / SLOWEST_BYTES_A_SECOND;
        let transfer = Duration::from_millis(transfer_ms).min(LONGEST_TRANSFER);
        Self {
            attempt: Duration::from_millis(service.attempt_timeout_ms) + transfer,
            operation: Duration::from_millis(service.operation_timeout_ms) + transfer,
        }
    }

    pub(crate) fn config(self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .operation_attempt_timeout(self.attempt)
            .operation_timeout(self.operation)
            .build()
    }
}

/// The longest that bringing one part may take: its picture put, asked after and fetched, its row put.
pub(crate) fn longest(s3: &ServiceSettings, dynamodb: &ServiceSettings) -> Duration {
    let put = Pace::of(u64::MAX, s3);
    let asked = Duration::from_millis(s3.operation_timeout_ms);
    let row = Duration::from_millis(dynamodb.operation_timeout_ms);
    // Of what is fetched, the operation's time holds until the head of the reply, the attempt's for
    // the body.
    put.operation + asked + (asked + put.attempt) + row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_the_time_that_its_bytes_need_and_no_end_of_it() {
        let s3 = ServiceSettings::new(30_000, 90_000);
        let seconds = |bytes| Pace::of(bytes, &s3).attempt.as_secs();
        assert_eq!(seconds(0), 30);
        assert_eq!(seconds(400_000), 30 + 100);
        assert_eq!(seconds(2_000_000), 30 + 500);
        assert_eq!(seconds(u64::MAX), 30 + 900);
        let pace = Pace::of(2_000_000, &s3);
        assert_eq!(pace.operation - pace.attempt, Duration::from_secs(60));
    }
}
