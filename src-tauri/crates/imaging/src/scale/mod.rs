//! From pixels to millimetres: by two points whose distance is known, or by a checkerboard in the plane of the part.
//!
//! Invariants:
//! - A length holds in the plane that was calibrated, and nowhere above or below it.
//! - A board that is not seen well enough calibrates nothing: there is no calibration that is only probably right.
//! - Lens distortion is told only where it explains more than the noise of the corners, and where it can be undone all
//!   over the picture.
//! - Pictures are evidence and are never warped: what is found in them is measured in the plane
//!   ([`wiko_core::camera::PartPlane`]), and their pixels stay as the camera gave them.

mod board;
mod corners;
mod fit;
mod grid;

pub use board::calibrate_by_board;
pub use wiko_core::camera::Distortion;

use wiko_core::camera::{NotMeasured, PartPlane};

/// How long a pixel is.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Pixels across of the pictures that it holds for.
    pub width_px: u32,
    /// Pixels down.
    pub height_px: u32,
    /// Millimetres of a pixel in the picture's middle.
    pub mm_per_px: f64,
    /// By how much that differs over the picture, as a share: 0.02 where one side has 2% more than the other. 0 by two points.
    pub spread: f64,
    /// How far the plane is tilted against the camera, in degrees, as far as foreshortening shows. 0 by two points.
    pub tilt_deg: f64,
    /// How far corners lie from where they should, root mean square, in pixels; none by two points.
    pub residual_px: Option<f64>,
    /// Corners that were used; 2 by two points.
    pub points: usize,
    /// Of the lens, where it was told.
    pub distortion: Option<Distortion>,
    /// From ideal pixels to millimetres in the plane, row by row (a homography); none by two points.
    pub plane: Option<[f64; 9]>,
}

/// Why there is no calibration. Each sentence says what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NotCalibrated {
    /// The points are the same, or the distance is none.
    #[error("two points some pixels apart and a distance of more than 0 mm are needed")]
    NoDistance,
    /// Nothing like a board.
    #[error(
        "no checkerboard is seen: lay it flat where the part lies, light it evenly and let it fill the picture"
    )]
    NoBoard,
    /// A few corners hang together and not more.
    #[error(
        "{found} corners of the checkerboard hang together, at least {LEAST_CORNERS} in {LEAST_LINES} rows and columns are \
         needed: move it so that all of it is seen, sharp and without glare"
    )]
    TooFewCorners {
        /// In the largest piece.
        found: usize,
    },
    /// It lies at an angle.
    #[error("the checkerboard is tilted by {tilt_deg:.0}° or the picture's scale differs by {:.0}%: lay it flat in the part's plane and look straight at it", .spread * 100.0)]
    TooTilted {
        /// In degrees.
        tilt_deg: f64,
        /// As a share.
        spread: f64,
    },
    /// The corners do not lie on any plane board.
    #[error(
        "the corners lie {residual_px:.2} pixels from where a flat board has them: use a stiff board, hold the camera still \
         and check the focus"
    )]
    Crooked {
        /// Root mean square.
        residual_px: f64,
    },
}

/// Corners of a board that calibrates.
pub const LEAST_CORNERS: usize = 20;
/// In so many rows and columns at the least.
pub const LEAST_LINES: usize = 4;

impl Calibration {
    /// By two points of a picture of that size, in pixels, and what lies between them in reality.
    pub fn by_points(
        size_px: (u32, u32),
        a: (f64, f64),
        b: (f64, f64),
        distance_mm: f64,
    ) -> Result<Self, NotCalibrated> {
        let length_px = (a.0 - b.0).hypot(a.1 - b.1);
        let usable = length_px >= 2.0 && distance_mm > 0.0;
        if !usable || !length_px.is_finite() || !distance_mm.is_finite() {
            return Err(NotCalibrated::NoDistance);
        }
        Ok(Self {
            width_px: size_px.0,
            height_px: size_px.1,
            mm_per_px: distance_mm / length_px,
            spread: 0.0,
            tilt_deg: 0.0,
            residual_px: None,
            points: 2,
            distortion: None,
            plane: None,
        })
    }

    /// How its pictures show the plane of the part: what is kept with each of them, and measured by.
    pub fn part_plane(&self) -> PartPlane {
        PartPlane {
            width_px: self.width_px,
            height_px: self.height_px,
            mm_per_px: self.mm_per_px,
            distortion: self.distortion,
            homography: self.plane,
            region: None,
        }
    }

    /// How long it is from one point of a picture to another, both in pixels, in millimetres.
    pub fn length_mm(&self, a: (f64, f64), b: (f64, f64)) -> Result<f64, NotMeasured> {
        self.part_plane().length_mm(a, b)
    }

    /// Where a point of a picture lies in the plane, in millimetres from some place.
    pub fn place_mm(&self, point: (f64, f64)) -> Result<(f64, f64), NotMeasured> {
        self.part_plane().place_mm(point)
    }
}
