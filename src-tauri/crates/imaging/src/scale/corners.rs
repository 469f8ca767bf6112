//! Where the corners of a checkerboard may lie: saddles of brightness around which light and dark change four times.

use image::{GrayImage, imageops};

/// A corner that may be one of a board.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Corner {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Angle of the middle of a light quarter, 0 to π: corners beside each other on a board differ by a right angle.
    pub(super) light_rad: f64,
    /// How clearly it is one: the contrast around it, in levels.
    contrast: f32,
}

/// Smoothed by so much, so that noise makes no saddles.
const SMOOTHING_PX: f32 = 1.5;
/// Only the strongest of so many pixels each way is one.
const APART_PX: usize = 5;
/// Around a corner it is looked at in circles of these radii.
const RADII_PX: [f64; 2] = [4.0, 6.0];
/// At so many places.
const PLACES: usize = 32;
/// Light and dark quarters differ by as many levels.
const LEAST_CONTRAST: f32 = 15.0;
/// Opposite quarters differ by a smaller share of that.
const MOST_UNLIKE: f32 = 0.45;
/// A corner is refined by the pixels so far around it.
const REFINED_PX: isize = 4;

/// Corners in pixels of `picture`, whose squares should have a dozen or more.
pub(super) fn corners_of(picture: &GrayImage) -> Vec<Corner> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let margin = RADII_PX[1] as usize + 2;
    if width <= 2 * margin || height <= 2 * margin {
        return Vec::new();
    }
    let smooth = imageops::blur(picture, SMOOTHING_PX);
    let saddles = saddles(smooth.as_raw(), width, height);
    let mut found = Vec::new();
    for y in margin..height - margin {
        for x in margin..width - margin {
            let here = saddles[y * width + x];
            if here <= 0 || !is_strongest(&saddles, width, (x, y)) {
                continue;
            }
            let corner = refined(smooth.as_raw(), width, height, (x as f64, y as f64))
                .and_then(|(x, y)| judged(smooth.as_raw(), width, (x, y)));
            found.extend(corner);
        }
    }
    let strongest = found
        .iter()
        .map(|corner| corner.contrast)
        .fold(0.0, f32::max);
    found.retain(|corner| corner.contrast >= LEAST_CONTRAST.max(strongest * 0.2));
    found
}

/// The negative determinant of the second derivatives: large at saddles.
fn saddles(raw: &[u8], width: usize, height: usize) -> Vec<i32> {
    let mut out = vec![0; raw.len()];
    let at = |x: usize, y: usize| i32::from(raw[y * width + x]);
    for y in 2..height - 2 {
        for x in 2..width - 2 {
            let xx = at(x + 2, y) - 2 * at(x, y) + at(x - 2, y);
            let yy = at(x, y + 2) - 2 * at(x, y) + at(x, y - 2);
            let xy =
                (at(x + 2, y + 2) - at(x + 2, y - 2) - at(x - 2, y + 2) + at(x - 2, y - 2)) / 4;
            out[y * width + x] = xy * xy - xx * yy;
        }
    }
    out
}

fn is_strongest(saddles: &[i32], width: usize, (x, y): (usize, usize)) -> bool {
    let here = saddles[y * width + x];
    let rows = y - APART_PX..=y + APART_PX;
    // Of equals the first.
    rows.flat_map(|row| (x - APART_PX..=x + APART_PX).map(move |column| row * width + column))
        .all(|at| saddles[at] < here || (saddles[at] == here && at >= y * width + x))
}

/// Where all gradients around point past: at a corner each pixel's gradient is at right angles to the line to it (Förstner).
pub(super) fn refined(
    raw: &[u8],
    width: usize,
    height: usize,
    start: (f64, f64),
) -> Option<(f64, f64)> {
    let (mut x, mut y) = start;
    for _ in 0..12 {
        let (mut xx, mut xy, mut yy, mut bx, mut by) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for v in -REFINED_PX..=REFINED_PX {
            for u in -REFINED_PX..=REFINED_PX {
                let (px, py) = (x + u as f64, y + v as f64);
                let near = (u * u + v * v) as f64 / (REFINED_PX * REFINED_PX) as f64;
                let weight = (-near).exp();
                let gx = level(raw, width, height, px + 1.0, py)?
                    - level(raw, width, height, px - 1.0, py)?;
                let gy = level(raw, width, height, px, py + 1.0)?
                    - level(raw, width, height, px, py - 1.0)?;
                xx += weight * gx * gx;
                xy += weight * gx * gy;
                yy += weight * gy * gy;
                bx += weight * (gx * gx * u as f64 + gx * gy * v as f64);
                by += weight * (gx * gy * u as f64 + gy * gy * v as f64);
            }
        }
        let determinant = xx * yy - xy * xy;
        // An edge alone has no point.
        if determinant <= 1e-3 * (xx + yy).powi(2) {
            return None;
        }
        let (dx, dy) = (
            (yy * bx - xy * by) / determinant,
            (xx * by - xy * bx) / determinant,
        );
        (x, y) = (x + dx, y + dy);
        if (x - start.0).hypot(y - start.1) > APART_PX as f64 {
            return None;
        }
        if dx.hypot(dy) < 0.005 {
            break;
        }
    }
    Some((x, y))
}

/// The level between pixels.
fn level(raw: &[u8], width: usize, height: usize, x: f64, y: f64) -> Option<f64> {
    let (left, top) = (x.floor(), y.floor());
    if left < 0.0 || top < 0.0 || left + 1.0 >= width as f64 || top + 1.0 >= height as f64 {
        return None;
    }
    let (right, down) = (x - left, y - top);
    let at = top as usize * width + left as usize;
    let [a, b, c, d] = [raw[at], raw[at + 1], raw[at + width], raw[at + width + 1]].map(f64::from);
    Some((a * (1.0 - right) + b * right) * (1.0 - down) + (c * (1.0 - right) + d * right) * down)
}

/// The corner there, where light and dark change four times around it.
fn judged(raw: &[u8], width: usize, (x, y): (f64, f64)) -> Option<Corner> {
    let height = raw.len() / width;
    let mut around = [0.0; PLACES];
    for (place, sum) in around.iter_mut().enumerate() {
        let angle = std::f64::consts::TAU * place as f64 / PLACES as f64;
        for radius in RADII_PX {
            let (sin, cos) = angle.sin_cos();
            *sum += level(raw, width, height, x + radius * cos, y + radius * sin)?
                / RADII_PX.len() as f64;
        }
    }
    let mean = around.iter().sum::<f64>() / PLACES as f64;
    let changes = (0..PLACES)
        .filter(|at| (around[*at] > mean) != (around[(at + 1) % PLACES] > mean))
        .count();
    if changes != 4 {
        return None;
    }
    // What two opposite places have in common makes the corner; what they do not unmakes it.
    let (mut alike, mut unlike) = (0.0_f64, 0.0_f64);
    let (mut sin2, mut cos2) = (0.0, 0.0);
    for (place, level) in around.iter().enumerate() {
        let opposite = around[(place + PLACES / 2) % PLACES];
        alike += ((level + opposite) / 2.0 - mean).abs();
        unlike += (level - opposite).abs() / 2.0;
        let angle = 2.0 * std::f64::consts::TAU * place as f64 / PLACES as f64;
        sin2 += (level - mean) * angle.sin();
        cos2 += (level - mean) * angle.cos();
    }
    if unlike > f64::from(MOST_UNLIKE) * alike {
        return None;
    }
    Some(Corner {
        x,
        y,
        light_rad: (sin2.atan2(cos2) / 2.0).rem_euclid(std::f64::consts::PI),
        contrast: (2.0 * alike / PLACES as f64) as f32,
    })
}
