//! Which camera is which, and who has it.

use crate::{Vivid, clock, next_good, small};
use wiko_camera::v4l2::{V4l2Camera, V4l2Device, V4l2Discovery, V4l2Options};
use wiko_core::{
    camera::{DeviceIdentity, Transport},
    ports::{Camera, CameraDiscovery, CameraError, LostCause},
};

fn lost(result: Result<V4l2Camera, CameraError>) -> (LostCause, String) {
    match result.unwrap_err() {
        CameraError::Lost { cause, reason } => (cause, reason),
        other => panic!("{other}"),
    }
}

#[test]
fn two_cameras_alike_are_told_apart_and_metadata_is_no_camera() {
    let found = V4l2Discovery.discover().unwrap();
    let addresses: Vec<&str> = found.iter().map(|device| device.address.as_str()).collect();
    assert_eq!(addresses, ["/dev/video0", "/dev/video1"]);
    assert_ne!(found[0].identity, found[1].identity);
    assert_eq!(
        found[1].identity.serial.as_deref(),
        Some("platform:vivid-001")
    );
    assert!(found.iter().all(|device| device.obstacle.is_none()));
    assert_eq!(V4l2Discovery.discover().unwrap(), found);

    for device in &found {
        let mut options = Vivid(0).options(&small("YUV422_8"));
        options.device = V4l2Device::Identity(device.identity.clone());
        let mut camera = V4l2Camera::open(options, clock()).unwrap();
        assert_eq!(camera.device(), Some(&device.identity));
        next_good(&mut camera);
        let by_path = V4l2Options {
            device: V4l2Device::Path(device.address.clone().into()),
            ..Vivid(0).options(&small("YUV422_8"))
        };
        drop(camera);
        let camera = V4l2Camera::open(by_path, clock()).unwrap();
        assert_eq!(camera.device(), Some(&device.identity));
    }
}

#[test]
fn a_camera_that_another_has_is_refused_and_listed_so() {
    let vivid = Vivid(0);
    let mut camera = vivid.open();
    let (cause, reason) = lost(V4l2Camera::open(vivid.options(&[]), clock()));
    assert_eq!(cause, LostCause::OpenElsewhere);
    assert!(reason.contains("close that program"), "{reason}");
    let obstacles = V4l2Discovery.discover().unwrap();
    assert!(obstacles[0].obstacle.is_some() && obstacles[1].obstacle.is_none());
    // Neither has disturbed the one who has it.
    let before = camera.statistics().frames;
    next_good(&mut camera);
    assert_eq!(camera.statistics().frames, before + 1);
    drop(camera);
    vivid.open();
}

#[test]
fn what_is_not_there_or_gives_no_frames_is_named_so() {
    let vivid = Vivid(0);
    let absent = DeviceIdentity {
        transport: Transport::V4l2,
        vendor: "Basler".into(),
        model: "daA1920".into(),
        serial: Some("1234".into()),
        mac: None,
        usb: None,
    };
    let mut options = vivid.options(&[]);
    options.device = V4l2Device::Identity(absent);
    assert_eq!(
        lost(V4l2Camera::open(options.clone(), clock())).0,
        LostCause::NotFound
    );
    options.device = V4l2Device::Path("/dev/video9".into());
    assert_eq!(
        lost(V4l2Camera::open(options.clone(), clock())).0,
        LostCause::NotFound
    );
    // The metadata of the second camera.
    options.device = V4l2Device::Path("/dev/video2".into());
    assert_eq!(
        lost(V4l2Camera::open(options, clock())).0,
        LostCause::NoUsableFormat
    );
}

#[test]
fn a_camera_that_this_user_may_not_open_is_refused_with_what_to_do() {
    use std::{os::unix::process::CommandExt, process::Command};
    if std::env::var_os("WIKO_AS_NOBODY").is_none() {
        // Rights are of a process: the test runs itself again as a user without any.
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args([
            "--exact",
            "identity::a_camera_that_this_user_may_not_open_is_refused_with_what_to_do",
        ]);
        let nobody = 65_534;
        let done = again
            .env("WIKO_AS_NOBODY", "1")
            .uid(nobody)
            .gid(nobody)
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stdout)
        );
        return;
    }
    let vivid = std::mem::ManuallyDrop::new(Vivid(0));
    let (cause, reason) = lost(V4l2Camera::open(vivid.options(&[]), clock()));
    assert_eq!(cause, LostCause::NoPermission);
    assert!(
        reason.contains("60-wiko-cameras.rules") && reason.contains("group video"),
        "{reason}"
    );
    let found = V4l2Discovery.discover().unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|device| device.obstacle.is_some()));
}
