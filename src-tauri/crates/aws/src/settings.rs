use crate::{
    credentials::SecretsCredentials,
    http::{self, BadCaBundle},
};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_async::{rt::sleep::TokioSleep, time::SystemTimeSource};
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime_api::client::{
    behavior_version::BehaviorVersion, http::SharedHttpClient,
    stalled_stream_protection::StalledStreamProtectionConfig,
};
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};
use aws_types::{SdkConfig, region::Region};
use std::{path::PathBuf, sync::Arc, time::Duration};
use wiko_core::{
    ports::{Hindered, Secrets},
    queue::Obstacle,
};

/// What all AWS services of a station have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsSettings {
    /// Such as `ap-east-1`.
    pub region: String,
    /// Until a connection stands, TLS included.
    pub connect_timeout_ms: u64,
    /// Certificates in PEM that are trusted beside those of the machine: those of a factory's proxy.
    pub ca_bundle: Option<PathBuf>,
}

impl AwsSettings {
    /// A region, and 5 s to connect.
    pub fn new(region: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            connect_timeout_ms: 5_000,
            ca_bundle: None,
        }
    }
}

/// What each service has of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSettings {
    /// Instead of AWS's own: a private endpoint, or a server of a test.
    pub endpoint_url: Option<String>,
    /// From sending a request to its whole reply.
    pub attempt_timeout_ms: u64,
    /// All attempts together, with the waits between them.
    pub operation_timeout_ms: u64,
    /// At least 1. The station's queues try again by themselves, so a few are enough.
    pub max_attempts: u32,
}

impl ServiceSettings {
    /// Three attempts within the given times, at AWS's own endpoint.
    pub fn new(attempt_timeout_ms: u64, operation_timeout_ms: u64) -> Self {
        Self {
            endpoint_url: None,
            attempt_timeout_ms,
            operation_timeout_ms,
            max_attempts: 3,
        }
    }

    /// The same at another endpoint; none is AWS's own.
    #[must_use]
    pub fn at(mut self, endpoint_url: Option<String>) -> Self {
        self.endpoint_url = endpoint_url;
        self
    }
}

/// Makes the configuration of each service's client. Clients made from one `Aws` share connections.
#[derive(Debug, Clone)]
pub struct Aws {
    settings: AwsSettings,
    http: SharedHttpClient,
    credentials: Arc<SecretsCredentials>,
}

impl Aws {
    /// Reads the CA bundle and the proxy variables; asks nobody for anything yet.
    pub fn new(settings: AwsSettings, secrets: Arc<dyn Secrets>) -> Result<Self, BadCaBundle> {
        Ok(Self {
            http: http::client(&settings)?,
            credentials: Arc::new(SecretsCredentials::new(secrets)),
            settings,
        })
    }

    /// Asks, and where the credentials are refused reads them anew: where there are others by now, it asks
    /// once more with those. The same credentials would be refused again.
    pub async fn with_credentials<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Hindered>
    where
        F: Future<Output = Result<T, Hindered>>,
    {
        let changes = self.credentials.changes();
        match ask().await {
            Err(refused)
                if refused.obstacle == Obstacle::Credentials
                    && self.credentials.is_another(changes).await =>
            {
                ask().await
            }
            answered => answered,
        }
    }

    /// The configuration of one service's client, for `Client::new` or the service's own config builder.
    pub fn sdk_config(&self, service: &ServiceSettings) -> SdkConfig {
        let credentials: Arc<dyn ProvideCredentials> = self.credentials.clone();
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.settings.region.clone()))
            .http_client(self.http.clone())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            // A key that a person has just set must hold for the next request, not when a cache runs
            // out. Reading it costs milliseconds.
            .identity_cache(IdentityCache::no_cache())
            .sleep_impl(TokioSleep::new())
            .time_source(SystemTimeSource::new())
            .retry_config(RetryConfig::standard().with_max_attempts(service.max_attempts.max(1)))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(Duration::from_millis(self.settings.connect_timeout_ms))
                    .operation_attempt_timeout(Duration::from_millis(service.attempt_timeout_ms))
                    .operation_timeout(Duration::from_millis(service.operation_timeout_ms))
                    .build(),
            )
            // A slow uplink looks like a stalled one; the attempt's timeout bounds it anyway.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        config.set_endpoint_url(service.endpoint_url.clone());
        config.build()
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
