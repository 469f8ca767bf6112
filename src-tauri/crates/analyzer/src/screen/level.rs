//! One scale of a reference: the points that hold a picture in place, and how far a pose is from
//! matching there.

use super::{
    plane::size,
    register::{COARSE_PX, Pose, centre},
};
use image::GrayImage;

/// Points at each scale.
const POINTS: usize = 6000;
/// Weaker edges, in grey levels a pixel, are noise.
const LEAST_GRADIENT: f32 = 3.0;

/// A reference at one scale.
pub(super) struct Level {
    width: usize,
    height: usize,
    pub(super) points: Vec<Point>,
    /// Every second pixel each way, edges or not: what the correlation is taken over.
    grid: Vec<(f32, f32, f32)>,
}

#[derive(Clone, Copy)]
pub(super) struct Point {
    x: f32,
    y: f32,
    level: f32,
    gx: f32,
    gy: f32,
}

impl Point {
    /// The gradient squared: orders as the gradient does.
    fn steepness(&self) -> f32 {
        self.gx * self.gx + self.gy * self.gy
    }
}

impl Level {
    /// The strongest gradients, spread over the picture by a grid so that no corner is left out.
    pub(super) fn of(picture: &GrayImage) -> Self {
        let (width, height) = size(picture);
        let cell_px = ((width * height) as f64 / 900.0).sqrt().ceil().max(4.0) as usize;
        let per_cell = POINTS / 900 + 1;
        let source = picture.as_raw();
        let at = |x: usize, y: usize| f32::from(source[y * width + x]);
        let mut points = Vec::new();
        let mut cell = Vec::new();
        for top in (1..height.saturating_sub(1)).step_by(cell_px) {
            for left in (1..width.saturating_sub(1)).step_by(cell_px) {
                cell.clear();
                for y in top..(top + cell_px).min(height - 1) {
                    for x in left..(left + cell_px).min(width - 1) {
                        let gx = (at(x + 1, y) - at(x - 1, y)) / 2.0;
                        let gy = (at(x, y + 1) - at(x, y - 1)) / 2.0;
                        if gx * gx + gy * gy >= LEAST_GRADIENT * LEAST_GRADIENT {
                            cell.push(Point {
                                x: x as f32,
                                y: y as f32,
                                level: at(x, y),
                                gx,
                                gy,
                            });
                        }
                    }
                }
                cell.sort_by(|a, b| b.steepness().total_cmp(&a.steepness()));
                points.extend(cell.iter().take(per_cell));
            }
        }
        let grid = (0..height)
            .step_by(2)
            .flat_map(|y| (0..width).step_by(2).map(move |x| (x, y)))
            .filter(|_| width.max(height) <= COARSE_PX)
            .map(|(x, y)| (x as f32, y as f32, at(x, y)))
            .collect();
        Self {
            width,
            height,
            points,
            grid,
        }
    }

    fn each_seen(
        &self,
        picture: &GrayImage,
        pose: Pose,
        mut see: impl FnMut(&Point, f64, f64, f64),
    ) {
        for point in &self.points {
            let (x, y) = pose.to_picture(
                f64::from(point.x),
                f64::from(point.y),
                self.width,
                self.height,
            );
            if let Some(level) = sample(picture, x, y) {
                see(point, level, x, y);
            }
        }
    }

    /// Gauss-Newton steps; `None` where too few points are seen or the steps lead nowhere.
    pub(super) fn refine(
        &self,
        picture: &GrayImage,
        start: Pose,
        most_steps: usize,
    ) -> Option<Pose> {
        let (cx, cy) = centre(self.width, self.height);
        let mut pose = start;
        let mut residuals = Vec::with_capacity(self.points.len());
        for _ in 0..most_steps {
            residuals.clear();
            self.each_seen(picture, pose, |point, level, _, _| {
                residuals.push((pose.gain * level + pose.offset - f64::from(point.level)).abs());
            });
            if residuals.len() * 2 < self.points.len() {
                return None;
            }
            let middle = residuals.len() / 2;
            let median = *residuals.select_nth_unstable_by(middle, f64::total_cmp).1;
            let knee = (1.5 * median).max(2.0);
            let mut normal = [[0.0; 4]; 3];
            self.each_seen(picture, pose, |point, level, _, _| {
                let residual = pose.gain * level + pose.offset - f64::from(point.level);
                let weight = (knee / residual.abs().max(knee)).powi(2);
                let (gx, gy) = (f64::from(point.gx), f64::from(point.gy));
                let (u, v) = (f64::from(point.x) - cx, f64::from(point.y) - cy);
                let row = [gx * -v + gy * u, gx, gy];
                for (equation, a) in normal.iter_mut().zip(row) {
                    for (sum, b) in equation.iter_mut().zip(row) {
                        *sum += weight * a * b;
                    }
                    equation[3] -= weight * a * residual;
                }
            });
            let step = solve(normal)?;
            pose.turn_rad += step[0];
            pose.dx += step[1];
            pose.dy += step[2];
            if !pose.turn_rad.is_finite() || pose.turn_rad.abs() > 0.2 {
                return None;
            }
            if step[1].hypot(step[2]) < 0.01 && step[0].abs() * cx < 0.02 {
                break;
            }
        }
        Some(pose)
    }

    /// Mean difference over the points, each capped so that a defect does not decide.
    pub(super) fn cost(&self, picture: &GrayImage, pose: Pose) -> f64 {
        const CAP: f64 = 40.0;
        let (mut sum, mut seen) = (0.0, 0.0);
        self.each_seen(picture, pose, |point, level, _, _| {
            let residual = pose.gain * level + pose.offset - f64::from(point.level);
            sum += residual.abs().min(CAP);
            seen += 1.0;
        });
        // What cannot be seen counts as not matching.
        (sum + CAP * (self.points.len() as f64 - seen)) / (self.points.len() as f64).max(1.0)
    }

    fn compared(&self, picture: &GrayImage, pose: Pose) -> Compared {
        let mut sums = Compared::default();
        for (x, y, own) in &self.grid {
            let (x, y) = pose.to_picture(f64::from(*x), f64::from(*y), self.width, self.height);
            if let Some(level) = sample(picture, x, y) {
                let own = f64::from(*own);
                sums.n += 1.0;
                sums.a += level;
                sums.b += own;
                sums.aa += level * level;
                sums.bb += own * own;
                sums.ab += level * own;
            }
        }
        sums
    }

    /// Correlation of the two pictures, −1 to 1.
    pub(super) fn correlation(&self, picture: &GrayImage, pose: Pose) -> f64 {
        let Compared {
            n,
            a,
            b,
            aa,
            bb,
            ab,
        } = self.compared(picture, pose);
        let spread = ((n * aa - a * a) * (n * bb - b * b)).max(0.0).sqrt();
        if spread > 0.0 {
            (n * ab - a * b) / spread
        } else {
            0.0
        }
    }

    /// The pose with the gain and offset that give the picture the reference's contrast and mean.
    pub(super) fn lit(&self, picture: &GrayImage, pose: Pose) -> Pose {
        let Compared {
            n, a, b, aa, bb, ..
        } = self.compared(picture, pose);
        let contrast = |sum: f64, squares: f64| (squares - sum * sum / n).max(0.0).sqrt();
        let (theirs, ours) = (contrast(a, aa), contrast(b, bb));
        if n < 1.0 || theirs <= 0.0 {
            return pose;
        }
        let gain = ours / theirs;
        Pose {
            gain,
            offset: (b - gain * a) / n,
            ..pose
        }
    }

    /// The picture's gradient at the points that it shows, in shares of the reference's.
    pub(super) fn sharpness(&self, picture: &GrayImage, pose: Pose) -> f64 {
        let (mut along, mut own) = (0.0, 0.0);
        self.each_seen(picture, pose, |point, _, x, y| {
            // The gradient along the reference's own: noise has none on average.
            let (gx, gy) = (f64::from(point.gx), f64::from(point.gy));
            let gradient = |dx, dy| {
                let ahead = sample(picture, x + dx, y + dy);
                let behind = sample(picture, x - dx, y - dy);
                ahead.zip(behind).map_or(0.0, |(p, q)| (p - q) / 2.0)
            };
            along += gradient(1.0, 0.0) * gx + gradient(0.0, 1.0) * gy;
            own += gx * gx + gy * gy;
        });
        if own > 0.0 {
            pose.gain * along / own
        } else {
            0.0
        }
    }
}

/// Sums over the points that both pictures show: `a` the picture's levels, `b` the reference's.
#[derive(Default)]
struct Compared {
    n: f64,
    a: f64,
    b: f64,
    aa: f64,
    bb: f64,
    ab: f64,
}

/// The level between four pixels; `None` outside the picture.
fn sample(picture: &GrayImage, x: f64, y: f64) -> Option<f64> {
    let (width, height) = size(picture);
    // Also turns away what is no number.
    if !(x >= 0.0 && y >= 0.0 && x <= width as f64 - 1.001 && y <= height as f64 - 1.001) {
        return None;
    }
    let (left, top) = (x as usize, y as usize);
    let (fx, fy) = (x - left as f64, y - top as f64);
    let source = picture.as_raw();
    let at = |x: usize, y: usize| f64::from(source[y * width + x]);
    let above = at(left, top) * (1.0 - fx) + at(left + 1, top) * fx;
    let below = at(left, top + 1) * (1.0 - fx) + at(left + 1, top + 1) * fx;
    Some(above * (1.0 - fy) + below * fy)
}

/// Solves three equations by elimination with pivoting; `None` where they do not decide.
fn solve(mut rows: [[f64; 4]; 3]) -> Option<[f64; 3]> {
    for column in 0..3 {
        let pivot =
            (column..3).max_by(|a, b| rows[*a][column].abs().total_cmp(&rows[*b][column].abs()))?;
        if rows[pivot][column].abs() < 1e-9 {
            return None;
        }
        rows.swap(column, pivot);
        let pivot_row = rows[column];
        for (index, row) in rows.iter_mut().enumerate() {
            if index != column {
                let factor = row[column] / pivot_row[column];
                for (value, above) in row.iter_mut().zip(pivot_row) {
                    *value -= factor * above;
                }
            }
        }
    }
    let mut solution = [0.0; 3];
    for (index, value) in solution.iter_mut().enumerate() {
        *value = rows[index][3] / rows[index][index];
    }
    Some(solution)
}
