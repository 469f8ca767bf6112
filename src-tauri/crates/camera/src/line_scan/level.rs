//! Whether a line shows a part.
//!
//! Invariant: a format's levels are looked at in their upper 8 bits, so that limits mean the same in each.

use super::config::{LineLayout, PartLevels};
use wiko_core::camera::PixelFormat;

/// Of formats that have to be unpacked so many pixels of a line are looked at, evenly spread.
const LOOKED_AT: usize = 1024;

/// The share of the line that differs from the empty belt, 0 to 1. `row` holds the bytes of one line.
pub(crate) fn share_of_part(row: &[u8], layout: LineLayout, levels: &PartLevels) -> f32 {
    let low = i16::from(levels.background_level) - i16::from(levels.contrast_levels);
    let high = i16::from(levels.background_level) + i16::from(levels.contrast_levels);
    let width = layout.width_px as usize;
    if layout.format == PixelFormat::Mono8 {
        return outside(row, low, high) as f32 / width as f32;
    }
    let step = width.div_ceil(LOOKED_AT).max(1);
    let differs = |level: u8| i16::from(level) <= low || i16::from(level) >= high;
    let looked_at = (0..width).step_by(step);
    let all = looked_at.len();
    let found = looked_at
        .filter(|x| differs(level_at(row, layout.format, *x)))
        .count();
    found as f32 / all as f32
}

/// How many are at or below `low` or at or above `high`. In pieces whose count fits a byte: those are counted 32 at once.
fn outside(levels: &[u8], low: i16, high: i16) -> usize {
    // A limit that no level reaches is none.
    let below = u8::try_from(low).ok();
    let above = u8::try_from(high).ok();
    let count = |is: &dyn Fn(&[u8]) -> u8| -> usize {
        levels.chunks(128).map(|piece| usize::from(is(piece))).sum()
    };
    let dark = below.map_or(0, |low| {
        count(&|piece| piece.iter().map(|level| u8::from(*level <= low)).sum())
    });
    let bright = above.map_or(0, |high| {
        count(&|piece| piece.iter().map(|level| u8::from(*level >= high)).sum())
    });
    dark + bright
}

/// The upper 8 bits of pixel `x`, or its green or Y; 0 beyond the row.
fn level_at(row: &[u8], format: PixelFormat, x: usize) -> u8 {
    let byte = |at: usize| row.get(at).copied().unwrap_or(0);
    let word = |at: usize| u16::from_le_bytes([byte(at), byte(at + 1)]);
    // Upper 8 of bits that begin anywhere, least significant first.
    let bits = |from: usize| (word(from / 8) >> (from % 8)) as u8;
    match format {
        PixelFormat::Mono10 => (word(2 * x) >> 2) as u8,
        PixelFormat::Mono12 => (word(2 * x) >> 4) as u8,
        PixelFormat::Mono16 => byte(2 * x + 1),
        PixelFormat::Mono10Packed | PixelFormat::Mono12Packed => byte(x / 2 * 3 + x % 2 * 2),
        PixelFormat::Mono10p => bits(10 * x + 2),
        PixelFormat::Mono12p => bits(12 * x + 4),
        PixelFormat::RGB8 | PixelFormat::BGR8 => byte(3 * x + 1),
        PixelFormat::YUV422Yuyv8 => byte(2 * x),
        PixelFormat::YUV422Uyvy8 => byte(2 * x + 1),
        _ => byte(x),
    }
}

/// The bytes that, again and again, make a row of middle grey.
pub(crate) fn grey(format: PixelFormat) -> &'static [u8] {
    match format {
        PixelFormat::Mono10 => &[0x00, 0x02],
        PixelFormat::Mono12 => &[0x00, 0x08],
        PixelFormat::Mono16 => &[0x00, 0x80],
        PixelFormat::Mono10Packed | PixelFormat::Mono12Packed => &[0x80, 0x00, 0x80],
        PixelFormat::Mono12p => &[0x00, 0x08, 0x80],
        PixelFormat::Mono10p => &[0x00, 0x02, 0x08, 0x20, 0x80],
        _ => &[0x80],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMATS: [PixelFormat; 12] = [
        PixelFormat::Mono8,
        PixelFormat::Mono10,
        PixelFormat::Mono12,
        PixelFormat::Mono16,
        PixelFormat::Mono10Packed,
        PixelFormat::Mono12Packed,
        PixelFormat::Mono10p,
        PixelFormat::Mono12p,
        PixelFormat::RGB8,
        PixelFormat::BGR8,
        PixelFormat::YUV422Yuyv8,
        PixelFormat::YUV422Uyvy8,
    ];

    #[test]
    fn grey_is_the_middle_level_in_every_format_of_lines() {
        for format in FORMATS {
            for width_px in [1, 2, 5, 8, 1000] {
                let bytes = format.row_bytes(width_px);
                let row: Vec<u8> = grey(format).iter().copied().cycle().take(bytes).collect();
                for x in 0..width_px as usize {
                    assert_eq!(
                        level_at(&row, format, x),
                        0x80,
                        "{format} {x} of {width_px}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_line_is_looked_at_alike_in_every_format() {
        let levels = |background_level, contrast_levels| PartLevels {
            background_level,
            contrast_levels,
            begin_share: 0.5,
            end_share: 0.5,
            least_part_rows: 1,
            least_gap_rows: 1,
        };
        for format in FORMATS {
            let layout = LineLayout {
                format,
                width_px: 3000,
            };
            let row: Vec<u8> = grey(format)
                .iter()
                .copied()
                .cycle()
                .take(layout.row_bytes())
                .collect();
            for (background, contrast, share) in [
                (0x80, 1, 0.0),
                (0x70, 17, 0.0),
                (0x70, 16, 1.0),
                (0x90, 16, 1.0),
                (0xff, 0x80, 0.0),
                (0x00, 0x81, 0.0),
            ] {
                let found = share_of_part(&row, layout, &levels(background, contrast));
                assert_eq!(found, share, "{format} {background} {contrast}");
            }
        }
    }
}
