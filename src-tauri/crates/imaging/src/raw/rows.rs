//! A raw picture row by row, so that no more of it is unpacked at a time than is needed.

use super::{bayer::Demosaic, is_yuv, mono, yuv};
use crate::{decode::luma_row_of, refusal::ImageRefused};
use wiko_core::camera::{PixelFormat, RawImage};

/// Gives any row in grey or in colour; cheapest where they are asked for in order.
pub(super) struct Rows<'a> {
    raw: &'a RawImage,
    demosaic: Option<Demosaic>,
    /// Levels of the rows around the one that was asked for, by row number; a ring of four.
    unpacked: [(usize, Vec<u8>); 4],
    /// A row in colour, or two of `NV12`.
    colours: Vec<u8>,
}

impl<'a> Rows<'a> {
    pub(super) fn of(raw: &'a RawImage) -> Self {
        let width = raw.width_px() as usize;
        let bayer = raw.format().bayer();
        let ring = if bayer.is_some() { width } else { 0 };
        Self {
            raw,
            demosaic: bayer.map(|tile| Demosaic::new(tile, width)),
            unpacked: std::array::from_fn(|_| (usize::MAX, vec![0; ring])),
            colours: Vec::new(),
        }
    }

    /// The bytes of a row without its padding.
    fn bytes(&self, y: usize) -> &'a [u8] {
        let begin = y * self.raw.stride_bytes();
        &self.raw.bytes()[begin..begin + self.raw.format().row_bytes(self.raw.width_px())]
    }

    /// Row `y` in grey: a byte a pixel.
    pub(super) fn luma(&mut self, y: usize, luma: &mut [u8]) -> Result<(), ImageRefused> {
        let format = self.raw.format();
        if format.is_mono() {
            mono::upper_bits(format, self.bytes(y), luma);
        } else if is_yuv(format) {
            yuv::luma_row(self.raw, self.bytes(y), luma);
        } else {
            let mut colours = std::mem::take(&mut self.colours);
            colours.resize(luma.len() * 3, 0);
            self.rgb(y, &mut colours)?;
            luma_row_of(&colours, luma);
            self.colours = colours;
        }
        Ok(())
    }

    /// Row `y` in colour: three bytes a pixel.
    pub(super) fn rgb(&mut self, y: usize, rgb: &mut [u8]) -> Result<(), ImageRefused> {
        let format = self.raw.format();
        match format {
            PixelFormat::RGB8 => rgb.copy_from_slice(self.bytes(y)),
            PixelFormat::BGR8 => {
                let pixels = self.bytes(y).as_chunks::<3>().0;
                for (to, [blue, green, red]) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
                    *to = [*red, *green, *blue];
                }
            }
            PixelFormat::NV12 => {
                // Two rows share their colour and come together.
                let from = y - y % 2;
                let rows = (self.raw.height_px() as usize - from).min(2);
                let mut pair = std::mem::take(&mut self.colours);
                pair.resize(rows * rgb.len(), 0);
                yuv::rgb_rows(self.raw, from, &mut pair)?;
                let begin = (y - from) * rgb.len();
                rgb.copy_from_slice(&pair[begin..begin + rgb.len()]);
                self.colours = pair;
            }
            _ if is_yuv(format) => yuv::rgb_rows(self.raw, y, rgb)?,
            _ => match self.demosaic.take() {
                Some(mut demosaic) => {
                    let (above, here, below) = self.around(y);
                    let done = demosaic.row(y, above, here, below, rgb);
                    self.demosaic = Some(demosaic);
                    done?;
                }
                None => {
                    let mut levels = std::mem::take(&mut self.colours);
                    levels.resize(rgb.len() / 3, 0);
                    mono::upper_bits(format, self.bytes(y), &mut levels);
                    for (pixel, level) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(&levels) {
                        *pixel = [*level; 3];
                    }
                    self.colours = levels;
                }
            },
        }
        Ok(())
    }

    /// Rows `2 * y` and the one after behind a Bayer filter, as one of half the width; none where there is no filter.
    pub(super) fn half_rgb(&mut self, y: usize, rgb: &mut [u8]) -> bool {
        let Some(demosaic) = self.demosaic.take() else {
            return false;
        };
        let (_, upper, lower) = self.around(2 * y);
        demosaic.half_row(upper, lower, rgb);
        self.demosaic = Some(demosaic);
        true
    }

    pub(super) fn has_filter(&self) -> bool {
        self.demosaic.is_some()
    }

    /// Row `y` and those above and below, mirrored at the rim.
    fn around(&mut self, y: usize) -> (&[u8], &[u8], &[u8]) {
        let last = self.raw.height_px() as usize - 1;
        let above = if y == 0 { 1.min(last) } else { y - 1 };
        let below = if y == last {
            last.saturating_sub(1)
        } else {
            y + 1
        };
        for row in [above, y, below] {
            self.unpack(row);
        }
        let get = |row: usize| self.levels(row);
        (get(above), get(y), get(below))
    }

    fn unpack(&mut self, y: usize) {
        let format = self.raw.format();
        if format.bits() == 8 {
            return;
        }
        let bytes = self.bytes(y);
        let (held, levels) = &mut self.unpacked[y % 4];
        if *held != y {
            *held = y;
            mono::upper_bits(format, bytes, levels);
        }
    }

    fn levels(&self, y: usize) -> &[u8] {
        match self.raw.format().bits() {
            8 => self.bytes(y),
            _ => &self.unpacked[y % 4].1,
        }
    }
}
