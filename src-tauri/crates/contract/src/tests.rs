use super::*;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use wiko_core::{
    analysis::{Analysis, Appraiser, Claim, ImageQuality, Provider, Usage},
    geometry::{BoxProvenance, BoxPx},
    image::{ImageFacts, ImageFormat, Sha256},
    verdict::{UndeterminedReason as Why, VerdictCode, judge},
};

fn frame() -> SentFrame {
    let criterion = |code: &str| Criterion {
        code: code.into(),
        text: String::new(),
    };
    SentFrame {
        original: ImageFacts {
            sha256: Sha256::of(b"part"),
            size_bytes: 4,
            width_px: 2000,
            height_px: 1000,
            format: ImageFormat::Jpeg,
        },
        pictures: vec![
            BoxProvenance::Resized {
                width_px: 1000,
                height_px: 500,
            },
            BoxProvenance::Cropped {
                crop: DETAIL,
                width_px: 200,
                height_px: 100,
            },
        ],
        criteria: vec![criterion("BG1"), criterion("BG2")],
        asks_checklist: true,
    }
}

const DETAIL: BoxPx = BoxPx {
    x: 1000,
    y: 500,
    width: 100,
    height: 50,
};

const TOOL: Form = Form::Tool("record_inspection");

/// An answer that calls the tool with this input.
fn call(input: Value) -> Answer {
    Answer {
        end: End::ToolCall,
        blocks: vec![Block::Call {
            name: "record_inspection".into(),
            input: Some(input),
        }],
    }
}

/// An answer that is text.
fn text(text: impl Into<String>) -> Answer {
    Answer {
        end: End::OfItself,
        blocks: vec![Block::Text(text.into())],
    }
}

fn read_reply(reply: Value) -> Result<ReadReply, ReplyRefused> {
    read_answer(&call(reply), TOOL, &frame())
}

fn read_text(said: &str) -> Result<ReadReply, ReplyRefused> {
    read_answer(&text(said), Form::Text, &frame())
}

fn good() -> Value {
    json!({
        "image_token": frame().token(),
        "image_quality": {"usable": true, "reason": ""},
        "part": "expected",
        "instruction_in_image": false,
        "checklist": [
            {"criterion": "BG1", "result": "met"},
            {"criterion": "BG2", "result": "met"},
        ],
        "findings": [],
        "verdict": "good",
        "summary": "无缺陷",
    })
}

fn scratch() -> Value {
    json!({
        "type": "blade_scratch", "severity": "minor", "confidence": 0.9,
        "region": "blade_surface", "picture": 0, "box": [10, 20, 110.5, 40],
        "description": "刀面划痕", "recommended_action": "accept_with_discount",
        "criterion": "BG1",
    })
}

fn defective() -> Value {
    let mut reply = good();
    reply["verdict"] = json!("defective");
    reply["findings"] = json!([scratch()]);
    reply["checklist"][0]["result"] = json!("violated");
    reply
}

/// What the station makes of a reply.
fn decided(reply: Value) -> Result<VerdictCode, Why> {
    judged(read_reply(reply))
}

fn judged(read: Result<ReadReply, ReplyRefused>) -> Result<VerdictCode, Why> {
    let frame = frame();
    let read = read.map_err(|refused| refused.reason())?;
    let analysis = Analysis {
        image_sha256: frame.original.sha256,
        complete: true,
        disagreement: read.disagreement,
        claim: read.claim,
        findings: read.findings,
        image_quality: read.image_quality,
        cause: None,
        summary: read.summary,
        appraiser: Appraiser {
            provider: Provider::Claude,
            model: String::new(),
            prompt_sha256: Sha256::of(b""),
            recipe: None,
        },
        usage: Usage::default(),
    };
    let verdict = judge(&frame.original, &analysis, None);
    verdict.reason().map_or(Ok(verdict.code()), Err)
}

fn with(mut reply: Value, pointer: &str, value: Value) -> Value {
    *reply.pointer_mut(pointer).unwrap() = value;
    reply
}

fn without(mut reply: Value, key: &str) -> Value {
    reply.as_object_mut().unwrap().remove(key).unwrap();
    reply
}

#[test]
fn a_complete_good_reply_passes_and_a_defective_one_fails() {
    assert_eq!(decided(good()), Ok(VerdictCode::Pass));
    assert_eq!(decided(defective()), Ok(VerdictCode::Fail));
}

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

trait Pipe: Sized {
    fn pipe(self, change: impl FnOnce(Self) -> Self) -> Self {
        change(self)
    }
}
impl Pipe for Value {}

fn may_pass(reply: &Value) -> bool {
    oracle::may_pass(&call(reply.clone()), TOOL, &frame())
}

/// Any JSON, often of the words and shapes that a reply is made of.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z_]{0,8}".prop_map(Value::from),
        proptest::sample::select(vec![
            "good",
            "defective",
            "unsure",
            "met",
            "violated",
            "BG1",
            "BG2",
            "expected",
            "nothing"
        ])
        .prop_map(Value::from),
        Just(scratch()),
        Just(json!([])),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let keys = proptest::sample::select(vec![
            "verdict",
            "findings",
            "usable",
            "reason",
            "criterion",
            "result",
            "box",
            "x",
        ]);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(keys.prop_map(str::to_owned), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn places() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "",
        "/verdict",
        "/findings",
        "/image_token",
        "/image_quality",
        "/image_quality/usable",
        "/image_quality/reason",
        "/instruction_in_image",
        "/checklist",
        "/checklist/0",
        "/checklist/1/result",
        "/checklist/0/criterion",
        "/summary",
        "/extra",
        "/part",
        "/findings/0/picture",
        "/image_quality/extra",
    ])
}

/// Puts a value at a place of a reply; adds the key where it is not there.
fn put(reply: &mut Value, place: &str, value: Value) {
    if let Some(there) = reply.pointer_mut(place) {
        *there = value;
    } else if let Some((parent, key)) = place.rsplit_once('/')
        && let Some(map) = reply.pointer_mut(parent).and_then(Value::as_object_mut)
    {
        map.insert(key.to_owned(), value);
    }
}

proptest! {
    #[test]
    fn no_reply_passes_unless_it_is_a_complete_good_one(
        start_good: bool,
        changes in proptest::collection::vec((places(), any_json()), 0..4),
    ) {
        let mut reply = if start_good { good() } else { defective() };
        for (place, value) in changes {
            put(&mut reply, place, value);
        }
        let passed = decided(reply.clone()) == Ok(VerdictCode::Pass);
        prop_assert!(!passed || may_pass(&reply), "{reply}");
    }

    #[test]
    fn no_second_answer_passes_what_the_first_held_something_against(
        start_good: bool,
        changes in proptest::collection::vec((places(), any_json()), 0..4),
        as_text: bool,
    ) {
        let mut first = if start_good { good() } else { defective() };
        for (place, value) in changes {
            put(&mut first, place, value);
        }
        let (said, second, form) = match as_text {
            true => (text(first.to_string()), text(good().to_string()), Form::Text),
            false => (call(first.clone()), call(good()), TOOL),
        };
        let passed = judged(read_repaired(&said, &second, form, &frame())) == Ok(VerdictCode::Pass);
        prop_assert!(!passed || oracle::says_good(&said), "{first}");
    }

    #[test]
    fn a_reply_cut_off_anywhere_is_refused(at in 0usize..400) {
        let text = good().to_string();
        prop_assume!(at < text.len() && text.is_char_boundary(at));
        prop_assert!(read_text(&text[..at]).is_err());
    }
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
