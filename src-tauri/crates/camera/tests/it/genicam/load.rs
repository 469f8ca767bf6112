//! A measurement for who wants to know what a machine can do:
//! `cargo test -p wiko-camera --release --test it -- --ignored --nocapture 1080p`.

use super::{
    bystander::{feed_of, streams, until},
    *,
};
use std::{
    process::{Child, Command},
    time::Instant,
};

/// A process that takes all of a processor; ended when it is dropped.
struct Busy(Child);

impl Busy {
    fn start() -> Self {
        let mut shell = Command::new("sh");
        Self(shell.args(["-c", "while :; do :; done"]).spawn().unwrap())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "measures for 40 seconds"]
fn frames_of_1080p_at_30_a_second_come_also_beside_two_busy_processes() {
    in_own_network(|| {
        let size = ["--width", "1920", "--height", "1080"];
        let simulator = Simulator::start(FIRST, "A1", &size);
        simulator.go_first();
        let feed = feed_of("A1", FeatureSettings::new());
        until("it streams", || streams(&feed));
        for busy in [0, 2] {
            let _busy: Vec<Busy> = (0..busy).map(|_| Busy::start()).collect();
            let came = || feed.latest().unwrap().sequence;
            // Statistics are those of a second ago at most.
            let lost = || feed.statistics().frames_lost;
            let (first, lost_before) = (came(), lost());
            let begun = Instant::now();
            std::thread::sleep(Duration::from_secs(20));
            let (sent, seconds) = (came() - first, begun.elapsed().as_secs_f64());
            std::thread::sleep(Duration::from_secs(1));
            let lost = lost() - lost_before;
            eprintln!(
                "1920x1080 beside {busy} busy processes: {sent} sent in {seconds:.1} s, {} received, {lost} lost; {:?}, {:?}",
                sent.saturating_sub(lost),
                feed.statistics(),
                feed.last_error()
            );
            // What a machine can do is not judged here; that the camera is there all the time is.
            assert!(streams(&feed), "{:?}", feed.state());
        }
    });
}
