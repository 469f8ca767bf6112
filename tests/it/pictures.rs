//! Pictures for tests: made here, or the labelled real ones beside the project.

use image::{ImageEncoder, Rgb, RgbImage, codecs::png::PngEncoder};
use std::path::{Path, PathBuf};

/// The folder of labelled real pictures, whether it is there or not.
fn real_dir() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    std::env::var_os("WIKO_TEST_PICTURES_DIR").map_or(beside, PathBuf::from)
}

/// The labelled real pictures, where they are, for a test that can do without.
pub fn real_if_any() -> Option<PathBuf> {
    let dir = real_dir();
    dir.is_dir().then_some(dir)
}

/// The labelled real pictures, where they are; notes the skipped test where they are not.
pub fn real(what: &str) -> Option<PathBuf> {
    let dir = real_dir();
    if dir.is_dir() {
        return Some(dir);
    }
    wiko_testkit::skip::skip(&format!(
        "{what}: no real pictures in {} (set WIKO_TEST_PICTURES_DIR)",
        dir.display()
    ));
    None
}

/// A brushed plate with a dark blob, so that there is something to see.
pub fn plate(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let brushed = 150 + ((y * 7919) % 23) as u8;
        let blob = x.abs_diff(width / 2).pow(2) + y.abs_diff(height / 2).pow(2) < 400;
        Rgb(if blob {
            [60, 40, 30]
        } else {
            [brushed, brushed, brushed]
        })
    })
}

/// A plate as JPEG.
pub fn jpeg(width: u32, height: u32) -> Vec<u8> {
    wiko_imaging::encode_jpeg(&plate(width, height), 90).unwrap()
}

/// A plate as PNG.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let plate = plate(width, height);
    PngEncoder::new(&mut bytes)
        .write_image(
            plate.as_raw(),
            width,
            height,
            image::ExtendedColorType::Rgb8,
        )
        .unwrap();
    bytes
}

/// Writes a file and returns its path.
pub fn file(path: PathBuf, bytes: &[u8]) -> PathBuf {
    std::fs::write(&path, bytes).unwrap();
    path
}
