//! What a camera is told, and what comes of it.

use crate::feed::{Hasty, LONG, state};
use std::{collections::VecDeque, sync::Arc};
use wiko_camera::{CameraFeed, TriggerMode};
use wiko_core::{
    camera::{
        Access, CameraState, Feature, FeatureError, FeatureKind, FeatureSettings, FeatureValue,
        Visibility,
    },
    ports::{Camera, CameraError, LostCause},
};
use wiko_testkit::{
    builders::{self, NOON},
    fakes::{
        camera::{FakeCamera, Shutter},
        clock::SetClock,
    },
};

fn feature(name: &str, kind: FeatureKind, value: Option<FeatureValue>) -> Feature {
    Feature {
        name: name.into(),
        display_name: name.into(),
        category: "AcquisitionControl".into(),
        visibility: Visibility::Beginner,
        access: Access::ReadWrite,
        kind,
        value,
        unit: String::new(),
        description: String::new(),
    }
}

fn exposure() -> Feature {
    let kind = FeatureKind::Float {
        min: 20.0,
        max: 1e6,
        increment: None,
    };
    feature("ExposureTime", kind, Some(FeatureValue::Float(5_000.0)))
}

pub(crate) fn triggered(mode: &str, source: &str) -> Vec<Feature> {
    let entries = |names: &[&str]| FeatureKind::Enumeration {
        entries: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    let text = |text: &str| Some(FeatureValue::Text(text.to_owned()));
    vec![
        feature("TriggerMode", entries(&["Off", "On"]), text(mode)),
        feature(
            "TriggerSource",
            entries(&["Software", "Line1"]),
            text(source),
        ),
        feature("TriggerSoftware", FeatureKind::Command, None),
        exposure(),
    ]
}

fn told(value: f64) -> FeatureSettings {
    [("ExposureTime".to_owned(), FeatureValue::Float(value))].into()
}

pub(crate) fn camera(features: Vec<Feature>) -> (FakeCamera, Shutter) {
    let (camera, shutter) = FakeCamera::new("fake", Arc::new(SetClock::at(NOON)));
    (camera.with_features(features), shutter)
}

pub(crate) fn feed(cameras: Vec<FakeCamera>, settings: FeatureSettings) -> CameraFeed {
    let mut cameras = VecDeque::from(cameras);
    let open = move || -> Result<Box<dyn Camera>, CameraError> {
        let gone = || CameraError::lost(LostCause::NotFound, "not there");
        Ok(Box::new(cameras.pop_front().ok_or_else(gone)?))
    };
    CameraFeed::with_settings(Box::new(open), settings, Arc::new(Hasty)).unwrap()
}

async fn exposure_of(feed: &CameraFeed) -> Option<FeatureValue> {
    let features = feed.features().await.unwrap();
    let exposure = features.into_iter().find(|it| it.name == "ExposureTime");
    exposure.unwrap().value
}

#[tokio::test]
async fn a_camera_that_comes_back_is_told_everything_again_also_what_was_set_meanwhile() {
    let (first, first_shutter) = camera(vec![exposure()]);
    let (second, second_shutter) = camera(vec![exposure()]);
    let feed = feed(vec![first, second], told(100.0));
    first_shutter.show(builders::image(b"one"));
    state(&feed, CameraState::Streaming).await;
    assert_eq!(exposure_of(&feed).await, Some(FeatureValue::Float(100.0)));
    let set = feed.set_feature("ExposureTime", FeatureValue::Float(250.0));
    assert_eq!(set.await.unwrap().value, Some(FeatureValue::Float(250.0)));
    first_shutter.fail(CameraError::lost(LostCause::Unplugged, "unplugged"));
    state(&feed, CameraState::Lost).await;
    second_shutter.show(builders::image(b"two"));
    state(&feed, CameraState::Streaming).await;
    assert_eq!(exposure_of(&feed).await, Some(FeatureValue::Float(250.0)));
    assert_eq!(feed.mismatches(), []);
    assert_eq!(feed.last_error(), None);
}

#[tokio::test]
async fn a_camera_that_does_not_do_what_it_was_told_shows_its_picture_and_gives_no_part() {
    let (camera, shutter) = camera(vec![exposure()]);
    let feed = feed(vec![camera.stubborn_about("ExposureTime")], told(100.0));
    shutter.show(builders::image(b"one"));
    state(&feed, CameraState::Streaming).await;
    let mismatches = feed.mismatches();
    assert_eq!(mismatches[0].name, "ExposureTime");
    assert_eq!(mismatches[0].read, Some(FeatureValue::Float(5_000.0)));
    shutter.show(builders::image(b"two"));
    let refused = feed.frame_after(NOON, LONG).await.unwrap_err();
    assert!(matches!(refused, CameraError::NotReady { .. }), "{refused}");
    // What it answers by itself is what it is told now: ready.
    let unmet = feed.apply_settings(told(5_000.0)).await.unwrap();
    assert_eq!(unmet, []);
    assert_eq!(feed.mismatches(), []);
}

#[tokio::test]
async fn a_refused_value_changes_nothing_and_says_the_limits() {
    let (camera, shutter) = camera(vec![exposure()]);
    let feed = feed(vec![camera], FeatureSettings::new());
    shutter.show(builders::image(b"one"));
    state(&feed, CameraState::Streaming).await;
    let refused = feed.set_feature("ExposureTime", FeatureValue::Float(1.0));
    let refused = refused.await.unwrap_err();
    assert!(
        matches!(refused, FeatureError::OutOfRange { .. }),
        "{refused}"
    );
    assert_eq!(exposure_of(&feed).await, Some(FeatureValue::Float(5_000.0)));
}

#[tokio::test]
async fn a_camera_that_is_not_there_answers_at_once_why() {
    let feed = feed(vec![], told(100.0));
    state(&feed, CameraState::Lost).await;
    let refused = feed.features().await.unwrap_err();
    assert_eq!(refused, CameraError::lost(LostCause::NotFound, "not there"));
}

#[tokio::test]
async fn each_frame_of_a_camera_on_its_own_trigger_is_a_part_and_one_too_many_is_counted() {
    let (camera, shutter) = camera(triggered("On", "Line1"));
    let feed = feed(vec![camera], FeatureSettings::new());
    let mut parts = feed.take_parts().unwrap();
    assert!(feed.take_parts().is_none());
    for n in 0..20_u8 {
        shutter.show(builders::image(&[n]));
    }
    let mut latest = feed.subscribe();
    let is_last = |frame: &Option<Arc<wiko_core::camera::Frame>>| {
        frame.as_ref().is_some_and(|frame| frame.sequence == 19)
    };
    tokio::time::timeout(LONG, latest.wait_for(is_last))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(feed.trigger_mode(), Some(TriggerMode::Hardware));
    assert_eq!(feed.parts_overflowed(), 4);
    for n in 0..16 {
        assert_eq!(parts.next().await.unwrap().sequence, n);
        parts.taken();
    }
}

#[tokio::test]
async fn parts_that_their_taker_leaves_wait_for_the_next_one_in_their_order() {
    let (camera, shutter) = camera(triggered("On", "Line1"));
    let feed = feed(vec![camera], FeatureSettings::new());
    shutter.show(builders::image(&[0]));
    shown(&feed, 0).await;
    assert_eq!(feed.parts_overflowed(), 0, "nobody takes parts");
    let mut parts = feed.take_parts().unwrap();
    shutter.show(builders::image(&[1]));
    shutter.show(builders::image(&[2]));
    shown(&feed, 2).await;
    // Stopped before it was done with it.
    assert_eq!(parts.next().await.unwrap().sequence, 1);
    drop(parts);
    shutter.show(builders::image(&[3]));
    shown(&feed, 3).await;
    let mut parts = feed.take_parts().unwrap();
    for n in 1..=3 {
        assert_eq!(parts.next().await.unwrap().sequence, n);
        parts.taken();
    }
    assert_eq!(feed.parts_overflowed(), 0);
}

#[tokio::test]
async fn a_frame_of_a_camera_whose_line_is_no_trigger_is_not_missed_by_who_takes_it_otherwise() {
    let (camera, shutter) = camera(triggered("On", "Line1"));
    let feed = feed(vec![camera], FeatureSettings::new());
    state(&feed, CameraState::Streaming).await;
    let (frame, ()) = tokio::join!(biased; feed.frame_after(NOON, LONG), async {
        shutter.show(builders::image(&[0]));
    });
    assert_eq!(frame.unwrap().sequence, 0);
    assert_eq!(feed.trigger_mode(), Some(TriggerMode::Hardware));
    assert_eq!(feed.parts_overflowed(), 0);
}

/// Until the frame of that number is the latest.
pub(crate) async fn shown(feed: &CameraFeed, sequence: u64) {
    let mut latest = feed.subscribe();
    let is_there = |frame: &Option<Arc<wiko_core::camera::Frame>>| {
        frame
            .as_ref()
            .is_some_and(|frame| frame.sequence == sequence)
    };
    tokio::time::timeout(LONG, latest.wait_for(is_there))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_camera_that_waits_for_a_trigger_is_not_stalled() {
    let (camera, _shutter) = camera(triggered("On", "Line1"));
    let feed = feed(vec![camera], FeatureSettings::new());
    state(&feed, CameraState::Streaming).await;
    assert_eq!(feed.last_error(), None);
}
