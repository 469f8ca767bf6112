//! Whatever the belt and the camera do.

use super::*;
use proptest::{prelude::*, sample::Index};
use std::collections::{BTreeMap, BTreeSet};
use wiko_camera::line_scan::{LineAssembler, PartSignal};
use wiko_core::camera::FrameFault;

const WHOLE: usize = 6;

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A block of so many rows comes.
    Comes(usize),
    /// One is lost.
    Lost(usize),
    /// So many are lost at once.
    LostMany(usize),
    /// The belt stands for so long.
    Stands(u64),
    /// The camera begins anew.
    Restarts,
    Told(PartSignal),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => Just(Step::Comes(WHOLE)),
        3 => (1..=WHOLE).prop_map(Step::Comes),
        3 => Just(Step::Lost(WHOLE)),
        1 => (1..=WHOLE).prop_map(Step::Lost),
        1 => (1..40_usize).prop_map(Step::LostMany),
        2 => (0..2000_u64).prop_map(Step::Stands),
        1 => Just(Step::Restarts),
        1 => Just(Step::Told(PartSignal::Begins)),
        1 => Just(Step::Told(PartSignal::Ended)),
    ];
    prop::collection::vec(step, 1..80)
}

fn modes() -> impl Strategy<Value = LineMode> {
    let trigger = prop_oneof![3 => Just(BY_LINES), 1 => Just(PartTrigger::External)];
    (0..3, 1..40_u32, 0..6_u32, 0..9_u32, trigger).prop_map(
        |(kind, rows, pre_roll_rows, post_roll_rows, trigger)| match kind {
            0 => LineMode::Web {
                window_rows: rows + pre_roll_rows,
                overlap_rows: pre_roll_rows,
            },
            1 => LineMode::Page {
                page_rows: rows,
                pre_roll_rows,
                trigger,
            },
            _ => LineMode::LongPage {
                longest_rows: rows,
                pre_roll_rows,
                post_roll_rows,
                trigger,
            },
        },
    )
}

/// Empty belt and parts in turn, each long enough to be told.
fn belts() -> impl Strategy<Value = Vec<(usize, usize)>> {
    prop::collection::vec((2..30_usize, 3..30_usize), 1..8)
}

/// Levels of the belt's rows, which come again and again.
fn levels(belt: &[(usize, usize)]) -> Vec<u8> {
    let spans = belt.iter().flat_map(|(gap, part)| {
        let gap = std::iter::repeat_n(EMPTY, *gap);
        gap.chain(std::iter::repeat_n(PART, *part))
    });
    spans.collect()
}

struct Run {
    pictures: Vec<LinePicture>,
    /// Rows that came.
    came: BTreeSet<u64>,
    /// True where each lost block was a whole one, and the camera never began anew.
    exact: bool,
}

fn run(mode: LineMode, levels: &[u8], steps: &[Step]) -> Run {
    let config = LineScanConfig {
        block_rows: WHOLE as u32,
        ..config(mode)
    };
    let mut assembler = LineAssembler::new(config, None).unwrap();
    let taken = assembler.memory_bytes();
    assert!(taken <= config.most_bytes);
    let mut run = Run {
        pictures: Vec::new(),
        came: BTreeSet::new(),
        exact: true,
    };
    let (mut sequence, mut row_number, mut now_ms) = (1_000_000_u64, 0_u64, 0_u64);
    let mut begun_at = sequence;
    let mut first = true;
    for step in steps {
        match *step {
            Step::Comes(rows) => {
                let numbers = row_number..row_number + rows as u64;
                let bytes = numbers
                    .clone()
                    .flat_map(|number| row(number, levels[number as usize % levels.len()], WIDTH));
                let block = block(sequence, 0, WIDTH, bytes.collect());
                assembler.push(block, now_ms).unwrap();
                run.came.extend(numbers);
                row_number += rows as u64;
                sequence += 1;
                first = false;
            }
            Step::Lost(rows) => {
                sequence += 1;
                row_number += rows as u64;
                // Before the first row nothing is counted.
                run.exact &= rows == WHOLE && !first;
            }
            Step::LostMany(blocks) => {
                sequence += blocks as u64;
                row_number += (blocks * WHOLE) as u64;
                // Perhaps more than is kept.
                run.exact = false;
            }
            Step::Stands(for_ms) => {
                now_ms += for_ms;
                run.pictures.extend(assembler.stand(now_ms).unwrap());
            }
            Step::Restarts => {
                // That it has begun anew shows by its numbers, however much is lost then.
                begun_at -= 10_000;
                sequence = begun_at;
                run.exact = false;
            }
            Step::Told(signal) => assembler.tell(signal).unwrap(),
        }
        while let Some(picture) = assembler.next_picture().unwrap() {
            run.pictures.push(picture);
        }
    }
    while let Some(picture) = assembler.finish().unwrap() {
        run.pictures.push(picture);
    }
    assert_eq!(assembler.memory_bytes(), taken, "memory has grown");
    assert!(assembler.statistics().rows == run.came.len() as u64);
    run
}

/// Rows that pictures show, and how often.
fn shown(pictures: &[LinePicture]) -> BTreeMap<u64, usize> {
    let mut shown = BTreeMap::new();
    for picture in pictures {
        for (index, row) in rows_of(picture).enumerate() {
            if !is_invalid(picture, index) {
                *shown.entry(number_of(row)).or_default() += 1;
            }
        }
    }
    shown
}

fn no_row_is_in_the_wrong_place(run: &Run, levels: &[u8]) -> Result<(), TestCaseError> {
    for picture in &run.pictures {
        let mut last: Option<(usize, u64)> = None;
        for (index, row) in rows_of(picture).enumerate() {
            if is_invalid(picture, index) {
                prop_assert!(row.iter().all(|byte| *byte == GREY));
                continue;
            }
            let number = number_of(row);
            prop_assert!(run.came.contains(&number), "{number} never came");
            prop_assert_eq!(row[8], levels[number as usize % levels.len()]);
            if run.exact {
                prop_assert_eq!(number, picture.first_row + index as u64);
            }
            if let Some((last_index, last_number)) = last {
                let apart = number - last_number;
                let spliced = last_index + 1 == index && apart != 1;
                prop_assert!(
                    number > last_number && !spliced,
                    "{number} after {last_number}"
                );
            }
            last = Some((index, number));
        }
        let missing = picture.faults.contains(&FrameFault::MissingRows);
        let says_why = missing || picture.faults.contains(&FrameFault::CutShort);
        prop_assert!(picture.invalid_rows.is_empty() || missing);
        prop_assert!(!missing || !picture.invalid_rows.is_empty() || says_why);
        let spans = picture.invalid_rows.windows(2);
        prop_assert!(spans.clone().all(|two| two[0].until < two[1].from));
        prop_assert!(picture.image.height_px() > 0);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_row_is_ever_in_the_wrong_place_and_memory_does_not_grow(
        mode in modes(), belt in belts(), steps in steps(),
    ) {
        let levels = levels(&belt);
        no_row_is_in_the_wrong_place(&run(mode, &levels, &steps), &levels)?;
    }

    #[test]
    fn every_row_of_a_part_that_came_is_shown(
        longest in 1..40_u32, pre in 0..6_u32, post in 0..9_u32, belt in belts(), steps in steps(),
    ) {
        let levels = levels(&belt);
        let run = run(long_page(longest, pre, post), &levels, &steps);
        let shown = shown(&run.pictures);
        for number in &run.came {
            let part = levels[*number as usize % levels.len()] == PART;
            prop_assert!(!part || shown.contains_key(number), "row {number} of a part is not shown");
        }
    }

    #[test]
    fn every_row_that_came_is_in_a_window(
        window in 1..20_u32, overlap in any::<Index>(), belt in belts(), steps in steps(),
    ) {
        let overlap_rows = overlap.index(window as usize) as u32;
        let web = LineMode::Web { window_rows: window, overlap_rows };
        let run = run(web, &levels(&belt), &steps);
        prop_assert_eq!(shown(&run.pictures).len(), run.came.len());
    }

    #[test]
    fn where_nothing_is_lost_each_part_is_one_whole_picture(
        pre in 0..6_u32, post in 0..9_u32, belt in belts(),
        heights in prop::collection::vec(1..=WHOLE, 1..9),
    ) {
        let levels = levels(&belt);
        let blocks = heights.iter().cycle().scan(0, |rows, height| {
            // Both gaps of the last part, so that it is seen to end, and not a row of the part that comes again.
            let left = levels.len() + belt[0].0 - *rows;
            let height = left.min(*height);
            *rows += height;
            (height > 0).then_some(Step::Comes(height))
        });
        let run = run(long_page(30, pre, post), &levels, &blocks.collect::<Vec<_>>());
        let mut from = 0;
        let mut expected = Vec::new();
        for (gap, part) in &belt {
            expected.push(from + gap..from + gap + part);
            from += gap + part;
        }
        let whole: Vec<_> = run.pictures.iter().filter(|picture| picture.faults.is_empty()).collect();
        prop_assert_eq!(whole.len(), belt.len());
        for (picture, part) in whole.iter().zip(expected) {
            let rows = picture.first_row as usize
                ..picture.first_row as usize + picture.image.height_px() as usize;
            prop_assert!(rows.start <= part.start && rows.end >= part.end);
            prop_assert!(rows.start + pre as usize >= part.start && rows.end <= part.end + post as usize);
        }
    }
}
