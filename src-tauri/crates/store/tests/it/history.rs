//! The counts, the search, and the made-up history.

use crate::open;
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use std::path::Path;
use wiko_core::{
    analysis::Analysis,
    defect::{DefectType, Severity},
    disposition::Disposition,
    geometry::BoxPx,
    history::{HistoryCursor, HistoryFilter, HistoryRow, Tally},
    inspection::{OperatorCall, OperatorDecision},
    ports::Records,
    shift::ShiftPlan,
    sku::{ProductSku, SkuCatalog},
    stage::Stage,
    time::UnixMillis,
    verdict::judge,
};
use wiko_store::{Depth, RecordsReader, SeedPlan, SqliteRecords, seed};
use wiko_testkit::{
    builders::{NOON, capture, defective, finding, good},
    contracts::records::{captured, failed, passed, picture},
};

const HOUR_MS: i64 = 3_600_000;

async fn database(dir: &Path) -> SqliteConnection {
    SqliteConnection::connect(&format!("sqlite://{}", dir.join("wiko.sqlite3").display()))
        .await
        .unwrap()
}

async fn change(dir: &Path, sql: &str) {
    let mut database = database(dir).await;
    sqlx::query(AssertSqlSafe(sql.to_owned()))
        .execute(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
}

/// Page after page to the end.
async fn every_row(reader: &RecordsReader, filter: &HistoryFilter, limit: u32) -> Vec<HistoryRow> {
    let (mut rows, mut after) = (vec![], None::<HistoryCursor>);
    loop {
        let page = reader.history(filter, after, limit).await.unwrap();
        assert!(page.rows.len() <= limit as usize);
        rows.extend(page.rows);
        let Some(next) = page.next else { return rows };
        assert!(after.is_none_or(|after| next.0 < after.0), "it goes on");
        after = Some(next);
    }
}

/// What happens to a part, in any order and at any time.
#[derive(Debug, Clone, Copy)]
enum Step {
    Capture {
        hours: i64,
        ms: i64,
        stage: usize,
        sku: usize,
    },
    Decide {
        part: usize,
        how: usize,
    },
    Call {
        part: usize,
        call: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        // Hours go back as well: a clock that was set back.
        (-60_i64..60, 0..HOUR_MS, 0..3_usize, 0..2_usize).prop_map(|(hours, ms, stage, sku)| {
            Step::Capture {
                hours,
                ms,
                stage,
                sku,
            }
        }),
        (0..40_usize, 0..4_usize).prop_map(|(part, how)| Step::Decide { part, how }),
        (0..40_usize, 0..3_usize).prop_map(|(part, call)| Step::Call { part, call }),
    ]
}

async fn take(records: &SqliteRecords, step: Step, parts: &mut Vec<u32>) {
    let of = |part: usize| (!parts.is_empty()).then(|| parts[part % parts.len()]);
    match step {
        Step::Capture {
            hours,
            ms,
            stage,
            sku,
        } => {
            let n = parts.len() as u32 + 1;
            let mut part = capture(n);
            part.captured_at = UnixMillis(NOON.0 + hours * HOUR_MS + ms);
            part.stage = Stage::ALL[stage];
            part.product_sku = SkuCatalog::default().all()[sku].clone();
            records.capture(&part, &picture(n)).await.unwrap();
            parts.push(n);
        }
        Step::Decide { part, how } => {
            let Some(n) = of(part) else { return };
            let facts = picture(n).facts();
            let found = |defect, severity| {
                let at = BoxPx {
                    x: 1,
                    y: 2,
                    width: 3,
                    height: 4,
                };
                defective(&facts, vec![finding(defect, severity, at)])
            };
            let analysis = match how {
                0 => good(&facts),
                1 => found(DefectType::RustSpot, Severity::Minor),
                2 => found(DefectType::BladeScratch, Severity::Major),
                _ => Analysis {
                    findings: found(DefectType::Unknown, Severity::Minor).findings,
                    ..good(&facts)
                },
            };
            let verdict = judge(&facts, &analysis, None);
            // A second decision is refused, and counts nothing.
            let _ = records
                .decide(capture(n).id, &verdict, Some(&analysis), "", NOON)
                .await;
        }
        Step::Call { part, call } => {
            let Some(n) = of(part) else { return };
            let said = OperatorDecision {
                call: OperatorCall::ALL[call],
                operator: "op-9".into(),
                reason: Some("seen_by_eye".into()),
                decided_at: NOON,
            };
            records
                .operator_decided(capture(n).id, &said)
                .await
                .unwrap();
        }
    }
}

#[tokio::test]
async fn counts_and_tallies_are_those_of_a_fresh_count_whatever_happened() {
    let mut runner = TestRunner::deterministic();
    for _ in 0..8 {
        let dir = tempfile::tempdir().unwrap();
        let records = open(dir.path()).await;
        let steps = proptest::collection::vec(step(), 60)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let mut parts = vec![];
        for step in &steps {
            take(&records, *step, &mut parts).await;
        }
        assert_eq!(
            records.reader().verify_rollups().await,
            Ok(vec![]),
            "{steps:?}"
        );
        let rows = every_row(records.reader(), &HistoryFilter::default(), 100).await;
        assert_eq!(rows.len(), parts.len());
        let span = (-70 * HOUR_MS..70 * HOUR_MS, 0..100 * HOUR_MS);
        for _ in 0..20 {
            let (from, length) = span.new_tree(&mut runner).unwrap().current();
            let (from, to) = (NOON.0 + from, NOON.0 + from + length);
            let mut expected = Tally::default();
            for row in rows
                .iter()
                .filter(|row| (from..to).contains(&row.captured_at.0))
            {
                expected.add(row.disposition(), 1);
            }
            let tally = records
                .tally(UnixMillis(from), UnixMillis(to))
                .await
                .unwrap();
            assert_eq!(tally, expected, "{from} to {to}: {steps:?}");
        }
        for disposition in Disposition::ALL {
            let filter = HistoryFilter {
                disposition: Some(*disposition),
                ..HistoryFilter::default()
            };
            let found = every_row(records.reader(), &filter, 7).await;
            let expected: Vec<_> = rows
                .iter()
                .filter(|row| row.disposition() == *disposition)
                .cloned()
                .collect();
            assert_eq!(found, expected, "{disposition}");
        }
    }
}

#[tokio::test]
async fn a_count_that_is_wrong_is_named_by_its_day_and_mended_by_a_recount() {
    let dir = tempfile::tempdir().unwrap();
    let records = open(dir.path()).await;
    for n in 1..=3 {
        captured(&records, n).await;
    }
    passed(&records, 1).await;
    failed(&records, 2, DefectType::RustSpot).await;
    let expected = records.tally(NOON, UnixMillis(i64::MAX)).await;
    let today = UnixMillis(NOON.0 - NOON.0 % (24 * HOUR_MS));
    for (damage, lines) in [
        (
            "UPDATE parts_by_day SET parts = parts + 1 WHERE disposition = 'pass'",
            2,
        ),
        ("DELETE FROM parts_by_hour WHERE disposition = 'fail'", 1),
        (
            "INSERT INTO parts_by_day VALUES (0, 'logo_print', 'X', 'pass', '', '', 1)",
            1,
        ),
        (
            "UPDATE inspection SET disposition = 'accepted' WHERE sequence = 2",
            0,
        ),
    ] {
        change(dir.path(), damage).await;
        let named = records.reader().verify_rollups().await.unwrap();
        if lines > 0 {
            let day = if damage.contains("VALUES (0") {
                UnixMillis(0)
            } else {
                today
            };
            assert_eq!(named.len(), 1, "{damage}: {named:?}");
            assert_eq!((named[0].day, named[0].lines), (day, lines), "{damage}");
        }
        records.recount().await.unwrap();
        assert_eq!(
            records.reader().verify_rollups().await,
            Ok(vec![]),
            "{damage}"
        );
        assert_eq!(
            records.tally(NOON, UnixMillis(i64::MAX)).await,
            expected,
            "{damage}"
        );
        let released = HistoryFilter {
            disposition: Some(Disposition::Accepted),
            ..HistoryFilter::default()
        };
        assert_eq!(every_row(records.reader(), &released, 9).await, []);
    }
}

fn plan(parts: u64) -> SeedPlan {
    let starts = vec![("A".to_owned(), jiff::civil::time(7, 0, 0, 0))];
    SeedPlan {
        parts,
        first_at: UnixMillis(NOON.0 - 30 * 24 * HOUR_MS),
        last_at: NOON,
        skus: SkuCatalog::default(),
        shifts: ShiftPlan::new(jiff::tz::TimeZone::UTC, starts).unwrap(),
    }
}

#[tokio::test]
async fn a_made_up_history_is_one_that_every_check_finds_in_order() {
    const PARTS: u64 = 12_345;
    let dir = tempfile::tempdir().unwrap();
    seed(dir.path(), &plan(PARTS), |_| {}).await.unwrap();
    let records = open(dir.path()).await;
    let reader = records.reader();
    assert_eq!(reader.verify_database(false).await, Ok(vec![]));
    assert_eq!(reader.verify_rollups().await, Ok(vec![]));
    assert_eq!(reader.verify_queues().await, Ok(vec![]));
    assert_eq!(reader.verify_images(Depth::Hashes).await, Ok((0, vec![])));
    let tally = records.tally(UnixMillis(0), NOON).await.unwrap();
    assert_eq!(tally.inspected(), PARTS);
    let part = every_row(reader, &HistoryFilter::default(), 1000).await[77].id;
    reader.inspection(part).await.unwrap();
    // The station goes on in it.
    let sequence = records.capture(&capture(1), &picture(1)).await;
    assert_eq!(sequence, Ok(PARTS as i64 + 1));
    passed(&records, 1).await;
    assert_eq!(reader.verify_rollups().await, Ok(vec![]));
    records.close().await;
    let again = seed(dir.path(), &plan(5), |_| {}).await.unwrap_err();
    assert!(again.to_string().contains("holds records"), "{again}");
}

#[tokio::test]
async fn a_search_gives_what_reading_every_record_gives_page_by_page() {
    let dir = tempfile::tempdir().unwrap();
    // More than a page of a search looks at, also where the other filters leave nothing of it.
    seed(dir.path(), &plan(11_000), |_| {}).await.unwrap();
    let reader = RecordsReader::open(dir.path()).await.unwrap().unwrap();
    let rows = every_row(&reader, &HistoryFilter::default(), 1000).await;
    let mut texts = std::collections::HashMap::new();
    for row in &rows {
        let record = reader.inspection(row.id).await.unwrap();
        let mut text = format!("{} ", record.capture.lot.as_deref().unwrap_or_default());
        text += record.capture.serial.as_deref().unwrap_or_default();
        let analysis = record.analysis().unwrap();
        text += &format!(" {}", analysis.summary);
        for found in &analysis.findings {
            text += &format!(" {} {}", found.description, found.defect_type);
        }
        text += &analysis
            .cause
            .as_ref()
            .map(|cause| format!(" {}", cause.root_cause))
            .unwrap_or_default();
        for said in &record.operator_decisions {
            text += &format!(" {}", said.reason.as_deref().unwrap_or_default());
        }
        texts.insert(row.id, text);
    }
    let any = HistoryFilter::default;
    let narrowed = [
        any(),
        HistoryFilter {
            severity: Some(Severity::Critical),
            ..any()
        },
        HistoryFilter {
            disposition: Some(Disposition::Rejected),
            stage: Some(Stage::LogoPrint),
            ..any()
        },
        HistoryFilter {
            disposition: Some(Disposition::Pass),
            ..any()
        },
        HistoryFilter {
            product_sku: Some(ProductSku::new("WK-SC-200").unwrap()),
            ..any()
        },
        HistoryFilter {
            from: Some(UnixMillis(NOON.0 - 300 * HOUR_MS)),
            to: Some(UnixMillis(NOON.0 - 280 * HOUR_MS)),
            ..any()
        },
    ];
    let mut hits = 0;
    for words in [
        "未见缺陷",
        "锈",
        "锈斑",
        "划痕",
        "blade_scratch",
        "missed_defect",
        "L2000-013",
        "SN0000000007",
        "刀尖 划痕",
        "焊缝 水汽",
    ] {
        for filter in &narrowed {
            let asked = HistoryFilter {
                text: Some(words.to_owned()),
                ..filter.clone()
            };
            let found = every_row(&reader, &asked, 50).await;
            let mut expected = every_row(&reader, filter, 1000).await;
            expected.retain(|row| words.split(' ').all(|word| texts[&row.id].contains(word)));
            assert_eq!(found, expected, "{asked:?}");
            hits += found.len();
        }
    }
    assert!(hits > 10_000, "{hits}");
    let nothing = HistoryFilter {
        text: Some("\"?*".into()),
        ..any()
    };
    assert_eq!(every_row(&reader, &nothing, 9).await, []);
    let blank = HistoryFilter {
        text: Some("  ".into()),
        ..any()
    };
    assert_eq!(every_row(&reader, &blank, 1000).await.len(), rows.len());
}
