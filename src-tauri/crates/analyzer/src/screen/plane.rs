//! Grey planes and the few pixel operations that the screen needs.
//!
//! Levels are kept in fixed point, [`LEVEL`] steps to one grey level, so that averages over many
//! pixels lose nothing.

use image::GrayImage;

/// Steps of a [`Plane`] to one grey level of the picture; 255 levels fit in an `i16`.
pub(super) const LEVEL: u16 = 128;

/// A plane of fixed-point levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) px: Vec<u16>,
}

impl Plane {
    /// The picture smoothed by the 3×3 binomial, which takes the sensor's noise off single pixels.
    pub(super) fn smoothed(picture: &GrayImage) -> Self {
        let (width, height) = size(picture);
        let source = picture.as_raw();
        let mut px = vec![0u16; width * height];
        let mut column = vec![0u16; width];
        for y in 0..height {
            let row = |at: usize| &source[at * width..(at + 1) * width];
            let (above, here, below) = (
                row(y.saturating_sub(1)),
                row(y),
                row((y + 1).min(height - 1)),
            );
            for (((sum, a), b), c) in column.iter_mut().zip(above).zip(here).zip(below) {
                *sum = u16::from(*a) + 2 * u16::from(*b) + u16::from(*c);
            }
            let out = &mut px[y * width..(y + 1) * width];
            binomial_row(&column, out);
        }
        Self { width, height, px }
    }

    /// Back to whole grey levels.
    pub(super) fn to_picture(&self) -> GrayImage {
        let px = self.px.iter().map(|v| ((v + LEVEL / 2) / LEVEL) as u8);
        from_raw(self.width, self.height, px.collect())
    }

    /// The picture at a quarter of its width and height, each pixel the mean of 4×4.
    pub(super) fn quartered(picture: &GrayImage) -> Self {
        let (full_width, full_height) = size(picture);
        let (width, height) = ((full_width / 4).max(1), (full_height / 4).max(1));
        let source = picture.as_raw();
        let mut px = vec![0u16; width * height];
        for (y, out) in px.chunks_exact_mut(width).enumerate() {
            for dy in 0..4.min(full_height) {
                let from = (y * 4 + dy) * full_width;
                for (sum, four) in out
                    .iter_mut()
                    .zip(source[from..from + full_width].chunks(4))
                {
                    *sum += four.iter().map(|level| u16::from(*level)).sum::<u16>();
                }
            }
            for sum in out {
                *sum *= LEVEL / 16;
            }
        }
        Self { width, height, px }
    }

    /// Local minimum or maximum over a square of `radius` pixels each way.
    pub(super) fn extremum(&self, radius: usize, pick: impl Fn(u16, u16) -> u16) -> Self {
        if radius == 0 {
            return self.clone();
        }
        let (width, height) = (self.width, self.height);
        let mut across = self.px.clone();
        for (out, row) in across
            .chunks_exact_mut(width)
            .zip(self.px.chunks_exact(width))
        {
            for shift in 1..=radius.min(width - 1) {
                for (o, v) in out.iter_mut().zip(&row[shift..]) {
                    *o = pick(*o, *v);
                }
                for (o, v) in out[shift..].iter_mut().zip(row) {
                    *o = pick(*o, *v);
                }
            }
        }
        let mut px = across.clone();
        for (y, out) in px.chunks_exact_mut(width).enumerate() {
            let rows = y.saturating_sub(radius)..(y + radius + 1).min(height);
            for other in rows.filter(|other| *other != y) {
                let row = &across[other * width..(other + 1) * width];
                for (o, v) in out.iter_mut().zip(row) {
                    *o = pick(*o, *v);
                }
            }
        }
        Self { width, height, px }
    }
}

fn binomial_row(column: &[u16], out: &mut [u16]) {
    // 16 sixteenths of a level come in; LEVEL steps go out.
    let scale = LEVEL / 16;
    let width = column.len();
    for (o, three) in out[1.min(width)..].iter_mut().zip(column.windows(3)) {
        *o = (three[0] + 2 * three[1] + three[2]) * scale;
    }
    if width > 1 {
        out[0] = (3 * column[0] + column[1]) * scale;
        out[width - 1] = (3 * column[width - 1] + column[width - 2]) * scale;
    } else {
        out[0] = column[0] * 4 * scale;
    }
}

/// Mean over a square of `radius` pixels each way; the square is cut off at the border.
pub(super) fn box_mean(values: &[f32], width: usize, radius: usize) -> Vec<f32> {
    let height = values.len() / width.max(1);
    let mut across = vec![0f32; values.len()];
    for (out, row) in across
        .chunks_exact_mut(width)
        .zip(values.chunks_exact(width))
    {
        let mut sum: f64 = row[..radius.min(width)].iter().map(|v| f64::from(*v)).sum();
        for x in 0..width {
            if x + radius < width {
                sum += f64::from(row[x + radius]);
            }
            if x > radius {
                sum -= f64::from(row[x - radius - 1]);
            }
            let count = (x + radius + 1).min(width) - x.saturating_sub(radius);
            out[x] = (sum / count as f64) as f32;
        }
    }
    let mut mean = vec![0f32; values.len()];
    let mut sums = vec![0f32; width];
    for y in 0..height {
        let rows = y.saturating_sub(radius)..(y + radius + 1).min(height);
        let count = rows.len() as f32;
        sums.fill(0.0);
        for other in rows {
            for (sum, v) in sums.iter_mut().zip(&across[other * width..]) {
                *sum += v;
            }
        }
        for (o, sum) in mean[y * width..].iter_mut().zip(&sums) {
            *o = sum / count;
        }
    }
    mean
}

/// The picture at half its width and height.
pub(super) fn halved(picture: &GrayImage) -> GrayImage {
    let (width, height) = size(picture);
    let (half_width, half_height) = ((width / 2).max(1), (height / 2).max(1));
    let source = picture.as_raw();
    let mut out = vec![0u8; half_width * half_height];
    for (y, row) in out.chunks_exact_mut(half_width).enumerate() {
        let top = &source[(2 * y).min(height - 1) * width..][..width];
        let bottom = &source[(2 * y + 1).min(height - 1) * width..][..width];
        for ((o, a), b) in row.iter_mut().zip(top.chunks(2)).zip(bottom.chunks(2)) {
            let sum: u16 = a.iter().chain(b).map(|level| u16::from(*level)).sum();
            *o = ((sum + 2) / (a.len() + b.len()) as u16) as u8;
        }
    }
    from_raw(half_width, half_height, out)
}

/// Width and height as indices.
pub(super) fn size(picture: &GrayImage) -> (usize, usize) {
    (picture.width() as usize, picture.height() as usize)
}

/// A picture of pixels that were made to fit.
pub(super) fn from_raw(width: usize, height: usize, px: Vec<u8>) -> GrayImage {
    GrayImage::from_raw(width as u32, height as u32, px).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_picture_stays_flat_at_every_scale() {
        let flat = GrayImage::from_pixel(21, 13, image::Luma([77]));
        let level = 77 * LEVEL;
        assert!(Plane::smoothed(&flat).px.iter().all(|v| *v == level));
        assert!(Plane::quartered(&flat).px.iter().all(|v| *v == level));
        assert!(halved(&flat).as_raw().iter().all(|v| *v == 77));
        let mean = box_mean(&vec![3.0; 21 * 13], 21, 2);
        assert!(mean.iter().all(|v| (v - 3.0).abs() < 1e-4));
    }

    #[test]
    fn a_bright_pixel_spreads_over_its_square_as_maximum_and_vanishes_as_minimum() {
        let mut plane = Plane {
            width: 9,
            height: 7,
            px: vec![1; 63],
        };
        plane.px[3 * 9 + 4] = 50;
        let spread = plane.extremum(2, u16::max);
        assert_eq!(spread.px.iter().filter(|v| **v == 50).count(), 25);
        assert!(plane.extremum(1, u16::min).px.iter().all(|v| *v == 1));
    }
}
