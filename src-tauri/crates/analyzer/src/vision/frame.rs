//! How a part is shown: the whole of it in the size in which the model looks at it, and details from near.
//!
//! A model scales down what is too large for it and then speaks of the scaled picture. So the picture
//! is scaled here, by the model's own rule, and the boxes come back in pixels that are known.

use image::RgbImage;
use std::sync::Arc;
use wiko_core::{
    geometry::{BoxProvenance, BoxPx},
    image::{EncodedImage, ImageFacts},
};

/// Pixels across and down that one image token covers.
const TOKEN_EDGE_PX: u32 = 28;

/// Bedrock takes 5 MiB of an image in base64: three quarters of that in bytes.
pub const MAX_JPEG_BYTES: usize = 3_932_160;

/// Tried one after the other until the JPEG is small enough.
const QUALITIES: [u8; 5] = [92, 85, 75, 60, 45];

/// How large a picture a family of models looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageTier {
    /// Up to 1568 pixels an edge and 1568 tokens.
    Standard,
    /// Up to 2576 pixels an edge and 4784 tokens.
    High,
    /// Up to 2048 pixels an edge and 768 on the shorter one, as models of OpenAI look at a picture in detail.
    Short768,
}

impl ImageTier {
    fn takes(self, width_px: u32, height_px: u32) -> bool {
        let (max_edge_px, max_tokens) = match self {
            Self::Standard => (1568, 1568),
            Self::High => (2576, 4784),
            Self::Short768 => {
                return width_px.max(height_px) <= 2048 && width_px.min(height_px) <= 768;
            }
        };
        let padded = |edge_px: u32| edge_px.div_ceil(TOKEN_EDGE_PX) * TOKEN_EDGE_PX;
        padded(width_px) <= max_edge_px
            && padded(height_px) <= max_edge_px
            && image_tokens(width_px, height_px) <= max_tokens
    }

    /// The size in which the model sees a picture of `width_px` × `height_px`: unchanged where it
    /// fits, else the largest of the same shape that does.
    pub fn seen_size(self, width_px: u32, height_px: u32) -> (u32, u32) {
        if self.takes(width_px, height_px) {
            return (width_px, height_px);
        }
        let (long, short) = (width_px.max(height_px), width_px.min(height_px));
        let sized = |edge_px: u32| {
            let other = f64::from(short) * f64::from(edge_px) / f64::from(long.max(1));
            (edge_px, (other.round_ties_even() as u32).max(1))
        };
        let (mut fits, mut too_large) = (1, long.max(1));
        while fits + 1 < too_large {
            let middle = fits + (too_large - fits) / 2;
            let (a, b) = sized(middle);
            if self.takes(a, b) {
                fits = middle;
            } else {
                too_large = middle;
            }
        }
        let (long, short) = sized(fits);
        if width_px >= height_px {
            (long, short)
        } else {
            (short, long)
        }
    }
}

/// What a picture of that size costs in tokens.
pub fn image_tokens(width_px: u32, height_px: u32) -> u64 {
    u64::from(width_px.div_ceil(TOKEN_EDGE_PX)) * u64::from(height_px.div_ceil(TOKEN_EDGE_PX))
}

/// A picture ready to be sent.
#[derive(Clone)]
pub struct Picture {
    /// JPEG, upright, at most [`MAX_JPEG_BYTES`].
    pub jpeg: Arc<[u8]>,
    /// Pixels across, as sent.
    pub width_px: u32,
    /// Pixels down, as sent.
    pub height_px: u32,
    /// The way back to the original.
    pub provenance: BoxProvenance,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (width, height, bytes) = (self.width_px, self.height_px, self.jpeg.len());
        write!(
            f,
            "Picture({width}x{height}, {bytes} bytes, {:?})",
            self.provenance
        )
    }
}

impl Picture {
    /// What was cut out of the original, of a detail.
    pub fn crop(&self) -> Option<BoxPx> {
        match self.provenance {
            BoxProvenance::Cropped { crop, .. } => Some(crop),
            BoxProvenance::Native | BoxProvenance::Resized { .. } => None,
        }
    }

    fn of(
        pixels: &RgbImage,
        provenance: impl FnOnce(u32, u32) -> BoxProvenance,
    ) -> Result<Self, CannotShow> {
        let (width_px, height_px) = pixels.dimensions();
        let mut bytes = 0;
        for quality in QUALITIES {
            let jpeg = wiko_imaging::encode_jpeg(pixels, quality)?;
            bytes = jpeg.len();
            if bytes <= MAX_JPEG_BYTES {
                return Ok(Self {
                    jpeg: jpeg.into(),
                    width_px,
                    height_px,
                    provenance: provenance(width_px, height_px),
                });
            }
        }
        Err(CannotShow::TooLarge { bytes })
    }
}

/// Why a picture cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum CannotShow {
    /// It cannot be decoded or encoded.
    #[error("the picture cannot be read: {0}")]
    Refused(#[from] wiko_imaging::ImageRefused),
    /// Its pixels are not those that its facts speak of, so boxes could not be mapped back.
    #[error(
        "the picture is {width_px}x{height_px} pixels upright, its record says {facts_width_px}x{facts_height_px}"
    )]
    OtherSize {
        /// Pixels across, decoded.
        width_px: u32,
        /// Pixels down, decoded.
        height_px: u32,
        /// Pixels across in the record.
        facts_width_px: u32,
        /// Pixels down in the record.
        facts_height_px: u32,
    },
    /// No quality makes it small enough.
    #[error(
        "the picture is still {bytes} bytes at the lowest quality; {MAX_JPEG_BYTES} can be sent"
    )]
    TooLarge {
        /// Its size at the lowest quality.
        bytes: usize,
    },
}

/// A part as a model is shown it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ShownPart {
    /// All of it.
    pub whole: Picture,
    /// Facts of the original.
    pub original: ImageFacts,
    upright: Arc<RgbImage>,
}

impl ShownPart {
    /// Decodes (EXIF orientation applied), scales and encodes. Takes tens of milliseconds: not for an
    /// async thread.
    pub fn prepare(image: &EncodedImage, tier: ImageTier) -> Result<Self, CannotShow> {
        let facts = image.facts();
        let upright = wiko_imaging::decode_rgb(image)?;
        let (width_px, height_px) = upright.dimensions();
        if (width_px, height_px) != (facts.width_px, facts.height_px) {
            return Err(CannotShow::OtherSize {
                width_px,
                height_px,
                facts_width_px: facts.width_px,
                facts_height_px: facts.height_px,
            });
        }
        let seen = tier.seen_size(width_px, height_px);
        let whole = if seen == (width_px, height_px) {
            Picture::of(&upright, |_, _| BoxProvenance::Native)?
        } else {
            let scaled = wiko_imaging::resize_rgb(&upright, seen.0, seen.1)?;
            Picture::of(&scaled, |width_px, height_px| BoxProvenance::Resized {
                width_px,
                height_px,
            })?
        };
        Ok(Self {
            whole,
            original: facts,
            upright: Arc::new(upright),
        })
    }

    /// Where to look from near: around each box with as much again on every side, `at_most` of them, those that come
    /// first before the others. Those that meet are put together unless that were most of the picture, which shows
    /// nothing that the whole does not.
    pub fn detail_regions(
        &self,
        around: impl Iterator<Item = BoxPx>,
        at_most: usize,
    ) -> Vec<BoxPx> {
        let (width_px, height_px) = (self.original.width_px, self.original.height_px);
        let fits = |region: &BoxPx| region.area() <= BoxPx::whole(width_px, height_px).area() / 2;
        let mut regions: Vec<BoxPx> = Vec::new();
        for found in around.filter(|found| found.lies_in(width_px, height_px)) {
            let region = grown(found, width_px, height_px);
            let met = regions
                .iter_mut()
                .find(|other| other.meets(&region) && fits(&other.union(&region)));
            match met {
                Some(other) => *other = other.union(&region),
                None if fits(&region) => regions.push(region),
                None => {}
            }
        }
        regions.truncate(at_most);
        regions
    }

    /// A region at full resolution; a small one is enlarged, for a model sees little in few pixels.
    pub fn detail(&self, region: BoxPx, tier: ImageTier) -> Result<Picture, CannotShow> {
        let BoxPx {
            x,
            y,
            width,
            height,
        } = region;
        let cut = image::imageops::crop_imm(&*self.upright, x, y, width, height).to_image();
        let longest = width.max(height).max(1);
        let enlarged = |edge: u32| {
            let factor = (DETAIL_EDGE_PX / longest).max(1);
            edge.saturating_mul(factor)
        };
        let (seen_width, seen_height) = tier.seen_size(enlarged(width), enlarged(height));
        let provenance = |width_px, height_px| BoxProvenance::Cropped {
            crop: region,
            width_px,
            height_px,
        };
        if (seen_width, seen_height) == (width, height) {
            return Picture::of(&cut, provenance);
        }
        Picture::of(
            &wiko_imaging::resize_rgb(&cut, seen_width, seen_height)?,
            provenance,
        )
    }
}

/// A detail is enlarged by whole numbers up to this many pixels an edge.
const DETAIL_EDGE_PX: u32 = 784;

/// A detail has at least so many pixels of the original an edge, where the picture does.
const LEAST_DETAIL_PX: u32 = 160;

/// With as much again on every side, within the picture.
fn grown(found: BoxPx, width_px: u32, height_px: u32) -> BoxPx {
    let span = |start: u32, length: u32, limit: u32| {
        let wanted = length
            .saturating_mul(3)
            .clamp(LEAST_DETAIL_PX.min(limit), limit);
        let middle = u64::from(start) + u64::from(length) / 2;
        let from = middle.saturating_sub(u64::from(wanted) / 2);
        let from = u32::try_from(from).unwrap_or(0).min(limit - wanted);
        (from, wanted)
    };
    let (x, width) = span(found.x, found.width, width_px);
    let (y, height) = span(found.y, found.height, height_px);
    BoxPx {
        x,
        y,
        width,
        height,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn part(width: u32, height: u32) -> ShownPart {
        let steel = RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([(x % 251) as u8, (y % 241) as u8, ((x + y) % 239) as u8])
        });
        let jpeg = wiko_imaging::encode_jpeg(&steel, 95).unwrap();
        let image = wiko_imaging::inspect(jpeg).unwrap();
        ShownPart::prepare(&image, ImageTier::High).unwrap()
    }

    fn at(x: u32, y: u32, width: u32, height: u32) -> BoxPx {
        BoxPx {
            x,
            y,
            width,
            height,
        }
    }

    #[test]
    fn a_detail_has_as_much_again_on_every_side_and_stays_in_the_picture() {
        let part = part(2000, 1000);
        let regions = |boxes: &[BoxPx]| part.detail_regions(boxes.iter().copied(), 4);
        assert_eq!(regions(&[at(500, 400, 100, 80)]), [at(400, 320, 300, 240)]);
        assert_eq!(regions(&[at(0, 0, 10, 10)]), [at(0, 0, 160, 160)]);
        assert_eq!(regions(&[at(1990, 990, 10, 10)]), [at(1840, 840, 160, 160)]);
        // Those that meet are one; what is most of the picture, or leaves it, is none.
        let met = regions(&[at(500, 400, 100, 80), at(620, 420, 60, 60)]);
        assert_eq!(met, [at(400, 320, 340, 240)]);
        assert_eq!(regions(&[at(0, 0, 1900, 900)]), []);
        assert_eq!(regions(&[at(1990, 990, 20, 10)]), []);
        let many: Vec<BoxPx> = (0..8).map(|n| at(n * 240, 400, 10, 10)).collect();
        assert_eq!(
            regions(&many)[..2],
            [at(0, 325, 160, 160), at(165, 325, 160, 160)]
        );
        assert_eq!(regions(&many).len(), 4);
        // Two that would be most of the picture together stay apart.
        let corners = [at(0, 0, 330, 320), at(950, 300, 330, 320)];
        assert_eq!(regions(&corners).len(), 2);
    }

    #[test]
    fn a_detail_is_cut_at_full_resolution_and_enlarged_by_whole_numbers() {
        let part = part(2000, 1000);
        let region = at(400, 320, 300, 240);
        let detail = part.detail(region, ImageTier::High).unwrap();
        assert_eq!((detail.width_px, detail.height_px), (600, 480));
        assert_eq!(detail.crop(), Some(region));
        let wide = part
            .detail(at(0, 0, 1600, 300), ImageTier::Standard)
            .unwrap();
        assert!(wide.width_px <= 1568, "{wide:?}");
    }

    #[rstest]
    #[case((1075, 1520), ImageTier::Standard, (924, 1307))]
    #[case((3840, 2160), ImageTier::Standard, (1456, 819))]
    #[case((3840, 2160), ImageTier::High, (2576, 1449))]
    #[case((4032, 3024), ImageTier::High, (2212, 1659))]
    #[case((1920, 1080), ImageTier::Standard, (1456, 819))]
    #[case((1920, 1080), ImageTier::High, (1920, 1080))]
    #[case((1920, 1080), ImageTier::Short768, (1366, 768))]
    #[case((2048, 700), ImageTier::Short768, (2048, 700))]
    fn the_sent_size_is_the_one_that_the_models_makers_publish(
        #[case] (width, height): (u32, u32),
        #[case] tier: ImageTier,
        #[case] expected: (u32, u32),
    ) {
        assert_eq!(tier.seen_size(width, height), expected);
    }

    #[test]
    fn a_full_hd_picture_costs_a_token_for_each_square_begun() {
        assert_eq!(image_tokens(1920, 1080), 69 * 39);
    }

    proptest! {
        #[test]
        fn the_sent_size_is_always_taken_as_it_is_and_keeps_its_shape(
            width in 1u32..9000, height in 1u32..9000, tier in 0usize..3,
        ) {
            let tier = [ImageTier::Standard, ImageTier::High, ImageTier::Short768][tier];
            let (w, h) = tier.seen_size(width, height);
            prop_assert!(tier.takes(w, h));
            prop_assert!(w <= width && h <= height && w > 0 && h > 0);
            prop_assert_eq!(tier.seen_size(w, h), (w, h));
            let short_edge = f64::from(width.min(height)) * f64::from(w.max(h))
                / f64::from(width.max(height));
            prop_assert!((f64::from(w.min(h)) - short_edge).abs() <= 1.0);
        }
    }
}
