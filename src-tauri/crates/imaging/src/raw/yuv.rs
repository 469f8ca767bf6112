//! Y, U and V as ITU-R BT.601 weighs them, which cameras and JPEG mean alike.

use crate::refusal::ImageRefused;
use wiko_core::camera::{PixelFormat, RawImage, YuvRange};
use yuv::{YuvBiPlanarImage, YuvConversionMode, YuvPackedImage, YuvStandardMatrix};

fn range_of(raw: &RawImage) -> yuv::YuvRange {
    match raw.yuv_range() {
        YuvRange::Limited => yuv::YuvRange::Limited,
        YuvRange::Full => yuv::YuvRange::Full,
    }
}

/// A row of grey from the bytes of a row: of `NV12` of the Y.
pub(super) fn luma_row(raw: &RawImage, row: &[u8], luma: &mut [u8]) {
    match raw.format() {
        PixelFormat::YUV422Yuyv8 => every_second(row, 0, luma),
        PixelFormat::YUV422Uyvy8 => every_second(row, 1, luma),
        _ => luma.copy_from_slice(&row[..luma.len()]),
    }
    if raw.yuv_range() == YuvRange::Limited {
        for level in luma {
            // 255/219 in fixed point; half a step rounds.
            let above_black = u32::from(level.saturating_sub(16));
            *level = ((above_black * 76_309 + 32_768) >> 16).min(255) as u8;
        }
    }
}

fn every_second(row: &[u8], first: usize, luma: &mut [u8]) {
    for (level, pair) in luma.iter_mut().zip(row.as_chunks::<2>().0) {
        *level = pair[first];
    }
}

/// Rows from `from` on in colour, as many as `rgb` has room for; of `NV12` from an even one.
///
/// The library passes over a last row that has no padding where the others have some, and leaves it black, so that this
/// one is always converted by itself.
pub(super) fn rgb_rows(raw: &RawImage, from: usize, rgb: &mut [u8]) -> Result<(), ImageRefused> {
    let out_row = 3 * raw.width_px() as usize;
    let rows = rgb.len() / out_row;
    if raw.format() == PixelFormat::NV12 {
        let last = from + rows - if rows.is_multiple_of(2) { 2 } else { 1 };
        let (body, end) = rgb.split_at_mut((last - from) * out_row);
        nv12_body(raw, from, body)?;
        return nv12_end(raw, last, end);
    }
    let stride = raw.stride_bytes();
    let row_bytes = raw.format().row_bytes(raw.width_px());
    let last = from + rows - 1;
    let (body, end) = rgb.split_at_mut((rows - 1) * out_row);
    if rows > 1 {
        packed(
            raw,
            &raw.bytes()[from * stride..last * stride],
            stride,
            body,
        )?;
    }
    packed(
        raw,
        &raw.bytes()[last * stride..last * stride + row_bytes],
        row_bytes,
        end,
    )
}

fn packed(raw: &RawImage, bytes: &[u8], stride: usize, rgb: &mut [u8]) -> Result<(), ImageRefused> {
    let image = YuvPackedImage {
        yuy: bytes,
        yuy_stride: stride as u32,
        width: raw.width_px(),
        height: (bytes.len() / stride) as u32,
    };
    let convert = match raw.format() {
        PixelFormat::YUV422Uyvy8 => yuv::uyvy422_to_rgb,
        _ => yuv::yuyv422_to_rgb,
    };
    convert(
        &image,
        rgb,
        3 * raw.width_px(),
        range_of(raw),
        YuvStandardMatrix::Bt601,
    )
    .map_err(ImageRefused::not_converted)
}

/// An even number of rows that others follow, so that all are padded alike.
fn nv12_body(raw: &RawImage, from: usize, rgb: &mut [u8]) -> Result<(), ImageRefused> {
    let rows = rgb.len() / (3 * raw.width_px() as usize);
    if rows == 0 {
        return Ok(());
    }
    let stride = raw.stride_bytes();
    let colours = raw.height_px() as usize + from / 2;
    nv12(
        raw,
        &raw.bytes()[from * stride..(from + rows) * stride],
        &raw.bytes()[colours * stride..(colours + rows / 2) * stride],
        (stride, rows),
        rgb,
    )
}

/// One row or two, with their row of colour.
fn nv12_end(raw: &RawImage, from: usize, rgb: &mut [u8]) -> Result<(), ImageRefused> {
    let rows = rgb.len() / (3 * raw.width_px() as usize);
    let (stride, tight) = (raw.stride_bytes(), raw.format().row_bytes(raw.width_px()));
    let row = |y: usize| &raw.bytes()[y * stride..y * stride + tight];
    let luma: Vec<u8> = (from..from + rows).flat_map(row).copied().collect();
    let colours = row(raw.height_px() as usize + from / 2);
    nv12(raw, &luma, colours, (tight, rows), rgb)
}

fn nv12(
    raw: &RawImage,
    luma: &[u8],
    colours: &[u8],
    (stride, rows): (usize, usize),
    rgb: &mut [u8],
) -> Result<(), ImageRefused> {
    let image = YuvBiPlanarImage {
        y_plane: luma,
        y_stride: stride as u32,
        uv_plane: colours,
        uv_stride: stride as u32,
        width: raw.width_px(),
        height: rows as u32,
    };
    let (range, matrix) = (range_of(raw), YuvStandardMatrix::Bt601);
    let mode = YuvConversionMode::Balanced;
    yuv::yuv_nv12_to_rgb(&image, rgb, 3 * raw.width_px(), range, matrix, mode)
        .map_err(ImageRefused::not_converted)
}
