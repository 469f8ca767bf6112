//! Least squares: a plane board behind a lens with radial distortion (Levenberg–Marquardt).

use wiko_core::camera::{Distortion, projected};

/// A corner: where it is on the board in millimetres, and where it is seen in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight {
    pub(super) board_mm: (f64, f64),
    pub(super) seen_px: (f64, f64),
}

/// A board as it was seen: from millimetres to ideal pixels, and the lens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fit {
    pub(super) to_px: [f64; 9],
    pub(super) distortion: Distortion,
    /// Root mean square of the distance between a corner and where it should be.
    pub(super) residual_px: f64,
}

/// The other way round; none where it has none.
pub(super) fn inverse(h: &[f64; 9]) -> Option<[f64; 9]> {
    let cofactor = |a: usize, b: usize, c: usize, d: usize| h[a] * h[d] - h[b] * h[c];
    let adjugate = [
        cofactor(4, 5, 7, 8),
        -cofactor(1, 2, 7, 8),
        cofactor(1, 2, 4, 5),
        -cofactor(3, 5, 6, 8),
        cofactor(0, 2, 6, 8),
        -cofactor(0, 2, 3, 5),
        cofactor(3, 4, 6, 7),
        -cofactor(0, 1, 6, 7),
        cofactor(0, 1, 3, 4),
    ];
    let determinant = h[0] * adjugate[0] + h[1] * adjugate[3] + h[2] * adjugate[6];
    (determinant.abs() > 1e-12).then(|| adjugate.map(|value| value / determinant))
}

/// Fits a plane, and as many coefficients of distortion as are asked for: 0 to 2.
pub(super) fn fitted(sights: &[Sight], size_px: (u32, u32), coefficients: usize) -> Option<Fit> {
    // Eight of the plane, which begins as a similarity, then the lens. Millimetres are taken in units of the board, so that all
    // parameters are of one size.
    let unit = sights
        .iter()
        .map(|sight| sight.board_mm.0.abs().max(sight.board_mm.1.abs()))
        .fold(1.0, f64::max);
    let mut values = vec![0.0; 8 + coefficients];
    values[..8].copy_from_slice(&affine(sights, unit)?);
    let residuals = |values: &[f64]| -> Vec<f64> {
        let (to_px, distortion) = model(values, unit);
        let both = sights.iter().flat_map(|sight| {
            let (x, y) = distortion.distorted(size_px, projected(&to_px, sight.board_mm));
            [x - sight.seen_px.0, y - sight.seen_px.1]
        });
        both.collect()
    };
    let energy = |residuals: &[f64]| residuals.iter().map(|value| value * value).sum::<f64>();
    let mut current = residuals(&values);
    let mut damping = 1e-3;
    for _ in 0..100 {
        let step = step(&values, &current, damping, &residuals)?;
        let tried: Vec<f64> = values
            .iter()
            .zip(&step)
            .map(|(value, step)| value - step)
            .collect();
        let after = residuals(&tried);
        let gained = energy(&current) - energy(&after);
        // Not a number is no gain.
        if gained > 0.0 {
            let enough = gained > 1e-10 * energy(&current);
            (values, current, damping) = (tried, after, (damping / 5.0).max(1e-12));
            if !enough {
                break;
            }
        } else {
            damping *= 10.0;
            if damping > 1e9 {
                break;
            }
        }
    }
    let (to_px, distortion) = model(&values, unit);
    let residual_px = (energy(&current) / sights.len() as f64).sqrt();
    residual_px.is_finite().then_some(Fit {
        to_px,
        distortion,
        residual_px,
    })
}

fn model(values: &[f64], unit: f64) -> ([f64; 9], Distortion) {
    let v = |at: usize| values.get(at).copied().unwrap_or(0.0);
    let to_px = [
        v(0) / unit,
        v(1) / unit,
        v(2),
        v(3) / unit,
        v(4) / unit,
        v(5),
        v(6) / unit,
        v(7) / unit,
        1.0,
    ];
    (to_px, Distortion { k1: v(8), k2: v(9) })
}

/// The best plane without perspective: where to begin.
fn affine(sights: &[Sight], unit: f64) -> Option<[f64; 8]> {
    let mut normal = vec![vec![0.0; 3]; 3];
    let (mut to_x, mut to_y) = (vec![0.0; 3], vec![0.0; 3]);
    for sight in sights {
        let row = [sight.board_mm.0 / unit, sight.board_mm.1 / unit, 1.0];
        for (i, a) in row.iter().enumerate() {
            for (j, b) in row.iter().enumerate() {
                normal[i][j] += a * b;
            }
            to_x[i] += a * sight.seen_px.0;
            to_y[i] += a * sight.seen_px.1;
        }
    }
    let x = solved(normal.clone(), to_x)?;
    let y = solved(normal, to_y)?;
    Some([x[0], x[1], x[2], y[0], y[1], y[2], 0.0, 0.0])
}

fn step(
    values: &[f64],
    current: &[f64],
    damping: f64,
    residuals: &impl Fn(&[f64]) -> Vec<f64>,
) -> Option<Vec<f64>> {
    let columns: Vec<Vec<f64>> = (0..values.len())
        .map(|at| {
            let delta = 1e-6 * values[at].abs().max(1.0);
            let mut moved = values.to_vec();
            moved[at] += delta;
            let after = residuals(&moved);
            after
                .iter()
                .zip(current)
                .map(|(a, b)| (a - b) / delta)
                .collect()
        })
        .collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut normal: Vec<Vec<f64>> = columns
        .iter()
        .map(|a| columns.iter().map(|b| dot(a, b)).collect())
        .collect();
    for (at, row) in normal.iter_mut().enumerate() {
        row[at] *= 1.0 + damping;
    }
    let right = columns.iter().map(|column| dot(column, current)).collect();
    solved(normal, right)
}

/// Gauss's elimination with pivots.
fn solved(mut rows: Vec<Vec<f64>>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let size = right.len();
    for at in 0..size {
        let pivot = (at..size).max_by(|a, b| rows[*a][at].abs().total_cmp(&rows[*b][at].abs()))?;
        if rows[pivot][at].abs() < 1e-12 || !rows[pivot][at].is_finite() {
            return None;
        }
        rows.swap(at, pivot);
        right.swap(at, pivot);
        for below in at + 1..size {
            let share = rows[below][at] / rows[at][at];
            let (above, rest) = rows.split_at_mut(below);
            for (value, pivot) in rest[0].iter_mut().zip(&above[at]) {
                *value -= share * pivot;
            }
            right[below] -= share * right[at];
        }
    }
    for at in (0..size).rev() {
        let known: f64 = (at + 1..size)
            .map(|later| rows[at][later] * right[later])
            .sum();
        right[at] = (right[at] - known) / rows[at][at];
    }
    Some(right)
}
