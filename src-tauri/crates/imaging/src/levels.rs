//! How often each level comes in a picture: a histogram.

use image::GrayImage;
use std::ops::RangeInclusive;

/// How many pixels have each of the 256 levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels([u64; 256]);

impl Default for Levels {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl Levels {
    /// Of each pixel of a picture.
    pub fn of(luma: &GrayImage) -> Self {
        // Four counts of each level: a count that has just been written is not to be had at once, and neighbours are
        // often alike.
        let mut counts = [[0_u32; 256]; 4];
        // In pieces, each of fewer pixels than a count can hold.
        let mut sums = Self::default();
        for piece in luma.as_raw().chunks(1 << 30) {
            let (fours, rest) = piece.as_chunks::<4>();
            for four in fours {
                for (count, level) in counts.iter_mut().zip(four) {
                    count[usize::from(*level)] += 1;
                }
            }
            for level in rest {
                counts[0][usize::from(*level)] += 1;
            }
            for counts in &mut counts {
                for (sum, count) in sums.0.iter_mut().zip(counts) {
                    *sum += u64::from(std::mem::take(count));
                }
            }
        }
        sums
    }

    /// By level, from black.
    pub fn counts(&self) -> &[u64; 256] {
        &self.0
    }

    /// How many pixels there are.
    pub fn pixels(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The mean level, 0 to 255.
    pub fn mean(&self) -> f32 {
        let sum: u64 = (0..)
            .zip(self.0)
            .map(|(level, count): (u64, u64)| level * count)
            .sum();
        (sum as f64 / self.pixels().max(1) as f64) as f32
    }

    /// The share of pixels with these levels, 0 to 1.
    pub fn share(&self, levels: RangeInclusive<u8>) -> f32 {
        let from = usize::from(*levels.start())..=usize::from(*levels.end());
        let some: u64 = self.0[from].iter().sum();
        (some as f64 / self.pixels().max(1) as f64) as f32
    }

    pub(crate) fn add_differences(&mut self, some: &[u8], others: &[u8]) {
        for (a, b) in some.iter().zip(others) {
            self.0[usize::from(a.abs_diff(*b))] += 1;
        }
    }

    /// The level that so great a share does not exceed.
    pub(crate) fn quantile(&self, share: f64) -> u8 {
        let wanted = self.pixels() as f64 * share;
        let mut seen = 0;
        for (level, count) in (0..=255).zip(self.0) {
            seen += count;
            if count > 0 && seen as f64 >= wanted {
                return level;
            }
        }
        0
    }

    /// From the darkest to the brightest, with so great a share of each left out.
    pub(crate) fn spread(&self, left_out: f64) -> u8 {
        self.quantile(1.0 - left_out) - self.quantile(left_out)
    }
}
