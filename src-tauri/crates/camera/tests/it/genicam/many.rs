//! As many cameras as a station has at the most.

use super::{
    bystander::{PROMISED, feed_of, memory_mib, streams, until},
    *,
};
use wiko_core::camera::CameraState;
use wiko_testkit::gige_camera::{ADDRESSES, address};

#[test]
fn sixteen_cameras_stream_at_once_in_bounded_memory_and_one_that_vanishes_disturbs_none() {
    in_own_network(|| {
        let mut simulators: Vec<_> = (1..=ADDRESSES)
            .map(|n| Simulator::small(&address(n), &format!("S{n}"), &["--frame-rate", "5"]))
            .collect();
        let memory_before = memory_mib();
        let feeds: Vec<_> = (1..=ADDRESSES)
            .map(|n| feed_of(&format!("S{n}"), FeatureSettings::new()))
            .collect();
        let open = until("all stream", || feeds.iter().all(streams));
        simulators[4].kill();
        let told = until("one is lost", || feeds[4].state() == CameraState::Lost);
        assert!(told < PROMISED, "{told:?}");
        let others = || feeds.iter().enumerate().filter(|(n, _)| *n != 4);
        let then: Vec<u64> = others()
            .map(|(_, feed)| feed.latest().unwrap().sequence)
            .collect();
        let went_on = || {
            let mut now = others().zip(&then);
            now.all(|((_, feed), then)| feed.latest().unwrap().sequence >= then + 3)
        };
        let went = until("the others go on", went_on);
        assert!(went < PROMISED, "{went:?}");
        for (n, feed) in others() {
            assert_eq!((n, feed.state()), (n, CameraState::Streaming));
            assert_eq!((n, feed.last_error()), (n, None));
            assert_eq!((n, feed.statistics().frames_lost), (n, 0));
        }
        let grown = memory_mib().saturating_sub(memory_before);
        eprintln!(
            "16 cameras streamed after {open:?}, took {grown} MiB; the loss of one was told after {told:?}"
        );
        // 64 buffers of 75 KiB each are 5 MiB a camera.
        assert!(grown < 256, "{grown} MiB");
    });
}
