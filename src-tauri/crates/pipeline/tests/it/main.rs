//! The path of a part over the real store, with analyzers and cloud that a test can take away.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod circuits;
mod clock;
mod in_flight;
mod path;
mod spending;
mod verdicts;

use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use wiko_core::{
    analysis::Provider,
    camera::{CameraId, CameraTag, Shot},
    chain::Chain,
    defect::{DefectType, Severity},
    event::StationEvent,
    facility::Facility,
    geometry::BoxPx,
    inspection::{OperatorCall, UploadState},
    ports::{Analyzer, Clock, Hindered, Language, Uploader},
    queue::{Obstacle, Queue},
    shift::ShiftPlan,
    sku::ProductSku,
    spending::Budget,
    stage::Stage,
    verdict::{UndeterminedReason, VerdictCode},
};
use wiko_pipeline::{CallRefused, CloudLink, Order, Parts, Station, StationSettings};
use wiko_store::{SqliteRecords, StoreOptions};
use wiko_testkit::{
    builders::{self, NOON},
    fakes::{
        analyzer::{Answer, ScriptedAnalyzer},
        clock::{CountingEntropy, SetClock},
        uploader::FakeUploader,
    },
};

/// Longer than anything here takes, shorter than a test run's patience.
const PATIENCE: Duration = Duration::from_secs(20);

struct Bench {
    station: Station,
    clock: Arc<SetClock>,
    cloud: Arc<FakeUploader>,
    records: Arc<SqliteRecords>,
    /// The chain, in its order, where it is scripted.
    chain: Vec<Arc<ScriptedAnalyzer>>,
    _dir: tempfile::TempDir,
}

async fn bench(chain: Vec<ScriptedAnalyzer>, screen: Option<ScriptedAnalyzer>) -> Bench {
    bench_of(|settings| settings, chain, screen).await
}

/// A bench whose settings are changed.
async fn bench_of(
    with: impl FnOnce(StationSettings) -> StationSettings,
    chain: Vec<ScriptedAnalyzer>,
    screen: Option<ScriptedAnalyzer>,
) -> Bench {
    let chain: Vec<_> = chain.into_iter().map(Arc::new).collect();
    let analyzers = chain.iter().cloned();
    let analyzers = analyzers.map(|analyzer| analyzer as Arc<dyn Analyzer>);
    let bench = bench_over(with, analyzers.collect(), screen).await;
    Bench { chain, ..bench }
}

fn settings() -> StationSettings {
    let shift = ("A".to_owned(), jiff::civil::time(0, 0, 0, 0));
    StationSettings {
        facility: Facility::Yangjiang,
        station: "yj-test".into(),
        shifts: ShiftPlan::new(jiff::tz::TimeZone::UTC, vec![shift]).unwrap(),
        language: Language::ZhCn,
        analyses_in_flight: 4,
        uploads_in_flight: 4,
        analysis_lease: Duration::from_secs(60),
        upload_lease: Duration::from_secs(60),
        budget: Budget {
            month_micro_usd: u64::MAX,
            sample_every: 0,
        },
        review_every: 0,
        calibration: None,
    }
}

impl Bench {
    /// The station as it is after a new start: nothing but the records is left of it.
    fn reopened(&self, with: impl FnOnce(StationSettings) -> StationSettings) -> Station {
        Station::new(Parts {
            records: self.records.clone(),
            chain: Chain::new(vec![]),
            screen: None,
            uploader: None,
            clock: self.clock.clone(),
            entropy: Arc::new(CountingEntropy::default()),
            settings: with(settings()),
        })
    }
}

/// The same over analyzers of a test's own.
async fn bench_over(
    with: impl FnOnce(StationSettings) -> StationSettings,
    analyzers: Vec<Arc<dyn Analyzer>>,
    screen: Option<ScriptedAnalyzer>,
) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions {
        reserve_bytes: 0,
        ..StoreOptions::default()
    };
    let opened = SqliteRecords::open(dir.path(), options).await.unwrap();
    let clock = Arc::new(SetClock::at(NOON));
    let cloud = Arc::new(FakeUploader::default());
    let records = Arc::new(opened.records);
    let station = Station::new(Parts {
        records: records.clone(),
        chain: Chain::new(analyzers),
        screen: screen.map(|screen| Arc::new(screen) as Arc<dyn Analyzer>),
        uploader: Some(cloud.clone() as Arc<dyn Uploader>),
        clock: clock.clone(),
        entropy: Arc::new(CountingEntropy::default()),
        settings: with(settings()),
    });
    Bench {
        station,
        clock,
        cloud,
        records,
        chain: vec![],
        _dir: dir,
    }
}

/// The workers of a station, until they are stopped.
struct Running {
    stop: CancellationToken,
    work: tokio::task::JoinHandle<()>,
}

impl Running {
    fn of(station: &Station) -> Self {
        let stop = CancellationToken::new();
        let (station, until) = (station.clone(), stop.clone());
        let work = tokio::spawn(async move { station.run(until).await });
        Self { stop, work }
    }

    async fn stopped(self) {
        self.stop.cancel();
        self.work.await.unwrap();
    }
}

/// Waits for an event.
async fn wait_for(
    events: &mut tokio::sync::broadcast::Receiver<StationEvent>,
    wanted: impl Fn(&StationEvent) -> bool,
) {
    let wait = async { while !wanted(&events.recv().await.unwrap()) {} };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

fn claude(script: impl IntoIterator<Item = Answer>) -> ScriptedAnalyzer {
    ScriptedAnalyzer::new(Provider::Claude, script)
}

fn screen(script: impl IntoIterator<Item = Answer>) -> ScriptedAnalyzer {
    ScriptedAnalyzer::new(Provider::Screen, script)
}

fn scratch() -> Answer {
    let box_px = BoxPx {
        x: 10,
        y: 20,
        width: 30,
        height: 40,
    };
    Answer::Defective(vec![builders::finding(
        DefectType::BladeScratch,
        Severity::Minor,
        box_px,
    )])
}

fn order() -> Order {
    Order {
        product_sku: ProductSku::new("WK-KN-200").unwrap(),
        stage: Stage::BladeGlazing,
        lot: None,
        serial: None,
        operator: "op-1".into(),
    }
}

fn shot(n: u64) -> Shot {
    Shot {
        camera: CameraTag {
            id: CameraId("test".into()),
            frame_sequence: n,
            exposed_at: NOON,
            conditions: None,
        },
        image: builders::image(format!("part {n}").as_bytes()),
    }
}

fn offline() -> Hindered {
    Hindered {
        service: Some(wiko_core::service::Service::S3),
        obstacle: Obstacle::Transient,
        reason: "offline".into(),
        retry_after: None,
    }
}
