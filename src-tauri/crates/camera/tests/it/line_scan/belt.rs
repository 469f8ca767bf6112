//! Knives on a belt.

use crate::clock;
use std::{sync::LazyLock, time::Duration};
use wiko_camera::{
    LineScanCamera, Pacing,
    line_scan::{LineLayout, LineMode, LineScanConfig, PartLevels, PartTrigger},
    simulated::{Belt, BeltCamera, BeltConfig},
};
use wiko_core::{
    camera::{CameraId, Frame, FramePicture, PixelFormat},
    defect::DefectType,
    ports::{Camera, CameraError},
    sku::ProductSku,
    stage::Stage,
};

static BELT: LazyLock<std::sync::Arc<Belt>> = LazyLock::new(|| {
    std::sync::Arc::new(Belt::new(&BeltConfig {
        sku: ProductSku::new("WK-KN-200").unwrap(),
        stage: Stage::Inspection,
        seed: 5,
        parts: vec![None, Some(DefectType::BladeChip), None],
        gap_rows: 150,
    }))
});

/// The knife itself is shorter than its picture; with these rolls it is given with all of its handle and its tip.
const ROLL: u32 = 60;

fn config() -> LineScanConfig {
    LineScanConfig {
        mode: LineMode::LongPage {
            longest_rows: 600,
            pre_roll_rows: ROLL,
            post_roll_rows: ROLL,
            trigger: PartTrigger::Lines(PartLevels {
                background_level: 50,
                contrast_levels: 35,
                begin_share: 0.02,
                end_share: 0.01,
                least_part_rows: 40,
                least_gap_rows: 40,
            }),
        },
        widest: LineLayout {
            format: PixelFormat::Mono8,
            width_px: Belt::WIDTH_PX,
        },
        block_rows: 256,
        most_bytes: 64 << 20,
        longest_stand_ms: 1000,
        aspect: None,
    }
}

/// What a camera over so many rows of the belt gives.
fn frames(block_rows: u32, rows: u64) -> Vec<Frame> {
    let (id, belt) = (CameraId("belt".into()), BELT.clone());
    let lines = BeltCamera::new(
        id,
        belt,
        block_rows,
        Some(rows),
        Pacing::AsFastAsAsked,
        clock(),
    );
    let mut camera = LineScanCamera::new(Box::new(lines), config(), None, clock()).unwrap();
    let mut frames = Vec::new();
    loop {
        match camera.next_frame(Duration::from_secs(5)) {
            Ok(frame) => frames.push(frame),
            Err(CameraError::Ended) => return frames,
            Err(error) => panic!("{error}"),
        }
    }
}

fn raw(frame: &Frame) -> &[u8] {
    match &frame.picture {
        FramePicture::Raw(raw) => raw.bytes(),
        FramePicture::Encoded(_) => panic!("lines were encoded"),
    }
}

#[test]
fn the_assembled_knife_is_the_rendered_one_row_for_row_whatever_the_blocks() {
    let rows = BELT.cycle_rows() + 100;
    for block_rows in [1, 100, 256, 4000] {
        let frames = frames(block_rows, rows);
        assert_eq!(frames.len(), 3, "in blocks of {block_rows}");
        for (number, frame) in (0..).zip(&frames) {
            assert_eq!(frame.sequence, number);
            assert_eq!(frame.faults, []);
            let part = BELT.part(number);
            let (width, height) = frame.size_px();
            let found = part
                .as_raw()
                .windows(raw(frame).len())
                .step_by(width as usize)
                .position(|rows| rows == raw(frame));
            let first = found.expect("every row is the part's") as u32;
            // Nothing of the knife is left out, and the defect is in it.
            let shows = |row: u32| {
                let row = &part.as_raw()[(row * width) as usize..][..width as usize];
                row.iter().filter(|level| **level >= 85).count() > 0
            };
            let knife: Vec<u32> = (0..part.height()).filter(|row| shows(*row)).collect();
            assert!(first <= knife[0] && knife[knife.len() - 1] < first + height);
            for defect in BELT.defects(number) {
                let box_px = defect.box_px;
                assert!(first <= box_px.y && box_px.y + box_px.height <= first + height);
            }
        }
    }
    assert_eq!(BELT.defects(1).len(), 1);
}

#[test]
fn the_belt_goes_round_without_a_seam_and_shows_the_same_line_each_time() {
    let mut lines = [
        vec![0; Belt::WIDTH_PX as usize],
        vec![0; Belt::WIDTH_PX as usize],
    ];
    let mut most = 0;
    for row in 0..BELT.cycle_rows() {
        let in_part = (0..3).any(|part| BELT.rows_of(part).contains(&(row + 1)));
        let [this, next] = &mut lines;
        BELT.line(row, this);
        BELT.line(row + BELT.cycle_rows(), next);
        assert_eq!(this, next, "row {row}");
        if !in_part {
            BELT.line(row + 1, next);
            let steps = this.iter().zip(next.iter()).map(|(a, b)| a.abs_diff(*b));
            most = most.max(steps.max().unwrap());
        }
    }
    assert!(most <= 8, "the belt between parts jumps by {most} levels");
}
