//! What the history and the tally keep to.

use super::{captured, failed, passed, picture};
use crate::builders::capture;
use wiko_core::{
    defect::{DefectType, Severity},
    disposition::Disposition,
    history::{HistoryCursor, HistoryFilter, Tally},
    inspection::{OperatorCall, OperatorDecision},
    ports::Records,
    sku::ProductSku,
    stage::Stage,
};

/// Page after page gives every part once.
pub async fn the_history_is_newest_first_in_pages_without_gaps(records: &dyn Records) {
    for n in 1..=7 {
        captured(records, n).await;
    }
    let (mut seen, mut after) = (vec![], None::<HistoryCursor>);
    loop {
        let page = records
            .history(&HistoryFilter::default(), after, 3)
            .await
            .unwrap();
        assert!(page.rows.len() <= 3);
        seen.extend(page.rows.iter().map(|row| row.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let newest_first: Vec<_> = (1..=7).rev().map(|n| capture(n).id).collect();
    assert_eq!(seen, newest_first);
}

/// One filter after the other, and all together.
pub async fn each_filter_narrows_the_history(records: &dyn Records) {
    let sku = ProductSku::new("WK-SC-200").unwrap();
    for n in 1..=6 {
        let mut part = capture(n);
        if n % 2 == 0 {
            part.stage = Stage::LogoPrint;
        }
        if n > 3 {
            part.product_sku = sku.clone();
        }
        records.capture(&part, &picture(n)).await.unwrap();
    }
    passed(records, 1).await;
    failed(records, 2, DefectType::RustSpot).await;
    failed(records, 4, DefectType::BladeScratch).await;
    let at = |n| Some(capture(n).captured_at);
    let any = HistoryFilter::default;
    let all_of_them = HistoryFilter {
        from: at(1),
        to: at(6),
        stage: Some(Stage::LogoPrint),
        product_sku: Some(sku.clone()),
        disposition: Some(Disposition::Fail),
        severity: Some(Severity::Minor),
        text: Some("blade scr".into()),
    };
    let nothing = HistoryFilter {
        from: at(6),
        to: at(6),
        ..any()
    };
    let table: [(HistoryFilter, &[u32]); 11] = [
        (any(), &[6, 5, 4, 3, 2, 1]),
        (
            HistoryFilter {
                from: at(5),
                ..any()
            },
            &[6, 5],
        ),
        (HistoryFilter { to: at(3), ..any() }, &[2, 1]),
        (
            HistoryFilter {
                stage: Some(Stage::LogoPrint),
                ..any()
            },
            &[6, 4, 2],
        ),
        (
            HistoryFilter {
                product_sku: Some(sku),
                ..any()
            },
            &[6, 5, 4],
        ),
        (
            HistoryFilter {
                disposition: Some(Disposition::Pending),
                ..any()
            },
            &[6, 5, 3],
        ),
        (
            HistoryFilter {
                disposition: Some(Disposition::Pass),
                ..any()
            },
            &[1],
        ),
        (
            HistoryFilter {
                severity: Some(Severity::Critical),
                ..any()
            },
            &[2],
        ),
        (
            HistoryFilter {
                severity: Some(Severity::Major),
                ..any()
            },
            &[],
        ),
        (all_of_them, &[4]),
        (nothing, &[]),
    ];
    for (filter, expected) in table {
        let page = records.history(&filter, None, 10).await.unwrap();
        let found: Vec<_> = page.rows.iter().map(|row| row.id).collect();
        let expected: Vec<_> = expected.iter().map(|n| capture(*n).id).collect();
        assert_eq!(found, expected, "{filter:?}");
        assert_eq!(page.next, None);
    }
    let rust = HistoryFilter {
        severity: Some(Severity::Critical),
        ..any()
    };
    let page = records.history(&rust, None, 1).await.unwrap();
    assert_eq!(page.rows[0].defect_type, Some(DefectType::RustSpot));
    assert_eq!(page.rows[0].findings, 1);
}

/// Order is that of capture; a span of time holds what was captured in it, in whatever order.
pub async fn a_clock_that_was_set_back_hides_no_part_from_the_history(records: &dyn Records) {
    let order = [500, 501, 3, 4, 502];
    for n in order {
        captured(records, n).await;
    }
    let found = async |from, to| {
        let filter = HistoryFilter {
            from: Some(capture(from).captured_at),
            to: Some(capture(to).captured_at),
            ..HistoryFilter::default()
        };
        let page = records.history(&filter, None, 10).await.unwrap();
        page.rows.iter().map(|row| row.id).collect::<Vec<_>>()
    };
    let ids = |parts: &[u32]| parts.iter().map(|n| capture(*n).id).collect::<Vec<_>>();
    assert_eq!(found(0, 100).await, ids(&[4, 3]));
    assert_eq!(found(400, 600).await, ids(&[502, 501, 500]));
    assert_eq!(found(0, 600).await, ids(&[502, 4, 3, 501, 500]));
}

/// The end is not part of it; pending is no yield.
pub async fn the_tally_counts_from_its_start_until_before_its_end(records: &dyn Records) {
    for n in 1..=5 {
        captured(records, n).await;
    }
    passed(records, 1).await;
    passed(records, 2).await;
    failed(records, 3, DefectType::BladeChip).await;
    let from = capture(2).captured_at;
    let tally = records.tally(from, capture(5).captured_at).await.unwrap();
    let expected = Tally {
        pass: 1,
        fail: 1,
        undetermined: 0,
        pending: 1,
    };
    assert_eq!(tally, expected);
    assert_eq!(records.tally(from, from).await, Ok(Tally::default()));
}

/// By lot as soon as it is captured, by what was found once it is decided, by what people said; with one
/// Chinese character as with two, and whatever else is typed.
pub async fn what_is_said_of_a_part_is_found(records: &dyn Records) {
    for n in 1..=3 {
        let mut part = capture(n);
        part.lot = Some(format!("L2603-0{n}"));
        part.serial = (n == 3).then(|| "SN-77-甲".into());
        records.capture(&part, &picture(n)).await.unwrap();
    }
    failed(records, 1, DefectType::RustSpot).await;
    passed(records, 2).await;
    let said = OperatorDecision {
        call: OperatorCall::Reject,
        operator: "op-9".into(),
        reason: Some("missed_defect".into()),
        decided_at: capture(9).captured_at,
    };
    records
        .operator_decided(capture(2).id, &said)
        .await
        .unwrap();
    let table: [(&str, &[u32]); 14] = [
        ("L2603", &[3, 2, 1]),
        ("l2603-02", &[2]),
        ("sn-77", &[3]),
        ("甲", &[3]),
        ("划", &[1]),
        ("划痕", &[1]),
        ("痕划", &[]),
        ("rust_spot", &[1]),
        ("无缺陷", &[2]),
        ("缺陷", &[2, 1]),
        ("missed", &[2]),
        ("缺陷 L2603-01", &[1]),
        ("\"划痕", &[1]),
        ("NOT (", &[]),
    ];
    for (text, expected) in table {
        let filter = HistoryFilter {
            text: Some(text.into()),
            ..HistoryFilter::default()
        };
        let page = records.history(&filter, None, 10).await.unwrap();
        let found: Vec<_> = page.rows.iter().map(|row| row.id).collect();
        let expected: Vec<_> = expected.iter().map(|n| capture(*n).id).collect();
        assert_eq!(found, expected, "{text}");
    }
}

/// What a person rejected is no pass, whatever the machine says.
pub async fn a_part_is_listed_by_what_became_of_it(records: &dyn Records) {
    for n in 1..=4 {
        captured(records, n).await;
    }
    passed(records, 1).await;
    passed(records, 2).await;
    failed(records, 3, DefectType::BladeScratch).await;
    for (n, call) in [
        (2, OperatorCall::Reject),
        (3, OperatorCall::Accept),
        (4, OperatorCall::Reject),
    ] {
        let said = OperatorDecision {
            call,
            operator: "op-9".into(),
            reason: Some("seen_by_eye".into()),
            decided_at: capture(9).captured_at,
        };
        records
            .operator_decided(capture(n).id, &said)
            .await
            .unwrap();
    }
    let table: [(Disposition, &[u32]); 6] = [
        (Disposition::Pass, &[1]),
        (Disposition::Fail, &[]),
        (Disposition::Undetermined, &[]),
        (Disposition::Pending, &[]),
        (Disposition::Accepted, &[3]),
        (Disposition::Rejected, &[4, 2]),
    ];
    for (disposition, expected) in table {
        let filter = HistoryFilter {
            disposition: Some(disposition),
            ..HistoryFilter::default()
        };
        let page = records.history(&filter, None, 10).await.unwrap();
        let found: Vec<_> = page.rows.iter().map(|row| row.id).collect();
        let expected: Vec<_> = expected.iter().map(|n| capture(*n).id).collect();
        assert_eq!(found, expected, "{disposition}");
        assert!(page.rows.iter().all(|row| row.disposition() == disposition));
    }
}
