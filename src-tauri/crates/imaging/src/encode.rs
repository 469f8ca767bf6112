use crate::refusal::ImageRefused;
use image::{GrayImage, RgbImage};
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

/// Encodes one picture as JPEG, 4:2:0, at a quality from 1 to 100.
pub fn encode_jpeg(image: &RgbImage, quality: u8) -> Result<Vec<u8>, ImageRefused> {
    JpegEncoder::new(quality)?.encode(image)
}

/// Encodes one picture after the other as JPEG, 4:2:0 or grey.
pub struct JpegEncoder(Compressor);

/// Pixels to encode: rows begin `pitch_bytes` apart.
#[derive(Clone, Copy)]
pub(crate) struct Pixels<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pitch_bytes: usize,
    pub(crate) format: PixelFormat,
}

impl JpegEncoder {
    /// Ready to encode at a quality from 1 to 100.
    pub fn new(quality: u8) -> Result<Self, ImageRefused> {
        let mut encoder = Self(Compressor::new().map_err(ImageRefused::not_converted)?);
        encoder.set_quality(quality)?;
        Ok(encoder)
    }

    pub(crate) fn set_quality(&mut self, quality: u8) -> Result<(), ImageRefused> {
        self.0
            .set_quality(i32::from(quality.clamp(1, 100)))
            .map_err(ImageRefused::not_converted)
    }

    /// The picture as JPEG.
    pub fn encode(&mut self, image: &RgbImage) -> Result<Vec<u8>, ImageRefused> {
        let width = image.width() as usize;
        self.encode_rows(image.as_raw(), width, image.height() as usize, width * 3)
    }

    /// The picture as JPEG of grey alone.
    pub fn encode_luma(&mut self, image: &GrayImage) -> Result<Vec<u8>, ImageRefused> {
        self.encode_pixels(
            Pixels {
                bytes: image.as_raw(),
                width: image.width() as usize,
                height: image.height() as usize,
                pitch_bytes: image.width() as usize,
                format: PixelFormat::GRAY,
            },
            Subsamp::Gray,
        )
    }

    /// A part of a larger picture as JPEG: `rgb` begins with its first pixel, each row begins
    /// `pitch_bytes` after the one before. Saves a copy where a window moves over a scene.
    pub fn encode_rows(
        &mut self,
        rgb: &[u8],
        width: usize,
        height: usize,
        pitch_bytes: usize,
    ) -> Result<Vec<u8>, ImageRefused> {
        self.encode_pixels(
            Pixels {
                bytes: rgb,
                width,
                height,
                pitch_bytes,
                format: PixelFormat::RGB,
            },
            Subsamp::Sub2x2,
        )
    }

    pub(crate) fn encode_pixels(
        &mut self,
        pixels: Pixels<'_>,
        subsampling: Subsamp,
    ) -> Result<Vec<u8>, ImageRefused> {
        let Pixels {
            bytes,
            width,
            height,
            pitch_bytes,
            format,
        } = pixels;
        let row_bytes = width.saturating_mul(format.size());
        let needed = height
            .checked_sub(1)
            .and_then(|rows| rows.checked_mul(pitch_bytes)?.checked_add(row_bytes));
        let missing = needed.is_none_or(|needed| bytes.len() < needed);
        if width == 0 || pitch_bytes < row_bytes || missing {
            return Err(ImageRefused::not_converted("the rows have no such pixels"));
        }
        let image = Image {
            pixels: bytes,
            width,
            pitch: pitch_bytes,
            height,
            format,
        };
        self.0
            .set_subsamp(subsampling)
            .and_then(|()| self.0.compress_to_vec(image))
            .map_err(ImageRefused::not_converted)
    }
}
