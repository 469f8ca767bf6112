use super::*;
use wiko_core::camera::{DeviceMatch, PixelFormat, Transport};
use wiko_testkit::contracts::camera as contract;

#[test]
fn the_camera_keeps_the_contract() {
    in_own_network(|| {
        let _simulator = Simulator::start(FIRST, "A1", &[]);
        let mut camera = open("A1");
        contract::frames_count_up_and_carry_their_own_facts(&mut camera, 10);
        contract::a_call_returns_within_its_timeout(&mut camera);
        let statistics = camera.statistics();
        assert!(statistics.frames >= 10);
        assert_eq!(statistics.frames_lost, 0);
    });
}

#[test]
fn a_camera_is_found_with_all_that_it_is_known_by() {
    in_own_network(|| {
        let _simulator =
            Simulator::start(FIRST, "A1", &["--vendor", "Basler", "--model", "raL2048"]);
        let device = found("A1");
        assert_eq!(device.identity.transport, Transport::GigeVision);
        assert_eq!(device.identity.vendor, "Basler");
        assert_eq!(device.identity.model, "raL2048");
        assert_eq!(device.address, FIRST);
        assert_eq!(device.obstacle, None);
        let mac = device.identity.mac.unwrap();
        assert!(mac.starts_with("02:00:") && mac.len() == 17, "{mac}");
    });
}

#[test]
fn frames_arrive_whole_in_every_format_of_the_camera() {
    in_own_network(|| {
        let folder = tempfile::tempdir().unwrap();
        let wedge = folder.path().join("wedge.png");
        image::GrayImage::from_fn(320, 100, |x, _| image::Luma([x as u8]))
            .save(&wedge)
            .unwrap();
        let _simulator = Simulator::start(FIRST, "A1", &["--scene", wedge.to_str().unwrap()]);
        let mut camera = open_with(
            "A1",
            settings([
                ("Width", FeatureValue::Integer(320)),
                ("Height", FeatureValue::Integer(100)),
            ]),
        )
        .unwrap();
        for (format, row_bytes, at_10) in [
            (PixelFormat::Mono8, 320, vec![10]),
            (PixelFormat::Mono10, 640, vec![40, 0]),
            (PixelFormat::Mono12, 640, vec![160, 0]),
            (PixelFormat::Mono16, 640, vec![0, 10]),
            (PixelFormat::Mono12Packed, 480, vec![10]),
            (PixelFormat::Mono12p, 480, vec![160]),
            (PixelFormat::BayerRG8, 320, vec![10]),
            (PixelFormat::RGB8, 960, vec![10, 10, 10]),
            (PixelFormat::BGR8, 960, vec![10, 10, 10]),
            (PixelFormat::YUV422Yuyv8, 640, vec![10, 128]),
        ] {
            camera
                .set_feature("PixelFormat", &text(format.code()))
                .unwrap();
            let frame = next(&mut camera);
            let image = raw(&frame);
            assert_eq!(image.format(), format);
            assert_eq!(
                (image.width_px(), image.height_px()),
                (320, 100),
                "{format}"
            );
            assert_eq!(image.bytes().len(), row_bytes * 100, "{format}");
            let at = row_bytes * 10 / 320;
            assert_eq!(image.bytes()[at..at + at_10.len()], at_10, "{format}");
        }
    });
}

#[test]
fn two_cameras_stream_at_once_and_are_told_apart() {
    in_own_network(|| {
        let _first = Simulator::start(FIRST, "A1", &["--width", "320"]);
        let _second = Simulator::start(SECOND, "A2", &["--width", "640"]);
        let there = GenicamDiscovery::default().discover().unwrap();
        let serials: Vec<_> = there
            .iter()
            .map(|device| device.identity.serial.as_deref())
            .collect();
        assert_eq!(serials, [Some("A1"), Some("A2")]);
        let DeviceMatch::One(second) = there[1].identity.find(&there) else {
            panic!("not told apart");
        };
        assert_eq!(second.address, SECOND);
        let (mut one, mut other) = (open("A1"), open("A2"));
        for _ in 0..10 {
            assert_eq!(next(&mut one).size_px().0, 320);
            assert_eq!(next(&mut other).size_px().0, 640);
        }
        assert_eq!(one.statistics().frames_lost, 0);
        assert_eq!(other.statistics().frames_lost, 0);
    });
}

#[test]
fn a_format_that_the_station_cannot_read_is_named_with_those_that_it_can() {
    in_own_network(|| {
        let mut simulator = Simulator::start(FIRST, "A1", &[]);
        simulator.tell(&format!("set PixelFormat {}", 0x0220_0016));
        let CameraError::Lost { cause, reason } =
            open_with("A1", FeatureSettings::new()).unwrap_err()
        else {
            panic!("not lost");
        };
        assert_eq!(cause, LostCause::NoUsableFormat);
        assert!(
            reason.contains("RGBa8") && reason.contains("Mono8"),
            "{reason}"
        );
        // Told so, it is set before it is asked.
        let told = settings([("PixelFormat", text("Mono8"))]);
        let mut camera = open_with("A1", told).unwrap();
        assert_eq!(raw(&next(&mut camera)).format(), PixelFormat::Mono8);
        // While it runs a choice of that format is refused, and nothing changes.
        let refused = camera
            .set_feature("PixelFormat", &text("RGBa8"))
            .unwrap_err();
        assert!(refused.to_string().contains("RGBa8"), "{refused}");
        assert_eq!(raw(&next(&mut camera)).format(), PixelFormat::Mono8);
    });
}

#[test]
fn a_software_trigger_gives_one_frame_exposed_after_it() {
    in_own_network(|| {
        let _simulator = Simulator::start(FIRST, "A1", &[]);
        let told = settings([
            ("TriggerSelector", text("FrameStart")),
            ("TriggerMode", text("On")),
            ("TriggerSource", text("Software")),
        ]);
        let mut camera = open_with("A1", told).unwrap();
        assert_eq!(camera.mismatches(), []);
        for number in 0..3 {
            let none = camera.next_frame(Duration::from_millis(200));
            assert!(
                matches!(none, Err(CameraError::Timeout { waited_ms: 200 })),
                "{none:?}"
            );
            let before = RealClock.now();
            camera
                .set_feature("TriggerSoftware", &FeatureValue::Boolean(true))
                .unwrap();
            let frame = next(&mut camera);
            assert_eq!(frame.sequence, number);
            // A millisecond of exposure is taken off, and one is lost to rounding.
            assert!(
                frame.exposed_at.0 >= before.0 - 2,
                "{} and {before:?}",
                frame.exposed_at.0
            );
        }
    });
}

#[test]
fn a_frame_that_waited_to_be_fetched_is_as_old_as_it_is() {
    in_own_network(|| {
        let mut simulator = Simulator::start(FIRST, "A1", &[]);
        let mut camera = open("A1");
        next(&mut camera);
        // Meanwhile the station is busy, and frames wait.
        std::thread::sleep(Duration::from_millis(400));
        simulator.tell("silence");
        let silent_since = RealClock.now();
        let waited = next(&mut camera);
        let age_ms = silent_since.0 - waited.exposed_at.0;
        assert!((100..5000).contains(&age_ms), "{age_ms} ms");
    });
}
