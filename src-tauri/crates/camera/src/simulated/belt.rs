//! An endless belt with parts on it, as a line-scan camera above it sees it.
//!
//! Invariants:
//! - Line `n` is always the same line, whatever was asked before it.
//! - A part lies on the belt row for row as [`render_part`] draws it, in grey.

use super::{
    field::{HEIGHT, WIDTH},
    part::{SimulatedDefect, render_part},
};
use crate::pacing::{Pacer, Pacing};
use image::GrayImage;
use std::{ops::Range, sync::Arc, time::Duration};
use wiko_core::{
    camera::{CameraId, Frame, FramePicture, PixelFormat, RawImage},
    defect::DefectType,
    ports::{Camera, CameraError, Clock},
    sku::ProductSku,
    stage::Stage,
};
use wiko_imaging::luma_of;

/// What lies on the belt.
#[derive(Debug, Clone)]
pub struct BeltConfig {
    /// The product.
    pub sku: ProductSku,
    /// Where in the making.
    pub stage: Stage,
    /// Everything follows from it.
    pub seed: u64,
    /// The defect of each part; as many parts as entries lie on the belt until they come round again.
    pub parts: Vec<Option<DefectType>>,
    /// Rows of empty belt before each part.
    pub gap_rows: u32,
}

/// The belt: first the gap, then the part, and so on for ever.
#[derive(Debug, Clone)]
pub struct Belt {
    parts: Vec<(GrayImage, Vec<SimulatedDefect>)>,
    gap_rows: u64,
}

impl Belt {
    /// Pixels across.
    pub const WIDTH_PX: u32 = WIDTH;
    /// Rows of a part.
    pub const PART_ROWS: u32 = HEIGHT;

    /// Renders the parts, at least one.
    pub fn new(config: &BeltConfig) -> Self {
        let one = [None];
        let defects = match config.parts.as_slice() {
            [] => one.as_slice(),
            some => some,
        };
        let parts = (0..).zip(defects).map(|(number, defect)| {
            let seed = config.seed.wrapping_add(number);
            let (picture, found) = render_part(&config.sku, config.stage, seed, *defect);
            (luma_of(&picture), found)
        });
        Self {
            parts: parts.collect(),
            gap_rows: u64::from(config.gap_rows),
        }
    }

    /// Rows of a gap and its part.
    fn pitch_rows(&self) -> u64 {
        self.gap_rows + u64::from(HEIGHT)
    }

    /// Rows until everything comes again.
    pub fn cycle_rows(&self) -> u64 {
        self.pitch_rows() * self.parts.len() as u64
    }

    /// The rows of the belt that the picture of part `number` covers, counted from 0 without end.
    pub fn rows_of(&self, number: u64) -> Range<u64> {
        let from = number * self.pitch_rows() + self.gap_rows;
        from..from + u64::from(HEIGHT)
    }

    /// Part `number` in grey, as it lies on the belt.
    pub fn part(&self, number: u64) -> &GrayImage {
        &self.entry(number).0
    }

    /// What is wrong with part `number`; boxes are on its own picture.
    pub fn defects(&self, number: u64) -> &[SimulatedDefect] {
        &self.entry(number).1
    }

    fn entry(&self, number: u64) -> &(GrayImage, Vec<SimulatedDefect>) {
        &self.parts[(number % self.parts.len() as u64) as usize]
    }

    /// Writes line `row` of the belt, a byte a pixel; `out` holds [`Belt::WIDTH_PX`] bytes.
    pub fn line(&self, row: u64, out: &mut [u8]) {
        let (number, in_pitch) = (row / self.pitch_rows(), row % self.pitch_rows());
        if let Some(in_part) = in_pitch.checked_sub(self.gap_rows) {
            out.copy_from_slice(line_of(self.part(number), in_part));
            return;
        }
        // From the edge of the one picture to that of the other, so that nothing shows where they meet.
        let before = number + self.parts.len() as u64 - 1;
        let above = line_of(self.part(before), u64::from(HEIGHT) - 1);
        let below = line_of(self.part(number), 0);
        let (there, all) = (in_pitch + 1, self.gap_rows + 1);
        for ((out, above), below) in out.iter_mut().zip(above).zip(below) {
            let mixed = u64::from(*above) * (all - there) + u64::from(*below) * there;
            *out = (mixed / all) as u8;
        }
    }

    /// So many rows of the belt from `first` on, one after the other.
    pub fn lines(&self, first: u64, rows: u32) -> Vec<u8> {
        let mut bytes = vec![0; WIDTH as usize * rows as usize];
        let lines = bytes.chunks_exact_mut(WIDTH as usize);
        (first..)
            .zip(lines)
            .for_each(|(row, out)| self.line(row, out));
        bytes
    }
}

fn line_of(picture: &GrayImage, row: u64) -> &[u8] {
    let from = row as usize * WIDTH as usize;
    &picture.as_raw()[from..from + WIDTH as usize]
}

/// A line-scan camera above the belt: each frame is a block of lines.
pub struct BeltCamera {
    id: CameraId,
    belt: Arc<Belt>,
    block_rows: u32,
    rows: Option<u64>,
    pacer: Pacer,
    clock: Arc<dyn Clock>,
    sequence: u64,
    next_row: u64,
}

impl BeltCamera {
    /// Blocks of `block_rows` lines, paced; the camera is at its end after `rows` lines, whose last block may be short,
    /// or never.
    pub fn new(
        id: CameraId,
        belt: Arc<Belt>,
        block_rows: u32,
        rows: Option<u64>,
        pacing: Pacing,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            id,
            belt,
            block_rows: block_rows.max(1),
            rows,
            pacer: Pacer::new(pacing),
            clock,
            sequence: 0,
            next_row: 0,
        }
    }
}

impl Camera for BeltCamera {
    fn id(&self) -> &CameraId {
        &self.id
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<Frame, CameraError> {
        let left = self.rows.map_or(u64::MAX, |rows| rows - self.next_row);
        let rows = u64::from(self.block_rows).min(left) as u32;
        if rows == 0 {
            return Err(CameraError::Ended);
        }
        if !self.pacer.wait(timeout) {
            return Err(CameraError::Timeout {
                waited_ms: timeout.as_millis() as u64,
            });
        }
        let exposed_at = self.clock.now();
        let bytes = self.belt.lines(self.next_row, rows);
        let block = RawImage::new(PixelFormat::Mono8, WIDTH, rows, WIDTH as usize, bytes)
            .map_err(CameraError::failed)?;
        let sequence = self.sequence;
        self.sequence += 1;
        self.next_row += u64::from(rows);
        Ok(Frame {
            sequence,
            exposed_at,
            camera: self.id.clone(),
            picture: FramePicture::Raw(block),
            faults: Vec::new(),
            invalid_rows: Vec::new(),
        })
    }
}
