//! Pixels as sensors give them, in grey and in colour.
//!
//! Invariants:
//! - The size is judged before anything is allocated.
//! - Rows begin where the stride says; what pads them is never looked at.
//! - Of levels with more than 8 bits the upper 8 are taken: what a file and a screen can hold. Nothing is stretched, so that
//!   white here is white on the sensor.

mod bayer;
mod mono;
mod rows;
mod small;
mod yuv;

use crate::{header::checked_size, refusal::ImageRefused};
use image::{GrayImage, RgbImage};
use rows::Rows;
use wiko_core::camera::{PixelFormat, RawImage};

pub(crate) use small::{luma_at_least, rgb_at_least};

/// The picture in grey; of a colour camera as a JPEG would hold it.
pub fn luma_of_raw(raw: &RawImage) -> Result<GrayImage, ImageRefused> {
    let (width, height) = checked(raw)?;
    let mut luma = GrayImage::new(width, height);
    let mut rows = Rows::of(raw);
    for (y, row) in luma.chunks_exact_mut(width as usize).enumerate() {
        rows.luma(y, row)?;
    }
    Ok(luma)
}

/// The picture in colour; of a camera without colour in three equal greys.
pub fn rgb_of_raw(raw: &RawImage) -> Result<RgbImage, ImageRefused> {
    let (width, height) = checked(raw)?;
    let mut rgb = RgbImage::new(width, height);
    if is_yuv(raw.format()) {
        yuv::rgb_rows(raw, 0, &mut rgb)?;
        return Ok(rgb);
    }
    let mut rows = Rows::of(raw);
    for (y, row) in rgb.chunks_exact_mut(3 * width as usize).enumerate() {
        rows.rgb(y, row)?;
    }
    Ok(rgb)
}

/// Pixels across and down, where so many are taken.
pub(crate) fn checked(raw: &RawImage) -> Result<(u32, u32), ImageRefused> {
    checked_size(raw.width_px() as usize, raw.height_px() as usize)
}

fn is_yuv(format: PixelFormat) -> bool {
    matches!(
        format,
        PixelFormat::YUV422Yuyv8 | PixelFormat::YUV422Uyvy8 | PixelFormat::NV12
    )
}
