//! What a stage's good frame looks like, small enough to be kept with its settings: where the structure lies against which
//! likeness and shift are measured.

use crate::{
    edges::{Edges, Sharpness},
    levels::Levels,
    phase::PhaseCorrelator,
    refusal::ImageRefused,
    resize::{resize_luma, scaled_to},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use image::GrayImage;
use std::sync::Arc;

/// Frames are compared at so many pixels of their longest side.
pub(crate) const COMPARED_PX: u32 = 320;
/// Likeness is that of squares of so many pixels each way.
const CELL_PX: usize = 16;
/// Where gradients are less than so many levels a pixel on average, a square has no structure.
const LEAST_GRADIENT: f32 = 0.7;
/// A reference has structure in as many squares.
const LEAST_CELLS: usize = 6;

/// A stage's good frame. Serialised, it takes some 80 kB.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct QualityReference(Arc<Reference>);

struct Reference {
    stored: Stored,
    correlator: PhaseCorrelator,
    gradients: Vec<[f32; 2]>,
    width: usize,
}

/// As it is kept.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    /// Of this form.
    version: u32,
    /// Pixels across of the frame.
    width_px: u32,
    /// Pixels down.
    height_px: u32,
    sharpness: Sharpness,
    /// The frame at [`COMPARED_PX`], a byte a pixel, in Base64.
    small: String,
}

const VERSION: u32 = 1;

/// What a frame shows of the reference.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// 1 for all of it.
    pub(crate) likeness: f32,
    /// In pixels of the frame.
    pub(crate) shift_px: f32,
}

impl std::fmt::Debug for QualityReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Stored {
            width_px,
            height_px,
            ..
        } = self.0.stored;
        write!(f, "QualityReference({width_px}x{height_px})")
    }
}

impl QualityReference {
    /// Of a frame that is as it should be. Refused where it shows nothing that could be found again.
    pub fn of(luma: &GrayImage) -> Result<Self, ImageRefused> {
        if luma.is_empty() {
            return Err(ImageRefused::damaged("the picture has no pixels"));
        }
        let (width, height) = scaled_to(luma.dimensions(), COMPARED_PX);
        let small = resize_luma(luma, width, height)?;
        Self::prepared(Stored {
            version: VERSION,
            width_px: luma.width(),
            height_px: luma.height(),
            sharpness: Edges::of(luma, &Levels::of(luma)).sharpness,
            small: BASE64_STANDARD.encode(small.as_raw()),
        })
    }

    fn prepared(stored: Stored) -> Result<Self, ImageRefused> {
        if stored.version != VERSION {
            return Err(ImageRefused::Unsupported {
                reason: "the reference is of another version of the station; take a new one",
            });
        }
        let damaged = || ImageRefused::damaged("the reference is not as it was stored");
        let (width, height) = scaled_to((stored.width_px, stored.height_px), COMPARED_PX);
        let pixels = BASE64_STANDARD
            .decode(&stored.small)
            .map_err(ImageRefused::damaged)?;
        let small = GrayImage::from_raw(width, height, pixels)
            .filter(|small| !small.is_empty())
            .ok_or_else(damaged)?;
        let (gradients, across) = (gradients(&small, (0.0, 0.0)), width as usize);
        let cells = cells(&gradients, &gradients, across);
        if cells.iter().filter(|cell| cell.has_structure()).count() < LEAST_CELLS {
            return Err(ImageRefused::Unsupported {
                reason: "the reference shows too little to be found again: take it with a part in place and light on",
            });
        }
        Ok(Self(Arc::new(Reference {
            correlator: PhaseCorrelator::new(&small),
            gradients,
            width: across,
            stored,
        })))
    }

    pub(crate) fn sharpness(&self) -> Sharpness {
        self.0.stored.sharpness
    }

    /// What a frame shows of it; `small` is the frame at [`COMPARED_PX`].
    pub(crate) fn seen_in(
        &self,
        small: &GrayImage,
        (width, height): (u32, u32),
    ) -> Result<Seen, ImageRefused> {
        let stored = &self.0.stored;
        if (width, height) != (stored.width_px, stored.height_px) {
            return Err(ImageRefused::not_converted(format!(
                "the frame has {width}×{height} pixels and the stage's reference {}×{}: take a new reference",
                stored.width_px, stored.height_px
            )));
        }
        let (dx, dy) = self.0.correlator.fine_shift_of(small);
        let there = gradients(small, (dx as f32, dy as f32));
        let scale = f64::from(width.max(height)) / f64::from(small.width().max(small.height()));
        Ok(Seen {
            likeness: likeness(&cells(&self.0.gradients, &there, self.0.width)),
            shift_px: (dx.hypot(dy) * scale) as f32,
        })
    }
}

impl TryFrom<Stored> for QualityReference {
    type Error = ImageRefused;

    fn try_from(stored: Stored) -> Result<Self, ImageRefused> {
        Self::prepared(stored)
    }
}

impl From<QualityReference> for Stored {
    fn from(reference: QualityReference) -> Self {
        reference.0.stored.clone()
    }
}

/// A square's structure in the reference, in the frame, and what both share.
#[derive(Clone, Copy, Default)]
struct Cell {
    reference: f32,
    frame: f32,
    shared: f32,
    pixels: f32,
}

impl Cell {
    fn has_structure(&self) -> bool {
        self.reference > self.pixels * LEAST_GRADIENT.powi(2)
    }
}

/// Pixels of a frame that lie outside it once moved have no gradient: they are not counted.
fn cells(reference: &[[f32; 2]], frame: &[[f32; 2]], width: usize) -> Vec<Cell> {
    let columns = width.div_ceil(CELL_PX);
    let rows = (reference.len() / width).div_ceil(CELL_PX);
    let mut cells = vec![Cell::default(); columns * rows];
    let lines = reference.chunks_exact(width).zip(frame.chunks_exact(width));
    for (y, (own, seen)) in lines.enumerate() {
        let line = &mut cells[y / CELL_PX * columns..][..columns];
        for (cell, (own, seen)) in line
            .iter_mut()
            .zip(own.chunks(CELL_PX).zip(seen.chunks(CELL_PX)))
        {
            for ([a, b], [c, d]) in own.iter().zip(seen) {
                if c.is_finite() {
                    cell.reference += a * a + b * b;
                    cell.frame += c * c + d * d;
                    cell.shared += a * c + b * d;
                    cell.pixels += 1.0;
                }
            }
        }
    }
    cells
}

/// The share of the reference's structure that is there, each square by the cosine between what should be and what is:
/// light, even where it is not even, does not change that.
fn likeness(cells: &[Cell]) -> f32 {
    let (mut there, mut all) = (0.0, 0.0);
    for cell in cells.iter().filter(|cell| cell.has_structure()) {
        let weight = cell.reference.sqrt();
        let cosine = cell.shared / (cell.reference * cell.frame).sqrt().max(f32::MIN_POSITIVE);
        there += weight * cosine.clamp(0.0, 1.0);
        all += weight;
    }
    if all > 0.0 { there / all } else { 0.0 }
}

/// Gradients of a picture that is moved back by a shift: of the picture's pixel at `place + shift`. Not a number where
/// that is outside.
fn gradients(small: &GrayImage, (dx, dy): (f32, f32)) -> Vec<[f32; 2]> {
    let (width, height) = (small.width() as usize, small.height() as usize);
    let raw = small.as_raw();
    let (whole_x, whole_y) = (dx.floor(), dy.floor());
    let (right, down) = (dx - whole_x, dy - whole_y);
    let (whole_x, whole_y) = (whole_x as i64, whole_y as i64);
    let weights = [
        (1.0 - right) * (1.0 - down),
        right * (1.0 - down),
        (1.0 - right) * down,
        right * down,
    ];
    let mut moved = vec![f32::NAN; width * height];
    for y in 0..height {
        let upper = y as i64 + whole_y;
        if upper < 0 || upper + i64::from(down > 0.0) >= height as i64 {
            continue;
        }
        let lower = (upper as usize + 1).min(height - 1);
        let (upper, lower) = (
            &raw[upper as usize * width..][..width],
            &raw[lower * width..][..width],
        );
        for x in 0..width {
            let left = x as i64 + whole_x;
            if left < 0 || left + i64::from(right > 0.0) >= width as i64 {
                continue;
            }
            let (left, beside) = (left as usize, (left as usize + 1).min(width - 1));
            moved[y * width + x] = [upper[left], upper[beside], lower[left], lower[beside]]
                .into_iter()
                .zip(weights)
                .map(|(level, weight)| f32::from(level) * weight)
                .sum();
        }
    }
    let mut out = vec![[f32::NAN; 2]; width * height];
    for y in 1..height.max(2) - 1 {
        for x in 1..width.max(2) - 1 {
            let at = y * width + x;
            let across = moved[at + 1] - moved[at - 1];
            let along = moved[at + width] - moved[at - width];
            if across.is_finite() && along.is_finite() {
                out[at] = [across / 2.0, along / 2.0];
            }
        }
    }
    out
}
