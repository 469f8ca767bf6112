//! The audit trail: what is noted, and what a change of the database by hand looks like.

use crate::open;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use std::{path::Path, sync::Arc};
use wiko_core::{
    audit::{AuditCategory, AuditEntry, AuditResult, AuditSource, STATION},
    defect::DefectType,
    inspection::{OperatorCall, OperatorDecision},
    ports::{Records, Signer},
};
use wiko_store::{AuditReport, SqliteRecords};
use wiko_testkit::{
    builders::{NOON, capture, good},
    contracts::records::{captured, failed, passed, picture},
    fakes::signer::{FakeSigner, check_fake_signature},
};

fn rejected() -> OperatorDecision {
    OperatorDecision {
        call: OperatorCall::Reject,
        operator: "op-9".into(),
        reason: Some("missed_defect".into()),
        decided_at: NOON,
    }
}

fn setting(detail: &str) -> AuditEntry {
    AuditEntry {
        at: NOON,
        source: AuditSource::Window,
        category: AuditCategory::Setting,
        identity: "op-9".into(),
        subject: Some("order".into()),
        result: AuditResult::Done,
        detail: detail.into(),
    }
}

async fn verified(records: &SqliteRecords) -> AuditReport {
    records
        .reader()
        .verify_audit(check_fake_signature)
        .await
        .unwrap()
}

/// A trail of five rows: two verdicts, a rejection, a setting, and the key in the middle.
async fn five_rows(dir: &Path) -> SqliteRecords {
    let records = open(dir).await;
    captured(&records, 1).await;
    captured(&records, 2).await;
    passed(&records, 1).await;
    records
        .sign_with(Arc::new(FakeSigner(7)), NOON)
        .await
        .unwrap();
    failed(&records, 2, DefectType::RustSpot).await;
    let id = capture(1).id;
    records.operator_decided(id, &rejected()).await.unwrap();
    records.note(&setting("WK-KN-150")).await.unwrap();
    records
}

#[tokio::test]
async fn each_verdict_call_and_setting_is_a_row_chained_and_signed_from_the_key_on() {
    let dir = tempfile::tempdir().unwrap();
    let records = five_rows(dir.path()).await;
    let report = verified(&records).await;
    assert_eq!(report.broken, []);
    assert_eq!((report.rows, report.signed), (5, 4));
    assert_eq!(report.unsigned_since, 0);
    assert_eq!(report.last_key, Some(FakeSigner(7).public_key()));
    let mut rows = records.reader().audit(None, true, 100).await.unwrap();
    assert_eq!(report.head, Some((5, rows[0].hash)));
    rows.reverse();
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row.entry.category, row.entry.identity.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (AuditCategory::Decision, STATION),
            (AuditCategory::SigningKey, STATION),
            (AuditCategory::Decision, STATION),
            (AuditCategory::OperatorDecision, "op-9"),
            (AuditCategory::Setting, "op-9"),
        ]
    );
    for pair in rows.windows(2) {
        assert_eq!(pair[1].previous, pair[0].hash);
    }
    let events = records.reader().audit(Some(5), false, 100).await.unwrap();
    let numbers: Vec<_> = events.iter().map(|row| row.number).collect();
    assert_eq!(numbers, [4, 2], "events without the verdicts, newest first");
}

#[tokio::test]
async fn the_record_carries_its_last_row_as_it_stands_in_the_trail() {
    let dir = tempfile::tempdir().unwrap();
    let records = five_rows(dir.path()).await;
    let rows = records.reader().audit(None, true, 100).await.unwrap();
    let of = async |n| records.inspection(capture(n).id).await.unwrap().evidence;
    let row = |number| rows.iter().find(|row| row.number == number).cloned();
    assert_eq!(of(1).await.map(|row| *row), row(4));
    assert_eq!(of(2).await.map(|row| *row), row(3));
    captured(&records, 3).await;
    assert_eq!(of(3).await, None, "nothing was said of it yet");
}

#[tokio::test]
async fn a_new_key_is_a_row_and_the_same_key_again_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let records = five_rows(dir.path()).await;
    let sign = async |key| {
        records
            .sign_with(Arc::new(FakeSigner(key)), NOON)
            .await
            .unwrap();
    };
    sign(7).await;
    assert_eq!(verified(&records).await.rows, 5);
    sign(8).await;
    let report = verified(&records).await;
    assert_eq!((report.rows, report.broken), (6, vec![]));
    assert_eq!(report.last_key, Some(FakeSigner(8).public_key()));
}

#[tokio::test]
async fn rows_after_the_last_signature_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    five_rows(dir.path()).await.close().await;
    // Its keyring does not answer this time.
    let records = open(dir.path()).await;
    for _ in 0..2 {
        records.note(&setting("WK-KN-200")).await.unwrap();
    }
    let report = verified(&records).await;
    assert_eq!((report.rows, report.signed), (7, 4));
    assert!(report.signing_began);
    assert_eq!((report.unsigned_since, report.broken), (2, vec![]));
}

#[tokio::test]
async fn what_the_screen_says_of_a_pending_part_that_was_rejected_breaks_no_evidence() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    let id = captured(&records, 1).await;
    records.operator_decided(id, &rejected()).await.unwrap();
    let screening = good(&picture(1).facts());
    records.screened(id, &screening).await.unwrap();
    assert_eq!(verified(&records).await.broken, []);
    passed(&records, 1).await;
    assert_eq!(verified(&records).await.broken, []);
}

/// Opens the database past every trigger that guards it, as somebody with the file could.
async fn forger(dir: &Path) -> SqliteConnection {
    let path = dir.join("wiko.sqlite3");
    let mut database = SqliteConnection::connect(&format!("sqlite://{}", path.display()))
        .await
        .unwrap();
    sqlx::query("PRAGMA foreign_keys = OFF")
        .execute(&mut database)
        .await
        .unwrap();
    let triggers: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            .fetch_all(&mut database)
            .await
            .unwrap();
    for trigger in triggers {
        sqlx::query(AssertSqlSafe(format!("DROP TRIGGER \"{trigger}\"")))
            .execute(&mut database)
            .await
            .unwrap();
    }
    database
}

#[tokio::test]
async fn whatever_is_changed_removed_or_slipped_in_by_hand_is_found() {
    let table = [
        ("UPDATE audit SET identity = 'op-1' WHERE number = 4", 4),
        (
            "UPDATE audit SET detail = replace(detail, 'reject', 'accept') WHERE number = 4",
            4,
        ),
        ("UPDATE audit SET at = at + 1 WHERE number = 1", 1),
        ("DELETE FROM audit WHERE number = 2", 3),
        (
            "UPDATE audit SET signature = zeroblob(64) WHERE number = 3",
            3,
        ),
        // The rows behind are as they were: the record does not fit its own.
        (
            "UPDATE inspection SET verdict = 'undetermined', undetermined_reason = 'unsure' WHERE sequence = 2",
            3,
        ),
        (
            "UPDATE inspection SET lot = 'another' WHERE sequence = 1",
            4,
        ),
        (
            "UPDATE inspection SET analysis = json_set(analysis, '$.summary', 'x') WHERE sequence = 2",
            3,
        ),
        ("DELETE FROM inspection WHERE sequence = 2", 3),
        ("UPDATE operator_decision SET reason = 'x'", 4),
        ("DELETE FROM operator_decision", 4),
        (
            "UPDATE inspection SET audit_number = 3 WHERE sequence = 1",
            3,
        ),
        (
            "UPDATE inspection SET audit_number = NULL WHERE sequence = 1",
            0,
        ),
    ];
    for (forgery, number) in table {
        let dir = tempfile::tempdir().unwrap();
        let records = five_rows(dir.path()).await;
        let mut database = forger(dir.path()).await;
        sqlx::query(AssertSqlSafe(forgery.to_owned()))
            .execute(&mut database)
            .await
            .unwrap();
        let broken = verified(&records).await.broken;
        assert_eq!(
            broken.first().map(|row| row.number),
            Some(number),
            "{forgery}: {broken:?}"
        );
    }
}

#[tokio::test]
async fn the_schema_refuses_to_change_or_shorten_the_trail() {
    let dir = tempfile::tempdir().unwrap();
    let records = five_rows(dir.path()).await;
    records.close().await;
    let path = dir.path().join("wiko.sqlite3");
    let mut database = SqliteConnection::connect(&format!("sqlite://{}", path.display()))
        .await
        .unwrap();
    for sql in [
        "UPDATE audit SET identity = 'x'",
        "DELETE FROM audit",
        "UPDATE inspection SET boot_id = 'x'",
        "DELETE FROM inspection",
    ] {
        assert!(
            sqlx::query(sql).execute(&mut database).await.is_err(),
            "{sql}"
        );
    }
}

#[tokio::test]
async fn a_part_on_no_queue_and_one_on_the_wrong_queue_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let records = five_rows(dir.path()).await;
    captured(&records, 3).await;
    assert_eq!(records.reader().verify_queues().await, Ok(vec![]));
    assert_eq!(records.reader().verify_database(false).await, Ok(vec![]));
    let mut database = forger(dir.path()).await;
    for sql in [
        "DELETE FROM work WHERE sequence = 1",
        "DELETE FROM work WHERE sequence = 3",
        "INSERT INTO work (queue, sequence) VALUES ('analysis', 2)",
    ] {
        sqlx::query(sql).execute(&mut database).await.unwrap();
    }
    let wrong = records.reader().verify_queues().await.unwrap();
    let id = |n| capture(n).id;
    assert_eq!(
        wrong,
        [
            format!(
                "inspection {} is not in the cloud as it is here, and on no queue",
                id(1)
            ),
            format!(
                "inspection {} is decided and still on the analysis queue",
                id(2)
            ),
            format!("inspection {} is not decided and on no queue", id(3)),
        ]
    );
}
