//! Pictures that are taken keep their pixels, and come upright.

use image::{
    DynamicImage, ExtendedColorType, GrayImage, ImageEncoder, Rgb, RgbImage,
    codecs::png::PngEncoder, metadata::Orientation,
};
use wiko_core::image::{ImageFormat, Sha256};
use wiko_imaging::{
    JpegDecoder, JpegEncoder, decode_luma, decode_rgb, decode_rgb_scaled, encode_jpeg, inspect,
    inspect_trusted, luma_of, resize_rgb, thumbnail,
};

/// Smooth, and different in each corner: what JPEG keeps, and what shows a wrong orientation.
fn gradient(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([
            (x * 255 / width) as u8,
            (y * 255 / height) as u8,
            ((x + y) * 127 / (width + height)) as u8,
        ])
    })
}

fn worst_difference(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

/// The EXIF block with nothing but an orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x01\0".to_vec();
    tiff.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
    tiff.extend([0; 4]);
    tiff
}

fn jpeg_with_exif(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let block = [b"Exif\0\0".to_vec(), exif(orientation)].concat();
    let length = u16::try_from(block.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &block, &jpeg[2..]].concat()
}

#[test]
fn each_of_the_eight_orientations_of_a_jpeg_comes_upright() {
    let stored = gradient(96, 64);
    let jpeg = encode_jpeg(&stored, 95).unwrap();
    for code in 1..=8 {
        let mut expected = DynamicImage::ImageRgb8(stored.clone());
        expected.apply_orientation(Orientation::from_exif(code).unwrap());
        let image = inspect(jpeg_with_exif(&jpeg, code)).unwrap();
        let size = (image.facts().width_px, image.facts().height_px);
        assert_eq!(size, (expected.width(), expected.height()), "{code}");
        let rgb = decode_rgb(&image).unwrap();
        assert_eq!(rgb.dimensions(), size);
        assert!(
            worst_difference(rgb.as_raw(), expected.to_rgb8().as_raw()) < 16,
            "{code}"
        );
        let luma = decode_luma(&image).unwrap();
        assert_eq!(luma.dimensions(), size);
        let small = decode_rgb_scaled(&image, 48).unwrap();
        assert_eq!(small.dimensions(), (size.0 / 2, size.1 / 2));
    }
}

#[test]
fn the_orientation_of_a_png_is_applied_too() {
    let stored = gradient(30, 20);
    let mut bytes = Vec::new();
    let mut encoder = PngEncoder::new(&mut bytes);
    encoder.set_exif_metadata(exif(6)).unwrap();
    encoder
        .write_image(stored.as_raw(), 30, 20, ExtendedColorType::Rgb8)
        .unwrap();
    let image = inspect(bytes).unwrap();
    assert_eq!((image.facts().width_px, image.facts().height_px), (20, 30));
    let rgb = decode_rgb(&image).unwrap();
    // Turned clockwise, the lower left corner comes to the upper left.
    assert_eq!(rgb.get_pixel(0, 0), stored.get_pixel(0, 19));
}

#[test]
fn the_facts_are_those_of_the_bytes_as_given() {
    let jpeg = encode_jpeg(&gradient(96, 64), 90).unwrap();
    for image in [
        inspect(jpeg.clone()).unwrap(),
        inspect_trusted(jpeg.clone()).unwrap(),
    ] {
        assert_eq!(image.facts().sha256, Sha256::of(&jpeg));
        assert_eq!(image.facts().size_bytes, jpeg.len() as u64);
        assert_eq!(image.facts().format, ImageFormat::Jpeg);
        assert_eq!((image.facts().width_px, image.facts().height_px), (96, 64));
        assert_eq!(&image.bytes()[..], &jpeg[..]);
    }
}

#[test]
fn a_picture_survives_encoding_and_decoding() {
    let original = gradient(320, 200);
    let image = inspect(encode_jpeg(&original, 95).unwrap()).unwrap();
    let decoded = decode_rgb(&image).unwrap();
    assert!(worst_difference(decoded.as_raw(), original.as_raw()) < 16);
    let luma = decode_luma(&image).unwrap();
    let expected: GrayImage = DynamicImage::ImageRgb8(original).into_luma8();
    // The `image` crate weighs colours as Rec. 709 does, JPEG as Rec. 601.
    assert!(worst_difference(luma.as_raw(), expected.as_raw()) < 48);
}

#[test]
fn a_grey_png_and_one_with_transparency_are_taken() {
    for (color, channels) in [
        (ExtendedColorType::L8, 1),
        (ExtendedColorType::La8, 2),
        (ExtendedColorType::Rgba8, 4),
    ] {
        let mut bytes = Vec::new();
        PngEncoder::new(&mut bytes)
            .write_image(&vec![120; 12 * 10 * channels], 12, 10, color)
            .unwrap();
        let image = inspect(bytes).unwrap();
        assert_eq!(decode_rgb(&image).unwrap().get_pixel(3, 3).0, [120; 3]);
        assert_eq!(decode_luma(&image).unwrap().get_pixel(3, 3).0, [120]);
    }
}

#[test]
fn one_encoder_and_one_decoder_serve_a_stream_of_frames_of_any_size() {
    let mut encoder = JpegEncoder::new(85).unwrap();
    let mut decoder = JpegDecoder::new().unwrap();
    for (width, height) in [(64, 48), (640, 360), (31, 17)] {
        let frame = gradient(width, height);
        let jpeg = encoder.encode(&frame).unwrap();
        assert_eq!(
            decoder.decode_rgb(&jpeg).unwrap().dimensions(),
            (width, height)
        );
        assert_eq!(
            decoder.decode_luma(&jpeg).unwrap().dimensions(),
            (width, height)
        );
        assert!(decoder.decode_rgb(&jpeg[..jpeg.len() / 2]).is_err());
    }
}

#[test]
fn a_window_of_a_scene_is_encoded_without_copying_it() {
    let scene = gradient(200, 100);
    let window = image::imageops::crop_imm(&scene, 40, 20, 160, 80).to_image();
    let mut encoder = JpegEncoder::new(85).unwrap();
    let from = (20 * 200 + 40) * 3;
    let windowed = encoder
        .encode_rows(&scene.as_raw()[from..], 160, 80, 200 * 3)
        .unwrap();
    assert_eq!(windowed, encoder.encode(&window).unwrap());
    assert!(
        encoder
            .encode_rows(&scene.as_raw()[from..], 161, 81, 200 * 3)
            .is_err()
    );
    assert!(encoder.encode_rows(scene.as_raw(), 200, 100, 10).is_err());
}

#[test]
fn a_resized_picture_has_the_size_that_was_asked_for_and_the_same_colours() {
    let original = gradient(400, 300);
    for (width, height) in [(100, 75), (400, 300), (800, 600), (1, 1), (200, 600)] {
        let resized = resize_rgb(&original, width, height).unwrap();
        assert_eq!(resized.dimensions(), (width, height));
    }
    let half = resize_rgb(&original, 200, 150).unwrap();
    let (seen, expected) = (half.get_pixel(100, 75).0, original.get_pixel(200, 150).0);
    assert!(worst_difference(&seen, &expected) <= 2);
}

#[test]
fn a_thumbnail_keeps_the_shape_and_never_enlarges() {
    let image = inspect(encode_jpeg(&gradient(1920, 1080), 85).unwrap()).unwrap();
    let small = inspect(thumbnail(&image, 320).unwrap()).unwrap();
    assert_eq!(
        (small.facts().width_px, small.facts().height_px),
        (320, 180)
    );
    let tiny = inspect(encode_jpeg(&gradient(40, 90), 85).unwrap()).unwrap();
    let same = inspect(thumbnail(&tiny, 320).unwrap()).unwrap();
    assert_eq!((same.facts().width_px, same.facts().height_px), (40, 90));
}

#[test]
fn a_scaled_jpeg_has_at_least_the_pixels_that_were_asked_for() {
    let image = inspect(encode_jpeg(&gradient(1920, 1080), 85).unwrap()).unwrap();
    for (at_least_px, width) in [(2000, 1920), (1000, 1920), (960, 960), (300, 480), (9, 240)] {
        assert_eq!(
            decode_rgb_scaled(&image, at_least_px).unwrap().width(),
            width
        );
    }
}

#[test]
fn the_grey_of_colours_is_the_one_that_a_jpeg_holds() {
    let image = inspect(encode_jpeg(&gradient(256, 64), 100).unwrap()).unwrap();
    let made = luma_of(&decode_rgb(&image).unwrap());
    assert!(worst_difference(made.as_raw(), decode_luma(&image).unwrap().as_raw()) <= 2);
}
