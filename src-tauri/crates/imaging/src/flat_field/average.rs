//! The mean of many lines or frames of one kind.

use super::{FlatFieldKind, FlatFieldRefused};
use wiko_core::camera::{PixelFormat, RawImage};

/// Sums up lines or frames. For one colour's sample 8 bytes, so that an area sensor of 20 megapixels takes 160 MB while a flat
/// field is taken.
#[derive(Debug, Clone)]
pub struct Average {
    pub(super) kind: FlatFieldKind,
    pub(super) format: PixelFormat,
    pub(super) width_px: u32,
    /// 1 of columns.
    pub(super) rows: u32,
    sums: Vec<u64>,
    averaged: u64,
    clipped: u64,
}

impl Average {
    /// Nothing yet, of pictures like this one.
    pub fn like(kind: FlatFieldKind, raw: &RawImage) -> Result<Self, FlatFieldRefused> {
        let format = raw.format();
        let filtered = format.bayer().is_some();
        let by_itself = match format {
            PixelFormat::Mono8
            | PixelFormat::Mono10
            | PixelFormat::Mono12
            | PixelFormat::Mono16
            | PixelFormat::RGB8
            | PixelFormat::BGR8 => true,
            _ => filtered,
        };
        if !by_itself {
            return Err(FlatFieldRefused::Format(format));
        }
        if filtered && kind == FlatFieldKind::Columns {
            return Err(FlatFieldRefused::FilteredColumns);
        }
        let rows = match kind {
            FlatFieldKind::Columns => 1,
            FlatFieldKind::Pixels => raw.height_px(),
        };
        let samples = format.row_bytes(raw.width_px()) / usize::from(format.bits().div_ceil(8));
        Ok(Self {
            kind,
            format,
            width_px: raw.width_px(),
            rows,
            sums: vec![0; samples * rows as usize],
            averaged: 0,
            clipped: 0,
        })
    }

    /// Adds a frame, or all lines of a block.
    pub fn add(&mut self, raw: &RawImage) -> Result<(), FlatFieldRefused> {
        let rows = match self.kind {
            FlatFieldKind::Columns => 1,
            FlatFieldKind::Pixels => raw.height_px(),
        };
        self.fits(self.kind, raw.format(), raw.width_px(), rows)?;
        let row_bytes = self.format.row_bytes(self.width_px);
        let samples = self.sums.len() / self.rows as usize;
        let full = (1_u32 << self.format.bits()) - 1;
        let mut clipped = 0;
        for (y, row) in raw
            .bytes()
            .chunks(raw.stride_bytes())
            .take(raw.height_px() as usize)
            .enumerate()
        {
            let from = y % self.rows as usize * samples;
            let sums = &mut self.sums[from..from + samples];
            let mut add = |sum: &mut u64, level: u32| {
                *sum += u64::from(level);
                clipped += u64::from(level >= full);
            };
            let row = &row[..row_bytes];
            if self.format.bits() == 8 {
                sums.iter_mut()
                    .zip(row)
                    .for_each(|(sum, level)| add(sum, u32::from(*level)));
            } else {
                let words = row
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|word| u16::from_le_bytes(*word));
                sums.iter_mut()
                    .zip(words)
                    .for_each(|(sum, level)| add(sum, u32::from(level)));
            }
        }
        self.clipped += clipped;
        self.averaged += match self.kind {
            FlatFieldKind::Columns => u64::from(raw.height_px()),
            FlatFieldKind::Pixels => 1,
        };
        Ok(())
    }

    /// Lines or frames so far.
    pub fn averaged(&self) -> u64 {
        self.averaged
    }

    pub(super) fn clipped_share(&self) -> f64 {
        self.clipped as f64 / (self.averaged.max(1) as f64 * self.sums.len() as f64)
    }

    /// By sample, in 65,536ths of the levels that the format's bits could tell.
    pub(super) fn levels(&self) -> Vec<u16> {
        // Whole levels of 8 bits are 256ths, so that darks of bytes are in 256ths of a level.
        let steps = f64::from(1_u32 << (16 - u32::from(self.format.bits())));
        let share = steps / self.averaged.max(1) as f64;
        self.sums
            .iter()
            .map(|sum| (*sum as f64 * share).round().min(65_535.0) as u16)
            .collect()
    }

    pub(super) fn same_kind(&self, other: &Self) -> Result<(), FlatFieldRefused> {
        self.fits(other.kind, other.format, other.width_px, other.rows)
    }

    pub(super) fn fits(
        &self,
        kind: FlatFieldKind,
        format: PixelFormat,
        width_px: u32,
        rows: u32,
    ) -> Result<(), FlatFieldRefused> {
        let own = (self.kind, self.format, self.width_px, self.rows);
        if own == (kind, format, width_px, rows) {
            return Ok(());
        }
        Err(FlatFieldRefused::Another {
            have: format!("{format} {width_px}x{rows}"),
            wanted: format!("{} {}x{}", self.format, self.width_px, self.rows),
        })
    }
}
