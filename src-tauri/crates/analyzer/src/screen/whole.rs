//! Whether a picture shows the whole part.
//!
//! Invariant: where the picture does not show structure of the reference that every good picture
//! showed, the part is not called good.

use super::{
    align::seen_rows,
    plane::{Plane, size},
    register::Pose,
};
use image::GrayImage;
use std::ops::Range;

/// A gradient of fewer grey levels a pixel, softened, is noise and no edge of a part.
const LEAST_GRADIENT: i32 = 3;
/// A pose is not known better than this, so that structure this close to what good pictures did not
/// show may be missing too.
const ROUNDING_PX: usize = 2;
/// Fewer pixels than this are a grain of dust. An edge is several pixels wide once softened, so that
/// no tip of a part is as small.
const SPECK_PX: usize = 6;

/// The structure that a picture has to show.
pub(super) struct Whole {
    width: usize,
    required: Vec<bool>,
}

impl Whole {
    /// The structure of a reference that was seen in all of these poses, in which the good pictures
    /// lay: a part that reaches beyond the frame loses a little of it on one side or the other.
    pub(super) fn of(reference: &GrayImage, poses: impl IntoIterator<Item = Pose>) -> Self {
        let (width, height) = size(reference);
        let mut always = seen_rows(width, height, Pose::IN_PLACE);
        for pose in poses {
            for (kept, seen) in always.iter_mut().zip(seen_rows(width, height, pose)) {
                *kept = both(kept, &seen);
            }
        }
        let mut required = structure(reference);
        for (y, row) in required.chunks_exact_mut(width.max(1)).enumerate() {
            let near = y.saturating_sub(ROUNDING_PX)..(y + ROUNDING_PX + 1).min(height);
            let kept = always[near]
                .iter()
                .fold(0..width, |kept, row| both(&kept, row));
            let kept = kept.start + ROUNDING_PX..kept.end.saturating_sub(ROUNDING_PX);
            for (x, required) in row.iter_mut().enumerate() {
                *required &= kept.contains(&x);
            }
        }
        Self { width, required }
    }

    /// True where a picture that shows these columns of each row shows the whole part.
    pub(super) fn is_in(&self, seen: &[Range<usize>]) -> bool {
        let rows = self.required.chunks_exact(self.width.max(1)).zip(seen);
        let lost: usize = rows
            .map(|(row, seen)| {
                let outside = row[..seen.start].iter().chain(&row[seen.end..]);
                outside.filter(|required| **required).count()
            })
            .sum();
        lost < SPECK_PX
    }
}

/// What two ranges share.
fn both(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    let (first, end) = (a.start.max(b.start), a.end.min(b.end));
    first.min(end)..end
}

/// The pixels at which the softened picture has an edge.
fn structure(picture: &GrayImage) -> Vec<bool> {
    let (width, height) = size(picture);
    let soft = Plane::smoothed(&Plane::smoothed(picture).to_picture()).to_picture();
    let source = soft.as_raw();
    let mut edges = vec![false; width * height];
    for y in 1..height.saturating_sub(1) {
        for x in 1..width.saturating_sub(1) {
            let at = y * width + x;
            let across = i32::from(source[at + 1]) - i32::from(source[at - 1]);
            let down = i32::from(source[at + width]) - i32::from(source[at - width]);
            // Over two pixels, hence twice the gradient.
            edges[at] = across * across + down * down >= 4 * LEAST_GRADIENT * LEAST_GRADIENT;
        }
    }
    edges
}
