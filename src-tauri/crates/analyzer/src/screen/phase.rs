//! Phase correlation: the shift between two pictures of one size, however far apart they lie.

use super::plane::size;
use image::GrayImage;
use rustfft::{Fft, FftPlanner, num_complex::Complex};
use std::sync::Arc;

/// A reference's spectrum, ready to be compared.
pub(super) struct PhaseCorrelator {
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
    pub(super) fn new(reference: &GrayImage) -> Self {
        let (width, height) = size(reference);
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

    /// By how many pixels `picture` is shifted against the reference.
    pub(super) fn shift_of(&self, picture: &GrayImage) -> (f64, f64) {
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
        let signed = |at: usize, of: usize| {
            if at * 2 > of {
                at as f64 - of as f64
            } else {
                at as f64
            }
        };
        (
            signed(peak % self.width, self.width),
            signed(peak / self.width, self.height),
        )
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
