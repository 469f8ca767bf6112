//! Parts of a camera that is let go of: taken or counted, never both.

use crate::{
    feed::{Hasty, LONG, state},
    feed_settings::{camera, feed, shown, triggered},
};
use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};
use wiko_camera::CameraFeed;
use wiko_core::{
    camera::{CameraId, CameraState, FeatureSettings, Frame},
    ports::{Camera, CameraError},
};
use wiko_testkit::{
    builders::{self, NOON},
    fakes::{camera::FakeCamera, clock::SetClock},
};

/// Gives parts, each when it is let; says when it is asked for one.
struct Let {
    camera: FakeCamera,
    asked: SyncSender<()>,
    may_give: Receiver<()>,
}

impl Camera for Let {
    fn id(&self) -> &CameraId {
        self.camera.id()
    }

    fn next_frame(&mut self, _timeout: Duration) -> Result<Frame, CameraError> {
        let _ = self.asked.send(());
        let _ = self.may_give.recv_timeout(LONG);
        self.camera.next_frame(LONG)
    }

    fn gives_parts(&self) -> bool {
        true
    }
}

struct Line {
    feed: CameraFeed,
    was_asked: Receiver<()>,
    give: SyncSender<()>,
}

fn line() -> Line {
    let (asked, was_asked) = sync_channel(16);
    let (give, may_give) = sync_channel(16);
    let (camera, shutter) = FakeCamera::new("fake", Arc::new(SetClock::at(NOON)));
    for n in 0..8 {
        shutter.show(builders::image(&[n]));
    }
    let mut camera = Some(Let {
        camera,
        asked,
        may_give,
    });
    let open = move || -> Result<Box<dyn Camera>, CameraError> {
        Ok(Box::new(camera.take().ok_or(CameraError::Ended)?))
    };
    Line {
        feed: CameraFeed::spawn(Box::new(open), Arc::new(Hasty)).unwrap(),
        was_asked,
        give,
    }
}

#[tokio::test]
async fn a_part_that_comes_once_its_camera_is_let_go_of_is_counted_and_given_to_nobody() {
    let line = line();
    let mut parts = line.feed.take_parts().unwrap();
    line.was_asked.recv_timeout(LONG).unwrap();
    // The camera is in the midst of a frame.
    line.feed.forsake();
    assert_eq!(line.feed.parts_overflowed(), 0);
    assert!(parts.next().await.is_none(), "also while its thread runs");
    line.give.send(()).unwrap();
    state(&line.feed, CameraState::Ended).await;
    assert_eq!(line.feed.latest().unwrap().sequence, 0);
    assert_eq!(line.feed.parts_overflowed(), 1);
    assert!(parts.next().await.is_none());
    drop(parts);
    assert_eq!(line.feed.parts_overflowed(), 1);
}

#[tokio::test]
async fn a_frame_that_comes_once_its_camera_is_let_go_of_is_no_part_where_nobody_took_parts() {
    let line = line();
    line.was_asked.recv_timeout(LONG).unwrap();
    line.feed.forsake();
    line.give.send(()).unwrap();
    state(&line.feed, CameraState::Ended).await;
    assert_eq!(line.feed.parts_overflowed(), 0);
}

#[tokio::test]
async fn parts_that_wait_when_their_camera_is_let_go_of_are_counted_once_and_taken_ones_are_not() {
    let (camera, shutter) = camera(triggered("On", "Line1"));
    let feed = feed(vec![camera], FeatureSettings::new());
    let mut parts = feed.take_parts().unwrap();
    for n in 0..4 {
        shutter.show(builders::image(&[n]));
    }
    shown(&feed, 3).await;
    assert_eq!(parts.next().await.unwrap().sequence, 0);
    parts.taken();
    // In the hand of the taker, and its own.
    assert_eq!(parts.next().await.unwrap().sequence, 1);
    feed.forsake();
    assert_eq!(feed.parts_overflowed(), 2);
    parts.taken();
    feed.forsake();
    state(&feed, CameraState::Ended).await;
    drop(parts);
    assert_eq!(feed.parts_overflowed(), 2);
}

#[tokio::test]
async fn a_part_that_its_taker_leaves_once_the_camera_is_let_go_of_is_counted() {
    let (camera, shutter) = camera(triggered("On", "Line1"));
    let feed = feed(vec![camera], FeatureSettings::new());
    let mut parts = feed.take_parts().unwrap();
    shutter.show(builders::image(&[0]));
    assert_eq!(parts.next().await.unwrap().sequence, 0);
    feed.forsake();
    assert_eq!(feed.parts_overflowed(), 0);
    drop(parts);
    assert_eq!(feed.parts_overflowed(), 1);
    let mut next = feed.take_parts().unwrap();
    assert!(next.next().await.is_none());
}

#[tokio::test]
async fn parts_that_wait_for_the_next_taker_are_counted_when_their_camera_is_let_go_of() {
    let (camera, shutter) = camera(triggered("On", "Line1"));
    let feed = feed(vec![camera], FeatureSettings::new());
    let mut parts = feed.take_parts().unwrap();
    shutter.show(builders::image(&[0]));
    shutter.show(builders::image(&[1]));
    shown(&feed, 1).await;
    assert_eq!(parts.next().await.unwrap().sequence, 0);
    drop(parts);
    feed.forsake();
    assert_eq!(feed.parts_overflowed(), 2);
}
