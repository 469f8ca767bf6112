//! Writes the simulated belt as one tall PNG, for who plays it through a line-scan camera of another kind.
//!
//! `cargo run -p wiko-camera --example belt -- out.png --parts 3 --gap 600 --seed 1`

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool of the command line"
)]

use std::process::ExitCode;
use wiko_camera::simulated::{Belt, BeltConfig};
use wiko_core::{defect::DefectType, sku::ProductSku, stage::Stage};

fn main() -> ExitCode {
    match write(std::env::args().skip(1)) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}\nusage: belt OUT.png [--parts N] [--gap ROWS] [--seed N] [--defects]");
            ExitCode::from(2)
        }
    }
}

fn write(mut args: impl Iterator<Item = String>) -> Result<String, String> {
    let path = args.next().ok_or("name the file to write")?;
    let (mut parts, mut gap_rows, mut seed, mut defects) = (3_u64, 600_u32, 1_u64, false);
    while let Some(option) = args.next() {
        let mut number = || -> Result<u64, String> {
            let given = args.next().unwrap_or_default();
            let why = |error| format!("{option} {given}: {error}");
            given.parse().map_err(why)
        };
        match &option[..] {
            "--parts" => parts = number()?,
            "--gap" => gap_rows = number()?.try_into().map_err(|_| "--gap is too long")?,
            "--seed" => seed = number()?,
            "--defects" => defects = true,
            _ => return Err(format!("{option} is no option")),
        }
    }
    let defect = |number: u64| {
        let choice = DefectType::ALL;
        (defects && number % 2 == 1).then(|| choice[(number / 2) as usize % choice.len()])
    };
    let belt = Belt::new(&BeltConfig {
        sku: ProductSku::new("WK-KN-200").map_err(|error| error.to_string())?,
        stage: Stage::Inspection,
        seed,
        parts: (0..parts.max(1)).map(defect).collect(),
        gap_rows,
    });
    let rows = u32::try_from(belt.cycle_rows()).map_err(|_| "that belt is too long")?;
    let picture = image::GrayImage::from_raw(Belt::WIDTH_PX, rows, belt.lines(0, rows))
        .ok_or("that belt is too long")?;
    picture.save(&path).map_err(|error| error.to_string())?;
    let parts: Vec<_> = (0..parts.max(1)).map(|part| belt.rows_of(part)).collect();
    Ok(format!(
        "{path}: {}x{rows}, parts at rows {parts:?}",
        Belt::WIDTH_PX
    ))
}
