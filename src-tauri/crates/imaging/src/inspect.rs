use crate::{
    decode, header,
    refusal::{ImageRefused, MAX_BYTES},
};
use std::sync::Arc;
use wiko_core::image::EncodedImage;

/// Takes bytes from outside: refuses what is no picture, too large, damaged or of a kind that is not
/// taken. Decodes every pixel, because only that shows damage.
pub fn inspect(bytes: impl Into<Arc<[u8]>>) -> Result<EncodedImage, ImageRefused> {
    let bytes = bytes.into();
    let header = header::read(&bytes)?;
    decode::decode_strictly(&bytes, &header)?;
    Ok(with_facts(bytes, &header))
}

/// Takes bytes that our own encoder made a moment ago, or that were inspected before: reads the header
/// and hashes, decodes nothing.
pub fn inspect_trusted(bytes: impl Into<Arc<[u8]>>) -> Result<EncodedImage, ImageRefused> {
    let bytes = bytes.into();
    let header = header::read(&bytes)?;
    Ok(with_facts(bytes, &header))
}

fn with_facts(bytes: Arc<[u8]>, header: &header::Header) -> EncodedImage {
    debug_assert!((bytes.len() as u64) < MAX_BYTES);
    let (width_px, height_px) = header.upright_size();
    EncodedImage::of(bytes, header.format, width_px, height_px)
}
