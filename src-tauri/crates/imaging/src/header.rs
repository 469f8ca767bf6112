//! What a picture's header says, and whether its pixels may be decoded at all.

use crate::refusal::{ImageRefused, MAX_BYTES, MAX_PIXELS, MAX_SIDE_PX};
use image::{
    ColorType, ImageDecoder,
    codecs::{jpeg, png::PngDecoder, webp::WebPDecoder},
    metadata::Orientation,
};
use std::io::Cursor;
use wiko_core::image::ImageFormat;

/// The header of a picture that may be decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) format: ImageFormat,
    /// As stored, before the orientation is applied.
    pub(crate) stored_width_px: u32,
    pub(crate) stored_height_px: u32,
    pub(crate) orientation: Orientation,
}

impl Header {
    /// Width and height once upright.
    pub(crate) fn upright_size(&self) -> (u32, u32) {
        match self.orientation {
            Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH => (self.stored_height_px, self.stored_width_px),
            _ => (self.stored_width_px, self.stored_height_px),
        }
    }
}

/// Reads the header and refuses what must not or cannot be decoded. Decodes no pixel.
pub(crate) fn read(bytes: &[u8]) -> Result<Header, ImageRefused> {
    let size_bytes = bytes.len() as u64;
    if size_bytes >= MAX_BYTES {
        return Err(ImageRefused::TooLarge { size_bytes });
    }
    match format_of(bytes)? {
        ImageFormat::Jpeg => read_jpeg(bytes),
        ImageFormat::Png => read_png(bytes),
        ImageFormat::Webp => read_webp(bytes),
    }
}

/// The format by the first bytes; a file's name is not trusted.
pub(crate) fn format_of(bytes: &[u8]) -> Result<ImageFormat, ImageRefused> {
    let refused = |reason| Err(ImageRefused::NotAnImage { reason });
    match bytes {
        [] => refused("the file is empty"),
        [0xff, 0xd8, 0xff, ..] => Ok(ImageFormat::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok(ImageFormat::Png),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Ok(ImageFormat::Webp),
        _ => refused("the file does not begin like one"),
    }
}

fn read_jpeg(bytes: &[u8]) -> Result<Header, ImageRefused> {
    let header = turbojpeg::read_header(bytes).map_err(ImageRefused::damaged)?;
    let (stored_width_px, stored_height_px) = checked_size(header.width, header.height)?;
    if matches!(
        header.colorspace,
        turbojpeg::Colorspace::CMYK | turbojpeg::Colorspace::YCCK
    ) {
        return Err(ImageRefused::Unsupported {
            reason: "the JPEG has CMYK colours, made for print; export it as RGB",
        });
    }
    if header.is_lossless {
        return Err(ImageRefused::Unsupported {
            reason: "the JPEG is of the lossless kind; export it as baseline JPEG or PNG",
        });
    }
    let mut decoder = jpeg::JpegDecoder::new(Cursor::new(bytes)).map_err(ImageRefused::damaged)?;
    Ok(Header {
        format: ImageFormat::Jpeg,
        stored_width_px,
        stored_height_px,
        orientation: decoder.orientation().map_err(ImageRefused::damaged)?,
    })
}

fn read_png(bytes: &[u8]) -> Result<Header, ImageRefused> {
    // The size stands at a fixed place right behind the signature: it is judged before the decoder
    // reads anything.
    let field = |at: usize| {
        let four = bytes.get(at..at + 4)?;
        Some(u32::from_be_bytes(four.try_into().ok()?))
    };
    let (Some(width), Some(height)) = (field(16), field(20)) else {
        return Err(ImageRefused::damaged("the PNG ends in its header"));
    };
    let (stored_width_px, stored_height_px) = checked_size(width as usize, height as usize)?;
    let mut decoder = PngDecoder::new(Cursor::new(bytes)).map_err(ImageRefused::damaged)?;
    if decoder.is_apng().map_err(ImageRefused::damaged)? {
        return Err(ImageRefused::Unsupported {
            reason: "the PNG is animated; export a single picture",
        });
    }
    if matches!(
        decoder.color_type(),
        ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16
    ) {
        return Err(ImageRefused::Unsupported {
            reason: "the PNG has 16 bits a channel; export it with 8 bits",
        });
    }
    Ok(Header {
        format: ImageFormat::Png,
        stored_width_px,
        stored_height_px,
        orientation: decoder.orientation().map_err(ImageRefused::damaged)?,
    })
}

fn read_webp(bytes: &[u8]) -> Result<Header, ImageRefused> {
    // The decoder accepts a file that is shorter than its RIFF header says.
    let announced = bytes
        .get(4..8)
        .and_then(|four| Some(u32::from_le_bytes(four.try_into().ok()?)));
    if announced.is_none_or(|length| bytes.len() as u64 - 8 < u64::from(length)) {
        return Err(ImageRefused::damaged("the WebP is cut off"));
    }
    let mut decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(ImageRefused::damaged)?;
    let (width, height) = decoder.dimensions();
    let (stored_width_px, stored_height_px) = checked_size(width as usize, height as usize)?;
    if decoder.has_animation() {
        return Err(ImageRefused::Unsupported {
            reason: "the WebP is animated; export a single picture",
        });
    }
    Ok(Header {
        format: ImageFormat::Webp,
        stored_width_px,
        stored_height_px,
        orientation: decoder.orientation().map_err(ImageRefused::damaged)?,
    })
}

pub(crate) fn checked_size(width: usize, height: usize) -> Result<(u32, u32), ImageRefused> {
    let clipped = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let (width_px, height_px) = (clipped(width), clipped(height));
    if width_px == 0 || height_px == 0 {
        return Err(ImageRefused::damaged("the picture has no pixels"));
    }
    let pixels = u64::from(width_px) * u64::from(height_px);
    if width_px > MAX_SIDE_PX || height_px > MAX_SIDE_PX || pixels > MAX_PIXELS {
        return Err(ImageRefused::TooManyPixels {
            width_px,
            height_px,
        });
    }
    Ok((width_px, height_px))
}
