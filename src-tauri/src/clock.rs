//! The machine's clocks and randomness.

use jiff::tz::TimeZone;
use std::sync::LazyLock;
use wiko_core::{
    ports::{Clock, Entropy},
    time::{BootId, ClockReading, UnixMillis},
};

/// The system's time.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(jiff::Timestamp::now().as_millisecond())
    }

    fn reading(&self) -> ClockReading {
        ClockReading {
            now: self.now(),
            boot_id: BOOT_ID.clone(),
            monotonic_ms: monotonic_ms(),
        }
    }
}

static BOOT_ID: LazyLock<BootId> = LazyLock::new(|| BootId(boot_id()));

/// The kernel's id of this run of the machine.
#[cfg(target_os = "linux")]
fn boot_id() -> String {
    match std::fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        Ok(id) => id.trim().to_owned(),
        Err(error) => {
            tracing::warn!(%error, "the kernel names no boot id; this run of the station has its own");
            run_id()
        }
    }
}

/// This run of the station counts as a run of the machine of its own.
#[cfg(not(target_os = "linux"))]
fn boot_id() -> String {
    run_id()
}

fn run_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Since the machine was started, its sleep included.
#[cfg(target_os = "linux")]
fn monotonic_ms() -> u64 {
    let since = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let ms = since
        .tv_sec
        .saturating_mul(1000)
        .saturating_add(since.tv_nsec / 1_000_000);
    u64::try_from(ms).unwrap_or_default()
}

/// Since the first reading, which is of the run that [`run_id`] names.
#[cfg(not(target_os = "linux"))]
fn monotonic_ms() -> u64 {
    static FIRST: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
    u64::try_from(FIRST.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// A moment as people read it: in a time zone, with its offset, `2026-03-01T16:15:30+08:00`. What asks for a
/// time takes it in this form.
pub fn local(at: UnixMillis, zone: &TimeZone) -> String {
    let zoned = at.timestamp().to_zoned(zone.clone());
    zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_for_people_in_the_zone_with_its_offset() {
        let at = UnixMillis(1_772_352_930_250);
        for (zone, told) in [
            ("Asia/Shanghai", "2026-03-01T16:15:30+08:00"),
            ("America/New_York", "2026-03-01T03:15:30-05:00"),
            ("UTC", "2026-03-01T08:15:30+00:00"),
        ] {
            assert_eq!(local(at, &TimeZone::get(zone).unwrap()), told);
        }
    }

    #[test]
    fn two_readings_are_of_one_run_of_the_machine_and_never_go_back() {
        let (first, second) = (SystemClock.reading(), SystemClock.reading());
        assert_eq!(first.boot_id, second.boot_id);
        assert!(!first.boot_id.0.is_empty());
        assert!(first.monotonic_ms > 0 && first.monotonic_ms <= second.monotonic_ms);
    }
}
