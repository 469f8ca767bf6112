use crate::coded;
use secrecy::SecretString;

/// What is kept secret.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum SecretName {
    /// `{"access_key_id":…,"secret_access_key":…}`: one entry, so that the two never disagree.
    AwsAccessKey,
    /// The key of Azure OpenAI.
    AzureApiKey,
    /// The Ed25519 key that the station signs its audit trail with. It makes the key itself.
    #[cfg_attr(feature = "specta", specta(skip))]
    StationSigningKey,
}
coded!(SecretName, "secret");

impl SecretName {
    /// Those that people enter and clear.
    pub const ENTERED: &'static [Self] = &[Self::AwsAccessKey, Self::AzureApiKey];

    /// The name of a secret that people may enter and clear.
    pub fn entered(given: &str) -> Result<Self, crate::UnknownCode> {
        let found = Self::ENTERED.iter().find(|name| name.code() == given);
        found.copied().ok_or_else(|| crate::UnknownCode {
            what: "secret",
            given: given.to_owned(),
            known: Self::ENTERED
                .iter()
                .map(|name| name.code())
                .collect::<Vec<_>>()
                .join(", "),
        })
    }
}

/// Where secrets lie.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum Backing {
    /// In the keyring of the operating system.
    Keyring,
    /// In memory, until the station is closed: there is no keyring.
    Memory,
    /// In the environment: tests and service accounts only.
    Environment,
}
coded!(Backing, "secret store");

/// Keeps secrets.
#[async_trait::async_trait]
pub trait Secrets: Send + Sync {
    /// Where they lie.
    fn backing(&self) -> Backing;

    /// The secret, or none where none was set. A locked keyring is an error, never a none.
    async fn get(&self, name: SecretName) -> Result<Option<SecretString>, SecretsError>;

    /// Sets or replaces the secret.
    async fn set(&self, name: SecretName, secret: SecretString) -> Result<(), SecretsError>;

    /// Removes the secret; no error where there is none.
    async fn clear(&self, name: SecretName) -> Result<(), SecretsError>;
}

/// The secret store does not answer, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// It is locked, and nobody unlocked it.
    #[error("the keyring is locked: sign in to the desktop or unlock it, then try again")]
    Locked,
    /// There is none.
    #[error(
        "no keyring service is running: install and start gnome-keyring (or KWallet), then sign in again"
    )]
    NoService,
    /// It did not answer in time.
    #[error(
        "the keyring did not answer within {waited_ms} ms: look for its unlock window, then try again"
    )]
    TimedOut {
        /// How long it was waited for.
        waited_ms: u64,
    },
    /// The secret is too long for it.
    #[error("the secret is too long for the keyring: at most {limit_bytes} bytes")]
    TooLong {
        /// The most that every keyring takes.
        limit_bytes: usize,
    },
    /// What lies there is not what was put there.
    #[error("the entry \"{name}\" in the keyring cannot be read: set the credentials again")]
    Garbled {
        /// The entry.
        name: SecretName,
    },
    /// It cannot be changed here.
    #[error("secrets come from the environment here and cannot be changed by the station")]
    ReadOnly,
    /// Anything else, in the keyring's words.
    #[error("the keyring failed: {reason}")]
    Failed {
        /// The keyring's words. Never holds a secret.
        reason: String,
    },
}
