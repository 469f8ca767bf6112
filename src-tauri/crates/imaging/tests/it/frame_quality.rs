//! What spoils a frame is found by its own measure, and by no other.

use image::{GrayImage, Luma, imageops};
use rstest::rstest;
use std::sync::LazyLock;
use wiko_core::camera::{FrameFault, FrameQuality, QualityLimits};
use wiko_imaging::{QualityReference, decode_luma, encode_jpeg, inspect, measure, suggest_limits};

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 720;

/// A blade with a handle, three rivets and fine marks on a grey table, in the light of one corner, before any noise.
/// Moved by so many pixels.
fn scene(dx: i32, dy: i32) -> GrayImage {
    GrayImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let (x, y) = (x as i32 - dx, y as i32 - dy);
        let light = 1.0 - 0.15 * f64::from(x) / f64::from(WIDTH);
        let on_handle = (200..520).contains(&x) && (280..430).contains(&y);
        let on_blade =
            (520..1080).contains(&x) && (300..410).contains(&y) && y > 300 + (x - 900).max(0) / 3;
        let rivet = [260, 360, 460]
            .iter()
            .any(|at| (x - at).pow(2) + (y - 355).pow(2) < 200);
        let scratch = on_blade && (x + y * 2) % 53 < 3;
        let level = if rivet {
            200.0
        } else if scratch {
            100.0
        } else if on_handle {
            if (x / 12 + y / 15) % 2 == 0 {
                70.0
            } else {
                85.0
            }
        } else if on_blade {
            150.0
        } else {
            40.0
        };
        Luma([(level * light) as u8])
    })
}

/// As a sensor sees it: through a lens that is never perfect, with noise of that deviation.
fn seen(scene: &GrayImage, gain: f32, noise: f32, seed: u64) -> GrayImage {
    let mut dice = Dice(seed * 2 + 1);
    let mut picture = imageops::blur(scene, 0.8);
    for level in picture.iter_mut() {
        *level = (f32::from(*level) * gain + noise * dice.normal())
            .round()
            .clamp(0.0, 255.0) as u8;
    }
    picture
}

struct Dice(u64);

impl Dice {
    fn uniform(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 40) as f32 + 0.5) / (1 << 24) as f32
    }

    fn normal(&mut self) -> f32 {
        let sum: f32 = (0..4).map(|_| self.uniform()).sum();
        (sum - 2.0) * 3.0_f32.sqrt()
    }
}

/// Every pixel the mean of those that it passed.
fn moved_while_exposed(scene: &GrayImage, across: u32, down: u32) -> GrayImage {
    let steps = across.max(down);
    GrayImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let passed = (0..steps).map(|step| {
            let shifted = |at: u32, by: u32, most: u32| {
                (at + by * step / steps)
                    .saturating_sub(by / 2)
                    .min(most - 1)
            };
            let (x, y) = (shifted(x, across, WIDTH), shifted(y, down, HEIGHT));
            u32::from(scene.get_pixel(x, y).0[0])
        });
        Luma([(passed.sum::<u32>() / steps) as u8])
    })
}

/// Good frames of the stage: no two of the same light and place.
fn good_frames() -> Vec<GrayImage> {
    (0..8)
        .map(|n| {
            seen(
                &scene(n % 3 - 1, n % 2),
                0.98 + 0.005 * n as f32,
                2.0,
                n as u64 + 1,
            )
        })
        .collect()
}

struct Stage {
    reference: QualityReference,
    limits: QualityLimits,
}

/// Taught once for all tests: that takes longer than they do.
static STAGE: LazyLock<Stage> = LazyLock::new(Stage::taught);

impl Stage {
    fn taught() -> Self {
        let good = good_frames();
        let reference = QualityReference::of(&good[0]).unwrap();
        let measured: Vec<FrameQuality> = good
            .iter()
            .map(|frame| measure(frame, Some(&reference)).unwrap())
            .collect();
        let limits = suggest_limits(&measured);
        Self { reference, limits }
    }

    fn faults(&self, frame: &GrayImage) -> Vec<FrameFault> {
        let quality = measure(frame, Some(&self.reference)).unwrap();
        self.limits.faults(&quality)
    }
}

#[test]
fn good_frames_have_no_fault_however_often_they_come() {
    let stage = &*STAGE;
    for seed in 100..104 {
        let frame = seen(&scene(1, -2), 1.0, 2.0, seed);
        assert_eq!(stage.faults(&frame), []);
        assert_eq!(stage.faults(&frame), []);
    }
}

#[rstest]
#[case::out_of_focus(seen(&imageops::blur(&scene(0, 0), 2.5), 1.0, 2.0, 9), FrameFault::OutOfFocus)]
#[case::far_out_of_focus(seen(&imageops::blur(&scene(0, 0), 6.0), 1.0, 2.0, 9), FrameFault::OutOfFocus)]
#[case::moved_across(seen(&moved_while_exposed(&scene(0, 0), 12, 0), 1.0, 2.0, 9), FrameFault::MotionBlur)]
#[case::moved_down(seen(&moved_while_exposed(&scene(0, 0), 0, 12), 1.0, 2.0, 9), FrameFault::MotionBlur)]
#[case::moved_farther_down(seen(&moved_while_exposed(&scene(0, 0), 0, 20), 1.0, 2.0, 9), FrameFault::MotionBlur)]
#[case::dark(seen(&scene(0, 0), 0.4, 2.0, 9), FrameFault::TooDark)]
#[case::bright(seen(&scene(0, 0), 1.25, 2.0, 9), FrameFault::TooBright)]
#[case::noisy(seen(&scene(0, 0), 1.0, 8.0, 9), FrameFault::Noisy)]
#[case::very_noisy(seen(&scene(0, 0), 1.0, 20.0, 9), FrameFault::Noisy)]
#[case::moved(seen(&scene(30, 0), 1.0, 2.0, 9), FrameFault::FixtureMoved)]
#[case::moved_aslant(seen(&scene(-24, 18), 1.0, 2.0, 9), FrameFault::FixtureMoved)]
fn what_spoils_a_frame_is_found_by_its_own_measure_and_by_no_other(
    #[case] frame: GrayImage,
    #[case] fault: FrameFault,
) {
    assert_eq!(STAGE.faults(&frame), [fault]);
}

#[test]
fn a_glint_that_hides_the_blade_is_found_though_the_rest_of_the_frame_is_dark() {
    let mut glint = scene(0, 0);
    for (x, y, level) in glint.enumerate_pixels_mut() {
        if (700..780).contains(&x) && (310..400).contains(&y) {
            *level = Luma([255]);
        }
    }
    let faults = STAGE.faults(&seen(&glint, 1.0, 2.0, 9));
    assert_eq!(faults, [FrameFault::ClippedPart]);
}

#[test]
fn a_covered_lens_is_named_first() {
    let stage = &*STAGE;
    // Nothing sharp is to be seen either.
    let even = |level| {
        let even = GrayImage::from_pixel(WIDTH, HEIGHT, Luma([level]));
        stage.faults(&seen(&even, 1.0, 2.0, 9))
    };
    let [covered, dark, blurred] = [
        FrameFault::LensCovered,
        FrameFault::TooDark,
        FrameFault::OutOfFocus,
    ];
    assert_eq!(even(45), [covered, blurred]);
    assert_eq!(even(3), [covered, dark, blurred]);
}

#[test]
fn half_a_covered_lens_shows_half_of_the_reference() {
    let stage = &*STAGE;
    let mut half = scene(0, 0);
    for (x, _, level) in half.enumerate_pixels_mut() {
        if x < 560 {
            *level = Luma([40]);
        }
    }
    let quality = measure(&seen(&half, 1.0, 2.0, 9), Some(&stage.reference)).unwrap();
    let likeness = quality.likeness.unwrap();
    assert!((0.2..0.7).contains(&likeness), "{likeness}");
}

#[test]
fn the_noise_is_the_one_that_was_made() {
    for noise in [1.0, 3.0, 8.0, 15.0] {
        let measured = measure(&seen(&scene(0, 0), 1.0, noise, 3), None)
            .unwrap()
            .noise;
        assert!(
            (measured / noise - 1.0).abs() < 0.15,
            "{measured} for {noise}"
        );
    }
}

#[test]
fn the_shift_is_the_one_that_was_made_to_two_pixels() {
    let reference = QualityReference::of(&seen(&scene(0, 0), 1.0, 2.0, 1)).unwrap();
    for (dx, dy) in [(0, 0), (3, 4), (-17, 5), (40, -30)] {
        let frame = seen(&scene(dx, dy), 1.0, 2.0, 2);
        let shift = measure(&frame, Some(&reference)).unwrap().shift_px.unwrap();
        let made = f64::from(dx).hypot(f64::from(dy)) as f32;
        assert!((shift - made).abs() <= 2.0, "{shift} for {made}");
    }
}

#[test]
fn light_does_not_feign_focus_nor_hide_it() {
    let focus = |gain: f32, blur: f32| {
        let frame = seen(&imageops::blur(&scene(0, 0), blur), gain, 2.0, 5);
        measure(&frame, None).unwrap().focus
    };
    let sharp = focus(1.0, 0.3);
    for gain in [0.5, 1.25] {
        assert!((focus(gain, 0.3) / sharp - 1.0).abs() < 0.15);
    }
    assert!(focus(1.25, 2.0) < 0.6 * sharp);
}

#[test]
fn a_reference_is_the_same_once_stored_and_read_again() {
    let good = good_frames();
    let reference = QualityReference::of(&good[0]).unwrap();
    let text = serde_json::to_string(&reference).unwrap();
    assert!(text.len() < 100_000, "{}", text.len());
    let read: QualityReference = serde_json::from_str(&text).unwrap();
    assert_eq!(
        measure(&good[1], Some(&read)).unwrap(),
        measure(&good[1], Some(&reference)).unwrap()
    );
    for spoiled in [
        text.replace("\"version\":1", "\"version\":2"),
        text.replace("\"width_px\":1280", "\"width_px\":640"),
    ] {
        assert!(serde_json::from_str::<QualityReference>(&spoiled).is_err());
    }
}

#[test]
fn a_reference_that_shows_nothing_is_refused_and_one_of_another_size_says_so() {
    let even = seen(
        &GrayImage::from_pixel(WIDTH, HEIGHT, Luma([90])),
        1.0,
        2.0,
        1,
    );
    assert!(
        QualityReference::of(&even)
            .unwrap_err()
            .to_string()
            .contains("part in place")
    );
    assert!(QualityReference::of(&GrayImage::new(0, 0)).is_err());
    let reference = QualityReference::of(&good_frames()[0]).unwrap();
    let other = GrayImage::new(640, 480);
    let refused = measure(&other, Some(&reference)).unwrap_err();
    assert!(refused.to_string().contains("take a new reference"));
}

#[test]
fn one_bad_frame_among_the_good_ones_moves_no_limit_far() {
    let mut measured: Vec<FrameQuality> = good_frames()
        .iter()
        .map(|frame| measure(frame, None).unwrap())
        .collect();
    let before = suggest_limits(&measured);
    measured.push(FrameQuality {
        focus: 0.0,
        noise: 90.0,
        mean_level: 255.0,
        ..measured[0]
    });
    let after = suggest_limits(&measured);
    let close = |a: Option<f32>, b: Option<f32>| (a.unwrap() / b.unwrap() - 1.0).abs() < 0.1;
    assert!(close(before.least_focus, after.least_focus));
    assert!(close(before.most_noise, after.most_noise));
    assert!(close(before.most_mean_level, after.most_mean_level));
    assert_eq!(before.most_shift_px, None);
    assert_eq!(suggest_limits(&[]), QualityLimits::default());
}

#[test]
fn pictures_of_a_few_pixels_and_of_very_many_are_measured_too() {
    for (width, height) in [(1, 1), (2, 900), (900, 2), (13, 13), (64, 64), (6000, 4000)] {
        let quality = measure(&GrayImage::from_pixel(width, height, Luma([90])), None).unwrap();
        assert_eq!(
            (quality.mean_level, quality.focus, quality.motion_blur),
            (90.0, 0.0, 1.0)
        );
    }
    assert!(measure(&GrayImage::new(0, 0), None).is_err());
}

#[test]
fn a_frame_that_came_as_jpeg_measures_as_its_pixels_do() {
    let pixels = seen(&scene(0, 0), 1.0, 2.0, 1);
    let colours = image::DynamicImage::ImageLuma8(pixels.clone()).into_rgb8();
    let jpeg = inspect(encode_jpeg(&colours, 90).unwrap()).unwrap();
    let there = measure(&decode_luma(&jpeg).unwrap(), None).unwrap();
    let direct = measure(&pixels, None).unwrap();
    assert!((there.focus / direct.focus - 1.0).abs() < 0.1);
    assert!((there.motion_blur / direct.motion_blur - 1.0).abs() < 0.1);
}
