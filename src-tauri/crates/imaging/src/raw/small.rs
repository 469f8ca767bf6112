//! Smaller pictures straight from raw pixels, without the large one in between.

use super::{checked, rows::Rows};
use crate::refusal::ImageRefused;
use image::{GrayImage, RgbImage};
use wiko_core::camera::RawImage;

/// The picture in grey, smaller by the greatest whole factor at which its longest side still has `at_least_px`.
pub(crate) fn luma_at_least(raw: &RawImage, at_least_px: u32) -> Result<GrayImage, ImageRefused> {
    let (width, height) = checked(raw)?;
    let factor = factor(width, height, at_least_px);
    if factor == 1 {
        return super::luma_of_raw(raw);
    }
    let (across, down) = (width as usize / factor, height as usize / factor);
    let mut rows = Rows::of(raw);
    let mut small = GrayImage::new(across as u32, down as u32);
    let mut line = vec![0; width as usize];
    let mut means = Means::new(factor, across, 1);
    for (y, out) in small.chunks_exact_mut(across).enumerate() {
        for row in 0..factor {
            rows.luma(y * factor + row, &mut line)?;
            means.add(&line);
        }
        means.take(out);
    }
    Ok(small)
}

/// The same in colour. Behind a Bayer filter a picture that is to be smaller has at most half the size: each square of four
/// becomes a pixel, nothing is made up, and it costs a quarter.
pub(crate) fn rgb_at_least(raw: &RawImage, at_least_px: u32) -> Result<RgbImage, ImageRefused> {
    let (width, height) = checked(raw)?;
    let mut factor = factor(width, height, at_least_px);
    let mut rows = Rows::of(raw);
    let halved = rows.has_filter() && width.max(height) > at_least_px && width.min(height) > 1;
    if factor == 1 && !halved {
        return super::rgb_of_raw(raw);
    }
    if halved {
        factor = (factor / 2).max(1);
    }
    let (source, source_rows) = match halved {
        true => (width as usize / 2, height as usize / 2),
        false => (width as usize, height as usize),
    };
    let (across, down) = (source / factor, source_rows / factor);
    let mut small = RgbImage::new(across as u32, down as u32);
    let mut line = vec![0; source * 3];
    let mut means = Means::new(factor, across, 3);
    for (y, out) in small.chunks_exact_mut(across * 3).enumerate() {
        for row in 0..factor {
            if !rows.half_rgb(y * factor + row, &mut line) {
                rows.rgb(y * factor + row, &mut line)?;
            }
            means.add(&line);
        }
        means.take(out);
    }
    Ok(small)
}

fn factor(width: u32, height: u32, at_least_px: u32) -> usize {
    let factor = width.max(height) / at_least_px.max(1);
    factor.clamp(1, width.min(height)) as usize
}

/// Means of squares of pixels, gathered a row at a time. What is left over at the right goes.
struct Means {
    factor: usize,
    channels: usize,
    /// Of each column over the rows so far.
    sums: Vec<u32>,
}

impl Means {
    fn new(factor: usize, across: usize, channels: usize) -> Self {
        Self {
            factor,
            channels,
            sums: vec![0; across * factor * channels],
        }
    }

    fn add(&mut self, line: &[u8]) {
        for (sum, level) in self.sums.iter_mut().zip(line) {
            // Unchecked, many are done at a time: no factor is so large that it overflows.
            *sum = sum.wrapping_add(u32::from(*level));
        }
    }

    fn take(&mut self, out: &mut [u8]) {
        let (channels, pixels) = (self.channels, (self.factor * self.factor) as u32);
        let squares = self.sums.chunks_exact(self.factor * channels);
        for (pixel, square) in out.chunks_exact_mut(channels).zip(squares) {
            for (channel, level) in pixel.iter_mut().enumerate() {
                let sum: u32 = square[channel..].iter().step_by(channels).sum();
                *level = ((sum + pixels / 2) / pixels) as u8;
            }
        }
        self.sums.fill(0);
    }
}
