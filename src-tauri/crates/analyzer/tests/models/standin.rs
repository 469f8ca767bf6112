//! The stand-in for Bedrock and Azure (`tests/services/bedrock_standin.py`), one session of it per test.

use secrecy::SecretString;
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use wiko_analyzer::claude::{Claude, ClaudeSettings};
use wiko_aws::{Aws, AwsAccessKey, AwsSettings};
use wiko_core::ports::{Backing, SecretName, Secrets, SecretsError};

/// A session of the stand-in.
pub(crate) struct StandIn {
    base: String,
    http: reqwest::Client,
}

impl StandIn {
    /// A session of its own; none, and the skipped test is noted, where no stand-in runs.
    pub(crate) fn session() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let Ok(endpoint) = std::env::var("WIKO_TEST_BEDROCK_ENDPOINT") else {
            wiko_testkit::skip::skip_without_service(
                "WIKO_TEST_BEDROCK_ENDPOINT is not set (tests/services/bedrock_standin.py)",
            );
            return None;
        };
        // The tests' own client wants one, though it speaks to plain endpoints alone.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("analyzer-{}-{count}", std::process::id());
        Some(Self {
            base: format!("{}/s/{name}", endpoint.trim_end_matches('/')),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        })
    }

    /// What the next requests are answered.
    pub(crate) async fn script(&self, steps: Value) {
        let url = format!("{}/_control/script", self.base);
        let posted = self.http.post(url).json(&steps).send().await.unwrap();
        assert!(posted.status().is_success());
    }

    /// From now on prompts are kept, as Bedrock keeps them.
    pub(crate) async fn keep_prompts(&self) {
        let url = format!("{}/_control/cache", self.base);
        let posted = self.http.post(url).send().await.unwrap();
        assert!(posted.status().is_success());
    }

    /// The requests so far; fails where the stand-in refused one.
    pub(crate) async fn requests(&self) -> Vec<Value> {
        let url = format!("{}/_control/requests", self.base);
        let seen: Value = self
            .http
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        assert_eq!(seen["refused"], json!(0), "{:#}", seen["requests"]);
        seen["requests"].as_array().unwrap().clone()
    }

    /// Where Azure OpenAI answers in this session.
    pub(crate) fn endpoint(&self) -> String {
        self.base.clone()
    }

    /// An adapter that asks this session.
    pub(crate) fn claude(&self, settings: ClaudeSettings) -> Claude {
        claude_at(&self.base, settings)
    }
}

/// An adapter that asks `endpoint`.
pub(crate) fn claude_at(endpoint: &str, settings: ClaudeSettings) -> Claude {
    claude_with_key("AKIDTEST", endpoint, settings)
}

/// The same with another key.
pub(crate) fn claude_with_key(
    key_id: &'static str,
    endpoint: &str,
    settings: ClaudeSettings,
) -> Claude {
    let aws = Aws::new(AwsSettings::new("us-east-1"), Arc::new(TestKey(key_id))).unwrap();
    let endpoint_url = Some(endpoint.to_owned());
    let settings = ClaudeSettings {
        endpoint_url,
        ..settings
    };
    Claude::on_bedrock(&aws, settings).unwrap()
}

/// A key that signs and opens nothing.
struct TestKey(&'static str);

#[async_trait::async_trait]
impl Secrets for TestKey {
    fn backing(&self) -> Backing {
        Backing::Memory
    }

    async fn get(&self, _: SecretName) -> Result<Option<SecretString>, SecretsError> {
        let key = AwsAccessKey::new(self.0, "test").unwrap();
        Ok(Some(key.to_secret()))
    }

    async fn set(&self, _: SecretName, _: SecretString) -> Result<(), SecretsError> {
        Err(SecretsError::ReadOnly)
    }

    async fn clear(&self, _: SecretName) -> Result<(), SecretsError> {
        Err(SecretsError::ReadOnly)
    }
}
