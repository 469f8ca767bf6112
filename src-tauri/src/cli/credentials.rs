use super::{Failure, deed, output::Output};
use crate::{
    settings::{Environment, Settings},
    wiring,
};
use secrecy::SecretString;
use serde_json::json;
use std::{io::Read, process::ExitCode};
use wiko_core::{
    audit::AuditCategory,
    ports::{SecretName, Secrets, Signer},
};
use wiko_secrets::StationKey;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum CredentialsCommand {
    /// Set credentials, read from standard input: for aws_access_key two lines, the key id and the
    /// secret key; for azure_api_key one
    Set {
        /// aws_access_key or azure_api_key
        #[arg(default_value = "aws_access_key")]
        name: String,
    },
    /// Make the key that the audit trail is signed with: on a new machine with an old station's records
    MakeSigningKey,
    /// Show which credentials are set, without them
    Status,
    /// Remove credentials
    Clear {
        /// aws_access_key or azure_api_key
        #[arg(default_value = "aws_access_key")]
        name: String,
    },
}

pub(crate) async fn run(
    command: CredentialsCommand,
    settings: &Settings,
    environment: &Environment,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let secrets = wiring::secrets(settings, environment);
    let input = std::io::stdin().lock();
    run_with(command, settings, &*secrets, input, output).await
}

async fn run_with(
    command: CredentialsCommand,
    settings: &Settings,
    secrets: &dyn Secrets,
    input: impl Read,
    output: &Output,
) -> Result<ExitCode, Failure> {
    // The trail names the secret and says no word of what it is.
    let begin = |name: SecretName, doing: &'static str| {
        let category = AuditCategory::Credentials;
        deed::begin(settings, output, category, name.code(), doing)
    };
    match command {
        CredentialsCommand::Set { name } => {
            let name = SecretName::entered(&name)?;
            let secret = read_secret(name, input)?;
            let begun = begin(name, "set");
            let set = secrets.set(name, secret).await;
            begun.ended(set, |()| "set".to_owned()).await?;
            output.line(
                &json!({"event": "credentials", "name": name, "set": true}),
                format_args!("{name} is set in the {}", secrets.backing()),
            );
        }
        CredentialsCommand::Clear { name } => {
            let name = SecretName::entered(&name)?;
            let begun = begin(name, "clear");
            let cleared = secrets.clear(name).await;
            begun.ended(cleared, |()| "cleared".to_owned()).await?;
            output.line(
                &json!({"event": "credentials", "name": name, "set": false}),
                format_args!("{name} is removed from the {}", secrets.backing()),
            );
        }
        CredentialsCommand::MakeSigningKey => {
            let begun = begin(SecretName::StationSigningKey, "make");
            let made = StationKey::make(secrets).await;
            let key = begun.ended(made, |_| "made".to_owned()).await?.public_key();
            output.line(
                &json!({"event": "signing_key", "public_key": key.to_string()}),
                format_args!("the {} holds the signing key {key}", secrets.backing()),
            );
        }
        CredentialsCommand::Status => return status(secrets, output).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn status(secrets: &dyn Secrets, output: &Output) -> Result<ExitCode, Failure> {
    let mut exit = ExitCode::SUCCESS;
    for name in SecretName::ENTERED {
        let (set, error) = match secrets.get(*name).await {
            Ok(secret) => (secret.is_some(), None),
            Err(error) => {
                exit = ExitCode::from(1);
                (false, Some(error.to_string()))
            }
        };
        let word = match (&error, set) {
            (Some(error), _) => error.clone(),
            (None, true) => "set".to_owned(),
            (None, false) => "not set".to_owned(),
        };
        output.line(
            &json!({
                "event": "credentials",
                "name": name,
                "backing": secrets.backing(),
                "set": set,
                "error": error,
            }),
            format_args!("{name}: {word} ({})", secrets.backing()),
        );
    }
    Ok(exit)
}

/// Reads a secret from standard input; it goes nowhere else.
fn read_secret(name: SecretName, input: impl Read) -> Result<SecretString, Failure> {
    let mut text = zeroize::Zeroizing::new(String::new());
    input.take(64 * 1024).read_to_string(&mut text)?;
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let (first, second) = (lines.next(), lines.next());
    match (name, first, second) {
        (SecretName::AwsAccessKey, Some(id), Some(secret)) => {
            Ok(wiko_aws::AwsAccessKey::new(id, secret)?.to_secret())
        }
        (SecretName::AzureApiKey, Some(key), None) => Ok(SecretString::from(key.to_owned())),
        (SecretName::AwsAccessKey, ..) => Err(
            "write the access key id and the secret access key to standard input, a line each"
                .into(),
        ),
        (SecretName::AzureApiKey | SecretName::StationSigningKey, ..) => {
            Err("write the key to standard input, on one line".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wiko_core::audit::{AuditResult, AuditSource};
    use wiko_secrets::MemorySecrets;

    #[tokio::test]
    async fn what_is_set_made_and_cleared_is_in_the_trail_by_its_name_and_the_secret_is_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::load(dir.path(), false, &Environment::default()).unwrap();
        let secrets = MemorySecrets::default();
        let output = Output::new(true);
        let key = "AKIDTEST\nwJalrXUtnFEMI\n".as_bytes();
        let name = || "aws_access_key".to_owned();
        for command in [
            CredentialsCommand::Set { name: name() },
            CredentialsCommand::MakeSigningKey,
            CredentialsCommand::Clear { name: name() },
        ] {
            run_with(command, &settings, &secrets, key, &output)
                .await
                .unwrap();
        }

        let reader = wiring::open_reader(&settings).await.unwrap().unwrap();
        let rows = reader.audit(None, true, 100).await.unwrap();
        let told: Vec<_> = rows
            .iter()
            .rev()
            .map(|row| (row.entry.subject.as_deref().unwrap(), &*row.entry.detail))
            .collect();
        assert_eq!(
            told,
            [
                ("aws_access_key", "set"),
                ("station_signing_key", "made"),
                ("aws_access_key", "cleared"),
            ]
        );
        for row in &rows {
            assert_eq!(row.entry.source, AuditSource::CommandLine);
            assert_eq!(row.entry.category, AuditCategory::Credentials);
            assert_eq!(row.entry.result, AuditResult::Done);
        }
        let trail = format!("{rows:?}");
        assert!(
            !trail.contains("wJalr") && !trail.contains("AKIDTEST"),
            "{trail}"
        );
    }

    #[tokio::test]
    async fn what_the_keyring_refuses_is_in_the_trail_as_failed() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::load(dir.path(), false, &Environment::default()).unwrap();
        let secrets = wiko_secrets::EnvironmentSecrets::from_variables(|_| None);
        let clear = CredentialsCommand::Clear {
            name: "azure_api_key".to_owned(),
        };
        let output = Output::new(true);
        let refused = run_with(clear, &settings, &secrets, &b""[..], &output).await;
        assert!(refused.is_err());
        let reader = wiring::open_reader(&settings).await.unwrap().unwrap();
        let rows = reader.audit(None, true, 100).await.unwrap();
        let [row] = &rows[..] else {
            panic!("{rows:?}");
        };
        assert_eq!(row.entry.result, AuditResult::Failed);
        assert!(row.entry.detail.starts_with("clear: "), "{row:?}");
    }
}
