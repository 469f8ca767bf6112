//! Registration: where the learnt reference lies in a new picture.
//!
//! Phase correlation at a reduced scale finds the shift, however far; Gauss-Newton steps over the
//! points with the strongest gradients then refine shift and turn from coarse to fine. Huber weights
//! keep a defect from pulling the part aside. Light is compared by mean and contrast of the whole
//! picture, which a part that lies a little aside does not change.

use super::{
    level::Level,
    plane::{Plane, halved},
};
use image::GrayImage;
use wiko_imaging::PhaseCorrelator;

/// Phase correlation and the first steps happen at this size or smaller.
pub(super) const COARSE_PX: usize = 320;
/// Steps at scales beyond this size gain nothing that the edge tolerance does not cover.
const FINE_PX: usize = 1300;
/// Farther out of its place than this share of the longer side, a part is not judged.
const FARTHEST_SHIFT: f64 = 0.08;
/// Turned farther than this, a part is not judged: 3°.
const FARTHEST_TURN_RAD: f64 = 0.0524;

/// Where a point of the reference lies in the picture, and how its light compares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pose {
    /// Turn about the reference's centre.
    pub(super) turn_rad: f64,
    /// Shift across, in pixels of the working scale.
    pub(super) dx: f64,
    /// Shift down, in pixels of the working scale.
    pub(super) dy: f64,
    /// The reference's level is `gain` × the picture's level + `offset`.
    pub(super) gain: f64,
    /// See `gain`.
    pub(super) offset: f64,
}

impl Pose {
    pub(super) const IN_PLACE: Self = Self {
        turn_rad: 0.0,
        dx: 0.0,
        dy: 0.0,
        gain: 1.0,
        offset: 0.0,
    };

    fn scaled(self, factor: f64) -> Self {
        Self {
            dx: self.dx * factor,
            dy: self.dy * factor,
            ..self
        }
    }

    /// The picture's point for a point of a reference of that size; pixel centres are whole numbers.
    pub(super) fn to_picture(self, x: f64, y: f64, width: usize, height: usize) -> (f64, f64) {
        let (cx, cy) = centre(width, height);
        let (sin, cos) = self.turn_rad.sin_cos();
        let (u, v) = (x - cx, y - cy);
        (
            cx + cos * u - sin * v + self.dx,
            cy + sin * u + cos * v + self.dy,
        )
    }
}

pub(super) fn centre(width: usize, height: usize) -> (f64, f64) {
    ((width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0)
}

/// How well a picture was registered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Registration {
    pub(super) pose: Pose,
    /// Correlation of picture and reference at the coarse scale, −1 to 1.
    pub(super) correlation: f64,
    /// Gradient of the picture at the reference's points, in shares of the reference's own.
    pub(super) sharpness: f64,
}

impl Registration {
    /// True where the part lies within reach of its place.
    pub(super) fn in_reach(&self, width: usize, height: usize) -> bool {
        let farthest = width.max(height) as f64 * FARTHEST_SHIFT;
        let pose = self.pose;
        pose.dx.hypot(pose.dy) <= farthest && pose.turn_rad.abs() <= FARTHEST_TURN_RAD
    }
}

/// A reference prepared for registering pictures to it.
pub(super) struct Registrar {
    /// Fine to coarse.
    levels: Vec<Level>,
    phase: PhaseCorrelator,
    /// Halvings from the working scale to `levels[0]`.
    skipped: i32,
}

impl Registrar {
    /// Prepares a reference; `None` where it shows too little structure to be found again.
    pub(super) fn new(reference: &GrayImage) -> Option<Self> {
        let mut scaled = reference.clone();
        let mut skipped = 0;
        while longest(&scaled) > FINE_PX {
            scaled = halved(&scaled);
            skipped += 1;
        }
        let mut levels = vec![Level::of(&soft(&scaled))];
        while longest(&scaled) > COARSE_PX {
            scaled = halved(&scaled);
            levels.push(Level::of(&soft(&scaled)));
        }
        let phase = PhaseCorrelator::new(&soft(&scaled));
        let enough = levels.iter().all(|level| level.points.len() >= 60);
        enough.then_some(Self {
            levels,
            phase,
            skipped,
        })
    }

    /// Registers a picture of the reference's size; `None` where no pose explains it.
    pub(super) fn register(&self, picture: &GrayImage) -> Option<Registration> {
        let mut scaled = picture.clone();
        for _ in 0..self.skipped {
            scaled = halved(&scaled);
        }
        let mut pyramid = vec![soft(&scaled)];
        while pyramid.len() < self.levels.len() {
            scaled = halved(&scaled);
            pyramid.push(soft(&scaled));
        }
        let coarse = self.levels.last()?;
        let coarse_picture = pyramid.last()?;
        let (dx, dy) = self.phase.shift_of(coarse_picture);
        // A defect or a turn can mislead the phase; the place itself is always tried too.
        let mut best: Option<(f64, Pose)> = None;
        for (dx, dy, turn_rad) in [
            (0.0, 0.0, 0.0),
            (dx, dy, 0.0),
            (dx, dy, 0.02),
            (dx, dy, -0.02),
        ] {
            if best.is_some_and(|(correlation, _)| correlation > 0.97) {
                break;
            }
            let start = coarse.lit(
                coarse_picture,
                Pose {
                    dx,
                    dy,
                    turn_rad,
                    ..Pose::IN_PLACE
                },
            );
            let Some(pose) = coarse.refine(coarse_picture, start, 14) else {
                continue;
            };
            let correlation = coarse.correlation(coarse_picture, pose);
            if best.is_none_or(|(so_far, _)| correlation > so_far) {
                best = Some((correlation, pose));
            }
        }
        let (_, coarse_pose) = best?;
        let coarse_pose = coarse.lit(coarse_picture, coarse_pose);
        let finest = self.levels.first()?;
        let finest_picture = pyramid.first()?;
        // Repeated structure can trap the steps a period away, so that the ways down are compared.
        let to_finest = 2f64.powi(self.levels.len() as i32 - 1);
        let unturned = Pose {
            turn_rad: 0.0,
            dx,
            dy,
            ..coarse_pose
        };
        let in_place = Pose {
            dx: 0.0,
            dy: 0.0,
            ..unturned
        };
        let down = self.down(&pyramid, coarse_pose);
        let others = [unturned, in_place]
            .map(|start| finest.refine(finest_picture, start.scaled(to_finest), 8));
        let pose = std::iter::once(down)
            .chain(others)
            .flatten()
            .map(|pose| (finest.cost(finest_picture, pose), pose))
            .min_by(|a, b| a.0.total_cmp(&b.0))?
            .1;
        let sharpness = finest.sharpness(finest_picture, pose);
        let to_coarse = 0.5f64.powi(self.levels.len() as i32 - 1);
        let to_working = 2f64.powi(self.skipped);
        Some(Registration {
            pose: pose.scaled(to_working),
            correlation: coarse.correlation(coarse_picture, pose.scaled(to_coarse)),
            sharpness,
        })
    }

    /// From the coarse scale to the finest.
    fn down(&self, pyramid: &[GrayImage], coarse: Pose) -> Option<Pose> {
        let levels = self.levels.iter().zip(pyramid).rev().skip(1);
        let mut pose = coarse;
        for (level, picture) in levels {
            pose = level.refine(picture, pose.scaled(2.0), 8)?;
        }
        Some(pose)
    }
}

/// Softened, so that an edge is felt from a few pixels away.
fn soft(picture: &GrayImage) -> GrayImage {
    let once = Plane::smoothed(picture).to_picture();
    Plane::smoothed(&once).to_picture()
}

fn longest(picture: &GrayImage) -> usize {
    picture.width().max(picture.height()) as usize
}
