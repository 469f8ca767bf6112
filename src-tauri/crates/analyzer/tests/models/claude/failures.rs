//! A service that fails, before it has answered and after.

use super::*;

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
