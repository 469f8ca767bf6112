use super::by_camera;
use super::fakes::{camera, counts_of, line, settings, until};
use super::*;
use std::time::Duration;
use tokio::task::JoinSet;
use wiko_core::{camera::CameraState, image::EncodedImage};
use wiko_testkit::builders;

const PAST_BOUNCE: Duration = Duration::from_millis(400);

fn only(source: TriggerSource) -> TriggerSettings {
    TriggerSettings {
        sources: [source].into(),
        ..settings()
    }
}

/// Grey, with a bright part in its middle or without.
fn picture(with_part: bool) -> EncodedImage {
    let mut pixels = image::RgbImage::from_pixel(640, 360, image::Rgb([40; 3]));
    if with_part {
        for (x, y, pixel) in pixels.enumerate_pixels_mut() {
            if (200..440).contains(&x) && (120..240).contains(&y) {
                *pixel = image::Rgb([180; 3]);
            }
        }
    }
    let jpeg = wiko_imaging::encode_jpeg(&pixels, 90).unwrap();
    wiko_imaging::inspect_trusted(jpeg).unwrap()
}

async fn streaming(camera: &Running) {
    let mut state = camera.feed.subscribe_state();
    let waited = state.wait_for(|state| *state == CameraState::Streaming);
    tokio::time::timeout(Duration::from_secs(20), waited)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn each_frame_of_a_camera_on_its_own_line_is_a_part_also_while_the_one_before_is_saved() {
    let (triggers, line) = line(only(TriggerSource::CameraLine), 0);
    let (camera, shutter) = camera(&line, true);
    let (_cameras, inspecting) = watch::channel(camera.clone());
    let _running = tokio::spawn(by_camera::run(triggers.clone(), inspecting));
    streaming(&camera).await;
    for number in 0..3_u8 {
        shutter.show(builders::image(&[number]));
        // The frame is exposed when the camera is asked for it.
        let mut latest = camera.feed.subscribe();
        let waited = latest.wait_for(|frame| {
            frame
                .as_ref()
                .is_some_and(|frame| frame.sequence == u64::from(number))
        });
        tokio::time::timeout(Duration::from_secs(20), waited)
            .await
            .unwrap()
            .unwrap();
        line.clock.advance(PAST_BOUNCE);
    }
    until("the first is begun", || line.took().len() == 1).await;
    line.ends.add_permits(3);
    until("all are taken", || {
        counts_of(&triggers, TriggerSource::CameraLine).taken == 3
    })
    .await;
    assert_eq!(*line.seen.lock().unwrap(), [Some(0), Some(1), Some(2)]);
    let counts = counts_of(&triggers, TriggerSource::CameraLine);
    assert_eq!((counts.busy, counts.bounced), (0, 0));
    assert_eq!(camera.feed.parts_overflowed(), 0);
}

#[tokio::test]
async fn two_frames_of_one_edge_are_one_part_however_long_the_second_waited() {
    let (triggers, line) = line(only(TriggerSource::CameraLine), 0);
    let (camera, shutter) = camera(&line, true);
    let (_cameras, inspecting) = watch::channel(camera.clone());
    let _running = tokio::spawn(by_camera::run(triggers.clone(), inspecting));
    streaming(&camera).await;
    shutter.show(builders::image(&[0]));
    shutter.show(builders::image(&[1]));
    until("the first is begun", || line.took().len() == 1).await;
    let both = |frame: &Option<Arc<Frame>>| frame.as_ref().is_some_and(|it| it.sequence == 1);
    let mut latest = camera.feed.subscribe();
    let waited = tokio::time::timeout(Duration::from_secs(20), latest.wait_for(both));
    waited.await.unwrap().unwrap();
    line.clock.advance(PAST_BOUNCE);
    line.ends.add_permits(1);
    until("the second is refused", || {
        counts_of(&triggers, TriggerSource::CameraLine).bounced == 1
    })
    .await;
    assert_eq!(*line.seen.lock().unwrap(), [Some(0)]);
}

#[tokio::test]
async fn a_part_that_comes_to_rest_in_the_picture_is_taken_once_by_the_frame_that_told() {
    let (triggers, line) = line(only(TriggerSource::PartPresent), 9);
    let (camera, shutter) = camera(&line, false);
    let (_cameras, inspecting) = watch::channel(camera.clone());
    let mut running = JoinSet::new();
    running.spawn(by_camera::run(triggers.clone(), inspecting.clone()));
    let (with, without) = (picture(true), picture(false));
    for part in 1..=2_usize {
        // Shown until it was seen: a busy machine looks at fewer frames.
        for _ in 0..500 {
            if line.took().len() == part {
                break;
            }
            shutter.show(with.clone());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(line.took().len(), part);
        for _ in 0..20 {
            shutter.show(with.clone());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(line.took().len(), part, "it lies there still");
        // The set-up is changed while it lies there.
        line.clock.advance(PAST_BOUNCE);
        running.shutdown().await;
        running.spawn(by_camera::run(triggers.clone(), inspecting.clone()));
        for _ in 0..20 {
            shutter.show(with.clone());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(line.took().len(), part, "it is the same part");
        for _ in 0..20 {
            shutter.show(without.clone());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        line.clock.advance(PAST_BOUNCE);
    }
    assert!(line.seen.lock().unwrap().iter().all(Option::is_some));
}

#[tokio::test]
async fn the_camera_that_takes_the_place_of_another_is_followed() {
    let (triggers, line) = line(only(TriggerSource::CameraLine), 9);
    let (first, _shutter) = camera(&line, true);
    let (second, shutter) = camera(&line, true);
    let (cameras, inspecting) = watch::channel(first.clone());
    let _running = tokio::spawn(by_camera::run(triggers.clone(), inspecting));
    streaming(&second).await;
    until("the first is followed", || {
        first.feed.take_parts().is_none()
    })
    .await;
    cameras.send_replace(second.clone());
    until("the second is followed", || {
        second.feed.take_parts().is_none() && first.feed.take_parts().is_some()
    })
    .await;
    shutter.show(builders::image(&[0]));
    until("its part is taken", || {
        counts_of(&triggers, TriggerSource::CameraLine).taken == 1
    })
    .await;
}

#[tokio::test]
async fn parts_that_wait_while_the_sources_are_started_anew_are_taken_all_the_same() {
    let (triggers, line) = line(only(TriggerSource::CameraLine), 0);
    let (camera, shutter) = camera(&line, true);
    let (_cameras, inspecting) = watch::channel(camera.clone());
    let mut running = JoinSet::new();
    running.spawn(by_camera::run(triggers.clone(), inspecting.clone()));
    streaming(&camera).await;
    shutter.show(builders::image(&[0]));
    until("the first is begun", || line.took().len() == 1).await;
    line.clock.advance(PAST_BOUNCE);
    shutter.show(builders::image(&[1]));
    // It is shown once it waits.
    let latest = || camera.feed.latest().map(|frame| frame.sequence);
    until("the second waits", || latest() == Some(1)).await;
    running.shutdown().await;
    line.ends.add_permits(2);
    running.spawn(by_camera::run(triggers.clone(), inspecting));
    until("both are taken", || {
        counts_of(&triggers, TriggerSource::CameraLine).taken == 2
    })
    .await;
    assert_eq!(*line.seen.lock().unwrap(), [Some(0), Some(1)]);
    assert_eq!(camera.feed.parts_overflowed(), 0);
}
