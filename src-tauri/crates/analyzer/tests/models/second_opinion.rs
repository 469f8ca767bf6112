//! A second opinion on the wire format: llm-katan speaks Converse and Azure's chat completions as others read the
//! services' references. It calls the tool with whatever fits the schema, or repeats what it was told, so none of its
//! answers keeps to the contract. What is shown: it takes our requests, sees our pictures, and what it answers is
//! read as an answer that passes no part.

use crate::{
    azure::{KEY, Key, azure_at},
    claude::{Open, picture, request_of},
    standin::{claude_at, claude_with_key},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::StreamExt;
use rstest::rstest;
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;
use tokio_tungstenite::{connect_async, tungstenite::Message};
use wiko_analyzer::claude::ClaudeSettings;
use wiko_core::{
    chain::{Chain, ChainOutcome},
    defect::{DefectType, Severity},
    geometry::BoxPx,
    image::EncodedImage,
    ports::{AnalysisError, AnalysisRequest, Analyzer, Language},
    queue::Obstacle,
    spending::Purpose,
    verdict::{UndeterminedReason as Why, VerdictCode},
};
use wiko_testkit::builders;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// The server, with whatever is asked of it from now on, by other tests as well.
struct SecondOpinion {
    endpoint: String,
    exchanges: mpsc::UnboundedReceiver<Value>,
}

impl SecondOpinion {
    /// None, and the skipped test is noted, where no such server runs.
    async fn listening() -> Option<Self> {
        let Ok(endpoint) = std::env::var("WIKO_TEST_SECOND_OPINION_ENDPOINT") else {
            wiko_testkit::skip::skip_without_service(
                "WIKO_TEST_SECOND_OPINION_ENDPOINT is not set (tests/services/run.py)",
            );
            return None;
        };
        let events = format!("{}/ws/events", endpoint.replacen("http", "ws", 1));
        let (mut socket, _) = connect_async(events).await.unwrap();
        let (tell, exchanges) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(message)) = socket.next().await {
                if let Message::Text(text) = message
                    && tell.send(serde_json::from_str(&text).unwrap()).is_err()
                {
                    return;
                }
            }
        });
        Some(Self {
            endpoint,
            exchanges,
        })
    }

    /// The next exchange about `image`; each test has a picture of a width of its own.
    async fn next_about(&mut self, image: &EncodedImage) -> Value {
        let wanted = async {
            loop {
                let exchange = self.exchanges.recv().await.unwrap();
                let pictures = pictures(&exchange);
                if pictures
                    .first()
                    .is_some_and(|seen| seen.facts().width_px == image.facts().width_px)
                {
                    return exchange;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wanted).await.unwrap()
    }
}

/// The pictures in a request, whichever service's.
fn pictures(exchange: &Value) -> Vec<EncodedImage> {
    let messages = exchange["request_body"]["messages"].as_array().unwrap();
    let blocks = messages
        .iter()
        .filter_map(|message| message["content"].as_array());
    blocks
        .flatten()
        .filter_map(|block| {
            let bedrock = block["image"]["source"]["bytes"].as_str();
            let azure = block["image_url"]["url"].as_str();
            bedrock.or_else(|| azure?.strip_prefix("data:image/jpeg;base64,"))
        })
        .map(|base64| wiko_imaging::inspect(STANDARD.decode(base64).unwrap()).unwrap())
        .collect()
}

/// True where `seen` shows what `original` shows, but for what a further encoding does to it.
fn shows(seen: &EncodedImage, original: &EncodedImage) -> bool {
    let [seen, original] = [seen, original].map(|image| wiko_imaging::decode_rgb(image).unwrap());
    let off = |(a, b): (&u8, &u8)| u64::from(a.abs_diff(*b));
    let sum: u64 = seen.as_raw().iter().zip(original.as_raw()).map(off).sum();
    seen.dimensions() == original.dimensions() && sum / (seen.as_raw().len() as u64) < 8
}

/// A part of which the local screen marked something, so that two pictures are sent.
fn request(width: u32) -> AnalysisRequest {
    let mut request = request_of(picture(width, 480), Language::En);
    let marked = BoxPx {
        x: 300,
        y: 200,
        width: 30,
        height: 20,
    };
    let found = builders::finding(DefectType::Unknown, Severity::Major, marked);
    request.screening = Some(builders::defective(&request.image.facts(), vec![found]));
    request
}

/// Asks as the station does: the answer is taken for one, asked for once more, and leaves the part to a person.
async fn is_an_answer_and_no_pass(analyzer: impl Analyzer + 'static, request: &AnalysisRequest) {
    let chain = Chain::new(vec![Arc::new(analyzer)]);
    match chain.decide(request, &mut Open).await {
        ChainOutcome::Decided {
            verdict,
            analysis: None,
            ..
        } => {
            assert_eq!(verdict.code(), VerdictCode::Undetermined);
            assert_eq!(verdict.reason(), Some(Why::ContractBroken));
        }
        other => panic!("{other:?}"),
    }
    let calls = request.meter.calls();
    let purposes: Vec<_> = calls.iter().map(|call| call.purpose).collect();
    assert_eq!(purposes, [Purpose::Look, Purpose::Repair]);
    for call in calls {
        assert!(call.usage.input_tokens > 0, "{call:?}");
        assert!(call.usage.output_tokens > 0, "{call:?}");
        assert!(call.usage.cost_micro_usd > 0, "{call:?}");
    }
}

/// Both requests were taken, with the whole part and its detail in them. Returns the first answer.
async fn saw_our_pictures(service: &mut SecondOpinion, request: &AnalysisRequest) -> Value {
    let mut answers = vec![];
    for _ in [Purpose::Look, Purpose::Repair] {
        let exchange = service.next_about(&request.image).await;
        assert_eq!(exchange["status_code"], 200, "{exchange}");
        let seen = pictures(&exchange);
        assert_eq!(seen.len(), 2);
        assert!(shows(&seen[0], &request.image));
        assert_ne!(seen[1].facts().width_px, request.image.facts().width_px);
        answers.push(exchange["response_body"].clone());
    }
    answers.remove(0)
}

#[rstest]
#[case::by_a_forced_tool("us.anthropic.claude-opus-5", 700, true)]
#[case::by_a_strict_tool("us.anthropic.claude-haiku-4-5-20251001-v1:0", 710, true)]
#[case::in_words("us.anthropic.claude-opus-5-5", 720, false)]
#[tokio::test]
async fn another_reading_of_bedrock_takes_our_request_and_its_answer_passes_nothing(
    #[case] model_id: &str,
    #[case] width: u32,
    #[case] by_tool: bool,
) {
    let Some(mut service) = SecondOpinion::listening().await else {
        return;
    };
    let settings = ClaudeSettings {
        model_id: model_id.into(),
        ..ClaudeSettings::default()
    };
    let claude = claude_at(&service.endpoint, settings);
    let request = request(width);
    is_an_answer_and_no_pass(claude, &request).await;
    let answer = saw_our_pictures(&mut service, &request).await;
    let said = &answer["output"]["message"]["content"][0];
    if by_tool {
        assert_eq!(said["toolUse"]["name"], "record_inspection");
        // Made of our schema: its codes were understood.
        assert_eq!(said["toolUse"]["input"]["part"], "expected");
    } else {
        assert!(said["text"].is_string(), "{said}");
    }
}

#[rstest]
#[case::at_the_present_address(None, 730)]
#[case::at_the_classic_address(Some("2024-10-21"), 740)]
#[tokio::test]
async fn another_reading_of_azure_takes_our_request_and_its_answer_passes_nothing(
    #[case] api_version: Option<&str>,
    #[case] width: u32,
) {
    let Some(mut service) = SecondOpinion::listening().await else {
        return;
    };
    let azure = azure_at(service.endpoint.clone(), api_version, KEY);
    let request = request(width);
    is_an_answer_and_no_pass(azure, &request).await;
    let answer = saw_our_pictures(&mut service, &request).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn a_key_that_another_reading_of_the_services_refuses_is_told_as_one() {
    let Some(service) = SecondOpinion::listening().await else {
        return;
    };
    let settings = ClaudeSettings::default();
    let claude = claude_with_key("AKIDOTHER", &service.endpoint, settings);
    let azure = azure_at(service.endpoint, None, Key(Some("another-key")));
    for analyzer in [&claude as &dyn Analyzer, &azure] {
        match analyzer.analyze(&request(750)).await {
            Err(AnalysisError::Hindered(hindered)) => {
                assert_eq!(hindered.obstacle, Obstacle::Credentials, "{hindered:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}
