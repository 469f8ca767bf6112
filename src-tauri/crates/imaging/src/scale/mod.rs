//! From pixels to millimetres: by two points whose distance is known, or by a checkerboard in the plane of the part.
//!
//! Invariants:
//! - A length holds in the plane that was calibrated, and nowhere above or below it.
//! - A board that is not seen well enough calibrates nothing: there is no calibration that is only probably right.
//! - Lens distortion is told only where it explains more than the noise of the corners.

mod board;
mod corners;
mod fit;
mod grid;

pub use board::calibrate_by_board;

/// Radial distortion of a lens (Brown–Conrady): `distorted = ideal × (1 + k1·r² + k2·r⁴)`, where r is the ideal distance from
/// the picture's middle in half diagonals, so that r is 1 in the corners.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distortion {
    /// Of r². Negative for a barrel.
    pub k1: f64,
    /// Of r⁴.
    pub k2: f64,
}

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

    /// How long it is from one point of a picture to another, both in pixels, in millimetres.
    pub fn length_mm(&self, a: (f64, f64), b: (f64, f64)) -> f64 {
        let ((ax, ay), (bx, by)) = (self.place_mm(a), self.place_mm(b));
        (ax - bx).hypot(ay - by)
    }

    /// Where a point of a picture lies in the plane, in millimetres from some place.
    pub fn place_mm(&self, point: (f64, f64)) -> (f64, f64) {
        let ideal = match &self.distortion {
            Some(distortion) => distortion.ideal((self.width_px, self.height_px), point),
            None => point,
        };
        match &self.plane {
            Some(plane) => fit::projected(plane, ideal),
            None => (ideal.0 * self.mm_per_px, ideal.1 * self.mm_per_px),
        }
    }
}

impl Distortion {
    /// Where an ideal lens shows what this one shows there.
    pub fn ideal(&self, size_px: (u32, u32), point: (f64, f64)) -> (f64, f64) {
        let (cx, cy, half) = middle(size_px);
        let (x, y) = ((point.0 - cx) / half, (point.1 - cy) / half);
        let seen = x.hypot(y);
        // Newton's steps on r (1 + k1 r² + k2 r⁴) = seen; distortion is small, so that they soon arrive.
        let mut r = seen;
        for _ in 0..20 {
            let r2 = r * r;
            let value = r * (1.0 + r2 * (self.k1 + r2 * self.k2)) - seen;
            let slope = 1.0 + r2 * (3.0 * self.k1 + 5.0 * self.k2 * r2);
            if slope.abs() < 0.1 {
                break;
            }
            r -= value / slope;
            if (value / slope).abs() < 1e-12 {
                break;
            }
        }
        let shrink = if seen > 0.0 { r / seen } else { 1.0 };
        (cx + x * shrink * half, cy + y * shrink * half)
    }

    /// Where this lens shows what an ideal one shows there.
    pub fn distorted(&self, size_px: (u32, u32), ideal: (f64, f64)) -> (f64, f64) {
        let (cx, cy, half) = middle(size_px);
        let (x, y) = ((ideal.0 - cx) / half, (ideal.1 - cy) / half);
        let r2 = x * x + y * y;
        let stretch = 1.0 + r2 * (self.k1 + r2 * self.k2);
        (cx + x * stretch * half, cy + y * stretch * half)
    }
}

/// The middle of a picture and half its diagonal, in pixels.
fn middle((width, height): (u32, u32)) -> (f64, f64, f64) {
    let (width, height) = (f64::from(width), f64::from(height));
    (
        (width - 1.0) / 2.0,
        (height - 1.0) / 2.0,
        width.hypot(height) / 2.0,
    )
}
