//! Measures this crate's JPEG decoder or encoder on one picture, over and over, for `make bench`.
//!
//! ```text
//! cargo run -p wiko-imaging --example codec -- decode PICTURE.jpg SECONDS
//! cargo run -p wiko-imaging --example codec -- encode PICTURE.jpg SECONDS
//! ```
//!
//! Prints pictures a second. `encode` takes the pixels of the JPEG; decoding them is not counted.
#![allow(clippy::print_stdout)]

use std::{
    error::Error,
    hint::black_box,
    time::{Duration, Instant},
};
use wiko_imaging::{JpegDecoder, JpegEncoder};

const QUALITY: u8 = 85;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, path, seconds] = &arguments[..] else {
        return Err("usage: codec decode|encode PICTURE.jpg SECONDS".into());
    };
    let length = Duration::from_secs_f64(seconds.parse()?);
    let jpeg = std::fs::read(path)?;
    let mut decoder = JpegDecoder::new()?;
    let per_second = match what.as_str() {
        "decode" => rate(length, || {
            black_box(decoder.decode_rgb(&jpeg)?);
            Ok(())
        })?,
        "encode" => {
            let pixels = decoder.decode_rgb(&jpeg)?;
            let mut encoder = JpegEncoder::new(QUALITY)?;
            rate(length, || {
                black_box(encoder.encode(&pixels)?);
                Ok(())
            })?
        }
        other => return Err(format!("{other}: say decode or encode").into()),
    };
    println!("{per_second:.3} pictures/s");
    Ok(())
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
