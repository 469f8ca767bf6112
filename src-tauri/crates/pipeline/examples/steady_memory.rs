//! Takes part after part the whole way — captured, decided, sent, noted — and says how far it is, so that
//! somebody outside can look at how much memory that takes.
//!
//! ```text
//! cargo run --example steady_memory -- DIR [PARTS]
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::panic
)]

use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use wiko_core::{
    analysis::{Analysis, Provider},
    camera::{CameraId, CameraTag, Shot},
    chain::Chain,
    event::StationEvent,
    facility::Facility,
    image::EncodedImage,
    inspection::Inspection,
    ports::{
        AnalysisError, AnalysisRequest, Analyzer, Clock, Hindered, Language, UploadReceipt,
        Uploader,
    },
    shift::ShiftPlan,
    sku::ProductSku,
    spending::Budget,
    stage::Stage,
};
use wiko_pipeline::{Order, Parts, Station, StationSettings};
use wiko_store::{SqliteRecords, StoreOptions};
use wiko_testkit::{
    builders::{self, NOON},
    fakes::clock::{CountingEntropy, SetClock},
};

/// Finds nothing wrong, and remembers nothing.
struct Content;

#[async_trait::async_trait]
impl Analyzer for Content {
    fn provider(&self) -> Provider {
        Provider::Screen
    }

    async fn analyze(&self, request: &AnalysisRequest) -> Result<Analysis, AnalysisError> {
        Ok(builders::good(&request.image.facts()))
    }
}

/// Takes everything, and remembers nothing.
struct Nowhere;

#[async_trait::async_trait]
impl Uploader for Nowhere {
    async fn upload(
        &self,
        inspection: &Inspection,
        _: &EncodedImage,
    ) -> Result<UploadReceipt, Hindered> {
        self.upload_record(inspection).await
    }

    async fn upload_record(&self, _: &Inspection) -> Result<UploadReceipt, Hindered> {
        Ok(UploadReceipt {
            image_url: "s3://nowhere/part.jpg".into(),
        })
    }

    async fn reach(&self) -> Result<(), Hindered> {
        Ok(())
    }
}

/// Parts under way at once; the camera of a station is slower than its disk.
const UNDER_WAY: u32 = 32;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().expect("the directory to write to");
    let parts: u32 = arguments
        .next()
        .map_or(100_000, |text| text.parse().unwrap());
    let opened = SqliteRecords::open(dir.as_ref(), StoreOptions::default())
        .await
        .unwrap();
    let clock = Arc::new(SetClock::at(NOON));
    let shift = ("A".to_owned(), jiff::civil::time(0, 0, 0, 0));
    let station = Station::new(Parts {
        records: Arc::new(opened.records),
        chain: Chain::new(vec![Arc::new(Content)]),
        screen: None,
        uploader: Some(Arc::new(Nowhere)),
        clock: clock.clone(),
        entropy: Arc::new(CountingEntropy::default()),
        settings: StationSettings {
            facility: Facility::Yangjiang,
            station: "bench".into(),
            shifts: ShiftPlan::new(jiff::tz::TimeZone::UTC, vec![shift]).unwrap(),
            language: Language::ZhCn,
            analyses_in_flight: 4,
            uploads_in_flight: 4,
            analysis_lease: Duration::from_secs(60),
            upload_lease: Duration::from_secs(60),
            review_every: 0,
            calibration: None,
            budget: Budget {
                month_micro_usd: u64::MAX,
                sample_every: 0,
            },
        },
    });
    let stop = CancellationToken::new();
    let engine = tokio::spawn({
        let (station, stop) = (station.clone(), stop.clone());
        async move { station.run(stop).await }
    });
    let order = Order {
        product_sku: ProductSku::new("WK-KN-200").unwrap(),
        stage: Stage::BladeGlazing,
        lot: Some("L2603-01".into()),
        serial: None,
        operator: "op-7".into(),
    };
    let mut events = station.subscribe();
    let mut sent = 0;
    for n in 0..parts {
        clock.advance(Duration::from_secs(1));
        let shot = Shot {
            camera: CameraTag {
                id: CameraId("bench".into()),
                frame_sequence: u64::from(n),
                exposed_at: clock.now(),
                conditions: None,
            },
            image: builders::image(&n.to_be_bytes()),
        };
        station.capture(&order, &shot).await.unwrap();
        while n + 1 - sent > if n + 1 == parts { 0 } else { UNDER_WAY } {
            if let StationEvent::Uploaded { .. } = events.recv().await.unwrap() {
                sent += 1;
            }
        }
        if (n + 1) % 1000 == 0 {
            println!("parts {}", n + 1);
        }
    }
    stop.cancel();
    engine.await.unwrap();
}
