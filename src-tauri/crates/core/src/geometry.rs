//! Boxes on pictures and the way they take from the picture that a model saw to the original.

/// A box in whole pixels of the original picture, upright; origin top left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub struct BoxPx {
    /// Left edge.
    pub x: u32,
    /// Top edge.
    pub y: u32,
    /// Pixels across, at least 1.
    pub width: u32,
    /// Pixels down, at least 1.
    pub height: u32,
}

impl BoxPx {
    /// All of a picture of that size.
    pub fn whole(width_px: u32, height_px: u32) -> Self {
        Self {
            x: 0,
            y: 0,
            width: width_px,
            height: height_px,
        }
    }

    /// True where the box has an area and lies wholly in a picture of that size.
    pub fn lies_in(&self, width_px: u32, height_px: u32) -> bool {
        let ends_within = |start: u32, length: u32, limit: u32| {
            length > 0 && start.checked_add(length).is_some_and(|end| end <= limit)
        };
        ends_within(self.x, self.width, width_px) && ends_within(self.y, self.height, height_px)
    }

    /// Area in pixels.
    pub fn area(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// True where the boxes share a pixel.
    pub fn meets(&self, other: &BoxPx) -> bool {
        self.shared_area(other) > 0
    }

    /// The smallest box that holds both.
    pub fn union(&self, other: &BoxPx) -> BoxPx {
        let span = |a: u32, a_len: u32, b: u32, b_len: u32| {
            let end = a.saturating_add(a_len).max(b.saturating_add(b_len));
            (a.min(b), end - a.min(b))
        };
        let (x, width) = span(self.x, self.width, other.x, other.width);
        let (y, height) = span(self.y, self.height, other.y, other.height);
        BoxPx {
            x,
            y,
            width,
            height,
        }
    }

    fn shared_area(&self, other: &BoxPx) -> u64 {
        let overlap = |a: u32, a_len: u32, b: u32, b_len: u32| {
            let end = (u64::from(a) + u64::from(a_len)).min(u64::from(b) + u64::from(b_len));
            end.saturating_sub(u64::from(a.max(b)))
        };
        let across = overlap(self.x, self.width, other.x, other.width);
        across * overlap(self.y, self.height, other.y, other.height)
    }

    /// Intersection over union with another box, 0 to 1.
    pub fn iou(&self, other: &BoxPx) -> f64 {
        let both = self.shared_area(other);
        let union = self.area() + other.area() - both;
        if union == 0 {
            0.0
        } else {
            both as f64 / union as f64
        }
    }
}

/// How the picture that a model saw came from the original. Kept with every finding, so that a box
/// can be explained years later.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum BoxProvenance {
    /// Found on the original pixels.
    Native,
    /// The whole original was resized to `width_px` × `height_px`.
    Resized {
        /// Pixels across of the picture that was seen.
        width_px: u32,
        /// Pixels down of the picture that was seen.
        height_px: u32,
    },
    /// A part of the original was cut out and resized to `width_px` × `height_px`.
    Cropped {
        /// What was cut out, in pixels of the original.
        crop: BoxPx,
        /// Pixels across of the picture that was seen.
        width_px: u32,
        /// Pixels down of the picture that was seen.
        height_px: u32,
    },
}

/// The corners of a box in the picture that a model saw: `[x1, y1, x2, y2]`, `x2` and `y2` exclusive.
pub type SeenCorners = [f64; 4];

/// Why a box cannot be mapped to the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BoxRefused {
    /// A coordinate is not a number.
    #[error("a coordinate is not a finite number")]
    NotFinite,
    /// It ends before it begins, or has no area.
    #[error("the box ends before it begins or has no area")]
    Inverted,
    /// It leaves the picture.
    #[error("the box leaves the picture")]
    Outside,
}

impl BoxProvenance {
    /// Maps corners in the seen picture to whole pixels of the original, each edge to the nearest
    /// pixel; a box that would vanish is the pixel in which its middle lies. Nothing is clamped: a box that leaves the seen
    /// picture is refused.
    pub fn to_original(
        self,
        corners: SeenCorners,
        original_width_px: u32,
        original_height_px: u32,
    ) -> Result<BoxPx, BoxRefused> {
        let [x1, y1, x2, y2] = corners;
        if corners.iter().any(|coordinate| !coordinate.is_finite()) {
            return Err(BoxRefused::NotFinite);
        }
        if x2 <= x1 || y2 <= y1 {
            return Err(BoxRefused::Inverted);
        }
        let (seen_width, seen_height) = self.seen_size(original_width_px, original_height_px);
        if x1 < 0.0 || y1 < 0.0 || x2 > f64::from(seen_width) || y2 > f64::from(seen_height) {
            return Err(BoxRefused::Outside);
        }
        let crop = self
            .crop()
            .unwrap_or_else(|| BoxPx::whole(original_width_px, original_height_px));
        if !crop.lies_in(original_width_px, original_height_px) {
            return Err(BoxRefused::Outside);
        }
        let (x, width) = scaled(x1, x2, seen_width, crop.width);
        let (y, height) = scaled(y1, y2, seen_height, crop.height);
        Ok(BoxPx {
            x: crop.x + x,
            y: crop.y + y,
            width,
            height,
        })
    }

    /// What was cut out of the original, where something was.
    pub fn crop(self) -> Option<BoxPx> {
        match self {
            Self::Cropped { crop, .. } => Some(crop),
            Self::Native | Self::Resized { .. } => None,
        }
    }

    /// Pixels across and down of the picture that was seen.
    pub fn seen_size(self, original_width_px: u32, original_height_px: u32) -> (u32, u32) {
        match self {
            Self::Native => (original_width_px, original_height_px),
            Self::Resized {
                width_px,
                height_px,
            }
            | Self::Cropped {
                width_px,
                height_px,
                ..
            } => (width_px, height_px),
        }
    }
}

/// Start and length in the original of the span from `start` to `end` in the seen picture.
fn scaled(start: f64, end: f64, seen: u32, original: u32) -> (u32, u32) {
    let scale = f64::from(original) / f64::from(seen.max(1));
    let (from, to) = ((start * scale).round(), (end * scale).round());
    if to > from {
        return (from as u32, (to - from) as u32);
    }
    // The pixel in which its middle lies; rounded, it might be the one beside.
    let middle = ((start + end) / 2.0 * scale).floor();
    (middle.min(f64::from(original.saturating_sub(1))) as u32, 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn boxes_that_a_model_should_not_give_are_refused_and_never_clamped() {
        let seen = BoxProvenance::Resized {
            width_px: 100,
            height_px: 50,
        };
        let map = |corners| seen.to_original(corners, 1000, 500);
        assert_eq!(map([f64::NAN, 0.0, 1.0, 1.0]), Err(BoxRefused::NotFinite));
        assert_eq!(map([5.0, 5.0, 5.0, 9.0]), Err(BoxRefused::Inverted));
        assert_eq!(map([9.0, 5.0, 5.0, 9.0]), Err(BoxRefused::Inverted));
        assert_eq!(map([0.0, 0.0, 100.5, 9.0]), Err(BoxRefused::Outside));
        assert_eq!(map([-0.5, 0.0, 10.0, 9.0]), Err(BoxRefused::Outside));
        assert_eq!(
            map([10.0, 5.0, 20.0, 10.0]),
            Ok(BoxPx {
                x: 100,
                y: 50,
                width: 100,
                height: 50
            })
        );
    }

    #[test]
    fn a_piece_that_leaves_the_original_maps_nothing() {
        let outside = BoxProvenance::Cropped {
            crop: BoxPx {
                x: 90,
                y: 0,
                width: 20,
                height: 10,
            },
            width_px: 20,
            height_px: 10,
        };
        let mapped = outside.to_original([1.0, 1.0, 2.0, 2.0], 100, 100);
        assert_eq!(mapped, Err(BoxRefused::Outside));
    }

    #[test]
    fn a_box_lies_in_a_picture_only_with_all_of_its_area() {
        let full = BoxPx {
            x: 0,
            y: 0,
            width: 10,
            height: 10,
        };
        assert!(full.lies_in(10, 10));
        assert!(!full.lies_in(9, 10));
        assert!(
            !BoxPx {
                x: u32::MAX,
                y: 0,
                width: 2,
                height: 1
            }
            .lies_in(u32::MAX, 10)
        );
        assert!(
            !BoxPx {
                x: 0,
                y: 0,
                width: 0,
                height: 1
            }
            .lies_in(10, 10)
        );
    }

    #[test]
    fn overlap_is_measured_as_intersection_over_union() {
        let a = BoxPx {
            x: 0,
            y: 0,
            width: 10,
            height: 10,
        };
        let b = BoxPx {
            x: 5,
            y: 0,
            width: 10,
            height: 10,
        };
        assert!((a.iou(&b) - 50.0 / 150.0).abs() < 1e-12);
        assert_eq!(
            a.iou(&BoxPx {
                x: 20,
                y: 20,
                width: 1,
                height: 1
            }),
            0.0
        );
    }

    /// Two places from 0 to 1, the lesser first, apart.
    fn span_of_one() -> impl Strategy<Value = (f64, f64)> {
        (0.0f64..1.0, 0.0f64..1.0).prop_map(|(a, b)| (a.min(b), a.max(b).max(a.min(b) + 1e-6)))
    }

    /// True where both edges are within half a pixel of where they should be; of a single pixel, also where the
    /// middle lies in it.
    fn is_within_half_a_pixel((from, length): (u32, u32), (start, end): (f64, f64)) -> bool {
        let near = |pixel: u32, exact: f64| (f64::from(pixel) - exact).abs() <= 0.5 + 1e-6;
        let middle = f64::midpoint(start, end) - f64::from(from);
        near(from, start) && near(from + length, end)
            || length == 1 && (-1e-6..=1.0 + 1e-6).contains(&middle)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn a_box_seen_in_a_piece_lies_within_half_a_pixel_of_its_place_and_within_the_piece(
            original_width in 1u32..9000, original_height in 1u32..9000,
            seen_width in 1u32..2577, seen_height in 1u32..2577,
            piece in [0.0f64..1.0, 0.0f64..1.0, 0.0f64..1.0, 0.0f64..1.0],
            (a, b) in span_of_one(), (c, d) in span_of_one(),
        ) {
            let span = |start: f64, length: f64, limit: u32| {
                let from = (start * f64::from(limit)) as u32;
                (from, 1 + (length * f64::from(limit - from - 1)) as u32)
            };
            let (x, width) = span(piece[0], piece[1], original_width);
            let (y, height) = span(piece[2], piece[3], original_height);
            let crop = BoxPx { x, y, width, height };
            let seen = BoxProvenance::Cropped { crop, width_px: seen_width, height_px: seen_height };
            let (w, h) = (f64::from(seen_width), f64::from(seen_height));
            let mapped = seen
                .to_original([a * w, c * h, b * w, d * h], original_width, original_height)
                .unwrap();
            prop_assert!(mapped.lies_in(original_width, original_height));
            prop_assert!(mapped.x >= crop.x && mapped.x + mapped.width <= crop.x + crop.width);
            prop_assert!(mapped.y >= crop.y && mapped.y + mapped.height <= crop.y + crop.height);
            let exact = |from: u32, length: u32, share: f64| {
                f64::from(from) + share * f64::from(length)
            };
            let across = (exact(crop.x, crop.width, a), exact(crop.x, crop.width, b));
            let down = (exact(crop.y, crop.height, c), exact(crop.y, crop.height, d));
            prop_assert!(is_within_half_a_pixel((mapped.x, mapped.width), across));
            prop_assert!(is_within_half_a_pixel((mapped.y, mapped.height), down));
        }

        #[test]
        fn a_mapped_box_is_within_half_a_pixel_of_the_exact_one_and_lies_in_the_picture(
            original_width in 1u32..9000, original_height in 1u32..9000,
            seen_width in 1u32..2577, seen_height in 1u32..2577,
            (a, b) in span_of_one(), (c, d) in span_of_one(),
        ) {
            let (w, h) = (f64::from(seen_width), f64::from(seen_height));
            let seen = BoxProvenance::Resized { width_px: seen_width, height_px: seen_height };
            let mapped = seen
                .to_original([a * w, c * h, b * w, d * h], original_width, original_height)
                .unwrap();
            prop_assert!(mapped.lies_in(original_width, original_height));
            let (width, height) = (f64::from(original_width), f64::from(original_height));
            let across = (mapped.x, mapped.width);
            prop_assert!(is_within_half_a_pixel(across, (a * width, b * width)));
            let down = (mapped.y, mapped.height);
            prop_assert!(is_within_half_a_pixel(down, (c * height, d * height)));
        }
    }

    #[test]
    fn a_box_of_less_than_a_pixel_is_the_pixel_in_which_it_lies() {
        let seen = BoxProvenance::Cropped {
            crop: BoxPx {
                x: 0,
                y: 150,
                width: 20,
                height: 12,
            },
            width_px: 400,
            height_px: 240,
        };
        // From 157.55 to 157.75 of the original.
        let found = seen.to_original([10.0, 151.0, 50.0, 155.0], 200, 200);
        assert_eq!(found.map(|found| (found.y, found.height)), Ok((157, 1)));
        let last = seen.to_original([399.0, 239.0, 400.0, 240.0], 200, 200);
        assert_eq!(last.map(|last| (last.x, last.y)), Ok((19, 161)));
    }
}
