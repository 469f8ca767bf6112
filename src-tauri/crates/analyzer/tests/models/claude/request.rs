//! How a part is asked about: the picture, the form, what is cached, the cause.

use super::*;

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
