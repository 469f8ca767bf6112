//! From a frame to the file that is inspected, and to the one that is shown live.

use crate::{refusal::ImageRefused, resize::thumbnail};
use std::sync::Arc;
use wiko_core::camera::{CameraTag, Frame, FramePicture, Shot};

/// The frame as it goes to disk. A file is taken as it is; pixels become a JPEG that loses nothing an analyzer could see.
pub fn shot_of(frame: &Frame) -> Result<Shot, ImageRefused> {
    let image = match &frame.picture {
        FramePicture::Encoded(image) => image.clone(),
        FramePicture::Raw(_) => {
            return Err(ImageRefused::not_converted("raw pixels"));
        }
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

/// The frame as JPEG for the live picture: a camera's own where it is at most `widest_px` wide, else one whose longest
/// edge is `smaller_px`.
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
        FramePicture::Raw(_) => Err(ImageRefused::not_converted("raw pixels")),
    }
}
