//! How a part is shown.

use super::*;
use proptest::prelude::*;
use rstest::rstest;

fn part(width: u32, height: u32) -> ShownPart {
    let steel = RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([(x % 251) as u8, (y % 241) as u8, ((x + y) % 239) as u8])
    });
    let jpeg = wiko_imaging::encode_jpeg(&steel, 95).unwrap();
    let image = wiko_imaging::inspect(jpeg).unwrap();
    ShownPart::prepare(&image, ImageTier::High).unwrap()
}

fn at(x: u32, y: u32, width: u32, height: u32) -> BoxPx {
    BoxPx {
        x,
        y,
        width,
        height,
    }
}

#[test]
fn a_detail_has_as_much_again_on_every_side_and_stays_in_the_picture() {
    let part = part(2000, 1000);
    let regions = |boxes: &[BoxPx]| part.detail_regions(boxes.iter().copied(), 4);
    assert_eq!(regions(&[at(500, 400, 100, 80)]), [at(400, 320, 300, 240)]);
    assert_eq!(regions(&[at(0, 0, 10, 10)]), [at(0, 0, 160, 160)]);
    assert_eq!(regions(&[at(1990, 990, 10, 10)]), [at(1840, 840, 160, 160)]);
    // Those that meet are one; what is most of the picture, or leaves it, is none.
    let met = regions(&[at(500, 400, 100, 80), at(620, 420, 60, 60)]);
    assert_eq!(met, [at(400, 320, 340, 240)]);
    assert_eq!(regions(&[at(0, 0, 1900, 900)]), []);
    assert_eq!(regions(&[at(1990, 990, 20, 10)]), []);
    let many: Vec<BoxPx> = (0..8).map(|n| at(n * 240, 400, 10, 10)).collect();
    assert_eq!(
        regions(&many)[..2],
        [at(0, 325, 160, 160), at(165, 325, 160, 160)]
    );
    assert_eq!(regions(&many).len(), 4);
    // Two that would be most of the picture together stay apart.
    let corners = [at(0, 0, 330, 320), at(950, 300, 330, 320)];
    assert_eq!(regions(&corners).len(), 2);
}

#[test]
fn a_detail_is_cut_at_full_resolution_and_enlarged_by_whole_numbers() {
    let part = part(2000, 1000);
    let region = at(400, 320, 300, 240);
    let detail = part.detail(region, ImageTier::High).unwrap();
    assert_eq!((detail.width_px, detail.height_px), (600, 480));
    assert_eq!(detail.crop(), Some(region));
    let wide = part
        .detail(at(0, 0, 1600, 300), ImageTier::Standard)
        .unwrap();
    assert!(wide.width_px <= 1568, "{wide:?}");
}

#[rstest]
#[case((1075, 1520), ImageTier::Standard, (924, 1307))]
#[case((3840, 2160), ImageTier::Standard, (1456, 819))]
#[case((3840, 2160), ImageTier::High, (2576, 1449))]
#[case((4032, 3024), ImageTier::High, (2212, 1659))]
#[case((1920, 1080), ImageTier::Standard, (1456, 819))]
#[case((1920, 1080), ImageTier::High, (1920, 1080))]
#[case((1920, 1080), ImageTier::Short768, (1366, 768))]
#[case((2048, 700), ImageTier::Short768, (2048, 700))]
fn the_sent_size_is_the_one_that_the_models_makers_publish(
    #[case] (width, height): (u32, u32),
    #[case] tier: ImageTier,
    #[case] expected: (u32, u32),
) {
    assert_eq!(tier.seen_size(width, height), expected);
}

#[test]
fn a_full_hd_picture_costs_a_token_for_each_square_begun() {
    assert_eq!(image_tokens(1920, 1080), 69 * 39);
}

/// A bright part on an even table, with a dark mark on it.
fn with_mark(width: u32, height: u32, part: BoxPx, mark: BoxPx) -> EncodedImage {
    let frame = RgbImage::from_fn(width, height, |x, y| {
        let here = at(x, y, 1, 1);
        let level = match (part.meets(&here), mark.meets(&here)) {
            (_, true) => 60,
            (true, false) => 180,
            (false, false) => 30,
        };
        image::Rgb([level; 3])
    });
    wiko_imaging::inspect(wiko_imaging::encode_jpeg(&frame, 95).unwrap()).unwrap()
}

/// Where the picture shows the mark, to a fraction of a pixel, near the place where it is expected.
fn seen_mark(picture: &Picture, near: [f64; 4]) -> [f64; 4] {
    let image = wiko_imaging::inspect(Arc::clone(&picture.jpeg)).unwrap();
    let pixels = wiko_imaging::decode_luma(&image).unwrap();
    let span = |from: f64, to: f64| (from - 4.0) as u32..(to + 4.0) as u32;
    let (across, down) = (span(near[0], near[2]), span(near[1], near[3]));
    let dark = |x: u32, y: u32| (180.0 - f64::from(pixels.get_pixel(x, y).0[0])) / 120.0;
    let edges = |along: std::ops::Range<u32>, at: &dyn Fn(u32) -> f64| {
        let length: f64 = along.clone().map(at).sum();
        let middle = along.map(|n| at(n) * (f64::from(n) + 0.5)).sum::<f64>() / length;
        (middle - length / 2.0, middle + length / 2.0)
    };
    let (middle_x, middle_y) = ((near[0] + near[2]) / 2.0, (near[1] + near[3]) / 2.0);
    let (x1, x2) = edges(across, &|x| dark(x, middle_y as u32));
    let (y1, y2) = edges(down, &|y| dark(middle_x as u32, y));
    [x1, y1, x2, y2]
}

#[rstest]
#[case::four_k((3840, 2160), at(900, 700, 1800, 500), at(1501, 883, 77, 49), ImageTier::High)]
#[case::four_k_for_less_sight((3840, 2160), at(300, 500, 2700, 700), at(2407, 611, 93, 131), ImageTier::Standard)]
#[case::full_hd_for_less_sight((1920, 1080), at(0, 300, 900, 320), at(613, 411, 61, 57), ImageTier::Standard)]
#[case::upright((3024, 4032), at(1000, 400, 500, 2600), at(1203, 2111, 99, 71), ImageTier::High)]
#[case::in_a_corner((4001, 3001), at(2601, 1901, 1400, 1100), at(3333, 2717, 55, 89), ImageTier::Short768)]
fn what_the_parts_region_shows_is_at_its_place_on_the_original(
    #[case] (width, height): (u32, u32),
    #[case] part: BoxPx,
    #[case] mark: BoxPx,
    #[case] tier: ImageTier,
) {
    let shown = ShownPart::prepare(&with_mark(width, height, part, mark), tier).unwrap();
    let region = shown.region.unwrap();
    assert_eq!(region.union(&part), region, "all of the part is in it");
    let picture = shown.detail(region, tier).unwrap();
    let (across, down) = (
        f64::from(picture.width_px) / f64::from(region.width),
        f64::from(picture.height_px) / f64::from(region.height),
    );
    let seen = f64::from(shown.whole.width_px) / f64::from(width);
    assert!(across >= LEAST_GAIN * seen, "{across} to {seen}");
    let near = [
        f64::from(mark.x - region.x) * across,
        f64::from(mark.y - region.y) * down,
        f64::from(mark.x + mark.width - region.x) * across,
        f64::from(mark.y + mark.height - region.y) * down,
    ];
    let seen = seen_mark(&picture, near);
    let found = picture.provenance.to_original(seen, width, height).unwrap();
    // The mark is measured in a picture that was scaled and compressed, to half a pixel, and rounded by another half.
    let edges = |of: BoxPx| [of.x, of.y, of.x + of.width, of.y + of.height];
    let mut apart = edges(found).into_iter().zip(edges(mark));
    assert!(
        apart.all(|(a, b)| a.abs_diff(b) <= 1),
        "{found:?} for {mark:?}"
    );
}

#[test]
fn the_region_is_shown_only_where_it_shows_more() {
    let part = at(900, 300, 600, 220);
    let region = |(width, height), tier| {
        let frame = with_mark(width, height, part, at(950, 350, 40, 40));
        ShownPart::prepare(&frame, tier).unwrap().region
    };
    // Shown in its own size already.
    assert_eq!(region((1920, 1080), ImageTier::High), None);
    assert!(region((1920, 1080), ImageTier::Standard).is_some());
    // Hardly smaller than its own size.
    assert_eq!(region((1700, 900), ImageTier::Standard), None);
    // Steel that fills the frame is no part on a table.
    assert_eq!(self::part(4000, 3000).region, None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_box_in_a_region_of_any_size_comes_back_within_half_a_pixel(
        (width, height) in (200u32..6000, 200u32..6000), tier in 0usize..3,
        region in [0.0f64..0.9, 0.0f64..0.9, 0.1f64..1.0, 0.1f64..1.0],
        (left, top, across, down) in (0.0f64..0.9, 0.0f64..0.9, 0.05f64..1.0, 0.05f64..1.0),
    ) {
        let tier = [ImageTier::Standard, ImageTier::High, ImageTier::Short768][tier];
        let share = |of: u32, share: f64| (f64::from(of) * share) as u32;
        let (x, y) = (share(width, region[0]), share(height, region[1]));
        let region = at(x, y, 1 + share(width - x - 1, region[2]), 1 + share(height - y - 1, region[3]));
        let (width_px, height_px) = detail_size(region, tier);
        let seen = BoxProvenance::Cropped { crop: region, width_px, height_px };
        let span = |start: f64, length: f64, of: u32| {
            let from = start * f64::from(of);
            (from, from + length * (f64::from(of) - from))
        };
        let ((x1, x2), (y1, y2)) = (span(left, across, width_px), span(top, down, height_px));
        let found = seen.to_original([x1, y1, x2, y2], width, height).unwrap();
        let exact = |seen_at: f64, seen: u32, from: u32, length: u32| {
            f64::from(from) + seen_at * f64::from(length) / f64::from(seen)
        };
        let across = [x1, x2].map(|x| exact(x, width_px, region.x, region.width));
        let down = [y1, y2].map(|y| exact(y, height_px, region.y, region.height));
        for (from, length, [start, end]) in [(found.x, found.width, across), (found.y, found.height, down)] {
            let near = |pixel: u32, exact: f64| (f64::from(pixel) - exact).abs() <= 0.5 + 1e-6;
            // What is less than a pixel is the pixel in which its middle lies.
            let middle = f64::midpoint(start, end) - f64::from(from);
            let lies_in_it = length == 1 && (-1e-6..=1.0 + 1e-6).contains(&middle);
            prop_assert!(near(from, start) && near(from + length, end) || lies_in_it, "{from}, {length} for {start} to {end}");
        }
    }

    #[test]
    fn the_sent_size_is_always_taken_as_it_is_and_keeps_its_shape(
        width in 1u32..9000, height in 1u32..9000, tier in 0usize..3,
    ) {
        let tier = [ImageTier::Standard, ImageTier::High, ImageTier::Short768][tier];
        let (w, h) = tier.seen_size(width, height);
        prop_assert!(tier.takes(w, h));
        prop_assert!(w <= width && h <= height && w > 0 && h > 0);
        prop_assert_eq!(tier.seen_size(w, h), (w, h));
        let short_edge = f64::from(width.min(height)) * f64::from(w.max(h))
            / f64::from(width.max(height));
        prop_assert!((f64::from(w.min(h)) - short_edge).abs() <= 1.0);
    }
}
