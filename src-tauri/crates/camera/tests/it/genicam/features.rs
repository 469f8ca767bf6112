use super::*;
use wiko_core::camera::{Access, Feature, FeatureError, FeatureKind, Visibility};

fn named<'a>(features: &'a [Feature], name: &str) -> &'a Feature {
    features
        .iter()
        .find(|feature| feature.name == name)
        .unwrap_or_else(|| panic!("no {name}"))
}

fn float_max(feature: &Feature) -> f64 {
    match feature.kind {
        FeatureKind::Float { max, .. } => max,
        _ => panic!("{feature:?}"),
    }
}

#[test]
fn the_whole_tree_is_read_with_limits_units_and_who_it_is_for() {
    in_own_network(|| {
        let _simulator = Simulator::start(FIRST, "A1", &[]);
        let mut camera = open("A1");
        let features = camera.features().unwrap();
        let exposure = named(&features, "ExposureTime");
        assert_eq!(exposure.category, "AcquisitionControl");
        assert_eq!(exposure.display_name, "Exposure Time");
        assert_eq!(exposure.unit, "us");
        assert_eq!(exposure.visibility, Visibility::Beginner);
        assert_eq!(exposure.access, Access::ReadWrite);
        assert_eq!(exposure.value, Some(FeatureValue::Float(1000.0)));
        assert_eq!(exposure.description, "How long light is gathered.");
        assert_eq!(
            exposure.kind,
            FeatureKind::Float {
                min: 2.0,
                max: 1e6,
                increment: None
            }
        );
        let width = named(&features, "Width");
        assert_eq!(width.access, Access::Locked);
        assert_eq!(
            width.kind,
            FeatureKind::Integer {
                min: 16,
                max: 8192,
                increment: 8
            }
        );
        assert_eq!(named(&features, "SensorWidth").access, Access::ReadOnly);
        assert_eq!(
            named(&features, "SensorWidth").visibility,
            Visibility::Expert
        );
        assert_eq!(named(&features, "SensorBias").visibility, Visibility::Guru);
        let trigger = named(&features, "TriggerSoftware");
        assert_eq!(
            (&trigger.kind, &trigger.value),
            (&FeatureKind::Command, &None)
        );
        let FeatureKind::Enumeration { entries } = &named(&features, "TriggerSource").kind else {
            panic!("no enumeration");
        };
        assert_eq!(entries, &["Software", "Line1", "Line2", "Encoder0"]);
        assert_eq!(
            named(&features, "ReverseX").value,
            Some(FeatureValue::Boolean(false))
        );
        // In the order of the description, each once.
        let at = |name: &str| features.iter().position(|feature| feature.name == name);
        assert!(at("DeviceVendorName") < at("Width") && at("Width") < at("Gain"));
        assert!(at("AcquisitionStart").is_none());
        let mut names: Vec<_> = features.iter().map(|feature| &feature.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), features.len());
    });
}

#[test]
fn limits_move_with_the_other_settings() {
    in_own_network(|| {
        let _simulator = Simulator::start(FIRST, "A1", &[]);
        let mut camera = open("A1");
        let rate = camera.feature("AcquisitionFrameRate").unwrap();
        assert!((float_max(&rate) - 1000.0).abs() < 1e-6);
        let set = camera
            .set_feature("ExposureTime", &FeatureValue::Integer(10_000))
            .unwrap();
        assert_eq!(set.value, Some(FeatureValue::Float(10_000.0)));
        let rate = camera.feature("AcquisitionFrameRate").unwrap();
        assert!((float_max(&rate) - 100.0).abs() < 1e-6);
        let beyond = camera.set_feature("AcquisitionFrameRate", &FeatureValue::Float(101.0));
        assert_eq!(
            beyond.unwrap_err().to_string(),
            "AcquisitionFrameRate: 101 is out of range; it takes 0.1 to 100 Hz"
        );
    });
}

#[test]
fn what_cannot_be_set_is_refused_and_changes_nothing() {
    in_own_network(|| {
        let _simulator = Simulator::start(FIRST, "A1", &[]);
        let mut camera = open("A1");
        let before = camera.features().unwrap();
        type IsRight = fn(&FeatureError) -> bool;
        let cases: [(&str, FeatureValue, IsRight); 7] = [
            ("ExposureTime", FeatureValue::Float(1.0), |e| {
                matches!(e, FeatureError::OutOfRange { .. })
            }),
            ("SensorWidth", FeatureValue::Integer(4096), |e| {
                matches!(e, FeatureError::ReadOnly { .. })
            }),
            ("Width", FeatureValue::Integer(101), |e| {
                matches!(e, FeatureError::NotAStep { .. })
            }),
            ("TriggerSource", text("Line9"), |e| {
                matches!(e, FeatureError::NoSuchEntry { .. })
            }),
            ("ReverseX", text("on"), |e| {
                matches!(e, FeatureError::WrongType { .. })
            }),
            ("Focus", FeatureValue::Float(1.0), |e| {
                matches!(e, FeatureError::Unknown { .. })
            }),
            ("AcquisitionStop", FeatureValue::Boolean(true), |e| {
                matches!(e, FeatureError::Unknown { .. })
            }),
        ];
        for (name, value, is_right) in cases {
            let refused = camera.set_feature(name, &value).unwrap_err();
            assert!(is_right(&refused), "{name}: {refused:?}");
        }
        assert_eq!(camera.features().unwrap(), before);
        assert_eq!(camera.statistics().frames_lost, 0);
        next(&mut camera);
    });
}

#[test]
fn geometry_is_set_with_the_stream_stopped_around_it() {
    in_own_network(|| {
        let _simulator = Simulator::start(FIRST, "A1", &[]);
        let mut camera = open("A1");
        let before = next(&mut camera);
        assert_eq!(before.size_px(), (640, 480));
        let set = camera
            .set_feature("Width", &FeatureValue::Integer(320))
            .unwrap();
        assert_eq!(set.value, Some(FeatureValue::Integer(320)));
        assert_eq!(set.access, Access::Locked, "it streams again");
        let after = next(&mut camera);
        assert_eq!(after.size_px(), (320, 480));
        assert!(
            after.sequence > before.sequence + 1,
            "rows are not joined over a stop"
        );
        assert_eq!(camera.statistics().frames_lost, 0, "a stop is no loss");
        assert_eq!(camera.mismatches(), []);
    });
}

#[test]
fn what_other_programs_left_is_undone_and_what_is_told_is_set_in_an_order_that_works() {
    in_own_network(|| {
        let mut simulator = Simulator::start(FIRST, "A1", &[]);
        for left in [
            "TriggerMode 1",
            "LineTriggerMode 1",
            "TriggerSource 1",
            "AcquisitionMode 1",
            "ExposureAuto 2",
            "OffsetX 4096",
        ] {
            simulator.tell(&format!("set {left}"));
        }
        let told = settings([
            ("AcquisitionFrameRate", FeatureValue::Float(200.0)),
            ("ExposureAuto", text("Off")),
            ("ExposureTime", FeatureValue::Float(5000.0)),
            ("Height", FeatureValue::Integer(64)),
            ("OffsetX", FeatureValue::Integer(8)),
            ("PixelFormat", text("Mono12")),
            ("Width", FeatureValue::Integer(8000)),
        ]);
        let mut camera = open_with("A1", told.clone()).unwrap();
        assert_eq!(camera.mismatches(), []);
        for (name, value) in &told {
            assert_eq!(
                camera.feature(name).unwrap().value.as_ref(),
                Some(value),
                "{name}"
            );
        }
        for selector in ["LineStart", "FrameStart"] {
            camera
                .set_feature("TriggerSelector", &text(selector))
                .unwrap();
            assert_eq!(
                camera.feature("TriggerMode").unwrap().value,
                Some(text("Off")),
                "{selector}"
            );
        }
        for _ in 0..3 {
            assert_eq!(next(&mut camera).size_px(), (8000, 64));
        }
    });
}

#[test]
fn what_the_camera_does_not_take_is_told_and_it_opens_all_the_same() {
    in_own_network(|| {
        let _simulator = Simulator::start(FIRST, "A1", &[]);
        let told = settings([
            ("ExposureTime", FeatureValue::Float(2e6)),
            ("Gain", FeatureValue::Float(6.0)),
            ("Sharpness", FeatureValue::Integer(3)),
        ]);
        let mut camera = open_with("A1", told).unwrap();
        let mismatches: Vec<_> = camera
            .mismatches()
            .iter()
            .map(|mismatch| (mismatch.name.as_str(), mismatch.read.clone()))
            .collect();
        assert_eq!(
            mismatches,
            [
                ("ExposureTime", Some(FeatureValue::Float(1000.0))),
                ("Sharpness", None)
            ]
        );
        assert!(camera.mismatches()[0].reason.contains("out of range"));
        // Mended later it is none any more.
        camera
            .set_feature("ExposureTime", &FeatureValue::Float(500.0))
            .unwrap();
        assert_eq!(camera.mismatches().len(), 1);
        next(&mut camera);
    });
}

#[test]
fn an_automatic_mode_takes_away_what_it_sets_itself() {
    in_own_network(|| {
        let _simulator = Simulator::start(FIRST, "A1", &[]);
        let mut camera = open("A1");
        camera
            .set_feature("ExposureAuto", &text("Continuous"))
            .unwrap();
        let exposure = camera.feature("ExposureTime").unwrap();
        assert_eq!(exposure.access, Access::Unavailable);
        assert_eq!(exposure.value, Some(FeatureValue::Float(1000.0)));
        let refused = camera.set_feature("ExposureTime", &FeatureValue::Float(50.0));
        assert!(matches!(refused, Err(FeatureError::Unavailable { .. })));
        camera.set_feature("ExposureAuto", &text("Off")).unwrap();
        camera
            .set_feature("ExposureTime", &FeatureValue::Float(50.0))
            .unwrap();
    });
}

#[test]
fn an_older_camera_is_told_by_the_standard_names() {
    in_own_network(|| {
        let _simulator = Simulator::start(FIRST, "A1", &["--old-names"]);
        let told = settings([
            ("ExposureTime", FeatureValue::Float(700.0)),
            ("Gain", FeatureValue::Float(3.0)),
        ]);
        let mut camera = open_with("A1", told).unwrap();
        assert_eq!(camera.mismatches(), []);
        let features = camera.features().unwrap();
        assert_eq!(
            named(&features, "ExposureTime").value,
            Some(FeatureValue::Float(700.0))
        );
        assert_eq!(named(&features, "Gain").unit, "dB");
        assert!(
            features
                .iter()
                .all(|feature| !feature.name.ends_with("Abs"))
        );
        next(&mut camera);
    });
}
