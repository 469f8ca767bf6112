//! Measures what this crate does with a camera's pixels, over and over, for `make bench`.
//!
//! ```text
//! cargo run -p wiko-imaging --example pixels -- yuyv RAW WIDTH HEIGHT SECONDS
//! ```
//!
//! `yuyv` and `bayer` (RG, 8 bits) become RGB, `live-mono`, `live-yuyv` and `live-bayer` the JPEG that is shown live, at
//! 1280 pixels; `luma-…` their grey, `flat-mono` even light by column, and `quality-mono` what the frame is worth against
//! a reference. RAW is a file of the pixels without padding. Prints pictures a second.
#![allow(clippy::print_stdout)]

use std::{
    error::Error,
    hint::black_box,
    time::{Duration, Instant},
};
use wiko_core::camera::{FramePicture, PixelFormat, RawImage};
use wiko_imaging::{
    Average, FlatField, FlatFieldKind, FlatFieldTaken, LEAST_AVERAGED, QualityReference, live_jpeg,
    luma_of_raw, measure, rgb_of_raw,
};

const LIVE_PX: u32 = 1280;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, path, width, height, seconds] = &arguments[..] else {
        return Err("usage: pixels WHAT RAW WIDTH HEIGHT SECONDS".into());
    };
    let length = Duration::from_secs_f64(seconds.parse()?);
    let bytes = std::fs::read(path)?;
    let format = match what.rsplit('-').next() {
        Some("yuyv") => PixelFormat::YUV422Yuyv8,
        Some("bayer") => PixelFormat::BayerRG8,
        Some("mono") => PixelFormat::Mono8,
        _ => return Err(format!("{what} is not known").into()),
    };
    let (width, height) = (width.parse()?, height.parse()?);
    let raw = RawImage::new(format, width, height, format.row_bytes(width), bytes)?;
    let picture = FramePicture::Raw(raw.clone());
    let per_second = if what.starts_with("live-") {
        rate(length, || {
            black_box(live_jpeg(&picture, 0, LIVE_PX)?);
            Ok(())
        })?
    } else if what.starts_with("flat-") {
        let field = flat_field_for(&raw)?;
        rate(length, || {
            black_box(field.apply(&raw)?);
            Ok(())
        })?
    } else if what.starts_with("quality-") {
        let luma = luma_of_raw(&raw)?;
        let reference = QualityReference::of(&luma)?;
        rate(length, || {
            black_box(measure(&luma, Some(&reference))?);
            Ok(())
        })?
    } else if what.starts_with("luma-") {
        rate(length, || {
            black_box(luma_of_raw(&raw)?);
            Ok(())
        })?
    } else {
        rate(length, || {
            black_box(rgb_of_raw(&raw)?);
            Ok(())
        })?
    };
    println!("{per_second:.3} pictures/s");
    Ok(())
}

/// Of columns, for pictures of that format and width.
fn flat_field_for(raw: &RawImage) -> Result<FlatField, Box<dyn Error>> {
    let row_bytes = raw.format().row_bytes(raw.width_px());
    let rows = LEAST_AVERAGED as u32;
    let levels: Vec<u8> = (0..row_bytes).map(|x| 180 + (x % 40) as u8).collect();
    let white = levels.repeat(rows as usize);
    let white = RawImage::new(raw.format(), raw.width_px(), rows, row_bytes, white)?;
    let mut average = Average::like(FlatFieldKind::Columns, &white)?;
    average.add(&white)?;
    let taken = FlatFieldTaken {
        camera: String::new(),
        exposure_us: 1.0,
        gain: 1.0,
    };
    Ok(FlatField::of(&average, None, taken)?)
}

/// How often a second `once` ran.
fn rate(
    length: Duration,
    mut once: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<f64, Box<dyn Error>> {
    let begin = Instant::now();
    let mut runs = 0_u32;
    while begin.elapsed() < length {
        once()?;
        runs += 1;
    }
    Ok(f64::from(runs) / begin.elapsed().as_secs_f64())
}
