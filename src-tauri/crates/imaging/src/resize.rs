use crate::{decode::decode_rgb_scaled, encode::encode_jpeg, refusal::ImageRefused};
use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::U8x3,
};
use image::RgbImage;
use wiko_core::image::EncodedImage;

const THUMBNAIL_QUALITY: u8 = 80;

/// Resizes to exactly `width` × `height`: smaller by averaging areas, larger by Catmull-Rom.
pub fn resize_rgb(image: &RgbImage, width: u32, height: u32) -> Result<RgbImage, ImageRefused> {
    if image.dimensions() == (width, height) {
        return Ok(image.clone());
    }
    // Typed, so that the compiler builds the resizer for this one kind of pixel and not for all.
    let source = TypedImageRef::<U8x3>::from_buffer(image.width(), image.height(), image.as_raw())
        .map_err(ImageRefused::not_converted)?;
    let mut resized = RgbImage::new(width, height);
    let mut target = TypedImage::<U8x3>::from_buffer(width, height, &mut resized)
        .map_err(ImageRefused::not_converted)?;
    let filter = if width <= image.width() && height <= image.height() {
        FilterType::Box
    } else {
        FilterType::CatmullRom
    };
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
    Resizer::new()
        .resize_typed(&source, &mut target, &options)
        .map_err(ImageRefused::not_converted)?;
    Ok(resized)
}

/// A small upright JPEG whose longest side has at most `longest_px`; a smaller picture is not enlarged.
pub fn thumbnail(image: &EncodedImage, longest_px: u32) -> Result<Vec<u8>, ImageRefused> {
    let pixels = decode_rgb_scaled(image, longest_px)?;
    let (width, height) = pixels.dimensions();
    let longest = width.max(height);
    if longest <= longest_px {
        return encode_jpeg(&pixels, THUMBNAIL_QUALITY);
    }
    let scaled = |side: u32| {
        let side = f64::from(side) * f64::from(longest_px) / f64::from(longest);
        (side.round() as u32).max(1)
    };
    let small = resize_rgb(&pixels, scaled(width), scaled(height))?;
    encode_jpeg(&small, THUMBNAIL_QUALITY)
}
