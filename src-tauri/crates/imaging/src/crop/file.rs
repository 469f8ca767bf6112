use super::{CropRefused, Cropped, Recoded, grown};
use crate::{
    decode::decode_rgb,
    encode::{JpegEncoder, Pixels},
    header,
    refusal::ImageRefused,
};
use image::{RgbImage, metadata::Orientation};
use turbojpeg::{PixelFormat, Subsamp, Transform, TransformCrop, Transformer};
use wiko_core::{
    geometry::BoxPx,
    image::{EncodedImage, ImageFormat},
};

/// Where pixels are encoded again. What JPEG changes at 95 is about a level, less than a sensor's noise.
const QUALITY: u8 = 95;

/// The region of a picture that is a file. Of a JPEG, as cameras give it, whole blocks are taken over as they are, and
/// nothing is lost; its region begins with a block and ends with one, or with the picture.
pub fn crop_file(
    image: &EncodedImage,
    region: BoxPx,
) -> Result<Cropped<EncodedImage>, CropRefused> {
    let header = header::read(image.bytes())?;
    let size_px = header.upright_size();
    // What is wrong with the region is said before anything is decoded.
    let asked = grown(region, size_px, (1, 1))?;
    if header.format != ImageFormat::Jpeg {
        return recoded(image, asked, Recoded::NoBlocks);
    }
    if header.orientation != Orientation::NoTransforms {
        return recoded(image, asked, Recoded::Turned);
    }
    let sampling = turbojpeg::read_header(image.bytes())
        .map_err(ImageRefused::damaged)?
        .subsamp;
    if sampling == Subsamp::Unknown {
        return recoded(image, asked, Recoded::Sampling);
    }
    // At most 32 pixels each way.
    let steps = (sampling.mcu_width() as u32, sampling.mcu_height() as u32);
    let region = grown(region, size_px, steps)?;
    let mut transform = Transform::default();
    transform.crop = Some(TransformCrop {
        x: region.x as usize,
        y: region.y as usize,
        width: Some(region.width as usize),
        height: Some(region.height as usize),
    });
    // Thumbnails and the like would go on showing all of it.
    transform.copy_none = true;
    let mut transformer = Transformer::new().map_err(ImageRefused::not_converted)?;
    let jpeg = transformer
        .transform_to_vec(&transform, image.bytes())
        .map_err(ImageRefused::damaged)?;
    Ok(Cropped {
        picture: file(jpeg, region),
        region,
        recoded: None,
    })
}

fn recoded(
    image: &EncodedImage,
    region: BoxPx,
    why: Recoded,
) -> Result<Cropped<EncodedImage>, CropRefused> {
    let pixels: RgbImage = decode_rgb(image)?;
    let pitch_bytes = 3 * pixels.width() as usize;
    let first = region.y as usize * pitch_bytes + 3 * region.x as usize;
    let jpeg = JpegEncoder::new(QUALITY)?.encode_pixels(
        Pixels {
            bytes: &pixels.as_raw()[first..],
            width: region.width as usize,
            height: region.height as usize,
            pitch_bytes,
            format: PixelFormat::RGB,
        },
        // As much colour as there is.
        Subsamp::None,
    )?;
    Ok(Cropped {
        picture: file(jpeg, region),
        region,
        recoded: Some(why),
    })
}

fn file(jpeg: Vec<u8>, region: BoxPx) -> EncodedImage {
    EncodedImage::of(jpeg, ImageFormat::Jpeg, region.width, region.height)
}
