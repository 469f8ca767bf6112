//! What is left after the process ends at any moment.

use crate::open;
use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use wiko_core::{
    id::InspectionId,
    image::Sha256,
    ports::{Records, StoreError},
    queue::{Obstacle, Queue, Setback},
};
use wiko_store::{Depth, RecordsReader, SqliteRecords, StoreOptions};
use wiko_testkit::{
    builders::{NOON, capture, image},
    contracts::records::{captured, passed, picture},
};

const CHILD_DIR: &str = "WIKO_STORE_CAPTURE_LOOP_DIR";

/// Where the picture of a part lies that was captured at [`NOON`] or on the same day.
fn picture_file(data_dir: &Path, id: InspectionId) -> PathBuf {
    data_dir.join(format!("spool/2026-03-01/{id}.jpg"))
}

#[tokio::test]
async fn a_store_that_was_dropped_without_a_close_has_everything_and_no_lease() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    let id = captured(&records, 1).await;
    let until = NOON.plus(Duration::from_secs(9999));
    records.lease_analysis(NOON, until).await.unwrap().unwrap();
    drop(records);
    let records = open(dir.path()).await;
    assert_eq!(
        *records.image(id).await.unwrap().bytes(),
        *picture(1).bytes()
    );
    let work = records.lease_analysis(NOON, until).await.unwrap().unwrap();
    assert_eq!(work.lease.id, id);
}

#[tokio::test]
async fn a_new_run_waits_for_no_due_time_of_the_last() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    let id = captured(&records, 1).await;
    let until = NOON.plus(Duration::from_secs(60));
    records.lease_analysis(NOON, until).await.unwrap().unwrap();
    let setback = Setback {
        obstacle: Obstacle::Transient,
        reason: "no answer".into(),
        next_try_at: until,
    };
    records
        .set_back(Queue::Analysis, id, &setback)
        .await
        .unwrap();
    let early = records.lease_analysis(NOON, until).await.unwrap();
    assert!(early.is_none(), "it is not due");
    records.close().await;
    let records = open(dir.path()).await;
    let work = records.lease_analysis(NOON, until).await.unwrap().unwrap();
    assert_eq!((work.lease.id, work.lease.attempts), (id, 1));
}

#[tokio::test]
async fn files_without_a_row_go_to_quarantine_and_are_never_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    let id = captured(&records, 1).await;
    let kept = picture_file(dir.path(), id);
    records.close().await;
    let day = kept.parent().unwrap();
    let orphan = capture(2).id;
    for name in [
        format!("{orphan}.jpg"),
        format!(".{orphan}.jpg.part"),
        "note".into(),
    ] {
        std::fs::write(day.join(&name), &name).unwrap();
    }
    // The same part under another ending is not the part's picture.
    std::fs::write(kept.with_extension("png"), "other").unwrap();
    let options = StoreOptions {
        reserve_bytes: 0,
        ..StoreOptions::default()
    };
    let opened = SqliteRecords::open(dir.path(), options).await.unwrap();
    assert_eq!(opened.quarantined.len(), 4, "{:?}", opened.quarantined);
    assert!(opened.quarantined.iter().all(|file| {
        file.starts_with(dir.path().join("quarantine")) && std::fs::read(file).is_ok()
    }));
    opened.records.image(id).await.unwrap();
    assert_eq!(opened.records.reader().disk().await.unwrap().quarantined, 4);
    opened.records.close().await;
    open(dir.path()).await;
}

#[tokio::test]
async fn a_picture_that_was_cut_changed_or_removed_is_reported_as_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    for n in 1..=4 {
        captured(&records, n).await;
    }
    let path = |n| picture_file(dir.path(), capture(n).id);
    std::fs::write(path(1), "pict").unwrap();
    std::fs::write(path(2), "Picture 2").unwrap();
    std::fs::remove_file(path(3)).unwrap();
    for n in 1..=3 {
        let error = records.image(capture(n).id).await.unwrap_err();
        assert!(matches!(error, StoreError::ImageDamaged { .. }), "{error}");
    }
    records.image(capture(4).id).await.unwrap();
    let damaged = async |depth| {
        let (looked_at, damaged) = records.reader().verify_images(depth).await.unwrap();
        assert_eq!(looked_at, 4);
        damaged.iter().map(|image| image.id).collect::<Vec<_>>()
    };
    let id = |n| capture(n).id;
    assert_eq!(damaged(Depth::Sizes).await, [id(1), id(3)]);
    assert_eq!(damaged(Depth::Hashes).await, [id(1), id(2), id(3)]);
    assert_eq!(records.fault(), None, "what was read stops no capture");
}

#[tokio::test]
async fn a_second_station_is_refused_and_a_reader_is_not() {
    let dir = tempfile::tempdir().unwrap();
    assert!(RecordsReader::open(dir.path()).await.unwrap().is_none());
    let records = open(dir.path()).await;
    let id = captured(&records, 1).await;
    let second = SqliteRecords::open(dir.path(), StoreOptions::default()).await;
    assert!(matches!(second, Err(StoreError::InUse { .. })));
    let reader = RecordsReader::open(dir.path()).await.unwrap().unwrap();
    assert_eq!(reader.inspection(id).await.unwrap().capture, capture(1));
    assert_eq!(reader.depth(Queue::Analysis).await.unwrap().waiting, 1);
    records.close().await;
    open(dir.path()).await.close().await;
    let reader = RecordsReader::open(dir.path()).await.unwrap().unwrap();
    reader.image(id).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn everything_in_the_data_directory_is_the_station_s_alone() {
    use std::os::unix::fs::PermissionsExt;
    fn check(dir: &Path) -> usize {
        let entries: Vec<_> = std::fs::read_dir(dir)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let below = entries.iter().map(|entry| {
            let found = entry.metadata().unwrap();
            let private = if found.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(found.permissions().mode() & 0o777, private, "{entry:?}");
            if found.is_dir() {
                check(&entry.path())
            } else {
                0
            }
        });
        entries.len() + below.sum::<usize>()
    }
    let dir = tempfile::tempdir().unwrap();
    let records = open(&dir.path().join("data")).await;
    captured(&records, 1).await;
    assert!(check(dir.path()) >= 9);
}

#[tokio::test]
async fn pictures_without_their_database_are_a_fault_and_not_a_new_station() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    let id = captured(&records, 1).await;
    records.close().await;
    let database = dir.path().join("wiko.sqlite3");
    let whole = std::fs::read(&database).unwrap();
    for lost in [None, Some(b"")] {
        match lost {
            None => std::fs::remove_file(&database).unwrap(),
            Some(nothing) => std::fs::write(&database, nothing).unwrap(),
        }
        let opened = SqliteRecords::open(dir.path(), StoreOptions::default()).await;
        let reader = RecordsReader::open(dir.path()).await;
        for error in [opened.err(), reader.err()] {
            let told = error.unwrap().to_string();
            assert!(told.contains("no database"), "{told}");
        }
        assert!(picture_file(dir.path(), id).exists());
        std::fs::write(&database, &whole).unwrap();
    }
    open(dir.path()).await.image(id).await.unwrap();
}

/// Not a test of its own: what [`no_acknowledged_capture_is_lost_by_a_kill`] runs and kills.
#[tokio::test]
async fn capture_loop() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else {
        return;
    };
    let options = StoreOptions {
        reserve_bytes: 0,
        ..StoreOptions::default()
    };
    let opened = SqliteRecords::open(Path::new(&dir), options).await.unwrap();
    let first = opened
        .records
        .tally(NOON, NOON.plus(Duration::from_secs(1 << 30)));
    let first = u32::try_from(first.await.unwrap().inspected()).unwrap();
    // From its own process id on, so that no two runs make the same part.
    let base = std::process::id() * 1000;
    for n in first.. {
        let part = capture(base + n % 1000);
        let picture = image(part.id.to_string().repeat(100).as_bytes());
        opened.records.capture(&part, &picture).await.unwrap();
        println!("\nack {} {}", part.id, picture.facts().sha256);
        std::io::stdout().flush().unwrap();
    }
}

#[tokio::test]
async fn no_acknowledged_capture_is_lost_by_a_kill() {
    const KILLS: u32 = 20;
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = vec![];
    for round in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["crash::capture_loop", "--exact", "--nocapture"])
            .env(CHILD_DIR, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acks = lines.map_while(Result::ok).filter_map(|line| {
            let mut words = line.strip_prefix("ack ")?.split(' ').map(str::to_owned);
            Some((words.next()?, words.next()?))
        });
        // Killed at another moment of the capture each time.
        acknowledged.extend(acks.by_ref().take(2));
        let spin = Instant::now();
        while spin.elapsed() < Duration::from_micros(u64::from(round) * 197) {}
        child.kill().unwrap();
        acknowledged.extend(acks);
        child.wait().unwrap();
    }
    assert!(
        acknowledged.len() >= KILLS as usize,
        "{}",
        acknowledged.len()
    );
    let options = StoreOptions {
        reserve_bytes: 0,
        ..StoreOptions::default()
    };
    let opened = SqliteRecords::open(dir.path(), options).await.unwrap();
    for (id, sha256) in &acknowledged {
        let image = opened.records.image(id.parse().unwrap()).await.unwrap();
        assert_eq!(image.facts().sha256, sha256.parse::<Sha256>().unwrap());
    }
    let (_, damaged) = opened
        .records
        .reader()
        .verify_images(Depth::Hashes)
        .await
        .unwrap();
    assert_eq!(damaged, []);
    let depth = opened.records.depth(Queue::Analysis).await.unwrap();
    assert!(depth.waiting >= acknowledged.len() as u64);
}

/// What a power cut leaves of a station that captured and decided parts: a copy of its data directory.
async fn cut_off(parts: u32) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    for n in 1..=parts {
        captured(&records, n).await;
        passed(&records, n).await;
    }
    let left = tempfile::tempdir().unwrap();
    let copied = Command::new("cp")
        .args(["-a", "--", &format!("{}/.", dir.path().display())])
        .arg(left.path())
        .status()
        .unwrap();
    assert!(copied.success());
    records.close().await;
    left
}

#[tokio::test]
async fn a_log_that_lost_what_was_committed_is_kept_and_stops_capture() {
    let left = cut_off(6).await;
    let wal = left.path().join("wiko.sqlite3-wal");
    let mut log = std::fs::read(&wal).unwrap();
    let middle = log.len() / 2;
    log[middle] ^= 0xff;
    std::fs::write(&wal, &log).unwrap();

    let opened = SqliteRecords::open(
        left.path(),
        StoreOptions {
            reserve_bytes: 0,
            ..StoreOptions::default()
        },
    );
    let opened = opened.await.unwrap();
    let fault = opened.records.fault().unwrap();
    assert!(fault.contains("write-ahead log is damaged"), "{fault}");
    assert!(
        !opened.quarantined.is_empty(),
        "pictures that lost their row"
    );
    let refused = opened.records.capture(&capture(90), &picture(90)).await;
    assert!(refused.unwrap_err().stops_capture());
    let kept = left.path().join("quarantine/wiko.sqlite3-wal.damaged-1");
    assert_eq!(std::fs::read(kept).unwrap(), log);
}

#[tokio::test]
async fn a_log_whose_end_is_torn_is_what_a_power_cut_leaves() {
    let left = cut_off(6).await;
    let wal = left.path().join("wiko.sqlite3-wal");
    let whole = std::fs::read(&wal).unwrap();
    // Cut short by half a page, and with a last frame of which the disk kept something else.
    let short = whole[..whole.len() - 2000].to_vec();
    let mut torn = whole.clone();
    let last = torn.len() - 100;
    torn[last] ^= 0xff;
    for log in [short, torn] {
        let again = tempfile::tempdir().unwrap();
        for entry in ["wiko.sqlite3", "lock"] {
            std::fs::copy(left.path().join(entry), again.path().join(entry)).unwrap();
        }
        std::fs::write(again.path().join("wiko.sqlite3-wal"), log).unwrap();
        let records = open(again.path()).await;
        assert_eq!(records.fault(), None);
        captured(&records, 90).await;
        let log = again.path().join("wiko.sqlite3-wal");
        records.close().await;
        assert!(!log.exists());
    }
}
