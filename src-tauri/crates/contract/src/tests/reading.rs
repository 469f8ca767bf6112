//! What is read out of an answer, and what refuses it.

use super::*;

#[test]
fn boxes_come_out_in_pixels_of_the_original_with_the_way_they_took() {
    let read = read_reply(defective()).unwrap();
    let finding = &read.findings[0];
    let expected = BoxPx {
        x: 20,
        y: 40,
        width: 201,
        height: 40,
    };
    assert_eq!(finding.box_px, expected);
    assert_eq!(finding.provenance, frame().pictures[0]);
    assert_eq!(finding.description, "刀面划痕 [BG1]");
}

#[test]
fn a_box_in_a_detail_comes_out_at_its_place_on_the_original() {
    let mut reply = defective();
    reply["findings"][0]["picture"] = json!(1);
    reply["findings"][0]["box"] = json!([20, 10, 40, 30]);
    let read = read_reply(reply).unwrap();
    let expected = BoxPx {
        x: 1010,
        y: 505,
        width: 10,
        height: 10,
    };
    assert_eq!(read.findings[0].box_px, expected);
    assert_eq!(read.findings[0].provenance, frame().pictures[1]);
}

fn cause() -> Value {
    json!({
        "image_token": frame().token(), "probable_stage": "blade_glazing",
        "root_cause": "布轮磨损", "five_whys": ["a", "b"],
        "ishikawa": {"machine": ["worn wheel"], "material": [], "method": [], "man": [],
                     "measurement": [], "environment": []},
        "contributing_factors": [], "corrective_actions": ["更换布轮"], "preventive_actions": [],
    })
}

#[test]
fn a_text_of_the_model_cannot_forge_a_line() {
    let reply = with(
        defective(),
        "/findings/0/description",
        json!("x\nverdict    pass\u{1b}[0m"),
    );
    let read = read_reply(reply).unwrap();
    assert_eq!(read.findings[0].description, "x verdict    pass[0m [BG1]");
}

#[test]
fn a_cause_is_read_whole() {
    let read = read_cause(&call(cause()), TOOL, &frame()).unwrap();
    assert_eq!(read.probable_stage.unwrap().code(), "blade_glazing");
    assert_eq!(read.five_whys.len(), 2);
    assert_eq!(read.ishikawa.machine, ["worn wheel"]);
}

#[rstest]
#[case::of_another_picture(with(cause(), "/image_token", json!("00000000")), Why::OtherImage)]
#[case::without_a_root(with(cause(), "/root_cause", json!(" ")), Why::ContractBroken)]
#[case::of_six_whys(with(cause(), "/five_whys", json!(["1", "2", "3", "4", "5", "6"])), Why::ContractBroken)]
#[case::of_a_stage_of_no_list(with(cause(), "/probable_stage", json!("painting")), Why::ContractBroken)]
#[case::with_a_branch_of_no_diagram(with(cause(), "/ishikawa", json!({"luck": []})), Why::ContractBroken)]
fn a_cause_that_breaks_the_contract_is_refused(#[case] reply: Value, #[case] why: Why) {
    let refused = read_cause(&call(reply), TOOL, &frame()).unwrap_err();
    assert_eq!(refused.reason(), why);
}

#[rstest]
#[case::prose(json!("The part looks fine."), Why::ContractBroken)]
#[case::nothing(json!(null), Why::ContractBroken)]
#[case::empty(json!({}), Why::ContractBroken)]
#[case::a_list(json!([good()]), Why::ContractBroken)]
#[case::wrong_verdict(with(good(), "/verdict", json!("pass")), Why::ContractBroken)]
#[case::verdict_in_capitals(with(good(), "/verdict", json!("Good")), Why::ContractBroken)]
#[case::no_findings(without(good(), "findings"), Why::ContractBroken)]
#[case::null_findings(with(good(), "/findings", json!(null)), Why::ContractBroken)]
#[case::no_quality(without(good(), "image_quality"), Why::ContractBroken)]
#[case::no_checklist(without(good(), "checklist"), Why::ContractBroken)]
#[case::no_token(without(good(), "image_token"), Why::ContractBroken)]
#[case::other_token(with(good(), "/image_token", json!("00000000")), Why::OtherImage)]
#[case::instruction(with(good(), "/instruction_in_image", json!(true)), Why::InstructionInPicture)]
#[case::another_product(with(good(), "/part", json!("other")), Why::OtherProduct)]
#[case::an_empty_fixture(with(good(), "/part", json!("nothing")), Why::NoPart)]
#[case::a_part_of_no_list(with(good(), "/part", json!("yes")), Why::ContractBroken)]
#[case::no_part(without(good(), "part"), Why::ContractBroken)]
#[case::finding_in_a_picture_that_was_not_sent(with(defective(), "/findings/0/picture", json!(2)), Why::ContractBroken)]
#[case::finding_in_a_picture_below_zero(with(defective(), "/findings/0/picture", json!(-1)), Why::ContractBroken)]
#[case::box_beyond_its_detail(with(defective(), "/findings/0/picture", json!(1))
    .pipe(|reply| with(reply, "/findings/0/box", json!([150, 0, 201, 10]))), Why::ContractBroken)]
#[case::blurred(with(good(), "/image_quality/usable", json!(false)), Why::ImageUnfit)]
#[case::usable_as_text(with(good(), "/image_quality/usable", json!("true")), Why::ContractBroken)]
#[case::unsure(with(good(), "/verdict", json!("unsure")), Why::Unsure)]
#[case::good_with_findings(with(defective(), "/checklist", good()["checklist"].clone())
    .pipe(|reply| with(reply, "/verdict", json!("good"))), Why::GoodWithFindings)]
#[case::good_with_a_violation(with(good(), "/checklist/0/result", json!("violated")), Why::ContractBroken)]
#[case::good_half_seen(with(good(), "/checklist/1/result", json!("not_visible")), Why::ImageUnfit)]
#[case::good_half_checked(with(good(), "/checklist", json!([good()["checklist"][0]])), Why::ContractBroken)]
#[case::one_criterion_twice(with(good(), "/checklist/1/criterion", json!("BG1")), Why::ContractBroken)]
#[case::criterion_of_no_list(with(good(), "/checklist/1/criterion", json!("XX9")), Why::ContractBroken)]
#[case::defective_of_nothing(with(good(), "/verdict", json!("defective")), Why::DefectiveWithoutFindings)]
#[case::type_of_no_list(with(defective(), "/findings/0/type", json!("dent")), Why::ContractBroken)]
#[case::severity_of_no_list(with(defective(), "/findings/0/severity", json!("pass")), Why::ContractBroken)]
#[case::confidence_over_one(with(defective(), "/findings/0/confidence", json!(1.01)), Why::ContractBroken)]
#[case::confidence_below_zero(with(defective(), "/findings/0/confidence", json!(-0.1)), Why::ContractBroken)]
#[case::confidence_in_percent(with(defective(), "/findings/0/confidence", json!("90%")), Why::ContractBroken)]
#[case::confidence_no_number(with(defective(), "/findings/0/confidence", json!(null)), Why::ContractBroken)]
#[case::box_outside(with(defective(), "/findings/0/box", json!([0, 0, 1001, 10])), Why::ContractBroken)]
#[case::box_below_zero(with(defective(), "/findings/0/box", json!([-1, 0, 10, 10])), Why::ContractBroken)]
#[case::box_inverted(with(defective(), "/findings/0/box", json!([10, 0, 5, 10])), Why::ContractBroken)]
#[case::box_empty(with(defective(), "/findings/0/box", json!([5, 5, 5, 5])), Why::ContractBroken)]
#[case::box_of_three(with(defective(), "/findings/0/box", json!([1, 2, 3])), Why::ContractBroken)]
#[case::box_of_five(with(defective(), "/findings/0/box", json!([1, 2, 3, 4, 5])), Why::ContractBroken)]
#[case::box_with_a_hole(with(defective(), "/findings/0/box", json!([1, 2, null, 4])), Why::ContractBroken)]
#[case::box_of_text(with(defective(), "/findings/0/box", json!("1,2,3,4")), Why::ContractBroken)]
#[case::one_bad_of_two(with(defective(), "/findings",
    json!([scratch(), with(scratch(), "/box", json!([0, 0, 0, 0]))])), Why::ContractBroken)]
#[case::finding_of_no_criterion(with(defective(), "/findings/0/criterion", json!("XX9")), Why::ContractBroken)]
fn a_reply_that_must_not_decide_leaves_the_part_undetermined(
    #[case] reply: Value,
    #[case] why: Why,
) {
    assert_eq!(decided(reply), Err(why));
}

#[rstest]
#[case::at_the_top("", json!({}))]
#[case::in_the_quality("/image_quality", json!({}))]
#[case::in_the_checklist("/checklist/0", json!({}))]
#[case::in_a_finding("/findings/0", json!({}))]
fn an_unknown_field_anywhere_refuses_the_reply(#[case] pointer: &str, #[case] value: Value) {
    let mut reply = defective();
    let place = reply.pointer_mut(pointer).unwrap();
    place
        .as_object_mut()
        .unwrap()
        .insert("surprise".into(), value);
    let refused = read_reply(reply).unwrap_err();
    assert!(
        refused.to_string().contains("unknown field `surprise`"),
        "{refused}"
    );
}

#[test]
fn writing_in_the_picture_that_reads_like_an_instruction_is_recorded_as_the_reason() {
    let reply = with(good(), "/instruction_in_image", json!(true));
    let ImageQuality::Unusable { reason, .. } = read_reply(reply).unwrap().image_quality else {
        panic!("usable");
    };
    assert!(reason.contains("a person has to look"), "{reason}");
}

#[test]
fn numbers_beyond_any_float_are_refused_as_text_and_as_a_value() {
    for number in ["1e999", "NaN", "-Infinity"] {
        let text = defective().to_string().replace("0.9", number);
        assert!(read_text(&text).is_err(), "{number}");
    }
}

#[test]
fn a_text_reply_with_a_key_twice_or_with_anything_around_it_is_refused() {
    let good = good().to_string();
    assert!(read_text(&good).is_ok());
    let twice = good.replacen('{', "{\"verdict\":\"defective\",", 1);
    assert!(read_text(&twice).is_err());
    assert!(read_text(&format!("Here it is: {good}")).is_err());
    assert!(read_text(&format!("{good} Done.")).is_err());
    assert!(read_text(&good[..good.len() - 1]).is_err());
}

#[rstest]
#[case::cut_off(End::Early("max_tokens".into()), Why::Incomplete)]
#[case::malformed(End::Malformed, Why::ContractBroken)]
#[case::ended_without_a_call(End::OfItself, Why::ContractBroken)]
fn how_an_answer_ended_is_looked_at_before_what_it_says(#[case] end: End, #[case] why: Why) {
    let answer = Answer {
        end,
        ..call(good())
    };
    assert_eq!(judged(read_answer(&answer, TOOL, &frame())), Err(why));
}

#[test]
fn two_calls_another_tool_and_a_number_that_is_none_are_refused() {
    let one = call(good()).blocks.remove(0);
    let answer = |blocks| Answer {
        end: End::ToolCall,
        blocks,
    };
    let named = |name: &str, input| {
        answer(vec![Block::Call {
            name: name.into(),
            input,
        }])
    };
    for refused in [
        answer(vec![one.clone(), one]),
        named("search", Some(good())),
        named("record_inspection", None),
        answer(vec![]),
    ] {
        let read = read_answer(&refused, TOOL, &frame());
        assert_eq!(judged(read), Err(Why::ContractBroken), "{refused:?}");
    }
}

#[test]
fn an_answer_about_details_leaves_the_checklist_empty() {
    let details = SentFrame {
        asks_checklist: false,
        ..frame()
    };
    let read = |reply| read_answer(&call(reply), TOOL, &details);
    assert!(read(good()).is_err());
    let empty = with(good(), "/checklist", json!([]));
    assert_eq!(judged(read(empty)), Ok(VerdictCode::Pass));
}
