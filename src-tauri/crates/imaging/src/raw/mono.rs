//! One row of levels, of whatever depth and packing, as bytes.

use wiko_core::camera::PixelFormat;

/// The upper 8 bits of each level of a row. `row` has the bytes of `out.len()` pixels. A level beyond what its format has
/// bits for is white: a camera that sets the upper bits instead of the lower ones is seen at once.
pub(super) fn upper_bits(format: PixelFormat, row: &[u8], out: &mut [u8]) {
    match format {
        PixelFormat::Mono10Packed | PixelFormat::Mono12Packed => {
            groups(row, out, |[first, _, second]: [u8; 3]| [first, second]);
        }
        PixelFormat::Mono12p => groups(row, out, |[a, b, c]: [u8; 3]| [a >> 4 | b << 4, c]),
        PixelFormat::Mono10p => groups(row, out, |[a, b, c, d, e]: [u8; 5]| {
            [a >> 2 | b << 6, b >> 4 | c << 4, c >> 6 | d << 2, e]
        }),
        _ => match format.bits() {
            0..=8 => out.copy_from_slice(&row[..out.len()]),
            bits => {
                let drop = bits - 8;
                let words = row.chunks_exact(2);
                for (level, word) in out.iter_mut().zip(words) {
                    *level = (u16::from_le_bytes([word[0], word[1]]) >> drop).min(255) as u8;
                }
            }
        },
    }
}

/// Pixels that share bytes: `PIXELS` of them lie in `BYTES`. The last ones of a row may be fewer.
fn groups<const BYTES: usize, const PIXELS: usize>(
    row: &[u8],
    out: &mut [u8],
    unpack: impl Fn([u8; BYTES]) -> [u8; PIXELS],
) {
    let whole = out.len() / PIXELS;
    let (packed, rest) = row.as_chunks::<BYTES>();
    let (levels, last) = out.as_chunks_mut::<PIXELS>();
    for (levels, packed) in levels.iter_mut().zip(packed) {
        *levels = unpack(*packed);
    }
    if !last.is_empty() {
        // Where the row's padding follows, its bytes are a whole group.
        let bytes = packed.get(whole).map_or(rest, |group| group.as_slice());
        let mut padded = [0; BYTES];
        for (to, from) in padded.iter_mut().zip(bytes) {
            *to = *from;
        }
        last.copy_from_slice(&unpack(padded)[..last.len()]);
    }
}
