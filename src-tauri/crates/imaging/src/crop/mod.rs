//! A region of a picture, for cameras that cannot be told to give no more: what lies outside of it is not inspected.
//!
//! Invariants:
//! - A region is in pixels of the upright picture. One that is empty or leaves the picture is refused, never clamped.
//! - It grows outward to where pixels can be cut apart without any being made up: squares of a Bayer filter, pairs that share
//!   their colour, groups that share bytes, blocks of a JPEG. What was cut is told, since boxes and calibrations are in it.
//! - Pixels are kept as the camera gave them. Where a file has to be decoded and encoded again, the reason is told.

mod file;
mod raw;

pub use file::crop_file;
pub use raw::crop_raw;

use crate::refusal::ImageRefused;
use wiko_core::{
    camera::{Frame, FramePicture, RowSpan},
    geometry::BoxPx,
};

/// A region that was cut out of a picture.
#[derive(Debug, Clone)]
pub struct Cropped<T> {
    /// What was cut out.
    pub picture: T,
    /// Where it was: the region that was asked for, grown outward.
    pub region: BoxPx,
    /// Why its pixels are not quite those of the camera; none where they are.
    pub recoded: Option<Recoded>,
}

/// Why a file was decoded, cut and encoded again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Recoded {
    /// The region is of the upright picture, and the file holds it turned.
    #[error("the file says that its picture is to be turned, and was encoded again upright")]
    Turned,
    /// PNG and WebP have no blocks.
    #[error("only a JPEG can be cut without being encoded again")]
    NoBlocks,
    /// The codec cuts none of these.
    #[error("the JPEG samples its colours in an unusual way, and was encoded again")]
    Sampling,
}

/// Why there is nothing to cut out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CropRefused {
    /// It has no pixels.
    #[error("the region has {width}×{height} pixels: give it at least one each way")]
    Empty {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
    /// Some of it is not in the picture.
    #[error(
        "the region of {}×{} pixels at {}, {} leaves the picture of {width_px}×{height_px}: choose one within it",
        region.width, region.height, region.x, region.y
    )]
    Outside {
        /// As asked for.
        region: BoxPx,
        /// Pixels across of the picture.
        width_px: u32,
        /// Pixels down.
        height_px: u32,
    },
    /// It is the picture's fault.
    #[error(transparent)]
    Picture(#[from] ImageRefused),
}

/// The region of a frame, with the rows of it that never came.
pub fn crop_frame(frame: &Frame, region: BoxPx) -> Result<Cropped<Frame>, CropRefused> {
    let (picture, region, recoded) = match &frame.picture {
        FramePicture::Raw(raw) => {
            let cut = crop_raw(raw, region)?;
            (FramePicture::Raw(cut.picture), cut.region, cut.recoded)
        }
        FramePicture::Encoded(image) => {
            let cut = crop_file(image, region)?;
            (FramePicture::Encoded(cut.picture), cut.region, cut.recoded)
        }
    };
    let within = |span: &RowSpan| {
        let (from, until) = (
            span.from.max(region.y),
            span.until.min(region.y + region.height),
        );
        (from < until).then(|| RowSpan {
            from: from - region.y,
            until: until - region.y,
        })
    };
    Ok(Cropped {
        picture: Frame {
            picture,
            invalid_rows: frame.invalid_rows.iter().filter_map(within).collect(),
            ..frame.clone()
        },
        region,
        recoded,
    })
}

/// The region with edges that are multiples of these steps, or the picture's own.
fn grown(
    region: BoxPx,
    (width_px, height_px): (u32, u32),
    (step_x, step_y): (u32, u32),
) -> Result<BoxPx, CropRefused> {
    if region.width == 0 || region.height == 0 {
        let (width, height) = (region.width, region.height);
        return Err(CropRefused::Empty { width, height });
    }
    if !region.lies_in(width_px, height_px) {
        return Err(CropRefused::Outside {
            region,
            width_px,
            height_px,
        });
    }
    let span = |start: u32, length: u32, step: u32, limit: u32| {
        let from = start - start % step;
        let until = (start + length)
            .checked_next_multiple_of(step)
            .map_or(limit, |until| until.min(limit));
        (from, until - from)
    };
    let (x, width) = span(region.x, region.width, step_x, width_px);
    let (y, height) = span(region.y, region.height, step_y, height_px);
    Ok(BoxPx {
        x,
        y,
        width,
        height,
    })
}
