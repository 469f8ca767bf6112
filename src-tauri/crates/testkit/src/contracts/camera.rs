//! Contract of the camera port. The port blocks, and so do these.

use std::time::{Duration, Instant};
use wiko_core::{
    image::Sha256,
    ports::{Camera, CameraError},
};

/// For what a loaded machine adds to a timeout.
const A_LITTLE: Duration = Duration::from_secs(3);

/// A camera that has at least `frames` good frames: they count up, carry its name, whole pictures with
/// their own facts, and times that never go back.
pub fn frames_count_up_and_carry_their_own_facts(camera: &mut dyn Camera, frames: usize) {
    let mut last: Option<(u64, i64)> = None;
    for _ in 0..frames {
        let frame = next_good(camera);
        let (sequence, exposed_ms) = (frame.sequence, frame.exposed_at.0);
        if let Some((last_sequence, last_ms)) = last {
            assert!(sequence > last_sequence, "{sequence} after {last_sequence}");
            assert!(exposed_ms >= last_ms, "time went back");
        } else {
            assert_eq!(sequence, 0, "the first frame is number 0");
        }
        last = Some((sequence, exposed_ms));
        assert_eq!(&frame.camera, camera.id());
        let (width_px, height_px) = frame.size_px();
        assert!(width_px > 0 && height_px > 0);
        if let Some(image) = frame.picture.encoded() {
            assert_eq!(image.facts().sha256, Sha256::of(image.bytes()));
            assert_eq!(image.facts().size_bytes, image.bytes().len() as u64);
        }
    }
}

/// Whatever the camera does, a call comes back within its timeout and a little.
pub fn a_call_returns_within_its_timeout(camera: &mut dyn Camera) {
    for timeout in [Duration::ZERO, Duration::from_millis(5)] {
        let begun = Instant::now();
        let answer = camera.next_frame(timeout);
        assert!(begun.elapsed() < timeout + A_LITTLE);
        if matches!(answer, Err(CameraError::Ended | CameraError::Lost { .. })) {
            return;
        }
    }
}

/// A camera that is at its end says so each time.
pub fn the_end_stays_the_end(camera: &mut dyn Camera) {
    while !matches!(
        camera.next_frame(Duration::from_secs(5)),
        Err(CameraError::Ended)
    ) {}
    assert_eq!(
        camera
            .next_frame(Duration::ZERO)
            .map(|frame| frame.sequence),
        Err(CameraError::Ended)
    );
}

fn next_good(camera: &mut dyn Camera) -> wiko_core::camera::Frame {
    loop {
        match camera.next_frame(Duration::from_secs(5)) {
            Ok(frame) => return frame,
            Err(CameraError::Timeout { .. } | CameraError::BadFrame { .. }) => {}
            Err(error) => panic!("a camera that has frames left answered: {error}"),
        }
    }
}
