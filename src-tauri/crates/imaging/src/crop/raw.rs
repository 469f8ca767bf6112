use super::{CropRefused, Cropped, grown};
use crate::{raw::checked, refusal::ImageRefused};
use wiko_core::{
    camera::{PixelFormat, RawImage},
    geometry::BoxPx,
};

/// The region of a picture in the pixels of the sensor, without padding.
pub fn crop_raw(raw: &RawImage, region: BoxPx) -> Result<Cropped<RawImage>, CropRefused> {
    let size_px = checked(raw)?;
    let region = grown(region, size_px, steps(raw.format()))?;
    let (format, stride) = (raw.format(), raw.stride_bytes());
    // Edges lie between groups, so that as many bytes lie before them as so many pixels have.
    let (from, length) = (format.row_bytes(region.x), format.row_bytes(region.width));
    let (top, rows) = (region.y as usize, region.height as usize);
    let lines = match format {
        PixelFormat::NV12 => {
            let colours = raw.height_px() as usize + top / 2;
            [top..top + rows, colours..colours + rows.div_ceil(2)]
        }
        _ => [top..top + rows, 0..0],
    };
    let mut bytes =
        Vec::with_capacity(lines.iter().map(ExactSizeIterator::len).sum::<usize>() * length);
    for line in lines.into_iter().flatten() {
        let begin = line * stride + from;
        bytes.extend_from_slice(&raw.bytes()[begin..begin + length]);
    }
    let picture = RawImage::new(format, region.width, region.height, length, bytes)
        .map_err(ImageRefused::not_converted)?
        .with_yuv_range(raw.yuv_range());
    Ok(Cropped {
        picture,
        region,
        recoded: None,
    })
}

/// How many pixels across and down belong together.
fn steps(format: PixelFormat) -> (u32, u32) {
    match format {
        // Moved by one, a filter would begin with another colour.
        format if format.bayer().is_some() => (2, 2),
        PixelFormat::NV12 => (2, 2),
        PixelFormat::YUV422Yuyv8 | PixelFormat::YUV422Uyvy8 => (2, 1),
        PixelFormat::Mono10Packed | PixelFormat::Mono12Packed | PixelFormat::Mono12p => (2, 1),
        PixelFormat::Mono10p => (4, 1),
        _ => (1, 1),
    }
}
