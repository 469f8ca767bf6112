//! The field tech's commands.

use crate::{
    access::Gate,
    doctor as examination,
    dto::{CheckDto, CommandError, CredentialsDto, CredentialsForm, ErrorCode},
};
use secrecy::SecretString;
use tauri::State;
use wiko_aws::AwsAccessKey;
use wiko_core::{audit::AuditCategory, ports::SecretName, queue::Queue, role::Role};

#[tauri::command]
#[specta::specta]
pub(super) async fn doctor(gate: State<'_, Gate>) -> Result<Vec<CheckDto>, CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    let station = &app.installation;
    Ok(examination::examine(&station.settings, station.secrets.clone()).await)
}

#[tauri::command]
#[specta::specta]
pub(super) async fn credentials(
    gate: State<'_, Gate>,
) -> Result<Vec<CredentialsDto>, CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    let secrets = &app.installation.secrets;
    let mut known = Vec::new();
    for name in SecretName::ENTERED {
        let (set, error) = match secrets.get(*name).await {
            Ok(secret) => (secret.is_some(), None),
            Err(error) => (false, Some(error.to_string())),
        };
        known.push(CredentialsDto {
            name: *name,
            backing: secrets.backing(),
            set,
            error,
        });
    }
    Ok(known)
}

#[tauri::command]
#[specta::specta]
pub(super) async fn set_credentials(
    gate: State<'_, Gate>,
    form: CredentialsForm,
) -> Result<(), CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    let (name, secret) = match form {
        CredentialsForm::AwsAccessKey {
            access_key_id,
            secret_access_key,
        } => {
            let key = AwsAccessKey::new(&access_key_id, &secret_access_key)
                .map_err(|error| CommandError::new(ErrorCode::InvalidInput, error.to_string()))?;
            (SecretName::AwsAccessKey, key.to_secret())
        }
        CredentialsForm::AzureApiKey { api_key } => {
            (SecretName::AzureApiKey, SecretString::from(api_key))
        }
    };
    app.installation.secrets.set(name, secret).await?;
    gate.note(AuditCategory::Credentials, name.code(), "set")
        .await?;
    // Parts that waited for credentials need not wait out their time.
    for queue in Queue::ALL {
        app.installation.station.retry(*queue, None).await?;
    }
    Ok(())
}

#[tauri::command]
#[specta::specta]
pub(super) async fn clear_credentials(
    gate: State<'_, Gate>,
    name: SecretName,
) -> Result<(), CommandError> {
    let (app, _) = gate.enter(Role::FieldTech)?;
    SecretName::entered(name.code())?;
    app.installation.secrets.clear(name).await?;
    gate.note(AuditCategory::Credentials, name.code(), "cleared")
        .await
}
