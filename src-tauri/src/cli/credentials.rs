use super::{Failure, output::Output};
use crate::{
    settings::{Environment, Settings},
    wiring,
};
use secrecy::SecretString;
use serde_json::json;
use std::{io::Read, process::ExitCode};
use wiko_core::ports::{SecretName, Secrets, Signer};
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
    match command {
        CredentialsCommand::Set { name } => {
            let name = SecretName::entered(&name)?;
            let secret = read_secret(name)?;
            secrets.set(name, secret).await?;
            output.line(
                &json!({"event": "credentials", "name": name, "set": true}),
                format_args!("{name} is set in the {}", secrets.backing()),
            );
        }
        CredentialsCommand::Clear { name } => {
            let name = SecretName::entered(&name)?;
            secrets.clear(name).await?;
            output.line(
                &json!({"event": "credentials", "name": name, "set": false}),
                format_args!("{name} is removed from the {}", secrets.backing()),
            );
        }
        CredentialsCommand::MakeSigningKey => {
            let key = StationKey::make(&*secrets).await?.public_key();
            output.line(
                &json!({"event": "signing_key", "public_key": key.to_string()}),
                format_args!("the {} holds the signing key {key}", secrets.backing()),
            );
        }
        CredentialsCommand::Status => return status(&*secrets, output).await,
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
fn read_secret(name: SecretName) -> Result<SecretString, Failure> {
    let mut text = zeroize::Zeroizing::new(String::new());
    std::io::stdin()
        .lock()
        .take(64 * 1024)
        .read_to_string(&mut text)?;
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
