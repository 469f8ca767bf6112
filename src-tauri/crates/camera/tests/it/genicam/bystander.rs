//! What the tests of faults share: cameras as the station runs them, one of which is not concerned.

use super::*;
use crate::feed::Hasty;
use std::time::Instant;
use wiko_camera::CameraFeed;
use wiko_core::camera::CameraState;

/// What the station promises: a clear word of each fault, and the first frame of a camera that is back.
pub(super) const PROMISED: Duration = Duration::from_secs(3);

/// Waits for something, much longer than promised, and answers how long it took.
pub(super) fn until(what: &str, mut is: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < 3 * A_WHILE, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
    begun.elapsed()
}

pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(future)
}

/// Looks for the camera and opens it, as the station does each time.
pub(super) fn feed_of(serial: &str, told: FeatureSettings) -> CameraFeed {
    let serial = serial.to_owned();
    let open = move || -> Result<Box<dyn Camera>, CameraError> {
        let found = GenicamDiscovery::default().discover()?;
        let is_it = |device: &&FoundDevice| device.identity.serial.as_ref() == Some(&serial);
        let device = found.iter().find(is_it).ok_or_else(|| {
            CameraError::lost(LostCause::NotFound, format!("{serial} is not there"))
        })?;
        let options = GenicamOptions::default();
        let id = CameraId(serial.clone());
        let camera = GenicamCamera::open(id, device, &options, Arc::new(RealClock))?;
        Ok(Box::new(camera))
    };
    CameraFeed::with_settings(Box::new(open), told, Arc::new(Hasty)).unwrap()
}

pub(super) fn streams(feed: &CameraFeed) -> bool {
    feed.state() == CameraState::Streaming && feed.latest().is_some()
}

/// The cause and the words of what keeps a camera from giving frames.
pub(super) fn why(feed: &CameraFeed) -> (LostCause, String) {
    match feed.last_error() {
        Some(CameraError::Lost { cause, reason }) => (cause, reason),
        other => panic!("not lost: {other:?}"),
    }
}

/// Another camera of the same process, which must notice nothing.
pub(super) struct Bystander {
    feed: CameraFeed,
    _simulator: Simulator,
}

impl Bystander {
    pub(super) fn start() -> Self {
        let simulator = Simulator::small(SECOND, "other", &[]);
        let feed = feed_of("other", FeatureSettings::new());
        until("the other camera streams", || streams(&feed));
        Self {
            feed,
            _simulator: simulator,
        }
    }

    /// It gives frames, has given them since it was opened, and lost none.
    pub(super) fn goes_on(&self) {
        let before = self.feed.latest().unwrap().sequence;
        let five_more = || self.feed.latest().unwrap().sequence >= before + 5;
        let took = until("the other camera goes on", five_more);
        assert!(took < PROMISED, "the other camera was held up for {took:?}");
        assert_eq!(self.feed.state(), CameraState::Streaming);
        assert_eq!(self.feed.last_error(), None);
        assert_eq!(self.feed.statistics().frames_lost, 0);
    }
}

/// Memory that this process has in use.
pub(super) fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line
        .and_then(|line| line.split_whitespace().nth(1))
        .unwrap();
    kib.parse::<u64>().unwrap() / 1024
}
