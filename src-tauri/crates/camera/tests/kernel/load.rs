//! What is lost where the machine has other work, and whether it is the station that loses it.

use crate::{SOON, Vivid, clock, feed, loopback::Loopback, next_good, small};
use std::{
    process::{Child, Command},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use wiko_camera::v4l2::{V4l2Camera, V4l2Device, V4l2Options};
use wiko_core::{
    camera::{
        Access, CameraId, Feature, FeatureError, FeatureKind, FeatureSettings, FeatureValue, Frame,
        StreamStatistics, Visibility,
    },
    ports::{Camera, CameraError},
};

/// Two processes that do nothing but work, on two processors.
struct Load([Child; 2]);

impl Load {
    fn begin() -> Self {
        Self([(); 2].map(|()| {
            let mut shell = Command::new("sh");
            shell.args(["-c", "while :; do :; done"]).spawn().unwrap()
        }))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

/// What the adapter gave.
#[derive(Debug, Default)]
struct Given {
    sequences: Vec<u64>,
    statistics: StreamStatistics,
}

/// A camera that says of itself that a line of its own triggers it, so that each of its frames is a part.
struct EachFrameAPart {
    camera: V4l2Camera,
    given: Arc<Mutex<Given>>,
}

impl Camera for EachFrameAPart {
    fn id(&self) -> &CameraId {
        self.camera.id()
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<Frame, CameraError> {
        let frame = self.camera.next_frame(timeout)?;
        let mut given = self.given.lock().unwrap();
        given.sequences.push(frame.sequence);
        given.statistics = self.camera.statistics();
        Ok(frame)
    }

    fn feature(&mut self, name: &str) -> Result<Feature, FeatureError> {
        let value = match name {
            "TriggerMode" => "On",
            "TriggerSource" => "Line0",
            _ => return self.camera.feature(name),
        };
        Ok(Feature {
            name: name.to_owned(),
            display_name: name.to_owned(),
            category: "AcquisitionControl".to_owned(),
            visibility: Visibility::Beginner,
            access: Access::ReadOnly,
            kind: FeatureKind::Enumeration {
                entries: vec![value.to_owned()],
            },
            value: Some(FeatureValue::Text(value.to_owned())),
            unit: String::new(),
            description: String::new(),
        })
    }

    fn statistics(&self) -> StreamStatistics {
        self.camera.statistics()
    }
}

/// What became of the frames of a camera between its driver and the queue of parts.
struct Came {
    /// Of those that the adapter gave, how many did not come through the queue.
    not_queued: usize,
    statistics: StreamStatistics,
    fps: f64,
}

/// Takes so many parts out of the queue.
fn through_the_queue(options: V4l2Options, parts: usize) -> Came {
    let given = Arc::new(Mutex::new(Given::default()));
    let open = {
        let given = given.clone();
        move || {
            let camera = V4l2Camera::open(options.clone(), clock())?;
            assert_eq!(camera.mismatches(), []);
            let given = given.clone();
            Ok(EachFrameAPart { camera, given })
        }
    };
    let feed = feed::of(open, FeatureSettings::new());
    let mut queue = feed.take_parts().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut next = || {
        let sequence = runtime.block_on(queue.next()).unwrap().sequence;
        queue.taken();
        sequence
    };
    let first = next();
    let begun = Instant::now();
    let mut came = vec![first];
    while came.len() < parts {
        came.push(next());
    }
    let fps = (parts - 1) as f64 / begun.elapsed().as_secs_f64();
    assert_eq!(feed.parts_overflowed(), 0);
    drop(feed);
    let given = given.lock().unwrap();
    // The first may have come before anybody took parts.
    let from = given.sequences.iter().position(|number| *number == first);
    let sent = given.sequences[from.unwrap()..].iter().take(parts);
    Came {
        not_queued: sent.zip(&came).filter(|(sent, came)| sent != came).count(),
        statistics: given.statistics,
        fps,
    }
}

fn options(width: i64, height: i64, fps: f64) -> V4l2Options {
    let mut settings = small("YUV422_8");
    settings[1].1 = FeatureValue::Integer(width);
    settings[2].1 = FeatureValue::Integer(height);
    settings[3].1 = FeatureValue::Float(fps);
    Vivid(0).options(&settings)
}

#[test]
fn beside_two_busy_processes_each_frame_of_the_driver_comes_through_the_queue() {
    let _vivid = Vivid(0);
    let _load = Load::begin();
    // The driver draws its frames itself and leaves out what it is late for, which is no fault of ours.
    let came = through_the_queue(options(320, 180, 15.0), 45);
    assert_eq!((came.not_queued, came.statistics.underruns), (0, 0));
}

#[test]
fn frames_that_found_no_empty_buffer_are_counted_as_the_stations_own_loss() {
    let vivid = Vivid(0);
    let mut camera = vivid.open();
    next_good(&mut camera);
    let begun = Instant::now();
    while camera.statistics().underruns == 0 {
        let statistics = camera.statistics();
        assert!(begun.elapsed() < SOON, "{statistics:?}");
        // Eight buffers are full in a quarter of a second.
        std::thread::sleep(Duration::from_secs(1));
        for _ in 0..10 {
            next_good(&mut camera);
        }
    }
    let statistics = camera.statistics();
    assert!(
        statistics.frames_lost >= statistics.underruns,
        "{statistics:?}"
    );
}

/// Writes frames into the loopback camera at a rate until told to stop.
fn write_at(
    mut loopback: Loopback,
    frame: Vec<u8>,
    fps: f64,
    stop: Arc<AtomicBool>,
) -> std::thread::JoinHandle<Loopback> {
    std::thread::spawn(move || {
        let mut due = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            loopback.write(&frame);
            due += Duration::from_secs_f64(1.0 / fps);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        loopback
    })
}

/// Of a driver that gives no times it cannot be told whose loss a frame is.
fn show(what: &str, came: &Came) {
    let StreamStatistics {
        frames,
        frames_lost,
        underruns,
        ..
    } = came.statistics;
    println!(
        "{what}: {:.1} fps; {frames} frames, {frames_lost} left out, of these {underruns} for want of a buffer; {} not queued",
        came.fps, came.not_queued
    );
}

/// Prints what is lost at sizes and rates that an emulated machine may not reach.
#[test]
#[ignore = "a measurement"]
fn measure_what_is_lost_beside_load() {
    let _vivid = Vivid(0);
    for is_busy in [false, true] {
        let _load = is_busy.then(Load::begin);
        for (width, height, fps) in [
            (320, 180, 30.0),
            (640, 360, 30.0),
            (1280, 720, 10.0),
            (1920, 1080, 5.0),
        ] {
            let came = through_the_queue(options(width, height, fps), 90);
            let what = format!("drawn by the driver, {width}x{height} at {fps}, busy {is_busy}");
            show(&what, &came);
        }
        let (width, height) = (1920, 1080);
        let pixels = image::RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([(x / 8) as u8, (y / 4) as u8, (x * y) as u8])
        });
        let jpeg = wiko_imaging::encode_jpeg(&pixels, 85).unwrap();
        let yuyv = vec![0x80; width as usize * height as usize * 2];
        for (fourcc, frame) in [(*b"MJPG", jpeg), (*b"YUYV", yuyv)] {
            for fps in [30.0, 15.0] {
                let Some(loopback) = Loopback::load(fourcc, width, height) else {
                    return;
                };
                let stop = Arc::new(AtomicBool::new(false));
                let bytes = frame.len();
                let writer = write_at(loopback, frame.clone(), fps, stop.clone());
                let options = V4l2Options {
                    id: CameraId("usb".into()),
                    device: V4l2Device::Path(Loopback::path()),
                    settings: FeatureSettings::new(),
                };
                let came = through_the_queue(options, 90);
                stop.store(true, Ordering::Relaxed);
                drop(writer.join().unwrap());
                let format = String::from_utf8_lossy(&fourcc).into_owned();
                let what = format!(
                    "written, {format} {width}x{height} of {bytes} bytes at {fps}, busy {is_busy}"
                );
                show(&what, &came);
            }
        }
    }
}

/// Prints what a frame costs.
#[test]
#[ignore = "a measurement"]
fn measure_what_a_frame_costs() {
    let cpu = || {
        let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Duration::try_from(spent).unwrap()
    };
    let _vivid = Vivid(0);
    for (width, height, fps) in [
        (320, 180, 30.0),
        (640, 360, 30.0),
        (1280, 720, 10.0),
        (1920, 1080, 5.0),
    ] {
        let mut camera = V4l2Camera::open(options(width, height, fps), clock()).unwrap();
        next_good(&mut camera);
        let (begun, spent) = (Instant::now(), cpu());
        while camera.statistics().frames < 91 {
            next_good(&mut camera);
        }
        let per_frame_us = (cpu() - spent).as_micros() / 90;
        let reached = 90.0 / begun.elapsed().as_secs_f64();
        println!("{width}x{height} at {fps}: {reached:.1} fps, {per_frame_us} us of CPU a frame");
    }
}
