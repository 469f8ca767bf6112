//! Without a network.

use crate::{pictures, station::TestStation};

/// A port on which nothing listens.
const NOWHERE: &str = "http://127.0.0.1:9";

#[test]
fn a_part_that_nobody_can_answer_for_is_captured_and_stays_pending() {
    let station = TestStation::new()
        .with("WIKO_BEDROCK_ENDPOINT", NOWHERE)
        .with("WIKO_CREDENTIALS", "environment")
        .with("AWS_ACCESS_KEY_ID", "test")
        .with("AWS_SECRET_ACCESS_KEY", "test");
    let picture = pictures::file(station.scratch("part.jpg"), &pictures::jpeg(640, 360));

    let ran = station.inspect(&[&picture], &["--lot", "L1"]);

    assert_eq!(ran.status, 0, "{}", ran.told());
    let captured = ran.event("captured");
    let pending = ran.event("pending");
    assert_eq!(pending["id"], captured["id"]);
    assert_eq!(pending["verdict"], "pending");
    assert!(
        pending["reason"]
            .as_str()
            .is_some_and(|reason| !reason.is_empty()),
        "{}",
        ran.told()
    );
    assert_eq!(ran.events("decided").len(), 0);
    let history = station.run(&["history", "--verdict", "pending"]);
    assert_eq!(history.event("inspection")["lot"], "L1");
    let status = station.run(&["status"]);
    assert_eq!(
        status.event("status")["queues"]["analysis"]["waiting"],
        1,
        "{}",
        status.told()
    );
}

#[test]
fn the_demo_without_a_display_gives_verdicts_and_annotated_pictures() {
    let station = TestStation::new();
    let mut command = station.command(&["--demo", "--json"]);
    let output = command
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let stdout = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<serde_json::Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |event: &str| {
        lines
            .iter()
            .filter(|line| line["event"] == event)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("captured").len(), 6, "{stdout}");
    let verdicts: Vec<_> = of("decided")
        .iter()
        .map(|line| line["verdict"].clone())
        .collect();
    assert_eq!(
        verdicts,
        ["pass", "fail", "pass", "fail", "fail", "pass"],
        "{stdout}"
    );
    for line in of("annotated") {
        let path = line["picture"].as_str().unwrap();
        let picture = wiko_imaging::inspect(std::fs::read(path).unwrap()).unwrap();
        assert_eq!(
            (picture.facts().width_px, picture.facts().height_px),
            (1920, 1080)
        );
    }
}
