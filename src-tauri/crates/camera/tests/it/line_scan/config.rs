//! What is refused when it is configured.

use super::*;
use wiko_camera::line_scan::{LineAspect, LineAssembler};

fn refusal(config: LineScanConfig) -> String {
    let refused = LineAssembler::new(config, None).err();
    refused.expect("it is refused").to_string()
}

fn wide(width_px: u32, longest_rows: u32) -> LineScanConfig {
    LineScanConfig {
        widest: LineLayout {
            format: PixelFormat::Mono8,
            width_px,
        },
        most_bytes: 1 << 30,
        ..super::config(long_page(longest_rows, 100, 100))
    }
}

#[test]
fn a_part_that_no_picture_holds_is_refused_with_what_to_do() {
    // 300 megapixels.
    let said = refusal(wide(16_000, 18_750));
    assert!(said.contains("18950 rows is too tall"), "{said}");
    let said = refusal(wide(16_000, 10_000));
    assert!(said.contains("16000×10200 pixels is too large"), "{said}");
    assert!(said.contains("set a shorter part"), "{said}");
    assert!(refusal(wide(20_000, 100)).contains("too long"));
    assert!(LineAssembler::new(wide(8000, 10_000), None).is_ok());
}

#[test]
fn memory_that_does_not_hold_a_picture_is_refused() {
    let config = LineScanConfig {
        most_bytes: 8000 * 10_000,
        ..wide(8000, 10_000)
    };
    assert!(refusal(config).contains("allow more"));
    let config = wide(8000, 10_000);
    assert!(
        config.memory_bytes() < 8000 * 10_200 * 11 / 10,
        "memory is taken for nothing"
    );
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let web = |window_rows, overlap_rows| {
        super::config(LineMode::Web {
            window_rows,
            overlap_rows,
        })
    };
    let levels = |change: fn(&mut PartLevels)| {
        let mut levels = LEVELS;
        change(&mut levels);
        super::config(LineMode::Page {
            page_rows: 5,
            pre_roll_rows: 0,
            trigger: PartTrigger::Lines(levels),
        })
    };
    let aspect = |belt_mm_per_s, pixel_pitch_mm, most_error| LineScanConfig {
        aspect: Some(LineAspect {
            belt_mm_per_s,
            pixel_pitch_mm,
            most_error,
        }),
        ..web(9, 1)
    };
    let of = |format| LineScanConfig {
        widest: LineLayout {
            format,
            width_px: 10,
        },
        ..web(9, 1)
    };
    for (config, said) in [
        (web(5, 5), "overlap_rows must be less than window_rows"),
        (web(0, 0), "overlap_rows must be less"),
        (
            super::config(long_page(0, 1, 1)),
            "longest_rows must be at least 1",
        ),
        (
            levels(|levels| levels.begin_share = f32::NAN),
            "begin_share must be",
        ),
        (
            levels(|levels| levels.end_share = 0.6),
            "at most begin_share",
        ),
        (
            levels(|levels| levels.contrast_levels = 0),
            "contrast_levels must be",
        ),
        (
            levels(|levels| levels.least_gap_rows = 0),
            "least_gap_rows must be",
        ),
        (aspect(0.0, 0.1, 0.1), "belt_mm_per_s must be above 0"),
        (aspect(1.0, f64::INFINITY, 0.1), "pixel_pitch_mm must be"),
        (aspect(1.0, 0.1, f64::NAN), "most_error must be"),
        (of(PixelFormat::NV12), "NV12 is no format of single lines"),
        (of(PixelFormat::BayerRG8), "BayerRG8 is no format"),
    ] {
        let found = refusal(config);
        assert!(found.contains(said), "{found}");
    }
}
