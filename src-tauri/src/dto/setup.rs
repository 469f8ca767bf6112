use serde::{Deserialize, Serialize};
use specta::Type;
use wiko_core::ports::{Backing, SecretName};

/// How a check of the doctor ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// As it should be.
    Ok,
    /// It works, and something should be done.
    Warning,
    /// It does not work.
    Failed,
    /// Not asked for in this station's configuration.
    NotConfigured,
}

/// One check of the doctor.
#[derive(Debug, Clone, Serialize, Type)]
pub struct CheckDto {
    /// Code of the check, such as `keyring`.
    pub check: String,
    /// How it ended.
    pub state: CheckState,
    /// What was seen.
    pub seen: String,
    /// What to do; empty where nothing.
    pub remedy: String,
}

/// What is known of the credentials, without them.
#[derive(Debug, Clone, Serialize, Type)]
pub struct CredentialsDto {
    /// Which.
    pub name: SecretName,
    /// Where secrets lie.
    pub backing: Backing,
    /// True where one is set.
    pub set: bool,
    /// Why it is not known, where the store does not answer.
    pub error: Option<String>,
}

/// New credentials. Neither printed nor stored anywhere but in the secret store.
#[derive(Clone, Deserialize, Type)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum CredentialsForm {
    /// The key pair of AWS.
    AwsAccessKey {
        /// Its public half.
        access_key_id: String,
        /// Its secret half.
        secret_access_key: String,
    },
    /// The key of Azure OpenAI.
    AzureApiKey {
        /// The key.
        api_key: String,
    },
}
