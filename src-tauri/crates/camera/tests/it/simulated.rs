//! The simulated line: pictures that repeat, and a ground truth that is true.

use crate::clock;
use image::RgbImage;
use std::time::Duration;
use wiko_camera::{
    Pacing, SimulatedCamera, SimulatedCameraConfig, SimulatedDefect, render_part,
    simulated::can_show,
};
use wiko_core::{
    defect::{DefectType, Severity},
    geometry::BoxPx,
    ports::Camera,
    sku::ProductSku,
    stage::Stage,
};

fn sku(code: &str) -> ProductSku {
    ProductSku::new(code).unwrap()
}

fn changed(good: &RgbImage, defective: &RgbImage) -> Option<BoxPx> {
    let mut bounds: Option<(u32, u32, u32, u32)> = None;
    for (x, y, pixel) in good.enumerate_pixels() {
        if pixel != defective.get_pixel(x, y) {
            let (left, top, right, bottom) = bounds.unwrap_or((x, y, x, y));
            bounds = Some((left.min(x), top.min(y), right.max(x), bottom.max(y)));
        }
    }
    bounds.map(|(left, top, right, bottom)| BoxPx {
        x: left,
        y: top,
        width: right - left + 1,
        height: bottom - top + 1,
    })
}

/// A defect changes exactly its box, and can be seen.
fn check(code: &str, stage: Stage, defect: DefectType, seed: u64) {
    let (good, none) = render_part(&sku(code), stage, seed, None);
    assert_eq!(none, []);
    let (defective, found) = render_part(&sku(code), stage, seed, Some(defect));
    let [
        SimulatedDefect {
            defect_type,
            severity,
            box_px,
            ..
        },
    ] = &found[..]
    else {
        panic!("{code} {stage} {defect}: {found:?}");
    };
    assert_eq!(*defect_type, defect);
    assert!(*severity >= defect.least_severity() && *severity >= Severity::Cosmetic);
    assert_eq!(
        changed(&good, &defective),
        Some(*box_px),
        "{code} {stage} {defect}"
    );
    assert!(box_px.area() >= 60, "{code} {stage} {defect}: {box_px:?}");
    assert!(
        box_px.area() < 300_000,
        "{code} {stage} {defect}: {box_px:?}"
    );
}

#[test]
fn every_defect_changes_exactly_its_box_on_a_knife() {
    for defect in DefectType::ALL {
        check("WK-KN-200", Stage::Inspection, *defect, 11);
    }
}

#[test]
fn every_usual_defect_shows_at_its_usual_stages() {
    for defect in DefectType::ALL {
        for stage in defect.usual_stages() {
            check("WK-KN-150", *stage, *defect, 5);
        }
    }
}

#[test]
fn defects_sit_on_the_places_of_scissors_pan_and_wok_too() {
    use DefectType as D;
    let by_place = [
        (
            "WK-SC-200",
            1,
            [D::RustSpot, D::DimensionalError, D::HandleCrack],
        ),
        (
            "WK-CI-200",
            2,
            [D::BladeChip, D::AssemblyMisalignment, D::WeldDefect],
        ),
        (
            "WK-CI-280",
            3,
            [
                D::EdgeIrregularity,
                D::DimensionalError,
                D::HandleDiscoloration,
            ],
        ),
    ];
    for (code, seed, defects) in by_place {
        for defect in defects {
            check(code, Stage::Inspection, defect, seed);
        }
    }
}

#[test]
fn a_handle_that_is_not_there_yet_cannot_crack() {
    assert!(!can_show(Stage::BladeStamp, DefectType::HandleCrack));
    let part = |defect| render_part(&sku("WK-KN-100"), Stage::BladeStamp, 3, defect);
    let (image, found) = part(Some(DefectType::HandleCrack));
    assert_eq!(found, []);
    assert_eq!(image, part(None).0);
}

#[test]
fn the_same_seed_gives_the_same_pixels_and_another_seed_another_part() {
    let part = |seed| render_part(&sku("WK-KN-100"), Stage::LogoPrint, seed, None).0;
    assert_eq!(part(9), part(9));
    assert_ne!(part(9), part(10));
}

fn camera(rate: f32, part_period: u64) -> SimulatedCamera {
    let config = SimulatedCameraConfig {
        defect_rate: rate,
        part_period,
        pacing: Pacing::AsFastAsAsked,
        ..SimulatedCameraConfig::demo(sku("WK-KN-200"), Stage::Inspection, 4)
    };
    SimulatedCamera::open(config, clock()).unwrap()
}

fn crop(image: &RgbImage, box_px: &BoxPx) -> Vec<u8> {
    image::imageops::crop_imm(image, box_px.x, box_px.y, box_px.width, box_px.height)
        .to_image()
        .into_raw()
}

#[test]
fn the_truth_of_a_frame_is_where_that_frame_shows_the_defect_also_while_parts_move() {
    let mut camera = camera(1.0, 12);
    let parts = [camera.part(0), camera.part(1)];
    let (mut moving, mut still) = (0, 0);
    for _ in 0..24 {
        let frame = camera.next_frame(Duration::from_secs(5)).unwrap();
        let picture = wiko_imaging::decode_rgb(frame.picture.encoded().unwrap()).unwrap();
        for truth in camera.truth_of(frame.sequence) {
            // The part of the truth's size and height; cut boxes are left to the moving count alone.
            let own = parts.iter().find_map(|part| {
                let whole = part.defects.iter().find(|whole| {
                    whole.defect_type == truth.defect_type
                        && whole.box_px.width == truth.box_px.width
                        && whole.box_px.y == truth.box_px.y
                })?;
                Some((part, whole.box_px))
            });
            let Some((part, whole)) = own else { continue };
            if whole == truth.box_px {
                still += 1;
            } else {
                moving += 1;
            }
            let (seen, expected) = (crop(&picture, &truth.box_px), crop(&part.image, &whole));
            let difference: u64 = seen
                .iter()
                .zip(&expected)
                .map(|(a, b)| u64::from(a.abs_diff(*b)))
                .sum();
            let mean = difference as f64 / expected.len() as f64;
            assert!(mean < 9.0, "frame {}: {mean}", frame.sequence);
        }
    }
    assert!(still >= 12 && moving >= 1, "{still} still, {moving} moving");
    assert_eq!(camera.truth_of(9_999), []);
}

#[test]
fn the_stream_repeats_and_every_frame_has_noise_of_its_own() {
    let frames = |count| -> Vec<_> {
        let mut camera = camera(0.0, 90);
        (0..count)
            .map(|_| {
                camera
                    .next_frame(Duration::from_secs(5))
                    .unwrap()
                    .picture
                    .encoded()
                    .unwrap()
                    .facts()
                    .sha256
            })
            .collect()
    };
    let first = frames(3);
    assert_eq!(first, frames(3));
    assert_ne!(first[0], first[1]);
}

#[test]
#[ignore = "writes pictures to look at"]
fn gallery() {
    let Ok(folder) = std::env::var("WIKO_GALLERY_DIR") else {
        return;
    };
    std::fs::create_dir_all(&folder).unwrap();
    let save = |name: String, image: image::RgbImage| {
        let small = wiko_imaging::resize_rgb(&image, 960, 540).unwrap();
        small.save(format!("{folder}/{name}.png")).unwrap();
    };
    let knife = ProductSku::new("WK-KN-200").unwrap();
    for stage in Stage::ALL {
        let (image, _) = render_part(&knife, *stage, 7, None);
        save(format!("stage-{:02}-{stage}", *stage as u8 + 1), image);
    }
    for defect in DefectType::ALL {
        assert!(can_show(Stage::Inspection, *defect));
        let begun = std::time::Instant::now();
        let (image, found) = render_part(&knife, Stage::Inspection, 11, Some(*defect));
        println!("{defect} {:?} {found:?}", begun.elapsed());
        save(format!("defect-{defect}"), image);
    }
    for sku in [
        "WK-KN-150",
        "WK-KN-100",
        "WK-SC-200",
        "WK-CI-200",
        "WK-CI-280",
    ] {
        let sku = ProductSku::new(sku).unwrap();
        save(
            format!("sku-{sku}"),
            render_part(&sku, Stage::Inspection, 3, None).0,
        );
        save(
            format!("sku-{sku}-stamp"),
            render_part(&sku, Stage::BladeStamp, 3, None).0,
        );
    }
}

#[test]
#[ignore = "a measurement"]
fn figures() {
    let config = SimulatedCameraConfig {
        pacing: Pacing::AsFastAsAsked,
        ..SimulatedCameraConfig::demo(sku("WK-KN-200"), Stage::Inspection, 4)
    };
    let begun = std::time::Instant::now();
    let part = config.part(0);
    println!("part {:?}, {} defects", begun.elapsed(), part.defects.len());
    let mut camera = SimulatedCamera::open(config, clock()).unwrap();
    let mut times = Vec::new();
    let mut bytes = 0;
    for _ in 0..85 {
        let begun = std::time::Instant::now();
        bytes = camera
            .next_frame(Duration::from_secs(5))
            .unwrap()
            .picture
            .encoded()
            .unwrap()
            .bytes()
            .len();
        times.push(begun.elapsed());
    }
    times.sort();
    println!(
        "frame median {:?}, 90% {:?}, {bytes} bytes",
        times[42], times[76]
    );
}
