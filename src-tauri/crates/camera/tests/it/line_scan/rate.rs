//! Line rate against the belt.

use super::*;
use wiko_camera::line_scan::{LineAspect, LineAssembler};
use wiko_core::camera::FrameFault;

/// Windows of a camera with 1,000 lines a second over a belt for which `wanted_hz` are wanted.
fn windows(wanted_hz: f64, line_hz: f64) -> (LineAssembler, Vec<LinePicture>) {
    let web = LineMode::Web {
        window_rows: 32,
        overlap_rows: 0,
    };
    let config = LineScanConfig {
        aspect: Some(LineAspect {
            belt_mm_per_s: wanted_hz / 10.0,
            pixel_pitch_mm: 0.1,
            most_error: 0.05,
        }),
        ..config(web)
    };
    let mut assembler = LineAssembler::new(config, None).unwrap();
    let mut pictures = Vec::new();
    for number in 0..80_u64 {
        let bytes = (0..4).flat_map(|at| row(number * 4 + at, EMPTY, WIDTH));
        let exposed_ms = (number as f64 * 4000.0 / line_hz) as i64;
        let block = block(number, exposed_ms, WIDTH, bytes.collect());
        assembler.push(block, 0).unwrap();
        while let Some(picture) = assembler.next_picture().unwrap() {
            pictures.push(picture);
        }
    }
    (assembler, pictures)
}

#[test]
fn lines_that_do_not_fit_the_belt_are_a_fault_beyond_the_limit() {
    for (wanted_hz, error, faults) in [
        (1000.0, 0.0, vec![]),
        (1040.0, -0.0385, vec![]),
        (970.0, 0.031, vec![]),
        (1100.0, -0.091, vec![FrameFault::WrongAspect]),
        (900.0, 0.111, vec![FrameFault::WrongAspect]),
    ] {
        let (assembler, pictures) = windows(wanted_hz, 1000.0);
        let rate = assembler.line_rate().unwrap();
        assert!((rate.measured_hz - 1000.0).abs() < 2.0, "{rate:?}");
        assert_eq!(rate.wanted_hz, Some(wanted_hz));
        assert!(
            (rate.aspect_error.unwrap() - error).abs() < 0.003,
            "{rate:?}"
        );
        assert_eq!(pictures.len(), 10);
        assert!(
            pictures.iter().all(|picture| picture.faults == faults),
            "{wanted_hz}"
        );
        assert!((pictures[9].rate.unwrap().measured_hz - 1000.0).abs() < 2.0);
    }
}

#[test]
fn a_rate_that_cannot_be_measured_is_not_known_to_fit() {
    let (assembler, pictures) = windows(1000.0, f64::INFINITY);
    assert_eq!(assembler.line_rate(), None);
    assert_eq!(pictures[0].faults, [FrameFault::WrongAspect]);
}

#[test]
fn what_a_break_ends_is_judged_by_the_rate_until_then_and_the_rate_is_measured_anew() {
    let (mut assembler, _) = windows(1000.0, 1000.0);
    let rows = |number: u64| (0..4).flat_map(move |at| row(number * 4 + at, EMPTY, WIDTH));
    for (sequence, exposed_ms) in [(80, 320), (0, 324)] {
        let block = block(sequence, exposed_ms, WIDTH, rows(sequence).collect());
        assembler.push(block, 0).unwrap();
        let picture = assembler.next_picture().unwrap();
        assert_eq!(picture.is_some(), sequence == 0);
        if let Some(cut) = picture {
            assert_eq!(cut.faults, [FrameFault::CutShort]);
            assert!(cut.rate.is_some());
        }
    }
    assert!(assembler.next_picture().unwrap().is_none());
    assert_eq!(assembler.line_rate(), None);
}
