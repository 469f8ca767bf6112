//! Cameras as the station runs them: on a thread that opens them again.

use crate::SOON;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use wiko_camera::CameraFeed;
use wiko_core::{
    camera::FeatureSettings,
    ports::{Camera, CameraError},
};
use wiko_testkit::fakes::clock::CountingEntropy;

/// A feed that waits as long as it may before it looks for its camera again.
pub(crate) fn of<C: Camera + 'static>(
    mut open: impl FnMut() -> Result<C, CameraError> + Send + 'static,
    settings: FeatureSettings,
) -> CameraFeed {
    let open = move || -> Result<Box<dyn Camera>, CameraError> { Ok(Box::new(open()?)) };
    let entropy = Arc::new(CountingEntropy::default());
    CameraFeed::with_settings(Box::new(open), settings, entropy).unwrap()
}

/// Waits until this holds; answers with how long it took.
pub(crate) fn until(
    feed: &CameraFeed,
    what: &str,
    mut holds: impl FnMut(&CameraFeed) -> bool,
) -> Duration {
    let begun = Instant::now();
    while !holds(feed) {
        let (state, error) = (feed.state(), feed.last_error());
        assert!(begun.elapsed() < SOON, "{what}: {state:?}, {error:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    begun.elapsed()
}
