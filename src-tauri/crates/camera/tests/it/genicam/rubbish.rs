//! Cameras that are there and give nothing that can be used, or not to us.

use super::{
    bystander::{Bystander, PROMISED, feed_of, memory_mib, streams, until},
    *,
};
use std::time::Instant;
use wiko_core::camera::CameraState;
use wiko_testkit::gige_camera::address;

const MONO_8: u32 = 0x0108_0001;

#[test]
fn a_camera_that_gives_nothing_usable_says_why_in_time_and_the_other_one_goes_on() {
    use CameraState::{Lost, Stalled};
    // What is the matter, what becomes of it, and words of what is said.
    let faults: [(&[&str], _, &[&str]); 9] = [
        (&["--tear-every", "1"], Stalled, &["packets"]),
        (
            &["--cut-every", "1"],
            Stalled,
            &["76640 bytes came for 320x240"],
        ),
        (
            &["--shorten-every", "1"],
            Stalled,
            &["120 rows of 240 came"],
        ),
        (
            &["--oversize-every", "1"],
            Stalled,
            &["320x480", "not set to"],
        ),
        (
            &["--empty-every", "1"],
            Stalled,
            &["0 bytes came for 320x240"],
        ),
        (
            &["--drop-every", "1"],
            Stalled,
            &["check the cable and the trigger"],
        ),
        // In the camera's own description, and in no description at all.
        (
            &["--format", "39846080"],
            Lost,
            &["Coord3D_ABC32f", "Mono8"],
        ),
        (&["--format", "305419896"], Lost, &["0x12345678", "Mono8"]),
        // Somebody has it.
        (&[], Lost, &["close it there first"]),
    ];
    in_own_network(|| {
        let other = Bystander::start();
        let mut simulators: Vec<_> = faults
            .iter()
            .zip(3..)
            .map(|((fault, ..), n)| Simulator::small(&address(n), &format!("B{n}"), fault))
            .collect();
        let holder = open("B11");
        let memory_before = memory_mib();
        let begun = Instant::now();
        let feeds: Vec<_> = (3..)
            .take(faults.len())
            .map(|n| feed_of(&format!("B{n}"), FeatureSettings::new()))
            .collect();
        for ((fault, state, words), feed) in faults.iter().zip(&feeds) {
            until(&format!("{fault:?}"), || feed.state() == *state);
            let said = feed.last_error().unwrap().to_string();
            eprintln!("{fault:?}: {state:?} after {:?}: {said}", begun.elapsed());
            assert!(
                words.iter().all(|word| said.contains(word)),
                "{fault:?}: {said}"
            );
            assert!(feed.latest().is_none(), "{fault:?}: nothing of it is shown");
        }
        // The search for all of them is before it.
        let took = begun.elapsed();
        assert!(took < PROMISED + Duration::from_secs(2), "{took:?}");
        let grown = memory_mib().saturating_sub(memory_before);
        eprintln!("memory grew by {grown} MiB");
        assert!(grown < 128, "{grown} MiB");
        other.goes_on();

        // What is mended is taken as it is.
        drop(holder);
        for simulator in &mut simulators[6..8] {
            simulator.tell(&format!("set PixelFormat {MONO_8}"));
        }
        for feed in &feeds[6..] {
            let mended = until("it streams", || streams(feed));
            assert!(mended < PROMISED, "{mended:?}");
        }
        // And what changes while it streams is told.
        simulators[6].tell(&format!("set PixelFormat {}", 0x1234_5678));
        let told = until("it is lost", || feeds[6].state() == Lost);
        assert!(told < PROMISED, "{told:?}");
        let said = feeds[6].last_error().unwrap().to_string();
        assert!(said.contains("0x12345678"), "{said}");
    });
}

#[test]
fn a_bad_frame_now_and_then_is_counted_and_the_good_ones_are_shown() {
    let faults = [
        "--cut-every",
        "--shorten-every",
        "--oversize-every",
        "--empty-every",
    ];
    in_own_network(|| {
        let _simulators: Vec<_> = faults
            .iter()
            .zip(1..)
            .map(|(fault, n)| Simulator::small(&address(n), &format!("B{n}"), &[fault, "3"]))
            .collect();
        let there = GenicamDiscovery::default().discover().unwrap();
        for (fault, device) in faults.iter().zip(&there) {
            let mut camera = open_found(device).unwrap();
            let (mut good, mut bad) = (Vec::new(), 0);
            while good.len() < 6 {
                match camera.next_frame(A_WHILE) {
                    Ok(frame) => good.push(frame),
                    Err(CameraError::BadFrame { .. }) => bad += 1,
                    Err(error) => panic!("{fault}: {error}"),
                }
            }
            assert!(good.iter().all(|frame| frame.size_px() == (320, 240)));
            let sequence: Vec<u64> = good.iter().map(|frame| frame.sequence).collect();
            assert_eq!(sequence, [0, 1, 3, 4, 6, 7], "{fault}");
            assert_eq!((bad, camera.statistics().frames_lost), (2, 2), "{fault}");
        }
    });
}

#[test]
fn a_block_of_lines_that_is_larger_than_was_set_is_a_gap_and_no_rows_are_joined_over_it() {
    in_own_network(|| {
        let arguments = ["--line-scan", "--width", "2048", "--height", "64"];
        let _simulator = Simulator::start(
            FIRST,
            "L1",
            &[&arguments[..], &["--oversize-every", "3"]].concat(),
        );
        let mut camera = open("L1");
        let mut good = Vec::new();
        while good.len() < 4 {
            match camera.next_frame(A_WHILE) {
                Ok(frame) => good.push(frame.sequence),
                Err(CameraError::BadFrame { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(good, [0, 1, 3, 4]);
    });
}
