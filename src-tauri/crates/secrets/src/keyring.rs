use keyring::Error;
use keyring_core::api::CredentialStoreApi;
use secrecy::{ExposeSecret, SecretString};
use std::{fmt, sync::Arc, time::Duration};
use tokio::sync::{Mutex, OwnedMutexGuard};
use wiko_core::ports::{Backing, SecretName, Secrets, SecretsError};
use zeroize::Zeroizing;

/// The most that every keyring takes: Windows' limit.
pub const LIMIT_BYTES: usize = 2_560;

const TIMEOUT: Duration = Duration::from_secs(5);

type Store = Arc<dyn CredentialStoreApi + Send + Sync>;

/// Secrets in the operating system's keyring: Secret Service, Keychain or Credential Manager.
///
/// `keyring` brings the store of each system. Its own entry connects once in a process and stays without
/// a keyring for good where that failed; so its stores are opened here, anew after each break.
pub struct KeyringSecrets {
    service: String,
    timeout: Duration,
    /// Held by the call in hand, also after its caller has given up.
    store: Arc<Mutex<Option<Store>>>,
}

impl KeyringSecrets {
    /// The entries of a profile; the demo and tests have theirs, so that they never touch the real ones.
    pub fn new(profile: &str) -> Self {
        Self {
            service: format!("wiko-station-{profile}"),
            timeout: TIMEOUT,
            store: Arc::default(),
        }
    }

    /// The same with another patience.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Does something with an entry on a thread that may hang, and gives up on it after the timeout.
    async fn with_entry<T: Send + 'static>(
        &self,
        name: SecretName,
        work: impl FnOnce(&keyring_core::Entry) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, SecretsError> {
        let timed_out = SecretsError::TimedOut {
            waited_ms: u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX),
        };
        let (service, store) = (self.service.clone(), self.store.clone());
        let call = async move {
            let mut store: OwnedMutexGuard<Option<Store>> = store.lock_owned().await;
            tokio::task::spawn_blocking(move || on_entry(&mut store, &service, name, work)).await
        };
        match tokio::time::timeout(self.timeout, call).await {
            Err(_) => Err(timed_out),
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(SecretsError::Failed {
                reason: "its library panicked; restart the station".to_owned(),
            }),
        }
    }
}

fn on_entry<T>(
    kept: &mut Option<Store>,
    service: &str,
    name: SecretName,
    work: impl FnOnce(&keyring_core::Entry) -> Result<T, Error>,
) -> Result<T, SecretsError> {
    let store = match kept.take() {
        Some(store) => store,
        None => connect().map_err(|error| {
            tracing::debug!(%error, "no keyring");
            SecretsError::NoService
        })?,
    };
    let done = store
        .build(service, name.code(), None)
        .and_then(|entry| work(&entry));
    // A broken connection stays broken: the next call makes a new one.
    if !matches!(done, Err(Error::PlatformFailure(_))) {
        *kept = Some(store);
    }
    done.map_err(|error| translated(name, error))
}

#[cfg(target_os = "linux")]
fn connect() -> Result<Store, Error> {
    let store: Store = zbus_secret_service_keyring_store::Store::new()?;
    Ok(store)
}

#[cfg(target_os = "macos")]
fn connect() -> Result<Store, Error> {
    let store: Store = apple_native_keyring_store::keychain::Store::new()?;
    Ok(store)
}

#[cfg(target_os = "windows")]
fn connect() -> Result<Store, Error> {
    let store: Store = windows_native_keyring_store::Store::new()?;
    Ok(store)
}

/// Errors that carry an entry's bytes are told without them.
fn translated(name: SecretName, error: Error) -> SecretsError {
    match error {
        Error::NoStorageAccess(_) => SecretsError::Locked,
        Error::NoDefaultStore => SecretsError::NoService,
        Error::TooLong(..) => SecretsError::TooLong {
            limit_bytes: LIMIT_BYTES,
        },
        Error::BadEncoding(_) | Error::BadDataFormat(..) | Error::Ambiguous(_) => {
            SecretsError::Garbled { name }
        }
        Error::PlatformFailure(cause) => SecretsError::Failed {
            reason: cause.to_string(),
        },
        _ => SecretsError::Failed {
            reason: "it refused the entry".to_owned(),
        },
    }
}

pub(crate) fn check_length(secret: &SecretString) -> Result<(), SecretsError> {
    if secret.expose_secret().len() > LIMIT_BYTES {
        return Err(SecretsError::TooLong {
            limit_bytes: LIMIT_BYTES,
        });
    }
    Ok(())
}

impl fmt::Debug for KeyringSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyringSecrets({})", self.service)
    }
}

#[async_trait::async_trait]
impl Secrets for KeyringSecrets {
    fn backing(&self) -> Backing {
        Backing::Keyring
    }

    /// None is no proof of absence: a keyring that has never been unlocked says that it has no entry.
    async fn get(&self, name: SecretName) -> Result<Option<SecretString>, SecretsError> {
        let found = self
            .with_entry(name, |entry| match entry.get_secret() {
                Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
                Err(Error::NoEntry) => Ok(None),
                Err(error) => Err(error),
            })
            .await?;
        match found {
            None => Ok(None),
            Some(bytes) => match std::str::from_utf8(&bytes) {
                Ok(text) => Ok(Some(text.into())),
                Err(_) => Err(SecretsError::Garbled { name }),
            },
        }
    }

    async fn set(&self, name: SecretName, secret: SecretString) -> Result<(), SecretsError> {
        check_length(&secret)?;
        self.with_entry(name, move |entry| {
            entry.set_secret(secret.expose_secret().as_bytes())
        })
        .await
    }

    async fn clear(&self, name: SecretName) -> Result<(), SecretsError> {
        self.with_entry(name, |entry| match entry.delete_credential() {
            Err(Error::NoEntry) => Ok(()),
            done => done,
        })
        .await
    }
}
