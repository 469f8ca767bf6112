use super::*;

use secrecy::SecretString;
use wiko_core::ports::{Backing, SecretName, SecretsError};

struct Holds(Option<&'static str>);

#[async_trait::async_trait]
impl Secrets for Holds {
    fn backing(&self) -> Backing {
        Backing::Memory
    }
    async fn get(&self, _: SecretName) -> Result<Option<SecretString>, SecretsError> {
        Ok(self.0.map(SecretString::from))
    }
    async fn set(&self, _: SecretName, _: SecretString) -> Result<(), SecretsError> {
        Err(SecretsError::ReadOnly)
    }
    async fn clear(&self, _: SecretName) -> Result<(), SecretsError> {
        Err(SecretsError::ReadOnly)
    }
}

/// Another key after each time that it was changed.
#[derive(Default)]
struct Changing(std::sync::atomic::AtomicU32);

#[async_trait::async_trait]
impl Secrets for Changing {
    fn backing(&self) -> Backing {
        Backing::Memory
    }
    async fn get(&self, _: SecretName) -> Result<Option<SecretString>, SecretsError> {
        let key = self.0.load(std::sync::atomic::Ordering::SeqCst);
        Ok(Some(SecretString::from(format!(
            r#"{{"access_key_id":"AKIAEXAMPLE","secret_access_key":"hunter{key}"}}"#
        ))))
    }
    async fn set(&self, _: SecretName, _: SecretString) -> Result<(), SecretsError> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Ok(())
    }
    async fn clear(&self, _: SecretName) -> Result<(), SecretsError> {
        Err(SecretsError::ReadOnly)
    }
}

#[tokio::test]
async fn refused_credentials_are_read_anew_once_and_asked_with_again_only_where_they_are_others() {
    let secrets = Arc::new(Changing::default());
    let aws = Aws::new(AwsSettings::new("ap-east-1"), secrets.clone()).unwrap();
    let config = aws.sdk_config(&ServiceSettings::new(1_000, 3_000));
    let provider = config.credentials_provider().unwrap();
    let asked = std::sync::atomic::AtomicU32::new(0);
    // Signs with what is set, and is refused unless that is the third key.
    let ask = async |set_meanwhile: bool| {
        aws.with_credentials(async || {
            asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let signed = provider.provide_credentials().await.unwrap();
            if set_meanwhile {
                let new = SecretString::from("new");
                secrets.set(SecretName::AwsAccessKey, new).await.unwrap();
            }
            match signed.secret_access_key() {
                "hunter2" => Ok(()),
                _ => Err(Hindered {
                    service: None,
                    obstacle: Obstacle::Credentials,
                    reason: "refused".into(),
                    retry_after: None,
                }),
            }
        })
        .await
    };
    let asked = || asked.swap(0, std::sync::atomic::Ordering::SeqCst);
    assert!(ask(false).await.is_err());
    assert_eq!(asked(), 1, "the same key is not asked with again");
    assert!(ask(true).await.is_err());
    assert_eq!(asked(), 2, "once more with the new key, and no more");
    assert!(ask(false).await.is_ok());
    assert_eq!(asked(), 1);
}

fn aws(settings: AwsSettings) -> Result<Aws, BadCaBundle> {
    Aws::new(
        settings,
        Arc::new(Holds(Some(
            r#"{"access_key_id":"AKIAEXAMPLE","secret_access_key":"hunter2"}"#,
        ))),
    )
}

#[tokio::test]
async fn a_client_gets_the_key_of_the_secrets_with_an_expiry() {
    let config = aws(AwsSettings::new("ap-east-1"))
        .unwrap()
        .sdk_config(&ServiceSettings::new(1_000, 3_000));
    let credentials = config
        .credentials_provider()
        .unwrap()
        .provide_credentials()
        .await
        .unwrap();
    assert_eq!(credentials.access_key_id(), "AKIAEXAMPLE");
    assert!(credentials.expiry().is_some());
}

#[test]
fn every_timeout_is_set_and_the_endpoint_is_that_of_the_service() {
    let service = ServiceSettings::new(1_000, 3_000).at(Some("http://127.0.0.1:1".into()));
    let config = aws(AwsSettings::new("ap-east-1"))
        .unwrap()
        .sdk_config(&service);
    let timeouts = config.timeout_config().unwrap();
    assert_eq!(timeouts.connect_timeout(), Some(Duration::from_secs(5)));
    assert_eq!(
        timeouts.operation_attempt_timeout(),
        Some(Duration::from_secs(1))
    );
    assert_eq!(timeouts.operation_timeout(), Some(Duration::from_secs(3)));
    assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:1"));
}

#[test]
fn no_secret_is_shown_in_debug() {
    let aws = aws(AwsSettings::new("ap-east-1")).unwrap();
    let config = aws.sdk_config(&ServiceSettings::new(1, 1));
    let shown = format!("{aws:?} {config:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_ca_bundle_without_certificates_is_refused_before_anything_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (name, content) in [
        ("empty.pem", ""),
        ("text.pem", "hello"),
        ("bad.pem", broken),
    ] {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        let mut settings = AwsSettings::new("ap-east-1");
        settings.ca_bundle = Some(path);
        let refused = aws(settings).unwrap_err().to_string();
        assert!(refused.contains(name), "{refused}");
    }
    let mut settings = AwsSettings::new("ap-east-1");
    settings.ca_bundle = Some(dir.path().join("absent.pem"));
    assert!(aws(settings).is_err());
}
