//! How a part is shown: the whole of it in the size in which the model looks at it, and details from near.
//!
//! A model scales down what is too large for it and then speaks of the scaled picture. So the picture
//! is scaled here, by the model's own rule, and the boxes come back in pixels that are known.

use image::{RgbImage, imageops};
use std::sync::Arc;
use wiko_core::{
    geometry::{BoxProvenance, BoxPx},
    image::{EncodedImage, ImageFacts},
};

/// Pixels across and down that one image token covers.
const TOKEN_EDGE_PX: u32 = 28;

/// Bedrock takes 5 MiB of an image in base64: three quarters of that in bytes.
pub const MAX_JPEG_BYTES: usize = 3_932_160;

/// The part's region is shown where that gives so many times the pixels that the whole frame gives it.
const LEAST_GAIN: f64 = 1.3;

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
        self.provenance.crop()
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
    /// Where the part lies, where that is clear-cut and the whole is shown much smaller than it could be.
    pub region: Option<BoxPx>,
    upright: Arc<RgbImage>,
}

impl ShownPart {
    /// Decodes (EXIF orientation applied), scales and encodes. Takes tens of milliseconds: not for an
    /// async thread.
    pub fn prepare(image: &EncodedImage, tier: ImageTier) -> Result<Self, CannotShow> {
        Self::prepare_beside(image, tier, |_| ()).map(|(part, ())| part)
    }

    /// The same, while somebody else looks at the upright pixels on a thread of their own.
    pub fn prepare_beside<T: Send>(
        image: &EncodedImage,
        tier: ImageTier,
        beside: impl FnOnce(&RgbImage) -> T + Send,
    ) -> Result<(Self, T), CannotShow> {
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
        let (pictures, seen) = std::thread::scope(|scope| {
            let seen = scope.spawn(|| beside(&upright));
            (Self::shown(&upright, tier), seen.join())
        });
        let (whole, region) = pictures?;
        let part = Self {
            region,
            whole,
            original: facts,
            upright: Arc::new(upright),
        };
        match seen {
            Ok(seen) => Ok((part, seen)),
            Err(panicked) => std::panic::resume_unwind(panicked),
        }
    }

    /// The whole as it is sent, and the part's region.
    fn shown(upright: &RgbImage, tier: ImageTier) -> Result<(Picture, Option<BoxPx>), CannotShow> {
        let (width_px, height_px) = upright.dimensions();
        let seen = tier.seen_size(width_px, height_px);
        if seen == (width_px, height_px) {
            // A region would show no more of it.
            return Ok((Picture::of(upright, |_, _| BoxProvenance::Native)?, None));
        }
        let scaled = wiko_imaging::resize_rgb(upright, seen.0, seen.1)?;
        let whole = Picture::of(&scaled, |width_px, height_px| BoxProvenance::Resized {
            width_px,
            height_px,
        })?;
        Ok((whole, worth_showing(&scaled, upright.dimensions(), tier)?))
    }

    /// True of what was seen in a detail, where it was seen from near; the part's region is no detail of it.
    pub fn is_from_near(&self, provenance: BoxProvenance) -> bool {
        provenance
            .crop()
            .is_some_and(|crop| Some(crop) != self.region)
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
        let cut = imageops::crop_imm(&*self.upright, x, y, width, height).to_image();
        let (seen_width, seen_height) = detail_size(region, tier);
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

/// The size in which a region is shown.
fn detail_size(region: BoxPx, tier: ImageTier) -> (u32, u32) {
    let longest = region.width.max(region.height).max(1);
    let factor = (DETAIL_EDGE_PX / longest).max(1);
    let enlarged = |edge: u32| edge.saturating_mul(factor);
    tier.seen_size(enlarged(region.width), enlarged(region.height))
}

/// The part's region in a frame of that size, looked for in the frame as it is sent: where it is clear-cut and is shown
/// much larger alone than with all of the frame.
fn worth_showing(
    sent: &RgbImage,
    (width_px, height_px): (u32, u32),
    tier: ImageTier,
) -> Result<Option<BoxPx>, CannotShow> {
    let scale = |width_px: u32, height_px: u32| {
        f64::from(tier.seen_size(width_px, height_px).0) / f64::from(width_px)
    };
    let least = LEAST_GAIN * scale(width_px, height_px);
    if least > 1.0 {
        return Ok(None);
    }
    let region = wiko_imaging::part_region_of(sent, (width_px, height_px))?;
    Ok(region.filter(|region| scale(region.width, region.height) >= least))
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
#[path = "frame_tests.rs"]
mod tests;
