//! The queues on the command line.

use crate::{pictures, station::TestStation};
use std::process::{Child, Stdio};

/// A station whose chain asks Claude at an address where nobody answers.
pub fn offline() -> TestStation {
    TestStation::new()
        .with("WIKO_ANALYSIS_CHAIN", "claude")
        .with("WIKO_CREDENTIALS", "environment")
        .with("WIKO_BEDROCK_ENDPOINT", "http://127.0.0.1:9")
        .with("AWS_ACCESS_KEY_ID", "AKIDTEST")
        .with("AWS_SECRET_ACCESS_KEY", "test")
}

pub fn inspected(station: &TestStation, parts: u8) -> Vec<String> {
    let mut ids = vec![];
    for n in 0..parts {
        let path = station.scratch(&format!("part-{n}.jpg"));
        let picture = pictures::file(path, &pictures::jpeg(640, 360 + u32::from(n)));
        let ran = station.inspect(&[&picture], &[]);
        ids.push(ran.event("captured")["id"].as_str().unwrap().to_owned());
    }
    ids
}

#[test]
fn waiting_parts_are_listed_with_the_reason_and_can_be_retried() {
    let station = offline();
    let none = station.run(&["queue", "list"]);
    assert_eq!(none.event("queue_listed")["total"], 0, "{}", none.told());

    let ids = inspected(&station, 2);
    let listed = station.run(&["queue", "list", "--queue", "analysis", "--limit", "1"]);
    assert_eq!(listed.status, 0, "{}", listed.told());
    let part = listed.event("queued");
    assert_eq!(part["id"], ids[0], "{}", listed.told());
    assert_eq!(part["state"], "waiting");
    assert_eq!(part["obstacle"], "transient");
    assert!(
        part["reason"].as_str().unwrap().contains("network"),
        "{part}"
    );
    assert!(part["attempts"].as_u64().unwrap() >= 1, "{part}");
    assert_eq!(listed.event("queue_listed")["total"], 2);
    let parked = station.run(&["queue", "list", "--parked"]);
    assert_eq!(
        parked.event("queue_listed")["total"],
        0,
        "{}",
        parked.told()
    );

    let one = station.run(&["queue", "retry", &ids[1]]);
    assert_eq!(one.status, 0, "{}", one.told());
    assert_eq!(one.event("retried")["parts"], 1, "{}", one.told());
    let all = station.run(&["queue", "retry", "--all", "--queue", "analysis"]);
    assert_eq!(all.event("retried")["parts"], 2, "{}", all.told());
    let due = station.run(&["queue", "list"]);
    for part in due.events("queued") {
        assert!(
            part["due_at"].is_null() && part["obstacle"].is_null(),
            "{part}"
        );
    }
}

#[test]
fn a_retry_of_what_is_on_no_queue_or_names_nothing_is_refused() {
    let station = offline();
    inspected(&station, 1);
    let unknown = "019cb000-0000-7000-8000-000000000000";
    let refused = station.run(&["queue", "retry", unknown]);
    assert_eq!(refused.status, 1, "{}", refused.told());
    assert!(refused.stderr.contains(unknown), "{}", refused.told());
    for wrong in [
        &["queue", "retry"][..],
        &["queue", "retry", "--all", unknown],
    ] {
        assert_eq!(station.run(wrong).status, 2);
    }
    let no_queue = station.run(&["queue", "list", "--queue", "uploads"]);
    assert_eq!(no_queue.status, 1, "{}", no_queue.told());
    assert!(
        no_queue.stderr.contains("analysis, upload"),
        "{}",
        no_queue.told()
    );
}

/// Ended on drop.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command that keeps the data directory until it is ended: a part that waits for a verdict.
pub fn at_work(station: &TestStation) -> Running {
    use std::io::{BufRead, BufReader};
    let picture = pictures::file(station.scratch("more.jpg"), &pictures::jpeg(320, 240));
    let mut child = station
        .command(&["inspect", "--sku", "WK-KN-200", "--stage", "blade_glazing"])
        .args(["--wait", "120", "--json"])
        .arg(&picture)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    assert!(line.contains("captured"), "{line}");
    Running(child)
}

#[test]
fn while_a_station_runs_a_retry_is_refused_with_what_to_do_and_the_list_can_be_read() {
    let station = offline();
    inspected(&station, 1);
    let running = at_work(&station);
    let refused = station.run(&["queue", "retry", "--all"]);
    assert_eq!(refused.status, 1, "{}", refused.told());
    assert!(
        refused.stderr.contains("a station runs in") && refused.stderr.contains("its window"),
        "{}",
        refused.told()
    );
    let listed = station.run(&["queue", "list"]);
    assert_eq!(
        listed.event("queue_listed")["total"],
        2,
        "{}",
        listed.told()
    );
    drop(running);
    let retried = station.run(&["queue", "retry", "--all"]);
    assert_eq!(retried.status, 0, "{}", retried.told());
}

#[test]
fn without_a_cloud_a_sync_ends_well_and_says_that_nothing_is_sent() {
    let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
    let good: Vec<_> = (0..3)
        .map(|n| {
            pictures::file(
                station.scratch(&format!("{n}.jpg")),
                &pictures::jpeg(640, 360),
            )
        })
        .collect();
    crate::screen::learn(&station, "WK-KN-200", "blade_glazing", &good);
    let decided = station.inspect(&[&good[0]], &["--wait", "30"]);
    assert_eq!(decided.events("decided").len(), 1, "{}", decided.told());
    let synced = station.run(&["sync", "--once"]);
    assert_eq!(synced.status, 0, "{}", synced.told());
    assert_eq!(synced.event("synced")["cloud"], false);
    assert!(
        synced.event("synced")["left"].is_null(),
        "{}",
        synced.told()
    );
    let plain = station.command(&["sync", "--once"]).output().unwrap();
    let told = String::from_utf8_lossy(&plain.stdout);
    assert!(
        told.contains("nothing is sent: no cloud is configured"),
        "{told}"
    );
    // What would wait for a cloud is not told as if something held it up.
    assert!(
        told.contains("decided parts kept here: 1") && !told.contains("for upload"),
        "{told}"
    );
    assert!(synced.stderr.is_empty(), "{}", synced.told());
}

#[test]
fn a_sync_without_credentials_asks_once_and_says_what_holds_it_up() {
    let station = TestStation::new()
        .with("WIKO_ANALYSIS_CHAIN", "claude")
        .with("WIKO_CREDENTIALS", "environment")
        .with("WIKO_BEDROCK_ENDPOINT", "http://127.0.0.1:9");
    inspected(&station, 3);
    let synced = station.run(&["sync", "--once"]);
    assert_eq!(synced.status, 1, "{}", synced.told());
    let held = &synced.event("synced")["held"];
    assert_eq!(held[0]["service"], "bedrock", "{held}");
    assert_eq!(held[0]["obstacle"], "credentials", "{held}");
    let left = synced.event("synced")["left"].as_str().unwrap();
    assert!(
        left.starts_with("3 parts are waiting for analysis: ") && left.contains("credentials set"),
        "{left}"
    );
    assert!(synced.stderr.contains(left), "{}", synced.told());
    let tries = |ran: &crate::station::Ran| -> u64 {
        let parts = ran.events("queued");
        parts
            .iter()
            .map(|part| part["attempts"].as_u64().unwrap())
            .sum()
    };
    let before = tries(&station.run(&["queue", "list"]));
    station.run(&["sync", "--once"]);
    let after = tries(&station.run(&["queue", "list"]));
    // The screen is asked for each of them, and has learnt nothing.
    assert_eq!(after - before, 3);
}

#[test]
fn the_status_beside_a_running_station_shows_the_service_that_is_not_asked_and_why() {
    let station = TestStation::new()
        .with("WIKO_ANALYSIS_CHAIN", "claude")
        .with("WIKO_CREDENTIALS", "environment")
        .with("WIKO_BEDROCK_ENDPOINT", "http://127.0.0.1:9");
    let running = at_work(&station);
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let circuit = loop {
        let status = station.run(&["status"]);
        let circuits = status.event("status")["circuits"].clone();
        if let Some(circuit) = circuits.get(0) {
            break circuit.clone();
        }
        assert!(std::time::Instant::now() < patience, "{}", status.told());
    };
    assert_eq!(circuit["service"], "bedrock", "{circuit}");
    assert_eq!(circuit["obstacle"], "credentials", "{circuit}");
    assert!(circuit["since"].is_string(), "{circuit}");
    assert!(
        circuit["reason"]
            .as_str()
            .unwrap()
            .contains("credentials set"),
        "{circuit}"
    );
    drop(running);
    let after = station.run(&["status"]);
    assert_eq!(
        after.event("status")["circuits"],
        serde_json::json!([]),
        "{}",
        after.told()
    );
}
