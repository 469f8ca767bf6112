//! GenICam cameras, over Aravis and a real GigE Vision camera on loopback: the simulator of `wiko-aravis`, in a process of
//! its own. Each test runs in a network of its own, so that none sees the cameras of another.

mod area;
mod bystander;
mod features;
mod large;
mod linescan;
mod load;
mod loss;
mod many;
mod rubbish;
mod vanishing;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use wiko_aravis::{Aravis, LIBRARY};
use wiko_camera::genicam::{GenicamCamera, GenicamDiscovery, GenicamOptions};
use wiko_core::{
    camera::{CameraId, FeatureSettings, FeatureValue, FoundDevice, Frame, FramePicture, RawImage},
    ports::{Camera, CameraDiscovery, CameraError, Clock, LostCause},
    time::{BootId, ClockReading, UnixMillis},
};
use wiko_testkit::{
    gige_camera::{self, A_WHILE, FIRST, SECOND, Simulator},
    skip::skip,
};

/// The clock of this machine, as the app has it.
struct RealClock;

impl Clock for RealClock {
    fn reading(&self) -> ClockReading {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let ms = since_1970.unwrap().as_millis();
        ClockReading {
            now: UnixMillis(ms as i64),
            boot_id: BootId("boot-test".into()),
            monotonic_ms: ms as u64,
        }
    }
}

/// In a network of its own, where libaravis is installed.
fn in_own_network<F: FnOnce()>(test: F) {
    match Aravis::load(LIBRARY) {
        Ok(_) => gige_camera::in_own_network(test),
        Err(error) => skip(&error.to_string()),
    }
}

fn found(serial: &str) -> FoundDevice {
    let found = GenicamDiscovery::default().discover().unwrap();
    let is_it = |device: &&FoundDevice| device.identity.serial.as_deref() == Some(serial);
    found
        .iter()
        .find(is_it)
        .unwrap_or_else(|| panic!("{serial} is not among {found:?}"))
        .clone()
}

fn open_found(device: &FoundDevice) -> Result<GenicamCamera, CameraError> {
    let id = CameraId("gige".to_owned());
    GenicamCamera::open(id, device, &GenicamOptions::default(), Arc::new(RealClock))
}

fn open_with(serial: &str, settings: FeatureSettings) -> Result<GenicamCamera, CameraError> {
    let options = GenicamOptions {
        settings,
        ..GenicamOptions::default()
    };
    let id = CameraId("gige".to_owned());
    GenicamCamera::open(id, &found(serial), &options, Arc::new(RealClock))
}

fn open(serial: &str) -> GenicamCamera {
    open_with(serial, FeatureSettings::new()).unwrap()
}

fn settings<const N: usize>(settings: [(&str, FeatureValue); N]) -> FeatureSettings {
    settings
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn text(value: &str) -> FeatureValue {
    FeatureValue::Text(value.to_owned())
}

fn next(camera: &mut GenicamCamera) -> Frame {
    camera.next_frame(A_WHILE).unwrap()
}

fn raw(frame: &Frame) -> &RawImage {
    match &frame.picture {
        FramePicture::Raw(raw) => raw,
        FramePicture::Encoded(_) => panic!("a file came"),
    }
}

/// The number that the simulator stamped into a row.
fn line_number(image: &RawImage, row: u32) -> u64 {
    let begin = row as usize * image.stride_bytes();
    u64::from_le_bytes(image.bytes()[begin..begin + 8].try_into().unwrap())
}
