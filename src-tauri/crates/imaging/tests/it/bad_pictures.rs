//! What is no picture, too large, damaged or of a kind that is not taken is refused with its reason.

use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage, codecs::png::PngEncoder};
use std::time::Instant;
use wiko_imaging::{ImageRefused, MAX_BYTES, encode_jpeg, inspect, inspect_trusted};

/// A picture with detail everywhere, so that damage anywhere falls on coded data.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let mixed = x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ (x * y);
        Rgb([(mixed >> 8) as u8, (x % 256) as u8, (y % 256) as u8])
    })
}

fn png(image: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(
            image.as_raw(),
            image.width(),
            image.height(),
            ExtendedColorType::Rgb8,
        )
        .unwrap();
    bytes
}

fn webp(image: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    image::codecs::webp::WebPEncoder::new_lossless(&mut bytes)
        .write_image(
            image.as_raw(),
            image.width(),
            image.height(),
            ExtendedColorType::Rgb8,
        )
        .unwrap();
    bytes
}

fn refusal(bytes: Vec<u8>) -> ImageRefused {
    inspect(bytes).unwrap_err()
}

fn is_damaged(bytes: Vec<u8>) -> bool {
    matches!(inspect(bytes), Err(ImageRefused::Damaged { .. }))
}

/// Overwrites the middle tenth with something that belongs to no format.
fn overwritten(mut bytes: Vec<u8>) -> Vec<u8> {
    let (from, to) = (bytes.len() * 45 / 100, bytes.len() * 55 / 100);
    bytes[from..to].fill(0xab);
    bytes
}

fn cut(mut bytes: Vec<u8>, percent: usize) -> Vec<u8> {
    bytes.truncate(bytes.len() * percent / 100);
    bytes
}

#[test]
fn nothing_and_text_are_no_pictures() {
    for bytes in [vec![], b"hello, I am a knife".to_vec(), vec![0xff, 0xd8]] {
        assert!(matches!(refusal(bytes), ImageRefused::NotAnImage { .. }));
    }
    assert_eq!(
        refusal(vec![]).to_string(),
        "not a picture: the file is empty; JPEG, PNG or WebP is expected"
    );
}

#[test]
fn sixteen_mebibytes_are_too_many_and_one_byte_less_is_looked_at() {
    let mut bytes = encode_jpeg(&picture(64, 64), 85).unwrap();
    // What follows the end of a JPEG is no part of it.
    bytes.resize(MAX_BYTES as usize - 1, 0);
    assert!(inspect(bytes.clone()).is_ok());
    bytes.push(0);
    assert_eq!(
        refusal(bytes),
        ImageRefused::TooLarge {
            size_bytes: MAX_BYTES
        }
    );
}

#[test]
fn a_jpeg_that_is_cut_off_anywhere_is_refused() {
    let bytes = encode_jpeg(&picture(640, 480), 85).unwrap();
    for percent in [1, 10, 50, 60, 90, 99] {
        assert!(is_damaged(cut(bytes.clone(), percent)), "{percent}%");
    }
}

#[test]
fn a_jpeg_that_is_overwritten_in_the_middle_is_refused() {
    let bytes = encode_jpeg(&picture(640, 480), 85).unwrap();
    assert!(is_damaged(overwritten(bytes.clone())));
    let mut zeroed = bytes;
    let middle = zeroed.len() / 2;
    zeroed[middle..middle + 4096].fill(0);
    assert!(is_damaged(zeroed));
}

#[test]
fn a_png_or_webp_that_is_cut_off_is_refused() {
    let image = picture(320, 240);
    for bytes in [png(&image), webp(&image)] {
        assert!(inspect(bytes.clone()).is_ok());
        for percent in [5, 50, 95] {
            assert!(is_damaged(cut(bytes.clone(), percent)), "{percent}%");
        }
    }
}

#[test]
fn a_png_that_is_overwritten_in_the_middle_is_refused() {
    assert!(is_damaged(overwritten(png(&picture(320, 240)))));
}

/// A JPEG's header announces another size than is coded; only the header is read.
fn with_jpeg_size(mut bytes: Vec<u8>, width: u16, height: u16) -> Vec<u8> {
    let at = bytes
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    bytes[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    bytes[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

#[test]
fn thirty_thousand_pixels_square_are_refused_before_any_is_decoded() {
    let jpeg = with_jpeg_size(encode_jpeg(&picture(64, 64), 85).unwrap(), 30_000, 30_000);
    let mut png = png(&picture(64, 64));
    png[16..20].copy_from_slice(&30_000u32.to_be_bytes());
    png[20..24].copy_from_slice(&30_000u32.to_be_bytes());
    for bytes in [jpeg, png] {
        let begun = Instant::now();
        assert_eq!(
            refusal(bytes.clone()),
            ImageRefused::TooManyPixels {
                width_px: 30_000,
                height_px: 30_000
            }
        );
        assert!(inspect_trusted(bytes).is_err());
        // Decoding 900 megapixels takes seconds.
        assert!(begun.elapsed().as_millis() < 500);
    }
}

#[test]
fn a_long_side_is_refused_though_the_area_is_small() {
    let bytes = with_jpeg_size(encode_jpeg(&picture(64, 64), 85).unwrap(), 16_385, 8);
    assert!(matches!(
        refusal(bytes),
        ImageRefused::TooManyPixels {
            width_px: 16_385,
            ..
        }
    ));
}

#[test]
fn a_cmyk_jpeg_is_refused_with_what_to_do() {
    let cmyk = turbojpeg::Image {
        pixels: vec![90u8; 64 * 48 * 4],
        width: 64,
        pitch: 64 * 4,
        height: 48,
        format: turbojpeg::PixelFormat::CMYK,
    };
    let bytes = turbojpeg::compress(cmyk.as_deref(), 85, turbojpeg::Subsamp::None).unwrap();
    assert_eq!(
        refusal(bytes.to_vec()).to_string(),
        "the JPEG has CMYK colours, made for print; export it as RGB"
    );
}

#[test]
fn a_png_of_16_bits_is_refused_with_what_to_do() {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(&[7; 16 * 16 * 2], 16, 16, ExtendedColorType::L16)
        .unwrap();
    assert_eq!(
        refusal(bytes).to_string(),
        "the PNG has 16 bits a channel; export it with 8 bits"
    );
}

/// CRC-32 as PNG wants it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[test]
fn an_animated_png_is_refused() {
    let mut bytes = png(&picture(16, 16));
    // An animation control chunk right behind the header: two frames, for ever.
    let mut chunk = b"acTL".to_vec();
    chunk.extend(2u32.to_be_bytes());
    chunk.extend(0u32.to_be_bytes());
    let crc = crc32(&chunk);
    let whole = [&8u32.to_be_bytes()[..], &chunk, &crc.to_be_bytes()].concat();
    bytes.splice(33..33, whole);
    assert_eq!(
        refusal(bytes).to_string(),
        "the PNG is animated; export a single picture"
    );
}

#[test]
fn an_animated_webp_is_refused() {
    let still = webp(&picture(16, 16));
    // The still picture's VP8L chunk becomes the only frame of an animation.
    let vp8l = &still[12..];
    let chunk = |name: &[u8; 4], body: &[u8]| {
        let mut chunk = name.to_vec();
        chunk.extend((body.len() as u32).to_le_bytes());
        chunk.extend_from_slice(body);
        chunk
    };
    let size = [15, 0, 0];
    let vp8x = chunk(b"VP8X", &[&[0x02, 0, 0, 0][..], &size, &size].concat());
    let anim = chunk(b"ANIM", &[0; 6]);
    let frame = [&[0; 6][..], &size, &size, &[100, 0, 0, 0], vp8l].concat();
    let anmf = chunk(b"ANMF", &frame);
    let body = [&b"WEBP"[..], &vp8x, &anim, &anmf].concat();
    let bytes = chunk(b"RIFF", &body);
    assert_eq!(
        refusal(bytes).to_string(),
        "the WebP is animated; export a single picture"
    );
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]
    #[test]
    fn no_bytes_whatever_make_it_panic(
        magic in 0usize..3, body in proptest::collection::vec(proptest::num::u8::ANY, 0..400),
    ) {
        let image = picture(24, 24);
        let mut bytes = match magic {
            0 => encode_jpeg(&image, 85).unwrap(),
            1 => png(&image),
            _ => webp(&image),
        };
        let at = 12.min(bytes.len());
        let end = (at + body.len()).min(bytes.len());
        bytes.splice(at..end, body);
        let _ = inspect(bytes);
    }
}
