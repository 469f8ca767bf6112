//! Reference pictures as a model is shown them: small, for each is paid with every part.

use super::frame::{ImageTier, image_tokens};
use std::sync::Arc;
use wiko_core::image::EncodedImage;

/// Enough to show what is meant; about 600 tokens at the most.
const MOST_EDGE_PX: u32 = 768;

const QUALITY: u8 = 85;

/// A reference picture, ready to be sent.
#[derive(Clone)]
pub struct ShownPicture {
    /// JPEG, upright.
    pub jpeg: Arc<[u8]>,
    /// Pixels across, as sent.
    pub width_px: u32,
    /// Pixels down, as sent.
    pub height_px: u32,
}

impl std::fmt::Debug for ShownPicture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (width, height, bytes) = (self.width_px, self.height_px, self.jpeg.len());
        write!(f, "ShownPicture({width}x{height}, {bytes} bytes)")
    }
}

/// A reference picture with what is said of it before it.
#[derive(Debug, Clone)]
pub struct ShownReference {
    /// What it shows, and that it is not the part.
    pub text: String,
    /// The picture.
    pub picture: ShownPicture,
}

impl ShownReference {
    /// What it costs, its text at four characters a token.
    pub fn tokens(&self) -> u64 {
        let picture = &self.picture;
        image_tokens(picture.width_px, picture.height_px) + self.text.chars().count() as u64 / 4
    }
}

/// A reference picture cannot be shown.
#[derive(Debug, thiserror::Error)]
#[error("a reference picture cannot be shown: {0}")]
pub struct CannotRefer(#[from] wiko_imaging::ImageRefused);

/// Decodes, scales and encodes pictures for models that look at pictures of that size. Takes tens of milliseconds
/// each: not for an async thread.
pub(super) fn prepare(
    pictures: &[EncodedImage],
    tier: ImageTier,
) -> Result<Vec<ShownPicture>, CannotRefer> {
    pictures
        .iter()
        .map(|picture| shown(picture, tier))
        .collect()
}

fn shown(picture: &EncodedImage, tier: ImageTier) -> Result<ShownPicture, CannotRefer> {
    let upright = wiko_imaging::decode_rgb(picture)?;
    let (width_px, height_px) = small(upright.width(), upright.height(), tier);
    let scaled = wiko_imaging::resize_rgb(&upright, width_px, height_px)?;
    Ok(ShownPicture {
        jpeg: wiko_imaging::encode_jpeg(&scaled, QUALITY)?.into(),
        width_px,
        height_px,
    })
}

/// By the model's own rule, and no larger than needed.
fn small(width_px: u32, height_px: u32, tier: ImageTier) -> (u32, u32) {
    let (width_px, height_px) = tier.seen_size(width_px, height_px);
    let longest = width_px.max(height_px);
    if longest <= MOST_EDGE_PX {
        return (width_px, height_px);
    }
    let scaled = |edge_px: u32| {
        let scaled_px = f64::from(edge_px) * f64::from(MOST_EDGE_PX) / f64::from(longest);
        (scaled_px.round() as u32).max(1)
    };
    (scaled(width_px), scaled(height_px))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_small_for_every_model_and_is_never_enlarged() {
        for tier in [ImageTier::Standard, ImageTier::High, ImageTier::Short768] {
            assert_eq!(small(4032, 3024, tier), (768, 576));
            assert_eq!(small(1080, 1920, tier), (432, 768));
            assert_eq!(small(320, 200, tier), (320, 200));
            assert_eq!(small(9000, 1, tier), (768, 1));
        }
    }
}
