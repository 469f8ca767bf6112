//! From a frame to the file that is inspected, and to the one that is shown live.

use crate::{
    decode::{decode_rgb_scaled, luma_of},
    encode::{JpegEncoder, Pixels},
    inspect::inspect_trusted,
    raw::{checked, luma_at_least, luma_of_raw, rgb_at_least, rgb_of_raw},
    refusal::{ImageRefused, MAX_BYTES},
    resize::{resize_luma, resize_rgb, scaled_to, thumbnail},
};
use image::GrayImage;
use std::sync::Arc;
use turbojpeg::Subsamp;
use wiko_core::{
    camera::{CameraTag, Frame, FramePicture, PixelFormat, RawImage, Shot},
    image::EncodedImage,
};

/// How well pixels are kept. At 95 what JPEG changes is about a level, less than the sensor's noise; at 100 files are twice
/// as large and hold the noise. The lower ones are for pictures of so many pixels that they would not fit otherwise: a
/// coarser picture is better than none, and 75 still keeps a scratch.
const QUALITIES: [u8; 4] = [95, 90, 85, 75];
/// Of the live picture.
const LIVE_QUALITY: u8 = 80;

/// The frame as it goes to disk. A file is taken as it is; pixels become a JPEG that loses nothing an analyzer could see.
pub fn shot_of(frame: &Frame) -> Result<Shot, ImageRefused> {
    let image = match &frame.picture {
        FramePicture::Encoded(image) => image.clone(),
        FramePicture::Raw(raw) => jpeg_of(raw)?,
    };
    Ok(Shot {
        camera: CameraTag {
            id: frame.camera.clone(),
            frame_sequence: frame.sequence,
            exposed_at: frame.exposed_at,
            conditions: None,
        },
        image,
    })
}

/// The pixels as JPEG, with as much colour as the sensor gave: none of a grey one, 4:2:0 behind a Bayer filter, which
/// sees each colour in every second row and column at best, and of NV12; 4:2:2 of YUV 4:2:2; 4:4:4 of RGB.
fn jpeg_of(raw: &RawImage) -> Result<EncodedImage, ImageRefused> {
    let (width_px, height_px) = checked(raw)?;
    let unpacked;
    let as_they_are = |format| (&raw.bytes()[..], raw.stride_bytes(), format);
    let (bytes, pitch_bytes, format) = match raw.format() {
        PixelFormat::Mono8 => as_they_are(turbojpeg::PixelFormat::GRAY),
        PixelFormat::RGB8 => as_they_are(turbojpeg::PixelFormat::RGB),
        PixelFormat::BGR8 => as_they_are(turbojpeg::PixelFormat::BGR),
        format if format.is_mono() => {
            unpacked = luma_of_raw(raw)?.into_raw();
            (
                &unpacked[..],
                width_px as usize,
                turbojpeg::PixelFormat::GRAY,
            )
        }
        _ => {
            unpacked = rgb_of_raw(raw)?.into_raw();
            (
                &unpacked[..],
                3 * width_px as usize,
                turbojpeg::PixelFormat::RGB,
            )
        }
    };
    let subsampling = match raw.format() {
        format if format.is_mono() => Subsamp::Gray,
        PixelFormat::RGB8 | PixelFormat::BGR8 => Subsamp::None,
        PixelFormat::YUV422Yuyv8 | PixelFormat::YUV422Uyvy8 => Subsamp::Sub2x1,
        _ => Subsamp::Sub2x2,
    };
    let pixels = Pixels {
        bytes,
        width: width_px as usize,
        height: height_px as usize,
        pitch_bytes,
        format,
    };
    let mut size_bytes = 0;
    for quality in QUALITIES {
        let jpeg = JpegEncoder::new(quality)?.encode_pixels(pixels, subsampling)?;
        size_bytes = jpeg.len() as u64;
        if size_bytes < MAX_BYTES {
            return inspect_trusted(jpeg);
        }
    }
    Err(ImageRefused::TooDetailed {
        width_px,
        height_px,
        size_bytes,
    })
}

/// The frame as JPEG for the live picture: a camera's own where it is at most `widest_px` wide, else one whose longest
/// edge is at most `smaller_px`; one of raw pixels always is, and behind a Bayer filter at most half the size where it is
/// smaller at all.
pub fn live_jpeg(
    picture: &FramePicture,
    widest_px: u32,
    smaller_px: u32,
) -> Result<Arc<[u8]>, ImageRefused> {
    match picture {
        FramePicture::Encoded(image) if image.facts().width_px <= widest_px => {
            Ok(image.bytes().clone())
        }
        FramePicture::Encoded(image) => Ok(thumbnail(image, smaller_px)?.into()),
        // Encoding costs by the pixel, so that it is made small before. Setting up an encoder costs next to nothing.
        FramePicture::Raw(raw) => small_jpeg(raw, smaller_px).map(Arc::from),
    }
}

/// The frame in grey and small, its longest edge still `at_least_px` where it is as large: enough to see whether a part
/// lies there. Costs a fraction of the whole picture.
pub fn small_luma(picture: &FramePicture, at_least_px: u32) -> Result<GrayImage, ImageRefused> {
    match picture {
        FramePicture::Encoded(image) => Ok(luma_of(&decode_rgb_scaled(image, at_least_px)?)),
        FramePicture::Raw(raw) => luma_at_least(raw, at_least_px),
    }
}

fn small_jpeg(raw: &RawImage, longest_px: u32) -> Result<Vec<u8>, ImageRefused> {
    let mut encoder = JpegEncoder::new(LIVE_QUALITY)?;
    if raw.format().is_mono() {
        let small = luma_at_least(raw, longest_px)?;
        let (width, height) = scaled_to(small.dimensions(), longest_px);
        encoder.encode_luma(&resize_luma(&small, width, height)?)
    } else {
        let small = rgb_at_least(raw, longest_px)?;
        let (width, height) = scaled_to(small.dimensions(), longest_px);
        encoder.encode(&resize_rgb(&small, width, height)?)
    }
}
