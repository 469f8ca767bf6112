use crate::{
    header::{self, Header},
    refusal::ImageRefused,
};
use image::{
    DynamicImage, GrayImage, RgbImage,
    codecs::{png::PngDecoder, webp::WebPDecoder},
    metadata::Orientation,
};
use std::io::Cursor;
use turbojpeg::{Decompressor, Image, PixelFormat, ScalingFactor};
use wiko_core::image::{EncodedImage, ImageFormat};

/// A progressive JPEG may ask for any number of passes over the picture; none needs more than this.
const MAX_SCANS: u32 = 100;

/// The upright pixels in colour.
pub fn decode_rgb(image: &EncodedImage) -> Result<RgbImage, ImageRefused> {
    let header = header::read(image.bytes())?;
    let pixels = match header.format {
        ImageFormat::Jpeg => {
            DynamicImage::ImageRgb8(JpegDecoder::new()?.decode_rgb(image.bytes())?)
        }
        ImageFormat::Png | ImageFormat::Webp => decode_other(image.bytes(), header.format)?,
    };
    Ok(upright(pixels, header.orientation).into_rgb8())
}

/// The upright pixels in grey. A JPEG's colour is not even decoded.
pub fn decode_luma(image: &EncodedImage) -> Result<GrayImage, ImageRefused> {
    let header = header::read(image.bytes())?;
    let pixels = match header.format {
        ImageFormat::Jpeg => {
            DynamicImage::ImageLuma8(JpegDecoder::new()?.decode_luma(image.bytes())?)
        }
        ImageFormat::Png | ImageFormat::Webp => decode_other(image.bytes(), header.format)?,
    };
    Ok(upright(pixels, header.orientation).into_luma8())
}

/// Colour as the grey that a JPEG holds of it (ITU-R BT.601), in whole numbers: a 4K frame takes milliseconds.
pub fn luma_of(pixels: &RgbImage) -> GrayImage {
    let (width, height) = pixels.dimensions();
    let mut luma = GrayImage::new(width, height);
    luma_row_of(pixels.as_raw(), &mut luma);
    luma
}

/// The same of any number of pixels, three bytes each.
pub(crate) fn luma_row_of(rgb: &[u8], luma: &mut [u8]) {
    for (grey, [r, g, b]) in luma.iter_mut().zip(rgb.as_chunks::<3>().0) {
        *grey = ((77 * u32::from(*r) + 150 * u32::from(*g) + 29 * u32::from(*b)) >> 8) as u8;
    }
}

/// The upright pixels in colour, perhaps smaller: a JPEG is decoded straight to the smallest of ½, ¼
/// and ⅛ whose longest side still has `at_least_px`, which costs a fraction. Other formats come whole.
pub fn decode_rgb_scaled(image: &EncodedImage, at_least_px: u32) -> Result<RgbImage, ImageRefused> {
    let header = header::read(image.bytes())?;
    if header.format != ImageFormat::Jpeg {
        return decode_rgb(image);
    }
    let longest_px = header.stored_width_px.max(header.stored_height_px) as usize;
    let scale = [8, 4, 2]
        .map(|denominator| ScalingFactor::new(1, denominator))
        .into_iter()
        .find(|scale| scale.scale(longest_px) >= at_least_px as usize)
        .unwrap_or(ScalingFactor::ONE);
    let pixels = JpegDecoder::new()?.decode_rgb_at(image.bytes(), scale)?;
    Ok(upright(DynamicImage::ImageRgb8(pixels), header.orientation).into_rgb8())
}

/// Decodes every pixel and throws them away: shows damage and nothing else.
pub(crate) fn decode_strictly(bytes: &[u8], header: &Header) -> Result<(), ImageRefused> {
    match header.format {
        // Damage shows in the entropy coding, of which grey decodes all and converts the least.
        ImageFormat::Jpeg => JpegDecoder::new()?.decode_luma(bytes).map(drop),
        ImageFormat::Png | ImageFormat::Webp => decode_other(bytes, header.format).map(drop),
    }
}

fn decode_other(bytes: &[u8], format: ImageFormat) -> Result<DynamicImage, ImageRefused> {
    let cursor = Cursor::new(bytes);
    match format {
        ImageFormat::Png => PngDecoder::new(cursor).and_then(DynamicImage::from_decoder),
        _ => WebPDecoder::new(cursor).and_then(DynamicImage::from_decoder),
    }
    .map_err(ImageRefused::damaged)
}

fn upright(mut pixels: DynamicImage, orientation: Orientation) -> DynamicImage {
    pixels.apply_orientation(orientation);
    pixels
}

/// Decodes one JPEG after the other, strictly: a warning of the decoder is a refusal. Pixels come as
/// stored; for a camera's own frames, which carry no orientation.
pub struct JpegDecoder(Decompressor);

impl JpegDecoder {
    /// Ready to decode.
    pub fn new() -> Result<Self, ImageRefused> {
        let mut decompressor = Decompressor::new().map_err(ImageRefused::not_converted)?;
        decompressor
            .set_scan_limit(MAX_SCANS)
            .map_err(ImageRefused::not_converted)?;
        Ok(Self(decompressor))
    }

    /// The stored pixels in colour.
    pub fn decode_rgb(&mut self, jpeg: &[u8]) -> Result<RgbImage, ImageRefused> {
        self.decode_rgb_at(jpeg, ScalingFactor::ONE)
    }

    /// The stored pixels in grey.
    pub fn decode_luma(&mut self, jpeg: &[u8]) -> Result<GrayImage, ImageRefused> {
        let (pixels, width_px, height_px) =
            self.decode(jpeg, PixelFormat::GRAY, ScalingFactor::ONE)?;
        GrayImage::from_raw(width_px, height_px, pixels).ok_or_else(wrong_length)
    }

    fn decode_rgb_at(
        &mut self,
        jpeg: &[u8],
        scale: ScalingFactor,
    ) -> Result<RgbImage, ImageRefused> {
        let (pixels, width_px, height_px) = self.decode(jpeg, PixelFormat::RGB, scale)?;
        RgbImage::from_raw(width_px, height_px, pixels).ok_or_else(wrong_length)
    }

    fn decode(
        &mut self,
        jpeg: &[u8],
        format: PixelFormat,
        scale: ScalingFactor,
    ) -> Result<(Vec<u8>, u32, u32), ImageRefused> {
        let decoded = self.try_decode(jpeg, format, scale);
        if decoded.is_err() {
            // After a damaged picture libjpeg-turbo may answer with the size of that one for the next:
            // a decompressor that has refused is not used again.
            *self = Self::new()?;
        }
        decoded
    }

    fn try_decode(
        &mut self,
        jpeg: &[u8],
        format: PixelFormat,
        scale: ScalingFactor,
    ) -> Result<(Vec<u8>, u32, u32), ImageRefused> {
        let header = self.0.read_header(jpeg).map_err(ImageRefused::damaged)?;
        // Streams come here without the checks of `inspect`.
        let (width_px, height_px) =
            header::checked_size(scale.scale(header.width), scale.scale(header.height))?;
        self.0
            .set_scaling_factor(scale)
            .map_err(ImageRefused::not_converted)?;
        let (width, height) = (width_px as usize, height_px as usize);
        let pitch = width * format.size();
        let mut pixels = vec![0; pitch * height];
        self.0
            .decompress(
                jpeg,
                Image {
                    pixels: &mut pixels[..],
                    width,
                    pitch,
                    height,
                    format,
                },
            )
            .map_err(ImageRefused::damaged)?;
        Ok((pixels, width_px, height_px))
    }
}

fn wrong_length() -> ImageRefused {
    ImageRefused::not_converted("the decoder gave another number of bytes than it said")
}
