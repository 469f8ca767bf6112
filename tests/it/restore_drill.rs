//! The disaster: a station's machine is lost, and its backup goes into another one.

use crate::{
    pictures,
    services::{Services, defective},
    station::TestStation,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};
use wiko_core::{
    inspection::{OperatorCall, OperatorDecision},
    ports::Records,
    time::UnixMillis,
};
use wiko_store::{RecordsReader, SqliteRecords, StoreOptions};

const NOWHERE: &str = "http://127.0.0.1:9";

/// A command of the station without a network.
fn offline(station: &TestStation, images: &[&Path]) -> Child {
    let mut command = station.command(&[
        "inspect",
        "--json",
        "--sku",
        "WK-KN-200",
        "--stage",
        "blade_glazing",
    ]);
    command
        .args(images)
        .env("WIKO_S3_ENDPOINT", NOWHERE)
        .env("WIKO_DYNAMODB_ENDPOINT", NOWHERE)
        .env("WIKO_BEDROCK_ENDPOINT", NOWHERE)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().unwrap()
}

async fn reader(data_dir: &Path) -> RecordsReader {
    RecordsReader::open(data_dir).await.unwrap().unwrap()
}

fn scratch() -> Value {
    defective(&json!([{
        "type": "blade_scratch", "severity": "minor", "confidence": 0.9, "region": "blade_surface",
        "box": [10, 10, 60, 60], "description": "划痕", "recommended_action": "rework",
    }]))
}

/// A supervisor's word on a part, as the window notes it.
async fn corrected(data_dir: &Path, id: &str) {
    let opened = SqliteRecords::open(
        data_dir,
        StoreOptions {
            reserve_bytes: 0,
            ..StoreOptions::default()
        },
    )
    .await
    .unwrap();
    let said = OperatorDecision {
        call: OperatorCall::Accept,
        operator: "op-9".into(),
        reason: Some("reflection".into()),
        decided_at: UnixMillis(1_772_352_000_000),
    };
    opened
        .records
        .operator_decided(id.parse().unwrap(), &said)
        .await
        .unwrap();
    opened.records.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_station_has_all_that_the_backup_had_and_uploads_nothing_twice() {
    let Some(services) = Services::running("restore-drill").await else {
        return;
    };
    let (lost, new) = (services.station(), services.station());
    let picture = pictures::file(lost.scratch("part.jpg"), &pictures::jpeg(640, 360));

    // Three parts decided and in the cloud, one of them corrected since; then the network goes.
    services.script(&json!([scratch(), scratch(), scratch()]));
    let ran = lost.inspect(&[&picture, &picture, &picture], &["--wait", "60"]);
    assert_eq!(ran.events("decided").len(), 3, "{}", ran.told());
    let synced = lost.run(&["sync", "--once"]);
    assert_eq!(synced.status, 0, "{}", synced.told());
    in_the_cloud_once(&services, 3).await;
    let first = ran.events("decided")[0]["id"].as_str().unwrap().to_owned();
    corrected(&lost.data_dir(), &first).await;

    // Backed up in the middle of captures.
    let before = reader(&lost.data_dir()).await;
    let mut capturing = offline(&lost, &vec![picture.as_path(); 40]);
    let began = Instant::now();
    let file = lost.scratch("station.tar");
    loop {
        let depth = before
            .depth(wiko_core::queue::Queue::Analysis)
            .await
            .unwrap();
        if depth.waiting >= 3 {
            break;
        }
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "nothing is captured"
        );
        tokio::task::yield_now().await;
    }
    let backup = lost.run(&["backup", file.to_str().unwrap(), "--images", "unsent"]);
    assert_eq!(backup.status, 0, "{}", backup.told());
    let told = backup.event("backed_up");
    assert_eq!(told["damaged"], json!([]));
    assert_eq!(told["images_in_the_cloud"], 3);
    let records = told["records"].as_u64().unwrap();
    assert!(records >= 6, "{}", backup.told());
    capturing.wait().unwrap();
    let again = lost.run(&["backup", file.to_str().unwrap()]);
    assert_eq!(again.status, 1);
    assert!(again.stderr.contains("exists already"), "{}", again.told());

    // Into another machine.
    let refused = lost.run(&["restore", file.to_str().unwrap()]);
    assert_eq!(refused.status, 1);
    assert!(
        refused.stderr.contains("is not empty"),
        "{}",
        refused.told()
    );
    let restored = new.run(&["restore", file.to_str().unwrap()]);
    assert_eq!(restored.status, 0, "{}", restored.told());
    assert_eq!(restored.event("restored")["records"], records);
    let verified = new.run(&["verify"]);
    assert_eq!(verified.status, 0, "{}", verified.told());
    same_records(&lost.data_dir(), &new.data_dir(), records).await;

    // The queues go on where they were, and the lost machine, found again, doubles nothing.
    let steps: Vec<_> = std::iter::repeat_with(scratch).take(200).collect();
    services.script(&json!(steps));
    let synced = new.run(&["sync", "--once"]);
    assert_eq!(
        synced.event("synced")["uploaded"],
        records - 2,
        "{}",
        synced.told()
    );
    assert_eq!(synced.status, 0, "{}", synced.told());
    in_the_cloud_once(&services, records).await;
    let synced = lost.run(&["sync", "--once"]);
    assert!(
        synced.event("synced")["uploaded"].as_u64().unwrap() > 0,
        "{}",
        synced.told()
    );
    in_the_cloud_once(&services, 43).await;
}

/// The first `records` of both stations are the same, word for word, and so are the pictures that lie here.
async fn same_records(lost: &Path, new: &Path, records: u64) {
    let (lost, new) = (reader(lost).await, reader(new).await);
    let page = new.history(&Default::default(), None, 1000).await.unwrap();
    assert_eq!(page.rows.len() as u64, records);
    for row in page.rows {
        let (here, there) = (
            lost.inspection(row.id).await.unwrap(),
            new.inspection(row.id).await.unwrap(),
        );
        assert_eq!(
            (
                &there.capture,
                &there.image,
                &there.decision,
                &there.operator_decisions,
                there.sequence
            ),
            (
                &here.capture,
                &here.image,
                &here.decision,
                &here.operator_decisions,
                here.sequence
            )
        );
        assert_eq!(there.evidence, here.evidence);
        match &there.image_removed {
            Some(removal) => assert!(removal.image_url.contains(&row.id.to_string())),
            None => assert_eq!(
                new.image(row.id).await.unwrap().bytes(),
                lost.image(row.id).await.unwrap().bytes()
            ),
        }
    }
}

async fn in_the_cloud_once(services: &Services, parts: u64) {
    let keys: BTreeSet<_> = services.keys().await.into_iter().collect();
    let items = services.items().await;
    let ids: BTreeSet<_> = items
        .iter()
        .map(|item| item["defect_id"].as_s().unwrap().clone())
        .collect();
    assert_eq!(
        (keys.len() as u64, ids.len() as u64, items.len() as u64),
        (parts, parts, parts)
    );
}
