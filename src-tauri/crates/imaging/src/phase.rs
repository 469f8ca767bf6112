//! Phase correlation: the shift between two pictures of one size, however far apart they lie.

use image::GrayImage;
use rustfft::{Fft, FftPlanner, num_complex::Complex};
use std::sync::Arc;

/// A reference's spectrum, ready to be compared. Costs are those of the pixels: pictures are made small before.
pub struct PhaseCorrelator {
    width: usize,
    height: usize,
    rows: Transform,
    columns: Transform,
    spectrum: Vec<Complex<f32>>,
}

struct Transform {
    forward: Arc<dyn Fft<f32>>,
    inverse: Arc<dyn Fft<f32>>,
}

impl PhaseCorrelator {
    /// Of a reference that is not empty.
    pub fn new(reference: &GrayImage) -> Self {
        let (width, height) = (reference.width() as usize, reference.height() as usize);
        let mut planner = FftPlanner::new();
        let mut transform = |length: usize| Transform {
            forward: planner.plan_fft_forward(length),
            inverse: planner.plan_fft_inverse(length),
        };
        let mut made = Self {
            width,
            height,
            rows: transform(width),
            columns: transform(height),
            spectrum: vec![],
        };
        made.spectrum = made.spectrum_of(reference);
        made
    }

    /// The windowed spectrum, transposed: columns lie in rows.
    fn spectrum_of(&self, picture: &GrayImage) -> Vec<Complex<f32>> {
        let source = picture.as_raw();
        let sum: u64 = source.iter().map(|level| u64::from(*level)).sum();
        let mean = sum as f32 / source.len().max(1) as f32;
        let hann = |at: usize, of: usize| {
            let turn = std::f32::consts::TAU * (at as f32 + 0.5) / of as f32;
            0.5 - 0.5 * turn.cos()
        };
        let across: Vec<f32> = (0..self.width).map(|x| hann(x, self.width)).collect();
        let mut values = Vec::with_capacity(source.len());
        for (y, row) in source.chunks_exact(self.width).enumerate() {
            let down = hann(y, self.height);
            values.extend(
                row.iter().zip(&across).map(|(level, window)| {
                    Complex::from((f32::from(*level) - mean) * window * down)
                }),
            );
        }
        self.rows.forward.process(&mut values);
        let mut values = transposed(&values, self.width);
        self.columns.forward.process(&mut values);
        values
    }

    /// By how many whole pixels `picture`, of the reference's size, is shifted against it: across and down.
    pub fn shift_of(&self, picture: &GrayImage) -> (f64, f64) {
        let (peak, _) = self.correlation(picture);
        (
            signed(peak % self.width, self.width),
            signed(peak / self.width, self.height),
        )
    }

    /// The same to a part of a pixel, by the parabola through the peak and its neighbours.
    pub fn fine_shift_of(&self, picture: &GrayImage) -> (f64, f64) {
        let (peak, correlation) = self.correlation(picture);
        let (x, y) = (peak % self.width, peak / self.width);
        let at = |x: usize, y: usize| {
            f64::from(correlation[y % self.height * self.width + x % self.width].re)
        };
        let off = |before: f64, here: f64, after: f64| {
            let bend = before - 2.0 * here + after;
            if bend < 0.0 {
                ((before - after) / (2.0 * bend)).clamp(-0.5, 0.5)
            } else {
                0.0
            }
        };
        let across = off(at(x + self.width - 1, y), at(x, y), at(x + 1, y));
        let down = off(at(x, y + self.height - 1), at(x, y), at(x, y + 1));
        (
            signed(x, self.width) + across,
            signed(y, self.height) + down,
        )
    }

    /// How well each shift fits, and which fits best.
    fn correlation(&self, picture: &GrayImage) -> (usize, Vec<Complex<f32>>) {
        let mut cross = self.spectrum_of(picture);
        for (value, own) in cross.iter_mut().zip(&self.spectrum) {
            let product = *value * own.conj();
            *value = product / product.norm().max(1e-3);
        }
        self.columns.inverse.process(&mut cross);
        let mut cross = transposed(&cross, self.height);
        self.rows.inverse.process(&mut cross);
        let peak = cross
            .iter()
            .enumerate()
            .max_by(|(_, a), (_, b)| a.re.total_cmp(&b.re))
            .map_or(0, |(index, _)| index);
        (peak, cross)
    }
}

/// A place on a circle of that many as a shift either way.
fn signed(at: usize, of: usize) -> f64 {
    if at * 2 > of {
        at as f64 - of as f64
    } else {
        at as f64
    }
}

fn transposed(values: &[Complex<f32>], width: usize) -> Vec<Complex<f32>> {
    let height = values.len() / width.max(1);
    let mut out = Vec::with_capacity(values.len());
    for x in 0..width {
        out.extend((0..height).map(|y| values[y * width + x]));
    }
    out
}
