//! Azure OpenAI, the fallback: asked where Claude cannot be reached, and never because of what Claude said.
//!
//! Invariants:
//! - The key is read from the secrets for each request and is in no error, log or debug output.
//! - What the service filtered is an answer that ended early, not a failure: it would be filtered again.
//!
//! Source: <https://learn.microsoft.com/azure/ai-foundry/openai/reference>.

mod trouble;
mod wire;

use self::trouble::Met;
use crate::vision::{
    AnswerForm, Question, Taken, TokenCounts, VisionAnalyzer, VisionModel, frame::ImageTier,
    prompt::PromptBroken,
};
use reqwest::{Client, Url, header::HeaderValue};
use secrecy::ExposeSecret;
use std::{sync::Arc, time::Duration};
use wiko_contract::{Answer, End};
use wiko_core::{
    analysis::{Provider, Usage},
    ports::{Hindered, SecretName, Secrets},
    queue::Obstacle,
    service::Service,
};

/// The first version that holds an answer to a schema.
const LEAST_API_VERSION: &str = "2024-08-01";

/// What a station says about Azure OpenAI.
#[derive(Debug, Clone, PartialEq)]
pub struct AzureSettings {
    /// Of the resource, such as `https://wiko.openai.azure.com`.
    pub endpoint: String,
    /// Name of the deployment.
    pub deployment: String,
    /// Of the classic addresses, such as `2024-10-21`; none for the present ones (`/openai/v1`).
    pub api_version: Option<String>,
    /// US dollars for a million tokens sent; it differs from contract to contract.
    pub usd_per_million_input: f64,
    /// US dollars for a million tokens received.
    pub usd_per_million_output: f64,
    /// PEM certificates that are trusted beside the machine's.
    pub ca_bundle: Option<Vec<u8>>,
    /// From sending the pictures to the whole answer.
    pub attempt_timeout_ms: u64,
}

/// Azure OpenAI cannot be asked with these settings.
#[derive(Debug, thiserror::Error)]
pub enum AzureRefused {
    /// The address is none. It is not repeated: somebody may have put a secret into it.
    #[error(
        "azure.endpoint is no address of a resource: {reason}; it looks like https://NAME.openai.azure.com"
    )]
    Endpoint {
        /// Why it is none.
        reason: String,
    },
    /// The name cannot stand in an address.
    #[error(
        "azure.deployment \"{given}\" is no name of a deployment: letters, digits and - . _ only"
    )]
    Deployment {
        /// What was given.
        given: String,
    },
    /// The version knows no schema.
    #[error(
        "azure.api_version \"{given}\" knows no schema of answers: {LEAST_API_VERSION} or later, such as 2024-10-21"
    )]
    ApiVersion {
        /// What was given.
        given: String,
    },
    /// A price cannot be.
    #[error("a price of azure must be 0 or more US dollars for a million tokens")]
    Price,
    /// The client cannot be made, most likely for the certificates.
    #[error("Azure OpenAI cannot be reached with the settings: {0}")]
    Client(#[from] reqwest::Error),
    /// The built-in prompts do not fit together.
    #[error(transparent)]
    Prompts(#[from] PromptBroken),
}

/// The analyzer.
pub type AzureOpenAi = VisionAnalyzer<AzureModel>;

impl AzureOpenAi {
    /// Puts the address together and renders the prompts; asks nobody for anything yet.
    pub fn at(settings: AzureSettings, secrets: Arc<dyn Secrets>) -> Result<Self, AzureRefused> {
        Ok(Self::new(AzureModel::new(settings, secrets)?)?)
    }
}

/// A deployment of Azure OpenAI.
pub struct AzureModel {
    http: Client,
    secrets: Arc<dyn Secrets>,
    address: Url,
    settings: AzureSettings,
}

impl std::fmt::Debug for AzureModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "AzureModel({} at {})",
            self.settings.deployment, self.address
        )
    }
}

impl AzureModel {
    fn new(settings: AzureSettings, secrets: Arc<dyn Secrets>) -> Result<Self, AzureRefused> {
        let price_is_one = |price: f64| price.is_finite() && price >= 0.0;
        if !price_is_one(settings.usd_per_million_input)
            || !price_is_one(settings.usd_per_million_output)
        {
            return Err(AzureRefused::Price);
        }
        // For the whole process, and the same as for AWS; it is there already where somebody else was first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .timeout(Duration::from_millis(settings.attempt_timeout_ms))
            .redirect(reqwest::redirect::Policy::none());
        if let Some(pem) = &settings.ca_bundle {
            for certificate in reqwest::Certificate::from_pem_bundle(pem)? {
                client = client.add_root_certificate(certificate);
            }
        }
        Ok(Self {
            http: client.build()?,
            secrets,
            address: address(&settings)?,
            settings,
        })
    }

    /// The key, as it is now.
    async fn key(&self) -> Result<HeaderValue, Hindered> {
        let hindered = |reason: String| Hindered {
            service: Some(Service::Azure),
            obstacle: Obstacle::Credentials,
            reason: format!("Azure OpenAI: {reason}"),
            retry_after: None,
        };
        match self.secrets.get(SecretName::AzureApiKey).await {
            Ok(Some(key)) => {
                let mut value = HeaderValue::from_str(key.expose_secret().trim())
                    .map_err(|_| hindered(
                        "the key holds what no key can: set it anew with `wiko-station credentials set azure_api_key`"
                            .into(),
                    ))?;
                value.set_sensitive(true);
                Ok(value)
            }
            Ok(None) => Err(hindered(
                "there is no key: set one with `wiko-station credentials set azure_api_key`".into(),
            )),
            Err(error) => Err(hindered(error.to_string())),
        }
    }
}

/// Where a deployment is asked: by the present addresses, or by the classic ones.
fn address(settings: &AzureSettings) -> Result<Url, AzureRefused> {
    let refused = |reason: String| AzureRefused::Endpoint { reason };
    let deployment = &settings.deployment;
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    if deployment.is_empty() || !deployment.chars().all(fits) {
        return Err(AzureRefused::Deployment {
            given: deployment.clone(),
        });
    }
    let base = settings.endpoint.trim_end_matches('/');
    let path = match &settings.api_version {
        None => format!("{base}/openai/v1/chat/completions"),
        Some(_) => format!("{base}/openai/deployments/{deployment}/chat/completions"),
    };
    if let Some(version) = settings.api_version.as_deref()
        && (version < LEAST_API_VERSION || !is_a_version(version))
    {
        return Err(AzureRefused::ApiVersion {
            given: version.to_owned(),
        });
    }
    let mut address = Url::parse(&path).map_err(|error| refused(error.to_string()))?;
    if !address.username().is_empty() || address.password().is_some() {
        return Err(refused(
            "a name or password stands in it: the key belongs into the keyring".into(),
        ));
    }
    let host = address.host_str().unwrap_or_default();
    let number = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    let here = host == "localhost" || number.is_ok_and(|number| number.is_loopback());
    // The key goes with each request: in the clear it goes to this machine alone.
    if address.scheme() != "https" && !(address.scheme() == "http" && here) {
        return Err(refused("it must begin with https://".into()));
    }
    if base.contains("/openai") || address.query().is_some() {
        return Err(refused(
            "leave out what follows the name, such as /openai/v1".into(),
        ));
    }
    if let Some(version) = &settings.api_version {
        address
            .query_pairs_mut()
            .append_pair("api-version", version);
    }
    Ok(address)
}

/// A date, and a word behind it where the version is a preview.
fn is_a_version(given: &str) -> bool {
    let (date, word) = given.split_at_checked(10).unwrap_or_default();
    let digits = |range: std::ops::Range<usize>| {
        date.get(range)
            .is_some_and(|part| part.chars().all(|c| c.is_ascii_digit()))
    };
    let dashes = date.get(4..5) == Some("-") && date.get(7..8) == Some("-");
    digits(0..4) && digits(5..7) && digits(8..10) && dashes && matches!(word, "" | "-preview")
}

#[async_trait::async_trait]
impl VisionModel for AzureModel {
    fn provider(&self) -> Provider {
        Provider::Azure
    }

    fn id(&self) -> &str {
        &self.settings.deployment
    }

    fn image_tier(&self) -> ImageTier {
        ImageTier::Short768
    }

    fn form(&self) -> AnswerForm {
        AnswerForm::Schema
    }

    async fn ask(&self, question: &Question<'_>) -> Result<Taken, Hindered> {
        let key = self.key().await?;
        let body = wire::request(
            question,
            &self.settings.deployment,
            self.settings.api_version.as_deref(),
        );
        let sent = self
            .http
            .post(self.address.clone())
            .header("api-key", key)
            .json(&body)
            .send()
            .await
            .map_err(|error| trouble::unreached(&error))?;
        let (status, retry_after) = (sent.status(), trouble::retry_after(sent.headers()));
        let text = sent
            .text()
            .await
            .map_err(|error| trouble::unreached(&error))?;
        if !status.is_success() {
            return match trouble::met(status.as_u16(), &text) {
                Met::Filtered => Ok(Taken {
                    answer: Answer {
                        end: End::Early("content_filter".into()),
                        blocks: vec![],
                    },
                    counts: TokenCounts::default(),
                }),
                Met::Hindered {
                    service,
                    obstacle,
                    reason,
                } => Err(Hindered {
                    service: service.then_some(Service::Azure),
                    obstacle,
                    reason,
                    retry_after,
                }),
            };
        }
        match wire::taken(&text) {
            Some(taken) => Ok(taken),
            None => Err(Hindered {
                service: Some(Service::Azure),
                obstacle: Obstacle::Transient,
                reason: "Azure OpenAI: what answers is not the service, such as a proxy's sign-in page; tried again \
                         by itself"
                    .into(),
                retry_after: None,
            }),
        }
    }

    fn usage(&self, counts: TokenCounts, latency_ms: u64) -> Usage {
        let input = counts.uncached_input + counts.cache_read;
        // Dollars for a million tokens are millionths of a dollar for one.
        let cost = input as f64 * self.settings.usd_per_million_input
            + counts.output as f64 * self.settings.usd_per_million_output;
        Usage {
            input_tokens: input,
            output_tokens: counts.output,
            cache_read_tokens: counts.cache_read,
            cost_micro_usd: cost.ceil() as u64,
            latency_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn settings() -> AzureSettings {
        AzureSettings {
            endpoint: "https://wiko.openai.azure.com/".into(),
            deployment: "gpt-4o".into(),
            api_version: None,
            usd_per_million_input: 2.5,
            usd_per_million_output: 10.0,
            ca_bundle: None,
            attempt_timeout_ms: 60_000,
        }
    }

    #[test]
    fn a_deployment_is_asked_at_the_present_address_or_at_the_classic_one() {
        let present = address(&settings()).unwrap();
        assert_eq!(
            present.as_str(),
            "https://wiko.openai.azure.com/openai/v1/chat/completions"
        );
        let classic = address(&AzureSettings {
            api_version: Some("2024-10-21".into()),
            ..settings()
        });
        assert_eq!(
            classic.unwrap().as_str(),
            "https://wiko.openai.azure.com/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
        );
    }

    #[rstest]
    #[case::no_address("wiko", "gpt-4o")]
    #[case::a_key_in_it("https://x y/?k=hunter2", "gpt-4o")]
    #[case::another_scheme("ftp://wiko", "gpt-4o")]
    #[case::in_the_clear("http://wiko.openai.azure.com", "gpt-4o")]
    #[case::a_password_in_it("https://me:hunter2@wiko", "gpt-4o")]
    #[case::a_whole_path("https://wiko.openai.azure.com/openai/v1", "gpt-4o")]
    #[case::a_path_as_deployment("https://wiko", "../x")]
    #[case::no_deployment("https://wiko", "")]
    fn what_cannot_be_asked_is_refused(#[case] endpoint: &str, #[case] deployment: &str) {
        let refused = address(&AzureSettings {
            endpoint: endpoint.into(),
            deployment: deployment.into(),
            ..settings()
        });
        let told = refused.unwrap_err().to_string();
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn a_version_without_schemas_is_refused_with_one_that_has_them() {
        for given in [
            "2024-02-01",
            "banana",
            "latest",
            "",
            "2025-1-1",
            "2024-10-21&x",
        ] {
            let refused = address(&AzureSettings {
                api_version: Some(given.into()),
                ..settings()
            });
            assert!(
                refused.unwrap_err().to_string().contains("2024-10-21"),
                "{given}"
            );
        }
        for given in ["2024-10-21", "2025-03-01-preview"] {
            assert!(is_a_version(given), "{given}");
        }
    }
}
