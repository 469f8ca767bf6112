//! What putting lines together costs, beside a plain copy of the same bytes taken in the same run.
//!
//! `cargo run -p wiko-camera --example line_scan_speed`

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a measurement")]

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};
use wiko_camera::line_scan::{
    LineAssembler, LineLayout, LineMode, LineScanConfig, PartLevels, PartTrigger,
};
use wiko_core::{
    camera::{CameraId, Frame, FramePicture, PixelFormat, RawImage},
    time::UnixMillis,
};

const WIDTH: u32 = 4096;
const ROWS: u32 = 256;
const LINES_A_SECOND: f64 = 9000.0;
const BLOCKS: u64 = 2000;
/// A part is so many blocks, and as many are empty.
const PART_BLOCKS: u64 = 8;

fn main() {
    let levels = PartLevels {
        background_level: 50,
        contrast_levels: 30,
        begin_share: 0.02,
        end_share: 0.01,
        least_part_rows: 100,
        least_gap_rows: 100,
    };
    let parts = |trigger| LineMode::LongPage {
        longest_rows: 4000,
        pre_roll_rows: 200,
        post_roll_rows: 200,
        trigger,
    };
    let web = LineMode::Web {
        window_rows: 2048,
        overlap_rows: 256,
    };
    for format in [PixelFormat::Mono8, PixelFormat::Mono12p] {
        let layout = LineLayout {
            format,
            width_px: WIDTH,
        };
        let blocks = [block(layout, 50), block(layout, 180)];
        let bytes = layout.row_bytes() as f64 * f64::from(ROWS) * BLOCKS as f64;
        let plain = (0..5).map(|_| copy(&blocks)).min().unwrap_or_default();
        let twice = (0..5).map(|_| copy_twice(&blocks)).min();
        let twice = twice.unwrap_or_default();
        let speed = |took: Duration| bytes / 1e6 / took.as_secs_f64();
        println!(
            "{format}: plain copy {:.0} MB/s; copy, and from there to new memory {:.0} MB/s",
            speed(plain),
            speed(twice),
        );
        for (name, mode) in [
            ("parts by their lines", parts(PartTrigger::Lines(levels))),
            ("windows", web),
        ] {
            let took: Vec<_> = (0..5).map(|_| assemble(layout, mode, &blocks)).collect();
            let (took, pictures, longest) = took.into_iter().min().unwrap_or_default();
            let seconds = took.as_secs_f64();
            let line_us = seconds * 1e6 / (BLOCKS * u64::from(ROWS)) as f64;
            println!(
                "{format}: {name}: {:.0} MB/s, {:.2} of plain copy, {:.2} of both; {line_us:.3} us a line, {:.2} % of a core at \
                 {LINES_A_SECOND} lines/s; {pictures} pictures; a block {:.2} ms at the most, with {:.1} ms between blocks",
                bytes / 1e6 / seconds,
                plain.as_secs_f64() / seconds,
                twice.as_secs_f64() / seconds,
                line_us * LINES_A_SECOND / 1e4,
                longest.as_secs_f64() * 1e3,
                f64::from(ROWS) * 1e3 / LINES_A_SECOND,
            );
        }
    }
}

/// Rows whose every pixel has about that level.
fn block(layout: LineLayout, level: u8) -> RawImage {
    let stride = layout.row_bytes();
    let bytes = match layout.format {
        PixelFormat::Mono12p => [0, level >> 4, level].repeat(stride * ROWS as usize / 3),
        _ => vec![level; stride * ROWS as usize],
    };
    RawImage::new(layout.format, layout.width_px, ROWS, stride, bytes).expect("a block")
}

fn of(blocks: &[RawImage; 2], number: u64) -> &RawImage {
    &blocks[(number / PART_BLOCKS % 2) as usize]
}

/// Copies each block once, to where there was one before.
fn copy(blocks: &[RawImage; 2]) -> Duration {
    let mut room = vec![0; blocks[0].bytes().len() * 18];
    let begun = Instant::now();
    for number in 0..BLOCKS {
        let bytes = of(blocks, number).bytes();
        let at = (number % 18) as usize * bytes.len();
        room[at..at + bytes.len()].copy_from_slice(bytes);
        black_box(&mut room);
    }
    begun.elapsed()
}

/// The same, and from there each run of blocks to memory of its own, as pictures are.
fn copy_twice(blocks: &[RawImage; 2]) -> Duration {
    let block_bytes = blocks[0].bytes().len();
    let mut room = vec![0; block_bytes * PART_BLOCKS as usize];
    let begun = Instant::now();
    for number in 0..BLOCKS {
        let at = (number % PART_BLOCKS) as usize * block_bytes;
        room[at..at + block_bytes].copy_from_slice(of(blocks, number).bytes());
        if number % PART_BLOCKS == PART_BLOCKS - 1 {
            black_box::<Arc<[u8]>>(Arc::from(&room[..]));
        }
    }
    begun.elapsed()
}

fn assemble(
    layout: LineLayout,
    mode: LineMode,
    blocks: &[RawImage; 2],
) -> (Duration, u64, Duration) {
    let config = LineScanConfig {
        mode,
        widest: layout,
        block_rows: ROWS,
        most_bytes: 256 << 20,
        longest_stand_ms: 1000,
        aspect: None,
    };
    let mut assembler = LineAssembler::new(config, None).expect("a configuration");
    let camera = CameraId("lines".to_owned());
    let mut longest = Duration::ZERO;
    let mut kept = None;
    let begun = Instant::now();
    for number in 0..BLOCKS {
        let one = Instant::now();
        let frame = Frame {
            sequence: number,
            exposed_at: UnixMillis((number * 28) as i64),
            camera: camera.clone(),
            picture: FramePicture::Raw(of(blocks, number).clone()),
            faults: Vec::new(),
            invalid_rows: Vec::new(),
        };
        assembler.push(frame, 0).expect("lines");
        while let Some(picture) = assembler.next_picture().expect("a picture") {
            kept = Some(Arc::clone(picture.image.bytes()));
        }
        longest = longest.max(one.elapsed());
    }
    let took = begun.elapsed();
    black_box(kept);
    let statistics = assembler.statistics();
    assert_eq!(statistics.rows, BLOCKS * u64::from(ROWS), "a row is lost");
    (took, statistics.pictures, longest)
}
