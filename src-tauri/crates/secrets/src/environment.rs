use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use std::{collections::HashMap, fmt};
use wiko_core::ports::{Backing, SecretName, Secrets, SecretsError};

const VARIABLES: [&str; 5] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_OPENAI_API_KEY",
    "WIKO_STATION_SIGNING_KEY",
];

/// Takes secrets from the environment as it was at the start: tests and service accounts only.
pub struct EnvironmentSecrets(HashMap<String, SecretString>);

impl EnvironmentSecrets {
    /// From this process's environment.
    pub fn from_process() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// From elsewhere.
    pub fn from_variables(look_up: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| {
            let value = look_up(name).filter(|value| !value.is_empty())?;
            Some((name.to_owned(), SecretString::from(value)))
        };
        Self(VARIABLES.iter().filter_map(|name| set(name)).collect())
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(ExposeSecret::expose_secret)
    }
}

impl fmt::Debug for EnvironmentSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnvironmentSecrets")
    }
}

#[async_trait::async_trait]
impl Secrets for EnvironmentSecrets {
    fn backing(&self) -> Backing {
        Backing::Environment
    }

    async fn get(&self, name: SecretName) -> Result<Option<SecretString>, SecretsError> {
        Ok(match name {
            SecretName::AwsAccessKey => self
                .variable("AWS_ACCESS_KEY_ID")
                .zip(self.variable("AWS_SECRET_ACCESS_KEY"))
                .map(|(id, secret)| {
                    json!({
                        "access_key_id": id,
                        "secret_access_key": secret,
                        "session_token": self.variable("AWS_SESSION_TOKEN"),
                    })
                    .to_string()
                    .into()
                }),
            SecretName::AzureApiKey => self.variable("AZURE_OPENAI_API_KEY").map(Into::into),
            SecretName::StationSigningKey => {
                self.variable("WIKO_STATION_SIGNING_KEY").map(Into::into)
            }
        })
    }

    async fn set(&self, _: SecretName, _: SecretString) -> Result<(), SecretsError> {
        Err(SecretsError::ReadOnly)
    }

    async fn clear(&self, _: SecretName) -> Result<(), SecretsError> {
        Err(SecretsError::ReadOnly)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &'static [(&str, &str)]) -> EnvironmentSecrets {
        EnvironmentSecrets::from_variables(|name| {
            let found = pairs.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        })
    }

    #[tokio::test]
    async fn half_a_key_is_no_key() {
        for half in [
            &[("AWS_ACCESS_KEY_ID", "AKIA")][..],
            &[("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "")],
        ] {
            let found = of(half).get(SecretName::AwsAccessKey).await.unwrap();
            assert!(found.is_none());
        }
    }

    #[tokio::test]
    async fn secrets_of_the_environment_can_be_read_and_not_changed_or_shown() {
        let secrets = of(&[("AZURE_OPENAI_API_KEY", "hunter2")]);
        let found = secrets.get(SecretName::AzureApiKey).await.unwrap().unwrap();
        assert_eq!(found.expose_secret(), "hunter2");
        let refused = secrets.set(SecretName::AzureApiKey, "x".into()).await;
        assert_eq!(refused, Err(SecretsError::ReadOnly));
        assert!(!format!("{secrets:?}").contains("hunter2"));
    }
}
