//! Backups are made, damaged in every way, and restored.

use crate::open;
use sqlx::{Connection, SqliteConnection};
use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use wiko_core::{
    defect::DefectType,
    history::HistoryFilter,
    inspection::{OperatorCall, OperatorDecision},
    ports::{Records, StoreError},
    queue::Queue,
};
use wiko_store::{
    BackupError, BackupExtra, BackupImages, BackupReport, BackupRequest, Depth, RestoreError,
    RetentionPolicy, SqliteRecords, StoreOptions, restore,
};
use wiko_testkit::{
    builders::{NOON, capture, image},
    contracts::records::{captured, failed, passed, picture},
};

fn request(file: &Path, images: BackupImages) -> BackupRequest {
    BackupRequest {
        file: file.to_owned(),
        images,
        extra: vec![BackupExtra {
            name: "station.toml".into(),
            bytes: b"[station]\nname = \"yj-1\"\n".to_vec(),
        }],
        station: "yj-1".into(),
        version: "1.0.0".into(),
        made_at: NOON,
    }
}

async fn backed_up(records: &SqliteRecords, file: &Path, images: BackupImages) -> BackupReport {
    records
        .reader()
        .back_up(request(file, images))
        .await
        .unwrap()
}

async fn uploaded(records: &SqliteRecords, n: u32) {
    let id = capture(n).id;
    let revision = records.inspection(id).await.unwrap().revision;
    let url = format!("s3://bucket/{id}.jpg");
    records.uploaded(id, revision, &url, NOON).await.unwrap();
}

/// Parts in every state: 1 pending, 2 decided, 3 verified, 4 verified and corrected, 5 verified and removed.
async fn station(dir: &Path) -> SqliteRecords {
    let records = open(dir).await;
    for n in 1..=5 {
        captured(&records, n).await;
    }
    failed(&records, 2, DefectType::RustSpot).await;
    failed(&records, 3, DefectType::BladeScratch).await;
    failed(&records, 4, DefectType::BladeScratch).await;
    passed(&records, 5).await;
    for n in 3..=5 {
        uploaded(&records, n).await;
    }
    let said = OperatorDecision {
        call: OperatorCall::Accept,
        operator: "op-9".into(),
        reason: Some("reflection".into()),
        decided_at: NOON,
    };
    records
        .operator_decided(capture(4).id, &said)
        .await
        .unwrap();
    let now = NOON.plus(Duration::from_secs(3600));
    let good_ones_go = RetentionPolicy {
        keep: Duration::ZERO,
        keep_defects: Duration::from_secs(1 << 30),
        budget_bytes: None,
        free_floor_bytes: 0,
    };
    assert_eq!(records.retain(&good_ones_go, now).await.unwrap().removed, 1);
    records
}

async fn restored(file: &Path, dir: &Path) -> SqliteRecords {
    restore(file, dir, NOON, "tech").await.unwrap();
    open(dir).await
}

#[tokio::test]
async fn a_restored_station_has_every_record_and_goes_on_where_it_was() {
    let root = tempfile::tempdir().unwrap();
    let (from, to, file) = (
        root.path().join("a"),
        root.path().join("b"),
        root.path().join("x.tar"),
    );
    let records = station(&from).await;
    let report = backed_up(&records, &file, BackupImages::All).await;
    assert_eq!(
        (report.records, report.images, report.images_in_the_cloud),
        (5, 4, 1)
    );
    assert_eq!(report.damaged, []);
    assert_eq!(report.bytes, fs::metadata(&file).unwrap().len());

    let copy = restored(&file, &to).await;
    for n in 1..=5 {
        let (id, mut there) = (capture(n).id, copy.inspection(capture(n).id).await.unwrap());
        let here = records.inspection(id).await.unwrap();
        there.image_removed = here.image_removed.clone();
        assert_eq!(there, here);
        match (copy.image(id).await, records.image(id).await) {
            (Ok(there), Ok(here)) => assert_eq!(there.bytes(), here.bytes()),
            (there, here) => assert_eq!(there.unwrap_err(), here.unwrap_err()),
        }
    }
    for queue in [Queue::Analysis, Queue::Upload] {
        assert_eq!(copy.depth(queue).await, records.depth(queue).await);
    }
    assert_eq!(
        fs::read(to.join("station.toml")).unwrap(),
        b"[station]\nname = \"yj-1\"\n"
    );
    // The sequence goes on, and nothing is given twice.
    let next = copy.capture(&capture(6), &picture(6)).await.unwrap();
    assert_eq!(next, 6);
    let rows = copy.reader().audit(None, false, 1).await.unwrap();
    assert_eq!(
        rows[0].entry.category,
        wiko_core::audit::AuditCategory::Restore
    );
    assert_eq!(rows[0].entry.identity, "tech");
}

#[tokio::test]
async fn what_the_cloud_has_may_be_left_out_and_counts_as_removed_here() {
    let root = tempfile::tempdir().unwrap();
    let (from, to, file) = (
        root.path().join("a"),
        root.path().join("b"),
        root.path().join("x.tar"),
    );
    let records = station(&from).await;
    let report = backed_up(&records, &file, BackupImages::Unsent).await;
    assert_eq!((report.images, report.images_in_the_cloud), (2, 3));
    let copy = restored(&file, &to).await;
    for n in 1..=2 {
        copy.image(capture(n).id).await.unwrap();
    }
    for n in 3..=5 {
        let told = copy.image(capture(n).id).await.unwrap_err();
        assert!(matches!(told, StoreError::ImageRemoved { .. }), "{told}");
    }
    assert_eq!(
        copy.reader().verify_images(Depth::Hashes).await.unwrap().1,
        []
    );
    // The correction of 4 waits, and is sent without its picture.
    assert_eq!(copy.depth(Queue::Upload).await.unwrap().waiting, 2);
}

#[tokio::test]
async fn a_backup_during_captures_is_whole() {
    let root = tempfile::tempdir().unwrap();
    let (from, to, file) = (
        root.path().join("a"),
        root.path().join("b"),
        root.path().join("x.tar"),
    );
    let records = Arc::new(open(&from).await);
    for n in 0..50 {
        captured(&*records, n).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let (busy, stopped) = (records.clone(), stop.clone());
    let capturing = tokio::spawn(async move {
        let mut n = 50;
        while !stopped.load(Ordering::SeqCst) {
            let picture = image(&n.to_string().repeat(40_000).into_bytes());
            busy.capture(&capture(n), &picture).await.unwrap();
            n += 1;
        }
        u64::from(n)
    });
    let report = backed_up(&records, &file, BackupImages::Unsent).await;
    stop.store(true, Ordering::SeqCst);
    let all = capturing.await.unwrap();
    assert!(
        report.records >= 50 && report.records <= all,
        "{} of {all}",
        report.records
    );
    assert_eq!(report.images, report.records);
    let copy = restored(&file, &to).await;
    assert_eq!(
        copy.reader().verify_images(Depth::Hashes).await.unwrap().1,
        []
    );
    let page = copy
        .history(&HistoryFilter::default(), None, 1000)
        .await
        .unwrap();
    assert_eq!(page.rows.len() as u64, report.records.min(1000));
    for row in page.rows {
        copy.image(row.id).await.unwrap();
    }
}

#[tokio::test]
async fn a_backup_replaces_nothing_and_leaves_nothing_half_done() {
    let root = tempfile::tempdir().unwrap();
    let records = station(&root.path().join("a")).await;
    let folder = root.path().join("backups");
    let file = folder.join("x.tar");
    let to = |file: &Path| request(file, BackupImages::All);
    let refused = records.reader().back_up(to(&file)).await.unwrap_err();
    assert!(matches!(refused, BackupError::NoFolder { .. }), "{refused}");
    fs::create_dir(&folder).unwrap();
    fs::write(&file, "mine").unwrap();
    let refused = records.reader().back_up(to(&file)).await.unwrap_err();
    assert!(matches!(refused, BackupError::Exists { .. }), "{refused}");
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    fs::remove_file(&file).unwrap();
    backed_up(&records, &file, BackupImages::All).await;
    let names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["x.tar"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}

#[tokio::test]
async fn damaged_pictures_are_named_and_the_rest_is_backed_up() {
    let root = tempfile::tempdir().unwrap();
    let (from, to, file) = (
        root.path().join("a"),
        root.path().join("b"),
        root.path().join("x.tar"),
    );
    let records = station(&from).await;
    let path = |n| from.join(format!("spool/2026-03-01/{}.jpg", capture(n).id));
    fs::write(path(1), "other").unwrap();
    fs::remove_file(path(2)).unwrap();
    let report = backed_up(&records, &file, BackupImages::Unsent).await;
    assert_eq!(report.damaged.len(), 2, "{:?}", report.damaged);
    let told = restore(&file, &to, NOON, "tech").await.unwrap();
    assert_eq!(told.damaged, report.damaged);
    let copy = open(&to).await;
    for n in 1..=2 {
        let told = copy.image(capture(n).id).await.unwrap_err();
        assert!(matches!(told, StoreError::ImageDamaged { .. }), "{told}");
    }
}

#[tokio::test]
async fn a_restore_goes_into_an_empty_folder_only() {
    let root = tempfile::tempdir().unwrap();
    let (from, file) = (root.path().join("a"), root.path().join("x.tar"));
    let records = station(&from).await;
    backed_up(&records, &file, BackupImages::All).await;
    let refused = restore(&file, &from, NOON, "tech").await.unwrap_err();
    assert!(
        matches!(refused, RestoreError::NotEmpty { .. }),
        "{refused}"
    );
    records.close().await;
    let refused = restore(&file, &from, NOON, "tech").await.unwrap_err();
    assert!(
        matches!(refused, RestoreError::NotEmpty { .. }),
        "{refused}"
    );
    open(&from).await.image(capture(1).id).await.unwrap();

    // The folder's own log does not count, and stays.
    let to = root.path().join("b");
    fs::create_dir_all(to.join("logs")).unwrap();
    fs::write(to.join("logs/station.jsonl"), "{}").unwrap();
    restored(&file, &to).await.close().await;
    assert_eq!(fs::read(to.join("logs/station.jsonl")).unwrap(), b"{}");
}

/// What lies beside the data directory after a refused restore.
fn left(root: &Path) -> Vec<PathBuf> {
    let mut left: Vec<_> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    left.sort();
    left
}

#[tokio::test]
async fn every_damage_to_a_backup_is_refused_and_nothing_is_put_in_place() {
    let root = tempfile::tempdir().unwrap();
    let (from, file) = (root.path().join("a"), root.path().join("x.tar"));
    let records = station(&from).await;
    backed_up(&records, &file, BackupImages::All).await;
    let whole = fs::read(&file).unwrap();
    let before = left(root.path());
    let to = root.path().join("b");
    let damaged = root.path().join("damaged.tar");
    let refused = async |bytes: &[u8], how: &str| {
        fs::write(&damaged, bytes).unwrap();
        let refused = restore(&damaged, &to, NOON, "tech").await;
        fs::remove_file(&damaged).unwrap();
        assert_eq!(left(root.path()), before, "{how}");
        refused.expect_err(how)
    };
    // Cut off anywhere, as by a full disk or a pulled stick.
    for part in 0..16 {
        let length = whole.len() * part / 16;
        let error = refused(&whole[..length], &format!("cut at {length}")).await;
        assert!(
            !matches!(error, RestoreError::Io { .. } | RestoreError::Store(_)),
            "{length}: {error}"
        );
    }
    // One bit anywhere in a member; between members lies padding, which says nothing.
    let mut archive = tar::Archive::new(&whole[..]);
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let (at, size) = (entry.raw_file_position() as usize, entry.size() as usize);
        let name = entry.path().unwrap().display().to_string();
        let mut flipped = whole.clone();
        flipped[at + size / 2] ^= 4;
        let error = refused(&flipped, &name).await;
        assert!(
            !matches!(error, RestoreError::Io { .. } | RestoreError::Store(_)),
            "{name}: {error}"
        );
    }
    let error = refused(b"not an archive at all", "text").await;
    assert!(matches!(error, RestoreError::Foreign { .. }), "{error}");
}

fn archive(members: &[(&str, &[u8], tar::EntryType)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(vec![]);
    for (name, content, kind) in members {
        let mut header = tar::Header::new_gnu();
        // Past the crate's own refusal of such names.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_entry_type(*kind);
        if *kind == tar::EntryType::Symlink {
            header.set_link_name("/etc").unwrap();
        }
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

#[tokio::test]
async fn a_foreign_a_newer_and_a_malicious_archive_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("x.tar");
    let to = root.path().join("b");
    let mark = ("wiko-station-backup", &b"1\n"[..], tar::EntryType::Regular);
    let refused = async |members: &[(&str, &[u8], tar::EntryType)]| {
        fs::write(&file, archive(members)).unwrap();
        let refused = restore(&file, &to, NOON, "tech").await.unwrap_err();
        assert_eq!(
            left(root.path()),
            std::slice::from_ref(&file),
            "{members:?}"
        );
        refused
    };
    let regular = tar::EntryType::Regular;
    let error = refused(&[("holiday.jpg", b"x", regular)]).await;
    assert!(matches!(error, RestoreError::Foreign { .. }), "{error}");
    let error = refused(&[("wiko.sqlite3", b"x", regular), mark]).await;
    assert!(matches!(error, RestoreError::Foreign { .. }), "{error}");
    let error = refused(&[("wiko-station-backup", b"2\n", regular)]).await;
    assert!(matches!(error, RestoreError::Newer { .. }), "{error}");
    for (name, kind) in [
        ("../outside", regular),
        ("/tmp/wiko-outside", regular),
        ("models/../../outside", regular),
        ("models", tar::EntryType::Symlink),
        ("models/link", tar::EntryType::Symlink),
        ("station.toml", tar::EntryType::Link),
        ("models/pipe", tar::EntryType::Fifo),
    ] {
        let error = refused(&[mark, (name, b"", kind)]).await;
        assert!(
            matches!(error, RestoreError::Foreign { .. }),
            "{name}: {error}"
        );
    }
    let error = refused(&[
        mark,
        ("models/a", b"1", regular),
        ("models/a", b"2", regular),
    ])
    .await;
    assert!(matches!(error, RestoreError::Damaged { .. }), "{error}");
}

fn disk_checked() -> wiko_core::audit::AuditEntry {
    wiko_core::audit::AuditEntry {
        at: NOON,
        source: wiko_core::audit::AuditSource::CommandLine,
        category: wiko_core::audit::AuditCategory::Storage,
        identity: "tech".into(),
        subject: Some("storage_fault".into()),
        result: wiko_core::audit::AuditResult::Done,
        detail: "disk checked".into(),
    }
}

#[tokio::test]
async fn a_fault_is_not_cleared_while_a_page_of_the_database_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    captured(&records, 1).await;
    records.close().await;
    let database = dir.path().join("wiko.sqlite3");
    let mut still = SqliteConnection::connect(&format!("sqlite://{}", database.display()))
        .await
        .unwrap();
    let page: u64 = sqlx::query_scalar(
        "SELECT rootpage FROM sqlite_schema WHERE name = 'inspection_by_disposition_stage_and_sku'",
    )
    .fetch_one(&mut still)
    .await
    .unwrap();
    still.close().await.unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(&database).unwrap();
    file.seek(SeekFrom::Start((page - 1) * 4096)).unwrap();
    file.write_all(&[0xff; 4096]).unwrap();
    fs::write(dir.path().join("fault"), "input/output error\n").unwrap();

    let records = open(dir.path()).await;
    let refused = records.clear_fault(&disk_checked()).await.unwrap_err();
    assert!(
        refused.to_string().contains("restore the last backup"),
        "{refused}"
    );
    assert!(records.check_writable().await.is_err(), "the fault stays");
    assert!(dir.path().join("fault").exists());
}

#[tokio::test]
async fn a_fault_stays_over_a_new_start_until_a_person_clears_it() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    captured(&records, 1).await;
    records.close().await;
    fs::write(
        dir.path().join("fault"),
        "writing a picture: input/output error\n",
    )
    .unwrap();

    let options = StoreOptions {
        reserve_bytes: 0,
        ..StoreOptions::default()
    };
    let records = SqliteRecords::open(dir.path(), options)
        .await
        .unwrap()
        .records;
    let refused = records.capture(&capture(2), &picture(2)).await.unwrap_err();
    assert!(
        refused.to_string().contains("input/output error"),
        "{refused}"
    );
    assert!(records.check_writable().await.is_err());
    let report = records.reader().storage().await.unwrap();
    assert!(report.fault.unwrap().contains("writing a picture"));
    // What is there goes on.
    passed(&records, 1).await;

    let said = disk_checked();
    records.clear_fault(&said).await.unwrap();
    captured(&records, 3).await;
    let rows = records.reader().audit(None, false, 1).await.unwrap();
    assert_eq!(rows[0].entry, said);
    assert!(!dir.path().join("fault").exists());
    records.close().await;
    captured(&open(dir.path()).await, 4).await;
}
