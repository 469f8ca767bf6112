//! A calibration by a checkerboard.

use super::{
    Calibration, Distortion, LEAST_CORNERS, LEAST_LINES, NotCalibrated,
    corners::{Corner, corners_of, refined},
    fit::{Fit, Sight, fitted, inverse},
    grid::board_of,
};
use crate::resize::{resize_luma, scaled_to};
use image::GrayImage;
use wiko_core::camera::projected;

/// Corners are looked for at these sizes, the smaller first: a large picture's squares have many pixels, and those of a small
/// one few.
const LOOKED_AT_PX: [u32; 3] = [800, 1600, 3200];
/// More is no board in the part's plane.
const MOST_TILT_DEG: f64 = 25.0;
const MOST_SPREAD: f64 = 0.2;
/// Corners are this well found, or the board is bent or the picture blurred.
const MOST_RESIDUAL_PX: f64 = 0.7;
/// A coefficient of distortion counts where it takes away so great a share of the squared residuals.
const LEAST_EXPLAINED: f64 = 0.1;
/// And where corners reach so far out, in half diagonals.
const LEAST_REACH: f64 = 0.35;

/// Finds a checkerboard of squares of that many millimetres, of any number, and measures the picture by its inner corners.
pub fn calibrate_by_board(
    picture: &GrayImage,
    square_mm: f64,
) -> Result<Calibration, NotCalibrated> {
    if !square_mm.is_finite() || square_mm <= 0.0 {
        return Err(NotCalibrated::NoDistance);
    }
    let size_px = picture.dimensions();
    let mut best = Vec::new();
    for looked_at in LOOKED_AT_PX {
        let board = seen(picture, looked_at, square_mm);
        if board.len() > best.len() {
            best = board;
        }
        if size_px.0.max(size_px.1) <= looked_at {
            break;
        }
    }
    if best.is_empty() {
        return Err(NotCalibrated::NoBoard);
    }
    if best.len() < LEAST_CORNERS || lines(&best, square_mm) < LEAST_LINES {
        return Err(NotCalibrated::TooFewCorners { found: best.len() });
    }
    let fit = lens_and_plane(&best, size_px).ok_or(NotCalibrated::NoBoard)?;
    if fit.residual_px > MOST_RESIDUAL_PX {
        return Err(NotCalibrated::Crooked {
            residual_px: fit.residual_px,
        });
    }
    measured(&fit, size_px, best.len())
}

/// The corners of a board, found at a size and refined in the picture itself.
fn seen(picture: &GrayImage, looked_at_px: u32, square_mm: f64) -> Vec<Sight> {
    let (width, height) = scaled_to(picture.dimensions(), looked_at_px);
    let Ok(small) = resize_luma(picture, width, height) else {
        return Vec::new();
    };
    let corners = corners_of(&small);
    let scale = (
        f64::from(picture.width()) / f64::from(width),
        f64::from(picture.height()) / f64::from(height),
    );
    // Pixel centres are whole numbers.
    let place = |corner: &Corner| {
        let x = (corner.x + 0.5) * scale.0 - 0.5;
        let y = (corner.y + 0.5) * scale.1 - 0.5;
        let (raw, full) = (
            picture.as_raw(),
            (picture.width() as usize, picture.height() as usize),
        );
        refined(raw, full.0, full.1, (x, y)).unwrap_or((x, y))
    };
    let board = board_of(&corners);
    let sights = board.into_iter().map(|((column, row), index)| Sight {
        board_mm: (f64::from(column) * square_mm, f64::from(row) * square_mm),
        seen_px: place(&corners[index]),
    });
    sights.collect()
}

/// The fewer of rows and columns that have corners.
fn lines(sights: &[Sight], square_mm: f64) -> usize {
    let span = |of: fn(&Sight) -> f64| {
        let (least, most) = sights
            .iter()
            .map(of)
            .fold((f64::MAX, f64::MIN), |(least, most), value| {
                (least.min(value), most.max(value))
            });
        ((most - least) / square_mm).round() as usize + 1
    };
    span(|sight| sight.board_mm.0).min(span(|sight| sight.board_mm.1))
}

/// With as many coefficients of distortion as explain something.
fn lens_and_plane(sights: &[Sight], size_px: (u32, u32)) -> Option<Fit> {
    let mut best = fitted(sights, size_px, 0)?;
    let (cx, cy) = middle(size_px);
    let half = f64::from(size_px.0).hypot(f64::from(size_px.1)) / 2.0;
    let reach = sights
        .iter()
        .map(|sight| (sight.seen_px.0 - cx).hypot(sight.seen_px.1 - cy) / half);
    if reach.fold(0.0, f64::max) < LEAST_REACH {
        return Some(best);
    }
    for coefficients in [1, 2] {
        let Some(next) = fitted(sights, size_px, coefficients) else {
            break;
        };
        let left = (next.residual_px / best.residual_px).powi(2);
        // Past the outermost corners of the board a polynomial is a guess, which must not fold within the picture.
        if left > 1.0 - LEAST_EXPLAINED || !undone_all_over(&next.distortion, size_px) {
            break;
        }
        best = next;
    }
    Some(best)
}

/// Whether there is an ideal place for all that is seen; what is farthest from the middle decides.
fn undone_all_over(distortion: &Distortion, size_px: (u32, u32)) -> bool {
    distortion.undistorted(size_px, (-0.5, -0.5)).is_ok()
}

fn middle((width, height): (u32, u32)) -> (f64, f64) {
    (
        (f64::from(width) - 1.0) / 2.0,
        (f64::from(height) - 1.0) / 2.0,
    )
}

fn measured(fit: &Fit, size_px: (u32, u32), points: usize) -> Result<Calibration, NotCalibrated> {
    let plane = inverse(&fit.to_px).ok_or(NotCalibrated::NoBoard)?;
    let (cx, cy) = middle(size_px);
    let (right, bottom) = (2.0 * cx, 2.0 * cy);
    let corners = [(0.0, 0.0), (right, 0.0), (0.0, bottom), (right, bottom)];
    let (longest, shortest) = steps(&plane, (cx, cy));
    let mm_per_px = (longest * shortest).sqrt();
    let scales = corners.map(|corner| {
        let (longest, shortest) = steps(&plane, corner);
        (longest * shortest).sqrt()
    });
    let most = scales.iter().copied().fold(f64::MIN, f64::max);
    let least = scales.iter().copied().fold(f64::MAX, f64::min);
    let spread = (most - least) / mm_per_px;
    // Seen from far, a plane is shortened by the cosine of its tilt.
    let tilt_deg = (shortest / longest).clamp(0.0, 1.0).acos().to_degrees();
    // What is no number is too much.
    let flat = tilt_deg <= MOST_TILT_DEG && spread <= MOST_SPREAD;
    if !flat {
        return Err(NotCalibrated::TooTilted { tilt_deg, spread });
    }
    let bends = fit.distortion != Distortion { k1: 0.0, k2: 0.0 };
    Ok(Calibration {
        width_px: size_px.0,
        height_px: size_px.1,
        mm_per_px,
        spread,
        tilt_deg,
        residual_px: Some(fit.residual_px),
        points,
        distortion: bends.then_some(fit.distortion),
        plane: Some(plane),
    })
}

/// How many millimetres a pixel is there at most and at least, whichever way one goes: the singular values of the map.
fn steps(plane: &[f64; 9], (x, y): (f64, f64)) -> (f64, f64) {
    let (a, b) = (
        projected(plane, (x - 0.5, y)),
        projected(plane, (x + 0.5, y)),
    );
    let (c, d) = (
        projected(plane, (x, y - 0.5)),
        projected(plane, (x, y + 0.5)),
    );
    let (xx, yx) = (b.0 - a.0, b.1 - a.1);
    let (xy, yy) = (d.0 - c.0, d.1 - c.1);
    let sum = (xx * xx + xy * xy + yx * yx + yy * yy) / 2.0;
    let determinant = (xx * yy - xy * yx).abs();
    let root = (sum * sum - determinant * determinant).max(0.0).sqrt();
    let longest = (sum + root).sqrt();
    (longest, determinant / longest)
}
