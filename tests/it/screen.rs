//! The local screen on real pictures, taught and asked by the command line.

use crate::{pictures, station::TestStation};
use std::path::{Path, PathBuf};

fn learn(station: &TestStation, sku: &str, stage: &str, images: &[PathBuf]) {
    let mut command = station.command(&["screen", "learn", "--sku", sku, "--stage", stage]);
    let output = command.args(images).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
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
