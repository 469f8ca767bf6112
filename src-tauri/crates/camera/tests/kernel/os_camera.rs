//! The adapter for the cameras of Windows and macOS, over the same library on Linux.

use crate::{
    DISCONNECT, PERCENTAGE_OF_DROPPED_BUFFERS, Vivid, clock, next_fault, next_good, small,
};
use std::time::{Duration, Instant};
use wiko_camera::os_camera::{NokhwaCamera, NokhwaDevice, NokhwaDiscovery, NokhwaOptions};
use wiko_core::{
    camera::{CameraId, FeatureError, FeatureSettings, FeatureValue, PixelFormat, Transport},
    ports::{Camera, CameraDiscovery, CameraError, LostCause},
};
use wiko_testkit::contracts::camera as contract;

fn options(vivid: &Vivid) -> NokhwaOptions {
    let settings = small("YUV422_8").into_iter();
    NokhwaOptions {
        id: CameraId("os".into()),
        device: NokhwaDevice::Address(vivid.path().display().to_string()),
        settings: FeatureSettings::from_iter(
            settings.map(|(name, value)| (name.to_owned(), value)),
        ),
    }
}

fn open(vivid: &Vivid) -> NokhwaCamera {
    // It reads the format that is set, and knows few.
    drop(vivid.open());
    let camera = NokhwaCamera::open(options(vivid), clock()).unwrap();
    assert_eq!(camera.mismatches(), []);
    camera
}

#[test]
fn a_camera_by_nokhwa_keeps_the_contract() {
    let vivid = Vivid(0);
    contract::frames_count_up_and_carry_their_own_facts(&mut open(&vivid), 10);
    contract::a_call_returns_within_its_timeout(&mut open(&vivid));
}

#[test]
fn nokhwa_finds_the_same_cameras_and_opens_the_one_that_is_meant() {
    let found = NokhwaDiscovery.discover().unwrap();
    assert_eq!(found.len(), 2);
    assert!(
        found
            .iter()
            .all(|device| device.identity.transport == Transport::Nokhwa)
    );
    let second = Vivid(1);
    drop(second.open());
    let mut options = options(&second);
    options.device = NokhwaDevice::Identity(found[1].identity.clone());
    let mut camera = NokhwaCamera::open(options, clock()).unwrap();
    assert_eq!(camera.device(), Some(&found[1].identity));
    assert_eq!(next_good(&mut camera).size_px(), (320, 180));
}

#[test]
fn a_control_and_a_size_are_set_and_read_back() {
    let vivid = Vivid(0);
    let mut camera = open(&vivid);
    next_good(&mut camera);
    let set = camera
        .set_feature("Brightness", &FeatureValue::Integer(140))
        .unwrap();
    assert_eq!(set.value, Some(FeatureValue::Integer(140)));
    camera
        .set_feature("Brightness", &FeatureValue::Integer(128))
        .unwrap();
    let refused = camera
        .set_feature("Brightness", &FeatureValue::Integer(999))
        .unwrap_err();
    assert!(matches!(refused, FeatureError::OutOfRange { .. }));
    let before = next_good(&mut camera).sequence;
    camera
        .set_feature("Width", &FeatureValue::Integer(640))
        .unwrap();
    let frame = next_good(&mut camera);
    assert_eq!(frame.size_px().0, 640);
    assert!(frame.sequence > before);
    let nv12 = FeatureValue::Text(<&str>::from(PixelFormat::NV12).into());
    assert_eq!(
        camera.set_feature("PixelFormat", &nv12).unwrap().value,
        Some(nv12)
    );
    next_good(&mut camera);
}

#[test]
fn a_stalled_camera_hangs_a_thread_that_is_left_behind_and_nobody_waits_for_it() {
    let vivid = Vivid(0);
    let mut camera = open(&vivid);
    next_good(&mut camera);
    vivid.set(PERCENTAGE_OF_DROPPED_BUFFERS, 100);
    let begun = Instant::now();
    let CameraError::Lost { cause, .. } = next_fault(&mut camera) else {
        panic!("a camera that hangs is lost");
    };
    assert_eq!(cause, LostCause::Silent);
    assert!(begun.elapsed() < Duration::from_secs(15));
    let begun = Instant::now();
    drop(camera);
    assert!(begun.elapsed() < Duration::from_secs(5));
    // It ends with the next frame, and the camera is free again.
    vivid.set(PERCENTAGE_OF_DROPPED_BUFFERS, 0);
    let begun = Instant::now();
    loop {
        match NokhwaCamera::open(options(&vivid), clock()) {
            Ok(mut camera) => {
                next_good(&mut camera);
                break;
            }
            Err(error) => assert!(begun.elapsed() < crate::SOON, "{error}"),
        }
    }
}

#[test]
fn a_camera_that_nokhwa_has_and_is_unplugged_is_lost() {
    let vivid = Vivid(0);
    let mut camera = open(&vivid);
    next_good(&mut camera);
    vivid.set(DISCONNECT, 1);
    match next_fault(&mut camera) {
        CameraError::Lost { cause, reason } => assert_eq!(cause, LostCause::Unplugged, "{reason}"),
        other => panic!("{other}"),
    }
    drop(camera);
    next_good(&mut open(&vivid));
}
