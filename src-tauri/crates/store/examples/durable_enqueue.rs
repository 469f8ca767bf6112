//! Measures a durable capture: hash, file, fsync, rename, directory fsync, row in SQLite.
//!
//! ```text
//! cargo run -p wiko-store --example durable_enqueue -- DIR [COUNT] [BYTES] [FIRST]
//! ```
//!
//! FIRST is the number of the first part, where others are in DIR already.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic
)]

use std::{path::PathBuf, sync::Arc, time::Instant};
use wiko_core::{
    camera::{CameraId, CameraTag},
    facility::Facility,
    id::InspectionId,
    image::{EncodedImage, ImageFormat},
    inspection::CaptureFacts,
    ports::Records,
    sku::ProductSku,
    stage::Stage,
    time::{BootId, UnixMillis},
};
use wiko_store::{SqliteRecords, StoreOptions};

/// Bytes that do not compress, the same in each run.
fn noise(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

fn part(n: u32) -> CaptureFacts {
    let at = UnixMillis(1_772_352_000_000 + i64::from(n));
    let mut random = [0; 10];
    random[6..].copy_from_slice(&n.to_be_bytes());
    CaptureFacts {
        id: InspectionId::new(at, random),
        captured_at: at,
        facility: Facility::Yangjiang,
        station: "bench".into(),
        stage: Stage::BladeGlazing,
        product_sku: ProductSku::new("WK-KN-200").unwrap(),
        lot: Some("L2603-01".into()),
        serial: None,
        shift: "A".into(),
        operator: "op-7".into(),
        camera: CameraTag {
            id: CameraId("simulated".into()),
            frame_sequence: n.into(),
            exposed_at: at,
            conditions: None,
        },
        boot_id: BootId("bench".into()),
        monotonic_ms: n.into(),
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir: PathBuf = arguments.next().expect("the directory to write to").into();
    let mut number = |usual: u32| arguments.next().map_or(usual, |text| text.parse().unwrap());
    let (count, size, first) = (number(300), number(500_000), number(0));
    let bytes: Arc<[u8]> = noise(size as usize).into();
    let records = SqliteRecords::open(&dir, StoreOptions::default())
        .await
        .unwrap()
        .records;
    let mut ms = Vec::new();
    for n in first..first + count {
        let part = part(n);
        let begin = Instant::now();
        let image = EncodedImage::of(Arc::clone(&bytes), ImageFormat::Jpeg, 1920, 1080);
        records.capture(&part, &image).await.unwrap();
        ms.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    records.close().await;
    ms.sort_by(f64::total_cmp);
    let at = |share: f64| ms[((ms.len() as f64 * share) as usize).min(ms.len() - 1)];
    println!(
        "p50 {:.2} p95 {:.2} p99 {:.2} ms over {count} × {size} bytes",
        at(0.5),
        at(0.95),
        at(0.99)
    );
}
