//! What a camera does wrong: it is unplugged, stalls, refuses, marks its frames as damaged.

use crate::{
    DISCONNECT, INJECT_BUFFER_ERROR, INJECT_FATAL_ERROR, INJECT_QBUF_ERROR, INJECT_REQBUFS_ERROR,
    INJECT_STREAMON_ERROR, PERCENTAGE_OF_DROPPED_BUFFERS, SOON, Vivid, clock, next_fault,
    next_good,
};
use std::time::{Duration, Instant};
use wiko_camera::v4l2::V4l2Camera;
use wiko_core::{
    camera::FeatureError,
    ports::{Camera, CameraError, LostCause},
};

fn cause(error: &CameraError) -> LostCause {
    match error {
        CameraError::Lost { cause, .. } => *cause,
        other => panic!("{other}"),
    }
}

#[test]
fn unplugged_while_it_streams_it_is_lost_at_once_and_comes_back_when_it_is_opened_again() {
    let vivid = Vivid(0);
    let mut camera = vivid.open();
    next_good(&mut camera);
    let identity = camera.device().unwrap().clone();
    vivid.set(DISCONNECT, 1);
    let begun = Instant::now();
    assert_eq!(cause(&next_fault(&mut camera)), LostCause::Unplugged);
    assert!(begun.elapsed() < Duration::from_secs(5));
    // Also what asks for no frame says so.
    let Err(FeatureError::Camera(error)) = camera.feature("Brightness") else {
        panic!("a camera that is gone has no features");
    };
    assert_eq!(cause(&error), LostCause::Unplugged);
    // The driver plugs it in again when the last handle is closed.
    drop(camera);
    let mut options = vivid.options(&crate::small("YUV422_8"));
    options.device = wiko_camera::v4l2::V4l2Device::Identity(identity);
    let mut camera = V4l2Camera::open(options, clock()).unwrap();
    assert_eq!(next_good(&mut camera).sequence, 0);
}

#[test]
fn a_stalled_camera_times_out_goes_on_where_it_recovers_and_is_lost_where_it_does_not() {
    let vivid = Vivid(0);
    let mut camera = vivid.open();
    next_good(&mut camera);
    vivid.set(PERCENTAGE_OF_DROPPED_BUFFERS, 100);
    // What was filled before may still come.
    let begun = Instant::now();
    loop {
        let timeout = Duration::from_millis(300);
        let asked = Instant::now();
        match camera.next_frame(timeout) {
            Err(CameraError::Timeout { waited_ms }) => {
                assert_eq!(waited_ms, 300);
                assert!(asked.elapsed() >= timeout && asked.elapsed() < Duration::from_secs(3));
                break;
            }
            Ok(_) if begun.elapsed() < SOON => {}
            other => panic!("{other:?}"),
        }
    }
    vivid.set(PERCENTAGE_OF_DROPPED_BUFFERS, 0);
    let frame = next_good(&mut camera);
    let statistics = camera.statistics();
    assert!(statistics.frames_lost > 0);
    assert_eq!(
        frame.sequence + 1,
        statistics.frames + statistics.frames_lost
    );

    vivid.set(PERCENTAGE_OF_DROPPED_BUFFERS, 100);
    assert_eq!(cause(&next_fault(&mut camera)), LostCause::Silent);
}

#[test]
fn frames_that_the_driver_drops_are_counted() {
    let vivid = Vivid(0);
    let mut camera = vivid.open();
    vivid.set(PERCENTAGE_OF_DROPPED_BUFFERS, 50);
    let mut last = 0;
    for _ in 0..30 {
        last = next_good(&mut camera).sequence;
    }
    let statistics = camera.statistics();
    assert_eq!(statistics.frames, 30);
    assert!(statistics.frames_lost >= 5, "{statistics:?}");
    assert_eq!(last + 1, statistics.frames + statistics.frames_lost);
}

#[test]
fn a_frame_that_the_driver_marks_as_damaged_is_a_bad_frame_and_the_next_is_good() {
    let vivid = Vivid(0);
    let mut camera = vivid.open();
    next_good(&mut camera);
    vivid.set(INJECT_BUFFER_ERROR, 1);
    match next_fault(&mut camera) {
        CameraError::BadFrame { reason, .. } => assert!(reason.contains("damaged"), "{reason}"),
        other => panic!("{other}"),
    }
    next_good(&mut camera);
    assert!(camera.statistics().frames_lost >= 1);
}

#[test]
fn a_stream_that_does_not_start_is_refused_in_words_and_starts_when_it_can() {
    let vivid = Vivid(0);
    for error in [
        INJECT_REQBUFS_ERROR,
        INJECT_QBUF_ERROR,
        INJECT_STREAMON_ERROR,
    ] {
        vivid.set(error, 1);
        let refused = V4l2Camera::open(vivid.options(&[]), clock()).unwrap_err();
        assert_eq!(cause(&refused), LostCause::Failed);
        let words = refused.to_string();
        assert!(
            words.starts_with("/dev/video0: ") && words.contains("plug it in again"),
            "{words}"
        );
        next_good(&mut vivid.open());
    }
}

#[test]
fn a_buffer_that_the_driver_does_not_take_back_loses_the_camera_behind_the_frame_that_was_in_it() {
    let vivid = Vivid(0);
    let mut camera = vivid.open();
    next_good(&mut camera);
    vivid.set(INJECT_QBUF_ERROR, 1);
    let lost = next_fault(&mut camera);
    assert_eq!(cause(&lost), LostCause::Failed);
    assert!(lost.to_string().contains("plug it in again"), "{lost}");
    drop(camera);
    next_good(&mut vivid.open());
}

#[test]
fn a_fault_of_the_stream_itself_loses_the_camera_and_nothing_panics_when_it_is_dropped() {
    let vivid = Vivid(0);
    let mut camera = vivid.open();
    next_good(&mut camera);
    vivid.set(INJECT_FATAL_ERROR, 1);
    assert_eq!(cause(&next_fault(&mut camera)), LostCause::Failed);
    drop(camera);
    next_good(&mut vivid.open());
}

#[test]
fn a_stream_that_cannot_be_started_again_keeps_the_old_mode_and_says_so() {
    use wiko_core::camera::FeatureValue;
    let vivid = Vivid(0);
    let mut camera = vivid.open();
    next_good(&mut camera);
    vivid.set(INJECT_STREAMON_ERROR, 1);
    let refused = camera.set_feature("Width", &FeatureValue::Integer(640));
    assert!(
        matches!(refused, Err(FeatureError::Refused { .. })),
        "{refused:?}"
    );
    assert_eq!(next_good(&mut camera).size_px(), (320, 180));
}
