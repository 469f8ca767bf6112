//! Azure OpenAI over real HTTP, against the stand-in that holds each request to what the service takes.

use crate::standin::StandIn;
use rstest::rstest;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use wiko_analyzer::azure::{AzureOpenAi, AzureSettings};
use wiko_core::{
    analysis::Provider,
    ports::{
        AnalysisError, AnalysisRequest, Analyzer, Backing, Hindered, Language, SecretName, Secrets,
        SecretsError,
    },
    queue::Obstacle,
    service::Service,
    spending::{Meter, Purpose},
    verdict::{UndeterminedReason as Why, VerdictCode, judge},
};
use wiko_testkit::{
    builders,
    contracts::analyzer::{self as contract, AnalyzerUnderTest, FarSide},
};

/// A key that nobody may change.
pub(crate) struct Key(pub(crate) Option<&'static str>);

#[async_trait::async_trait]
impl Secrets for Key {
    fn backing(&self) -> Backing {
        Backing::Memory
    }

    async fn get(&self, name: SecretName) -> Result<Option<SecretString>, SecretsError> {
        assert_eq!(name, SecretName::AzureApiKey);
        Ok(self.0.map(SecretString::from))
    }

    async fn set(&self, _: SecretName, _: SecretString) -> Result<(), SecretsError> {
        Err(SecretsError::ReadOnly)
    }

    async fn clear(&self, _: SecretName) -> Result<(), SecretsError> {
        Err(SecretsError::ReadOnly)
    }
}

pub(crate) const KEY: Key = Key(Some("azure-test-key"));

pub(crate) fn azure(standin: &StandIn, api_version: Option<&str>, key: Key) -> AzureOpenAi {
    azure_at(standin.endpoint(), api_version, key)
}

/// An adapter that asks `endpoint`.
pub(crate) fn azure_at(endpoint: String, api_version: Option<&str>, key: Key) -> AzureOpenAi {
    let settings = AzureSettings {
        endpoint,
        deployment: "gpt-4o".into(),
        api_version: api_version.map(str::to_owned),
        usd_per_million_input: 2.5,
        usd_per_million_output: 10.0,
        ca_bundle: None,
        attempt_timeout_ms: 5_000,
    };
    AzureOpenAi::at(settings, Arc::new(key)).unwrap()
}

fn request() -> AnalysisRequest {
    let steel = image::RgbImage::from_fn(640, 480, |x, y| {
        let grain = ((x * 7 + y * 13) % 32) as u8;
        image::Rgb([150 + grain, 152 + grain, 155 + grain])
    });
    let jpeg = wiko_imaging::encode_jpeg(&steel, 90).unwrap();
    AnalysisRequest {
        capture: builders::capture(1),
        image: wiko_imaging::inspect(jpeg).unwrap(),
        language: Language::ZhCn,
        screening: None,
        screen_fault: None,
        mm_per_px: None,
        meter: Meter::default(),
    }
}

fn scratch() -> Value {
    json!({
        "type": "blade_scratch", "severity": "major", "confidence": 0.8, "region": "blade_surface",
        "box": [10, 20, 110, 40], "description": "横向划痕", "recommended_action": "rework", "criterion": "BG1",
    })
}

#[rstest]
#[case::at_the_present_address(None)]
#[case::at_the_classic_address(Some("2024-10-21"))]
#[tokio::test]
async fn a_part_is_judged_and_the_record_says_by_whom_and_at_what_cost(
    #[case] version: Option<&str>,
) {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let azure = azure(&standin, version, KEY);
    let request = request();
    let analysis = contract::its_analysis_keeps_the_ports_word(&azure, &request).await;
    let verdict = judge(&request.image.facts(), &analysis, None);
    assert_eq!(verdict.code(), VerdictCode::Pass);
    assert_eq!(analysis.appraiser.provider, Provider::Azure);
    assert_eq!(analysis.appraiser.model, "gpt-4o");
    assert_eq!(analysis.usage.cost_micro_usd, 2000 * 5 / 2 + 400 * 10);
    assert_eq!(standin.requests().await.len(), 1);
}

#[tokio::test]
async fn an_answer_out_of_form_is_given_one_further_try_and_a_major_defect_its_cause() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let broken = json!({"reply": {"findings": [scratch()], "score": 1}});
    let cause = json!({"asks": "cause", "reply": {"root_cause": "布轮磨损"}});
    standin
        .script(json!([broken, {"reply": {"findings": [scratch()]}}, cause]))
        .await;
    let azure = azure(&standin, None, KEY);
    let request = request();
    let analysis = azure.analyze(&request).await.unwrap();
    let verdict = judge(&request.image.facts(), &analysis, None);
    assert_eq!(verdict.code(), VerdictCode::Fail);
    assert_eq!(analysis.cause.unwrap().root_cause, "布轮磨损");
    let purposes: Vec<_> = request
        .meter
        .calls()
        .iter()
        .map(|call| call.purpose)
        .collect();
    assert_eq!(purposes, [Purpose::Look, Purpose::Repair, Purpose::Cause]);
    standin.requests().await;
}

#[rstest]
#[case::refused(json!({"refusal": "I cannot help."}))]
#[case::filtered(json!({"stop_reason": "content_filter"}))]
#[case::cut_off(json!({"stop_reason": "length", "cut_json": true}))]
#[case::filtered_before(json!({"error": "content_filter", "status": 400}))]
#[tokio::test]
async fn what_was_filtered_or_cut_off_leaves_the_part_undetermined(#[case] step: Value) {
    let Some(standin) = StandIn::session() else {
        return;
    };
    standin.script(json!([step])).await;
    match azure(&standin, None, KEY).analyze(&request()).await {
        Err(AnalysisError::Unusable { reason, .. }) => assert_eq!(reason, Why::Incomplete),
        other => panic!("{other:?}"),
    }
}

async fn hindered(azure: &AzureOpenAi) -> Hindered {
    match azure.analyze(&request()).await {
        Err(AnalysisError::Hindered(hindered)) => hindered,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_key_that_is_missing_or_wrong_is_told_and_is_in_no_words() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    for key in [Key(None), Key(Some("hunter2"))] {
        let azure = azure(&standin, None, key);
        let hindered = hindered(&azure).await;
        assert_eq!(hindered.obstacle, Obstacle::Credentials);
        assert_eq!(hindered.service, Some(Service::Azure));
        let told = format!("{hindered:?} {azure:?}");
        assert!(
            told.contains("azure_api_key") && !told.contains("hunter2"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn what_the_service_asks_to_wait_is_passed_on() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    standin
        .script(json!([{"error": "429", "status": 429, "retry_after": 7}]))
        .await;
    let hindered = hindered(&azure(&standin, None, KEY)).await;
    assert_eq!(hindered.retry_after, Some(Duration::from_secs(7)));
}

struct Harness {
    standin: StandIn,
    azure: AzureOpenAi,
}

#[async_trait::async_trait]
impl AnalyzerUnderTest for Harness {
    fn analyzer(&self) -> &dyn Analyzer {
        &self.azure
    }

    async fn next(&self, answer: FarSide) {
        let step = match answer {
            FarSide::Good => json!({}),
            FarSide::GoodWithFinding => {
                let mut finding = scratch();
                finding["criterion"] = json!(null);
                json!({"reply": {"findings": [finding], "verdict": "good"}})
            }
            FarSide::Defective => json!({"reply": {"findings": [scratch()]}}),
            FarSide::CutOff => json!({"stop_reason": "length"}),
            // Its further try is no better.
            FarSide::Prose => json!({"prose": "The part is good.", "times": 2}),
            FarSide::OtherPicture => json!({"reply": {"image_token": "00000000"}}),
            FarSide::Throttled => json!({"error": "429", "status": 429}),
            FarSide::CredentialsExpired => json!({"error": "401", "status": 401}),
            FarSide::NeedsPerson => json!({"error": "DeploymentNotFound", "status": 404}),
        };
        self.standin.script(json!([step])).await;
    }
}

#[tokio::test]
async fn azure_keeps_the_contract_of_its_port() {
    let Some(standin) = StandIn::session() else {
        return;
    };
    let azure = azure(&standin, None, KEY);
    let harness = Harness { standin, azure };
    contract::only_a_good_answer_passes(&harness, &request()).await;
    contract::each_obstacle_is_told_apart(&harness, &request()).await;
}
