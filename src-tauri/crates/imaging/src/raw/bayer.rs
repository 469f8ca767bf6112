//! Colours behind a Bayer filter, each missing one the mean of its nearest neighbours (bilinear, as OpenCV's
//! `cvtColor` does it). At the rim the picture is mirrored, which keeps each colour in its place.

use crate::refusal::ImageRefused;
use pulp::{Arch, Simd, WithSimd};
use wiko_core::camera::BayerTile;
use yuv::YuvPlanarImage;

/// Rows of bytes behind a filter, three at a time.
pub(super) struct Demosaic {
    arch: Arch,
    /// The columns of a red row at which red lies: 0 or 1.
    red_column: usize,
    /// The rows in which red lies: 0 or 1.
    red_row: usize,
    red: Vec<u8>,
    green: Vec<u8>,
    blue: Vec<u8>,
    /// All bits of every second byte, from the first on.
    every_second: Vec<u8>,
}

impl Demosaic {
    pub(super) fn new(tile: BayerTile, width: usize) -> Self {
        let (red_column, red_row) = match tile {
            BayerTile::RG => (0, 0),
            BayerTile::GR => (1, 0),
            BayerTile::GB => (0, 1),
            BayerTile::BG => (1, 1),
        };
        Self {
            arch: Arch::new(),
            red_column,
            red_row,
            red: vec![0; width],
            green: vec![0; width],
            blue: vec![0; width],
            every_second: [255, 0].into_iter().cycle().take(width + 1).collect(),
        }
    }

    /// Row `y`, of which `above`, `here` and `below` are the levels, in colour: `rgb` has three bytes a pixel.
    pub(super) fn row(
        &mut self,
        y: usize,
        above: &[u8],
        here: &[u8],
        below: &[u8],
        rgb: &mut [u8],
    ) -> Result<(), ImageRefused> {
        let is_red_row = y % 2 == self.red_row;
        let first = match is_red_row {
            true => self.red_column,
            false => 1 - self.red_column,
        };
        let (red, blue): (&mut [u8], &mut [u8]) = (&mut self.red, &mut self.blue);
        let (own, other) = if is_red_row { (red, blue) } else { (blue, red) };
        self.arch.dispatch(Planes {
            is_own: &self.every_second[first..],
            above,
            here,
            below,
            own,
            green: &mut self.green,
            other,
        });
        interleave(&self.red, &self.green, &self.blue, rgb)
    }

    /// Two rows as one of half the width, each square of four pixels one in colour. A last odd column is left out.
    pub(super) fn half_row(&self, upper: &[u8], lower: &[u8], rgb: &mut [u8]) {
        let (with_red, with_blue) = match self.red_row {
            0 => (upper, lower),
            _ => (lower, upper),
        };
        let red_column = self.red_column;
        let with_red = with_red.as_chunks::<2>().0;
        let pairs = with_red.iter().zip(with_blue.as_chunks::<2>().0);
        for (rgb, (a, b)) in rgb.as_chunks_mut::<3>().0.iter_mut().zip(pairs) {
            let green = u16::from(a[1 - red_column]) + u16::from(b[red_column]);
            *rgb = [a[red_column], green.div_ceil(2) as u8, b[1 - red_column]];
        }
    }
}

/// The three colours of a row. Its own colour, red in a red row and blue in a blue one, lies where `is_own` has its bits
/// set, and green between.
struct Planes<'a> {
    is_own: &'a [u8],
    above: &'a [u8],
    here: &'a [u8],
    below: &'a [u8],
    own: &'a mut [u8],
    green: &'a mut [u8],
    other: &'a mut [u8],
}

impl WithSimd for Planes<'_> {
    type Output = ();

    /// Only what is inlined here is compiled for the widest registers there are.
    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let Self {
            is_own,
            above,
            here,
            below,
            own,
            green,
            other,
        } = self;
        let width = here.len();
        let mut rim = |x: usize, beside: usize| {
            if is_own[x] == 255 {
                own[x] = here[x];
                green[x] = mean4(here[beside], here[beside], above[x], below[x]);
                other[x] = mean2(above[beside], below[beside]);
            } else {
                own[x] = here[beside];
                green[x] = here[x];
                other[x] = mean2(above[x], below[x]);
            }
        };
        rim(0, 1.min(width - 1));
        if width > 1 {
            rim(width - 1, width - 2);
        }
        if width < 3 {
            return;
        }
        let inner = width - 2;
        let is_own = &is_own[1..][..inner];
        let (left, centre, right) = (&here[..inner], &here[1..][..inner], &here[2..][..inner]);
        let (up_left, up, up_right) = (&above[..inner], &above[1..][..inner], &above[2..][..inner]);
        let (down_left, down, down_right) =
            (&below[..inner], &below[1..][..inner], &below[2..][..inner]);
        // Both kinds of pixel are made everywhere and one is chosen: that has no branch and is done many at a time. One
        // plane after the other, since the compiler does not see that so many slices do not overlap.
        let chosen = |mask: u8, a: u8, b: u8| (a & mask) | (b & !mask);
        let out = &mut own[1..][..inner];
        for x in 0..inner {
            out[x] = chosen(is_own[x], centre[x], mean2(left[x], right[x]));
        }
        let out = &mut green[1..][..inner];
        for x in 0..inner {
            let cross = mean4(left[x], right[x], up[x], down[x]);
            out[x] = chosen(is_own[x], cross, centre[x]);
        }
        let out = &mut other[1..][..inner];
        for x in 0..inner {
            let corners = mean4(up_left[x], up_right[x], down_left[x], down_right[x]);
            out[x] = chosen(is_own[x], corners, mean2(up[x], down[x]));
        }
    }
}

/// Written so that it is one instruction, for as many bytes as a register has.
#[inline(always)]
fn mean2(a: u8, b: u8) -> u8 {
    ((u16::from(a) + u16::from(b) + 1) >> 1) as u8
}

/// `(a + b + c + d + 2) / 4` in bytes, of which a register has twice as many as of words. The mean of means is one too much
/// where one of them was rounded up and so is theirs.
#[inline(always)]
fn mean4(a: u8, b: u8, c: u8, d: u8) -> u8 {
    let (ab, cd) = (mean2(a, b), mean2(c, d));
    let too_much = ((a ^ b) | (c ^ d)) & (ab ^ cd) & 1;
    mean2(ab, cd).wrapping_sub(too_much)
}

/// Three planes as pixels. The compiler makes a byte at a time of it, which costs more than all the rest.
fn interleave(red: &[u8], green: &[u8], blue: &[u8], rgb: &mut [u8]) -> Result<(), ImageRefused> {
    let width = red.len() as u32;
    let planes = YuvPlanarImage {
        y_plane: green,
        y_stride: width,
        u_plane: blue,
        u_stride: width,
        v_plane: red,
        v_stride: width,
        width,
        height: 1,
    };
    yuv::gbr_to_rgb(&planes, rgb, 3 * width, yuv::YuvRange::Full)
        .map_err(ImageRefused::not_converted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_of_four_is_rounded_once_whatever_they_are() {
        let some = [
            0, 1, 2, 3, 4, 5, 6, 7, 126, 127, 128, 129, 252, 253, 254, 255,
        ];
        for (a, b) in some.iter().flat_map(|a| some.iter().map(move |b| (*a, *b))) {
            assert_eq!(
                u16::from(mean2(a, b)),
                (u16::from(a) + u16::from(b)).div_ceil(2)
            );
            for (c, d) in some.iter().flat_map(|c| some.iter().map(move |d| (*c, *d))) {
                let sum = [a, b, c, d].map(u16::from).iter().sum::<u16>();
                assert_eq!(u16::from(mean4(a, b, c, d)), (sum + 2) / 4);
            }
        }
    }
}
