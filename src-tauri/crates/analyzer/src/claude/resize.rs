//! The size in which a picture is sent.
//!
//! A model scales down what is too large for it and then speaks of the scaled picture. So the picture
//! is scaled here, by the model's own rule, and the boxes come back in pixels that are known.

use crate::contract::{Criterion, SentFrame};
use wiko_core::{
    geometry::BoxProvenance,
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
}

impl ImageTier {
    fn max_edge_px(self) -> u32 {
        match self {
            Self::Standard => 1568,
            Self::High => 2576,
        }
    }

    fn max_tokens(self) -> u64 {
        match self {
            Self::Standard => 1568,
            Self::High => 4784,
        }
    }

    fn takes(self, width_px: u32, height_px: u32) -> bool {
        let padded = |edge_px: u32| u64::from(edge_px.div_ceil(TOKEN_EDGE_PX) * TOKEN_EDGE_PX);
        let max_edge_px = u64::from(self.max_edge_px());
        padded(width_px) <= max_edge_px
            && padded(height_px) <= max_edge_px
            && image_tokens(width_px, height_px) <= self.max_tokens()
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
#[derive(Debug, Clone)]
pub struct PreparedImage {
    /// JPEG, upright, at most [`MAX_JPEG_BYTES`].
    pub jpeg: Vec<u8>,
    /// Pixels across, as sent.
    pub width_px: u32,
    /// Pixels down, as sent.
    pub height_px: u32,
    original: ImageFacts,
}

impl PreparedImage {
    /// The way from this picture back to the original.
    pub fn provenance(&self) -> BoxProvenance {
        let original = (self.original.width_px, self.original.height_px);
        if (self.width_px, self.height_px) == original {
            BoxProvenance::Native
        } else {
            BoxProvenance::Resized {
                width_px: self.width_px,
                height_px: self.height_px,
            }
        }
    }

    /// What a reply to this picture must keep to.
    pub fn sent_frame(&self, criteria: &[Criterion]) -> SentFrame {
        SentFrame {
            original: self.original,
            provenance: self.provenance(),
            criteria: criteria.to_vec(),
        }
    }
}

/// Why a picture cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum CannotPrepare {
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

/// Decodes (EXIF orientation applied), scales and encodes. Takes tens of milliseconds: not for an
/// async thread.
pub fn prepare(image: &EncodedImage, tier: ImageTier) -> Result<PreparedImage, CannotPrepare> {
    let facts = image.facts();
    let upright = wiko_imaging::decode_rgb(image)?;
    let (width_px, height_px) = upright.dimensions();
    if (width_px, height_px) != (facts.width_px, facts.height_px) {
        return Err(CannotPrepare::OtherSize {
            width_px,
            height_px,
            facts_width_px: facts.width_px,
            facts_height_px: facts.height_px,
        });
    }
    let (seen_width_px, seen_height_px) = tier.seen_size(width_px, height_px);
    let seen = if (seen_width_px, seen_height_px) == (width_px, height_px) {
        upright
    } else {
        wiko_imaging::resize_rgb(&upright, seen_width_px, seen_height_px)?
    };
    let mut bytes = 0;
    for quality in QUALITIES {
        let jpeg = wiko_imaging::encode_jpeg(&seen, quality)?;
        bytes = jpeg.len();
        if bytes <= MAX_JPEG_BYTES {
            return Ok(PreparedImage {
                jpeg,
                width_px: seen_width_px,
                height_px: seen_height_px,
                original: facts,
            });
        }
    }
    Err(CannotPrepare::TooLarge { bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case((1075, 1520), ImageTier::Standard, (924, 1307))]
    #[case((3840, 2160), ImageTier::Standard, (1456, 819))]
    #[case((3840, 2160), ImageTier::High, (2576, 1449))]
    #[case((4032, 3024), ImageTier::High, (2212, 1659))]
    #[case((1920, 1080), ImageTier::Standard, (1456, 819))]
    #[case((1920, 1080), ImageTier::High, (1920, 1080))]
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
            width in 1u32..9000, height in 1u32..9000, high: bool,
        ) {
            let tier = if high { ImageTier::High } else { ImageTier::Standard };
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
