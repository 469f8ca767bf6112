use secrecy::SecretString;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use wiko_core::ports::{Backing, SecretName, Secrets, SecretsError};

/// Keeps secrets until the station is closed: for a machine without a keyring, and only with the banner
/// that says so.
#[derive(Debug, Default)]
pub struct MemorySecrets(Mutex<HashMap<SecretName, SecretString>>);

#[async_trait::async_trait]
impl Secrets for MemorySecrets {
    fn backing(&self) -> Backing {
        Backing::Memory
    }

    async fn get(&self, name: SecretName) -> Result<Option<SecretString>, SecretsError> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(kept.get(&name).cloned())
    }

    async fn set(&self, name: SecretName, secret: SecretString) -> Result<(), SecretsError> {
        crate::keyring::check_length(&secret)?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(name, secret);
        Ok(())
    }

    async fn clear(&self, name: SecretName) -> Result<(), SecretsError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(&name);
        Ok(())
    }
}
