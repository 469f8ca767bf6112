//! Disks that are full or read-only. They are mounted, so these tests need root.

use crate::open;
use std::{path::Path, process::Command, sync::Arc};
use wiko_core::{
    history::HistoryFilter,
    ports::{Records, StoreError},
    verdict::Verdict,
};
use wiko_store::{BallastedRecords, RecordsReader, SqliteRecords, StoreOptions};
use wiko_testkit::{
    builders::{NOON, capture, image},
    contracts::records::captured,
};

/// A small disk of its own; unmounted when dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    /// `None`, and the skipped test is noted, where nothing may be mounted.
    fn mount(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        if run(
            "mount",
            &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"],
            dir.path(),
        ) {
            Some(Self(dir))
        } else {
            wiko_testkit::skip::skip("a small disk can be mounted by root only");
            None
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("umount", &["-l"], self.path());
    }
}

fn run(program: &str, arguments: &[&str], path: &Path) -> bool {
    Command::new(program)
        .args(arguments)
        .arg(path)
        .output()
        .is_ok_and(|output| output.status.success())
}

#[tokio::test]
async fn a_full_disk_refuses_captures_and_loses_nothing() {
    let Some(disk) = Disk::mount("8m") else {
        return;
    };
    let records = open(disk.path()).await;
    // What a person frees when the disk is full.
    let spare = disk.path().join("spare");
    std::fs::write(&spare, vec![0; 1 << 20]).unwrap();
    let mut kept = vec![];
    let refused = loop {
        let n = u32::try_from(kept.len()).unwrap();
        let picture = image(&[n as u8; 200_000]);
        match records.capture(&capture(n), &picture).await {
            Ok(_) => kept.push(picture),
            Err(error) => break error,
        }
        assert!(kept.len() < 100, "the disk does not fill");
    };
    assert!(matches!(refused, StoreError::DiskFull { .. }), "{refused}");
    assert!(kept.len() > 10);
    assert_eq!(records.fault(), None);
    let page = records.history(&HistoryFilter::default(), None, 100).await;
    assert_eq!(page.unwrap().rows.len(), kept.len());

    // To the last byte: now rows cannot be written either.
    let filler = disk.path().join("filler");
    let _ = std::fs::write(&filler, vec![0; 8 << 20]);
    for n in 500..600 {
        let refused = records.capture(&capture(n), &image(b"small")).await;
        if let Err(refused) = refused {
            assert!(matches!(refused, StoreError::DiskFull { .. }), "{refused}");
        }
    }
    let refused = records.check_writable().await.unwrap_err();
    assert!(matches!(refused, StoreError::DiskFull { .. }), "{refused}");
    assert_eq!(records.fault(), None);
    for (n, picture) in (0..).zip(&kept) {
        let image = records.image(capture(n).id).await.unwrap();
        assert_eq!(image.facts(), picture.facts());
    }
    std::fs::remove_file(filler).unwrap();
    std::fs::remove_file(spare).unwrap();
    records.check_writable().await.unwrap();
    captured(&records, 900).await;
    records.close().await;
    let records = open(disk.path()).await;
    records.image(capture(0).id).await.unwrap();
}

#[tokio::test]
async fn below_the_reserve_nothing_is_captured_and_decisions_are_still_written() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    let id = captured(&records, 1).await;
    records.close().await;
    let options = StoreOptions {
        reserve_bytes: u64::MAX,
        ..StoreOptions::default()
    };
    let records = SqliteRecords::open(dir.path(), options)
        .await
        .unwrap()
        .records;
    let refused = records.capture(&capture(2), &image(b"2")).await;
    let refused = refused.unwrap_err();
    assert!(matches!(refused, StoreError::DiskFull { .. }), "{refused}");
    // It is not full: the sentence says how much is free, and which setting keeps it so.
    let told = refused.to_string();
    assert!(
        told.contains(" MB are free") && told.contains("reserve_mb") && !told.contains("full"),
        "{told}"
    );
    let refused = records.check_writable().await;
    assert!(matches!(refused, Err(StoreError::DiskFull { .. })));
    wiko_testkit::contracts::records::passed(&records, 1).await;
    assert!(records.inspection(id).await.unwrap().decision.is_some());
}

#[tokio::test]
async fn a_read_only_disk_is_named_as_such() {
    let Some(disk) = Disk::mount("8m") else {
        return;
    };
    let records = open(disk.path()).await;
    captured(&records, 1).await;
    records.close().await;
    assert!(run("mount", &["-o", "remount,ro"], disk.path()));
    let refused = SqliteRecords::open(disk.path(), StoreOptions::default()).await;
    assert!(
        matches!(refused, Err(StoreError::ReadOnly { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn on_a_read_only_disk_the_records_can_be_read_also_after_a_clean_end() {
    let Some(disk) = Disk::mount("8m") else {
        return;
    };
    let records = open(disk.path()).await;
    captured(&records, 1).await;
    // Takes the write-ahead log away.
    records.close().await;
    assert!(!disk.path().join("wiko.sqlite3-wal").exists());
    assert!(run("mount", &["-o", "remount,ro"], disk.path()));
    let reader = RecordsReader::open(disk.path()).await.unwrap().unwrap();
    let page = reader
        .history(&HistoryFilter::default(), None, 10)
        .await
        .unwrap();
    assert_eq!(page.rows.len(), 1);
}

#[tokio::test]
async fn on_a_full_disk_the_ballast_makes_room_for_decisions_and_comes_back() {
    let Some(disk) = Disk::mount("48m") else {
        return;
    };
    let records = Arc::new(open(disk.path()).await);
    for n in 0..400 {
        captured(&*records, n).await;
    }
    let ballast = 8 << 20;
    assert!(records.keep_ballast(ballast).await.unwrap());
    let filler = disk.path().join("filler");
    let _ = std::fs::write(&filler, vec![0; 48 << 20]);
    let decide = async |records: &dyn Records, n: u32| {
        let detail = "x".repeat(20_000);
        let decided = records.decide(capture(n).id, &Verdict::Fail, None, &detail, NOON);
        decided.await.map(drop)
    };
    let mut n = 0;
    let refused = loop {
        match decide(&*records, n).await {
            Ok(()) => n += 1,
            Err(refused) => break refused,
        }
        assert!(n < 350, "the disk does not fill");
    };
    assert!(matches!(refused, StoreError::DiskFull { .. }), "{refused}");
    let behind = BallastedRecords::new(records.clone());
    for n in n..n + 20 {
        decide(&behind, n).await.unwrap();
    }
    assert_eq!(records.fault(), None);
    let present = async || records.reader().storage().await.unwrap().ballast_bytes;
    assert_eq!(present().await, 0);
    assert!(
        !records.keep_ballast(ballast).await.unwrap(),
        "there is no room yet"
    );
    std::fs::remove_file(filler).unwrap();
    assert!(records.keep_ballast(ballast).await.unwrap());
    assert_eq!(present().await, ballast);
}

#[tokio::test]
async fn a_station_starts_on_a_full_disk_as_long_as_there_is_ballast() {
    let Some(disk) = Disk::mount("16m") else {
        return;
    };
    let records = open(disk.path()).await;
    captured(&records, 1).await;
    assert!(records.keep_ballast(4 << 20).await.unwrap());
    let until = NOON.plus(std::time::Duration::from_secs(60));
    records.lease_analysis(NOON, until).await.unwrap().unwrap();
    records.close().await;
    let _ = std::fs::write(disk.path().join("filler"), vec![0; 16 << 20]);
    let records = open(disk.path()).await;
    let page = records.history(&HistoryFilter::default(), None, 10).await;
    assert_eq!(page.unwrap().rows.len(), 1);
    wiko_testkit::contracts::records::passed(&records, 1).await;
}
