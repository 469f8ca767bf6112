//! Lines put together.

mod belt;
mod camera;
mod config;
mod flat_field;
mod made_up;
mod pictures;
mod rate;

use wiko_camera::line_scan::{
    LineLayout, LineMode, LinePicture, LineScanConfig, PartLevels, PartTrigger,
};
use wiko_core::{
    camera::{CameraId, Frame, FramePicture, PixelFormat, RawImage},
    time::UnixMillis,
};

/// Pixels across: the first 8 are the row's number, the others its level.
const WIDTH: u32 = 32;
const EMPTY: u8 = 50;
const PART: u8 = 200;
const GREY: u8 = 128;

const LEVELS: PartLevels = PartLevels {
    background_level: EMPTY,
    contrast_levels: 60,
    begin_share: 0.5,
    end_share: 0.5,
    least_part_rows: 3,
    least_gap_rows: 2,
};

const BY_LINES: PartTrigger = PartTrigger::Lines(LEVELS);

fn config(mode: LineMode) -> LineScanConfig {
    LineScanConfig {
        mode,
        widest: LineLayout {
            format: PixelFormat::Mono8,
            width_px: WIDTH,
        },
        block_rows: 4,
        most_bytes: 1 << 20,
        longest_stand_ms: 1000,
        aspect: None,
    }
}

fn long_page(longest_rows: u32, pre_roll_rows: u32, post_roll_rows: u32) -> LineMode {
    LineMode::LongPage {
        longest_rows,
        pre_roll_rows,
        post_roll_rows,
        trigger: BY_LINES,
    }
}

/// A row that carries its number.
fn row(number: u64, level: u8, width_px: u32) -> Vec<u8> {
    let mut row = vec![level; width_px as usize];
    row[..8].copy_from_slice(&number.to_le_bytes());
    row
}

fn number_of(row: &[u8]) -> u64 {
    u64::from_le_bytes(row[..8].try_into().unwrap())
}

fn block(sequence: u64, exposed_ms: i64, width_px: u32, bytes: Vec<u8>) -> Frame {
    let (rows, stride_bytes) = (bytes.len() as u32 / width_px, width_px as usize);
    let raw = RawImage::new(PixelFormat::Mono8, width_px, rows, stride_bytes, bytes).unwrap();
    Frame {
        sequence,
        exposed_at: UnixMillis(exposed_ms),
        camera: CameraId("lines".into()),
        picture: FramePicture::Raw(raw),
        faults: Vec::new(),
        invalid_rows: Vec::new(),
    }
}

/// The rows of a picture, without padding.
fn rows_of(picture: &LinePicture) -> impl Iterator<Item = &[u8]> {
    let raw = &picture.image;
    assert_eq!(raw.stride_bytes(), raw.format().row_bytes(raw.width_px()));
    raw.bytes().chunks_exact(raw.stride_bytes())
}

fn is_invalid(picture: &LinePicture, index: usize) -> bool {
    let index = index as u32;
    let mut spans = picture.invalid_rows.iter();
    spans.any(|span| (span.from..span.until).contains(&index))
}
