//! Two answers about one part: the whole, then details of it.

use super::*;

/// Two looks, as they were read.
fn look(reply: Value) -> ReadReply {
    read_reply(reply).unwrap()
}

#[test]
fn a_finding_that_the_closer_look_confirms_takes_its_box_and_is_never_milder() {
    let first = look(defective());
    let mut near = defective();
    near["findings"][0]["severity"] = json!("cosmetic");
    near["findings"][0]["confidence"] = json!(0.97);
    near["findings"][0]["box"] = json!([12, 21, 108, 39]);
    let near = look(near);
    let seen = near.findings[0].box_px;
    let merged = merge(first, near, &[seen]);
    assert_eq!(merged.claim, Claim::Defective);
    let [only] = merged.findings.as_slice() else {
        panic!("{merged:?}");
    };
    assert_eq!(only.box_px, seen);
    assert_eq!(only.severity.code(), "minor");
    assert!((only.confidence - 0.97).abs() < 1e-9);
}

#[test]
fn a_finding_that_the_closer_look_does_not_see_goes_to_a_person() {
    let first = look(defective());
    let shown = first.findings[0].box_px;
    let contradicted = merge(first.clone(), look(good()), &[shown]);
    assert_eq!(contradicted.findings.len(), 1, "a person sees where");
    assert_eq!(judged(Ok(contradicted)), Err(Why::Disagreement));
    let elsewhere = merge(first, look(good()), &[DETAIL]);
    assert_eq!(judged(Ok(elsewhere)), Err(Why::Unsure));
}

#[test]
fn what_the_closer_look_sees_beside_is_added() {
    let mut near = defective();
    let beside = with(scratch(), "/box", json!([600, 300, 700, 350]));
    near["findings"].as_array_mut().unwrap().push(beside);
    let first = look(defective());
    let shown = first.findings[0].box_px;
    let merged = merge(first, look(near), &[shown]);
    assert_eq!(merged.findings.len(), 2);
    assert_eq!(judged(Ok(merged)), Ok(VerdictCode::Fail));
}

#[test]
fn two_findings_that_the_closer_look_sees_as_one_are_both_confirmed() {
    let mut first = defective();
    let halves = [[10, 20, 60, 40], [60, 20, 110, 40]].map(|at| with(scratch(), "/box", json!(at)));
    first["findings"] = json!(halves);
    let first = look(first);
    let shown: Vec<BoxPx> = first.findings.iter().map(|found| found.box_px).collect();
    let merged = merge(first, look(defective()), &shown);
    assert_eq!(merged.findings.len(), 1);
}

#[test]
fn a_finding_that_is_another_from_near_is_what_it_is_from_near() {
    let mut near = defective();
    near["findings"][0]["type"] = json!("rust_spot");
    let first = look(defective());
    let shown = first.findings[0].box_px;
    let merged = merge(first, look(near), &[shown]);
    let found = &merged.findings[0];
    assert_eq!(
        (found.defect_type.code(), found.severity.code()),
        ("rust_spot", "critical")
    );
}

#[test]
fn two_looks_that_claim_different_things_leave_nobody_sure() {
    for (first, near) in [
        (good(), defective()),
        (defective(), with(defective(), "/verdict", json!("unsure"))),
    ] {
        let first = look(first);
        let shown: Vec<BoxPx> = first.findings.iter().map(|found| found.box_px).collect();
        assert_eq!(
            judged(Ok(merge(first, look(near), &shown))),
            Err(Why::Unsure)
        );
    }
    let both = merge(look(good()), look(good()), &[DETAIL]);
    assert_eq!(judged(Ok(both)), Ok(VerdictCode::Pass));
}

#[test]
fn doubt_in_either_look_leaves_the_part_undetermined() {
    let unsure = || look(with(good(), "/verdict", json!("unsure")));
    let blurred = || look(with(good(), "/image_quality/usable", json!(false)));
    for (first, near) in [
        (unsure(), look(good())),
        (look(good()), unsure()),
        (look(good()), blurred()),
        (blurred(), look(good())),
    ] {
        assert!(judged(Ok(merge(first, near, &[DETAIL]))).is_err());
    }
}
