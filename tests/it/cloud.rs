//! The path of a part with and without the network, to S3 and DynamoDB and back.

use crate::{
    pictures,
    services::{Services, defective},
    station::TestStation,
};
use serde_json::json;
use wiko_core::image::Sha256;

#[tokio::test(flavor = "multi_thread")]
async fn a_part_inspected_offline_is_pending_then_decided_then_uploaded_once() {
    let Some(services) = Services::running("offline-then-online").await else {
        return;
    };
    let online = services.station();
    let picture = pictures::file(online.scratch("part.jpg"), &pictures::jpeg(1280, 720));

    // No network: the same data directory, every endpoint a port on which nothing listens.
    let nowhere = "http://127.0.0.1:9";
    let mut offline = online.command(&[
        "inspect",
        "--json",
        "--sku",
        "WK-KN-200",
        "--stage",
        "blade_glazing",
    ]);
    offline
        .arg(&picture)
        .env("WIKO_S3_ENDPOINT", nowhere)
        .env("WIKO_DYNAMODB_ENDPOINT", nowhere)
        .env("WIKO_BEDROCK_ENDPOINT", nowhere);
    let output = offline.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\"verdict\":\"pending\""), "{text}");
    assert!(services.keys().await.is_empty());

    services.script(&json!([defective(&json!([{
        "type": "blade_scratch",
        "severity": "major",
        "confidence": 0.91,
        "region": "blade_surface",
        "box": [620, 340, 660, 380],
        "description": "刀面有一道划痕",
        "recommended_action": "rework",
    }]))]));
    let synced = online.run(&["sync", "--once"]);
    assert_eq!(synced.status, 0, "{}", synced.told());
    assert_eq!(synced.event("synced")["decided"], 1, "{}", synced.told());
    assert_eq!(synced.event("synced")["uploaded"], 1, "{}", synced.told());
    let again = online.run(&["sync", "--once"]);
    assert_eq!(again.event("synced")["uploaded"], 0, "{}", again.told());

    let history = online.run(&["history"]);
    let row = history.event("inspection");
    assert_eq!(row["verdict"], "fail");
    assert_eq!(row["severity"], "major");
    assert_eq!(row["uploaded"], true);
    let id = row["id"].as_str().unwrap();
    let keys = services.keys().await;
    assert_eq!(keys, [format!("inspections/yangjiang/WK-KN-200/{id}.jpg")]);
    let sent = std::fs::read(&picture).unwrap();
    assert_eq!(
        Sha256::of(&services.object(&keys[0]).await),
        Sha256::of(&sent)
    );
    let items = services.items().await;
    assert_eq!(items.len(), 1);
    assert_eq!(items[0]["defect_id"].as_s().unwrap(), id);
    assert_eq!(items[0]["facility"].as_s().unwrap(), "yangjiang");
    let analysis = items[0]["analysis"].as_m().unwrap();
    assert_eq!(analysis["defect_type"].as_s().unwrap(), "blade_scratch");
    assert_eq!(analysis["has_defect"].as_bool().unwrap(), &true);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_box_that_claude_gives_is_printed_in_pixels_of_the_original() {
    let Some(services) = Services::running("boxes-printed").await else {
        return;
    };
    let station: TestStation = services.station();
    // Larger than Claude sees: it is asked about a smaller picture, of 2576 by 1449.
    let picture = pictures::file(station.scratch("part.jpg"), &pictures::jpeg(3840, 2160));
    services.script(&json!([defective(&json!([{
        "type": "rust_spot",
        "severity": "minor",
        "confidence": 0.8,
        "region": "blade_surface",
        "box": [1288, 724.5, 1352.4, 760.725],
        "description": "锈斑",
        "recommended_action": "accept",
    }]))]));
    let ran = station.inspect(&[&picture], &["--wait", "30"]);
    assert_eq!(ran.status, 0, "{}", ran.told());
    let decided = ran.event("decided");
    assert_eq!(decided["verdict"], "fail", "{}", ran.told());
    assert_eq!(decided["provider"], "claude");
    let finding = &decided["findings"][0];
    assert_eq!(
        finding["box"],
        json!([1920, 1080, 96, 54]),
        "{}",
        ran.told()
    );
    assert_eq!(
        finding["severity"], "critical",
        "rust is critical, whatever is claimed"
    );
    assert_eq!(finding["recommended_action"], "reject");
}
