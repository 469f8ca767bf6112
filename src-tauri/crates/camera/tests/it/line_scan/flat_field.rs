//! Parts are looked for in even light.

use super::*;
use std::sync::Arc;
use tokio::sync::oneshot::error::TryRecvError;
use wiko_camera::line_scan::{LineAssembler, LineFlatField};
use wiko_core::camera::{FrameFault, RowSpan};
use wiko_imaging::{
    Average, FlatField, FlatFieldKind, FlatFieldRefused, FlatFieldTaken, LEAST_AVERAGED,
};

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
    Arc::new(field_of(&white))
}

/// Of lines that are all like this one.
fn field_of(line: &[u8]) -> FlatField {
    let rows = LEAST_AVERAGED as u32;
    let width_px = line.len() as u32;
    let lines = RawImage::new(
        PixelFormat::Mono8,
        width_px,
        rows,
        line.len(),
        line.repeat(rows as usize),
    )
    .unwrap();
    let mut average = Average::like(FlatFieldKind::Columns, &lines).unwrap();
    average.add(&lines).unwrap();
    FlatField::of(&average, None, taken()).unwrap()
}

fn taken() -> FlatFieldTaken {
    FlatFieldTaken {
        camera: "lines".into(),
        exposure_us: 50.0,
        gain: 1.0,
    }
}

/// Takes a block of these lines in. Answers how many pictures came of it.
fn take_in(assembler: &mut LineAssembler, sequence: u64, lines: Vec<u8>) -> usize {
    push(
        assembler,
        block(sequence, sequence as i64 * 10, ACROSS, lines),
    )
}

fn push(assembler: &mut LineAssembler, block: Frame) -> usize {
    let at_ms = block.sequence * 10;
    assembler.push(block, at_ms).unwrap();
    std::iter::from_fn(|| assembler.next_picture().unwrap()).count()
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

#[test]
fn an_average_is_of_the_next_lines_as_they_came_also_while_they_are_corrected() {
    // As of a lamp that was exchanged: what the old field makes of it is not even.
    let now = line(|x| if x < ACROSS / 2 { 0.5 } else { 1.0 });
    let held = LineFlatField::new(Some(field(ACROSS)));
    let mut assembler = assembler(&held);
    take_in(&mut assembler, 0, belt().repeat(10));
    let mut answer = held.average(LEAST_AVERAGED);
    for sequence in 1..7 {
        take_in(&mut assembler, sequence, now.repeat(10));
    }
    assert!(answer.try_recv().is_err(), "of 60 lines");
    take_in(
        &mut assembler,
        7,
        [now.repeat(4), belt().repeat(6)].concat(),
    );
    let average = answer.try_recv().unwrap().unwrap();
    assert_eq!(average.averaged(), LEAST_AVERAGED);
    let made = FlatField::of(&average, None, taken()).unwrap();
    assert_eq!(made, field_of(&now));
}

#[test]
fn an_even_belt_gives_an_average_without_any_part() {
    for (reflects, name) in [(BELT, "dark"), (1.0, "white")] {
        let held = LineFlatField::default();
        let mut assembler = assembler(&held);
        let mut answer = held.average(LEAST_AVERAGED);
        for sequence in 0..7 {
            let even = line(|_| reflects).repeat(10);
            assert_eq!(take_in(&mut assembler, sequence, even), 0, "{name}");
        }
        let average = answer.try_recv().unwrap().unwrap();
        let made = FlatField::of(&average, None, taken());
        if name == "white" {
            assert_eq!(made.unwrap(), *field(ACROSS));
        } else {
            assert!(matches!(made, Err(FlatFieldRefused::TooDark { .. })));
        }
    }
}

#[test]
fn rows_that_never_came_are_not_averaged() {
    let held = LineFlatField::default();
    let mut assembler = assembler(&held);
    let mut answer = held.average(LEAST_AVERAGED);
    let white = line(|_| 1.0);
    let garbage = vec![255; ACROSS as usize];
    let lines = [white.repeat(4), garbage.repeat(2), white.repeat(4)].concat();
    for sequence in 0..8 {
        assert!(answer.try_recv().is_err(), "of 8 lines a block");
        let mut block = block(sequence, sequence as i64 * 10, ACROSS, lines.clone());
        block.invalid_rows = vec![RowSpan { from: 4, until: 6 }];
        push(&mut assembler, block);
    }
    let average = answer.try_recv().unwrap().unwrap();
    let made = FlatField::of(&average, None, taken()).unwrap();
    assert_eq!(made, *field(ACROSS));
}

#[test]
fn an_average_of_lines_that_can_have_none_is_refused_and_the_next_one_is_not() {
    let held = LineFlatField::default();
    let correct = held.correct_lines();
    let formats = [
        PixelFormat::Mono10p,
        PixelFormat::Mono12p,
        PixelFormat::Mono12Packed,
        PixelFormat::YUV422Yuyv8,
    ];
    for format in formats {
        let mut answer = held.average(4);
        let row_bytes = format.row_bytes(ACROSS);
        assert_eq!(
            correct(&mut vec![9; row_bytes * 4], row_bytes, format),
            None
        );
        let refused = answer.try_recv().unwrap().unwrap_err();
        assert_eq!(refused, FlatFieldRefused::Format(format));
    }
    let mut answer = held.average(4);
    let row_bytes = PixelFormat::Mono12.row_bytes(ACROSS);
    correct(&mut vec![9; row_bytes * 4], row_bytes, PixelFormat::Mono12);
    assert_eq!(answer.try_recv().unwrap().unwrap().averaged(), 4);
}

#[test]
fn lines_that_change_within_an_average_end_it() {
    let held = LineFlatField::default();
    let correct = held.correct_lines();
    let mut answer = held.average(4);
    correct(&mut belt(), ACROSS as usize, PixelFormat::Mono8);
    correct(&mut [0; 16], 16, PixelFormat::Mono8);
    let refused = answer.try_recv().unwrap().unwrap_err();
    assert!(
        matches!(refused, FlatFieldRefused::Another { .. }),
        "{refused}"
    );
}

#[test]
fn a_second_average_takes_the_place_of_the_first_which_is_told_nothing() {
    let held = LineFlatField::default();
    let correct = held.correct_lines();
    let mut first = held.average(2);
    correct(&mut belt(), ACROSS as usize, PixelFormat::Mono8);
    let mut second = held.average(2);
    assert_eq!(first.try_recv().unwrap_err(), TryRecvError::Closed);
    correct(&mut belt(), ACROSS as usize, PixelFormat::Mono8);
    assert_eq!(second.try_recv().unwrap_err(), TryRecvError::Empty);
    correct(&mut belt(), ACROSS as usize, PixelFormat::Mono8);
    assert_eq!(second.try_recv().unwrap().unwrap().averaged(), 2);
}
