//! When a part has come to rest in view.

use crate::clock;
use image::GrayImage;
use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};
use wiko_camera::{
    Pacing, PartPresent, PartPresentConfig, PartView, SimulatedCamera, SimulatedCameraConfig,
};
use wiko_core::{ports::Camera, sku::ProductSku, stage::Stage};
use wiko_imaging::{decode_rgb_scaled, luma_of, resize_rgb};

const WIDTH: u32 = 240;
const HEIGHT: u32 = 135;

/// Small grey frames of the simulated line, on which a part stays for `period` frames.
fn live(sku: &str, stage: Stage, seed: u64, period: u64, frames: u64) -> Vec<GrayImage> {
    let config = SimulatedCameraConfig {
        part_period: period,
        pacing: Pacing::AsFastAsAsked,
        ..SimulatedCameraConfig::demo(ProductSku::new(sku).unwrap(), stage, seed)
    };
    let mut camera = SimulatedCamera::open(config, clock()).unwrap();
    let small = |_| {
        let frame = camera.next_frame(Duration::from_secs(5)).unwrap();
        let pixels = decode_rgb_scaled(frame.picture.encoded().unwrap(), WIDTH).unwrap();
        luma_of(&resize_rgb(&pixels, WIDTH, HEIGHT).unwrap())
    };
    (0..frames).map(small).collect()
}

static KNIVES: LazyLock<Vec<GrayImage>> =
    LazyLock::new(|| live("WK-KN-200", Stage::Inspection, 3, 18, 18 * 5));

/// The numbers of the frames at which a part is told.
fn told<'a>(frames: impl IntoIterator<Item = &'a GrayImage>) -> Vec<usize> {
    let mut presence = PartPresent::new(PartPresentConfig::default());
    let views = frames.into_iter().map(|frame| presence.see(frame));
    let views: Vec<_> = views.collect();
    let arrived = views.iter().enumerate();
    let arrived = arrived.filter(|(_, view)| **view == PartView::Arrived);
    arrived.map(|(at, _)| at).collect()
}

fn lit(frame: &GrayImage, light: f32) -> GrayImage {
    let mut frame = frame.clone();
    for pixel in frame.iter_mut() {
        *pixel = (f32::from(*pixel) * light).min(255.0) as u8;
    }
    frame
}

/// The fixture without a part, and a frame with a hand over `columns` of it.
fn empty() -> GrayImage {
    GrayImage::from_pixel(WIDTH, HEIGHT, image::Luma([48]))
}

fn with_hand(frame: &GrayImage, columns: std::ops::Range<u32>) -> GrayImage {
    let mut frame = frame.clone();
    for (x, y, pixel) in frame.enumerate_pixels_mut() {
        if columns.contains(&x) && y > 20 {
            pixel.0[0] = 150 + (x * 7 % 30) as u8;
        }
    }
    frame
}

#[test]
fn each_part_that_slides_in_is_told_once_it_lies_still() {
    for (sku, stage, seed) in [
        ("WK-KN-200", Stage::Inspection, 3),
        ("WK-KN-100", Stage::TaperGrinding, 8),
        ("WK-SC-200", Stage::Inspection, 5),
    ] {
        let frames = live(sku, stage, seed, 18, 18 * 4);
        let found = told(&frames);
        let parts: Vec<_> = found.iter().map(|at| at / 18).collect();
        assert_eq!(parts, [0, 1, 2, 3], "{sku} at {stage}: {found:?}");
        // After the first they slide in for ten frames.
        assert!(found[1..].iter().all(|at| at % 18 >= 10), "{found:?}");
    }
}

#[test]
fn light_that_flickers_or_drifts_tells_nothing() {
    let flickering: Vec<_> = (0..)
        .zip(KNIVES.iter())
        .map(|(at, frame)| lit(frame, [1.0, 0.8, 1.15, 0.9][at % 4]))
        .collect();
    assert_eq!(told(&flickering).len(), 5);
    let drifting: Vec<_> = (0..400)
        .map(|at| lit(&KNIVES[17], 0.7 + at as f32 * 0.001))
        .collect();
    assert_eq!(told(&drifting), [5]);
}

#[test]
fn a_hand_over_a_part_that_stays_tells_nothing_and_the_same_part_put_back_is_told() {
    let knife = &KNIVES[17];
    let still = |frame: &GrayImage| vec![frame.clone(); 12];
    let hand: Vec<_> = (0..20)
        .map(|at| with_hand(knife, at * 9..at * 9 + 90))
        .collect();
    let waved = [still(knife), hand.clone(), still(knife)].concat();
    assert_eq!(told(&waved), [5]);
    // A hand that rests on it is part of what is seen.
    let put_back = [still(knife), hand, still(&empty()), still(knife)].concat();
    assert_eq!(told(&put_back).len(), 2);
}

#[test]
fn what_does_not_lie_still_or_is_not_there_is_not_told() {
    assert!(told(&vec![empty(); 50]).is_empty());
    let passing: Vec<_> = (0..60)
        .map(|at| {
            let mut frame = empty();
            image::imageops::overlay(&mut frame, &KNIVES[17], 240 - at * 8, 0);
            frame
        })
        .collect();
    assert!(told(&passing).is_empty());
    let creeping: Vec<_> = (0..60)
        .map(|at| {
            let mut frame = empty();
            image::imageops::overlay(&mut frame, &KNIVES[17], 60 - at, 0);
            frame
        })
        .collect();
    assert!(told(&creeping).is_empty());
}

#[test]
fn a_frame_is_looked_at_in_less_than_a_millisecond() {
    let mut presence = PartPresent::new(PartPresentConfig::default());
    let mut took: Vec<_> = KNIVES
        .iter()
        .map(|frame| {
            let begun = Instant::now();
            presence.see(frame);
            begun.elapsed()
        })
        .collect();
    took.sort();
    println!(
        "median {:?}, most {:?}",
        took[took.len() / 2],
        took[took.len() - 1]
    );
    assert!(took[took.len() / 2] < Duration::from_millis(1));
}

#[test]
fn a_frame_of_another_size_or_without_pixels_is_a_new_view() {
    let mut presence = PartPresent::new(PartPresentConfig {
        still_frames: 1,
        ..PartPresentConfig::default()
    });
    assert_eq!(presence.see(&GrayImage::new(0, 0)), PartView::Empty);
    assert_eq!(presence.see(&KNIVES[17]), PartView::Arrived);
    let smaller = image::imageops::thumbnail(&KNIVES[17], 100, 56);
    assert_eq!(presence.see(&smaller), PartView::Arrived);
    assert_eq!(presence.see(&smaller), PartView::Resting);
}
