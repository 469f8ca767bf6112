//! A second answer, where the first is out of form.

use super::*;

#[rstest]
#[case::a_field_missing(call(without(good(), "summary")), Ok(VerdictCode::Pass))]
#[case::a_field_missing_in_text(text(without(good(), "summary").to_string()), Ok(VerdictCode::Pass))]
#[case::a_criterion_left_out(call(with(good(), "/checklist", json!([good()["checklist"][0]]))), Ok(VerdictCode::Pass))]
#[case::prose(text("The part looks fine."), Err(Why::Disagreement))]
#[case::prose_of_rust(
    text("Rust near the tip; the part is defective."),
    Err(Why::Disagreement)
)]
#[case::prose_around_a_good_one(text(format!("Here it is: {} Done.", good())), Err(Why::Disagreement))]
#[case::prose_around_a_bad_one(text(format!("Here it is: {} Done.", defective())), Err(Why::Disagreement))]
#[case::json_that_cannot_be_read(text("{\"verdict\": good}"), Err(Why::Disagreement))]
#[case::json_that_does_not_end(
    text("{\"verdict\": \"defective\", \"summary\": \"rust\""),
    Err(Why::Disagreement)
)]
#[case::a_key_twice(text(good().to_string().replacen('{', "{\"verdict\":\"defective\",", 1)), Err(Why::Disagreement))]
#[case::wrapped(call(json!({"result": defective()})), Err(Why::Disagreement))]
#[case::a_list(call(json!([defective()])), Err(Why::Disagreement))]
#[case::as_a_string(call(json!(defective().to_string())), Err(Why::Disagreement))]
#[case::an_unknown_field(call(with_surprise(good())), Err(Why::Disagreement))]
#[case::a_finding_without_a_box(call(with(defective(), "/findings/0/box", json!([]))), Err(Why::Disagreement))]
#[case::a_wrong_enum(call(with(good(), "/verdict", json!("pass"))), Err(Why::Disagreement))]
#[case::a_criterion_violated(call(with(good(), "/checklist/0/result", json!("violated"))), Err(Why::Disagreement))]
#[case::a_checklist_of_another_kind(call(with(good(), "/checklist", json!({"BG1": "violated"}))), Err(Why::Disagreement))]
#[case::a_quality_of_another_kind(call(with(good(), "/image_quality", json!("blurred"))), Err(Why::Disagreement))]
#[case::nothing(Answer { end: End::OfItself, blocks: vec![] }, Err(Why::Disagreement))]
fn a_second_answer_clears_no_part_that_the_first_held_something_against(
    #[case] first: Answer,
    #[case] decided: Result<VerdictCode, Why>,
) {
    let read = read_repaired(&first, &call(good()), TOOL, &frame());
    assert_eq!(judged(read), decided);
    let read = read_repaired(&first, &call(defective()), TOOL, &frame());
    assert_eq!(
        judged(read),
        Ok(VerdictCode::Fail),
        "a fail stands whatever was said before"
    );
}

fn with_surprise(mut reply: Value) -> Value {
    reply["surprise"] = json!(1);
    reply
}

#[test]
fn only_a_broken_form_is_worth_a_second_try() {
    let refused = |answer: Answer| read_answer(&answer, TOOL, &frame()).unwrap_err();
    assert!(may_be_repaired(&refused(text("fine"))));
    let cut = Answer {
        end: End::Early("max_tokens".into()),
        ..call(good())
    };
    assert!(!may_be_repaired(&refused(cut)));
    let other = with(good(), "/image_token", json!("00000000"));
    assert!(!may_be_repaired(&refused(call(other))));
}
