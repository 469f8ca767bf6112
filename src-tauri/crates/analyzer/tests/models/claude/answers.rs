//! Answers that decide, and answers that cannot be used.

use super::*;

#[tokio::test]
async fn an_answer_out_of_form_is_given_one_further_try_which_clears_only_what_was_called_good() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    for (first, expected) in [
        (json!({"reply": {"summary": 7}}), Err(Why::Disagreement)),
        (json!({"reply": {"checklist": []}}), Ok(VerdictCode::Pass)),
        (
            json!({"prose": "The part is good."}),
            Err(Why::Disagreement),
        ),
        (
            json!({"reply": with_finding("box", json!([0, 0, 641, 10]))}),
            Err(Why::Disagreement),
        ),
    ] {
        // The second answer is the good one that the stand-in gives by itself.
        standin.script(json!([first])).await;
        let claude = standin.claude(ClaudeSettings::default());
        let request = request();
        let decided = match claude.analyze(&request).await {
            Ok(analysis) => Ok(judge(&request.image.facts(), &analysis, None).code()),
            Err(AnalysisError::Unusable { reason, .. }) => Err(reason),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(decided, expected, "{first}");
        let purposes: Vec<_> = request
            .meter
            .calls()
            .iter()
            .map(|call| call.purpose)
            .collect();
        assert_eq!(purposes, [Purpose::Look, Purpose::Repair]);
    }
}

#[rstest]
#[case::cut_off(json!({"stop_reason": "max_tokens", "cut_json": true}), Why::Incomplete)]
#[case::cut_off_where_it_still_reads_well(json!({"stop_reason": "max_tokens"}), Why::Incomplete)]
#[case::refused(json!({"prose": "I cannot help.", "stop_reason": "refusal"}), Why::Incomplete)]
#[case::filtered(json!({"stop_reason": "content_filtered"}), Why::Incomplete)]
#[case::stopped_by_a_guardrail(json!({"stop_reason": "guardrail_intervened"}), Why::Incomplete)]
#[case::window_full(json!({"stop_reason": "model_context_window_exceeded"}), Why::Incomplete)]
#[case::an_end_nobody_knows(json!({"stop_reason": "tired"}), Why::Incomplete)]
#[case::malformed(json!({"stop_reason": "malformed_tool_use"}), Why::ContractBroken)]
#[case::a_call_that_did_not_end_as_one(json!({"stop_reason": "end_turn"}), Why::ContractBroken)]
#[case::prose(json!({"prose": "The part is good."}), Why::ContractBroken)]
#[case::prose_posing_as_a_call(json!({"prose": "good", "stop_reason": "tool_use"}), Why::ContractBroken)]
#[case::two_calls(json!({"two_tools": true}), Why::ContractBroken)]
#[case::another_tool(json!({"tool_name": "search"}), Why::ContractBroken)]
#[case::nothing(json!({"reply_exactly": {}}), Why::ContractBroken)]
#[case::wrong_enum(json!({"reply": {"verdict": "pass"}}), Why::ContractBroken)]
#[case::unknown_field(json!({"reply": {"score": 1}}), Why::ContractBroken)]
#[case::half_a_checklist(json!({"reply": {"checklist": []}}), Why::ContractBroken)]
#[case::not_a_number(json!({"reply": with_finding("confidence", json!("NaN"))}), Why::ContractBroken)]
#[case::confidence_of_two(json!({"reply": with_finding("confidence", json!(2))}), Why::ContractBroken)]
#[case::box_outside(json!({"reply": with_finding("box", json!([0, 0, 641, 10]))}), Why::ContractBroken)]
#[case::box_inverted(json!({"reply": with_finding("box", json!([9, 9, 3, 3]))}), Why::ContractBroken)]
#[case::another_picture(json!({"reply": {"image_token": "00000000"}}), Why::OtherImage)]
#[tokio::test]
async fn an_answer_that_cannot_be_used_leaves_the_part_undetermined(
    #[case] step: Value,
    #[case] why: Why,
) {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let mut step = step;
    step["times"] = json!(2);
    standin.script(json!([step])).await;
    let claude = standin.claude(ClaudeSettings::default());
    match claude.analyze(&request()).await {
        Err(AnalysisError::Unusable { reason, detail }) => {
            assert_eq!(reason, why, "{detail}");
            assert!(!detail.is_empty());
        }
        other => panic!("{other:?}"),
    }
    // A matter of form is given one further try, anything else none.
    let asked = if why == Why::ContractBroken { 2 } else { 1 };
    assert_eq!(standin.requests().await.len(), asked);
}

#[rstest]
#[case::good_with_findings(good_with_finding(), Why::GoodWithFindings)]
#[case::blurred(json!({"image_quality": {"usable": false, "reason": "模糊"}}), Why::ImageUnfit)]
#[case::an_instruction_in_the_picture(json!({"instruction_in_image": true}), Why::InstructionInPicture)]
#[case::another_product(json!({"part": "other", "summary": "是剪刀"}), Why::OtherProduct)]
#[case::an_empty_fixture(json!({"part": "nothing"}), Why::NoPart)]
#[case::unsure(json!({"verdict": "unsure"}), Why::Unsure)]
#[case::defective_of_nothing(json!({"verdict": "defective"}), Why::DefectiveWithoutFindings)]
#[tokio::test]
async fn an_answer_that_does_not_decide_is_kept_and_leaves_the_part_undetermined(
    #[case] reply: Value,
    #[case] why: Why,
) {
    let Some(standin) = StandIn::session() else {
        return;
    };
    standin.script(json!([{"reply": reply}])).await;
    let claude = standin.claude(ClaudeSettings::default());
    let request = request();
    let analysis = claude.analyze(&request).await.unwrap();
    assert_eq!(
        judge(&request.image.facts(), &analysis, None).reason(),
        Some(why)
    );
}
