use super::*;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use wiko_core::{
    analysis::{Analysis, Appraiser, ImageQuality, Provider, Usage},
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
        provenance: BoxProvenance::Resized {
            width_px: 1000,
            height_px: 500,
        },
        criteria: vec![criterion("BG1"), criterion("BG2")],
    }
}

fn good() -> Value {
    json!({
        "image_token": frame().token(),
        "image_quality": {"usable": true, "reason": ""},
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
        "region": "blade_surface", "box": [10, 20, 110.5, 40],
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
    let frame = frame();
    let read = read_reply(reply, &frame).map_err(|refused| refused.reason())?;
    let analysis = Analysis {
        image_sha256: frame.original.sha256,
        complete: true,
        claim: read.claim,
        findings: read.findings,
        image_quality: read.image_quality,
        cause: read.cause,
        summary: read.summary,
        appraiser: Appraiser {
            provider: Provider::Claude,
            model: String::new(),
            prompt_sha256: Sha256::of(b""),
        },
        usage: Usage::default(),
    };
    let verdict = judge(&frame.original, &analysis);
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
    let read = read_reply(defective(), &frame()).unwrap();
    let finding = &read.findings[0];
    let expected = BoxPx {
        x: 20,
        y: 40,
        width: 201,
        height: 40,
    };
    assert_eq!(finding.box_px, expected);
    assert_eq!(finding.provenance, frame().provenance);
    assert_eq!(finding.description, "刀面划痕 [BG1]");
    assert_eq!(read.cause, None);
}

#[test]
fn the_cause_is_kept_where_the_reply_gives_one() {
    let mut reply = defective();
    reply["probable_stage"] = json!("blade_glazing");
    reply["five_whys"] = json!(["a", "b"]);
    reply["ishikawa"] = json!({"machine": ["worn wheel"]});
    reply["root_cause"] = json!(null);
    let cause = read_reply(reply, &frame()).unwrap().cause.unwrap();
    assert_eq!(cause.probable_stage.unwrap().code(), "blade_glazing");
    assert_eq!(cause.five_whys.len(), 2);
    assert_eq!(cause.ishikawa.machine, ["worn wheel"]);
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
#[case::instruction(with(good(), "/instruction_in_image", json!(true)), Why::ImageUnfit)]
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
    let refused = read_reply(reply, &frame()).unwrap_err();
    assert!(
        refused.to_string().contains("unknown field `surprise`"),
        "{refused}"
    );
}

#[test]
fn writing_in_the_picture_that_reads_like_an_instruction_is_recorded_as_the_reason() {
    let reply = with(good(), "/instruction_in_image", json!(true));
    let ImageQuality::Unusable { reason } = read_reply(reply, &frame()).unwrap().image_quality
    else {
        panic!("usable");
    };
    assert!(reason.contains("a person has to look"), "{reason}");
}

#[test]
fn numbers_beyond_any_float_are_refused_as_text_and_as_a_value() {
    for number in ["1e999", "NaN", "-Infinity"] {
        let text = defective().to_string().replace("0.9", number);
        assert!(read::read_reply_text(&text, &frame()).is_err(), "{number}");
    }
}

#[test]
fn a_text_reply_with_a_key_twice_or_with_anything_around_it_is_refused() {
    let good = good().to_string();
    assert!(read::read_reply_text(&good, &frame()).is_ok());
    let twice = good.replacen('{', "{\"verdict\":\"defective\",", 1);
    assert!(read::read_reply_text(&twice, &frame()).is_err());
    assert!(read::read_reply_text(&format!("Here it is: {good}"), &frame()).is_err());
    assert!(read::read_reply_text(&format!("{good} Done."), &frame()).is_err());
    assert!(read::read_reply_text(&good[..good.len() - 1], &frame()).is_err());
}

trait Pipe: Sized {
    fn pipe(self, change: impl FnOnce(Self) -> Self) -> Self {
        change(self)
    }
}
impl Pipe for Value {}

/// Written apart from the reader: what a reply must be for its part to pass.
fn may_pass(reply: &Value) -> bool {
    const REQUIRED: [&str; 7] = [
        "image_token",
        "image_quality",
        "instruction_in_image",
        "checklist",
        "findings",
        "verdict",
        "summary",
    ];
    const OPTIONAL: [&str; 7] = [
        "probable_stage",
        "root_cause",
        "five_whys",
        "ishikawa",
        "contributing_factors",
        "corrective_actions",
        "preventive_actions",
    ];
    let Some(map) = reply.as_object() else {
        return false;
    };
    let met = |code: &str| json!({"criterion": code, "result": "met"});
    let checklist = &reply["checklist"];
    REQUIRED.iter().all(|key| map.contains_key(*key))
        && map
            .keys()
            .all(|key| REQUIRED.contains(&key.as_str()) || OPTIONAL.contains(&key.as_str()))
        && reply["verdict"] == "good"
        && reply["findings"] == json!([])
        && reply["image_token"] == frame().token()
        && reply["instruction_in_image"] == false
        && reply["image_quality"]["usable"] == true
        && reply["image_quality"]["reason"].is_string()
        && reply["image_quality"]
            .as_object()
            .map(|quality| quality.len())
            == Some(2)
        && reply["summary"].is_string()
        && (*checklist == json!([met("BG1"), met("BG2")])
            || *checklist == json!([met("BG2"), met("BG1")]))
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
            "BG2"
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
        "/probable_stage",
        "/five_whys",
        "/ishikawa",
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
    fn a_reply_cut_off_anywhere_is_refused(at in 0usize..400) {
        let text = good().to_string();
        prop_assume!(at < text.len() && text.is_char_boundary(at));
        prop_assert!(read::read_reply_text(&text[..at], &frame()).is_err());
    }
}
