//! How many lines a second come.
//!
//! Invariant: one stop of the belt, one block that came late or a clock that was set does not change what is measured.

use super::config::LineAspect;
use std::collections::VecDeque;
use wiko_core::time::UnixMillis;

/// Blocks over which is measured.
const WINDOW: usize = 128;
/// The slopes are taken over so many blocks: each disturbance spoils so many of them, and half may be spoilt.
const MOST_APART: usize = 16;
/// With fewer blocks nothing is said.
const LEAST: usize = 3;

/// The measured line rate beside the wanted one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineRate {
    /// Lines a second over the last blocks.
    pub measured_hz: f64,
    /// At which pixels are square; none where lines follow an encoder.
    pub wanted_hz: Option<f64>,
    /// By which share the picture is too long along the belt; below 0 it is too short.
    pub aspect_error: Option<f64>,
}

/// Measures over a sliding window.
#[derive(Debug)]
pub(crate) struct RateMeter {
    /// When each of the last blocks was exposed, and how many rows came before it.
    blocks: VecDeque<(i64, u64)>,
}

impl RateMeter {
    pub(crate) fn new() -> Self {
        Self {
            blocks: VecDeque::with_capacity(WINDOW),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.blocks.clear();
    }

    /// A block came before which there were so many rows, lost ones included.
    pub(crate) fn note(&mut self, exposed_at: UnixMillis, rows_before: u64) {
        if self.blocks.len() == WINDOW {
            self.blocks.pop_front();
        }
        self.blocks.push_back((exposed_at.0, rows_before));
    }

    /// The median of the slopes between blocks that lie apart (after Theil and Sen). None before it can be told.
    pub(crate) fn measured_hz(&self) -> Option<f64> {
        if self.blocks.len() < LEAST {
            return None;
        }
        let apart = (self.blocks.len() / 4).clamp(1, MOST_APART);
        let pairs = self.blocks.iter().zip(self.blocks.iter().skip(apart));
        let mut slopes: Vec<f64> = pairs
            .map(|((early_ms, early), (late_ms, late))| {
                late.saturating_sub(*early) as f64 * 1000.0 / (late_ms - early_ms) as f64
            })
            .filter(|slope| slope.is_finite())
            .collect();
        slopes.sort_by(f64::total_cmp);
        let middle = slopes.get(slopes.len() / 2).copied()?;
        (middle > 0.0).then_some(middle)
    }

    pub(crate) fn rate(&self, aspect: Option<&LineAspect>) -> Option<LineRate> {
        let measured_hz = self.measured_hz()?;
        let wanted_hz = aspect.map(LineAspect::wanted_hz);
        Some(LineRate {
            measured_hz,
            wanted_hz,
            aspect_error: wanted_hz.map(|wanted_hz| measured_hz / wanted_hz - 1.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of 256 rows at 9,000 lines a second, each shifted by what `late_ms` says of it.
    fn measured(blocks: i64, late_ms: impl Fn(i64) -> i64) -> Option<f64> {
        let mut meter = RateMeter::new();
        for block in 0..blocks {
            let at_ms = block * 256 * 1000 / 9000 + late_ms(block);
            meter.note(UnixMillis(1_000_000 + at_ms), block.cast_unsigned() * 256);
        }
        meter.measured_hz()
    }

    fn near(measured: Option<f64>, share: f64) -> bool {
        measured.is_some_and(|hz| (hz / 9000.0 - 1.0).abs() < share)
    }

    #[test]
    fn the_rate_is_told_to_a_few_thousandths_after_a_second_and_roughly_after_three_blocks() {
        assert_eq!(measured(2, |_| 0), None);
        assert!(near(measured(3, |_| 0), 0.05));
        assert!(near(measured(64, |_| 0), 0.003));
        assert!(near(measured(1000, |_| 0), 0.003));
    }

    #[test]
    fn stops_bursts_stragglers_and_clocks_that_are_set_do_not_change_it() {
        let two_stops = |block| i64::from(block > 20) * 4000 + i64::from(block > 45) * 700;
        let bursts = |block| (7 - block % 8) * 28;
        let straggler = |block| i64::from(block == 30) * 900;
        let set_back = |block| i64::from(block > 33) * -3_600_000;
        let cases: [(&str, &dyn Fn(i64) -> i64); 4] = [
            ("two stops", &two_stops),
            ("bursts", &bursts),
            ("straggler", &straggler),
            ("set back", &set_back),
        ];
        for (what, late_ms) in cases {
            let hz = measured(128, late_ms);
            assert!(near(hz, 0.02), "{what}: {hz:?}");
        }
    }

    #[test]
    fn blocks_of_one_moment_tell_nothing() {
        let mut meter = RateMeter::new();
        for block in 0..64 {
            meter.note(UnixMillis(5), block * 256);
        }
        assert_eq!(meter.measured_hz(), None);
    }
}
