//! What models cost, the budget, and the containment list, from the command line.

use crate::{
    pictures,
    services::{Services, defective},
};
use serde_json::{Value, json};

fn rust() -> Value {
    defective(&json!([{
        "type": "rust_spot", "severity": "critical", "confidence": 0.9, "region": "blade_surface",
        "box": [10, 10, 60, 50], "description": "rust", "recommended_action": "reject",
        "criterion": null,
    }]))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_part_cost_is_printed_and_a_spent_budget_asks_no_model_again() {
    let Some(services) = Services::running("spending").await else {
        return;
    };
    let station = services.station();
    station.configure(
        "[analysis]\nchain = [\"claude\"]\nbudget_usd_per_month = 0.01\nsample_every = 0\n",
    );
    services.script(&json!([{}]));
    let file = |n: u32| {
        let path = station.scratch(&format!("{n}.jpg"));
        pictures::file(path, &pictures::jpeg(320 + n, 240))
    };
    let first = station.inspect(&[&file(1)], &["--wait", "30"]);
    assert_eq!(
        first.event("decided")["verdict"],
        "pass",
        "{}",
        first.told()
    );
    let id = first.event("captured")["id"].as_str().unwrap().to_owned();

    let part = station.run(&["part", &id]);
    let calls = part.event("part")["calls"].as_array().unwrap().clone();
    assert_eq!(calls.len(), 1, "{}", part.told());
    assert_eq!(calls[0]["purpose"], "look");
    let cost = calls[0]["usage"]["cost_micro_usd"].as_f64().unwrap() / 1e6;
    assert!(cost > 0.0);

    let status = station.run(&["status"]);
    let spending = &status.event("status")["spending"];
    for span in ["shift", "month"] {
        assert_eq!(spending[span]["parts"], 1, "{}", status.told());
        assert_eq!(spending[span]["per_part_usd"], cost);
    }
    assert_eq!(spending["budget"]["state"], "spent");

    let second = station.inspect(&[&file(2)], &["--wait", "1"]);
    let part = second.event("captured")["id"].as_str().unwrap().to_owned();
    let part = station.run(&["part", &part]);
    assert_eq!(part.event("part")["verdict"], "pending");
    let why = part.event("part")["queue_reason"].as_str().unwrap();
    assert!(why.contains("budget"), "{why}");
    assert_eq!(part.event("part")["calls"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_failed_too_late_is_listed_until_somebody_has_seen_to_it() {
    let Some(services) = Services::running("containment").await else {
        return;
    };
    let station = services.station();
    station.configure("[analysis]\nchain = [\"claude\"]\nlate_after_s = 0\n");
    services.script(&json!([rust(), {"asks": "cause", "status": 500}]));
    let path = station.scratch("part.jpg");
    let file = pictures::file(path, &pictures::jpeg(320, 240));
    let ran = station.inspect(&[&file], &["--wait", "30", "--lot", "L7"]);
    assert_eq!(ran.event("decided")["verdict"], "fail", "{}", ran.told());
    let id = ran.event("captured")["id"].as_str().unwrap().to_owned();

    let listed = station.run(&["containment", "list"]);
    let part = listed.event("contained");
    assert_eq!((&part["id"], &part["lot"]), (&json!(id), &json!("L7")));
    assert_eq!(part["worst_defect_type"], "rust_spot");
    assert_eq!(station.run(&["status"]).event("status")["contained"], 1);

    let acknowledge = |id: &str, by: &str| {
        station.run(&[
            "containment",
            "acknowledge",
            id,
            "--by",
            by,
            "--note",
            "scrapped",
        ])
    };
    assert_eq!(acknowledge(&id, " ").status, 1, "nobody has seen to it");
    let done = acknowledge(&id, "op-5");
    assert_eq!(done.status, 0, "{}", done.told());
    assert_eq!(done.event("acknowledged")["by"], "op-5");
    assert_eq!(acknowledge(&id, "op-6").status, 1, "twice");

    let listed = station.run(&["containment", "list"]);
    assert_eq!(listed.event("containment_listed")["open"], 0);
    let seen = station.run(&["containment", "list", "--acknowledged"]);
    assert_eq!(seen.event("contained")["acknowledged"]["by"], "op-5");
    let audit = station.run(&["audit"]);
    let noted = audit.lines.iter().any(|row| {
        row["category"] == "containment" && row["subject"] == json!(id) && row["identity"] == "op-5"
    });
    assert!(noted, "{}", audit.told());
    assert_eq!(station.run(&["verify"]).status, 0);
}
