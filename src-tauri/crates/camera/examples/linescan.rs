//! Receives blocks of a line-scan camera as the station does, for `bench/linescan.py`, and counts what is lost.
//!
//!     linescan SERIAL WIDTH HEIGHT LINES_PER_S SECONDS
//!
//! The simulated camera stamps the number of each line into its row; the first row of each block is compared with what it
//! must be.

#![allow(clippy::print_stdout, reason = "it prints what it counted")]

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use wiko_camera::genicam::{GenicamCamera, GenicamDiscovery, GenicamOptions};
use wiko_core::{
    camera::{CameraId, FeatureSettings, FeatureValue, FramePicture},
    ports::{Camera, CameraDiscovery, CameraError, Clock},
    time::{BootId, ClockReading, UnixMillis},
};

struct MachineClock;

impl Clock for MachineClock {
    fn reading(&self) -> ClockReading {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let ms = since_1970.map_or(0, |time| time.as_millis());
        ClockReading {
            now: UnixMillis(ms as i64),
            boot_id: BootId("bench".into()),
            monotonic_ms: ms as u64,
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [serial, width, height, lines_per_s, seconds] = arguments.as_slice() else {
        return Err("linescan SERIAL WIDTH HEIGHT LINES_PER_S SECONDS".into());
    };
    let found = GenicamDiscovery::default().discover()?;
    let device = found
        .iter()
        .find(|device| device.identity.serial.as_ref() == Some(serial))
        .ok_or("that camera is not there")?;
    let settings: FeatureSettings = [
        ("Width", FeatureValue::Integer(width.parse()?)),
        ("Height", FeatureValue::Integer(height.parse()?)),
        (
            "AcquisitionLineRate",
            FeatureValue::Float(lines_per_s.parse()?),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let options = GenicamOptions {
        settings,
        ..GenicamOptions::default()
    };
    let id = CameraId("bench".into());
    let mut camera = GenicamCamera::open(id, device, &options, Arc::new(MachineClock))?;
    if !camera.mismatches().is_empty() {
        return Err(format!("not as told: {:?}", camera.mismatches()).into());
    }
    let length = Duration::from_secs_f64(seconds.parse()?);
    let begun = Instant::now();
    let (mut blocks, mut bad, mut lines, mut lost) = (0u64, 0u64, 0u64, 0u64);
    let mut expected = None;
    while begun.elapsed() < length {
        let frame = match camera.next_frame(Duration::from_millis(500)) {
            Ok(frame) => frame,
            Err(CameraError::Timeout { .. }) => continue,
            Err(CameraError::BadFrame { reason, .. }) => {
                bad += 1;
                println!("bad: {reason}");
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let FramePicture::Raw(block) = &frame.picture else {
            return Err("a file came".into());
        };
        let first = u64::from_le_bytes(block.bytes()[..8].try_into()?);
        lost += first - expected.unwrap_or(first);
        expected = Some(first + u64::from(block.height_px()));
        blocks += 1;
        lines += u64::from(block.height_px());
    }
    let seconds = begun.elapsed().as_secs_f64();
    let statistics = camera.statistics();
    println!(
        "ok={blocks} bad={bad} -> {:.0} lines/s, lines lost {lost}, frames lost {}, underruns {}",
        lines as f64 / seconds,
        statistics.frames_lost,
        statistics.underruns
    );
    Ok(())
}
