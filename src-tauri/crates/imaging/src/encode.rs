use crate::refusal::ImageRefused;
use image::RgbImage;
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

/// Encodes one picture as JPEG, 4:2:0, at a quality from 1 to 100.
pub fn encode_jpeg(image: &RgbImage, quality: u8) -> Result<Vec<u8>, ImageRefused> {
    JpegEncoder::new(quality)?.encode(image)
}

/// Encodes one picture after the other as JPEG, 4:2:0.
pub struct JpegEncoder(Compressor);

impl JpegEncoder {
    /// Ready to encode at a quality from 1 to 100.
    pub fn new(quality: u8) -> Result<Self, ImageRefused> {
        let mut compressor = Compressor::new().map_err(ImageRefused::not_converted)?;
        compressor
            .set_quality(i32::from(quality.clamp(1, 100)))
            .and_then(|()| compressor.set_subsamp(Subsamp::Sub2x2))
            .map_err(ImageRefused::not_converted)?;
        Ok(Self(compressor))
    }

    /// The picture as JPEG.
    pub fn encode(&mut self, image: &RgbImage) -> Result<Vec<u8>, ImageRefused> {
        let width = image.width() as usize;
        self.encode_rows(image.as_raw(), width, image.height() as usize, width * 3)
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
        let row_bytes = width.saturating_mul(3);
        let needed = height
            .checked_sub(1)
            .and_then(|rows| rows.checked_mul(pitch_bytes)?.checked_add(row_bytes));
        if width == 0 || pitch_bytes < row_bytes || needed.is_none_or(|needed| rgb.len() < needed) {
            return Err(ImageRefused::not_converted("the rows have no such pixels"));
        }
        self.0
            .compress_to_vec(Image {
                pixels: rgb,
                width,
                pitch: pitch_bytes,
                height,
                format: PixelFormat::RGB,
            })
            .map_err(ImageRefused::not_converted)
    }
}
