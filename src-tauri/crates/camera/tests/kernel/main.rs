//! Cameras of a real kernel: the adapters of Video4Linux and nokhwa against its virtual driver `vivid`, which also unplugs,
//! stalls and refuses at will, and against `v4l2loopback`, which gives what a test writes. `tests/kernel/run.py` boots that kernel and runs this binary in it, one test at a time.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod faults;
mod features;
mod feed;
mod frames;
mod gadget;
mod identity;
mod ioctl_gate;
mod load;
mod loopback;
mod mjpeg;
mod os_camera;
mod reconnect;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use v4l::control::{Control, Value};
use wiko_camera::v4l2::{V4l2Camera, V4l2Device, V4l2Options};
use wiko_camera::wait_for_stopped_cameras;
use wiko_core::{
    camera::{CameraId, FeatureSettings, FeatureValue, Frame},
    ports::{Camera, CameraError, Clock},
    time::{BootId, ClockReading, UnixMillis},
};

/// Long enough for an emulated machine; what is tested answers in milliseconds.
const SOON: Duration = Duration::from_secs(20);

/// Buttons and numbers of `vivid` that no camera of ours has.
const OSD_TEXT_MODE: u32 = 0x00f0_f001;
const TEST_PATTERN: u32 = 0x00f0_f000;
const PERCENTAGE_OF_DROPPED_BUFFERS: u32 = 0x00f0_f040;
const DISCONNECT: u32 = 0x00f0_f041;
const INJECT_BUFFER_ERROR: u32 = 0x00f0_f042;
const INJECT_REQBUFS_ERROR: u32 = 0x00f0_f043;
const INJECT_QBUF_ERROR: u32 = 0x00f0_f044;
const INJECT_STREAMON_ERROR: u32 = 0x00f0_f045;
const INJECT_FATAL_ERROR: u32 = 0x00f0_f046;

/// The machine's own time of day.
struct SystemClock;

impl Clock for SystemClock {
    fn reading(&self) -> ClockReading {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        ClockReading {
            now: UnixMillis(i64::try_from(since.as_millis()).unwrap()),
            boot_id: BootId("kernel".into()),
            monotonic_ms: 0,
        }
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// One of the two cameras; as it was when it is dropped, however the test ends.
struct Vivid(u32);

impl Vivid {
    fn path(&self) -> PathBuf {
        format!("/dev/video{}", self.0).into()
    }

    /// Sets a control by a handle of its own, as another program would.
    fn set(&self, id: u32, value: i64) {
        let device = v4l::Device::with_path(self.path()).unwrap();
        let value = Value::Integer(value);
        device.set_control(Control { id, value }).unwrap();
    }

    fn options(&self, settings: &[(&str, FeatureValue)]) -> V4l2Options {
        // The feed of the test before lets go of its camera on a thread of its own.
        assert!(wait_for_stopped_cameras(SOON));
        let settings = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        V4l2Options {
            id: CameraId("usb".into()),
            device: V4l2Device::Path(self.path()),
            settings: FeatureSettings::from_iter(settings),
        }
    }

    /// Small and quick, so that an emulated machine keeps up.
    fn open(&self) -> V4l2Camera {
        self.open_with(&small("YUV422_8"))
    }

    fn open_with(&self, settings: &[(&str, FeatureValue)]) -> V4l2Camera {
        let camera = V4l2Camera::open(self.options(settings), clock()).unwrap();
        assert_eq!(camera.mismatches(), []);
        camera
    }
}

impl Drop for Vivid {
    fn drop(&mut self) {
        self.set(PERCENTAGE_OF_DROPPED_BUFFERS, 0);
        self.set(TEST_PATTERN, 0);
        self.set(OSD_TEXT_MODE, 0);
    }
}

fn small(format: &str) -> Vec<(&'static str, FeatureValue)> {
    vec![
        ("PixelFormat", FeatureValue::Text(format.into())),
        ("Width", FeatureValue::Integer(320)),
        ("Height", FeatureValue::Integer(180)),
        ("AcquisitionFrameRate", FeatureValue::Float(30.0)),
    ]
}

/// The next frame that is good, whatever comes before it.
fn next_good(camera: &mut dyn Camera) -> Frame {
    let begun = Instant::now();
    loop {
        match camera.next_frame(Duration::from_millis(500)) {
            Ok(frame) => return frame,
            Err(CameraError::Timeout { .. } | CameraError::BadFrame { .. })
                if begun.elapsed() < SOON => {}
            Err(error) => panic!("no frame: {error}"),
        }
    }
}

/// The first answer that is neither a frame nor a timeout.
fn next_fault(camera: &mut dyn Camera) -> CameraError {
    let begun = Instant::now();
    while begun.elapsed() < SOON {
        match camera.next_frame(Duration::from_millis(500)) {
            Ok(_) | Err(CameraError::Timeout { .. }) => {}
            Err(error) => return error,
        }
    }
    panic!("nothing went wrong");
}
