//! Lengths are what they were made, whatever angle and lens the board was seen at.

use image::{GrayImage, Luma, imageops};
use rstest::rstest;
use wiko_core::geometry::BoxPx;
use wiko_imaging::{Calibration, Distortion, NotCalibrated, calibrate_by_board};

const WIDTH: u32 = 1280;
const HEIGHT: u32 = 960;
const SQUARE_MM: f64 = 5.0;

/// How a board is seen.
#[derive(Clone, Copy)]
struct View {
    mm_per_px: f64,
    turn_deg: f64,
    /// Shortened along one side, as a tilt does from far.
    tilt_deg: f64,
    /// How much more a millimetre has on the right than on the left, over the whole width.
    perspective: f64,
    lens: Distortion,
    noise: f32,
    squares: (i32, i32),
}

const STRAIGHT: View = View {
    mm_per_px: 0.1,
    turn_deg: 0.0,
    tilt_deg: 0.0,
    perspective: 0.0,
    lens: Distortion { k1: 0.0, k2: 0.0 },
    noise: 0.0,
    squares: (20, 14),
};

impl View {
    /// Where an ideal pixel lies on the board, whose middle is in the picture's.
    fn board_mm(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let (x, y) = (
            x - f64::from(WIDTH - 1) / 2.0,
            y - f64::from(HEIGHT - 1) / 2.0,
        );
        let nearer = 1.0 + self.perspective * x / f64::from(WIDTH);
        let (x, y) = (x * self.mm_per_px / nearer, y * self.mm_per_px / nearer);
        let (sin, cos) = self.turn_deg.to_radians().sin_cos();
        let (u, v) = (cos * x - sin * y, sin * x + cos * y);
        (u / self.tilt_deg.to_radians().cos(), v)
    }

    /// Each pixel the mean of nine places in it.
    fn picture(&self) -> GrayImage {
        let mut seed = 1_u64;
        let mut noise = || {
            let mut uniform = || {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 40) as f32 / (1 << 24) as f32 - 0.5
            };
            (uniform() + uniform() + uniform()) * 2.0 * self.noise
        };
        let sharp = GrayImage::from_fn(WIDTH, HEIGHT, |x, y| {
            let mut sum = 0.0;
            for part in 0..9 {
                let (u, v) = (f64::from(part % 3 - 1) / 3.0, f64::from(part / 3 - 1) / 3.0);
                let ideal = self
                    .lens
                    .ideal((WIDTH, HEIGHT), (f64::from(x) + u, f64::from(y) + v));
                let (u, v) = self.board_mm(ideal);
                let column = (u / SQUARE_MM + f64::from(self.squares.0) / 2.0).floor();
                let row = (v / SQUARE_MM + f64::from(self.squares.1) / 2.0).floor();
                let on_board = (0.0..f64::from(self.squares.0)).contains(&column)
                    && (0.0..f64::from(self.squares.1)).contains(&row);
                let dark = on_board && (column + row) as i64 % 2 == 0;
                sum += if dark { 35.0 } else { 205.0 };
            }
            Luma([(sum / 9.0) as u8])
        });
        let mut seen = imageops::blur(&sharp, 0.7);
        for level in seen.iter_mut() {
            *level = (f32::from(*level) + noise()).clamp(0.0, 255.0) as u8;
        }
        seen
    }
}

#[rstest]
#[case::straight(STRAIGHT)]
#[case::turned(View { turn_deg: 17.0, ..STRAIGHT })]
#[case::turned_by_45(View { turn_deg: 45.0, ..STRAIGHT })]
#[case::noisy(View { turn_deg: 5.0, noise: 8.0, ..STRAIGHT })]
#[case::fine(View { mm_per_px: 0.25, squares: (30, 20), turn_deg: 3.0, ..STRAIGHT })]
#[case::coarse(View { mm_per_px: 0.04, squares: (9, 7), turn_deg: -8.0, ..STRAIGHT })]
#[case::tilted(View { tilt_deg: 15.0, turn_deg: 12.0, noise: 2.0, ..STRAIGHT })]
#[case::in_perspective(View { perspective: 0.1, turn_deg: 12.0, noise: 2.0, ..STRAIGHT })]
#[case::barrel(View { lens: Distortion { k1: -0.06, k2: 0.0 }, turn_deg: 4.0, noise: 2.0, ..STRAIGHT })]
#[case::cushion(View { lens: Distortion { k1: 0.05, k2: 0.02 }, turn_deg: 4.0, noise: 2.0, ..STRAIGHT })]
fn lengths_are_within_a_thousandth_all_over_the_picture(#[case] view: View) {
    let calibration = calibrate_by_board(&view.picture(), SQUARE_MM).unwrap();
    let off = (calibration.mm_per_px / view.mm_per_px * view.tilt_deg.to_radians().cos().sqrt()
        - 1.0)
        .abs();
    assert!(off < 0.003, "{calibration:?}");
    assert!(calibration.residual_px.unwrap() < 0.2, "{calibration:?}");
    let ideal = |point| view.lens.ideal((WIDTH, HEIGHT), point);
    for (a, b) in [
        ((300.0, 200.0), (900.0, 700.0)),
        ((640.0, 480.0), (700.0, 480.0)),
        ((200.0, 800.0), (200.0, 150.0)),
        ((150.0, 120.0), (1100.0, 130.0)),
    ] {
        let ((ax, ay), (bx, by)) = (view.board_mm(ideal(a)), view.board_mm(ideal(b)));
        let made = (ax - bx).hypot(ay - by);
        let measured = calibration.length_mm(a, b).unwrap();
        assert!(
            (measured / made - 1.0).abs() < 0.001,
            "{measured} for {made}: {calibration:?}"
        );
    }
}

/// What lies within a box reaches so far in reality at most.
fn made_extent_mm(view: &View, found: &BoxPx) -> f64 {
    let at = |start: u32, length: u32, piece: u32| {
        f64::from(start) + f64::from(length) * f64::from(piece) / 40.0 - 0.5
    };
    let rim = (0..=40).flat_map(|piece| [(piece, 0), (piece, 40), (0, piece), (40, piece)]);
    let places: Vec<(f64, f64)> = rim
        .map(|(column, row)| {
            let seen = (
                at(found.x, found.width, column),
                at(found.y, found.height, row),
            );
            view.board_mm(view.lens.ideal((WIDTH, HEIGHT), seen))
        })
        .collect();
    let apart = |a: &(f64, f64), b: &(f64, f64)| (a.0 - b.0).hypot(a.1 - b.1);
    let all = places
        .iter()
        .flat_map(|a| places.iter().map(move |b| apart(a, b)));
    all.fold(0.0, f64::max)
}

#[rstest]
#[case::barrel(View { lens: Distortion { k1: -0.12, k2: 0.01 }, squares: (26, 20), noise: 2.0, ..STRAIGHT }, 0.1)]
#[case::cushion(View { lens: Distortion { k1: 0.08, k2: 0.0 }, squares: (24, 18), noise: 2.0, ..STRAIGHT }, 0.06)]
#[case::barrel_in_perspective(
    View { lens: Distortion { k1: -0.1, k2: 0.0 }, perspective: 0.08, squares: (26, 20), noise: 2.0, ..STRAIGHT },
    0.1
)]
fn a_box_in_the_corner_has_its_true_millimetres_where_a_pixel_of_the_middle_tells_others(
    #[case] view: View,
    #[case] least_off: f64,
) {
    let calibration = calibrate_by_board(&view.picture(), SQUARE_MM).unwrap();
    let plane = calibration.part_plane();
    let mut farthest_off = 0.0_f64;
    for (x, y) in [(0, 0), (1200, 0), (0, 900), (1200, 900), (600, 450)] {
        let found = BoxPx {
            x,
            y,
            width: 80,
            height: 60,
        };
        let made = made_extent_mm(&view, &found);
        let measured = plane.size_mm(&found).unwrap().diagonal_mm;
        assert!(
            (measured / made - 1.0).abs() < 0.005,
            "{measured} for {made} at {x}, {y}: {calibration:?}"
        );
        let by_pixel = calibration.mm_per_px * 100.0;
        farthest_off = farthest_off.max((by_pixel / made - 1.0).abs());
    }
    assert!(farthest_off > least_off, "{farthest_off}");
}

#[test]
fn a_lens_without_distortion_is_not_given_any() {
    let calibration = calibrate_by_board(
        &View {
            turn_deg: 3.0,
            noise: 2.0,
            ..STRAIGHT
        }
        .picture(),
        SQUARE_MM,
    );
    assert_eq!(calibration.unwrap().distortion, None);
}

#[test]
fn a_distortion_is_found_as_it_was_made() {
    let lens = Distortion { k1: -0.06, k2: 0.0 };
    let view = View {
        lens,
        squares: (24, 18),
        ..STRAIGHT
    };
    let found = calibrate_by_board(&view.picture(), SQUARE_MM)
        .unwrap()
        .distortion
        .unwrap();
    assert!((found.k1 - lens.k1).abs() < 0.005, "{found:?}");
}

#[test]
fn what_is_no_board_or_not_enough_of_one_is_refused_in_a_sentence() {
    let refused = |picture: &GrayImage| calibrate_by_board(picture, SQUARE_MM).unwrap_err();
    let grey = GrayImage::from_pixel(WIDTH, HEIGHT, Luma([120]));
    assert_eq!(refused(&grey), NotCalibrated::NoBoard);
    assert_eq!(refused(&GrayImage::new(3, 3)), NotCalibrated::NoBoard);
    assert_eq!(refused(&GrayImage::new(0, 0)), NotCalibrated::NoBoard);
    // Stripes have edges and no corners.
    let stripes = GrayImage::from_fn(WIDTH, HEIGHT, |x, y| {
        Luma([if (x + y) / 30 % 2 == 0 { 40 } else { 200 }])
    });
    assert_eq!(refused(&stripes), NotCalibrated::NoBoard);
    let mut seed = 5_u32;
    let noise = GrayImage::from_fn(WIDTH, HEIGHT, |_, _| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Luma([(seed >> 24) as u8])
    });
    assert!(matches!(
        refused(&noise),
        NotCalibrated::NoBoard | NotCalibrated::TooFewCorners { .. }
    ));
    let small = View {
        squares: (5, 4),
        ..STRAIGHT
    }
    .picture();
    assert_eq!(refused(&small), NotCalibrated::TooFewCorners { found: 12 });
    let tilted = View {
        tilt_deg: 35.0,
        ..STRAIGHT
    }
    .picture();
    let NotCalibrated::TooTilted { tilt_deg, .. } = refused(&tilted) else {
        panic!("{:?}", refused(&tilted));
    };
    assert!((tilt_deg - 35.0).abs() < 2.0, "{tilt_deg}");
    let near = View {
        perspective: 0.35,
        ..STRAIGHT
    }
    .picture();
    assert!(matches!(refused(&near), NotCalibrated::TooTilted { .. }));
    assert!(refused(&near).to_string().contains("lay it flat"));
    assert_eq!(
        calibrate_by_board(&STRAIGHT.picture(), 0.0),
        Err(NotCalibrated::NoDistance)
    );
}

#[test]
fn two_points_and_a_distance_tell_the_scale() {
    let calibration =
        Calibration::by_points((1920, 1080), (100.0, 100.0), (400.0, 500.0), 100.0).unwrap();
    assert!((calibration.mm_per_px - 0.2).abs() < 1e-12);
    let length = calibration.length_mm((0.0, 0.0), (0.0, 10.0)).unwrap();
    assert!((length - 2.0).abs() < 1e-12);
    for (b, distance) in [
        ((100.0, 100.0), 5.0),
        ((400.0, 500.0), 0.0),
        ((400.0, 500.0), f64::NAN),
    ] {
        let refused = Calibration::by_points((1920, 1080), (100.0, 100.0), b, distance);
        assert_eq!(refused, Err(NotCalibrated::NoDistance));
    }
}

#[test]
fn a_calibration_is_the_same_once_stored_and_read_again() {
    let calibration = calibrate_by_board(
        &View {
            noise: 1.0,
            ..STRAIGHT
        }
        .picture(),
        SQUARE_MM,
    )
    .unwrap();
    let text = serde_json::to_string(&calibration).unwrap();
    let read: Calibration = serde_json::from_str(&text).unwrap();
    let (a, b) = ((100.0, 200.0), (900.0, 640.0));
    let length = |calibration: &Calibration| calibration.length_mm(a, b).unwrap();
    assert!((length(&read) - length(&calibration)).abs() < 1e-9);
}
