//! One part, shown wholly.

use crate::{
    pictures,
    queue::{inspected, offline},
    screen,
    station::TestStation,
};
use serde_json::Value;

fn text(station: &TestStation, id: &str) -> String {
    let output = station.command(&["part", id]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_decided_part_is_shown_with_its_findings_picture_and_evidence() {
    let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
    let good: Vec<_> = (1..=4)
        .map(|n| {
            let path = station.scratch(&format!("good-{n}.jpg"));
            pictures::file(path, &screen::made(n, false))
        })
        .collect();
    screen::learn(&station, "WK-KN-200", "blade_glazing", &good);
    let bad = pictures::file(station.scratch("bad.jpg"), &screen::made(5, true));
    let small = pictures::file(station.scratch("small.jpg"), &pictures::jpeg(640, 360));
    let ran = station.inspect(&[&bad, &small], &["--wait", "30"]);
    let decided = ran.events("decided");
    let (failed, unfit) = (decided[0], decided[1]);
    assert_eq!(failed["verdict"], "fail", "{}", ran.told());
    assert_eq!(unfit["verdict"], "undetermined", "{}", ran.told());

    let id = failed["id"].as_str().unwrap();
    let shown = station.run(&["part", id]);
    let part = shown.event("part");
    assert_eq!(part["verdict"], "fail", "{part}");
    assert_eq!(part["analysis"]["provider"], "screen", "{part}");
    assert_eq!(part["analysis"]["findings"], failed["findings"], "{part}");
    assert_eq!(part["state"], "kept_here", "{part}");
    assert_eq!(part["image"]["state"], "here", "{part}");
    let kept = std::fs::read(part["image"]["path"].as_str().unwrap()).unwrap();
    assert_eq!(kept, std::fs::read(&bad).unwrap());
    let trail = station.run(&["audit", "--decisions"]);
    let row = trail
        .events("audit")
        .into_iter()
        .find(|row| row["subject"] == id);
    assert_eq!(&part["evidence"], row.unwrap(), "{part}");
    let told = text(&station, id);
    let found = &failed["findings"][0]["box"];
    let boxed = found.to_string().replace(',', ", ");
    for word in [
        "FAIL",
        "fail at ",
        "by screen",
        "+08:00",
        &boxed,
        "kept here",
        "audit trail",
    ] {
        assert!(told.contains(word), "no {word} in {told}");
    }

    // Why a part could not be judged stands in the history, too.
    let id = unfit["id"].as_str().unwrap();
    let reason = unfit["reason"].as_str().unwrap();
    let shown = station.run(&["part", id]);
    let detail = shown.event("part")["detail"].as_str().unwrap();
    assert!(!detail.is_empty(), "{}", shown.told());
    let told = text(&station, id);
    assert!(
        told.contains(reason) && told.contains(detail),
        "{detail}: {told}"
    );
    let history = station.command(&["history"]).output().unwrap();
    let history = String::from_utf8(history.stdout).unwrap();
    assert!(
        history.contains(&format!("{reason}: {detail}")),
        "{history}"
    );
}

#[test]
fn a_part_that_waits_says_why_and_one_that_is_not_there_is_refused() {
    let station = offline();
    let unknown = "019cb000-0000-7000-8000-000000000000";
    let nothing = station.run(&["part", unknown]);
    assert_eq!(nothing.status, 1, "{}", nothing.told());
    let ids = inspected(&station, 1);
    for (wrong, word) in [
        (unknown, "there is no inspection"),
        ("part-7", "not an inspection id"),
    ] {
        let refused = station.run(&["part", wrong]);
        assert_eq!(refused.status, 1, "{}", refused.told());
        assert!(refused.stderr.contains(word), "{}", refused.told());
    }
    let shown = station.run(&["part", &ids[0]]);
    let part = shown.event("part");
    assert_eq!(part["verdict"], "pending", "{part}");
    assert_eq!(part["state"], "waiting", "{part}");
    assert_eq!(part["queue"], "analysis", "{part}");
    let reason = part["queue_reason"].as_str().unwrap();
    assert!(reason.contains("network"), "{part}");
    assert_eq!(part["evidence"], Value::Null, "{part}");
    let told = text(&station, &ids[0]);
    assert!(told.contains("PENDING") && told.contains(reason), "{told}");
}
