use crate::access_key::{AwsAccessKey, NotAnAccessKey};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError, future},
};
use secrecy::{ExposeSecret, SecretString};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};
use wiko_core::ports::{SecretName, Secrets, SecretsError};

/// How long credentials may be kept by whoever keeps them; our own clients do not.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// Gives AWS clients the access key of the station's secrets, read anew each time.
pub struct SecretsCredentials {
    secrets: Arc<dyn Secrets>,
    given: Mutex<Given>,
}

/// What was given last, and how often it was another than before.
#[derive(Default)]
struct Given {
    secret: Option<SecretString>,
    changes: u64,
}

impl SecretsCredentials {
    /// From where the key is read.
    pub fn new(secrets: Arc<dyn Secrets>) -> Self {
        Self {
            secrets,
            given: Mutex::default(),
        }
    }

    /// How often the key was another than before; the first one counts.
    pub(crate) fn changes(&self) -> u64 {
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.changes
    }

    fn note(&self, secret: SecretString) {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let before = given.secret.as_ref().map(ExposeSecret::expose_secret);
        if before != Some(secret.expose_secret()) {
            given.changes += 1;
            given.secret = Some(secret);
        }
    }

    /// Reads the key anew. True where it is another than the one of `changes`.
    pub(crate) async fn is_another(&self, changes: u64) -> bool {
        // The first key is no change: there was none before.
        self.read().await.is_ok() && self.changes() > changes.max(1)
    }

    async fn read(&self) -> Result<Credentials, CredentialsTrouble> {
        let secret = self
            .secrets
            .get(SecretName::AwsAccessKey)
            .await?
            .ok_or(CredentialsTrouble::Missing)?;
        let key = AwsAccessKey::from_secret(&secret)?;
        self.note(secret);
        Ok(Credentials::new(
            key.access_key_id,
            key.secret_access_key.expose_secret(),
            key.session_token
                .map(|token| token.expose_secret().to_owned()),
            Some(SystemTime::now() + LIFETIME),
            "wiko-station",
        ))
    }
}

impl fmt::Debug for SecretsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretsCredentials({})", self.secrets.backing())
    }
}

impl ProvideCredentials for SecretsCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.read().await.map_err(CredentialsError::provider_error)
        })
    }
}

/// Why there are no credentials to sign a request with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsTrouble {
    /// None were set.
    #[error("no AWS access key is set: set one with `wiko-station credentials set`")]
    Missing,
    /// What was set is no access key.
    #[error("{0}: set it again with `wiko-station credentials set`")]
    Garbled(#[from] NotAnAccessKey),
    /// The place where they lie does not answer.
    #[error(transparent)]
    Unreachable(#[from] SecretsError),
}
