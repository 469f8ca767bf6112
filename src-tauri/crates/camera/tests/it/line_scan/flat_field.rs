//! Parts are looked for in even light.

use super::*;
use std::sync::Arc;
use wiko_camera::line_scan::{LineAssembler, LineFlatField};
use wiko_core::camera::FrameFault;
use wiko_imaging::{Average, FlatField, FlatFieldKind, FlatFieldTaken, LEAST_AVERAGED};

const ACROSS: u32 = 256;
/// What reflects all of the light has this level where it is brightest.
const WHITE: f64 = 220.0;
/// Shares of the light that come back. The part is a dull one on a dark belt.
const BELT: f64 = 0.2;
const DULL: f64 = 0.5;
/// The part lies at the edge of the light, so many columns wide.
const PART_COLUMNS: std::ops::Range<u32> = 0..50;

/// A lens and a lamp that leave little light at both sides.
fn light(x: u32) -> f64 {
    let off = (f64::from(x) / f64::from(ACROSS - 1) - 0.5) * 2.0;
    1.0 - 0.65 * off * off
}

fn line(reflects: impl Fn(u32) -> f64) -> Vec<u8> {
    (0..ACROSS)
        .map(|x| (WHITE * light(x) * reflects(x)).round() as u8)
        .collect()
}

fn belt() -> Vec<u8> {
    line(|_| BELT)
}

fn part() -> Vec<u8> {
    line(|x| {
        if PART_COLUMNS.contains(&x) {
            DULL
        } else {
            BELT
        }
    })
}

fn field(width_px: u32) -> Arc<FlatField> {
    let white: Vec<u8> = line(|_| 1.0)
        .into_iter()
        .cycle()
        .take(width_px as usize)
        .collect();
    let rows = LEAST_AVERAGED as u32;
    let white = RawImage::new(
        PixelFormat::Mono8,
        width_px,
        rows,
        width_px as usize,
        white.repeat(rows as usize),
    )
    .unwrap();
    let mut average = Average::like(FlatFieldKind::Columns, &white).unwrap();
    average.add(&white).unwrap();
    let taken = FlatFieldTaken {
        camera: "lines".into(),
        exposure_us: 50.0,
        gain: 1.0,
    };
    Arc::new(FlatField::of(&average, None, taken).unwrap())
}

fn assembler(correct: &LineFlatField) -> LineAssembler {
    let levels = PartLevels {
        // Of the belt in even light, as the correction leaves it.
        background_level: 34,
        contrast_levels: 35,
        begin_share: 0.1,
        end_share: 0.05,
        ..LEVELS
    };
    let config = LineScanConfig {
        widest: LineLayout {
            format: PixelFormat::Mono8,
            width_px: ACROSS,
        },
        ..config(LineMode::LongPage {
            longest_rows: 100,
            pre_roll_rows: 2,
            post_roll_rows: 2,
            trigger: PartTrigger::Lines(levels),
        })
    };
    LineAssembler::new(config, Some(correct.correct_lines())).unwrap()
}

/// The pictures of a belt with one part of 12 rows on it.
fn pictures(assembler: &mut LineAssembler, first_block: u64) -> Vec<LinePicture> {
    let blocks = [vec![belt(); 10], vec![part(); 12], vec![belt(); 10]];
    let mut pictures = Vec::new();
    for (sequence, lines) in (first_block..).zip(blocks) {
        let at_ms = sequence * 10;
        let block = block(sequence, at_ms as i64, ACROSS, lines.concat());
        assembler.push(block, at_ms).unwrap();
        while let Some(picture) = assembler.next_picture().unwrap() {
            pictures.push(picture);
        }
    }
    pictures
}

#[test]
fn a_dull_part_at_the_dark_edge_of_the_light_is_found_with_the_flat_field_and_not_without() {
    let without = LineFlatField::default();
    assert!(pictures(&mut assembler(&without), 0).is_empty());

    let with = LineFlatField::new(Some(field(ACROSS)));
    let found = pictures(&mut assembler(&with), 0);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].first_row, found[0].image.height_px()), (8, 16));
    assert_eq!(found[0].faults, []);
    // In even light the belt is of one level, and so is the part.
    let rows: Vec<&[u8]> = rows_of(&found[0]).collect();
    let spread = |levels: &[u8]| levels.iter().max().unwrap() - levels.iter().min().unwrap();
    assert!(spread(rows[0]) <= 2, "{:?}", rows[0]);
    let dull = &rows[5][..PART_COLUMNS.end as usize];
    assert!(spread(dull) <= 2, "{dull:?}");
}

#[test]
fn a_flat_field_holds_from_the_next_lines_on_and_lets_go_again() {
    let held = LineFlatField::default();
    let mut assembler = assembler(&held);
    assert!(pictures(&mut assembler, 0).is_empty());
    held.set(Some(field(ACROSS)));
    assert_eq!(pictures(&mut assembler, 3).len(), 1);
    held.set(None);
    assert!(pictures(&mut assembler, 6).is_empty());
}

#[test]
fn lines_that_the_flat_field_is_not_for_stay_as_they_came_and_are_unfit() {
    let held = LineFlatField::new(Some(field(ACROSS / 2)));
    let mut assembler = assembler(&held);
    // Bright enough to be found in any light.
    let lines = [vec![belt(); 4], vec![line(|_| 1.0); 8], vec![belt(); 8]].concat();
    assembler
        .push(block(0, 0, ACROSS, lines.concat()), 0)
        .unwrap();
    let picture = assembler.next_picture().unwrap().unwrap();
    assert_eq!(picture.faults, [FrameFault::WrongSettings]);
    assert_eq!(rows_of(&picture).nth(4).unwrap(), line(|_| 1.0));
}
