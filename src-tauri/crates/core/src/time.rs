//! Points in time. Stored and sent as UTC epoch milliseconds; the clock itself is a port.

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// Whole seconds, rounded down: DynamoDB's `timestamp`.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This point and `duration` later, or as late as can be told.
    #[must_use]
    pub fn plus(self, duration: std::time::Duration) -> Self {
        let later_ms = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(later_ms))
    }

    /// How long from `earlier` to this; zero where the clock went back between them.
    pub fn since(self, earlier: UnixMillis) -> std::time::Duration {
        let ms = self.0.saturating_sub(earlier.0);
        std::time::Duration::from_millis(u64::try_from(ms).unwrap_or(0))
    }

    /// As jiff knows it; out of range only for times no station will see.
    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// ISO 8601 in UTC with milliseconds, `2026-03-01T08:15:30.250Z`.
    pub fn iso8601(self) -> String {
        format!("{:.3}", self.timestamp())
    }
}

/// Names one run of the machine, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct BootId(pub String);

impl std::fmt::Display for BootId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// Both clocks at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockReading {
    /// The time of day, which people and time servers set.
    pub now: UnixMillis,
    /// Which run of the machine.
    pub boot_id: BootId,
    /// Since that run began; never goes back, and goes on while the machine sleeps.
    pub monotonic_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_utc_with_milliseconds() {
        assert_eq!(
            UnixMillis(1_767_254_530_250).iso8601(),
            "2026-01-01T08:02:10.250Z"
        );
        assert_eq!(UnixMillis(1_767_254_530_250).seconds(), 1_767_254_530);
        assert_eq!(UnixMillis(-1).seconds(), -1);
    }

    #[test]
    fn a_clock_that_went_back_leaves_no_negative_duration() {
        assert_eq!(
            UnixMillis(5).since(UnixMillis(9)),
            std::time::Duration::ZERO
        );
    }
}
