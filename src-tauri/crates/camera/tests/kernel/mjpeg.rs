//! Cameras that send JPEGs, through a real node: what was written is what is kept, and what is no JPEG is said so.

use crate::{SOON, clock, feed, loopback::Loopback, next_good};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use wiko_camera::{
    os_camera::{NokhwaCamera, NokhwaDevice, NokhwaOptions},
    v4l2::{V4l2Camera, V4l2Device, V4l2Options},
};
use wiko_core::{
    camera::{CameraId, CameraState, FeatureSettings, FramePicture},
    ports::{Camera, CameraError},
};

const SIZE: (u32, u32) = (320, 240);

/// Pictures that differ, and none like its neighbour.
fn jpeg_of(number: u32, (width, height): (u32, u32)) -> Vec<u8> {
    let pixels = image::RgbImage::from_fn(width, height, |x, y| {
        let at = |step: u32| (x * step + y * (number + 3) + number * 71) as u8;
        image::Rgb([at(1), at(3), (x * y / (number + 1)) as u8])
    });
    wiko_imaging::encode_jpeg(&pixels, 85).unwrap()
}

fn jpeg(number: u32) -> Vec<u8> {
    jpeg_of(number, SIZE)
}

fn loopback() -> Option<Loopback> {
    Loopback::load(*b"MJPG", SIZE.0, SIZE.1)
}

fn options() -> V4l2Options {
    V4l2Options {
        id: CameraId("usb".into()),
        device: V4l2Device::Path(Loopback::path()),
        settings: FeatureSettings::new(),
    }
}

/// Opens it and takes out what was written before.
fn open() -> V4l2Camera {
    let mut camera = V4l2Camera::open(options(), clock()).unwrap();
    assert_eq!(camera.mismatches(), []);
    until_empty(&mut camera);
    camera
}

fn open_by_nokhwa() -> NokhwaCamera {
    let options = NokhwaOptions {
        id: CameraId("os".into()),
        device: NokhwaDevice::Address(Loopback::path().display().to_string()),
        settings: FeatureSettings::new(),
    };
    let mut camera = NokhwaCamera::open(options, clock()).unwrap();
    until_empty(&mut camera);
    camera
}

fn until_empty(camera: &mut dyn Camera) {
    loop {
        match camera.next_frame(Duration::from_millis(300)) {
            Err(CameraError::Timeout { .. }) => return,
            Ok(_) | Err(CameraError::BadFrame { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// What comes of the frame that was written last.
fn next(camera: &mut dyn Camera) -> Result<Vec<u8>, String> {
    let begun = Instant::now();
    loop {
        match camera.next_frame(Duration::from_millis(500)) {
            Ok(frame) => match frame.picture {
                FramePicture::Encoded(image) => return Ok(image.bytes().to_vec()),
                FramePicture::Raw(_) => panic!("not a JPEG"),
            },
            Err(CameraError::BadFrame { reason, .. }) => return Err(reason),
            Err(CameraError::Timeout { .. }) if begun.elapsed() < SOON => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Frames that are none, and what is said of them.
fn broken() -> [(&'static str, Vec<u8>, &'static str); 5] {
    let whole = jpeg(90);
    [
        ("cut", whole[..whole.len() * 6 / 10].to_vec(), "torn"),
        ("empty", Vec::new(), "the frame is empty"),
        (
            "of another size",
            jpeg_of(91, (160, 120)),
            "160x120, and 320x240 was agreed",
        ),
        ("no JPEG", vec![0x55; 4096], "does not begin like a JPEG"),
        (
            "run into the next",
            [&whole[..whole.len() / 2], &whole[..]].concat(),
            "torn",
        ),
    ]
}

#[test]
fn the_very_bytes_of_each_jpeg_are_passed_on() {
    let Some(mut loopback) = loopback() else {
        return;
    };
    let mut camera = open();
    let lost_before = camera.statistics().frames_lost;
    for number in 0..6 {
        let written = jpeg(number);
        loopback.write(&written);
        assert_eq!(next(&mut camera).as_ref(), Ok(&written), "{number}");
    }
    assert_eq!(camera.statistics().frames_lost, lost_before);
}

#[test]
fn a_frame_that_is_no_whole_jpeg_is_refused_in_words_and_the_next_is_good() {
    let Some(mut loopback) = loopback() else {
        return;
    };
    let mut camera = open();
    let before = camera.statistics();
    for (number, (what, bytes, words)) in (0..).zip(broken()) {
        loopback.write(&bytes);
        let refused = next(&mut camera).unwrap_err();
        assert!(refused.contains(words), "{what}: {refused}");
        let good = jpeg(number);
        loopback.write(&good);
        assert_eq!(next(&mut camera).as_ref(), Ok(&good), "after one {what}");
    }
    let after = camera.statistics();
    assert_eq!(after.frames - before.frames, 5);
    assert_eq!(after.frames_lost - before.frames_lost, 5);
}

#[test]
fn a_feed_says_what_is_wrong_with_a_frame_and_goes_on() {
    let Some(mut loopback) = loopback() else {
        return;
    };
    let feed = feed::of(
        || V4l2Camera::open(options(), clock()),
        FeatureSettings::new(),
    );
    for (number, (what, bytes, words)) in (0..).zip(broken()) {
        loopback.write(&bytes);
        feed::until(&feed, what, |feed| {
            let error = feed.last_error();
            error.is_some_and(|error| error.to_string().contains(words))
        });
        let good = jpeg(number);
        // Written again and again, as a camera would.
        feed::until(&feed, what, |feed| {
            loopback.write(&good);
            let latest = feed.latest();
            let encoded = latest.as_ref().and_then(|frame| frame.picture.encoded());
            encoded.is_some_and(|image| image.bytes()[..] == good[..])
        });
        assert_eq!(feed.state(), CameraState::Streaming);
    }
}

#[test]
fn frames_that_the_driver_gives_no_time_are_dated_and_never_stale_for_ever() {
    let Some(mut loopback) = loopback() else {
        return;
    };
    let mut camera = open();
    // It says of none of its stamps by which clock it is.
    loopback.write(&jpeg(0));
    let waited = Duration::from_millis(700);
    std::thread::sleep(waited);
    let age = clock().now().since(next_good(&mut camera).exposed_at);
    assert!(age >= waited, "a frame that waited looks {age:?} old");
    let triggered = clock().now();
    let begun = Instant::now();
    for number in 0.. {
        // Each is there when it is asked for, so that the buffers are never seen empty.
        loopback.write(&jpeg(number % 50));
        if next_good(&mut camera).exposed_at >= triggered {
            break;
        }
        assert!(
            begun.elapsed() < SOON,
            "all look older than the trigger before them"
        );
    }
}

#[test]
fn a_trigger_gets_a_frame_from_a_driver_that_gives_no_times() {
    let Some(mut loopback) = loopback() else {
        return;
    };
    let feed = feed::of(
        || V4l2Camera::open(options(), clock()),
        FeatureSettings::new(),
    );
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let stop = stop.clone();
        std::thread::spawn(move || {
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                loopback.write(&jpeg(number % 50));
                std::thread::sleep(Duration::from_millis(50));
            }
            loopback
        })
    };
    feed::until(&feed, "frames", |feed| feed.latest().is_some());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let triggered = clock().now();
    let frame = runtime.block_on(feed.frame_after(triggered, SOON)).unwrap();
    assert!(frame.exposed_at >= triggered);
    stop.store(true, Ordering::Relaxed);
    drop(feed);
    drop(writer.join().unwrap());
}

#[test]
fn nokhwa_passes_the_very_bytes_on_and_refuses_what_is_no_whole_jpeg() {
    let Some(mut loopback) = loopback() else {
        return;
    };
    let mut camera = open_by_nokhwa();
    for number in 0..6 {
        let written = jpeg(number);
        loopback.write(&written);
        assert_eq!(next(&mut camera).as_ref(), Ok(&written), "{number}");
    }
    for (number, (what, bytes, _)) in (10..).zip(broken()) {
        loopback.write(&bytes);
        let refused = next(&mut camera);
        assert!(refused.is_err(), "{what} was taken for a picture");
        let good = jpeg(number);
        loopback.write(&good);
        assert_eq!(next(&mut camera).as_ref(), Ok(&good), "after one {what}");
    }
}
