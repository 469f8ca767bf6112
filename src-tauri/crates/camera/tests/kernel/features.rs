//! What a camera can be told.

use crate::{Vivid, clock, next_good, small};
use wiko_camera::v4l2::V4l2Camera;
use wiko_core::{
    camera::{Access, FeatureError, FeatureKind, FeatureValue},
    ports::Camera,
};

fn text(text: &str) -> FeatureValue {
    FeatureValue::Text(text.into())
}

#[test]
fn controls_are_listed_with_names_kinds_limits_and_values() {
    let vivid = Vivid(0);
    let mut camera = vivid.open();
    let features = camera.features().unwrap();
    let named = |name: &str| features.iter().find(|feature| feature.name == name);
    let first: Vec<&str> = features.iter().take(4).map(|f| f.name.as_str()).collect();
    assert_eq!(
        first,
        ["PixelFormat", "Width", "Height", "AcquisitionFrameRate"]
    );

    let brightness = named("Brightness").unwrap();
    assert_eq!(
        (&brightness.category[..], brightness.access),
        ("AnalogControl", Access::ReadWrite)
    );
    let kind = FeatureKind::Integer {
        min: 0,
        max: 255,
        increment: 1,
    };
    assert_eq!(brightness.kind, kind);
    let menu = named("menu").unwrap();
    assert_eq!(menu.category, "V4l2Control");
    // The driver has an entry that it does not offer.
    let entries = ["Menu Item 1", "Menu Item 3", "Menu Item 4"].map(str::to_owned);
    assert_eq!(
        menu.kind,
        FeatureKind::Enumeration {
            entries: entries.into()
        }
    );
    assert_eq!(
        named("read_only_integer_32_bits").unwrap().access,
        Access::ReadOnly
    );
    assert_eq!(named("button").unwrap().kind, FeatureKind::Command);
    assert_eq!(named("button").unwrap().value, None);
    // Fields of many values are no features.
    assert!(named("u16_8x16_matrix").is_none() && named("u8_pixel_array").is_none());
    // Each is found alone as it is found among all.
    for feature in &features {
        let alone = camera.feature(&feature.name).unwrap();
        assert_eq!(
            (&alone.kind, &alone.access),
            (&feature.kind, &feature.access),
            "{}",
            feature.name
        );
    }
}

#[test]
fn each_kind_of_control_is_set_and_read_back_while_frames_come() {
    let vivid = Vivid(0);
    let mut camera = vivid.open();
    let values = [
        ("Brightness", FeatureValue::Integer(200)),
        ("ReverseX", FeatureValue::Boolean(true)),
        ("menu", text("Menu Item 4")),
        ("integer_menu", text("13")),
        ("integer_64_bits", FeatureValue::Integer(-5_000_000_000)),
        ("integer_32_bits", FeatureValue::Integer(-7)),
        ("bitmask", FeatureValue::Integer(0x8000_0010)),
        ("string", text("abcd")),
    ];
    for (name, value) in &values {
        let before = camera.feature(name).unwrap().value.unwrap();
        let set = camera.set_feature(name, value).unwrap();
        assert_eq!(set.value.as_ref(), Some(value), "{name}");
        assert_eq!(
            camera.feature(name).unwrap().value.as_ref(),
            Some(value),
            "{name}"
        );
        next_good(&mut camera);
        camera.set_feature(name, &before).unwrap();
    }
    let pressed = camera
        .set_feature("button", &FeatureValue::Boolean(true))
        .unwrap();
    assert_eq!(pressed.value, None);
    // What the driver is late for it leaves out; none is to be lost by us.
    assert_eq!(camera.statistics().underruns, 0);
}

#[test]
fn what_is_beyond_its_limits_read_only_or_unknown_is_refused_and_changes_nothing() {
    let vivid = Vivid(0);
    let mut camera = vivid.open();
    let mut refusal = |name: &str, value| camera.set_feature(name, &value).unwrap_err();
    let too_much = refusal("Brightness", FeatureValue::Integer(256));
    assert_eq!(
        too_much.to_string(),
        "Brightness: 256 is out of range; it takes 0 to 255 "
    );
    let read_only = refusal("read_only_integer_32_bits", FeatureValue::Integer(1));
    assert!(matches!(read_only, FeatureError::ReadOnly { .. }));
    let unknown = refusal("NoSuchThing", FeatureValue::Integer(1));
    assert!(matches!(unknown, FeatureError::Unknown { .. }));
    let entry = refusal("menu", text("Menu Item 2"));
    assert!(matches!(entry, FeatureError::NoSuchEntry { .. }));
    assert!(matches!(
        refusal("Brightness", text("200")),
        FeatureError::WrongType { .. }
    ));
    let brightness = camera.feature("Brightness").unwrap().value;
    assert_eq!(brightness, Some(FeatureValue::Integer(128)));
}

#[test]
fn a_gain_that_the_camera_chooses_is_unavailable_until_it_is_told_off() {
    let vivid = Vivid(0);
    let mut camera = vivid.open();
    assert_eq!(
        camera.feature("GainAuto").unwrap().value,
        Some(text("Continuous"))
    );
    assert_eq!(camera.feature("Gain").unwrap().access, Access::Unavailable);
    let refused = camera
        .set_feature("Gain", &FeatureValue::Float(40.0))
        .unwrap_err();
    assert!(matches!(refused, FeatureError::Unavailable { .. }));
    camera.set_feature("GainAuto", &text("Off")).unwrap();
    let gain = camera
        .set_feature("Gain", &FeatureValue::Float(40.0))
        .unwrap();
    assert_eq!(
        (gain.value, gain.access),
        (Some(FeatureValue::Float(40.0)), Access::ReadWrite)
    );
    camera.set_feature("GainAuto", &text("Continuous")).unwrap();
}

#[test]
fn settings_are_put_on_in_an_order_that_works_and_what_differs_is_named() {
    let vivid = Vivid(0);
    let mut settings = small("Mono8");
    // By their names the gain would come before its automatic mode.
    settings.push(("Gain", FeatureValue::Float(77.0)));
    settings.push(("GainAuto", text("Off")));
    settings.push(("Brightness", FeatureValue::Integer(99)));
    let mut camera = vivid.open_with(&settings);
    assert_eq!(
        camera.feature("Gain").unwrap().value,
        Some(FeatureValue::Float(77.0))
    );
    assert_eq!(next_good(&mut camera).size_px(), (320, 180));
    drop(camera);

    settings.push(("Contrast", FeatureValue::Integer(999)));
    settings.push(("ExposureTime", FeatureValue::Float(100.0)));
    settings[1].1 = FeatureValue::Integer(333);
    let mut camera = V4l2Camera::open(vivid.options(&settings), clock()).unwrap();
    let names: Vec<&str> = camera
        .mismatches()
        .iter()
        .map(|m| m.name.as_str())
        .collect();
    // Of a size that it does not offer nothing is taken half, so the whole mode differs.
    assert!(
        names.contains(&"Width") && names.ends_with(&["Contrast", "ExposureTime"]),
        "{names:?}"
    );
    let contrast = camera
        .mismatches()
        .iter()
        .find(|m| m.name == "Contrast")
        .unwrap();
    assert!(
        contrast.reason.contains("out of range"),
        "{}",
        contrast.reason
    );
    next_good(&mut camera);
    for (name, value) in [
        ("GainAuto", text("Continuous")),
        ("Brightness", FeatureValue::Integer(128)),
    ] {
        camera.set_feature(name, &value).unwrap();
    }
}

#[test]
fn a_format_size_and_rate_are_set_around_a_stop_of_the_stream_and_frames_count_on() {
    let vivid = Vivid(0);
    let mut camera = vivid.open();
    let before = next_good(&mut camera).sequence;
    assert_eq!(camera.feature("Width").unwrap().access, Access::Locked);
    let width = camera
        .set_feature("Width", &FeatureValue::Integer(640))
        .unwrap();
    assert_eq!(width.value, Some(FeatureValue::Integer(640)));
    let frame = next_good(&mut camera);
    assert_eq!(frame.size_px().0, 640);
    assert!(frame.sequence > before);
    let refused = camera
        .set_feature("Width", &FeatureValue::Integer(960))
        .unwrap_err();
    assert!(
        matches!(
            refused,
            FeatureError::Refused { .. } | FeatureError::NotAStep { .. }
        ),
        "{refused}"
    );
    assert_eq!(next_good(&mut camera).size_px().0, 640);
    let rate = camera
        .set_feature("AcquisitionFrameRate", &FeatureValue::Float(12.5))
        .unwrap();
    assert_eq!(rate.value, Some(FeatureValue::Float(12.5)));
    camera.set_feature("PixelFormat", &text("Mono8")).unwrap();
    next_good(&mut camera);
}
