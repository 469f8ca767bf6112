use super::*;
use crate::settings::Environment;
use std::path::Path;
use wiko_core::time::UnixMillis;
use wiko_testkit::{
    builders::{NOON, capture},
    contracts::records::{captured, passed},
    fakes::clock::SetClock,
};

const HOUR: Duration = Duration::from_secs(60 * 60);

struct Kept {
    _dir: tempfile::TempDir,
    folder: std::path::PathBuf,
    records: Arc<SqliteRecords>,
    clock: Arc<SetClock>,
    clock_trouble: watch::Sender<Option<ClockTrouble>>,
    housekeeping: Housekeeping,
}

impl Housekeeping {
    /// Does what is due now.
    async fn look(&self) {
        self.look_at_storage().await;
        self.look_for_backup().await;
    }
}

async fn station(now: UnixMillis) -> Kept {
    let dir = tempfile::tempdir().unwrap();
    let (data_dir, folder) = (dir.path().join("data"), dir.path().join("backups"));
    std::fs::create_dir_all(&data_dir).unwrap();
    let toml = format!(
        "[storage]\nreserve_mb = 1\nballast_mb = 2\nlow_disk_gb = 0.01\n\
         [backup]\nfolder = '{}'\nkeep = 3\n",
        folder.display()
    );
    std::fs::write(data_dir.join("station.toml"), toml).unwrap();
    let settings = Settings::load(&data_dir, false, &Environment::default()).unwrap();
    let options = crate::wiring::store_options(&settings);
    let records = SqliteRecords::open(&data_dir, options)
        .await
        .unwrap()
        .records;
    let (records, clock) = (Arc::new(records), Arc::new(SetClock::at(now)));
    let (clock_trouble, heard) = watch::channel(None);
    let settings = Arc::new(settings);
    let housekeeping = Housekeeping::new(records.clone(), settings, clock.clone(), heard);
    Kept {
        _dir: dir,
        folder,
        records,
        clock,
        clock_trouble,
        housekeeping,
    }
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

async fn trail(records: &SqliteRecords, category: AuditCategory) -> Vec<AuditResult> {
    let rows = records.reader().audit(None, false, 1000).await.unwrap();
    let of = rows
        .into_iter()
        .filter(|row| row.entry.category == category);
    of.map(|row| row.entry.result).collect()
}

#[tokio::test]
async fn a_backup_is_made_when_it_is_due_and_the_newest_are_kept() {
    let kept = station(NOON).await;
    captured(&*kept.records, 1).await;
    std::fs::create_dir(&kept.folder).unwrap();
    kept.housekeeping.look().await;
    assert_eq!(files(&kept.folder), 1, "none was made before");
    kept.clock.advance(HOUR);
    kept.housekeeping.look().await;
    assert_eq!(files(&kept.folder), 1, "it is not due again");
    for day in 2..=5 {
        // Off at night, on again at some hour of the day.
        kept.clock.advance(24 * HOUR);
        kept.housekeeping.look().await;
        assert_eq!(files(&kept.folder), day.min(3));
    }
    assert_eq!(
        trail(&kept.records, AuditCategory::Backup).await,
        [AuditResult::Done; 5]
    );
    assert_eq!(kept.housekeeping.backup_failed(), None);
    let note = kept
        .records
        .reader()
        .storage()
        .await
        .unwrap()
        .last_backup
        .unwrap();
    assert!(note.made);
}

#[tokio::test]
async fn a_backup_that_fails_is_noted_shown_and_tried_again_in_an_hour() {
    let kept = station(NOON).await;
    captured(&*kept.records, 1).await;
    kept.housekeeping.look().await;
    let why = kept.housekeeping.backup_failed().unwrap();
    assert!(why.contains("backups") && why.contains("mount it"), "{why}");
    std::fs::create_dir(&kept.folder).unwrap();
    kept.clock.advance(HOUR / 2);
    kept.housekeeping.look().await;
    assert_eq!(files(&kept.folder), 0, "too early");
    kept.clock.advance(HOUR / 2);
    kept.housekeeping.look().await;
    assert_eq!(files(&kept.folder), 1);
    assert_eq!(kept.housekeeping.backup_failed(), None);
    let trail = trail(&kept.records, AuditCategory::Backup).await;
    assert_eq!(trail, [AuditResult::Done, AuditResult::Failed]);
}

#[tokio::test]
async fn room_is_made_every_ten_minutes_whatever_the_wall_clock_does() {
    let kept = station(NOON).await;
    let (records, n) = (&*kept.records, 1);
    captured(records, n).await;
    passed(records, n).await;
    kept.housekeeping.look().await;
    let id = capture(n).id;
    records.uploaded(id, 1, "s3://b/k", NOON).await.unwrap();
    let later = NOON.plus(91 * 24 * HOUR);
    kept.clock.set(later);
    kept.housekeeping.look().await;
    records.image(id).await.unwrap();
    kept.clock.advance(MAKE_ROOM_EVERY);
    kept.housekeeping.look().await;
    let gone = records.image(id).await.unwrap_err();
    assert!(matches!(gone, StoreError::ImageRemoved { .. }), "{gone}");
}

#[tokio::test]
async fn while_the_clock_is_in_doubt_no_picture_goes_for_its_age() {
    let kept = station(NOON).await;
    let records = &*kept.records;
    captured(records, 1).await;
    passed(records, 1).await;
    let id = capture(1).id;
    records.uploaded(id, 1, "s3://b/k", NOON).await.unwrap();
    let (now, last) = (NOON.plus(91 * 24 * HOUR), NOON);
    kept.clock.set(now);
    kept.housekeeping.look().await;
    records.image(id).await.unwrap();
    kept.clock_trouble
        .send_replace(Some(ClockTrouble::AheadOfRecords { now, last }));
    for _ in 0..3 {
        kept.clock.advance(MAKE_ROOM_EVERY);
        kept.housekeeping.look().await;
        records.image(id).await.unwrap();
    }
    kept.clock_trouble.send_replace(None);
    kept.clock.advance(MAKE_ROOM_EVERY);
    kept.housekeeping.look().await;
    let gone = records.image(id).await.unwrap_err();
    assert!(matches!(gone, StoreError::ImageRemoved { .. }), "{gone}");
}

#[tokio::test]
async fn what_fails_again_for_the_same_reason_is_noted_once() {
    let kept = station(NOON).await;
    kept.housekeeping.look().await;
    let ballast = kept._dir.path().join("data/ballast");
    std::fs::remove_file(&ballast).unwrap();
    std::fs::create_dir(&ballast).unwrap();
    for _ in 0..3 {
        kept.housekeeping.look().await;
    }
    let noted = trail(&kept.records, AuditCategory::Storage).await;
    assert_eq!(noted, [AuditResult::Failed]);
}

#[tokio::test]
async fn a_ballast_that_was_given_up_is_made_again_and_both_are_noted() {
    let kept = station(NOON).await;
    kept.housekeeping.look().await;
    let bytes = async || kept.records.reader().storage().await.unwrap().ballast_bytes;
    assert_eq!(bytes().await, 2 << 20);
    std::fs::remove_file(kept._dir.path().join("data/ballast")).unwrap();
    kept.housekeeping.look().await;
    assert_eq!(bytes().await, 2 << 20);
    let trail = trail(&kept.records, AuditCategory::Storage).await;
    assert_eq!(trail, [AuditResult::Done, AuditResult::Failed]);
}
