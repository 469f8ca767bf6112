//! Brings a registered picture into the reference's frame and light.
//!
//! Light is compared robustly: one gain and offset for the picture, then the median difference of
//! large blocks, so that a defect smaller than half a block is not taken for light.

use super::{
    plane::{from_raw, size},
    register::Pose,
};
use image::GrayImage;
use std::ops::Range;

/// Blocks along the longer side of the picture in which the light is compared.
const BLOCKS: usize = 8;
/// The most that light may be evened out within a block, in grey levels: more is no light.
const MOST_LEVELS: f32 = 10.0;

/// The picture in the reference's frame and light, and for each row the columns that it shows. The
/// others are filled with the reference, so that nothing is found there: whether the part was seen
/// whole is for [`Whole`](super::whole::Whole) to say.
pub(super) fn aligned(
    reference: &GrayImage,
    picture: &GrayImage,
    pose: Pose,
) -> (GrayImage, Vec<Range<usize>>) {
    let (mut warped, seen) = warp(reference, picture, pose);
    even_light(reference, &mut warped, &seen);
    (warped, seen)
}

/// One in fixed point: 16 bits of fraction for the way, of which 8 serve as weights.
const ONE: i64 = 1 << 16;

fn fixed(value: f64) -> i64 {
    (value * ONE as f64).round() as i64
}

/// The way through the picture along one row of the reference, in fixed point.
struct Way {
    start: (i64, i64),
    step: (i64, i64),
}

impl Way {
    fn of(pose: Pose, y: usize, width: usize, height: usize) -> Self {
        let (x, y) = pose.to_picture(0.0, y as f64, width, height);
        let (sin, cos) = pose.turn_rad.sin_cos();
        Self {
            start: (fixed(x), fixed(y)),
            step: (fixed(cos), fixed(sin)),
        }
    }

    /// The columns that a picture of that size shows: a straight line enters and leaves it once.
    fn seen(&self, width: usize, height: usize) -> Range<usize> {
        let limit = |px: usize| (px as i64 - 1) * ONE - 1;
        let across = within(self.start.0, self.step.0, limit(width), width);
        let down = within(self.start.1, self.step.1, limit(height), width);
        let (first, end) = (across.start.max(down.start), across.end.min(down.end));
        first.min(end)..end
    }
}

/// The numbers n below `count` for which `start + n × step` lies in 0 to `limit`.
fn within(start: i64, step: i64, limit: i64, count: usize) -> Range<usize> {
    let floor = |value: i64, by: i64| value.div_euclid(by);
    let ceil = |value: i64, by: i64| -(-value).div_euclid(by);
    let (first, last) = match step.signum() {
        1 => (ceil(-start, step), floor(limit - start, step)),
        -1 => (ceil(start - limit, -step), floor(start, -step)),
        _ if (0..=limit).contains(&start) => (0, i64::MAX - 1),
        _ => (0, -1),
    };
    let end = (last + 1).clamp(0, count as i64);
    first.clamp(0, end) as usize..end as usize
}

/// For each row of a reference, the columns that a picture of the same size shows in that pose.
pub(super) fn seen_rows(width: usize, height: usize, pose: Pose) -> Vec<Range<usize>> {
    (0..height)
        .map(|y| Way::of(pose, y, width, height).seen(width, height))
        .collect()
}

/// Bilinear warp in fixed point. Also gives, for each row, the columns that the picture shows; the
/// others keep the reference.
pub(super) fn warp(
    reference: &GrayImage,
    picture: &GrayImage,
    pose: Pose,
) -> (GrayImage, Vec<Range<usize>>) {
    let (width, height) = size(reference);
    let (pic_width, pic_height) = size(picture);
    let source = picture.as_raw();
    let mut out = reference.as_raw().clone();
    let mut seen = Vec::with_capacity(height);
    for (y, row) in out.chunks_exact_mut(width).enumerate() {
        let way = Way::of(pose, y, width, height);
        let columns = way.seen(pic_width, pic_height);
        let first = columns.start as i64;
        let mut at_x = way.start.0 + first * way.step.0;
        let mut at_y = way.start.1 + first * way.step.1;
        for level in &mut row[columns.clone()] {
            let index = (at_y >> 16) as usize * pic_width + (at_x >> 16) as usize;
            let (fx, fy) = ((at_x >> 8 & 255) as u32, (at_y >> 8 & 255) as u32);
            let (top, bottom) = (&source[index..], &source[index + pic_width..]);
            let above = u32::from(top[0]) * (256 - fx) + u32::from(top[1]) * fx;
            let below = u32::from(bottom[0]) * (256 - fx) + u32::from(bottom[1]) * fx;
            *level = ((above * (256 - fy) + below * fy + (1 << 15)) >> 16) as u8;
            at_x += way.step.0;
            at_y += way.step.1;
        }
        seen.push(columns);
    }
    (from_raw(width, height, out), seen)
}

fn even_light(reference: &GrayImage, warped: &mut GrayImage, seen: &[Range<usize>]) {
    let (width, height) = size(reference);
    let (gain, offset) = light_between(reference, warped, seen);
    let table: Vec<f32> = (0..=255u8)
        .map(|level| gain * f32::from(level) + offset)
        .collect();
    let block_px = width.max(height).div_ceil(BLOCKS).max(16);
    let (across, down) = (width.div_ceil(block_px), height.div_ceil(block_px));
    let medians = block_medians(reference, warped, seen, &table, block_px, across, down);
    // Between the middles of the blocks the correction goes over bilinearly.
    let between = |at: usize, count: usize| {
        let place = (at as f32 + 0.5) / block_px as f32 - 0.5;
        let place = place.clamp(0.0, (count - 1) as f32);
        let first = (place as usize).min(count.saturating_sub(2));
        (first, (first + 1).min(count - 1), place - first as f32)
    };
    let columns: Vec<_> = (0..width).map(|x| between(x, across)).collect();
    let mut line = vec![0f32; across];
    for ((y, row), seen) in warped.chunks_exact_mut(width).enumerate().zip(seen) {
        let (top, bottom, part) = between(y, down);
        for (x, value) in line.iter_mut().enumerate() {
            *value = medians[top * across + x] * (1.0 - part) + medians[bottom * across + x] * part;
        }
        for (level, (left, right, part)) in row[seen.clone()].iter_mut().zip(&columns[seen.clone()])
        {
            let local = line[*left] * (1.0 - part) + line[*right] * part;
            // `as` saturates: no level leaves 0 to 255.
            *level = (table[usize::from(*level)] + local + 0.5) as u8;
        }
    }
}

/// Gain and offset from the picture to the reference: least squares, repeated with Huber weights.
fn light_between(reference: &GrayImage, warped: &GrayImage, seen: &[Range<usize>]) -> (f32, f32) {
    let (width, _) = size(reference);
    let pairs: Vec<(f64, f64)> = reference
        .chunks_exact(width)
        .zip(warped.chunks_exact(width))
        .zip(seen)
        .step_by(4)
        .flat_map(|((ours, theirs), seen)| {
            let pairs = ours[seen.clone()].iter().zip(&theirs[seen.clone()]);
            pairs.step_by(4)
        })
        .map(|(own, level)| (f64::from(*level), f64::from(*own)))
        .collect();
    let (mut gain, mut offset) = (1.0, 0.0);
    for knee in [64.0f64, 16.0, 6.0, 6.0] {
        let (mut n, mut x, mut y, mut xx, mut xy) = (1e-9, 0.0, 0.0, 0.0, 0.0);
        for (level, own) in &pairs {
            let residual: f64 = gain * level + offset - own;
            let weight = (knee / residual.abs().max(knee)).powi(2);
            n += weight;
            x += weight * level;
            y += weight * own;
            xx += weight * level * level;
            xy += weight * level * own;
        }
        let spread = xx - x * x / n;
        if spread > n {
            gain = ((xy - x * y / n) / spread).clamp(0.5, 2.0);
        }
        offset = (y - gain * x) / n;
    }
    (gain as f32, offset as f32)
}

fn block_medians(
    reference: &GrayImage,
    warped: &GrayImage,
    seen: &[Range<usize>],
    table: &[f32],
    block_px: usize,
    across: usize,
    down: usize,
) -> Vec<f32> {
    const REACH: i32 = 128;
    let (width, _) = size(reference);
    let mut histograms = vec![[0u32; 2 * REACH as usize + 1]; across * down];
    let rows = reference
        .chunks_exact(width)
        .zip(warped.chunks_exact(width));
    for (y, (ours, theirs)) in rows.enumerate().step_by(3) {
        for x in seen[y].clone().step_by(3) {
            let half_levels = 2.0 * (f32::from(ours[x]) - table[usize::from(theirs[x])]);
            let bin = (half_levels.round() as i32).clamp(-REACH, REACH) + REACH;
            histograms[y / block_px * across + x / block_px][bin as usize] += 1;
        }
    }
    histograms
        .iter()
        .map(|histogram| {
            let half = histogram.iter().sum::<u32>() / 2;
            let mut so_far = 0;
            let median = histogram.iter().position(|count| {
                so_far += count;
                so_far > half
            });
            median.map_or(0.0, |bin| {
                ((bin as f32 - REACH as f32) / 2.0).clamp(-MOST_LEVELS, MOST_LEVELS)
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_that_are_seen_are_those_whose_point_lies_in_the_picture() {
        let (width, height) = (40, 25);
        for (turn_rad, dx, dy) in [
            (0.0, 0.0, 0.0),
            (0.0, 7.4, -3.6),
            (0.04, -5.0, 2.2),
            (-0.05, 11.9, 6.0),
            (0.01, 90.0, 0.0),
        ] {
            let pose = Pose {
                turn_rad,
                dx,
                dy,
                ..Pose::IN_PLACE
            };
            for (y, seen) in seen_rows(width, height, pose).into_iter().enumerate() {
                let way = Way::of(pose, y, width, height);
                let inside = |at: i64, px: usize| (0..(px as i64 - 1) * ONE).contains(&at);
                for x in 0..width {
                    let at_x = way.start.0 + x as i64 * way.step.0;
                    let at_y = way.start.1 + x as i64 * way.step.1;
                    let shown = inside(at_x, width) && inside(at_y, height);
                    assert_eq!(seen.contains(&x), shown, "{x}, {y} at {pose:?}");
                }
            }
        }
    }
}
