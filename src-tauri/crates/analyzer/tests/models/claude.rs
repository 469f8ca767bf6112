//! Claude over real HTTP, against the stand-in that holds each request to AWS's service model.

use crate::standin::{StandIn, claude_at};
use image::{Rgb, RgbImage};
use rstest::rstest;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use wiko_analyzer::claude::{Claude, ClaudeSettings};
use wiko_core::{
    analysis::{Analysis, Provider},
    chain::{Chain, ChainOutcome, Gate},
    defect::{DefectType, Severity},
    geometry::{BoxProvenance, BoxPx},
    image::EncodedImage,
    ports::{AnalysisError, AnalysisRequest, Analyzer, Hindered, Language},
    queue::Obstacle,
    spending::{Meter, Purpose},
    verdict::{UndeterminedReason as Why, VerdictCode, judge},
};
use wiko_testkit::{
    builders,
    contracts::analyzer::{self as contract, AnalyzerUnderTest, FarSide},
};

pub(crate) fn picture(width: u32, height: u32) -> EncodedImage {
    let steel = RgbImage::from_fn(width, height, |x, y| {
        let grain = ((x * 7 + y * 13) % 32) as u8;
        Rgb([150 + grain, 152 + grain, 155 + grain])
    });
    let jpeg = wiko_imaging::encode_jpeg(&steel, 90).unwrap();
    wiko_imaging::inspect(jpeg).unwrap()
}

pub(crate) fn request_of(image: EncodedImage, language: Language) -> AnalysisRequest {
    AnalysisRequest {
        capture: builders::capture(1),
        image,
        language,
        screening: None,
        mm_per_px: None,
        meter: Meter::default(),
    }
}

fn request() -> AnalysisRequest {
    request_of(picture(640, 480), Language::ZhCn)
}

fn scratch(box_px: [f64; 4]) -> Value {
    json!({
        "type": "blade_scratch", "severity": "major", "confidence": 0.8,
        "region": "blade_surface", "box": box_px, "description": "横向划痕",
        "recommended_action": "rework", "criterion": "BG1",
    })
}

fn defective() -> Value {
    json!({
        "findings": [scratch([10.0, 20.0, 110.0, 40.0])],
        "summary": "刀面有横向划痕",
    })
}

/// Seen in the first detail.
fn in_detail(mut finding: Value) -> Value {
    finding["picture"] = json!(1);
    finding
}

/// A minor one, whose cause nobody asks for.
fn shallow(box_px: [f64; 4], confidence: f64) -> Value {
    let mut finding = scratch(box_px);
    finding["severity"] = json!("minor");
    finding["confidence"] = json!(confidence);
    finding
}

fn with_finding(key: &str, value: Value) -> Value {
    let mut reply = defective();
    reply["findings"][0][key] = value;
    reply
}

fn good_with_finding() -> Value {
    let mut reply = with_finding("criterion", json!(null));
    reply["verdict"] = json!("good");
    reply
}

async fn hindered(claude: &Claude) -> Hindered {
    match claude.analyze(&request()).await {
        Err(AnalysisError::Hindered(hindered)) => hindered,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_good_part_passes_and_the_record_says_by_whom_and_at_what_cost() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let claude = standin.claude(ClaudeSettings::default());
    let request = request();
    let analysis = contract::its_analysis_keeps_the_ports_word(&claude, &request).await;
    assert_eq!(
        judge(&request.image.facts(), &analysis, None).code(),
        VerdictCode::Pass
    );
    assert_eq!(analysis.appraiser.provider, Provider::Claude);
    assert_eq!(analysis.appraiser.model, "us.anthropic.claude-opus-5");
    assert_eq!(analysis.usage.input_tokens, 4191);
    assert_eq!(analysis.usage.cost_micro_usd, 34_051);
    let seen = &standin.requests().await[0];
    assert_eq!(seen["model_id"], "us.anthropic.claude-opus-5");
    assert_eq!(
        seen["toolConfig"]["toolChoice"]["tool"]["name"],
        "record_inspection"
    );
    assert_eq!(seen["inferenceConfig"].get("temperature"), None);
    assert_eq!(
        seen["system"][1],
        json!({"cachePoint": {"type": "default"}})
    );
}

/// The box in the picture as sent, the one expected in the original, and how the picture was sent.
#[rstest]
#[case::full_hd_is_sent_as_it_is((1920, 1080), "us.anthropic.claude-opus-5", None)]
#[case::twelve_megapixels((4032, 3024), "us.anthropic.claude-opus-5", Some((2212, 1659)))]
#[case::twelve_megapixels_upright((3024, 4032), "us.anthropic.claude-opus-5", Some((1659, 2212)))]
#[case::full_hd_for_a_model_of_less_sight((1920, 1080), "us.anthropic.claude-opus-4-6-v1", Some((1456, 819)))]
#[tokio::test]
async fn a_box_comes_back_within_half_a_pixel_of_its_place_on_the_original(
    #[case] (width, height): (u32, u32),
    #[case] model_id: &str,
    #[case] sent: Option<(u32, u32)>,
) {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let (sent_width, sent_height) = sent.unwrap_or((width, height));
    let seen = [101.0, 203.0, 307.5, 411.0];
    standin
        .script(json!([{"reply": {"findings": [scratch(seen)]}}]))
        .await;
    let claude = standin.claude(ClaudeSettings {
        model_id: model_id.into(),
        ..ClaudeSettings::default()
    });
    let request = request_of(picture(width, height), Language::En);
    let analysis = contract::its_analysis_keeps_the_ports_word(&claude, &request).await;
    let finding = &analysis.findings[0];
    let found = finding.box_px;
    let (across, down) = (
        f64::from(width) / f64::from(sent_width),
        f64::from(height) / f64::from(sent_height),
    );
    for (pixel, exact) in [
        (found.x, seen[0] * across),
        (found.y, seen[1] * down),
        (found.x + found.width, seen[2] * across),
        (found.y + found.height, seen[3] * down),
    ] {
        assert!(
            (f64::from(pixel) - exact).abs() <= 0.5,
            "{pixel} for {exact}"
        );
    }
    let provenance = sent.map_or(BoxProvenance::Native, |(width_px, height_px)| {
        BoxProvenance::Resized {
            width_px,
            height_px,
        }
    });
    assert_eq!(finding.provenance, provenance);
    let picture = &standin.requests().await[0]["image"];
    assert_eq!(picture["width_px"], sent_width);
    assert_eq!(picture["height_px"], sent_height);
}

#[tokio::test]
async fn a_defective_part_fails_with_its_cause_in_the_operators_words() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let cause = json!({"probable_stage": "blade_glazing", "root_cause": "布轮磨损", "five_whys": ["布轮磨损"]});
    standin
        .script(json!([{"reply": defective()}, {"asks": "cause", "reply": cause}]))
        .await;
    let claude = standin.claude(ClaudeSettings::default());
    let request = request();
    let analysis = contract::its_analysis_keeps_the_ports_word(&claude, &request).await;
    assert_eq!(
        judge(&request.image.facts(), &analysis, None).code(),
        VerdictCode::Fail
    );
    assert_eq!(analysis.findings[0].description, "横向划痕 [BG1]");
    assert_eq!(analysis.cause.unwrap().five_whys, ["布轮磨损"]);
    let seen = standin.requests().await;
    let [look, why] = seen.as_slice() else {
        panic!("{seen:?}");
    };
    assert!(look["system"][0].to_string().contains("刀具工厂"));
    let asked = why["text"].as_str().unwrap();
    for told in [
        "横向划痕",
        "major",
        "blade_surface",
        "L2603-01",
        "blade_glazing",
    ] {
        assert!(asked.contains(told), "{told} in {asked}");
    }
    // Each call is on the meter, and the record says what all of them cost.
    let calls = request.meter.calls();
    let purposes: Vec<_> = calls.iter().map(|call| call.purpose).collect();
    assert_eq!(purposes, [Purpose::Look, Purpose::Cause]);
    assert_eq!(
        analysis.usage.cost_micro_usd,
        2 * calls[0].usage.cost_micro_usd
    );
}

#[rstest]
#[case::the_service_fails(json!({"asks": "cause", "error": "ThrottlingException"}))]
#[case::it_is_cut_off(json!({"asks": "cause", "stop_reason": "max_tokens"}))]
#[case::it_speaks_of_another_picture(json!({"asks": "cause", "reply": {"image_token": "00000000"}}))]
#[tokio::test]
async fn a_cause_that_is_not_given_changes_nothing_of_the_verdict(#[case] step: Value) {
    let Some(standin) = StandIn::session() else {
        return;
    };
    standin.script(json!([{"reply": defective()}, step])).await;
    let claude = standin.claude(ClaudeSettings::default());
    let request = request();
    let analysis = claude.analyze(&request).await.unwrap();
    let verdict = judge(&request.image.facts(), &analysis, None);
    assert_eq!((verdict.code(), analysis.cause), (VerdictCode::Fail, None));
}

#[tokio::test]
async fn nobody_asks_for_the_cause_of_a_minor_defect() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let minor = shallow([10.0, 20.0, 110.0, 40.0], 0.9);
    standin
        .script(json!([{"reply": {"findings": [minor]}}]))
        .await;
    let claude = standin.claude(ClaudeSettings::default());
    claude.analyze(&request()).await.unwrap();
    assert_eq!(standin.requests().await.len(), 1);
}

#[tokio::test]
async fn what_the_screen_marked_is_shown_from_near_in_the_same_request() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let near = json!({"picture": 1, "type": "blade_scratch", "severity": "minor", "confidence": 0.9,
        "region": "blade_surface", "box": [160, 320, 320, 400], "description": "划痕",
        "recommended_action": "rework", "criterion": null});
    standin
        .script(json!([{"reply": {"findings": [near]}}]))
        .await;
    let claude = standin.claude(ClaudeSettings::default());
    let mut request = request_of(picture(4032, 3024), Language::ZhCn);
    let marked = BoxPx {
        x: 2000,
        y: 1500,
        width: 40,
        height: 20,
    };
    request.screening = Some(builders::defective(
        &request.image.facts(),
        vec![builders::finding(
            DefectType::Unknown,
            Severity::Major,
            marked,
        )],
    ));
    let analysis = contract::its_analysis_keeps_the_ports_word(&claude, &request).await;
    let seen = standin.requests().await;
    let pictures = seen[0]["images"].as_array().unwrap();
    assert_eq!((seen.len(), pictures.len()), (1, 2));
    // 160 pixels around the mark, enlarged four times.
    assert_eq!(pictures[1]["width_px"], 640);
    let BoxProvenance::Cropped { crop, .. } = analysis.findings[0].provenance else {
        panic!("{:?}", analysis.findings[0]);
    };
    assert_eq!((crop.width, crop.height), (160, 160));
    let expected = BoxPx {
        x: crop.x + 40,
        y: crop.y + 80,
        width: 40,
        height: 20,
    };
    assert_eq!(analysis.findings[0].box_px, expected);
}

/// What the first look says with little confidence, what the closer look says, and what becomes of the part.
#[rstest]
#[case::confirmed(json!({"findings": [in_detail(shallow([300.0, 300.0, 500.0, 460.0], 0.95))]}), Ok(VerdictCode::Fail))]
#[case::not_found_again(json!({}), Err(Why::Disagreement))]
#[case::not_to_be_told(json!({"verdict": "unsure"}), Err(Why::Disagreement))]
#[tokio::test]
async fn what_the_model_is_not_sure_of_is_shown_again_from_near(
    #[case] closer: Value,
    #[case] decided: Result<VerdictCode, Why>,
) {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let doubtful = shallow([300.0, 200.0, 320.0, 210.0], 0.4);
    standin
        .script(json!([{"reply": {"findings": [doubtful]}}, {"reply": closer}]))
        .await;
    let claude = standin.claude(ClaudeSettings::default());
    let request = request_of(picture(1920, 1080), Language::En);
    let said = claude.analyze(&request).await;
    let seen = standin.requests().await;
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1]["images"].as_array().unwrap().len(), 2);
    let verdict = match &said {
        Ok(analysis) => {
            let verdict = judge(&request.image.facts(), analysis, None);
            verdict.reason().map_or(Ok(verdict.code()), Err)
        }
        Err(AnalysisError::Unusable { reason, .. }) => Err(*reason),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(verdict, decided);
    if let (Ok(analysis), Ok(_)) = (said, verdict) {
        let found = &analysis.findings[0];
        assert!(
            matches!(found.provenance, BoxProvenance::Cropped { .. }),
            "{found:?}"
        );
        assert!((found.confidence - 0.95).abs() < 1e-9);
    }
}

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

/// Says that everything is good.
struct AlwaysGood;

#[async_trait::async_trait]
impl Analyzer for AlwaysGood {
    fn provider(&self) -> Provider {
        Provider::Screen
    }

    async fn analyze(&self, request: &AnalysisRequest) -> Result<Analysis, AnalysisError> {
        Ok(builders::good(&request.image.facts()))
    }
}

/// Asks whomever it may.
pub(crate) struct Open;

impl Gate for Open {
    fn may_ask(&mut self, _: Provider) -> Result<(), Hindered> {
        Ok(())
    }

    fn answered(&mut self, _: &Result<Analysis, AnalysisError>) {}
}

#[rstest]
#[case::before_a_closer_look(json!({"reply": {"findings": [shallow([10.0, 20.0, 40.0, 40.0], 0.4)]}}), Why::Unsure)]
#[case::before_the_further_try(json!({"reply": with_finding("box", json!([0, 0, 641, 10]))}), Why::ContractBroken)]
#[tokio::test]
async fn a_service_that_fails_after_it_has_answered_leaves_the_part_to_a_person_and_nobody_else_is_asked(
    #[case] first: Value,
    #[case] why: Why,
) {
    let Some(standin) = StandIn::session() else {
        return;
    };
    standin
        .script(json!([first, {"error": "ThrottlingException"}]))
        .await;
    let claude = standin.claude(ClaudeSettings::default());
    let chain = Chain::new(vec![Arc::new(claude), Arc::new(AlwaysGood)]);
    match chain.decide(&request(), &mut Open).await {
        ChainOutcome::Decided { verdict, .. } => assert_eq!(verdict.reason(), Some(why)),
        ChainOutcome::Pending(hindered) => panic!("{hindered}"),
    }
    assert_eq!(standin.requests().await.len(), 2);
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

#[rstest]
#[case::throttled(json!({"error": "ThrottlingException"}), Obstacle::Transient, "")]
#[case::not_ready(json!({"error": "ModelNotReadyException"}), Obstacle::Transient, "")]
#[case::unavailable(json!({"error": "ServiceUnavailableException"}), Obstacle::Transient, "")]
#[case::model_timed_out(json!({"error": "ModelTimeoutException"}), Obstacle::Transient, "")]
#[case::model_failed(json!({"error": "ModelErrorException"}), Obstacle::Transient, "")]
#[case::server_failed(json!({"error": "InternalServerException"}), Obstacle::Transient, "")]
#[case::a_gateway_failed(json!({"raw": "<html>", "status": 502}), Obstacle::Transient, "")]
#[case::dropped(json!({"drop": true}), Obstacle::Transient, "")]
#[case::a_sign_in_page(json!({"raw": "<html>sign in</html>"}), Obstacle::Transient, "sign-in page")]
#[case::numbers_json_does_not_know(json!({"raw": "{\"output\": NaN}"}), Obstacle::Transient, "")]
#[case::token_expired(json!({"error": "ExpiredTokenException"}), Obstacle::Credentials, "credentials set")]
#[case::key_unknown(json!({"error": "UnrecognizedClientException"}), Obstacle::Credentials, "credentials set")]
#[case::no_access_to_the_model(json!({"error": "AccessDeniedException"}), Obstacle::NeedsPerson, "grant access")]
#[case::legacy(json!({"error": "ResourceNotFoundException",
    "message": "Access denied. This Model is marked by provider as Legacy"}), Obstacle::NeedsPerson, "us.anthropic.claude-opus-5")]
#[case::no_such_model(json!({"error": "ValidationException",
    "message": "The provided model identifier is invalid."}), Obstacle::NeedsPerson, "aws.bedrock_model_id")]
#[case::the_days_tokens_are_used_up(json!({"error": "ThrottlingException",
    "message": "Too many tokens per day, please wait before trying again."}), Obstacle::NeedsPerson, "quota")]
#[case::a_request_it_does_not_like(json!({"error": "ValidationException"}), Obstacle::NeedsPerson, "")]
#[tokio::test]
async fn an_error_of_the_service_is_told_apart_and_is_never_an_answer(
    #[case] step: Value,
    #[case] obstacle: Obstacle,
    #[case] says: &str,
) {
    let Some(standin) = StandIn::session() else {
        return;
    };
    standin.script(json!([step])).await;
    let hindered = hindered(&standin.claude(ClaudeSettings::default())).await;
    assert_eq!(hindered.obstacle, obstacle, "{}", hindered.reason);
    assert!(hindered.reason.contains(says), "{}", hindered.reason);
    assert_eq!(
        standin.requests().await.len(),
        1,
        "trying again is for the queue"
    );
}

#[tokio::test]
async fn what_the_service_asks_to_wait_is_passed_on() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    standin
        .script(json!([{"error": "ThrottlingException", "retry_after": 7}]))
        .await;
    let hindered = hindered(&standin.claude(ClaudeSettings::default())).await;
    assert_eq!(hindered.retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn a_service_that_takes_too_long_is_no_answer() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    standin.script(json!([{"delay_ms": 3000}])).await;
    let claude = standin.claude(ClaudeSettings {
        attempt_timeout_ms: 200,
        ..ClaudeSettings::default()
    });
    assert_eq!(hindered(&claude).await.obstacle, Obstacle::Transient);
}

#[tokio::test]
async fn where_nothing_listens_the_part_waits() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let claude = claude_at(&endpoint, ClaudeSettings::default());
    assert_eq!(hindered(&claude).await.obstacle, Obstacle::Transient);
}

#[tokio::test]
async fn a_picture_that_cannot_be_decoded_is_never_sent() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let request = request_of(builders::image(b"no picture"), Language::En);
    let claude = standin.claude(ClaudeSettings::default());
    match claude.analyze(&request).await {
        Err(AnalysisError::Unusable { reason, .. }) => assert_eq!(reason, Why::ImageUnfit),
        other => panic!("{other:?}"),
    }
    assert!(standin.requests().await.is_empty());
}

#[rstest]
#[case::fenced(json!({}), false)]
#[case::with_prose(json!({"prose": "All is well."}), true)]
#[case::cut_off(json!({"cut_json": true}), true)]
#[tokio::test]
async fn a_model_that_refuses_forced_tools_answers_in_text_held_to_the_same_contract(
    #[case] step: Value,
    #[case] refused: bool,
) {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let mut step = step;
    step["times"] = json!(2);
    standin.script(json!([step])).await;
    let claude = standin.claude(ClaudeSettings {
        model_id: "us.anthropic.claude-opus-5-5".into(),
        ..ClaudeSettings::default()
    });
    let request = request();
    match claude.analyze(&request).await {
        Ok(analysis) => {
            assert!(!refused);
            let verdict = judge(&request.image.facts(), &analysis, None).code();
            assert_eq!(verdict, VerdictCode::Pass);
        }
        Err(AnalysisError::Unusable { reason, .. }) => {
            assert!(refused);
            assert_eq!(reason, Why::ContractBroken);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(standin.requests().await[0]["toolConfig"], json!(null));
}

#[tokio::test]
async fn an_older_model_is_held_to_the_schema_by_the_service_and_set_to_repeat() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let claude = standin.claude(ClaudeSettings {
        model_id: "us.anthropic.claude-haiku-4-5-20251001-v1:0".into(),
        ..ClaudeSettings::default()
    });
    claude.analyze(&request()).await.unwrap();
    let seen = &standin.requests().await[0];
    assert_eq!(seen["toolConfig"]["tools"][0]["toolSpec"]["strict"], true);
    assert_eq!(seen["inferenceConfig"]["temperature"], json!(0.0));
}

#[tokio::test]
async fn the_part_that_the_service_caches_is_the_same_from_request_to_request() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let claude = standin.claude(ClaudeSettings::default());
    let first = claude.analyze(&request()).await.unwrap();
    let other_part = request_of(picture(320, 240), Language::ZhCn);
    let second = claude.analyze(&other_part).await.unwrap();
    assert_eq!(
        first.appraiser.prompt_sha256,
        second.appraiser.prompt_sha256
    );
    let seen = standin.requests().await;
    assert_eq!(seen[0]["system"], seen[1]["system"]);
    assert_eq!(seen[0]["toolConfig"], seen[1]["toolConfig"]);
    assert_ne!(seen[0]["text"], seen[1]["text"]);
}

/// Tokens read from the cache with each of eight parts, and what the log says of it.
async fn eight_parts(standin: &StandIn) -> (Vec<u64>, Vec<String>) {
    let log = tempfile::NamedTempFile::new().unwrap();
    let writer = Arc::new(log.reopen().unwrap());
    let subscriber = tracing_subscriber::fmt().with_writer(writer);
    let listening = tracing::subscriber::set_default(subscriber.with_ansi(false).finish());
    let claude = standin.claude(ClaudeSettings::default());
    let mut read = vec![];
    for _ in 0..8 {
        let analysis = claude.analyze(&request()).await.unwrap();
        read.push(analysis.usage.cache_read_tokens);
    }
    drop(listening);
    let log = std::fs::read_to_string(log.path()).unwrap();
    let lines = log.lines().filter(|line| line.contains("prompt cache"));
    (read, lines.map(str::to_owned).collect())
}

#[tokio::test]
async fn a_prompt_cache_that_never_hits_is_told_once_with_what_it_costs() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let (read, told) = eight_parts(&standin).await;
    assert_eq!(read, [0; 8]);
    let [told] = told.as_slice() else {
        panic!("{told:?}");
    };
    for said in ["WARN", "extra_micro_usd_per_call=", "opus-5", "gateway"] {
        assert!(told.contains(said), "{said} in {told}");
    }
}

#[tokio::test]
async fn a_prompt_cache_that_works_is_not_spoken_of() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    standin.keep_prompts().await;
    let (read, told) = eight_parts(&standin).await;
    assert!(
        read[0] == 0 && read[1..].iter().all(|tokens| *tokens > 512),
        "{read:?}"
    );
    assert!(told.is_empty(), "{told:?}");
}

struct Harness {
    standin: StandIn,
    claude: Claude,
}

#[async_trait::async_trait]
impl AnalyzerUnderTest for Harness {
    fn analyzer(&self) -> &dyn Analyzer {
        &self.claude
    }

    async fn next(&self, answer: FarSide) {
        let step = match answer {
            FarSide::Good => json!({}),
            FarSide::GoodWithFinding => json!({"reply": good_with_finding()}),
            FarSide::Defective => json!({"reply": defective()}),
            FarSide::CutOff => json!({"stop_reason": "max_tokens"}),
            FarSide::Prose => json!({"prose": "The part is good."}),
            FarSide::OtherPicture => json!({"reply": {"image_token": "00000000"}}),
            FarSide::Throttled => json!({"error": "ThrottlingException"}),
            FarSide::CredentialsExpired => json!({"error": "ExpiredTokenException"}),
            FarSide::NeedsPerson => json!({"error": "AccessDeniedException"}),
        };
        // Its further try, where it is given one, is no better.
        let mut step = step;
        if answer == FarSide::Prose {
            step["times"] = json!(2);
        }
        self.standin.script(json!([step])).await;
    }
}

#[tokio::test]
async fn claude_keeps_the_contract_of_its_port() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let claude = standin.claude(ClaudeSettings::default());
    let harness = Harness { standin, claude };
    contract::only_a_good_answer_passes(&harness, &request()).await;
    contract::each_obstacle_is_told_apart(&harness, &request()).await;
}
