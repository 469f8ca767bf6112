use crate::{decode::decode_rgb_scaled, encode::encode_jpeg, refusal::ImageRefused};
use fast_image_resize::{
    FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer,
    images::{TypedImage, TypedImageRef},
    pixels::{U8, U8x3},
};
use image::{GrayImage, RgbImage};
use wiko_core::image::EncodedImage;

const THUMBNAIL_QUALITY: u8 = 80;

/// Resizes to exactly `width` × `height`: smaller by averaging areas, larger by Catmull-Rom.
pub fn resize_rgb(image: &RgbImage, width: u32, height: u32) -> Result<RgbImage, ImageRefused> {
    if image.dimensions() == (width, height) {
        return Ok(image.clone());
    }
    let mut resized = RgbImage::new(width, height);
    resize::<U8x3>(
        image.as_raw(),
        image.dimensions(),
        &mut resized,
        (width, height),
    )?;
    Ok(resized)
}

/// The same of grey.
pub fn resize_luma(image: &GrayImage, width: u32, height: u32) -> Result<GrayImage, ImageRefused> {
    if image.dimensions() == (width, height) {
        return Ok(image.clone());
    }
    let mut resized = GrayImage::new(width, height);
    resize::<U8>(
        image.as_raw(),
        image.dimensions(),
        &mut resized,
        (width, height),
    )?;
    Ok(resized)
}

/// Typed, so that the compiler builds the resizer for these kinds of pixels and not for all.
fn resize<P: PixelTrait>(
    from: &[u8],
    (source_width, source_height): (u32, u32),
    to: &mut [u8],
    (width, height): (u32, u32),
) -> Result<(), ImageRefused> {
    let source = TypedImageRef::<P>::from_buffer(source_width, source_height, from)
        .map_err(ImageRefused::not_converted)?;
    let mut target =
        TypedImage::<P>::from_buffer(width, height, to).map_err(ImageRefused::not_converted)?;
    let filter = if width <= source_width && height <= source_height {
        FilterType::Box
    } else {
        FilterType::CatmullRom
    };
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
    Resizer::new()
        .resize_typed(&source, &mut target, &options)
        .map_err(ImageRefused::not_converted)
}

/// A small upright JPEG whose longest side has at most `longest_px`; a smaller picture is not enlarged.
pub fn thumbnail(image: &EncodedImage, longest_px: u32) -> Result<Vec<u8>, ImageRefused> {
    let pixels = decode_rgb_scaled(image, longest_px)?;
    let (width, height) = scaled_to(pixels.dimensions(), longest_px);
    encode_jpeg(&resize_rgb(&pixels, width, height)?, THUMBNAIL_QUALITY)
}

/// The size at which the longest side has at most `longest_px`; never larger.
pub(crate) fn scaled_to((width, height): (u32, u32), longest_px: u32) -> (u32, u32) {
    let longest = width.max(height);
    if longest <= longest_px {
        return (width, height);
    }
    let scaled = |side: u32| {
        let side = f64::from(side) * f64::from(longest_px) / f64::from(longest);
        (side.round() as u32).max(1)
    };
    (scaled(width), scaled(height))
}
