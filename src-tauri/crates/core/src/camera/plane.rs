//! From a picture's pixels to millimetres in the plane that was calibrated: the lens's distortion undone, then a
//! homography.
//!
//! Invariants:
//! - Pictures are evidence and are never warped. Places in them are measured, and the pixels stay as the camera gave them.
//! - A size is that of the whole box, and so never less than what it holds.
//! - What cannot be told is no number: a place outside of the picture, one that the lens's model does not reach, a picture
//!   of another size than the one that was calibrated.

use crate::geometry::BoxPx;

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

/// How the pictures of a calibrated camera show the plane of the part.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartPlane {
    /// Pixels across of the pictures that were calibrated.
    pub width_px: u32,
    /// Pixels down.
    pub height_px: u32,
    /// Millimetres of a pixel in their middle.
    pub mm_per_px: f64,
    /// Of the lens, where it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distortion: Option<Distortion>,
    /// From ideal pixels to millimetres in the plane, row by row; none where a pixel is the same all over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homography: Option<[f64; 9]>,
    /// Which region of what was calibrated a picture shows; none for all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<BoxPx>,
}

/// How large something is in the plane of the part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SizeMm {
    /// The longest way across, from the left edge to the right one.
    pub width_mm: f64,
    /// The longest way down.
    pub height_mm: f64,
    /// The longest way between any two of its places.
    pub diagonal_mm: f64,
}

/// Why there are no millimetres. Each sentence says what to do.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum NotMeasured {
    /// Only what is in the picture is measured.
    #[error("the place is outside of the picture, where nothing is measured: choose one within it")]
    Outside,
    /// The lens's model folds over before it shows anything so far out.
    #[error(
        "the calibrated lens shows nothing so far from its middle: calibrate again with a checkerboard that fills the picture"
    )]
    Diverges,
    /// It was calibrated with other pictures.
    #[error(
        "the picture has {have_width_px}×{have_height_px} pixels and the calibration {width_px}×{height_px}: calibrate again"
    )]
    OtherSize {
        /// Of the picture.
        have_width_px: u32,
        /// Of the picture.
        have_height_px: u32,
        /// As calibrated.
        width_px: u32,
        /// As calibrated.
        height_px: u32,
    },
}

/// Each edge of a box is looked at in so many pieces: a lens bends it, and it may bulge out between its ends.
const PIECES: u32 = 8;

/// Newton's steps and halvings together; each halving adds a bit.
const MOST_STEPS: usize = 100;

impl Distortion {
    /// Where an ideal lens shows what this one shows there.
    pub fn undistorted(
        &self,
        size_px: (u32, u32),
        point: (f64, f64),
    ) -> Result<(f64, f64), NotMeasured> {
        let (cx, cy, half) = middle(size_px);
        let (x, y) = ((point.0 - cx) / half, (point.1 - cy) / half);
        let seen = x.hypot(y);
        let r = self.ideal_radius(seen).ok_or(NotMeasured::Diverges)?;
        Ok(scaled((cx, cy), (x, y), seen, r, half))
    }

    /// The same as a total function, for what is only shown and not measured: beyond where this lens shows anything, the
    /// farthest that it does.
    pub fn ideal(&self, size_px: (u32, u32), point: (f64, f64)) -> (f64, f64) {
        let (cx, cy, half) = middle(size_px);
        let (x, y) = ((point.0 - cx) / half, (point.1 - cy) / half);
        let seen = x.hypot(y);
        let r = self.ideal_radius(seen).or(self.fold()).unwrap_or(seen);
        scaled((cx, cy), (x, y), seen, r, half)
    }

    /// Where this lens shows what an ideal one shows there.
    pub fn distorted(&self, size_px: (u32, u32), ideal: (f64, f64)) -> (f64, f64) {
        let (cx, cy, half) = middle(size_px);
        let (x, y) = ((ideal.0 - cx) / half, (ideal.1 - cy) / half);
        let stretch = self.stretch(x * x + y * y);
        (cx + x * stretch * half, cy + y * stretch * half)
    }

    fn stretch(&self, r2: f64) -> f64 {
        1.0 + r2 * (self.k1 + r2 * self.k2)
    }

    /// How fast the distorted radius grows with the ideal one.
    fn slope(&self, r2: f64) -> f64 {
        1.0 + r2 * (3.0 * self.k1 + 5.0 * self.k2 * r2)
    }

    /// The ideal radius beyond which the model folds back: it no longer tells there what is shown. None where it never does.
    fn fold(&self) -> Option<f64> {
        // The lesser positive root in r² of 1 + 3 k1 r² + 5 k2 r⁴, in the form that loses no digits to cancellation.
        let (a, b) = (5.0 * self.k2, 3.0 * self.k1);
        let discriminant = b * b - 4.0 * a;
        if discriminant < 0.0 {
            return None;
        }
        let root = discriminant.sqrt();
        let roots = [2.0 / (-b + root), 2.0 / (-b - root)];
        let positive = roots.into_iter().filter(|r2| *r2 > 0.0 && r2.is_finite());
        positive.reduce(f64::min).map(f64::sqrt)
    }

    /// The ideal radius that is shown at `seen`; none beyond the fold. Up to there the model only grows, so that the root
    /// lies between two bounds, and Newton's steps that leave them are halvings instead.
    fn ideal_radius(&self, seen: f64) -> Option<f64> {
        if !(self.k1.is_finite() && self.k2.is_finite() && seen.is_finite()) {
            return None;
        }
        let shown = |r: f64| r * self.stretch(r * r);
        let mut high = match self.fold() {
            Some(fold) if shown(fold) < seen => return None,
            Some(fold) => fold,
            None => {
                let mut high = seen.max(1.0);
                while shown(high) < seen {
                    high *= 2.0;
                }
                high
            }
        };
        let (mut low, mut r) = (0.0, seen.min(high));
        for _ in 0..MOST_STEPS {
            let off = shown(r) - seen;
            if off.abs() < 1e-13 {
                break;
            }
            if off > 0.0 {
                high = r;
            } else {
                low = r;
            }
            let next = r - off / self.slope(r * r);
            r = if low < next && next < high {
                next
            } else {
                f64::midpoint(low, high)
            };
        }
        Some(r)
    }
}

impl PartPlane {
    /// As pictures show it that were cut out of the calibrated ones, or out of what those show by now. None where the
    /// region is not in them.
    #[must_use]
    pub fn in_region(&self, region: BoxPx) -> Option<Self> {
        let (width, height) = self.picture_px();
        region.lies_in(width, height).then(|| {
            let (x, y) = self.region.map_or((0, 0), |outer| (outer.x, outer.y));
            let region = BoxPx {
                x: x + region.x,
                y: y + region.y,
                ..region
            };
            Self {
                region: Some(region),
                ..*self
            }
        })
    }

    /// Pixels across and down of the pictures that it holds for.
    pub fn picture_px(&self) -> (u32, u32) {
        self.region
            .map_or((self.width_px, self.height_px), |region| {
                (region.width, region.height)
            })
    }

    /// Whether it holds for pictures of that size.
    pub fn holds_for(&self, picture_px: (u32, u32)) -> Result<(), NotMeasured> {
        let (width_px, height_px) = self.picture_px();
        if picture_px == (width_px, height_px) {
            return Ok(());
        }
        Err(NotMeasured::OtherSize {
            have_width_px: picture_px.0,
            have_height_px: picture_px.1,
            width_px,
            height_px,
        })
    }

    /// Where a place of a picture lies in the plane, in millimetres from some place that is the same for all of them.
    /// Whole numbers are the middles of pixels, so that a picture begins half a pixel before 0.
    pub fn place_mm(&self, place_px: (f64, f64)) -> Result<(f64, f64), NotMeasured> {
        let (width, height) = self.picture_px();
        let within =
            |at: f64, length: u32| (-0.5 - 1e-9..=f64::from(length) - 0.5 + 1e-9).contains(&at);
        // Neither is what is no number.
        if !within(place_px.0, width) || !within(place_px.1, height) {
            return Err(NotMeasured::Outside);
        }
        let (x, y) = self.region.map_or((0, 0), |region| (region.x, region.y));
        let seen = (place_px.0 + f64::from(x), place_px.1 + f64::from(y));
        let ideal = match &self.distortion {
            Some(distortion) => distortion.undistorted((self.width_px, self.height_px), seen)?,
            None => seen,
        };
        let Some(homography) = &self.homography else {
            return Ok((ideal.0 * self.mm_per_px, ideal.1 * self.mm_per_px));
        };
        let middle = middle((self.width_px, self.height_px));
        let scale_here = denominator(homography, ideal);
        let scale_in_middle = denominator(homography, (middle.0, middle.1));
        let (x, y) = projected(homography, ideal);
        // Beyond the horizon of the plane the sign turns: such a place lies behind the camera.
        let before_camera = scale_here * scale_in_middle > 0.0;
        if before_camera && x.is_finite() && y.is_finite() {
            Ok((x, y))
        } else {
            Err(NotMeasured::Diverges)
        }
    }

    /// How far it is from one place of a picture to another, both in pixels.
    pub fn length_mm(&self, a: (f64, f64), b: (f64, f64)) -> Result<f64, NotMeasured> {
        Ok(apart(self.place_mm(a)?, self.place_mm(b)?))
    }

    /// How large a box of a picture is, with the whole of its pixels.
    pub fn size_mm(&self, area: &BoxPx) -> Result<SizeMm, NotMeasured> {
        let (width, height) = self.picture_px();
        if !area.lies_in(width, height) {
            return Err(NotMeasured::Outside);
        }
        let at = |start: u32, length: u32, piece: u32| {
            let share = f64::from(piece) / f64::from(PIECES);
            f64::from(start) + f64::from(length) * share - 0.5
        };
        let place = |column: u32, row: u32| {
            self.place_mm((at(area.x, area.width, column), at(area.y, area.height, row)))
        };
        let side = |of: &dyn Fn(u32) -> Result<(f64, f64), NotMeasured>| {
            (0..=PIECES).map(of).collect::<Result<Vec<_>, _>>()
        };
        let left = side(&|row| place(0, row))?;
        let right = side(&|row| place(PIECES, row))?;
        let top = side(&|column| place(column, 0))?;
        let bottom = side(&|column| place(column, PIECES))?;
        let longest = |from: &[(f64, f64)], to: &[(f64, f64)]| {
            let lengths = from.iter().zip(to).map(|(a, b)| apart(*a, *b));
            lengths.fold(0.0, f64::max)
        };
        let rim = [&left, &right, &top, &bottom].map(|side| side.iter().copied());
        let rim: Vec<(f64, f64)> = rim.into_iter().flatten().collect();
        let diagonals = rim
            .iter()
            .enumerate()
            .flat_map(|(index, a)| rim[..index].iter().map(|b| apart(*a, *b)));
        Ok(SizeMm {
            width_mm: longest(&left, &right),
            height_mm: longest(&top, &bottom),
            diagonal_mm: diagonals.fold(0.0, f64::max),
        })
    }
}

/// A point through a homography, row by row.
pub fn projected(h: &[f64; 9], (x, y): (f64, f64)) -> (f64, f64) {
    let w = denominator(h, (x, y));
    (
        (h[0] * x + h[1] * y + h[2]) / w,
        (h[3] * x + h[4] * y + h[5]) / w,
    )
}

fn denominator(h: &[f64; 9], (x, y): (f64, f64)) -> f64 {
    h[6] * x + h[7] * y + h[8]
}

fn apart(a: (f64, f64), b: (f64, f64)) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

/// From the middle, in half diagonals, as far out as `r` instead of as `seen`; in pixels.
fn scaled((cx, cy): (f64, f64), (x, y): (f64, f64), seen: f64, r: f64, half: f64) -> (f64, f64) {
    let stretch = if seen > 0.0 { r / seen } else { 1.0 };
    (cx + x * stretch * half, cy + y * stretch * half)
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

#[cfg(test)]
#[path = "plane_tests.rs"]
mod tests;
