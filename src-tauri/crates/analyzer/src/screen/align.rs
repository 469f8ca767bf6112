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

/// The picture in the reference's frame and light. Where the picture shows nothing, it is filled
/// with the reference, so that nothing is found there.
pub(super) fn aligned(reference: &GrayImage, picture: &GrayImage, pose: Pose) -> GrayImage {
    let (mut warped, seen) = warp(reference, picture, pose);
    even_light(reference, &mut warped, &seen);
    warped
}

/// Bilinear warp in fixed point, 16 bits of fraction for the way, 8 for the weights. Also gives, for
/// each row, the columns that the picture shows; the others keep the reference.
pub(super) fn warp(
    reference: &GrayImage,
    picture: &GrayImage,
    pose: Pose,
) -> (GrayImage, Vec<Range<usize>>) {
    const ONE: i64 = 1 << 16;
    let (width, height) = size(reference);
    let (pic_width, pic_height) = size(picture);
    let source = picture.as_raw();
    let mut out = reference.as_raw().clone();
    let (sin, cos) = pose.turn_rad.sin_cos();
    let fixed = |value: f64| (value * ONE as f64).round() as i64;
    let (step_x, step_y) = (fixed(cos), fixed(sin));
    let (limit_x, limit_y) = (
        (pic_width as i64 - 1) * ONE - 1,
        (pic_height as i64 - 1) * ONE - 1,
    );
    let mut seen = vec![0..0; height];
    for (y, row) in out.chunks_exact_mut(width).enumerate() {
        let (start_x, start_y) = pose.to_picture(0.0, y as f64, width, height);
        let (mut at_x, mut at_y) = (fixed(start_x), fixed(start_y));
        let (mut first, mut end) = (usize::MAX, 0);
        for (x, level) in row.iter_mut().enumerate() {
            if (0..=limit_x).contains(&at_x) && (0..=limit_y).contains(&at_y) {
                let index = (at_y >> 16) as usize * pic_width + (at_x >> 16) as usize;
                let (fx, fy) = ((at_x >> 8 & 255) as u32, (at_y >> 8 & 255) as u32);
                let (top, bottom) = (&source[index..], &source[index + pic_width..]);
                let above = u32::from(top[0]) * (256 - fx) + u32::from(top[1]) * fx;
                let below = u32::from(bottom[0]) * (256 - fx) + u32::from(bottom[1]) * fx;
                *level = ((above * (256 - fy) + below * fy + (1 << 15)) >> 16) as u8;
                first = first.min(x);
                end = x + 1;
            }
            at_x += step_x;
            at_y += step_y;
        }
        // A straight line enters and leaves the picture once.
        seen[y] = first.min(end)..end;
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
