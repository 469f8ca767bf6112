//! Where the JPEG in a buffer of an MJPEG camera begins and ends.
//!
//! Invariants:
//! - The bytes between are passed on untouched; what a driver or a library left behind the end is cut off.
//! - A buffer without a beginning, without an end or without a picture between is refused, never mended.

use wiko_core::image::EncodedImage;
use wiko_imaging::inspect;
#[cfg(any(test, target_os = "linux"))]
use wiko_imaging::inspect_trusted;

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;

/// The picture of a buffer that holds one frame and nothing of the one before it. The refusal is for people.
#[cfg(any(test, target_os = "linux"))]
pub(crate) fn picture(
    buffer: &[u8],
    width_px: u32,
    height_px: u32,
) -> Result<EncodedImage, String> {
    let end = end_of(buffer)?;
    let image = inspect_trusted(&buffer[..end]).map_err(|refused| refused.to_string())?;
    of_size(image, width_px, height_px)
}

/// The picture of a buffer behind whose frame the rest of an older one may stand: where the frame is torn, that rest ends
/// it, and only decoding every pixel shows so.
pub(crate) fn picture_of_used_buffer(
    buffer: &[u8],
    width_px: u32,
    height_px: u32,
) -> Result<EncodedImage, String> {
    let end = end_of(buffer)?;
    let image = inspect(&buffer[..end]).map_err(|refused| refused.to_string())?;
    of_size(image, width_px, height_px)
}

fn of_size(image: EncodedImage, width_px: u32, height_px: u32) -> Result<EncodedImage, String> {
    let (have_width, have_height) = (image.facts().width_px, image.facts().height_px);
    if (have_width, have_height) != (width_px, height_px) {
        return Err(format!(
            "the JPEG is {have_width}x{have_height}, and {width_px}x{height_px} was agreed with the camera"
        ));
    }
    Ok(image)
}

/// How many bytes the JPEG at the buffer's beginning has. Segments are skipped by their length, as a thumbnail in one of
/// them has an end of its own.
fn end_of(buffer: &[u8]) -> Result<usize, String> {
    if buffer.is_empty() {
        return Err("the frame is empty".to_owned());
    }
    if !buffer.starts_with(&[0xff, START_OF_IMAGE]) {
        return Err("the frame does not begin like a JPEG".to_owned());
    }
    let torn = || format!("the JPEG is torn: no end within {} bytes", buffer.len());
    let mut at = 2;
    let mut scans = 0;
    loop {
        // Any number of fill bytes may stand before a marker.
        while buffer.get(at) == Some(&0xff) && buffer.get(at + 1) == Some(&0xff) {
            at += 1;
        }
        let (Some(0xff), Some(marker)) = (buffer.get(at), buffer.get(at + 1)) else {
            return Err(torn());
        };
        at += 2;
        match *marker {
            END_OF_IMAGE if scans == 0 => return Err("the JPEG holds no picture".to_owned()),
            END_OF_IMAGE => return Ok(at),
            // A second beginning: the rest of this picture never came.
            START_OF_IMAGE => return Err(torn()),
            _ => {}
        }
        let (Some(high), Some(low)) = (buffer.get(at), buffer.get(at + 1)) else {
            return Err(torn());
        };
        at += usize::from(u16::from_be_bytes([*high, *low])).max(2);
        if *marker == START_OF_SCAN {
            scans += 1;
            at = after_scan(buffer, at).ok_or_else(torn)?;
        }
    }
}

/// The next marker behind coded pixels: in them 0xff is followed by a zero or a restart marker.
fn after_scan(buffer: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        at += buffer.get(at..)?.iter().position(|byte| *byte == 0xff)?;
        match buffer.get(at + 1)? {
            0 | 0xd0..=0xd7 => at += 2,
            0xff => at += 1,
            _ => return Some(at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg() -> Vec<u8> {
        let pixels = image::RgbImage::from_fn(64, 48, |x, y| {
            image::Rgb([(x * 4) as u8, (y * 5) as u8, (x * y) as u8])
        });
        wiko_imaging::encode_jpeg(&pixels, 85).unwrap()
    }

    fn refused(buffer: &[u8]) -> String {
        picture(buffer, 64, 48).unwrap_err()
    }

    #[test]
    fn what_stands_behind_the_end_is_cut_off_and_the_rest_is_untouched() {
        let whole = jpeg();
        for behind in [
            &[][..],
            &[0; 4096],
            &[0xff, 0xd9],
            b"garbage \xff\xd8\xff\xd9 and more",
        ] {
            let buffer = [&whole[..], behind].concat();
            let image = picture(&buffer, 64, 48).unwrap();
            assert_eq!(image.bytes()[..], whole[..]);
        }
    }

    #[test]
    fn a_thumbnail_does_not_end_the_picture() {
        let whole = jpeg();
        let mut segment = vec![0xff, 0xe1];
        segment.extend(u16::try_from(whole.len() + 2).unwrap().to_be_bytes());
        segment.extend(&whole);
        let with_thumbnail = [&whole[..2], &segment, &whole[2..]].concat();
        let image = picture(&with_thumbnail, 64, 48).unwrap();
        assert_eq!(image.bytes()[..], with_thumbnail[..]);
    }

    #[test]
    fn a_picture_cut_anywhere_is_torn() {
        let whole = jpeg();
        for length in 1..whole.len() {
            assert!(picture(&whole[..length], 64, 48).is_err(), "{length} bytes");
            // As drivers hand it over: the rest of the buffer is what it was before.
            let mut padded = whole[..length].to_vec();
            padded.resize(whole.len() + 64, 0);
            assert!(
                picture(&padded, 64, 48).is_err(),
                "{length} bytes and zeros"
            );
        }
        assert!(refused(&whole[..whole.len() / 2]).contains("torn"));
    }

    #[test]
    fn a_frame_that_runs_into_the_next_is_torn() {
        let whole = jpeg();
        let spliced = [&whole[..whole.len() - 40], &whole].concat();
        assert!(refused(&spliced).contains("torn"));
    }

    #[test]
    fn a_torn_frame_that_the_rest_of_an_older_one_ends_is_found_by_decoding() {
        let old = jpeg();
        for torn_at in [old.len() / 2, old.len() * 3 / 4] {
            // The older frame was brighter and busier, so its bytes are others.
            let pixels = image::RgbImage::from_fn(64, 48, |x, y| {
                image::Rgb([(x * 37 + y * 91) as u8, (x * y) as u8, 255 - y as u8])
            });
            let new = wiko_imaging::encode_jpeg(&pixels, 95).unwrap();
            let torn_at = torn_at.min(new.len() - 1);
            let buffer = [&new[..torn_at], &old[torn_at..]].concat();
            let refused = picture_of_used_buffer(&buffer, 64, 48);
            assert!(refused.is_err(), "torn at {torn_at}");
        }
        assert!(picture_of_used_buffer(&[&old[..], &[0; 99]].concat(), 64, 48).is_ok());
    }

    #[test]
    fn an_empty_buffer_and_one_that_holds_something_else_are_named() {
        assert_eq!(refused(&[]), "the frame is empty");
        assert_eq!(refused(&[0; 64]), "the frame does not begin like a JPEG");
        assert_eq!(
            refused(&[0xff, 0xd8, 0xff, 0xd9]),
            "the JPEG holds no picture"
        );
    }

    #[test]
    fn a_picture_of_another_size_is_refused() {
        let why = picture(&jpeg(), 640, 480).unwrap_err();
        assert!(why.contains("64x48") && why.contains("640x480"), "{why}");
    }
}
