//! The study of analyzers over labelled parts, as a supervisor runs it.

use crate::{
    pictures,
    screen::{self, made},
    services::{Services, defective},
    station::{Ran, TestStation},
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Good parts and marked ones, and the table that says which is which. The mark is drawn around (200, 100).
fn labelled(dir: &Path) {
    std::fs::create_dir_all(dir).unwrap();
    let mut labels = String::from("file,verdict,type,x,y,width,height\n");
    for number in 11..15 {
        pictures::file(dir.join(format!("good-{number}.jpg")), &made(number, false));
        labels += &format!("good-{number}.jpg,pass\n");
    }
    for number in 21..24 {
        pictures::file(dir.join(format!("bad-{number}.jpg")), &made(number, true));
        labels += &format!("bad-{number}.jpg,fail,blob,191,91,18,18\n");
    }
    std::fs::write(dir.join("labels.csv"), labels).unwrap();
}

fn study(station: &TestStation, more: &[&str]) -> (Ran, PathBuf) {
    let (folder, out) = (station.scratch("labelled"), station.scratch("out"));
    labelled(&folder);
    let start = [
        "study",
        folder.to_str().unwrap(),
        "--output",
        out.to_str().unwrap(),
    ];
    (station.run(&[&start[..], more].concat()), out)
}

fn counts(share: &Value) -> (u64, u64) {
    (
        share["count"].as_u64().unwrap(),
        share["of"].as_u64().unwrap(),
    )
}

#[test]
fn the_screen_that_a_station_has_taught_is_studied_and_the_report_is_written() {
    let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
    let good: Vec<_> = (1..=8)
        .map(|n| {
            let path = station.scratch(&format!("good-{n}.jpg"));
            pictures::file(path, &made(n, false))
        })
        .collect();
    screen::learn(&station, "WK-KN-200", "blade_glazing", &good);
    let part = ["--sku", "WK-KN-200", "--stage", "blade_glazing"];
    let (ran, out) = study(&station, &[&["--trials", "2"], &part[..]].concat());

    assert_eq!(ran.status, 0, "{}", ran.told());
    assert_eq!(ran.event("asking")["looks"], 14, "{}", ran.told());
    let screen = ran.event("appraised");
    assert_eq!(screen["name"], "screen", "{screen}");
    assert_eq!(counts(&screen["misses"]), (0, 3), "{screen}");
    assert_eq!(counts(&screen["false_alarms"]), (0, 4), "{screen}");
    assert_eq!(counts(&screen["same_every_time"]), (7, 7), "{screen}");
    assert_eq!(screen["kappa_to_standard"]["kappa"], 1.0, "{screen}");
    assert_eq!(counts(&screen["boxes"][0]["recall"]), (3, 3), "{screen}");
    let report = std::fs::read(out.join("study.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["format"], "wiko-station-study");
    assert_eq!(report["version"], 1);
    assert_eq!(report["parts"].as_array().unwrap().len(), 7);
    let page = std::fs::read_to_string(out.join("study.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("<svg"));

    // What was found out once is not overwritten.
    let (again, _) = study(&station, &part);
    assert_eq!(again.status, 1, "{}", again.told());
    assert!(
        again.stderr.contains("there is a study already"),
        "{}",
        again.told()
    );
}

#[test]
fn a_set_with_good_pictures_teaches_the_screen_itself_and_nothing_of_the_station_changes() {
    let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
    let dev = station.scratch("set/dev");
    std::fs::create_dir_all(&dev).unwrap();
    let mut rows = String::from("image,role,group,width,height,n_boxes,reference,mask\n");
    for (number, role) in [
        (1, "reference_good"),
        (2, "reference_good"),
        (3, "reference_good"),
        (4, "reference_good"),
        (11, "test_good"),
        (12, "test_defect"),
        (13, "uncertain"),
    ] {
        let name = format!("{number}.jpg");
        pictures::file(dev.join(&name), &made(number, number == 12));
        rows += &format!("{name},{role},a,320,200,0,,\n");
    }
    std::fs::write(dev.join("images.csv"), rows).unwrap();
    let boxes = "image,x,y,w,h,class\n12.jpg,191,91,18,18,blob\n";
    std::fs::write(dev.join("annotations.csv"), boxes).unwrap();
    let (set, out) = (station.scratch("set"), station.scratch("out"));
    let (set, out) = (set.to_str().unwrap(), out.to_str().unwrap());

    let ran = station.run(&["study", set, "--provider", "screen", "--output", out]);

    assert_eq!(ran.status, 0, "{}", ran.told());
    let screen = ran.event("appraised");
    assert_eq!(counts(&screen["misses"]), (0, 1), "{screen}");
    assert_eq!(counts(&screen["false_alarms"]), (0, 1), "{screen}");
    assert_eq!(ran.event("studied")["parts"], 2, "{}", ran.told());
    assert!(!station.data_dir().join("models").exists());
}

#[test]
fn where_nobody_answers_the_study_says_so_and_why() {
    let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
    let (ran, out) = study(&station, &[]);
    assert_eq!(ran.status, 1, "{}", ran.told());
    let screen = ran.event("appraised");
    let why = screen["ended_early"].as_str().unwrap();
    assert!(why.contains("wiko-station screen learn"), "{why}");
    assert!(ran.stderr.contains("nobody answered"), "{}", ran.told());
    assert!(out.join("study.html").is_file());
    let empty = station.scratch("empty");
    std::fs::create_dir_all(&empty).unwrap();
    let out = station.scratch("out-2");
    let (empty, out) = (empty.to_str().unwrap(), out.to_str().unwrap());
    let ran = station.run(&["study", empty, "--output", out]);
    assert_eq!(ran.status, 1, "{}", ran.told());
    assert!(ran.stderr.contains("labels.csv"), "{}", ran.told());
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_is_studied_beside_people_at_its_cost() {
    let Some(services) = Services::running("study").await else {
        return;
    };
    let station = services
        .station()
        .with("WIKO_ANALYSIS_CHAIN", "claude")
        .with("WIKO_CREDENTIALS", "environment");
    station.configure("[analysis]\nin_flight = 1\n");
    let blob = |box_px: [u32; 4]| {
        defective(&json!([{
            "type": "surface_contamination", "severity": "minor", "confidence": 0.9,
            "region": "blade_surface", "box": box_px, "description": "污点",
            "recommended_action": "rework",
        }]))
    };
    let at_its_place = || blob([191, 91, 209, 109]);
    // In the order of their names: three marked ones, then the good ones, and all of it again.
    services.script(&json!([
        at_its_place(),
        {},
        at_its_place(),
        {},
        blob([20, 20, 60, 60]),
        {},
        {"prose": "It looks fine to me.", "times": 2},
        at_its_place(),
        at_its_place(),
        at_its_place(),
        {},
        {},
        {},
        {"error": "ThrottlingException", "times": 9},
    ]));
    let ratings = station.scratch("ratings.csv");
    let table = "file,rater,trial,verdict\nbad-21.jpg,li,1,fail\nbad-22.jpg,li,1,fail\ngood-11.jpg,li,1,pass\n";
    std::fs::write(&ratings, table).unwrap();

    let more = ["--trials", "2", "--ratings", ratings.to_str().unwrap()];
    let (ran, out) = study(&station, &more);

    assert_eq!(ran.status, 0, "{}", ran.told());
    let appraised = ran.events("appraised");
    let claude = appraised[0];
    assert_eq!(claude["model"], "us.anthropic.claude-opus-5", "{claude}");
    // The second marked part is passed once, the second good one failed once, the fourth left to a person once.
    assert_eq!(counts(&claude["misses"]), (1, 3), "{claude}");
    assert_eq!(counts(&claude["false_alarms"]), (1, 4), "{claude}");
    assert_eq!(counts(&claude["undetermined"]), (1, 7), "{claude}");
    assert_eq!(counts(&claude["not_answered"]), (1, 14), "{claude}");
    assert_eq!(counts(&claude["boxes"][0]["recall"]), (2, 3), "{claude}");
    assert!(
        claude["cost_micro_usd"].as_u64().unwrap() >= 13 * 34_051,
        "{claude}"
    );
    assert_eq!(appraised[1]["name"], "li", "{}", ran.told());
    let pair = &ran.event("studied")["pairs"][0];
    // Of three parts two alike, by chance four of nine.
    let kappa = pair["kappa"]["kappa"].as_f64().unwrap();
    assert!((kappa - 0.4).abs() < 1e-9, "{pair}");
    let page = std::fs::read_to_string(out.join("study.html")).unwrap();
    assert!(
        page.contains("bad-22.jpg") && page.contains("漏检"),
        "{page}"
    );
}
