use super::*;

fn cause<T: std::fmt::Debug>(answer: Result<T, CameraError>) -> (LostCause, String) {
    match answer {
        Err(CameraError::Lost { cause, reason }) => (cause, reason),
        other => panic!("not lost: {other:?}"),
    }
}

#[test]
fn a_camera_that_another_has_open_says_so_before_and_when_it_is_opened() {
    in_own_network(|| {
        let _simulator = Simulator::start(FIRST, "A1", &[]);
        let mut camera = open("A1");
        next(&mut camera);
        let obstacle = found("A1").obstacle.unwrap();
        assert!(obstacle.contains("open already"), "{obstacle}");
        let (why, reason) = cause(open_with("A1", FeatureSettings::new()));
        assert_eq!(why, LostCause::OpenElsewhere);
        assert!(reason.contains("close it there"), "{reason}");
        // Who has it keeps it.
        for _ in 0..3 {
            next(&mut camera);
        }
        drop(camera);
        assert_eq!(found("A1").obstacle, None);
        next(&mut open("A1"));
    });
}

#[test]
fn a_camera_that_is_silent_is_waited_for_and_not_lost() {
    in_own_network(|| {
        let mut simulator = Simulator::start(FIRST, "A1", &[]);
        let mut camera = open("A1");
        next(&mut camera);
        simulator.tell("silence");
        let silent = loop {
            match camera.next_frame(Duration::from_millis(300)) {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(silent, CameraError::Timeout { waited_ms: 300 });
        simulator.tell("resume");
        next(&mut camera);
        assert_eq!(camera.statistics().frames_lost, 0);
    });
}

#[test]
fn a_camera_that_is_not_there_any_more_is_not_found() {
    in_own_network(|| {
        let simulator = Simulator::start(FIRST, "A1", &[]);
        let device = found("A1");
        drop(simulator);
        assert_eq!(cause(open_found(&device)).0, LostCause::NotFound);
        // Another camera has its address now: it is not taken for the one that was found.
        let _other = Simulator::start(FIRST, "B7", &[]);
        let (why, reason) = cause(open_found(&device));
        assert_eq!(why, LostCause::NotFound);
        assert!(reason.contains("B7"), "{reason}");
    });
}

#[test]
fn without_the_library_it_is_said_how_to_install_it() {
    for (library, words) in [
        ("libaravis-of-nobody.so", "sudo apt install libaravis-0.8-0"),
        ("libc.so.6", "no function"),
    ] {
        let (why, reason) = cause(GenicamDiscovery::with_library(library).discover());
        assert_eq!(why, LostCause::NoDriver);
        assert!(reason.contains(words), "{reason}");
    }
}
