//! What the station says of records, pictures and models that are damaged, and what it refuses then.

use crate::{
    pictures,
    queue::{inspected, offline},
    station::{Ran, TestStation},
};
use serde_json::Value;
use std::{
    io::{Seek, SeekFrom, Write},
    path::Path,
};
use wiko_core::{
    ports::Records,
    queue::{Obstacle, Queue, Setback},
    time::UnixMillis,
};
use wiko_store::{SqliteRecords, StoreOptions};

fn check<'a>(doctor: &'a Ran, name: &str) -> &'a Value {
    let checks = doctor.events("check");
    let found = checks.into_iter().find(|check| check["check"] == name);
    found.unwrap_or_else(|| panic!("no check {name}: {}", doctor.told()))
}

fn check_that_it_is_damaged(station: &TestStation) {
    let doctor = station.run(&["doctor"]);
    assert_eq!(doctor.status, 1, "{}", doctor.told());
    let database = check(&doctor, "database");
    assert_eq!(database["state"], "failed", "{database}");
    let remedy = database["remedy"].as_str().unwrap();
    assert!(remedy.contains("wiko-station restore FILE"), "{database}");

    std::fs::write(station.data_dir().join("fault"), "the disk failed").unwrap();
    let cleared = station.run(&["storage", "clear-fault"]);
    assert_eq!(cleared.status, 1, "{}", cleared.told());
    assert!(
        cleared.stderr.contains("the fault stays") && cleared.stderr.contains("restore FILE"),
        "{}",
        cleared.told()
    );
    assert!(station.data_dir().join("fault").exists());
}

#[test]
fn a_fault_is_not_cleared_while_the_database_is_none_and_the_doctor_says_to_restore() {
    let station = offline();
    inspected(&station, 1);
    // Closed in order: what lies in the log alone would still be there.
    assert_eq!(station.run(&["verify"]).status, 0);
    std::fs::write(station.data_dir().join("wiko.sqlite3"), b"no database").unwrap();
    check_that_it_is_damaged(&station);
}

#[test]
fn a_fault_is_not_cleared_while_pages_of_the_database_are_damaged() {
    let station = offline();
    inspected(&station, 3);
    let path = station.data_dir().join("wiko.sqlite3");
    // Opened and closed in order, so that all of it lies in the file.
    assert_eq!(station.run(&["verify"]).status, 0);
    let bytes = std::fs::metadata(&path).unwrap().len();
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    // The schema stays readable, and so it opens.
    let kept = bytes / 2;
    file.seek(SeekFrom::Start(kept)).unwrap();
    let rest = usize::try_from(bytes - kept).unwrap();
    file.write_all(&vec![0xa5; rest]).unwrap();
    drop(file);
    check_that_it_is_damaged(&station);
}

async fn database(data_dir: &Path) -> sqlx::SqliteConnection {
    use sqlx::Connection;
    let path = data_dir.join("wiko.sqlite3");
    sqlx::SqliteConnection::connect(&format!("sqlite://{}", path.display()))
        .await
        .unwrap()
}

/// Takes the last migration's row out, so that the database looks like an older station's.
async fn aged(data_dir: &Path) {
    let mut database = database(data_dir).await;
    let taken = sqlx::query(
        "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)",
    )
    .execute(&mut database)
    .await
    .unwrap();
    assert_eq!(taken.rows_affected(), 1);
    sqlx::Connection::close(database).await.unwrap();
}

#[tokio::test]
async fn verify_finds_a_trail_wrong_whose_signatures_were_taken_away() {
    let station = offline().with("WIKO_STATION_SIGNING_KEY", &"5a".repeat(32));
    inspected(&station, 1);
    let signed = station.run(&["verify"]);
    assert_eq!(signed.status, 0, "{}", signed.told());

    let mut database = database(&station.data_dir()).await;
    let guards: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit'",
    )
    .fetch_all(&mut database)
    .await
    .unwrap();
    for guard in guards {
        let drop = sqlx::AssertSqlSafe(format!("DROP TRIGGER {guard}"));
        sqlx::query(drop).execute(&mut database).await.unwrap();
    }
    let stripped = sqlx::query(
        "UPDATE audit SET signature = NULL, signing_key = NULL WHERE signature IS NOT NULL",
    )
    .execute(&mut database)
    .await
    .unwrap();
    assert!(stripped.rows_affected() > 0);
    sqlx::Connection::close(database).await.unwrap();
    let verified = station.run(&["verify"]);
    assert_eq!(verified.status, 1, "{}", verified.told());
    let audit = check(&verified, "audit");
    assert!(
        audit["wrong"].to_string().contains("no row is signed"),
        "{audit}"
    );
}

#[tokio::test]
async fn a_record_that_was_changed_in_the_database_is_not_vouched_for() {
    let station = offline();
    inspected(&station, 1);
    let id = station.run(&["history"]).event("inspection")["id"].clone();
    let id = id.as_str().unwrap();
    assert_eq!(station.run(&["part", id]).status, 0);
    let mut database = database(&station.data_dir()).await;
    sqlx::query(
        "UPDATE inspection SET verdict = 'undetermined', undetermined_reason = 'image_unfit', decided_at = 1",
    )
    .execute(&mut database)
    .await
    .unwrap();
    sqlx::Connection::close(database).await.unwrap();
    let part = station.run(&["part", id]);
    assert_eq!(part.status, 1, "{}", part.told());
    assert!(
        part.stderr.contains("do not trust this record"),
        "{}",
        part.told()
    );
}

#[tokio::test]
async fn the_doctor_has_an_older_database_brought_up_to_date_and_not_restored() {
    let station = offline();
    inspected(&station, 1);
    assert_eq!(station.run(&["verify"]).status, 0);
    aged(&station.data_dir()).await;
    let doctor = station.run(&["doctor"]);
    assert_eq!(doctor.status, 1, "{}", doctor.told());
    let database = check(&doctor, "database");
    let seen = database["seen"].as_str().unwrap();
    assert!(seen.contains("start the station once"), "{database}");
    assert!(!database.to_string().contains("restore"), "{database}");
}

#[test]
fn the_doctor_names_a_screen_model_that_is_damaged() {
    let station = TestStation::new().with("WIKO_ANALYSIS_CHAIN", "screen");
    let good = pictures::file(station.scratch("good.jpg"), &pictures::jpeg(640, 360));
    for stage in ["blade_stamp", "logo_print"] {
        crate::screen::learn(&station, "WK-KN-200", stage, std::slice::from_ref(&good));
    }
    let healthy = station.run(&["doctor"]);
    assert_eq!(check(&healthy, "screen_models")["state"], "ok");
    let model = station
        .data_dir()
        .join("models/WK-KN-200.logo_print.screen");
    let mut bytes = std::fs::read(&model).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&model, bytes).unwrap();
    let doctor = station.run(&["doctor"]);
    assert_eq!(doctor.status, 1, "{}", doctor.told());
    let models = check(&doctor, "screen_models");
    assert_eq!(models["state"], "failed", "{models}");
    let seen = models["seen"].as_str().unwrap();
    assert!(
        seen.contains("logo_print.screen") && seen.contains("screen learn --sku WK-KN-200"),
        "{seen}"
    );
    assert!(!seen.contains("blade_stamp"), "{seen}");
}

/// Parks a part for a person, as a worker does.
async fn parked(data_dir: &Path, id: &str, reason: &str) {
    let options = StoreOptions {
        reserve_bytes: 0,
        ..StoreOptions::default()
    };
    let records = SqliteRecords::open(data_dir, options)
        .await
        .unwrap()
        .records;
    let now = UnixMillis(4_000_000_000_000);
    let leased = records.lease_analysis(now, now).await.unwrap().unwrap();
    assert_eq!(leased.lease.id.to_string(), id);
    let setback = Setback {
        obstacle: Obstacle::NeedsPerson,
        reason: reason.to_owned(),
        next_try_at: now,
    };
    records
        .set_back(Queue::Analysis, leased.lease.id, &setback)
        .await
        .unwrap();
    records.close().await;
}

#[tokio::test]
async fn the_doctor_counts_the_parked_parts_and_says_how_to_see_them() {
    let station = offline();
    let ids = inspected(&station, 1);
    let waiting = station.run(&["doctor"]);
    assert_eq!(
        check(&waiting, "queues")["state"],
        "ok",
        "{}",
        waiting.told()
    );
    parked(&station.data_dir(), &ids[0], "the model is not known").await;
    let doctor = station.run(&["doctor"]);
    let queues = check(&doctor, "queues");
    assert_eq!(queues["state"], "warning", "{queues}");
    // No cloud is configured, so that nothing waits for one.
    assert_eq!(queues["seen"], "analysis: 0 waiting, 1 parked");
    let remedy = queues["remedy"].as_str().unwrap();
    assert!(remedy.contains("queue list --parked"), "{queues}");
    let part = station.run(&["part", &ids[0]]);
    let part = part.event("part");
    assert_eq!(
        (&part["queue"], &part["state"], &part["queue_reason"]),
        (
            &"analysis".into(),
            &"parked".into(),
            &"the model is not known".into()
        ),
    );
}

#[test]
fn a_backup_that_lacks_a_picture_is_made_and_fails_with_its_name() {
    let station = offline();
    let ids = inspected(&station, 2);
    let picture = station.run(&["part", &ids[1]]).event("part")["image"]["path"].clone();
    std::fs::remove_file(picture.as_str().unwrap()).unwrap();
    let file = station.scratch("station.tar");
    let backup = station.run(&["backup", file.to_str().unwrap()]);
    assert_eq!(backup.status, 1, "{}", backup.told());
    assert!(file.exists());
    assert_eq!(backup.event("backed_up")["images"], 1, "{}", backup.told());
    let named = backup.event("refused")["image"].as_str().unwrap();
    assert!(named.contains(&ids[1]), "{}", backup.told());
    assert!(backup.stderr.contains(named), "{}", backup.told());
}

#[cfg(unix)]
#[test]
fn a_backup_into_the_data_directory_is_refused_whatever_leads_there() {
    let station = offline();
    inspected(&station, 1);
    let link = station.scratch("link");
    std::os::unix::fs::symlink(station.data_dir(), &link).unwrap();
    for folder in [station.data_dir(), station.data_dir().join("spool"), link] {
        let file = folder.join("station.tar");
        let backup = station.run(&["backup", file.to_str().unwrap()]);
        assert_eq!(backup.status, 1, "{}", backup.told());
        assert!(
            backup.stderr.contains("lies in the data directory itself"),
            "{}",
            backup.told()
        );
        assert!(!file.exists());
    }
}
