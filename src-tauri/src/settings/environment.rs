//! Settings from the environment, for tests, service accounts and private endpoints.

use super::{CredentialsSource, SettingsError, StationFile};
use std::{collections::HashMap, ffi::OsString, path::PathBuf};
use wiko_core::analysis::Provider;

/// The environment as it was when the station started. Passed in, so that tests need not change it.
#[derive(Clone, Default)]
pub struct Environment(HashMap<String, String>);

/// The names alone: among the values are keys.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Environment {
    /// The environment of this process; names and values that are no UTF-8 are left out.
    pub fn of_process() -> Self {
        let text = |(name, value): (OsString, OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// An environment of the given variables.
    #[cfg(test)]
    pub fn of(variables: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self(variables.iter().map(owned).collect())
    }

    /// The variable's value; an empty one counts as not set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// `WIKO_DATA_DIR`, or the usual place of this system.
    pub fn data_dir(&self, demo: bool) -> PathBuf {
        if let Some(given) = self.get("WIKO_DATA_DIR") {
            return PathBuf::from(given);
        }
        let base = self
            .get("XDG_DATA_HOME")
            .map(PathBuf::from)
            .unwrap_or_else(|| {
                let home = self.get("HOME").or(self.get("USERPROFILE")).unwrap_or(".");
                PathBuf::from(home).join(".local/share")
            });
        base.join(if demo {
            "wiko-station-demo"
        } else {
            "wiko-station"
        })
    }

    /// True where a window can be shown.
    pub fn has_display(&self) -> bool {
        cfg!(not(target_os = "linux"))
            || self.get("DISPLAY").is_some()
            || self.get("WAYLAND_DISPLAY").is_some()
    }

    pub(super) fn override_file(&self, file: &mut StationFile) -> Result<(), SettingsError> {
        let owned = |name| self.get(name).map(str::to_owned);
        let (aws, azure) = (&mut file.aws, &mut file.azure);
        for (name, setting) in [
            ("WIKO_S3_BUCKET", &mut aws.s3_bucket),
            ("WIKO_DYNAMODB_TABLE", &mut aws.dynamodb_table),
            ("WIKO_BEDROCK_MODEL_ID", &mut aws.bedrock_model_id),
            ("WIKO_S3_ENDPOINT", &mut aws.s3_endpoint),
            ("WIKO_DYNAMODB_ENDPOINT", &mut aws.dynamodb_endpoint),
            ("WIKO_BEDROCK_ENDPOINT", &mut aws.bedrock_endpoint),
            ("WIKO_AZURE_ENDPOINT", &mut azure.endpoint),
            ("WIKO_AZURE_DEPLOYMENT", &mut azure.deployment),
            ("WIKO_AZURE_API_VERSION", &mut azure.api_version),
        ] {
            if let Some(value) = owned(name) {
                *setting = Some(value);
            }
        }
        if let Some(region) = owned("WIKO_AWS_REGION") {
            aws.region = region;
        }
        if let Some(chain) = self.get("WIKO_ANALYSIS_CHAIN") {
            let bad = |error: wiko_core::UnknownCode| SettingsError::Environment {
                name: "WIKO_ANALYSIS_CHAIN",
                reason: error.to_string(),
            };
            let providers: Result<Vec<Provider>, _> =
                chain.split(',').map(|code| code.trim().parse()).collect();
            file.analysis.chain = providers.map_err(bad)?;
        }
        if let Some(source) = self.get("WIKO_CREDENTIALS") {
            file.credentials.source = match source {
                "keyring" => CredentialsSource::Keyring,
                "environment" => CredentialsSource::Environment,
                // What was given is not repeated: it may be the credentials themselves.
                _ => {
                    return Err(SettingsError::Environment {
                        name: "WIKO_CREDENTIALS",
                        reason: "must be keyring or environment".to_owned(),
                    });
                }
            };
        }
        Ok(())
    }
}
