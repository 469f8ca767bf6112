//! Pictures of 300 megapixels, which no part of the station can take.

use super::{
    bystander::{Bystander, PROMISED, feed_of, memory_mib, streams, until},
    *,
};
use wiko_camera::{
    LineScanCamera,
    line_scan::{LineLayout, LineMode, LineScanConfig, PartTrigger},
};
use wiko_core::camera::{CameraState, FeatureError, PixelFormat};

const SENSOR: [&str; 4] = ["--sensor-width", "8192", "--sensor-height", "40000"];

#[test]
fn a_camera_set_to_300_megapixels_is_refused_in_time_before_it_takes_memory() {
    in_own_network(|| {
        let other = Bystander::start();
        let size = ["--line-scan", "--width", "8192", "--height", "36000"];
        let mut simulator = Simulator::start(FIRST, "L1", &[&SENSOR[..], &size].concat());
        let memory_before = memory_mib();
        let feed = feed_of("L1", FeatureSettings::new());
        let told = until("it is refused", || feed.state() == CameraState::Lost);
        assert!(told < PROMISED, "{told:?}");
        let said = feed.last_error().unwrap().to_string();
        eprintln!("{told:?}: {said}");
        assert!(
            said.contains("8192x36000") && said.contains("set a smaller"),
            "{said}"
        );
        // As is whoever asks a camera that streams for it, and it goes on as it was.
        simulator.tell("set Height 64");
        until("it streams", || streams(&feed));
        drop(feed);
        assert!(wiko_camera::wait_for_stopped_cameras(A_WHILE));
        let mut camera = open("L1");
        let refused = camera.set_feature("Height", &FeatureValue::Integer(36_000));
        let Err(FeatureError::Refused { reason, .. }) = refused else {
            panic!("not refused: {refused:?}");
        };
        assert!(reason.contains("8192x36000"), "{reason}");
        assert_eq!(next(&mut camera).size_px(), (8192, 64));
        let grown = memory_mib().saturating_sub(memory_before);
        eprintln!("memory grew by {grown} MiB");
        assert!(grown < 128, "{grown} MiB");
        other.goes_on();
    });
}

#[test]
fn a_page_of_300_megapixels_is_refused_before_a_line_is_taken() {
    in_own_network(|| {
        let size = ["--line-scan", "--width", "8192", "--height", "64"];
        let _simulator = Simulator::start(FIRST, "L1", &[&SENSOR[..], &size].concat());
        let page = LineScanConfig {
            mode: LineMode::Page {
                page_rows: 36_000,
                pre_roll_rows: 0,
                trigger: PartTrigger::External,
            },
            widest: LineLayout {
                format: PixelFormat::Mono8,
                width_px: 8192,
            },
            block_rows: 64,
            most_bytes: 384 << 20,
            longest_stand_ms: 3_000,
            aspect: None,
        };
        let memory_before = memory_mib();
        let camera = Box::new(open("L1"));
        let refused = LineScanCamera::new(camera, page, None, Arc::new(RealClock));
        let Err(refused) = refused.map(drop) else {
            panic!("it is taken");
        };
        let said = refused.to_string();
        let words = ["36000 rows", "set a shorter part"];
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
        let grown = memory_mib().saturating_sub(memory_before);
        assert!(grown < 64, "{grown} MiB");
    });
}
