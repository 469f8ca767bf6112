//! The same light for every pixel: what dust, lens and lamp take from some of them is given back.
//!
//! Invariants:
//! - `corrected = (raw − dark) / (white − dark) × target`, where the target is the mean of `white − dark` of a pixel's colour:
//!   a flat field evens light and balances no colours.
//! - What was white on the sensor stays white: a clipped pixel has lost what it could have shown, and no gain may hide that.
//! - A white that is clipped, dark or has dead columns is refused, since a correction by it would look like a good picture.
//! - It holds for the camera, exposure, gain and width that it was taken with; the caller compares [`FlatField::taken`].

mod average;
mod file;

pub use average::Average;

use crate::white::share_text;
use pulp::{Arch, Simd, WithSimd};
use wiko_core::camera::{PixelFormat, RawImage};

/// Lines of a line-scan camera, or frames of an area one, that are averaged at the least.
pub const LEAST_AVERAGED: u64 = 64;

/// Clipped samples of a white, as a share of all.
const MOST_CLIPPED: f64 = 0.001;
/// Mean of a white, as shares of the whole range. What is brighter clips its noise.
const BRIGHTNESS: std::ops::RangeInclusive<f64> = 0.15..=0.95;
/// A pixel that sees a smaller share of the light of the middle one is dead or covered.
const LEAST_LIGHT: f64 = 0.25;
/// Most pixels that may be so on an area sensor, which always has some that are dead; of columns none.
const MOST_DEAD: f64 = 0.000_1;

/// What each pixel is corrected by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlatFieldKind {
    /// By its column: line-scan.
    Columns,
    /// By itself: area.
    Pixels,
}

/// What a flat field was taken with, and holds for.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlatFieldTaken {
    /// The camera, as [`wiko_core::camera::DeviceIdentity::label`] names it.
    pub camera: String,
    /// Exposure time in microseconds.
    pub exposure_us: f64,
    /// Gain, as the camera counts it.
    pub gain: f64,
}

/// Why there is no flat field, or it does not fit. Each sentence says what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FlatFieldRefused {
    /// Samples of this format do not lie in bytes or words of their own.
    #[error(
        "a flat field cannot be taken of {0}: choose a format such as Mono8, Mono12, BayerRG8 or RGB8"
    )]
    Format(PixelFormat),
    /// A Bayer filter has other colours in every second row of a column.
    #[error("a flat field of columns cannot be taken behind a Bayer filter: take one of pixels")]
    FilteredColumns,
    /// Too few to average the noise away.
    #[error("{have} of {LEAST_AVERAGED} lines or frames were averaged: wait for more")]
    TooFew {
        /// So far.
        have: u64,
    },
    /// Some of it is as bright as can be.
    #[error("{} of the white is clipped: shorten the exposure, lower the gain or dim the light", share_text(*.share))]
    Clipped {
        /// 0 to 1.
        share: f64,
    },
    /// Its noise would be multiplied.
    #[error("the white has {} of the full level: lengthen the exposure or use more light", share_text(*.share))]
    TooDark {
        /// 0 to 1.
        share: f64,
    },
    /// So bright that its noise is cut off.
    #[error("the white has {} of the full level: shorten the exposure or dim the light", share_text(*.share))]
    TooBright {
        /// 0 to 1.
        share: f64,
    },
    /// Dust, a dead column, something in the light.
    #[error(
        "{count} columns or pixels, the first at {first}, see less than a quarter of the others' light: clean the sensor and the lens \
         and light the whole width evenly"
    )]
    Uneven {
        /// How many.
        count: usize,
        /// The first, counted across, then down.
        first: usize,
    },
    /// The pictures, or the picture and the flat field, are not of one kind.
    #[error("the pictures are {have} and the flat field {wanted}: take a new one")]
    Another {
        /// Format and size.
        have: String,
        /// Format and size.
        wanted: String,
    },
    /// The file is none, of another version, or not as it was written.
    #[error("the flat field cannot be read: {0}; take a new one")]
    File(String),
}

/// The correction of one camera.
#[derive(Debug, Clone, PartialEq)]
pub struct FlatField {
    kind: FlatFieldKind,
    format: PixelFormat,
    width_px: u32,
    rows: u32,
    taken: FlatFieldTaken,
    /// By sample, in 65,536ths of the levels that the format's bits could tell.
    white: Vec<u16>,
    dark: Vec<u16>,
    gains: Gains,
}

/// As they are multiplied: made of white and dark.
#[derive(Debug, Clone, PartialEq)]
enum Gains {
    /// Dark in 256ths of a level, gain in 4,096ths.
    Bytes(Vec<u16>, Vec<u16>),
    /// Dark in levels, gain.
    Words(Vec<f32>, Vec<f32>),
}

impl FlatField {
    /// Of a white, and of a dark taken with the lens covered; without one, black is taken as 0.
    pub fn of(
        white: &Average,
        dark: Option<&Average>,
        taken: FlatFieldTaken,
    ) -> Result<Self, FlatFieldRefused> {
        for average in [Some(white), dark].into_iter().flatten() {
            if average.averaged() < LEAST_AVERAGED {
                return Err(FlatFieldRefused::TooFew {
                    have: average.averaged(),
                });
            }
            white.same_kind(average)?;
        }
        if white.clipped_share() > MOST_CLIPPED {
            return Err(FlatFieldRefused::Clipped {
                share: white.clipped_share(),
            });
        }
        let levels = white.levels();
        let dark = dark.map_or_else(|| vec![0; levels.len()], Average::levels);
        let share = mean(
            levels
                .iter()
                .zip(&dark)
                .map(|(white, dark)| white.saturating_sub(*dark)),
        );
        if share < *BRIGHTNESS.start() {
            return Err(FlatFieldRefused::TooDark { share });
        }
        if share > *BRIGHTNESS.end() {
            return Err(FlatFieldRefused::TooBright { share });
        }
        let made = Self::made(
            (white.kind, white.format, white.width_px, white.rows),
            taken,
            levels,
            dark,
        );
        made.even()?;
        Ok(made)
    }

    fn made(
        (kind, format, width_px, rows): (FlatFieldKind, PixelFormat, u32, u32),
        taken: FlatFieldTaken,
        white: Vec<u16>,
        dark: Vec<u16>,
    ) -> Self {
        let mut field = Self {
            kind,
            format,
            width_px,
            rows,
            taken,
            white,
            dark,
            gains: Gains::Bytes(Vec::new(), Vec::new()),
        };
        let targets =
            field.by_colour(|light| light.iter().sum::<f64>() / light.len().max(1) as f64);
        let gains = (0..field.white.len()).map(|at| {
            let light = field.light(at);
            // Of a pixel that sees nothing there is nothing to give back.
            if light > 0.0 {
                targets[field.colour(at)] / light
            } else {
                1.0
            }
        });
        field.gains = if format.bits() == 8 {
            let gains = gains
                .map(|gain| (gain * 4096.0).round().min(65_535.0) as u16)
                .collect();
            Gains::Bytes(field.dark.clone(), gains)
        } else {
            let level = (1_u32 << (16 - u32::from(format.bits()))) as f32;
            let dark = field
                .dark
                .iter()
                .map(|dark| f32::from(*dark) / level)
                .collect();
            Gains::Words(dark, gains.map(|gain| gain as f32).collect())
        };
        field
    }

    /// Which colour a sample has, of up to four.
    fn colour(&self, at: usize) -> usize {
        let across = self.white.len() / self.rows as usize;
        let (x, y) = (at % across, at / across);
        match self.format {
            PixelFormat::RGB8 | PixelFormat::BGR8 => x % 3,
            format if format.bayer().is_some() => y % 2 * 2 + x % 2,
            _ => 0,
        }
    }

    fn light(&self, at: usize) -> f64 {
        f64::from(self.white[at].saturating_sub(self.dark[at]))
    }

    fn by_colour(&self, sum_up: impl Fn(&mut Vec<f64>) -> f64) -> [f64; 4] {
        let mut lights: [Vec<f64>; 4] = Default::default();
        for at in 0..self.white.len() {
            lights[self.colour(at)].push(self.light(at));
        }
        lights.map(|mut light| sum_up(&mut light))
    }

    fn even(&self) -> Result<(), FlatFieldRefused> {
        let middles = self.by_colour(|light| {
            let middle = light.len() / 2;
            match light.is_empty() {
                true => 0.0,
                false => *light.select_nth_unstable_by(middle, f64::total_cmp).1,
            }
        });
        let dead = |at: &usize| self.light(*at) < LEAST_LIGHT * middles[self.colour(*at)];
        let dead: Vec<usize> = (0..self.white.len()).filter(dead).collect();
        let most = match self.kind {
            FlatFieldKind::Columns => 0,
            FlatFieldKind::Pixels => (self.white.len() as f64 * MOST_DEAD) as usize,
        };
        match dead.first() {
            Some(first) if dead.len() > most => Err(FlatFieldRefused::Uneven {
                count: dead.len(),
                first: *first,
            }),
            _ => Ok(()),
        }
    }

    /// What it was taken with.
    pub fn taken(&self) -> &FlatFieldTaken {
        &self.taken
    }

    /// What it corrects by.
    pub fn kind(&self) -> FlatFieldKind {
        self.kind
    }

    /// The picture with even light. One of columns takes any number of rows.
    pub fn apply(&self, raw: &RawImage) -> Result<RawImage, FlatFieldRefused> {
        let fits = raw.format() == self.format
            && raw.width_px() == self.width_px
            && (self.kind == FlatFieldKind::Columns || raw.height_px() == self.rows);
        if !fits {
            let (format, width, rows) = (self.format, self.width_px, self.rows);
            return Err(FlatFieldRefused::Another {
                have: format!("{} {}x{}", raw.format(), raw.width_px(), raw.height_px()),
                wanted: match self.kind {
                    FlatFieldKind::Columns => format!("{format}, {width} wide"),
                    FlatFieldKind::Pixels => format!("{format} {width}x{rows}"),
                },
            });
        }
        let row_bytes = self.format.row_bytes(self.width_px);
        let mut corrected = vec![0; row_bytes * raw.height_px() as usize];
        let arch = Arch::new();
        let rows = raw.bytes().chunks(raw.stride_bytes());
        for (y, (row, out)) in rows.zip(corrected.chunks_exact_mut(row_bytes)).enumerate() {
            self.correct_row(arch, y % self.rows as usize, &row[..row_bytes], out);
        }
        let (width, height) = (raw.width_px(), raw.height_px());
        RawImage::new(self.format, width, height, row_bytes, corrected)
            .map_err(|error| FlatFieldRefused::File(error.to_string()))
    }

    /// Corrects lines of a line-scan camera where they lie, one after the other without padding. Where it is not one of
    /// columns for lines of this kind, none of them is touched.
    pub fn correct_lines(
        &self,
        lines: &mut [u8],
        row_bytes: usize,
        format: PixelFormat,
    ) -> Result<(), FlatFieldRefused> {
        let fits = self.kind == FlatFieldKind::Columns
            && format == self.format
            && row_bytes == format.row_bytes(self.width_px)
            && lines.len().is_multiple_of(row_bytes);
        if !fits {
            let (format_wanted, width) = (self.format, self.width_px);
            return Err(FlatFieldRefused::Another {
                have: format!("{format}, {row_bytes} bytes a line"),
                wanted: match self.kind {
                    FlatFieldKind::Columns => format!("{format_wanted}, {width} wide"),
                    FlatFieldKind::Pixels => "one of pixels, which no line has".to_owned(),
                },
            });
        }
        let arch = Arch::new();
        let mut came = vec![0; row_bytes];
        for line in lines.chunks_exact_mut(row_bytes) {
            came.copy_from_slice(line);
            self.correct_row(arch, 0, &came, line);
        }
        Ok(())
    }

    /// By the gains of a row.
    fn correct_row(&self, arch: Arch, y: usize, row: &[u8], out: &mut [u8]) {
        let samples = self.white.len() / self.rows as usize;
        let own = y * samples..(y + 1) * samples;
        match &self.gains {
            Gains::Bytes(dark, gain) => arch.dispatch(Bytes {
                row,
                out,
                dark: &dark[own.clone()],
                gain: &gain[own],
            }),
            Gains::Words(dark, gain) => arch.dispatch(Words {
                row,
                out,
                dark: &dark[own.clone()],
                gain: &gain[own],
                full: full_level(self.format),
            }),
        }
    }

    /// How far the white has drifted since: what all but one in a hundred columns or pixels are within, 0.1 for a tenth
    /// of the light.
    pub fn drift(&self, white_now: &Average) -> Result<f32, FlatFieldRefused> {
        white_now.fits(self.kind, self.format, self.width_px, self.rows)?;
        let now = white_now.levels();
        let changes = (0..self.white.len()).filter(|at| self.light(*at) > 0.0);
        let mut changes: Vec<f64> = changes
            .map(|at| {
                (f64::from(now[at].saturating_sub(self.dark[at])) / self.light(at) - 1.0).abs()
            })
            .collect();
        if changes.is_empty() {
            return Ok(0.0);
        }
        let nearly_all = (changes.len() * 99 / 100).min(changes.len() - 1);
        Ok(*changes.select_nth_unstable_by(nearly_all, f64::total_cmp).1 as f32)
    }
}

fn full_level(format: PixelFormat) -> f32 {
    ((1_u32 << format.bits()) - 1) as f32
}

/// Of levels in 65,536ths, as a share.
fn mean(levels: impl ExactSizeIterator<Item = u16>) -> f64 {
    let count = levels.len().max(1) as f64;
    levels.map(f64::from).sum::<f64>() / count / f64::from(u16::MAX)
}

struct Bytes<'a> {
    row: &'a [u8],
    out: &'a mut [u8],
    dark: &'a [u16],
    gain: &'a [u16],
}

impl WithSimd for Bytes<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let pixels = self.row.iter().zip(self.dark.iter().zip(self.gain));
        for (out, (level, (dark, gain))) in self.out.iter_mut().zip(pixels) {
            let light = (u16::from(*level) << 8).saturating_sub(*dark);
            let sixteenths = ((u32::from(light) * u32::from(*gain)) >> 16) as u16;
            let corrected = (sixteenths.saturating_add(8) >> 4).min(255) as u8;
            *out = if *level == 255 { 255 } else { corrected };
        }
    }
}

struct Words<'a> {
    row: &'a [u8],
    out: &'a mut [u8],
    dark: &'a [f32],
    gain: &'a [f32],
    full: f32,
}

impl WithSimd for Words<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let words = self.row.as_chunks::<2>().0.iter();
        let pixels = words.zip(self.dark.iter().zip(self.gain));
        for (out, (word, (dark, gain))) in self.out.as_chunks_mut::<2>().0.iter_mut().zip(pixels) {
            let level = f32::from(u16::from_le_bytes(*word));
            let corrected = ((level - dark) * gain + 0.5).clamp(0.0, self.full);
            let kept = if level >= self.full {
                self.full
            } else {
                corrected
            };
            *out = (kept as u16).to_le_bytes();
        }
    }
}
