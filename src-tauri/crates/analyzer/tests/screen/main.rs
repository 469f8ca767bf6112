//! The local screen on small pictures made here: what passes, what is found, what is never good.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod station;

use image::{GrayImage, Luma, Rgb, RgbImage};
use proptest::prelude::*;
use std::sync::{Arc, OnceLock};
use wiko_analyzer::screen::{
    LearnError, LearnOptions, Screen, ScreenModel, ScreenModels, Screening, Unfit, learn,
    learn_with,
};
use wiko_core::{
    analysis::{Claim, ImageQuality},
    defect::{DefectType, RecommendedAction, Severity},
    geometry::BoxPx,
    image::EncodedImage,
    ports::{AnalysisError, AnalysisRequest, Language},
    queue::Obstacle,
    sku::ProductSku,
    spending::Meter,
    stage::Stage,
    verdict::{UndeterminedReason, VerdictCode, judge},
};
use wiko_testkit::{builders, contracts::analyzer::its_analysis_keeps_the_ports_word};

const WIDTH: u32 = 320;
const HEIGHT: u32 = 200;

/// How a part lies before the camera.
#[derive(Debug, Clone, Copy)]
struct View {
    dx: f64,
    dy: f64,
    turn_rad: f64,
    light: f64,
    noise_seed: u32,
}

const STILL: View = View {
    dx: 0.0,
    dy: 0.0,
    turn_rad: 0.0,
    light: 1.0,
    noise_seed: 1,
};

fn views(count: u32) -> Vec<View> {
    (1..=count)
        .map(|n| {
            let n_f = f64::from(n);
            View {
                dx: 6.0 * (n_f * 1.7).sin(),
                dy: 4.0 * (n_f * 2.3).cos(),
                turn_rad: 0.02 * (n_f * 3.1).sin(),
                light: 1.0 + 0.08 * (n_f * 0.9).sin(),
                noise_seed: n,
            }
        })
        .collect()
}

/// A plate with two holes and a bar on a darker table, smooth at its edges.
fn plate(x: f64, y: f64) -> f64 {
    let soft = |distance: f64| 1.0 / (1.0 + (distance * 1.6).exp());
    let outside = |x: f64, half: f64| x.abs() - half;
    let body = soft(outside(x, 110.0).max(outside(y, 55.0)));
    let hole = |cx: f64, r: f64| soft((x - cx).hypot(y - 8.0) - r);
    let bar = soft(outside(x - 10.0, 40.0).max(outside(y + 30.0, 9.0)));
    60.0 + 110.0 * body - 80.0 * (hole(-70.0, 18.0) + hole(60.0, 12.0)) - 40.0 * bar
        + 8.0 * (x / 30.0).sin() * body
}

/// A ring, that is no plate.
fn ring(x: f64, y: f64) -> f64 {
    let r = x.hypot(y);
    60.0 + 120.0 / (1.0 + ((r - 70.0).abs() - 12.0).exp()) + 30.0 * (y / 9.0).sin()
}

fn picture(of: fn(f64, f64) -> f64, view: View) -> GrayImage {
    let mut state = view.noise_seed.wrapping_mul(0x9e37_79b9) | 1;
    let (sin, cos) = view.turn_rad.sin_cos();
    GrayImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let u = f64::from(x) - f64::from(WIDTH) / 2.0 - view.dx;
        let v = f64::from(y) - f64::from(HEIGHT) / 2.0 - view.dy;
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let noise = f64::from(state % 7) - 3.0;
        let level = of(cos * u + sin * v, -sin * u + cos * v) * view.light + noise;
        Luma([level.round() as u8])
    })
}

fn blob(mut picture: GrayImage, cx: i32, cy: i32, radius: i32, level: u8) -> (GrayImage, BoxPx) {
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let (dx, dy) = (x as i32 - cx, y as i32 - cy);
        if dx * dx + dy * dy <= radius * radius {
            pixel.0 = [level];
        }
    }
    let side = 2 * radius as u32 + 1;
    let box_px = BoxPx {
        x: (cx - radius) as u32,
        y: (cy - radius) as u32,
        width: side,
        height: side,
    };
    (picture, box_px)
}

fn sku() -> ProductSku {
    ProductSku::new("WK-KN-200").unwrap()
}

fn taught(pictures: Vec<GrayImage>) -> ScreenModel {
    learn(sku(), Stage::BladeGlazing, pictures).unwrap()
}

/// A model of eight plates, learnt once.
fn of_eight() -> &'static ScreenModel {
    static MODEL: OnceLock<ScreenModel> = OnceLock::new();
    MODEL.get_or_init(|| {
        taught(
            views(8)
                .into_iter()
                .map(|view| picture(plate, view))
                .collect(),
        )
    })
}

fn found(screening: &Screening) -> &[wiko_analyzer::screen::Found] {
    match screening {
        Screening::Judged { found, .. } => found,
        Screening::Unfit(unfit) => panic!("not judged: {unfit:?}"),
    }
}

#[test]
fn a_good_part_that_is_moved_turned_and_brightened_passes() {
    for view in views(20).into_iter().skip(8) {
        let screening = of_eight().screen(picture(plate, view));
        assert_eq!(found(&screening), [], "{view:?}");
    }
}

#[test]
fn a_blob_is_found_where_it_is_wherever_the_part_lies() {
    for (view, level) in views(14)
        .into_iter()
        .skip(8)
        .zip([20, 230, 60, 20, 230, 60])
    {
        let (picture, truth) = blob(picture(plate, view), 175, 120, 7, level);
        let screening = of_eight().screen(picture);
        let [found] = found(&screening) else {
            panic!("one finding at {view:?}: {screening:?}");
        };
        assert!(found.box_px.iou(&truth) >= 0.5, "{found:?} {truth:?}");
    }
}

#[test]
fn one_good_picture_is_enough_to_start_with() {
    let model = taught(vec![picture(plate, STILL)]);
    let moved = views(3)[2];
    assert_eq!(found(&model.screen(picture(plate, moved))), []);
    let (bad, truth) = blob(picture(plate, moved), 175, 120, 7, 20);
    let screening = model.screen(bad);
    assert!(
        found(&screening)
            .iter()
            .any(|found| found.box_px.iou(&truth) >= 0.5),
        "{screening:?}"
    );
}

#[test]
fn what_is_not_the_learnt_part_is_not_judged() {
    let unfit = |picture: GrayImage| match of_eight().screen(picture) {
        Screening::Unfit(unfit) => Some(unfit),
        Screening::Judged { .. } => None,
    };
    let far = View { dx: 60.0, ..STILL };
    for (name, strange) in [
        ("ring", picture(ring, STILL)),
        ("black", GrayImage::new(WIDTH, HEIGHT)),
        ("white", GrayImage::from_pixel(WIDTH, HEIGHT, Luma([255]))),
        ("empty fixture", picture(|_, _| 60.0, STILL)),
        ("far", picture(plate, far)),
    ] {
        assert_ne!(unfit(strange), None, "{name}");
    }
    let dark = View {
        light: 0.3,
        ..STILL
    };
    assert_eq!(unfit(picture(plate, dark)), Some(Unfit::OtherLight));
    let blurred = image::imageops::blur(&picture(plate, STILL), 5.0);
    assert_eq!(unfit(blurred), Some(Unfit::Blurred));
    assert_eq!(
        unfit(GrayImage::new(WIDTH + 1, HEIGHT)),
        Some(Unfit::OtherSize)
    );
}

/// Where the blade of [`knife`] ends, from its middle.
const TIP_X: f64 = 148.0;

/// A blade that lies wholly in the frame, its tip close to the frame's right side.
fn knife(x: f64, y: f64) -> f64 {
    let soft = |distance: f64| 1.0 / (1.0 + (distance * 1.6).exp());
    let half = (34.0 * ((TIP_X - x) / 120.0).clamp(0.0, 1.0)).min(34.0);
    let body = soft((y.abs() - half).max(-120.0 - x).max(x - TIP_X));
    let hole = soft((x + 90.0).hypot(y) - 12.0);
    60.0 + 110.0 * body - 70.0 * hole + 8.0 * (x / 25.0).sin() * body
}

/// The same without its tip.
fn chipped_knife(x: f64, y: f64) -> f64 {
    if x > TIP_X - 12.0 { 60.0 } else { knife(x, y) }
}

fn of_six_knives() -> &'static ScreenModel {
    static MODEL: OnceLock<ScreenModel> = OnceLock::new();
    MODEL.get_or_init(|| {
        let placed = |view: View| View {
            dx: view.dx / 3.0,
            dy: view.dy / 2.0,
            turn_rad: view.turn_rad / 8.0,
            ..view
        };
        let pictures = views(6)
            .into_iter()
            .map(|view| picture(knife, placed(view)));
        taught(pictures.collect())
    })
}

#[test]
fn a_part_whose_tip_the_frame_cuts_off_is_out_of_place_and_never_good_chipped_or_not() {
    let model = of_six_knives();
    assert_eq!(found(&model.screen(picture(knife, STILL))), []);
    assert_ne!(found(&model.screen(picture(chipped_knife, STILL))), []);
    let one = taught(vec![picture(knife, STILL)]);
    for model in [model, &one] {
        for dx in [14.0, 18.0, 22.0] {
            let shoved = View { dx, ..STILL };
            let whole = model.screen(picture(knife, shoved));
            assert_eq!(whole, Screening::Unfit(Unfit::OutOfPlace), "{dx}");
            let chipped = model.screen(picture(chipped_knife, shoved));
            let good = matches!(&chipped, Screening::Judged { found, .. } if found.is_empty());
            assert!(!good, "{dx}: {chipped:?}");
        }
    }
}

#[test]
fn a_defect_in_view_is_found_also_where_the_frame_cuts_the_part_off() {
    let shoved = View { dx: 18.0, ..STILL };
    let (stained, truth) = blob(picture(knife, shoved), 150, 100, 7, 20);
    let screening = of_six_knives().screen(stained);
    assert!(
        found(&screening)
            .iter()
            .any(|found| found.box_px.iou(&truth) >= 0.5),
        "{screening:?}"
    );
}

#[test]
fn a_part_that_fills_the_frame_may_lie_as_the_good_ones_lay_and_no_farther() {
    // Stripes of many widths that go on beyond every side.
    let board = |x: f64, y: f64| {
        let stripe = |at: f64, period: f64| if (at / period).sin() > 0.2 { 60.0 } else { 0.0 };
        50.0 + stripe(x + 0.004 * x * y / 10.0, 9.0) + stripe(y + 0.02 * x, 13.0)
    };
    fn shifted(board: impl Fn(f64, f64) -> f64, dx: f64, seed: u32) -> GrayImage {
        let mut state = seed | 1;
        GrayImage::from_fn(WIDTH, HEIGHT, |x, y| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = f64::from(state >> 30);
            let (u, v) = (f64::from(x) - 160.0 - dx, f64::from(y) - 100.0);
            Luma([(board(u, v) + noise) as u8])
        })
    }
    let good = [0.0, 4.0, -3.0, 2.0].iter().zip(1..);
    let model = taught(good.map(|(dx, seed)| shifted(board, *dx, seed)).collect());
    assert_eq!(found(&model.screen(shifted(board, 4.0, 9))), []);
    assert_eq!(found(&model.screen(shifted(board, -3.0, 9))), []);
    for dx in [12.0, -12.0] {
        let screening = model.screen(shifted(board, dx, 9));
        assert_eq!(screening, Screening::Unfit(Unfit::OutOfPlace), "{dx}");
    }
}

#[test]
fn a_change_too_large_to_be_a_defect_is_neither_a_finding_nor_good() {
    let good = || views(8).into_iter().map(|view| picture(plate, view));
    let options = LearnOptions {
        largest_px: 24,
        ..LearnOptions::default()
    };
    let model = learn_with(sku(), Stage::BladeGlazing, good(), options).unwrap();
    let (stained, _) = blob(picture(plate, STILL), 175, 120, 20, 20);
    assert!(matches!(
        model.screen(stained.clone()),
        Screening::Unfit(Unfit::Aged)
    ));
    let (chipped, truth) = blob(stained, 60, 60, 6, 20);
    let screening = model.screen(chipped);
    let [found] = found(&screening) else {
        panic!("the small piece alone: {screening:?}");
    };
    assert!(found.box_px.iou(&truth) >= 0.33, "{found:?} {truth:?}");
}

#[test]
fn options_that_would_pass_everything_are_refused_by_name() {
    let lax = LearnOptions {
        headroom: f32::INFINITY,
        ..LearnOptions::default()
    };
    let good = vec![picture(plate, STILL)];
    let refused = learn_with(sku(), Stage::BladeGlazing, good, lax).unwrap_err();
    assert!(refused.to_string().contains("headroom"), "{refused}");
}

#[cfg(unix)]
#[test]
fn the_folder_of_models_is_the_users_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let models = dir.path().join("data/models");
    ScreenModels::open(&models).save(of_eight()).unwrap();
    for folder in [models.as_path(), models.parent().unwrap()] {
        let mode = std::fs::metadata(folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
    }
}

#[test]
fn pictures_that_cannot_teach_are_named() {
    let good = || picture(plate, STILL);
    let refused =
        |pictures: Vec<GrayImage>| learn(sku(), Stage::BladeGlazing, pictures).unwrap_err();
    assert_eq!(refused(vec![]), LearnError::NoPictures);
    let black = GrayImage::new(WIDTH, HEIGHT);
    assert_eq!(
        refused(vec![black.clone()]),
        LearnError::Featureless { picture: 1 }
    );
    assert_eq!(
        refused(vec![good(), black]),
        LearnError::DoesNotMatch { picture: 2 }
    );
    let other = refused(vec![good(), GrayImage::new(WIDTH, HEIGHT + 2)]);
    assert!(
        other.to_string().starts_with("picture 2 is 320×202"),
        "{other}"
    );
    assert_eq!(refused(vec![good(); 41]), LearnError::TooMany { limit: 40 });
}

#[test]
fn a_bad_picture_among_the_good_ones_stands_out() {
    let mut pictures: Vec<_> = views(8)
        .into_iter()
        .map(|view| picture(plate, view))
        .collect();
    pictures[5] = blob(pictures[5].clone(), 150, 110, 8, 20).0;
    assert_eq!(taught(pictures).suspects(), [5]);
}

#[test]
fn of_pictures_that_hardly_differ_none_stands_out() {
    let same = || picture(plate, STILL);
    let nothing: [usize; 0] = [];
    assert_eq!(taught(vec![same(); 5]).suspects(), nothing);
    // One pixel by one grey level, and the others by none: that is many times nothing.
    let mut pictures = vec![same(); 5];
    pictures[3].get_pixel_mut(150, 110).0[0] ^= 1;
    assert_eq!(taught(pictures).suspects(), nothing);
}

#[test]
fn a_picture_of_more_than_four_megapixels_is_judged_reduced_and_its_boxes_lie_on_the_original() {
    let large = |picture: &GrayImage| {
        image::imageops::resize(picture, 2560, 1600, image::imageops::FilterType::Triangle)
    };
    let model = taught(
        views(4)
            .into_iter()
            .map(|view| large(&picture(plate, view)))
            .collect(),
    );
    let (bad, truth) = blob(large(&picture(plate, views(5)[4])), 1400, 960, 60, 20);
    let screening = model.screen(bad);
    assert!(
        found(&screening)
            .iter()
            .any(|found| found.box_px.iou(&truth) >= 0.5),
        "{screening:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_part_is_good_only_where_all_of_it_lies_in_the_picture(
        dx in -25.0f64..25.0, dy in -25.0f64..25.0, chipped: bool, seed in 1u32..1000,
    ) {
        let view = View { dx, dy, noise_seed: seed, ..STILL };
        let part = if chipped { chipped_knife } else { knife };
        let screening = of_six_knives().screen(picture(part, view));
        let good = matches!(&screening, Screening::Judged { found, .. } if found.is_empty());
        let tip_px = f64::from(WIDTH) / 2.0 + TIP_X + dx;
        let whole = !chipped && tip_px <= f64::from(WIDTH) - 1.0;
        prop_assert!(whole || !good, "{screening:?}");
        // Well inside the frame it is judged.
        let inside = tip_px < f64::from(WIDTH) - 8.0 && dx.hypot(dy) < 20.0;
        prop_assert!(!inside || chipped || good, "{screening:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_is_no_plate_is_never_good(
        period_x in 6.0f64..60.0, period_y in 6.0f64..60.0, level in 0u8..=255,
        depth in 0.0f64..120.0, seed in 1u32..1000,
    ) {
        let mut state = seed;
        let picture = GrayImage::from_fn(WIDTH, HEIGHT, |x, y| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let wave = (f64::from(x) / period_x).sin() + (f64::from(y) / period_y).cos();
            let noise = f64::from(state >> 29);
            Luma([(f64::from(level) + depth * wave + noise) as u8])
        });
        let screening = of_eight().screen(picture);
        let good = matches!(&screening, Screening::Judged { found, .. } if found.is_empty());
        prop_assert!(!good, "{screening:?}");
    }
}
