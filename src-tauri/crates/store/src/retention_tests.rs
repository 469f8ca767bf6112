use super::*;
use crate::{Depth, StoreOptions};
use proptest::prelude::*;
use sqlx::Row;
use std::{collections::BTreeMap, path::Path, sync::Mutex};
use wiko_core::{
    defect::DefectType,
    inspection::{OperatorCall, OperatorDecision},
    ports::Records,
};
use wiko_testkit::{
    builders::{NOON, capture, image},
    contracts::records::{captured, failed, passed, picture},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn open(dir: &Path) -> SqliteRecords {
    let options = StoreOptions {
        reserve_bytes: 0,
        ..StoreOptions::default()
    };
    SqliteRecords::open(dir, options).await.unwrap().records
}

fn policy() -> RetentionPolicy {
    RetentionPolicy {
        keep: 90 * DAY,
        keep_defects: 365 * DAY,
        budget_bytes: None,
        free_floor_bytes: 0,
    }
}

async fn uploaded(records: &SqliteRecords, n: u32) {
    let id = capture(n).id;
    let revision = records.inspection(id).await.unwrap().revision;
    let url = format!("s3://bucket/{id}.jpg");
    records.uploaded(id, revision, &url, NOON).await.unwrap();
}

async fn said(records: &SqliteRecords, n: u32, call: OperatorCall) {
    let said = OperatorDecision {
        call,
        operator: "op-9".into(),
        reason: Some("seen_by_eye".into()),
        decided_at: NOON,
    };
    records
        .operator_decided(capture(n).id, &said)
        .await
        .unwrap();
}

fn file(records: &SqliteRecords, n: u32) -> PathBuf {
    let part = capture(n);
    records
        .layout()
        .image(part.id, part.captured_at, picture(n).facts().format)
}

/// Numbers of those parts whose picture is no longer there.
async fn gone(records: &SqliteRecords, parts: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let mut gone = vec![];
    for n in parts {
        match records.image(capture(n).id).await {
            Ok(_) => assert!(file(records, n).exists()),
            Err(StoreError::ImageRemoved { .. }) => {
                assert!(!file(records, n).exists());
                gone.push(n);
            }
            Err(error) => panic!("{error}"),
        }
    }
    gone
}

#[tokio::test]
async fn an_old_picture_goes_once_it_is_verified_and_its_record_says_where_it_lies() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    for n in 1..=4 {
        captured(&records, n).await;
    }
    passed(&records, 1).await;
    passed(&records, 2).await;
    failed(&records, 3, DefectType::RustSpot).await;
    uploaded(&records, 1).await;
    uploaded(&records, 3).await;

    let early = records
        .retain(&policy(), NOON.plus(89 * DAY))
        .await
        .unwrap();
    assert_eq!(early, Retained::default());
    let now = NOON.plus(91 * DAY);
    let retained = records.retain(&policy(), now).await.unwrap();
    assert_eq!(
        (retained.removed, retained.bytes),
        (1, picture(1).facts().size_bytes)
    );
    assert_eq!(
        gone(&records, 1..=4).await,
        [1],
        "2 and 4 are not verified, 3 is a defect"
    );
    let told = records.image(capture(1).id).await.unwrap_err();
    assert_eq!(
        told,
        StoreError::ImageRemoved {
            id: capture(1).id,
            after_days: 90,
            image_url: format!("s3://bucket/{}.jpg", capture(1).id),
        }
    );
    assert!(!told.stops_capture());
    let record = records.inspection(capture(1).id).await.unwrap();
    assert_eq!(record.image_removed.unwrap().at, now);

    let late = records
        .retain(&policy(), NOON.plus(366 * DAY))
        .await
        .unwrap();
    assert_eq!(late.removed, 1);
    assert_eq!(gone(&records, 1..=4).await, [1, 3]);
    assert_eq!(
        records
            .reader()
            .verify_images(Depth::Hashes)
            .await
            .unwrap()
            .1,
        []
    );
    let trail: Vec<String> =
        sqlx::query_scalar("SELECT subject FROM audit WHERE category = 'deletion' ORDER BY number")
            .fetch_all(&records.reader().pool)
            .await
            .unwrap();
    assert_eq!(
        trail,
        [capture(1).id.to_string(), capture(3).id.to_string()]
    );
}

#[tokio::test]
async fn a_person_s_rejection_makes_a_good_part_s_picture_worth_keeping() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    for n in 1..=3 {
        captured(&records, n).await;
        passed(&records, n).await;
        uploaded(&records, n).await;
    }
    said(&records, 1, OperatorCall::Reject).await;
    said(&records, 2, OperatorCall::Reject).await;
    said(&records, 2, OperatorCall::Confirm).await;
    records
        .retain(&policy(), NOON.plus(91 * DAY))
        .await
        .unwrap();
    assert_eq!(gone(&records, 1..=3).await, [2, 3]);
    records
        .retain(&policy(), NOON.plus(366 * DAY))
        .await
        .unwrap();
    assert_eq!(gone(&records, 1..=3).await, [1, 2, 3]);
}

#[tokio::test]
async fn a_low_disk_takes_good_parts_first_and_only_as_many_as_are_needed() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    for n in 1..=6 {
        captured(&records, n).await;
        if n % 2 == 1 {
            failed(&records, n, DefectType::BladeScratch).await;
        } else {
            passed(&records, n).await;
        }
        if n != 2 {
            uploaded(&records, n).await;
        }
    }
    let size = picture(1).facts().size_bytes;
    let floor = RetentionPolicy {
        free_floor_bytes: 100 * size,
        ..policy()
    };
    let with_free = |pictures: u64| move || Ok(pictures * size);
    let retained = records
        .retain_where(&floor, NOON, with_free(99))
        .await
        .unwrap();
    assert_eq!((retained.removed, retained.short_bytes), (1, 0));
    assert_eq!(gone(&records, 1..=6).await, [4], "2 is not verified");
    let retained = records
        .retain_where(&floor, NOON, with_free(98))
        .await
        .unwrap();
    assert_eq!((retained.removed, retained.short_bytes), (2, 0));
    assert_eq!(
        gone(&records, 1..=6).await,
        [1, 4, 6],
        "then the oldest defect"
    );
    let retained = records
        .retain_where(&floor, NOON, with_free(10))
        .await
        .unwrap();
    assert_eq!((retained.removed, retained.short_bytes), (2, 88 * size));
    assert_eq!(
        gone(&records, 1..=6).await,
        [1, 3, 4, 5, 6],
        "whatever the pressure"
    );

    let budget = RetentionPolicy {
        budget_bytes: Some(0),
        ..policy()
    };
    let retained = records.retain(&budget, NOON).await.unwrap();
    assert_eq!((retained.removed, retained.short_bytes), (0, size));
}

#[tokio::test]
async fn what_a_crash_left_between_row_and_file_is_finished_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    for n in 1..=2 {
        captured(&records, n).await;
        passed(&records, n).await;
    }
    uploaded(&records, 1).await;
    let step = Step {
        kind: Kind::Good,
        until: None,
        why: "a test",
        now: NOON,
    };
    let marked = records.mark_removed(&step, u64::MAX).await.unwrap();
    assert_eq!(marked.len(), 1);
    let left = file(&records, 1);
    assert!(left.exists());
    records.close().await;

    let opened = SqliteRecords::open(
        dir.path(),
        StoreOptions {
            reserve_bytes: 0,
            ..StoreOptions::default()
        },
    )
    .await
    .unwrap();
    assert!(opened.quarantined.is_empty(), "{:?}", opened.quarantined);
    assert!(!left.exists());
    assert_eq!(gone(&opened.records, 1..=2).await, [1]);
}

#[tokio::test]
async fn the_directory_of_a_day_goes_with_its_last_picture_and_comes_again() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    captured(&records, 1).await;
    passed(&records, 1).await;
    uploaded(&records, 1).await;
    let day = file(&records, 1).parent().unwrap().to_owned();
    records
        .retain(&policy(), NOON.plus(91 * DAY))
        .await
        .unwrap();
    assert!(!day.exists());
    // On the same day, as after the clock was set back.
    captured(&records, 2).await;
    assert!(file(&records, 2).exists());
}

#[tokio::test]
async fn nothing_is_removed_while_a_backup_reads() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    captured(&records, 1).await;
    passed(&records, 1).await;
    uploaded(&records, 1).await;
    let reading = records.layout().hold_for_reading().unwrap();
    let now = NOON.plus(91 * DAY);
    let retained = records.retain(&policy(), now).await.unwrap();
    assert!(retained.postponed);
    assert!(gone(&records, [1]).await.is_empty());
    drop(reading);
    assert_eq!(records.retain(&policy(), now).await.unwrap().removed, 1);
}

#[tokio::test]
async fn the_schema_refuses_to_forget_a_picture_that_is_not_verified() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    captured(&records, 1).await;
    passed(&records, 1).await;
    let mut writer = records.writer.lock().await;
    let forget = sqlx::query("UPDATE inspection SET image_removed_at = 1");
    assert!(forget.execute(&mut *writer).await.is_err());
    drop(writer);
    uploaded(&records, 1).await;
    let mut writer = records.writer.lock().await;
    for (change, taken) in [("1", true), ("NULL", false), ("2", false)] {
        let sql = format!("UPDATE inspection SET image_removed_at = {change}");
        let done = sqlx::query(AssertSqlSafe(sql)).execute(&mut *writer).await;
        assert_eq!(done.is_ok(), taken, "{change}");
    }
    let unverified = sqlx::query(
        "UPDATE inspection SET uploaded_revision = NULL, uploaded_at = NULL, image_url = NULL",
    );
    assert!(unverified.execute(&mut *writer).await.is_err());
}

#[tokio::test]
async fn the_choice_walks_its_index_and_sorts_nothing_that_is_large() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    let plan = async |kind| {
        let rows = sqlx::query(AssertSqlSafe(format!(
            "EXPLAIN QUERY PLAN {}",
            candidates(kind)
        )))
        .bind(9)
        .bind(9)
        .bind(BATCH)
        .fetch_all(&records.reader().pool)
        .await
        .unwrap();
        let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        steps.join("\n")
    };
    let good = plan(Kind::Good).await;
    assert!(
        good.contains("inspection_removable (<expr>=? AND sequence<?)"),
        "{good}"
    );
    assert!(!good.contains("TEMP B-TREE"), "{good}");
    let other = plan(Kind::Other).await;
    assert_eq!(
        other
            .matches("inspection_removable (<expr>=? AND sequence<?)")
            .count(),
        2,
        "{other}"
    );
    // What is sorted is one batch of each.
    assert!(!other.contains("SCAN inspection"), "{other}");
    assert_eq!(other.matches("SCAN (subquery").count(), 2, "{other}");
}

/// What may befall a part.
#[derive(Debug, Clone, Copy)]
struct Fate {
    /// Seconds after the one before, also back.
    captured_later: i32,
    verdict: u8,
    call: u8,
    uploaded: bool,
    called_after_upload: bool,
    bytes: u16,
}

fn fate() -> impl Strategy<Value = Fate> {
    let days = prop_oneof![8 => 0..40i32, 1 => -200..0i32, 1 => 1_000..9_000i32];
    (
        days,
        0..4u8,
        0..4u8,
        any::<bool>(),
        any::<bool>(),
        1..2_000u16,
    )
        .prop_map(
            |(days, verdict, call, uploaded, called_after_upload, bytes)| Fate {
                captured_later: days * 24 * 60 * 60,
                verdict,
                call,
                uploaded,
                called_after_upload,
                bytes,
            },
        )
}

/// A part as the records have it before and after.
#[derive(Debug)]
struct Part {
    sequence: i64,
    captured_at: UnixMillis,
    verified: bool,
    good: bool,
    bytes: u64,
    gone: bool,
}

async fn lives(records: &SqliteRecords, fates: &[Fate]) -> BTreeMap<i64, Part> {
    let mut parts = BTreeMap::new();
    let mut at = NOON;
    for (n, fate) in (1u32..).zip(fates) {
        at = UnixMillis(at.0 + i64::from(fate.captured_later) * 1000);
        let mut part = capture(n);
        part.captured_at = at;
        let mut content = n.to_be_bytes().to_vec();
        content.resize(4 + usize::from(fate.bytes), 7);
        let picture = image(&content);
        records.capture(&part, &picture).await.unwrap();
        decide(records, &part.id, &picture, fate.verdict).await;
        let call = [
            None,
            Some(OperatorCall::Confirm),
            Some(OperatorCall::Accept),
            Some(OperatorCall::Reject),
        ][usize::from(fate.call)];
        if let Some(call) = call.filter(|_| !fate.called_after_upload) {
            said(records, n, call).await;
        }
        if fate.uploaded && fate.verdict != 0 {
            uploaded(records, n).await;
        }
        if let Some(call) = call.filter(|_| fate.called_after_upload) {
            said(records, n, call).await;
        }
        let record = records.inspection(part.id).await.unwrap();
        parts.insert(
            record.sequence,
            Part {
                sequence: record.sequence,
                captured_at: at,
                verified: fate.uploaded && fate.verdict != 0,
                good: record.disposition() == wiko_core::disposition::Disposition::Pass,
                bytes: picture.facts().size_bytes,
                gone: false,
            },
        );
    }
    parts
}

async fn decide(
    records: &SqliteRecords,
    id: &InspectionId,
    picture: &wiko_core::image::EncodedImage,
    verdict: u8,
) {
    use wiko_core::verdict::{UndeterminedReason, Verdict, judge};
    let analysis = wiko_testkit::builders::good(&picture.facts());
    let (verdict, analysis) = match verdict {
        0 => return,
        1 => (judge(&picture.facts(), &analysis, None), Some(&analysis)),
        2 => (Verdict::Fail, None),
        _ => (Verdict::Undetermined(UndeterminedReason::Unsure), None),
    };
    records
        .decide(*id, &verdict, analysis, "", NOON)
        .await
        .unwrap();
}

async fn look(records: &SqliteRecords, parts: &mut BTreeMap<i64, Part>) {
    for (n, part) in (1u32..).zip(parts.values_mut()) {
        match records.image(capture(n).id).await {
            Ok(_) => part.gone = false,
            Err(StoreError::ImageRemoved { .. }) => part.gone = true,
            Err(error) => panic!("{error}"),
        }
    }
}

fn check(parts: &BTreeMap<i64, Part>, policy: &RetentionPolicy, now: UnixMillis, short: u64) {
    let old = |part: &Part, kept: Duration| part.captured_at.plus(kept) <= now;
    let kept = |part: &Part| {
        if part.good {
            policy.keep
        } else {
            policy.keep_defects
        }
    };
    let left: Vec<_> = parts
        .values()
        .filter(|part| part.verified && !part.gone)
        .collect();
    for part in parts.values() {
        assert!(
            part.verified || !part.gone,
            "not verified, and gone: {part:?}"
        );
        // Whatever is older than its time and verified is gone.
        assert!(
            !(part.verified && !part.gone && old(part, kept(part))),
            "{part:?}"
        );
        if !part.gone || old(part, kept(part)) {
            continue;
        }
        // It went for want of room: everything that goes before it is gone as well.
        for left in &left {
            let before = (!left.good, left.sequence) < (!part.good, part.sequence);
            assert!(!before, "{left:?} was to go before {part:?}");
        }
    }
    assert!(
        short == 0 || left.is_empty(),
        "room is wanted, and {left:?} is left"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_state_nothing_unverified_goes_and_the_order_is_kept(
        fates in proptest::collection::vec(fate(), 1..24),
        rounds in proptest::collection::vec((0..400u64, 0..30_000u64, proptest::option::of(0..30_000u64)), 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let records = open(dir.path()).await;
            let parts = Mutex::new(lives(&records, &fates).await);
            let mut now = NOON;
            for (days, floor, budget) in rounds {
                now = now.plus(DAY * u32::try_from(days).unwrap());
                let policy = RetentionPolicy { free_floor_bytes: floor, budget_bytes: budget, ..policy() };
                let all: u64 = parts.lock().unwrap().values().map(|part| part.bytes).sum();
                // A disk that holds every picture and nothing more.
                let free = || {
                    let left: i64 = parts.lock().unwrap().values()
                        .filter(|part| !part.gone).map(|part| part.bytes.cast_signed()).sum();
                    Ok(all - left.cast_unsigned())
                };
                let retained = records.retain_where(&policy, now, free).await.unwrap();
                let mut looked_at = std::mem::take(&mut *parts.lock().unwrap());
                look(&records, &mut looked_at).await;
                check(&looked_at, &policy, now, retained.short_bytes);
                *parts.lock().unwrap() = looked_at;
                assert_eq!(records.reader().verify_images(Depth::Hashes).await.unwrap().1, []);
            }
        });
    }
}
