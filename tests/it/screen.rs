//! The local screen on real pictures, taught and asked by the command line.

use crate::{pictures, station::TestStation};
use std::path::{Path, PathBuf};

pub fn learn(station: &TestStation, sku: &str, stage: &str, images: &[PathBuf]) {
    let mut command = station.command(&["screen", "learn", "--sku", sku, "--stage", stage]);
    let output = command.args(images).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A plate with a hole, a little elsewhere in each picture; `blob` is a mark that no good one has.
pub fn made(number: u32, blob: bool) -> Vec<u8> {
    let (dx, dy) = (f64::from(number % 3), f64::from(number % 2));
    let picture = image::RgbImage::from_fn(320, 200, |x, y| {
        let (u, v) = (f64::from(x) - 160.0 - dx, f64::from(y) - 100.0 - dy);
        let soft = |distance: f64| 1.0 / (1.0 + (distance * 1.6).exp());
        let body = soft((u.abs() - 110.0).max(v.abs() - 55.0));
        let hole = soft((u + 60.0).hypot(v - 8.0) - 18.0);
        let mark = if blob {
            soft((u - 40.0).hypot(v) - 8.0)
        } else {
            0.0
        };
        let noise = f64::from((x * 7919 + y * 104_729 + number * 31) % 5);
        image::Rgb([(60.0 + 110.0 * body - 80.0 * hole - 90.0 * mark + noise) as u8; 3])
    });
    wiko_imaging::encode_jpeg(&picture, 92).unwrap()
}

#[test]
fn a_bad_picture_among_those_it_learns_from_is_named() {
    let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
    let bad = station.scratch("good-5.jpg");
    let images: Vec<_> = (1..=8)
        .map(|number| {
            let path = station.scratch(&format!("good-{number}.jpg"));
            pictures::file(path, &made(number, number == 5))
        })
        .collect();
    let images: Vec<_> = images.iter().map(|path| path.to_str().unwrap()).collect();
    let options = station.scratch("options.toml");
    std::fs::write(&options, "headroom = 1.5\nleast_levels = 8.0\n").unwrap();
    let options = options.to_str().unwrap();
    let start = [
        "screen",
        "learn",
        "--sku",
        "WK-KN-200",
        "--stage",
        "blade_glazing",
    ];

    let ran = station.run(&[&start[..], &["--options", options], &images].concat());

    assert_eq!(ran.status, 0, "{}", ran.told());
    assert_eq!(ran.events("scored").len(), 8, "{}", ran.told());
    let bad = bad.to_str().unwrap();
    assert_eq!(ran.event("learnt")["suspects"], serde_json::json!([bad]));
    let text = station
        .command(&[&start[..], &images].concat())
        .output()
        .unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains(&format!("Look at {bad}")), "{text}");

    for (wrong, word) in [
        ("headrom = 2.0\n", "headrom"),
        ("headroom = 99.0\n", "headroom"),
    ] {
        std::fs::write(options, wrong).unwrap();
        let ran = station.run(&[&start[..], &["--options", options], &images].concat());
        assert_eq!(ran.status, 1, "{}", ran.told());
        assert!(ran.stderr.contains(word), "{}", ran.told());
    }
}

#[test]
fn where_one_picture_is_refused_nothing_is_learnt_and_the_model_in_use_stays() {
    let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
    let none = station.command(&["screen", "list"]).output().unwrap();
    let told = String::from_utf8_lossy(&none.stdout);
    assert!(told.contains("nothing was learnt yet"), "{told}");
    let good: Vec<_> = (1..=3)
        .map(|number| {
            let path = station.scratch(&format!("good-{number}.jpg"));
            pictures::file(path, &made(number, false))
        })
        .collect();
    learn(&station, "WK-KN-200", "blade_glazing", &good);
    let model = station
        .data_dir()
        .join("models/WK-KN-200.blade_glazing.screen");
    let before = std::fs::read(&model).unwrap();

    let text = pictures::file(station.scratch("text.jpg"), b"this is no picture");
    let missing = station.scratch("missing.jpg");
    let given: Vec<_> = [&good[0], &text, &missing]
        .iter()
        .map(|path| path.to_str().unwrap())
        .collect();
    let start = [
        "screen",
        "learn",
        "--sku",
        "WK-KN-200",
        "--stage",
        "blade_glazing",
    ];
    let ran = station.run(&[&start[..], &given].concat());

    assert_eq!(ran.status, 1, "{}", ran.told());
    let refused: Vec<_> = ran
        .events("refused")
        .iter()
        .map(|line| line["image"].clone())
        .collect();
    assert_eq!(refused, given[1..], "{}", ran.told());
    assert!(
        ran.stderr.contains("2 of 3 pictures cannot be used"),
        "{}",
        ran.told()
    );
    assert!(ran.events("learnt").is_empty(), "{}", ran.told());
    assert_eq!(std::fs::read(&model).unwrap(), before);
}

/// Rows of `images.csv` with a role, as paths.
fn rows(set: &Path, role: &str, group: &str) -> Vec<(PathBuf, PathBuf)> {
    let table = std::fs::read_to_string(set.join("images.csv")).unwrap();
    let fields = table
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect::<Vec<_>>());
    fields
        .filter(|fields| fields[1] == role && fields[2] == group)
        .map(|fields| (set.join(fields[0]), set.join(fields[6])))
        .collect()
}

#[test]
fn a_screen_taught_with_a_good_board_puts_boxes_on_a_bad_one() {
    let Some(data) = pictures::real("the screen on real boards") else {
        return;
    };
    let set = data.join("deeppcb/dev");
    let (test, template) = rows(&set, "test_defect", "group12100").remove(0);
    let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
    learn(
        &station,
        "WK-KN-200",
        "blade_glazing",
        std::slice::from_ref(&template),
    );

    let ran = station.inspect(&[&test, &template], &[]);

    let decided = ran.events("decided");
    assert_eq!(decided.len(), 2, "{}", ran.told());
    assert_eq!(decided[0]["verdict"], "fail", "{}", ran.told());
    assert!(
        decided[0]["findings"].as_array().unwrap().len() >= 4,
        "{}",
        ran.told()
    );
    assert_eq!(decided[1]["verdict"], "pass", "{}", ran.told());
}

#[test]
fn a_screen_taught_with_good_spindles_answers_for_later_ones() {
    let Some(data) = pictures::real("the screen on real spindles") else {
        return;
    };
    let set = data.join("bsdata/dev");
    let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
    let good: Vec<_> = rows(&set, "reference_good", "585000_090")
        .into_iter()
        .map(|(image, _)| image)
        .collect();
    learn(&station, "WK-KN-200", "blade_glazing", &good);
    let bad: Vec<_> = rows(&set, "test_defect", "585000_090")
        .into_iter()
        .map(|(image, _)| image)
        .collect();
    let bad: Vec<_> = bad.iter().map(PathBuf::as_path).take(3).collect();

    let ran = station.inspect(&bad, &[]);

    assert_eq!(ran.events("decided").len(), bad.len(), "{}", ran.told());
    for decided in ran.events("decided") {
        assert_ne!(decided["verdict"], "pass", "{}", ran.told());
        assert_eq!(decided["provider"], "screen");
    }
}
