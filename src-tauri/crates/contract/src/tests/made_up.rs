//! Made-up answers by the thousand: none passes that the oracle would not pass.

use super::*;

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
