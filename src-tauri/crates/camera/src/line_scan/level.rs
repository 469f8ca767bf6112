//! Whether a line shows a part.
//!
//! Invariant: a format's levels are looked at in their upper 8 bits, so that limits mean the same in each.

use super::config::{LineLayout, PartLevels};
use wiko_core::camera::PixelFormat;

/// Of formats other than [`PixelFormat::Mono8`] so many pixels of a line are looked at, or a few more, evenly spread.
const LOOKED_AT: usize = 1024;

/// The share of the line that differs from the empty belt, 0 to 1. `row` holds the bytes of one line.
pub(crate) fn share_of_part(row: &[u8], layout: LineLayout, levels: &PartLevels) -> f32 {
    let (background, contrast) = (levels.background_level, levels.contrast_levels);
    // Where a limit is no level, none is beyond it.
    let low = background.checked_sub(contrast);
    let high = background.checked_add(contrast);
    let differs =
        |level: u8| low.is_some_and(|low| level <= low) || high.is_some_and(|high| level >= high);
    let width = layout.width_px as usize;
    if layout.format == PixelFormat::Mono8 {
        let dark = low.map_or(0, |low| count(row, |level| level <= low));
        let bright = high.map_or(0, |high| count(row, |level| level >= high));
        return (dark + bright) as f32 / width as f32;
    }
    let Some((first, apart)) = upper_bytes(layout.format).filter(|(first, _)| *first < row.len())
    else {
        let looked_at = (0..width).step_by(width.div_ceil(LOOKED_AT).max(1));
        return share(looked_at.map(|x| level_at(row, layout.format, x)), differs);
    };
    let step = (row.len() / apart / LOOKED_AT).max(1);
    let looked_at = row[first..].iter().step_by(apart * step);
    share(looked_at.copied(), differs)
}

fn share(levels: impl Iterator<Item = u8>, is: impl Fn(u8) -> bool) -> f32 {
    let (mut all, mut found) = (0_u32, 0_u32);
    for level in levels {
        all += 1;
        found += u32::from(is(level));
    }
    found as f32 / all.max(1) as f32
}

/// How many are so. In pieces whose count fits a byte, which are counted 32 at once.
fn count(levels: &[u8], is: impl Fn(u8) -> bool) -> usize {
    let pieces = levels.chunks(128).map(|piece| {
        let found = piece.iter().fold(0_u8, |found, level| {
            found.wrapping_add(u8::from(is(*level)))
        });
        usize::from(found)
    });
    pieces.sum()
}

/// The bytes that are the upper 8 bits of a pixel, or its green or Y, whatever is around them: the first, and how many
/// they are apart. None where no byte is.
fn upper_bytes(format: PixelFormat) -> Option<(usize, usize)> {
    match format {
        PixelFormat::Mono16 | PixelFormat::YUV422Uyvy8 => Some((1, 2)),
        PixelFormat::YUV422Yuyv8 => Some((0, 2)),
        PixelFormat::Mono10Packed | PixelFormat::Mono12Packed => Some((0, 3)),
        PixelFormat::RGB8 | PixelFormat::BGR8 => Some((1, 3)),
        PixelFormat::Mono12p => Some((2, 3)),
        PixelFormat::Mono10p => Some((4, 5)),
        _ => None,
    }
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
    fn the_bytes_that_are_looked_at_are_upper_bits_of_pixels() {
        for format in FORMATS {
            let Some((first, apart)) = upper_bytes(format) else {
                continue;
            };
            let mut row = vec![0; format.row_bytes(40)];
            row.iter_mut()
                .skip(first)
                .step_by(apart)
                .for_each(|byte| *byte = 0xe7);
            let seen = (0..40).filter(|x| level_at(&row, format, *x) == 0xe7);
            assert!(seen.count() >= 10, "{format}");
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
        let widths = [1, 2, 3, 100, 3000];
        for (format, width_px) in FORMATS
            .into_iter()
            .flat_map(|format| widths.map(|width| (format, width)))
        {
            let layout = LineLayout { format, width_px };
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
                assert_eq!(found, share, "{format} {width_px} {background} {contrast}");
            }
        }
    }
}
