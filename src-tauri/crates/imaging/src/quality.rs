//! Whether a picture shows enough to be judged by anybody: a lens that is covered, a lamp that is off, a frame that is
//! white all over, one that is far out of focus.
//!
//! Invariants:
//! - The bounds are so wide that no picture of a usable camera meets them. What is only poor is for the model or the
//!   person to say.
//! - Where it cannot be told, as with the focus of a part that has no texture, the picture is taken.

use crate::levels::Levels;
use image::GrayImage;

/// What is wrong with a picture that shows too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QualityFault {
    /// Nearly black, all of it.
    Dark,
    /// Nearly all of it is as white as a pixel can be.
    Clipped,
    /// The same grey all over.
    Flat,
    /// No edge in it is sharp.
    Blurred,
}

/// The picture is looked at in so many pixels an edge, or up to twice as many; a smaller one as it is.
const EDGE_PX: u32 = 512;
/// The mean of so many of those each way has next to no noise.
const BLOCK_PX: u32 = 8;

/// Of a usable picture, one block in a thousand is brighter.
const LEAST_BRIGHT: u8 = 20;
/// A pixel as bright has lost what it could have shown.
const WHITE: u8 = 250;
/// So much of a picture may be lost to it, and more where any of the rest is dark, as of a part before a bright light.
const MOST_WHITE: f64 = 0.98;
/// As dark as that.
const DARK: u8 = 100;
/// Some blocks of a usable picture differ by as many levels, or else some of its pixels do by more than noise.
const LEAST_SHADES: u8 = 6;
/// The pixels of an even picture differ by as many levels through noise, but for a few.
const MOST_NOISE: u8 = 24;
/// That few: the share of the darkest and of the brightest ones that tells nothing.
const FEW: f64 = 0.000_02;

/// An edge has risen over this many pixels, however blurred.
const FAR_PX: usize = 16;
/// A sharp edge has risen over as few, as seen at [`EDGE_PX`].
const NEAR_PX: usize = 2;
/// Less contrast tells nothing of the focus.
const LEAST_CONTRAST: u8 = 24;
/// So much of the contrast of a usable picture is within [`NEAR_PX`].
const LEAST_SHARPNESS: f64 = 0.3;
/// The share of pairs of pixels that tells nothing.
const FEW_PAIRS: f64 = 0.000_05;
/// A smaller picture tells nothing of the focus.
const LEAST_SHARP_PX: u32 = 64;

/// What is wrong with a picture, where it shows too little to be judged.
pub fn quality_fault(luma: &GrayImage) -> Option<QualityFault> {
    let fine = shrunk(luma, luma.width().max(luma.height()) / EDGE_PX);
    let blocks = Levels::of(&shrunk(&fine, BLOCK_PX));
    if blocks.quantile(0.999) < LEAST_BRIGHT {
        return Some(QualityFault::Dark);
    }
    let pixels = Levels::of(luma);
    if f64::from(pixels.share(WHITE..=255)) > MOST_WHITE && pixels.quantile(FEW) > DARK {
        return Some(QualityFault::Clipped);
    }
    if blocks.spread(0.0) < LEAST_SHADES && pixels.spread(FEW) < MOST_NOISE {
        return Some(QualityFault::Flat);
    }
    is_blurred(&fine).then_some(QualityFault::Blurred)
}

/// True where the strongest edges rise slowly: the contrast over a few pixels is a small part of that over many. The
/// better of the two directions counts, since a part may have edges in one alone.
fn is_blurred(luma: &GrayImage) -> bool {
    let (width, height) = luma.dimensions();
    if width.min(height) < LEAST_SHARP_PX {
        return false;
    }
    let far = contrast_over(luma, FAR_PX);
    let near = contrast_over(luma, NEAR_PX);
    far >= LEAST_CONTRAST && f64::from(near) < LEAST_SHARPNESS * f64::from(far)
}

/// By how much pixels so far apart differ, across and down, but for the few pairs that differ by more: a frame may show
/// next to nothing but one small part.
fn contrast_over(luma: &GrayImage, distance_px: usize) -> u8 {
    let (raw, width) = (luma.as_raw().as_slice(), luma.width() as usize);
    let mut levels = Levels::default();
    for row in raw.chunks_exact(width.max(1)) {
        levels.add_differences(row, row.get(distance_px..).unwrap_or_default());
    }
    levels.add_differences(raw, raw.get(distance_px * width..).unwrap_or_default());
    levels.quantile(1.0 - FEW_PAIRS)
}

/// Smaller by a whole factor, each pixel the mean of those that it stands for; what is left over at the right and at
/// the bottom goes.
fn shrunk(luma: &GrayImage, factor: u32) -> GrayImage {
    let factor = factor.min(luma.width()).min(luma.height());
    if factor <= 1 {
        return luma.clone();
    }
    let (width, height) = (luma.width() / factor, luma.height() / factor);
    let (stride, block) = (luma.width() as usize, factor as usize);
    let mut sums = vec![0_u32; width as usize];
    let mut means = Vec::with_capacity(sums.len() * height as usize);
    for rows in luma.as_raw().chunks_exact(stride * block) {
        sums.fill(0);
        for row in rows.chunks_exact(stride) {
            for (sum, pixels) in sums.iter_mut().zip(row.chunks_exact(block)) {
                *sum += pixels.iter().copied().map(u32::from).sum::<u32>();
            }
        }
        means.extend(sums.iter().map(|sum| (sum / (factor * factor)) as u8));
    }
    GrayImage::from_raw(width, height, means).unwrap_or_else(|| luma.clone())
}
