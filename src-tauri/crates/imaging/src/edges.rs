//! How sharp a picture's edges are, across and down, and how much noise lies over them.
//!
//! Noise is Immerkær's estimate (J. Immerkær, "Fast Noise Variance Estimation", Computer Vision and Image Understanding
//! 64(2), 1996), taken in blocks, of which the quieter ones count: structure is not noise.
//!
//! Sharpness is the share of an edge's rise that happens within one pixel: the squared differences of neighbours over
//! those of pixels a dozen apart, where these differ clearly. Light changes both alike. A perfect step has 100, one out of
//! focus a few; a fine grain may have more.

use crate::levels::Levels;
use image::GrayImage;
use pulp::{Arch, Simd, WithSimd};

/// An edge has risen over this many pixels.
const FAR_PX: usize = 12;
/// Between them, the first of two neighbours.
const NEAR_PX: usize = FAR_PX / 2;
/// Fewer levels of contrast are no edge.
const LEAST_CONTRAST: f32 = 10.0;
/// And so is less than this share of the picture's own contrast,
const LEAST_SHARE: f32 = 0.12;
/// or fewer times the noise.
const NOISES: f32 = 6.0;
/// The darkest and the brightest pixels say nothing of a picture's contrast: a glint, a dead pixel.
const FEW: f64 = 0.005;
/// A smaller share of pixels at edges tells nothing, nor do fewer.
const LEAST_EDGES: f64 = 0.000_1;
const LEAST_EDGE_PIXELS: u32 = 100;

/// Noise is estimated in blocks of so many columns and rows.
const BLOCK_PX: usize = 64;
const BLOCK_ROWS: usize = 16;
/// The share of blocks that are quieter than the estimate.
const QUIET: f64 = 0.2;
/// Nearly black and nearly white blocks hide their noise.
const SEEN: std::ops::RangeInclusive<u32> = 12..=243;

/// Rows are looked at in bands of so many, as many bands as have about as many pixels as this.
const BAND_ROWS: usize = 64;
const PIXELS: usize = 2_200_000;

/// The share of an edge's rise within a pixel, in hundredths; none where there are too few edges to tell.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Sharpness {
    pub(crate) across: Option<f32>,
    pub(crate) down: Option<f32>,
}

/// What a picture's edges tell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edges {
    pub(crate) sharpness: Sharpness,
    /// Standard deviation, in levels.
    pub(crate) noise: f32,
}

impl Edges {
    pub(crate) fn of(luma: &GrayImage, levels: &Levels) -> Self {
        let arch = Arch::new();
        let noise = arch.dispatch(Noise(luma));
        let contrast = f32::from(levels.spread(FEW));
        let threshold = LEAST_CONTRAST
            .max(LEAST_SHARE * contrast)
            .max(NOISES * noise);
        let mut sums = Sums {
            luma,
            threshold: threshold.min(255.0) as u8,
            across: Contrast::default(),
            down: Contrast::default(),
            looked_at: 0,
        };
        arch.dispatch(&mut sums);
        let least = ((f64::from(sums.looked_at) * LEAST_EDGES) as u32).max(LEAST_EDGE_PIXELS);
        let noise_energy = 2.0 * f64::from(noise).powi(2);
        Self {
            sharpness: Sharpness {
                across: sums.across.sharpness(least, noise_energy),
                down: sums.down.sharpness(least, noise_energy),
            },
            noise,
        }
    }

    /// Of the direction that has lost less: motion takes sharpness from one alone. Against a reference, whose part may be
    /// sharper in one direction, each counts by its own; on its scale.
    pub(crate) fn focus(&self, reference: Option<Sharpness>) -> f32 {
        let Sharpness { across, down } = self.sharpness;
        let best = across.unwrap_or(0.0).max(down.unwrap_or(0.0));
        let usual = reference.and_then(|usual| Some((usual.across?, usual.down?)));
        match usual {
            Some((usual_across, usual_down)) if usual_across > 0.0 && usual_down > 0.0 => {
                let kept =
                    (across.unwrap_or(0.0) / usual_across).max(down.unwrap_or(0.0) / usual_down);
                kept * usual_across.max(usual_down)
            }
            _ => best,
        }
    }
}

/// Squared differences where pixels far apart differ clearly.
#[derive(Default)]
struct Contrast {
    near: u64,
    far: u64,
    pixels: u32,
}

impl Contrast {
    fn sharpness(&self, least_pixels: u32, noise_energy: f64) -> Option<f32> {
        if self.pixels < least_pixels {
            return None;
        }
        let noise = noise_energy * f64::from(self.pixels);
        let near = (self.near as f64 - noise).max(0.0);
        let far = (self.far as f64 - noise).max(1.0);
        Some((100.0 * FAR_PX as f64 * near / far) as f32)
    }

    #[inline(always)]
    fn add(&mut self, threshold: u8, [from, one, next, to]: [&[u8]; 4]) {
        let length = from.len().min(to.len()).min(one.len()).min(next.len());
        let (from, one, next, to) = (
            &from[..length],
            &one[..length],
            &next[..length],
            &to[..length],
        );
        let (mut near, mut far, mut pixels) = (0_u32, 0_u32, 0_u32);
        // 16,384 columns at the most, each of less than 2^16: in pieces that 32 bits hold.
        for x in 0..length {
            let rise = to[x].abs_diff(from[x]);
            let step = next[x].abs_diff(one[x]);
            // All or no bits, so that nothing branches.
            let counts = if rise > threshold { 255 } else { 0 };
            let (rise, step) = (u16::from(rise & counts), u16::from(step & counts));
            // Nothing overflows; unchecked, many are done at a time also where overflow is checked for.
            far = far.wrapping_add(u32::from(rise.wrapping_mul(rise)));
            near = near.wrapping_add(u32::from(step.wrapping_mul(step)));
            pixels = pixels.wrapping_add(u32::from(counts & 1));
        }
        self.near += u64::from(near);
        self.far += u64::from(far);
        self.pixels += pixels;
    }
}

struct Sums<'a> {
    luma: &'a GrayImage,
    threshold: u8,
    across: Contrast,
    down: Contrast,
    looked_at: u32,
}

impl WithSimd for &mut Sums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let (raw, width) = (self.luma.as_raw().as_slice(), self.luma.width() as usize);
        let height = self.luma.height() as usize;
        for y in rows_looked_at(width, height) {
            let row = |below: usize| {
                let begin = (y + below) * width;
                raw.get(begin..begin + width).unwrap_or_default()
            };
            let own = row(0);
            let shifted = |by: usize| own.get(by..).unwrap_or_default();
            let across = [own, shifted(NEAR_PX), shifted(NEAR_PX + 1), shifted(FAR_PX)];
            self.across.add(self.threshold, across);
            let down = [own, row(NEAR_PX), row(NEAR_PX + 1), row(FAR_PX)];
            self.down.add(self.threshold, down);
            self.looked_at += width as u32;
        }
    }
}

/// All rows, or those of evenly spread bands where the picture is large.
fn rows_looked_at(width: usize, height: usize) -> impl Iterator<Item = usize> {
    let every = (width * height).div_ceil(PIXELS).max(1);
    (0..height).filter(move |y| (y / BAND_ROWS).is_multiple_of(every))
}

struct Noise<'a>(&'a GrayImage);

impl WithSimd for Noise<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> f32 {
        let (raw, width) = (self.0.as_raw().as_slice(), self.0.width() as usize);
        let height = self.0.height() as usize;
        if width < 3 || height < 3 {
            return 0.0;
        }
        let inner = width - 2;
        let blocks = (inner / BLOCK_PX).max(1);
        let mut sums = vec![(0_u32, 0_u32, 0_u32); blocks];
        let mut second = vec![0_i16; width];
        let (mut seen, mut hidden) = (Vec::new(), Vec::new());
        let mut rows = rows_looked_at(width, height)
            .filter(|y| y + 2 < height)
            .peekable();
        while let Some(y) = rows.next() {
            let row = |at: usize| &raw[at * width..][..width];
            let (above, here, below) = (row(y), row(y + 1), row(y + 2));
            let out = &mut second[..width];
            for x in 0..width {
                let around = i16::from(above[x]).wrapping_add(i16::from(below[x]));
                out[x] = around.wrapping_sub(i16::from(here[x]).wrapping_mul(2));
            }
            for (block, (sum, levels, pixels)) in sums.iter_mut().enumerate() {
                let from = block * BLOCK_PX;
                let length = BLOCK_PX.min(inner - from);
                let (left, centre, right) = (
                    &second[from..][..length],
                    &second[from + 1..][..length],
                    &second[from + 2..][..length],
                );
                let level = &here[from + 1..][..length];
                let (mut deviations, mut brightness) = (0_u32, 0_u32);
                for x in 0..length {
                    let around = left[x].wrapping_add(right[x]);
                    let mask = around.wrapping_sub(centre[x].wrapping_mul(2));
                    deviations = deviations.wrapping_add(u32::from(mask.unsigned_abs()));
                    brightness = brightness.wrapping_add(u32::from(level[x]));
                }
                *sum += deviations;
                *levels += brightness;
                *pixels += length as u32;
            }
            // A block ends with its rows, and with the band.
            if (y + 1) % BLOCK_ROWS == 0 || rows.peek().is_none_or(|next| *next != y + 1) {
                for (sum, levels, pixels) in &mut sums {
                    let deviation = f64::from(*sum) / f64::from(*pixels);
                    let kept = if SEEN.contains(&(*levels / *pixels)) {
                        &mut seen
                    } else {
                        &mut hidden
                    };
                    kept.push(deviation);
                    (*sum, *levels, *pixels) = (0, 0, 0);
                }
            }
        }
        let mut counted = if seen.is_empty() { hidden } else { seen };
        if counted.is_empty() {
            return 0.0;
        }
        let quiet = (counted.len() as f64 * QUIET) as usize;
        let deviation = *counted.select_nth_unstable_by(quiet, f64::total_cmp).1;
        // Of Gaussian noise the mean of the mask's values is so many deviations.
        (deviation * std::f64::consts::FRAC_PI_2.sqrt() / 6.0) as f32
    }
}
