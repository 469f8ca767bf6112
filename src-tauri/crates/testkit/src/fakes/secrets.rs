//! Fake of the secrets port.

use secrecy::{ExposeSecret, SecretString};
use std::{collections::HashMap, sync::Mutex};
use wiko_core::ports::{Backing, SecretName, Secrets, SecretsError};

/// Keeps secrets in memory, and can be locked.
#[derive(Debug, Default)]
pub struct FakeSecrets {
    kept: Mutex<HashMap<SecretName, SecretString>>,
    trouble: Mutex<Option<SecretsError>>,
}

impl FakeSecrets {
    /// Answers every call with this error; none ends it.
    pub fn fail_with(&self, trouble: Option<SecretsError>) {
        *self.trouble.lock().unwrap() = trouble;
    }

    fn check(&self) -> Result<(), SecretsError> {
        self.trouble.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

#[async_trait::async_trait]
impl Secrets for FakeSecrets {
    fn backing(&self) -> Backing {
        Backing::Memory
    }

    async fn get(&self, name: SecretName) -> Result<Option<SecretString>, SecretsError> {
        self.check()?;
        Ok(self.kept.lock().unwrap().get(&name).cloned())
    }

    async fn set(&self, name: SecretName, secret: SecretString) -> Result<(), SecretsError> {
        self.check()?;
        if secret.expose_secret().len() > 2_560 {
            return Err(SecretsError::TooLong { limit_bytes: 2_560 });
        }
        self.kept.lock().unwrap().insert(name, secret);
        Ok(())
    }

    async fn clear(&self, name: SecretName) -> Result<(), SecretsError> {
        self.check()?;
        self.kept.lock().unwrap().remove(&name);
        Ok(())
    }
}
