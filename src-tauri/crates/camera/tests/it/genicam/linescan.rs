use super::*;

fn blocks(arguments: &[&str]) -> (Simulator, GenicamCamera) {
    let all = [
        &["--line-scan", "--width", "2048", "--height", "128"],
        arguments,
    ]
    .concat();
    let simulator = Simulator::start(FIRST, "L1", &all);
    let told = settings([("AcquisitionLineRate", FeatureValue::Float(5000.0))]);
    let camera = open_with("L1", told).unwrap();
    assert!(camera.is_line_scan());
    assert_eq!(camera.mismatches(), []);
    (simulator, camera)
}

#[test]
fn blocks_follow_each_other_without_a_line_lost() {
    in_own_network(|| {
        let (_simulator, mut camera) = blocks(&[]);
        let mut expected = None;
        for number in 0..60 {
            let frame = next(&mut camera);
            assert_eq!(frame.sequence, number);
            let image = raw(&frame);
            assert_eq!((image.width_px(), image.height_px()), (2048, 128));
            for row in 0..image.height_px() {
                let line = line_number(image, row);
                assert_eq!(line, expected.unwrap_or(line));
                expected = Some(line + 1);
            }
        }
        let statistics = camera.statistics();
        assert_eq!((statistics.frames, statistics.frames_lost), (60, 0));
        assert_eq!((statistics.underruns, statistics.packets_missing), (0, 0));
    });
}

#[test]
fn a_belt_that_stops_gives_a_short_block_of_the_rows_that_came() {
    in_own_network(|| {
        let (_simulator, mut camera) = blocks(&[
            "--stop-after",
            "5",
            "--short-block",
            "37",
            "--stop-ms",
            "300",
        ]);
        let frames: Vec<Frame> = (0..7).map(|_| next(&mut camera)).collect();
        let rows: Vec<u32> = frames.iter().map(|frame| frame.size_px().1).collect();
        assert_eq!(rows, [128, 128, 128, 128, 37, 128, 128]);
        let short = raw(&frames[4]);
        assert_eq!(short.bytes().len(), 37 * 2048);
        // No row is made up and none is lost: the next block goes on where the short one ended.
        assert_eq!(line_number(raw(&frames[5]), 0), line_number(short, 0) + 37);
        assert_eq!(frames[5].sequence, frames[4].sequence + 1);
        assert_eq!(camera.statistics().frames_lost, 0);
    });
}

#[test]
fn a_block_that_never_came_is_a_gap_as_large_as_what_is_missing() {
    in_own_network(|| {
        let (_simulator, mut camera) = blocks(&["--drop-every", "4"]);
        let frames: Vec<Frame> = (0..6).map(|_| next(&mut camera)).collect();
        let sequence: Vec<u64> = frames.iter().map(|frame| frame.sequence).collect();
        assert_eq!(sequence, [0, 1, 2, 4, 5, 6]);
        let first = line_number(raw(&frames[0]), 0);
        for frame in &frames {
            assert_eq!(line_number(raw(frame), 0), first + frame.sequence * 128);
        }
        assert_eq!(camera.statistics().frames_lost, 1);
    });
}

#[test]
fn a_torn_block_is_named_and_counted_and_never_given() {
    in_own_network(|| {
        let (_simulator, mut camera) = blocks(&["--tear-every", "4"]);
        let mut good = Vec::new();
        let mut bad = Vec::new();
        while good.len() < 6 {
            match camera.next_frame(A_WHILE) {
                Ok(frame) => good.push(frame),
                Err(CameraError::BadFrame { reason, .. }) => bad.push(reason),
                Err(error) => panic!("{error}"),
            }
        }
        let sequence: Vec<u64> = good.iter().map(|frame| frame.sequence).collect();
        assert_eq!(sequence, [0, 1, 2, 4, 5, 6]);
        assert!(bad.len() == 1 && bad[0].contains("packets"), "{bad:?}");
        let first = line_number(raw(&good[0]), 0);
        for frame in &good {
            assert_eq!(line_number(raw(frame), 0), first + frame.sequence * 128);
        }
        let statistics = camera.statistics();
        assert_eq!(statistics.frames_lost, 1);
        assert!(statistics.packets_missing > 0);
    });
}

#[test]
fn the_cameras_own_numbers_may_begin_anew_after_65535() {
    in_own_network(|| {
        let (_simulator, mut camera) = blocks(&["--first-id", "65530"]);
        for number in 0..12 {
            assert_eq!(next(&mut camera).sequence, number);
        }
        assert_eq!(camera.statistics().frames_lost, 0);
    });
}
