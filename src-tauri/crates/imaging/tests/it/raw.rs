//! Pixels of sensors become the picture that was before the lens, whatever their format.

use crate::sensor::raw_of;
use image::{Rgb, RgbImage};
use std::time::{Duration, Instant};
use wiko_core::camera::{CameraId, Frame, FramePicture, PixelFormat, RawImage, YuvRange};
use wiko_core::time::UnixMillis;
use wiko_imaging::{
    ImageRefused, decode_luma, decode_rgb, inspect, live_jpeg, luma_of, luma_of_raw, rgb_of_raw,
    shot_of,
};

/// Smooth, so that what a sensor leaves out lies between its neighbours; of another colour in each corner.
fn scene(width: u32, height: u32) -> RgbImage {
    let part = |at: u32, of: u32, most: u32| (20 + at * most / of.max(2)) as u8;
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([
            part(x, width, 200),
            part(y, height, 180),
            part(width - x, width, 120),
        ])
    })
}

fn worst_difference(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

fn frame_of(raw: RawImage) -> Frame {
    Frame {
        sequence: 7,
        exposed_at: UnixMillis(1_000),
        camera: CameraId("line".into()),
        picture: FramePicture::Raw(raw),
        faults: Vec::new(),
        invalid_rows: Vec::new(),
    }
}

#[test]
fn every_format_shows_the_scene_in_grey_and_in_colour_also_where_rows_are_padded_and_sizes_odd() {
    for (width, height) in [(160, 120), (161, 121), (163, 119)] {
        let scene = scene(width, height);
        let grey = luma_of(&scene);
        for format in PixelFormat::ALL {
            let raw = raw_of(&scene, *format);
            let luma = luma_of_raw(&raw).unwrap();
            let off = worst_difference(luma.as_raw(), grey.as_raw());
            assert!(
                off <= 4,
                "{format} {width}x{height}: grey is {off} levels off"
            );
            let rgb = rgb_of_raw(&raw).unwrap();
            let expected = match format.is_mono() {
                true => grey.pixels().flat_map(|grey| [grey.0[0]; 3]).collect(),
                false => scene.as_raw().clone(),
            };
            let off = worst_difference(rgb.as_raw(), &expected);
            assert!(
                off <= 6,
                "{format} {width}x{height}: colour is {off} levels off"
            );
        }
    }
}

#[test]
fn the_smallest_pictures_are_taken_in_every_format() {
    for (width, height) in [(1, 1), (2, 1), (1, 2), (3, 2), (2, 5), (5, 1)] {
        for format in PixelFormat::ALL {
            let raw = raw_of(&scene(width, height), *format);
            assert_eq!(luma_of_raw(&raw).unwrap().dimensions(), (width, height));
            assert_eq!(rgb_of_raw(&raw).unwrap().dimensions(), (width, height));
            let shot = shot_of(&frame_of(raw.clone())).unwrap();
            assert_eq!(shot.image.facts().width_px, width, "{format}");
            let live = live_jpeg(&FramePicture::Raw(raw), 1920, 1280).unwrap();
            assert_eq!(inspect(live).unwrap().facts().height_px, height, "{format}");
        }
    }
}

#[test]
fn levels_of_more_bits_lose_their_lower_ones_alone() {
    let words: Vec<u8> = [0_u16, 15, 16, 4080, 4095, 5000]
        .into_iter()
        .flat_map(u16::to_le_bytes)
        .collect();
    let raw = RawImage::new(PixelFormat::Mono12, 6, 1, 12, words).unwrap();
    // The last has bits that the format does not.
    assert_eq!(
        luma_of_raw(&raw).unwrap().as_raw(),
        &[0, 0, 1, 255, 255, 255]
    );
}

#[test]
fn a_single_colour_behind_a_filter_stays_that_colour_to_the_last_pixel() {
    let red = RgbImage::from_pixel(31, 17, Rgb([200, 30, 90]));
    for format in PixelFormat::ALL
        .iter()
        .filter(|format| format.bayer().is_some())
    {
        let rgb = rgb_of_raw(&raw_of(&red, *format)).unwrap();
        assert_eq!(rgb, red, "{format}");
    }
}

#[test]
fn the_range_of_y_u_and_v_is_the_one_that_was_said() {
    let bytes = vec![235, 128, 16, 128];
    let raw = RawImage::new(PixelFormat::YUV422Yuyv8, 2, 1, 4, bytes).unwrap();
    assert_eq!(luma_of_raw(&raw).unwrap().as_raw(), &[255, 0]);
    assert_eq!(
        rgb_of_raw(&raw).unwrap().as_raw(),
        &[255, 255, 255, 0, 0, 0]
    );
    let full = raw.with_yuv_range(YuvRange::Full);
    assert_eq!(luma_of_raw(&full).unwrap().as_raw(), &[235, 16]);
    assert_eq!(
        rgb_of_raw(&full).unwrap().as_raw(),
        &[235, 235, 235, 16, 16, 16]
    );
}

#[test]
fn a_shot_of_raw_pixels_is_a_jpeg_that_differs_by_less_than_noise() {
    let scene = scene(320, 240);
    for format in PixelFormat::ALL {
        let raw = raw_of(&scene, *format);
        let shot = shot_of(&frame_of(raw.clone())).unwrap();
        assert_eq!(shot.camera.frame_sequence, 7);
        let checked = inspect(shot.image.bytes().clone()).unwrap();
        assert_eq!(checked.facts(), shot.image.facts());
        let kept = decode_luma(&checked).unwrap();
        let off = worst_difference(kept.as_raw(), luma_of_raw(&raw).unwrap().as_raw());
        assert!(off <= 5, "{format}: grey is {off} levels off");
        let kept = decode_rgb(&checked).unwrap();
        let off = worst_difference(kept.as_raw(), rgb_of_raw(&raw).unwrap().as_raw());
        assert!(off <= 9, "{format}: colour is {off} levels off");
    }
}

/// Components of a JPEG, and how finely each is sampled, as its frame header says.
fn sampling(jpeg: &[u8]) -> Vec<u8> {
    let start = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    let components = usize::from(jpeg[start + 9]);
    (0..components)
        .map(|at| jpeg[start + 11 + 3 * at])
        .collect()
}

#[test]
fn a_shot_has_as_much_colour_as_the_sensor_gave() {
    for (format, expected) in [
        (PixelFormat::Mono8, vec![0x11]),
        (PixelFormat::Mono12p, vec![0x11]),
        (PixelFormat::BayerGB8, vec![0x22, 0x11, 0x11]),
        (PixelFormat::YUV422Uyvy8, vec![0x21, 0x11, 0x11]),
        (PixelFormat::RGB8, vec![0x11, 0x11, 0x11]),
    ] {
        let shot = shot_of(&frame_of(raw_of(&scene(64, 48), format))).unwrap();
        assert_eq!(sampling(shot.image.bytes()), expected, "{format}");
    }
}

#[test]
fn the_live_picture_is_small_and_shows_the_same() {
    let scene = scene(1000, 700);
    let expected = wiko_imaging::resize_rgb(&scene, 320, 224).unwrap();
    for format in PixelFormat::ALL {
        let raw = raw_of(&scene, *format);
        for (longest, size) in [(320, (320, 224)), (999, (999, 699)), (2000, (1000, 700))] {
            // Behind a filter a smaller picture is one of whole squares of four.
            let size = match format.bayer() {
                Some(_) if longest == 999 => (500, 350),
                _ => size,
            };
            let live = live_jpeg(&FramePicture::Raw(raw.clone()), 1920, longest).unwrap();
            let live = inspect(live).unwrap();
            assert_eq!(
                (live.facts().width_px, live.facts().height_px),
                size,
                "{format}"
            );
            if longest == 320 {
                let luma = decode_luma(&live).unwrap();
                let off = worst_difference(luma.as_raw(), luma_of(&expected).as_raw());
                assert!(off <= 8, "{format}: {off} levels off");
            }
        }
    }
}

#[test]
fn a_picture_of_too_many_pixels_is_refused_before_any_is_unpacked_and_its_sentence_says_what_to_do()
{
    let (width, height) = (16_000, 6_251);
    let bytes = vec![0; width as usize * height as usize];
    let raw = RawImage::new(PixelFormat::Mono8, width, height, width as usize, bytes).unwrap();
    let begin = Instant::now();
    let refused = [
        luma_of_raw(&raw).map(drop),
        rgb_of_raw(&raw).map(drop),
        shot_of(&frame_of(raw.clone())).map(drop),
        live_jpeg(&FramePicture::Raw(raw.clone()), 1920, 1280).map(drop),
    ];
    // Unpacking so many pixels takes longer, and so does their memory.
    assert!(begin.elapsed() < Duration::from_millis(50));
    for refused in refused {
        assert_eq!(
            refused,
            Err(ImageRefused::TooManyPixels {
                width_px: width,
                height_px: height
            })
        );
        assert!(refused.unwrap_err().to_string().contains("fewer rows"));
    }
}

#[test]
fn a_noisy_line_picture_of_a_whole_part_becomes_a_coarser_file_and_is_not_refused() {
    let (width, height) = (8192_u32, 6000_u32);
    let mut seed = 1_u32;
    let bytes: Vec<u8> = (0..width as usize * height as usize)
        .map(|_| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            120 + (seed >> 27) as u8
        })
        .collect();
    let raw = RawImage::new(PixelFormat::Mono8, width, height, width as usize, bytes).unwrap();
    let shot = shot_of(&frame_of(raw)).unwrap();
    assert!(shot.image.facts().size_bytes < wiko_imaging::MAX_BYTES);
    assert_eq!(shot.image.facts().height_px, height);
}
