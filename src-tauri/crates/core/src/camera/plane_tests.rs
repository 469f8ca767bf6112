use super::*;
use proptest::prelude::*;

const SIZE: (u32, u32) = (1280, 960);
const BARREL: Distortion = Distortion {
    k1: -0.12,
    k2: 0.01,
};

fn plane(distortion: Option<Distortion>, homography: Option<[f64; 9]>) -> PartPlane {
    PartPlane {
        width_px: SIZE.0,
        height_px: SIZE.1,
        mm_per_px: 0.1,
        distortion,
        homography,
        region: None,
    }
}

fn area(x: u32, y: u32, width: u32, height: u32) -> BoxPx {
    BoxPx {
        x,
        y,
        width,
        height,
    }
}

#[test]
fn without_lens_and_tilt_a_box_is_as_large_as_its_pixels() {
    let size = plane(None, None).size_mm(&area(10, 20, 30, 40)).unwrap();
    assert!((size.width_mm - 3.0).abs() < 1e-12);
    assert!((size.height_mm - 4.0).abs() < 1e-12);
    assert!((size.diagonal_mm - 5.0).abs() < 1e-12);
}

#[test]
fn a_scratch_in_the_corner_of_a_barrel_has_the_millimetres_that_were_put_there() {
    // 10 mm of an ideal picture of 0.1 mm a pixel, along the line from corner to corner: there a lens bends nothing.
    let (half_x, half_y) = (40.0, 30.0);
    for (middle, least_off) in [((639.5, 479.5), 0.0), ((119.5, 89.5), 0.2)] {
        let end = |sign: f64| {
            BARREL.distorted(SIZE, (middle.0 + sign * half_x, middle.1 + sign * half_y))
        };
        let (from, to) = (end(-1.0), end(1.0));
        let (x, y) = (from.0.round() as u32, from.1.round() as u32);
        let found = area(
            x,
            y,
            to.0.round() as u32 - x + 1,
            to.1.round() as u32 - y + 1,
        );
        let size = plane(Some(BARREL), None).size_mm(&found).unwrap();
        // The box is of whole pixels, and holds all of the pixels at both ends.
        assert!((0.0..0.4).contains(&(size.diagonal_mm - 10.0)), "{size:?}");
        let by_pixel = 0.1 * f64::from(found.width).hypot(f64::from(found.height));
        assert!(by_pixel < 10.3 - 10.0 * least_off, "{by_pixel}");
    }
}

#[test]
fn a_tilted_plane_is_longer_where_it_is_farther_away() {
    // To the right a millimetre has fewer pixels.
    let tilted = plane(
        None,
        Some([0.1, 0.0, 0.0, 0.0, 0.1, 0.0, -1.5e-4, 0.0, 1.0]),
    );
    let size = |x| tilted.size_mm(&area(x, 400, 50, 50)).unwrap();
    assert!(size(1200).diagonal_mm > 1.3 * size(20).diagonal_mm);
}

#[test]
fn what_is_not_in_the_picture_is_not_measured() {
    let whole = plane(Some(BARREL), None);
    for place in [
        (-0.6, 5.0),
        (5.0, 959.6),
        (1279.6, 5.0),
        (f64::NAN, 5.0),
        (5.0, f64::INFINITY),
    ] {
        assert_eq!(whole.place_mm(place), Err(NotMeasured::Outside));
    }
    assert!(whole.place_mm((-0.5, 959.5)).is_ok());
    for outside in [
        area(1279, 0, 2, 1),
        area(0, 0, 0, 4),
        area(u32::MAX, 0, 2, 1),
    ] {
        assert_eq!(whole.size_mm(&outside), Err(NotMeasured::Outside));
    }
    assert!(whole.size_mm(&area(0, 0, 1280, 960)).is_ok());
}

#[test]
fn where_the_lens_folds_over_there_are_no_millimetres() {
    // Grows until r² is 0.37, where 0.4 of a half diagonal is shown; the corners are beyond.
    let folding = Distortion { k1: -0.9, k2: 0.0 };
    let folds = plane(Some(folding), None);
    assert!(folds.place_mm((639.5 + 300.0, 479.5)).is_ok());
    assert_eq!(folds.place_mm((0.0, 0.0)), Err(NotMeasured::Diverges));
    assert_eq!(
        folds.size_mm(&area(0, 0, 50, 50)),
        Err(NotMeasured::Diverges)
    );
    let (x, y) = folding.ideal(SIZE, (0.0, 0.0));
    assert!(x.is_finite() && y.is_finite());
    let nonsense = Distortion {
        k1: f64::NAN,
        k2: 0.0,
    };
    assert_eq!(
        plane(Some(nonsense), None).place_mm((5.0, 5.0)),
        Err(NotMeasured::Diverges)
    );
}

#[test]
fn beyond_the_horizon_of_the_plane_there_are_no_millimetres() {
    let horizon = Some([0.1, 0.0, 0.0, 0.0, 0.1, 0.0, -1e-3, 0.0, 1.0]);
    let steep = plane(None, horizon);
    assert!(steep.place_mm((900.0, 5.0)).is_ok());
    assert_eq!(steep.place_mm((1100.0, 5.0)), Err(NotMeasured::Diverges));
    assert_eq!(steep.place_mm((1000.0, 5.0)), Err(NotMeasured::Diverges));
}

#[test]
fn a_region_of_the_picture_is_measured_as_it_is_in_the_whole() {
    let whole = plane(
        Some(BARREL),
        Some([0.1, 0.002, 0.0, 0.0, 0.1, 0.0, -1e-5, 2e-5, 1.0]),
    );
    let region = whole.in_region(area(800, 600, 400, 300)).unwrap();
    let inner = region.in_region(area(100, 50, 200, 200)).unwrap();
    let size = whole.size_mm(&area(950, 700, 30, 20)).unwrap();
    assert_eq!(region.size_mm(&area(150, 100, 30, 20)), Ok(size));
    assert_eq!(inner.size_mm(&area(50, 50, 30, 20)), Ok(size));
    assert_eq!(inner.holds_for((200, 200)), Ok(()));
    let refused = region.holds_for(SIZE).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the picture has 1280×960 pixels and the calibration 400×300: calibrate again"
    );
    assert_eq!(inner.place_mm((200.0, 5.0)), Err(NotMeasured::Outside));
    assert_eq!(whole.in_region(area(1200, 0, 100, 5)), None);
}

#[test]
fn what_a_plane_does_not_have_is_not_written() {
    let simple = serde_json::to_string(&plane(None, None)).unwrap();
    assert_eq!(
        simple,
        r#"{"width_px":1280,"height_px":960,"mm_per_px":0.1}"#
    );
    let all = plane(Some(BARREL), Some([1.0; 9]))
        .in_region(area(1, 2, 3, 4))
        .unwrap();
    let text = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<PartPlane>(&text).unwrap(), all);
}

proptest! {
    #[test]
    fn what_a_lens_did_is_undone_to_a_millionth_of_a_pixel_or_refused(
        k1 in -0.6f64..0.6, k2 in -0.4f64..0.4,
        x in -0.5f64..1279.5, y in -0.5f64..959.5,
    ) {
        let lens = Distortion { k1, k2 };
        match lens.undistorted(SIZE, (x, y)) {
            Ok(ideal) => {
                let again = lens.distorted(SIZE, ideal);
                prop_assert!((again.0 - x).hypot(again.1 - y) < 1e-6, "{again:?}");
                // Nearer to the middle nothing else is shown there.
                let (cx, cy, half) = middle(SIZE);
                let r = (ideal.0 - cx).hypot(ideal.1 - cy) / half;
                let seen = (x - cx).hypot(y - cy) / half;
                for part in 1..100 {
                    let nearer = r * f64::from(part) / 100.0;
                    prop_assert!(nearer * lens.stretch(nearer * nearer) < seen + 1e-9);
                }
            }
            Err(refused) => {
                prop_assert_eq!(refused, NotMeasured::Diverges);
                let seen = {
                    let (cx, cy, half) = middle(SIZE);
                    (x - cx).hypot(y - cy) / half
                };
                // Nowhere up to the fold is so much shown.
                let fold = lens.fold().unwrap();
                prop_assert!(fold * lens.stretch(fold * fold) < seen);
            }
        }
    }

    #[test]
    fn no_two_places_of_a_box_are_farther_apart_than_its_diagonal(
        k1 in -0.15f64..0.15, x in 0u32..1180, y in 0u32..860, width in 1u32..100, height in 1u32..100,
        ends in [0.0f64..1.0, 0.0f64..1.0, 0.0f64..1.0, 0.0f64..1.0],
    ) {
        let seen = plane(Some(Distortion { k1, k2: 0.0 }), Some([0.1, 0.01, 0.0, -0.01, 0.1, 0.0, 1e-5, -1e-5, 1.0]));
        let size = seen.size_mm(&area(x, y, width, height)).unwrap();
        let at = |across: f64, down: f64| {
            (f64::from(x) + across * f64::from(width) - 0.5, f64::from(y) + down * f64::from(height) - 0.5)
        };
        let length = seen.length_mm(at(ends[0], ends[1]), at(ends[2], ends[3])).unwrap();
        prop_assert!(length <= size.diagonal_mm * (1.0 + 1e-4), "{length} {size:?}");
        prop_assert!(size.width_mm.max(size.height_mm) <= size.diagonal_mm);
    }
}
