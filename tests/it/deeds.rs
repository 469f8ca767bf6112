//! What is done at the command line is in the audit trail, also beside a running station.

use crate::{
    pictures,
    queue::{at_work, inspected, offline},
    station::{Ran, TestStation},
};
use serde_json::Value;
use std::time::{Duration, Instant};

fn good(station: &TestStation) -> Vec<String> {
    (0..3)
        .map(|n| {
            let path = station.scratch(&format!("good-{n}.jpg"));
            let path = pictures::file(path, &pictures::jpeg(640, 360));
            path.to_str().unwrap().to_owned()
        })
        .collect()
}

fn learn(station: &TestStation) -> Ran {
    let good = good(station);
    let mut arguments = vec![
        "screen",
        "learn",
        "--sku",
        "WK-KN-200",
        "--stage",
        "blade_stamp",
    ];
    arguments.extend(good.iter().map(String::as_str));
    let ran = station.run(&arguments);
    assert_eq!(ran.status, 0, "{}", ran.told());
    ran
}

/// The rows of the trail on one subject, the newest first.
fn rows(station: &TestStation, subject: &str) -> Vec<Value> {
    let trail = station.run(&["audit"]);
    let rows = trail.events("audit").into_iter();
    rows.filter(|row| row["subject"] == subject)
        .cloned()
        .collect()
}

const MODEL: &str = "models/WK-KN-200.blade_stamp.screen";

#[test]
fn learning_recounting_and_backing_up_are_in_the_trail() {
    let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
    let first = learn(&station);
    let again = learn(&station);
    assert!(
        again.events("noted_for_later").is_empty(),
        "{}",
        again.told()
    );
    let learnt = rows(&station, MODEL);
    assert_eq!(learnt.len(), 2, "{learnt:?}");
    for row in &learnt {
        assert_eq!(row["source"], "command_line", "{row}");
        assert_eq!(row["category"], "setting", "{row}");
    }
    let told: Value = serde_json::from_str(learnt[0]["detail"].as_str().unwrap()).unwrap();
    assert_eq!(told["sha256"], again.event("learnt")["sha256"], "{told}");
    assert_eq!(told["replaced"], first.event("learnt")["sha256"], "{told}");

    assert_eq!(station.run(&["dev", "recount"]).status, 0);
    assert_eq!(rows(&station, "counts")[0]["category"], "storage");
    let file = station.scratch("station.tar");
    let file = file.to_str().unwrap();
    assert_eq!(station.run(&["backup", file]).status, 0);
    assert_eq!(rows(&station, file)[0]["category"], "backup");
    let verified = station.run(&["verify"]);
    assert_eq!(verified.status, 0, "{}", verified.told());
    let people = station.command(&["audit"]).output().unwrap();
    let people = String::from_utf8_lossy(&people.stdout).into_owned();
    assert!(
        people.lines().all(|line| line.contains("+08:00 ")),
        "{people}"
    );
}

#[test]
fn what_is_done_beside_a_running_station_is_in_its_trail_within_seconds() {
    let station = offline();
    inspected(&station, 1);
    let running = at_work(&station);
    let ran = learn(&station);
    assert_eq!(
        ran.event("noted_for_later")["subject"],
        MODEL,
        "{}",
        ran.told()
    );
    let file = station.scratch("station.tar");
    let file = file.to_str().unwrap();
    let backup = station.run(&["backup", file]);
    assert_eq!(backup.status, 0, "{}", backup.told());
    let patience = Instant::now() + Duration::from_secs(30);
    while rows(&station, MODEL).is_empty() || rows(&station, file).is_empty() {
        assert!(
            Instant::now() < patience,
            "{}",
            station.run(&["audit"]).told()
        );
    }
    drop(running);
    let verified = station.run(&["verify"]);
    assert_eq!(verified.status, 0, "{}", verified.told());
    assert_eq!(rows(&station, MODEL).len(), 1);
}

#[test]
fn verify_names_the_deeds_that_are_not_in_the_trail() {
    let station = offline();
    inspected(&station, 1);
    let folder = station.data_dir().join("deeds");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["1.unreadable", "2.json"] {
        std::fs::write(folder.join(name), "{").unwrap();
    }
    let verified = station.run(&["verify"]);
    assert_eq!(verified.status, 0, "{}", verified.told());
    let deeds = verified.events("deed").into_iter();
    let states: Vec<_> = deeds.map(|deed| deed["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["unreadable", "waiting"], "{}", verified.told());
}
