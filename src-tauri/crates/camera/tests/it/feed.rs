//! A camera on a thread of its own.

use crate::feed_settings::{camera, triggered};
use std::{
    collections::VecDeque,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    task::{Context, Wake, Waker},
    time::{Duration, Instant},
};
use wiko_camera::CameraFeed;
use wiko_core::{
    camera::{CameraId, CameraState, Frame},
    ports::{Camera, CameraError, Entropy, LostCause},
    time::UnixMillis,
};
use wiko_testkit::{
    builders::{self, NOON},
    fakes::{camera::FakeCamera, clock::SetClock},
};

pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Waits the least that the backoff allows.
pub(crate) struct Hasty;

impl Entropy for Hasty {
    fn id_bytes(&self) -> [u8; 10] {
        [0; 10]
    }

    fn jitter(&self) -> f64 {
        0.0
    }
}

/// Opens these cameras one after the other, then none.
fn feed_of(cameras: Vec<FakeCamera>) -> CameraFeed {
    let mut cameras = VecDeque::from(cameras);
    let open = move || -> Result<Box<dyn Camera>, CameraError> {
        let camera = cameras.pop_front().ok_or(CameraError::Ended)?;
        Ok(Box::new(camera))
    };
    CameraFeed::spawn(Box::new(open), Arc::new(Hasty)).unwrap()
}

/// What `frame_after` gives while, once it waits, `shutter` does this.
async fn frame_while(
    feed: &CameraFeed,
    exposed_after: UnixMillis,
    shutter: impl FnOnce(),
) -> Result<Arc<Frame>, CameraError> {
    // Polled in this order: it waits before the shutter opens.
    tokio::join!(
        biased;
        feed.frame_after(exposed_after, LONG),
        async { shutter() }
    )
    .0
}

pub(crate) async fn state(feed: &CameraFeed, wanted: CameraState) {
    let mut states = feed.subscribe_state();
    let reached = tokio::time::timeout(LONG, states.wait_for(|state| *state == wanted)).await;
    reached.expect("the state is reached").unwrap();
}

#[tokio::test]
async fn a_trigger_never_gets_a_frame_from_before_it() {
    let clock = Arc::new(SetClock::at(NOON));
    let (camera, shutter) = FakeCamera::new("fake", clock.clone());
    let feed = feed_of(vec![camera]);
    let before = || shutter.show(builders::image(b"the part before"));
    frame_while(&feed, NOON, before).await.unwrap();

    let trigger = UnixMillis(NOON.0 + 40);
    let refused = feed.frame_after(trigger, Duration::from_millis(30)).await;
    assert_eq!(refused.unwrap_err(), CameraError::Timeout { waited_ms: 30 });

    clock.set(trigger);
    let this = || shutter.show(builders::image(b"this part"));
    let frame = frame_while(&feed, trigger, this).await.unwrap();
    assert_eq!(&frame.picture.encoded().unwrap().bytes()[..], b"this part");
    assert_eq!(feed.latest().unwrap().sequence, 1);
}

#[tokio::test]
async fn a_clock_that_was_set_back_makes_no_old_frame_new() {
    let clock = Arc::new(SetClock::at(NOON));
    let (camera, shutter) = FakeCamera::new("fake", clock.clone());
    let feed = feed_of(vec![camera]);
    let before = || shutter.show(builders::image(b"the part before"));
    frame_while(&feed, NOON, before).await.unwrap();

    let trigger = UnixMillis(NOON.0 - 3_600_000);
    clock.set(trigger);
    let this = || shutter.show(builders::image(b"this part"));
    let frame = frame_while(&feed, trigger, this).await.unwrap();
    assert_eq!(&frame.picture.encoded().unwrap().bytes()[..], b"this part");
}

#[tokio::test]
async fn a_lost_camera_is_opened_again_and_says_why_it_was_lost() {
    let clock = Arc::new(SetClock::at(NOON));
    let (first, first_shutter) = FakeCamera::new("fake", clock.clone());
    let (second, second_shutter) = FakeCamera::new("fake", clock);
    let feed = feed_of(vec![first, second]);
    let unplugged = CameraError::lost(LostCause::Unplugged, "unplugged");
    first_shutter.fail(unplugged.clone());
    state(&feed, CameraState::Lost).await;
    assert_eq!(feed.last_error(), Some(unplugged));
    let again = || second_shutter.show(builders::image(b"again"));
    let frame = frame_while(&feed, NOON, again).await.unwrap();
    assert_eq!(&frame.picture.encoded().unwrap().bytes()[..], b"again");
    state(&feed, CameraState::Streaming).await;
}

#[tokio::test]
async fn who_waits_for_a_frame_of_a_lost_camera_is_told_why_it_is_lost() {
    let elsewhere = CameraError::lost(LostCause::OpenElsewhere, "it is open elsewhere");
    let refused = elsewhere.clone();
    let open = move || -> Result<Box<dyn Camera>, CameraError> { Err(refused.clone()) };
    let feed = CameraFeed::spawn(Box::new(open), Arc::new(Hasty)).unwrap();
    state(&feed, CameraState::Lost).await;
    let none = feed.frame_after(NOON, Duration::from_millis(30)).await;
    assert_eq!(none.unwrap_err(), elsewhere);
}

#[tokio::test]
async fn who_waits_for_a_frame_of_a_camera_that_came_back_is_not_told_of_the_loss_before() {
    let (first, first_shutter) = camera(triggered("On", "Line1"));
    let (second, _second_shutter) = camera(triggered("On", "Line1"));
    let (opening, is_opening) = sync_channel(2);
    let mut cameras = VecDeque::from([first, second]);
    let open = move || -> Result<Box<dyn Camera>, CameraError> {
        let _ = opening.send(());
        Ok(Box::new(cameras.pop_front().ok_or(CameraError::Ended)?))
    };
    let feed = CameraFeed::spawn(Box::new(open), Arc::new(Hasty)).unwrap();
    let unplugged = CameraError::lost(LostCause::Unplugged, "unplugged");
    first_shutter.fail(unplugged.clone());
    is_opening.recv_timeout(LONG).unwrap();
    is_opening.recv_timeout(LONG).unwrap();
    // It is lost no more, and waits for its line.
    state(&feed, CameraState::Streaming).await;
    let none = feed.frame_after(NOON, Duration::from_millis(30)).await;
    assert_eq!(none.unwrap_err(), CameraError::Timeout { waited_ms: 30 });
    assert_eq!(feed.last_error(), Some(unplugged));
}

#[tokio::test]
async fn a_bad_frame_is_told_and_the_next_is_shown() {
    let (camera, shutter) = FakeCamera::new("fake", Arc::new(SetClock::at(NOON)));
    let feed = feed_of(vec![camera]);
    let bad = CameraError::BadFrame {
        source_name: "a.jpg".into(),
        reason: "damaged".into(),
    };
    let shown = frame_while(&feed, NOON, || {
        shutter.fail(bad.clone());
        shutter.show(builders::image(b"good"));
    });
    assert!(shown.await.is_ok());
    assert_eq!(feed.last_error(), Some(bad));
}

#[tokio::test]
async fn a_silent_camera_is_stalled_after_two_seconds_and_streams_again() {
    let (camera, shutter) = FakeCamera::new("fake", Arc::new(SetClock::at(NOON)));
    let feed = feed_of(vec![camera]);
    shutter.show(builders::image(b"one"));
    state(&feed, CameraState::Streaming).await;
    let begun = Instant::now();
    state(&feed, CameraState::Stalled).await;
    assert!(begun.elapsed() >= Duration::from_millis(1500));
    shutter.show(builders::image(b"two"));
    state(&feed, CameraState::Streaming).await;
}

/// Looks at the last error on the camera's thread, in the moment that the state changes.
struct AtChange {
    feed: Arc<CameraFeed>,
    seen: SyncSender<Option<CameraError>>,
}

impl Wake for AtChange {
    fn wake(self: Arc<Self>) {
        let _ = self.seen.try_send(self.feed.last_error());
    }
}

#[tokio::test]
async fn who_sees_that_a_camera_is_stalled_sees_why_in_the_same_moment() {
    let (camera, shutter) = FakeCamera::new("fake", Arc::new(SetClock::at(NOON)));
    let feed = Arc::new(feed_of(vec![camera]));
    shutter.show(builders::image(b"one"));
    state(&feed, CameraState::Streaming).await;
    let mut states = feed.subscribe_state();
    states.mark_unchanged();
    let (seen, was_seen) = sync_channel(1);
    let waker = Waker::from(Arc::new(AtChange {
        feed: feed.clone(),
        seen,
    }));
    {
        let changed = pin!(states.changed());
        let waiting = changed.poll(&mut Context::from_waker(&waker));
        assert!(waiting.is_pending());
        let error = was_seen.recv_timeout(LONG).unwrap();
        assert!(
            matches!(error, Some(CameraError::Timeout { .. })),
            "{error:?}"
        );
    }
    assert_eq!(*states.borrow(), CameraState::Stalled);
}

#[tokio::test]
async fn at_the_end_of_the_pictures_who_waits_is_told() {
    let (camera, shutter) = FakeCamera::new("fake", Arc::new(SetClock::at(NOON)));
    let feed = feed_of(vec![camera]);
    drop(shutter);
    let refused = feed.frame_after(NOON, LONG).await;
    assert_eq!(refused.unwrap_err(), CameraError::Ended);
    assert_eq!(feed.state(), CameraState::Ended);
}

#[test]
fn a_feed_is_dropped_without_hanging_whatever_its_camera_does() {
    let (silent, _shutter) = FakeCamera::new("fake", Arc::new(SetClock::at(NOON)));
    let refusing = || -> Result<Box<dyn Camera>, CameraError> {
        Err(CameraError::lost(LostCause::Unplugged, "not there"))
    };
    let feeds = [
        feed_of(vec![silent]),
        CameraFeed::spawn(Box::new(refusing), Arc::new(Hasty)).unwrap(),
    ];
    let begun = Instant::now();
    drop(feeds);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

/// A camera that takes its time to be let go of.
struct Slow {
    camera: FakeCamera,
    may_go: Receiver<()>,
    held: Arc<AtomicBool>,
}

impl Camera for Slow {
    fn id(&self) -> &CameraId {
        self.camera.id()
    }

    fn next_frame(&mut self, timeout: Duration) -> Result<Frame, CameraError> {
        self.camera.next_frame(timeout)
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        let _ = self.may_go.recv_timeout(LONG);
        self.held.store(false, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn a_stopped_feed_holds_up_nobody_and_the_next_one_waits_for_its_camera() {
    let held = Arc::new(AtomicBool::new(true));
    let (let_go, may_go) = sync_channel(1);
    let (camera, shutter) = FakeCamera::new("fake", Arc::new(SetClock::at(NOON)));
    let mut slow = Some(Slow {
        camera,
        may_go,
        held: held.clone(),
    });
    let open = move || -> Result<Box<dyn Camera>, CameraError> {
        Ok(Box::new(slow.take().ok_or(CameraError::Ended)?))
    };
    let first = CameraFeed::spawn(Box::new(open), Arc::new(Hasty)).unwrap();
    shutter.show(builders::image(b"one"));
    state(&first, CameraState::Streaming).await;
    // Others may hold it still.
    let stopping = Instant::now();
    first.stop();
    assert!(stopping.elapsed() < Duration::from_secs(1));

    let (camera, shutter) = FakeCamera::new("fake", Arc::new(SetClock::at(NOON)));
    let mut camera = Some(camera);
    let (asked, was_asked) = sync_channel(16);
    let is_held = held.clone();
    let open = move || -> Result<Box<dyn Camera>, CameraError> {
        let _ = asked.send(());
        if is_held.load(Ordering::SeqCst) {
            let reason = "it is open elsewhere";
            return Err(CameraError::lost(LostCause::OpenElsewhere, reason));
        }
        Ok(Box::new(camera.take().ok_or(CameraError::Ended)?))
    };
    let second = CameraFeed::spawn(Box::new(open), Arc::new(Hasty)).unwrap();
    was_asked.recv_timeout(LONG).unwrap();
    let_go.send(()).unwrap();
    shutter.show(builders::image(b"two"));
    state(&second, CameraState::Streaming).await;
    state(&first, CameraState::Ended).await;
    assert_eq!(second.last_error(), None, "it was never said to be lost");
    drop((first, second));
    assert!(wiko_camera::wait_for_stopped_cameras(LONG));
}
