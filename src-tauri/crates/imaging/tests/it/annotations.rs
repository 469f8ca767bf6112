//! What is drawn on a picture can be told apart, and nothing but a pass is green.

use image::{Rgb, RgbImage};
use wiko_core::{
    analysis::{Finding, FindingDraft},
    defect::{DefectType, Region, Severity},
    geometry::{BoxProvenance, BoxPx},
    verdict::VerdictCode,
};
use wiko_imaging::{annotate, annotate_verdict};

const STEEL: Rgb<u8> = Rgb([150, 152, 155]);

fn finding(defect_type: DefectType, severity: Severity, box_px: BoxPx) -> Finding {
    Finding::new(FindingDraft {
        defect_type,
        severity,
        confidence: 0.91,
        region: Region::BladeSurface,
        box_px,
        provenance: BoxProvenance::Native,
        recommended_action: None,
        description: String::new(),
    })
}

#[test]
fn a_box_is_drawn_around_the_defect_and_never_over_it() {
    let mut image = RgbImage::from_pixel(1920, 1080, STEEL);
    let area = BoxPx {
        x: 800,
        y: 400,
        width: 120,
        height: 60,
    };
    annotate(
        &mut image,
        &[finding(DefectType::RustSpot, Severity::Critical, area)],
    );
    for y in area.y..area.y + area.height {
        for x in area.x..area.x + area.width {
            assert_eq!(*image.get_pixel(x, y), STEEL);
        }
    }
    let [red, green, blue] = image.get_pixel(area.x + 60, area.y - 3).0;
    assert!(red > 180 && green < 80 && blue < 80, "the line is red");
    assert!(
        image.get_pixel(100, 1060).0 != STEEL.0,
        "the legend stands below"
    );
}

#[test]
fn a_box_at_the_border_or_outside_of_a_tiny_picture_does_no_harm() {
    for (width, height) in [(1, 1), (40, 30), (8000, 20)] {
        let mut image = RgbImage::from_pixel(width, height, STEEL);
        let whole = BoxPx {
            x: 0,
            y: 0,
            width,
            height,
        };
        let outside = BoxPx {
            x: u32::MAX - 1,
            y: u32::MAX - 1,
            width: u32::MAX,
            height: u32::MAX,
        };
        annotate(
            &mut image,
            &[
                finding(DefectType::BladeScratch, Severity::Minor, whole),
                finding(DefectType::Unknown, Severity::Cosmetic, outside),
            ],
        );
        annotate_verdict(&mut image, VerdictCode::Fail);
        assert_eq!(image.dimensions(), (width, height));
    }
}

#[test]
fn nothing_is_drawn_where_nothing_was_found() {
    let blank = RgbImage::from_pixel(640, 480, STEEL);
    let mut image = blank.clone();
    annotate(&mut image, &[]);
    assert_eq!(image, blank);
}

#[test]
fn only_a_pass_is_green_and_each_verdict_looks_different() {
    let mut seen = Vec::new();
    for verdict in VerdictCode::ALL {
        let mut image = RgbImage::from_pixel(1280, 720, STEEL);
        annotate_verdict(&mut image, *verdict);
        let [red, green, blue] = image.get_pixel(1270, 4).0.map(i32::from);
        let is_green = green > red + 30 && green > blue + 30;
        assert_eq!(is_green, *verdict == VerdictCode::Pass, "{verdict}");
        assert!(!seen.contains(&image), "{verdict}");
        seen.push(image);
    }
}
