//! The schema as a last line of defence, and how reading keeps up with 200,000 parts.

use crate::open;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use std::{path::Path, time::Instant};
use wiko_core::{
    defect::Severity,
    disposition::Disposition,
    history::{HistoryCursor, HistoryFilter},
    ports::Records,
    queue::{Obstacle, Queue, Setback},
    stage::Stage,
    time::UnixMillis,
};
use wiko_testkit::{
    builders::{NOON, good, image},
    contracts::records::{captured, failed, passed, picture},
};

async fn database(dir: &Path) -> SqliteConnection {
    let path = dir.join("wiko.sqlite3");
    SqliteConnection::connect(&format!("sqlite://{}", path.display()))
        .await
        .unwrap()
}

async fn refused(database: &mut SqliteConnection, sql: &str) -> bool {
    let done = sqlx::query(AssertSqlSafe(sql.to_owned()))
        .execute(database)
        .await;
    done.is_err()
}

#[tokio::test]
async fn the_schema_refuses_a_pass_without_an_analysis_of_the_same_picture() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    captured(&records, 1).await;
    let mut database = database(dir.path()).await;
    let facts = picture(1).facts();
    let right = serde_json::to_string(&good(&facts)).unwrap();
    let wrong = [
        serde_json::to_string(&good(&image(b"other").facts())).unwrap(),
        right.replace("\"complete\":true", "\"complete\":false"),
        right.replace("\"claim\":\"good\"", "\"claim\":\"unsure\""),
        right.replace("\"findings\":[]", "\"findings\":[{}]"),
        right.replace("\"kind\":\"usable\"", "\"kind\":\"unusable\""),
        "{}".into(),
        "null".into(),
    ];
    let pass = |analysis: &str| {
        format!("UPDATE inspection SET verdict = 'pass', decided_at = 1, analysis = {analysis}")
    };
    assert!(refused(&mut database, &pass("NULL")).await);
    for analysis in wrong {
        assert_ne!(analysis, right);
        let sql = pass(&format!("'{analysis}'"));
        assert!(refused(&mut database, &sql).await, "{analysis}");
    }
    assert!(!refused(&mut database, &pass(&format!("'{right}'"))).await);
}

#[tokio::test]
async fn the_schema_refuses_a_change_of_what_was_captured_decided_or_said() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    captured(&records, 1).await;
    let id = failed(&records, 1, wiko_core::defect::DefectType::RustSpot).await;
    captured(&records, 2).await;
    passed(&records, 2).await;
    let said = wiko_core::inspection::OperatorDecision {
        call: wiko_core::inspection::OperatorCall::Confirm,
        operator: "op-1".into(),
        reason: None,
        decided_at: NOON,
    };
    records.operator_decided(id, &said).await.unwrap();
    let mut database = database(dir.path()).await;
    for sql in [
        "UPDATE inspection SET captured_at = 1",
        "UPDATE inspection SET image_sha256 = replace(image_sha256, 'a', 'b')",
        "UPDATE inspection SET verdict = 'pending', decided_at = NULL",
        "UPDATE inspection SET detail = 'x'",
        "UPDATE operator_decision SET call = 'accept'",
        "DELETE FROM operator_decision",
        "DELETE FROM inspection",
    ] {
        assert!(refused(&mut database, sql).await, "{sql}");
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_parked_and_holds_up_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    captured(&records, 1).await;
    let second = captured(&records, 2).await;
    let mut database = database(dir.path()).await;
    // What a station never writes: an analysis without anything in it.
    let damage = "UPDATE inspection SET screening = '{}' WHERE sequence = 1";
    assert!(!refused(&mut database, damage).await);
    let until = UnixMillis(NOON.0 + 60_000);
    for _ in 0..2 {
        let work = records.lease_analysis(NOON, until).await.unwrap().unwrap();
        assert_eq!(work.lease.id, second);
        let depth = records.depth(Queue::Analysis).await.unwrap();
        assert_eq!((depth.waiting, depth.parked), (1, 1));
        let setback = Setback {
            obstacle: Obstacle::Transient,
            reason: "no answer".into(),
            next_try_at: NOON,
        };
        records
            .set_back(Queue::Analysis, second, &setback)
            .await
            .unwrap();
        // What `sync --once` begins with.
        assert_eq!(records.retry(Queue::Analysis, None, NOON).await, Ok(2));
    }
    let reason: String = sqlx::query_scalar("SELECT reason FROM work WHERE sequence = 1")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert!(reason.contains("cannot be read"), "{reason}");
}

#[tokio::test]
async fn a_database_of_a_newer_station_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).await.close().await;
    let mut database = database(dir.path()).await;
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'newer', 1, x'00', 0)";
    assert!(!refused(&mut database, newer).await);
    let opened = wiko_store::SqliteRecords::open(dir.path(), wiko_store::StoreOptions::default());
    let error = opened.await.unwrap_err();
    assert!(
        matches!(error, wiko_core::ports::StoreError::TooNew { .. }),
        "{error}"
    );
    let error = wiko_store::RecordsReader::open(dir.path())
        .await
        .unwrap_err();
    assert!(
        matches!(error, wiko_core::ports::StoreError::TooNew { .. }),
        "{error}"
    );
}

/// Parts a second apart, nearly all good, without pictures.
async fn fill(database: &mut SqliteConnection, parts: u32) {
    let analysis = serde_json::to_string(&good(&picture(1).facts())).unwrap();
    let stages = Stage::ALL.iter().map(|stage| format!("'{stage}'"));
    let stages = stages.collect::<Vec<_>>().join(",");
    let sql = format!(
        "WITH RECURSIVE part(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM part WHERE n < {parts})
         INSERT INTO inspection (id, captured_at, facility, station, stage, product_sku, shift,
            operator, camera, frame_sequence, exposed_at, image_sha256, image_size_bytes,
            image_width_px, image_height_px, image_format, verdict, decided_at, analysis,
            worst_severity, worst_defect_type, findings)
         SELECT format('%08x-0000-7000-8000-000000000000', n), {noon} + n * 1000, 'yangjiang',
            'yj-1', json_array({stages}) ->> (n % 14), 'WK-KN-' || (100 + n % 3 * 50), 'A', 'op-7',
            'simulated', n, n, '{sha}', 1, 1920, 1080, 'jpeg',
            iif(n % 500 = 0, 'fail', 'pass'), 1, '{analysis}',
            iif(n % 500 = 0, iif(n % 5000 = 0, 'critical', 'minor'), NULL),
            iif(n % 500 = 0, 'blade_scratch', NULL), n % 500 = 0
         FROM part",
        noon = NOON.0,
        sha = picture(1).facts().sha256,
    );
    sqlx::query(AssertSqlSafe(sql))
        .execute(database)
        .await
        .unwrap();
}

/// Prints figures; run it with `--run-ignored only --no-capture`.
#[tokio::test]
#[ignore = "a measurement"]
async fn pages_and_tallies_over_200_000_parts() {
    const PARTS: u32 = 200_000;
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    fill(&mut database(dir.path()).await, PARTS).await;
    let at = |n: u32| Some(UnixMillis(NOON.0 + i64::from(n) * 1000));
    let any = HistoryFilter::default;
    let filters = [
        ("newest", any()),
        (
            "an old shift",
            HistoryFilter {
                from: at(20_000),
                to: at(48_800),
                ..any()
            },
        ),
        (
            "from the middle",
            HistoryFilter {
                to: at(100_000),
                ..any()
            },
        ),
        (
            "stage",
            HistoryFilter {
                stage: Some(Stage::LogoPrint),
                ..any()
            },
        ),
        (
            "fail",
            HistoryFilter {
                disposition: Some(Disposition::Fail),
                ..any()
            },
        ),
        (
            "pending: none",
            HistoryFilter {
                disposition: Some(Disposition::Pending),
                ..any()
            },
        ),
        (
            "critical",
            HistoryFilter {
                severity: Some(Severity::Critical),
                ..any()
            },
        ),
        (
            "fail at a stage in an old shift",
            HistoryFilter {
                from: at(20_000),
                to: at(48_800),
                stage: Some(Stage::LogoPrint),
                disposition: Some(Disposition::Fail),
                ..any()
            },
        ),
    ];
    for (name, filter) in filters {
        for after in [None, Some(HistoryCursor(i64::from(PARTS) / 2))] {
            let mut ms: Vec<_> = Vec::new();
            let mut rows = 0;
            for _ in 0..21 {
                let begin = Instant::now();
                rows = records
                    .history(&filter, after, 50)
                    .await
                    .unwrap()
                    .rows
                    .len();
                ms.push(begin.elapsed().as_secs_f64() * 1e3);
            }
            ms.sort_by(f64::total_cmp);
            println!("{name} {after:?}: {rows} rows, median {:.2} ms", ms[10]);
        }
    }
    for (name, from, to) in [("shift", 20_000, 48_800), ("everything", 0, PARTS + 1)] {
        let begin = Instant::now();
        let tally = records
            .tally(at(from).unwrap(), at(to).unwrap())
            .await
            .unwrap();
        let ms = begin.elapsed().as_secs_f64() * 1e3;
        println!("tally of {name}: {} parts, {ms:.2} ms", tally.inspected());
    }
    let begin = Instant::now();
    let work = records
        .lease_upload(NOON, UnixMillis(NOON.0 + 1))
        .await
        .unwrap();
    println!(
        "lease: {:.2} ms, {}",
        begin.elapsed().as_secs_f64() * 1e3,
        work.is_some()
    );
}
