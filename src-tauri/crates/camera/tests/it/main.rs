//! One binary for all tests of the crate: each would link the JPEG library again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod contract;
mod feed;
mod feed_parts;
mod feed_settings;
mod genicam;
mod line_scan;
mod part_present;
mod replay;
mod simulated;

use std::sync::Arc;
use wiko_testkit::{builders::NOON, fakes::clock::SetClock};

fn clock() -> Arc<SetClock> {
    Arc::new(SetClock::at(NOON))
}

/// A small picture; each `n` another.
fn jpeg(n: u8) -> Vec<u8> {
    let image = image::RgbImage::from_fn(64, 48, |x, y| image::Rgb([n * 20, x as u8, y as u8]));
    wiko_imaging::encode_jpeg(&image, 85).unwrap()
}

fn folder_of(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}
