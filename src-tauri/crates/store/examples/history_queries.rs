//! Measures what the History page asks, one JSON object a line with the statements that were asked.
//!
//! ```text
//! cargo run --release --workspace --example history_queries -- DIR [TIMES]
//! cargo run --release --workspace --example history_queries -- DIR --fill PARTS [YEARS]
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::panic
)]

use std::{path::Path, time::Instant};
use wiko_core::{
    defect::Severity,
    disposition::Disposition,
    history::{HistoryCursor, HistoryFilter, HistoryPage},
    shift::ShiftPlan,
    sku::{ProductSku, SkuCatalog},
    stage::Stage,
    time::UnixMillis,
};
use wiko_store::{RecordsReader, SeedPlan, seed};

/// As many as the page asks for.
const ROWS: u32 = 60;

const HOUR_MS: i64 = 3_600_000;
const SHIFT_MS: i64 = 8 * HOUR_MS;
const MONTH_MS: i64 = 30 * 24 * HOUR_MS;

/// The end of the made-up history: 2026-03-01, noon.
const END: UnixMillis = UnixMillis(1_772_352_000_000);

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let dir = Path::new(arguments.first().expect("the data directory"));
    let number = |n: usize| arguments.get(n).map(|text| text.parse().unwrap());
    if arguments.get(1).is_some_and(|text| text == "--fill") {
        return fill(
            dir,
            number(2).expect("how many parts"),
            number(3).unwrap_or(10),
        )
        .await;
    }
    let times = number(1).unwrap_or(41) as usize;
    let reader = RecordsReader::open(dir).await.unwrap().expect("records");
    let newest = reader
        .history(&HistoryFilter::default(), None, 1)
        .await
        .unwrap();
    println!("{}", serde_json::json!({"parts": newest.rows[0].sequence}));
    for (name, filter, after) in pages(&reader).await {
        let asked = Some((&filter, after, ROWS));
        let sql = reader.statements(asked, None).await.unwrap();
        let rows = reader
            .history(&filter, after, ROWS)
            .await
            .unwrap()
            .rows
            .len();
        let mut ms = vec![];
        for _ in 0..times {
            let begin = Instant::now();
            reader.history(&filter, after, ROWS).await.unwrap();
            ms.push(begin.elapsed().as_secs_f64() * 1e3);
        }
        told(&name, rows, ms, &sql);
    }
    for (name, length) in [("shift", SHIFT_MS), ("month", MONTH_MS)] {
        // Neither end on a whole hour.
        let to = UnixMillis(END.0 - 123_456);
        let from = UnixMillis(to.0 - length);
        let sql = reader.statements(None, Some((from, to))).await.unwrap();
        let parts = reader.tally(from, to).await.unwrap().inspected();
        let mut ms = vec![];
        for _ in 0..times {
            let begin = Instant::now();
            reader.tally(from, to).await.unwrap();
            ms.push(begin.elapsed().as_secs_f64() * 1e3);
        }
        told(&format!("tally: {name}"), parts as usize, ms, &sql);
    }
}

fn told(name: &str, rows: usize, mut ms: Vec<f64>, sql: &[String]) {
    ms.sort_by(f64::total_cmp);
    let at = |share: f64| ms[((ms.len() as f64 * share) as usize).min(ms.len() - 1)];
    let mean = ms.iter().sum::<f64>() / ms.len() as f64;
    let line = serde_json::json!({
        "name": name, "rows": rows, "p50_ms": at(0.5), "p95_ms": at(0.95), "mean_ms": mean, "sql": sql,
    });
    println!("{line}");
}

async fn fill(dir: &Path, parts: u32, years: u32) {
    let begin = Instant::now();
    let eight_east = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    let starts = [("A", 7), ("B", 15), ("C", 23)];
    let starts = starts.map(|(code, hour)| (code.to_owned(), jiff::civil::time(hour, 0, 0, 0)));
    let plan = SeedPlan {
        parts: parts.into(),
        first_at: UnixMillis(END.0 - i64::from(years) * 365 * 24 * HOUR_MS),
        last_at: END,
        skus: SkuCatalog::default(),
        shifts: ShiftPlan::new(eight_east, starts.to_vec()).unwrap(),
    };
    let told = |done: u64| {
        if done.is_multiple_of(200_000) {
            eprintln!("{done} after {:.0} s", begin.elapsed().as_secs_f64());
        }
    };
    seed(dir, &plan, told).await.unwrap();
    eprintln!("filled in {:.0} s", begin.elapsed().as_secs_f64());
}

/// What is asked, and from where.
async fn pages(reader: &RecordsReader) -> Vec<(String, HistoryFilter, Option<HistoryCursor>)> {
    let any = HistoryFilter::default;
    let newest: HistoryPage = reader.history(&any(), None, 1).await.unwrap();
    let last = newest.rows.first().expect("a part").sequence;
    let middle = Some(HistoryCursor(last / 2));
    let in_the_middle = reader
        .history(&any(), middle, 1)
        .await
        .unwrap()
        .rows
        .remove(0);
    let part = reader.inspection(in_the_middle.id).await.unwrap();
    let text = |text: &str| HistoryFilter {
        text: Some(text.to_owned()),
        ..any()
    };
    let of = |disposition| HistoryFilter {
        disposition: Some(disposition),
        ..any()
    };
    let worst = |severity| HistoryFilter {
        severity: Some(severity),
        ..any()
    };
    let sku = || Some(ProductSku::new("WK-KN-200").unwrap());
    let from = Some(part.capture.captured_at);
    let to = from.map(|UnixMillis(at)| UnixMillis(at + SHIFT_MS));
    let mut asked = vec![
        ("newest".to_owned(), any(), None),
        ("deep cursor".to_owned(), any(), middle),
    ];
    let mut add = |name: &str, filter: HistoryFilter| asked.push((name.to_owned(), filter, None));
    add(
        "stage",
        HistoryFilter {
            stage: Some(Stage::LogoPrint),
            ..any()
        },
    );
    add(
        "product",
        HistoryFilter {
            product_sku: sku(),
            ..any()
        },
    );
    add(
        "stage, product",
        HistoryFilter {
            stage: Some(Stage::LogoPrint),
            product_sku: sku(),
            ..any()
        },
    );
    for disposition in Disposition::ALL {
        add(disposition.code(), of(*disposition));
    }
    for severity in [Severity::Critical, Severity::Minor] {
        add(severity.code(), worst(severity));
    }
    add(
        "fail, stage",
        HistoryFilter {
            stage: Some(Stage::LogoPrint),
            ..of(Disposition::Fail)
        },
    );
    add(
        "rejected, product",
        HistoryFilter {
            product_sku: sku(),
            ..of(Disposition::Rejected)
        },
    );
    add(
        "pass, stage, product",
        HistoryFilter {
            stage: Some(Stage::LogoPrint),
            product_sku: sku(),
            ..of(Disposition::Pass)
        },
    );
    add(
        "fail, stage, product",
        HistoryFilter {
            stage: Some(Stage::LogoPrint),
            product_sku: sku(),
            ..of(Disposition::Fail)
        },
    );
    add(
        "accepted, critical",
        HistoryFilter {
            severity: Some(Severity::Critical),
            ..of(Disposition::Accepted)
        },
    );
    add(
        "rejected, minor (none)",
        HistoryFilter {
            severity: Some(Severity::Minor),
            ..of(Disposition::Rejected)
        },
    );
    add(
        "fail, critical, stage, product",
        HistoryFilter {
            severity: Some(Severity::Critical),
            stage: Some(Stage::LogoPrint),
            product_sku: sku(),
            ..of(Disposition::Fail)
        },
    );
    add("old shift", HistoryFilter { from, to, ..any() });
    add(
        "old shift, fail",
        HistoryFilter {
            from,
            to,
            ..of(Disposition::Fail)
        },
    );
    add(
        "old shift, stage",
        HistoryFilter {
            from,
            to,
            stage: Some(part.capture.stage),
            ..any()
        },
    );
    add(
        "old shift, critical",
        HistoryFilter {
            from,
            to,
            ..worst(Severity::Critical)
        },
    );
    for words in [
        "未见缺陷",
        "划痕",
        "锈斑",
        "锈",
        "blade_scr",
        "刀尖 划痕",
        "反光",
        "鲸",
        "L20",
    ] {
        add(&format!("text {words}"), text(words));
    }
    add("text of a lot", text(part.capture.lot.as_deref().unwrap()));
    let serial = reader
        .history(
            &HistoryFilter {
                product_sku: sku(),
                ..any()
            },
            middle,
            1,
        )
        .await
        .unwrap();
    let serial = reader
        .inspection(serial.rows[0].id)
        .await
        .unwrap()
        .capture
        .serial
        .unwrap();
    add("text of a serial", text(&serial));
    add("text of half a serial", text(&serial[..8]));
    add(
        "text 划痕, critical",
        HistoryFilter {
            severity: Some(Severity::Critical),
            ..text("划痕")
        },
    );
    add(
        "text 焊缝, cosmetic (none)",
        HistoryFilter {
            severity: Some(Severity::Cosmetic),
            ..text("焊缝")
        },
    );
    add(
        "text 锈, old shift",
        HistoryFilter {
            from,
            to,
            ..text("锈")
        },
    );
    add(
        "text 未见缺陷, old shift",
        HistoryFilter {
            from,
            to,
            ..text("未见缺陷")
        },
    );
    asked
}
