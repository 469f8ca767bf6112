//! The part is found where it is clear-cut, and nowhere else.

use image::{Rgb, RgbImage};
use proptest::prelude::*;
use rstest::rstest;
use wiko_core::geometry::BoxPx;
use wiko_imaging::part_region;

const fn at(x: u32, y: u32, width: u32, height: u32) -> BoxPx {
    BoxPx {
        x,
        y,
        width,
        height,
    }
}

/// Bright parts on a dark table with a little grain.
fn frame(width: u32, height: u32, parts: &[BoxPx]) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let grain = ((x * 31 + y * 17) % 5) as u8;
        let on_part = parts.iter().any(|part| part.meets(&at(x, y, 1, 1)));
        if on_part {
            Rgb([180 + grain, 185 + grain, 190 + grain])
        } else {
            Rgb([30 + grain, 32 + grain, 34 + grain])
        }
    })
}

fn holds(outer: &BoxPx, inner: &BoxPx) -> bool {
    outer.union(inner) == *outer
}

#[rstest]
#[case::in_the_middle(&[at(900, 800, 1400, 300)])]
#[case::at_the_left_side(&[at(0, 900, 1500, 260)])]
#[case::in_a_corner(&[at(2000, 1500, 1000, 500)])]
#[case::from_side_to_side(&[at(0, 900, 3000, 300)])]
#[case::two_parts(&[at(200, 300, 700, 300), at(1400, 1200, 600, 300)])]
#[case::with_a_small_one_beside(&[at(900, 800, 1400, 300), at(400, 400, 60, 60)])]
fn the_region_holds_all_of_what_lies_there_and_little_more(#[case] parts: &[BoxPx]) {
    let region = part_region(&frame(3000, 2000, parts)).unwrap().unwrap();
    let all = parts.iter().copied().reduce(|a, b| a.union(&b)).unwrap();
    assert!(region.lies_in(3000, 2000));
    assert!(holds(&region, &all), "{region:?} holds {all:?}");
    assert!(
        region.width <= all.width + all.width / 10 + 24,
        "{region:?}"
    );
    assert!(
        region.height <= all.height + all.height / 10 + 24,
        "{region:?}"
    );
}

#[rstest]
#[case::no_part(&[])]
#[case::a_speck(&[at(900, 800, 200, 100)])]
#[case::it_fills_the_frame(&[at(100, 100, 2700, 1700)])]
#[case::it_reaches_beyond_all_sides(&[at(0, 900, 3000, 300), at(1300, 0, 300, 2000)])]
#[case::it_covers_half_of_the_rim(&[at(0, 0, 1600, 2000)])]
fn there_is_none_where_that_would_not_help(#[case] parts: &[BoxPx]) {
    assert_eq!(part_region(&frame(3000, 2000, parts)).unwrap(), None);
}

#[test]
fn there_is_none_before_a_background_that_is_not_even() {
    let part = at(300, 300, 500, 200);
    let before = |ground: fn(u32, u32) -> u8| {
        RgbImage::from_fn(1200, 900, |x, y| match part.meets(&at(x, y, 1, 1)) {
            true => Rgb([220; 3]),
            false => Rgb([ground(x, y); 3]),
        })
    };
    let boards = before(|x, _| if x / 40 % 2 == 0 { 40 } else { 90 });
    assert_eq!(part_region(&boards).unwrap(), None);
    let slope = before(|x, _| (x / 8) as u8);
    assert_eq!(part_region(&slope).unwrap(), None);
    let dust = before(|x, y| if x % 37 < 5 && y % 41 < 5 { 120 } else { 30 });
    assert_eq!(part_region(&dust).unwrap(), None);
    let even = before(|_, _| 30);
    assert!(part_region(&even).unwrap().is_some());
}

#[test]
fn a_picture_of_a_few_pixels_has_no_region_and_does_no_harm() {
    for (width, height) in [(1, 1), (3, 2), (11, 900), (5000, 3)] {
        let small = frame(width, height, &[]);
        assert_eq!(part_region(&small).unwrap(), None, "{width}x{height}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn wherever_the_part_lies_its_region_holds_it(
        width in 300u32..1500, height in 300u32..1500,
        (across, down) in (0.3f64..0.7, 0.3f64..0.7), (left, top) in (0.0f64..1.0, 0.0f64..1.0),
    ) {
        let sized = |limit: u32, share: f64| (f64::from(limit) * share) as u32;
        let (w, h) = (sized(width, across), sized(height, down));
        let part = at(sized(width - w, left), sized(height - h, top), w, h);
        let region = part_region(&frame(width, height, &[part])).unwrap().unwrap();
        prop_assert!(region.lies_in(width, height));
        prop_assert!(holds(&region, &part), "{:?} holds {:?}", region, part);
    }
}
