//! What a station needs, checked one by one: as it should be, or what is wrong and what to do.

mod cameras;
mod clock;
mod records;
mod signing;
mod storage;
mod triggers;

pub use records::{Trouble, trouble};

use crate::{
    clock::SystemClock,
    dto::{CheckDto, CheckState},
    settings::{CredentialsSource, Settings},
    wiring,
};
use std::{collections::BTreeMap, path::Path, sync::Arc};
use wiko_analyzer::{
    claude::models::{DEFAULT_MODEL_ID, lookup},
    screen::ScreenModels,
};
use wiko_core::{
    analysis::Provider,
    ports::{Backing, Clock, Hindered, SecretName, Secrets},
};

/// The state's word for people.
pub fn word(state: CheckState) -> &'static str {
    match state {
        CheckState::Ok => "ok",
        CheckState::Warning => "warning",
        CheckState::Failed => "FAILED",
        CheckState::NotConfigured => "off",
    }
}

/// Makes every check, of the credentials that the station itself uses. Writes nothing, so it can be made
/// beside a running station and on a disk that cannot be written.
pub async fn examine(settings: &Settings, secrets: Arc<dyn Secrets>) -> Vec<CheckDto> {
    let mut checks = vec![data_dir(settings)];
    checks.extend(records::examine(settings).await);
    checks.extend(storage::examine(settings, SystemClock.now()).await);
    checks.extend(cameras::examine(settings).await);
    checks.push(triggers::examine(settings));
    checks.push(screen_models(settings).await);
    checks.push(recipes(settings).await);
    checks.push(chain(settings));
    checks.push(keyring(settings, &*secrets).await);
    checks.push(signing::check_signing(settings, &*secrets).await);
    checks.push(credentials(settings, &*secrets).await);
    checks.push(claude(settings));
    checks.push(azure(settings, secrets.clone()).await);
    // Three clients at once make a future that is too large for the stack of the caller.
    checks.extend(Box::pin(cloud(settings, secrets)).await);
    checks.push(clock::check_clock(settings).await);
    checks
}

fn check(
    name: &str,
    state: CheckState,
    seen: impl Into<String>,
    remedy: impl Into<String>,
) -> CheckDto {
    CheckDto {
        check: name.to_owned(),
        state,
        seen: seen.into(),
        remedy: remedy.into(),
    }
}

fn ok(name: &str, seen: impl Into<String>) -> CheckDto {
    check(name, CheckState::Ok, seen, "")
}

/// Can a file be written there? A data directory that does not exist yet is made with the first part.
fn data_dir(settings: &Settings) -> CheckDto {
    let path = &settings.data_dir;
    let existing = path
        .ancestors()
        .find(|folder| folder.exists())
        .unwrap_or(path);
    let written = may_write(existing);
    match written {
        Ok(()) => ok("data_dir", path.display().to_string()),
        Err(error) => check(
            "data_dir",
            CheckState::Failed,
            format!("{}: {error}", path.display()),
            "give this user the right to write there, or choose another folder with --data-dir",
        ),
    }
}

/// Asks the system whether this user may make a file there, without making one.
#[cfg(unix)]
fn may_write(folder: &Path) -> std::io::Result<()> {
    use rustix::fs::{Access, access};
    Ok(access(folder, Access::WRITE_OK | Access::EXEC_OK)?)
}

/// Asks the system whether this user may make a file there, without making one.
#[cfg(not(unix))]
fn may_write(folder: &Path) -> std::io::Result<()> {
    match std::fs::metadata(folder)?.permissions().readonly() {
        true => Err(std::io::ErrorKind::PermissionDenied.into()),
        false => Ok(()),
    }
}

/// Reads each model whole: one that is damaged would be found out only when a part lies there.
async fn screen_models(settings: &Settings) -> CheckDto {
    let models = ScreenModels::open(wiring::models_dir(settings));
    let looked = tokio::task::spawn_blocking(move || {
        let (mut usable, mut faults) = (vec![], vec![]);
        for (sku, stage) in models.learnt().map_err(|fault| fault.to_string())? {
            match models.get(&sku, stage) {
                Ok(_) => usable.push(format!("{sku} at {stage}")),
                Err(fault) => faults.push(fault.to_string()),
            }
        }
        Ok((usable, faults))
    });
    let looked = looked.await.unwrap_or_else(|error| Err(error.to_string()));
    match looked {
        Ok((usable, faults)) if usable.is_empty() && faults.is_empty() => check(
            "screen_models",
            CheckState::Warning,
            "the local screen has learnt nothing",
            "teach it: wiko-station screen learn --sku S --stage T IMAGES…",
        ),
        Ok((usable, faults)) if faults.is_empty() => ok("screen_models", usable.join(", ")),
        Ok((_, faults)) => check(
            "screen_models",
            CheckState::Failed,
            faults.join("; "),
            "learn it again from pictures of good parts, or put the file back from a backup: until then such \
             parts are not screened, and those that a model calls good are undetermined",
        ),
        Err(reason) => check(
            "screen_models",
            CheckState::Failed,
            reason,
            "give this user the right to read the folder, and check the disk",
        ),
    }
}

/// Reads each release that holds whole, as the next part of it would.
async fn recipes(settings: &Settings) -> CheckDto {
    let released = wiring::released_recipes(settings);
    let looked = tokio::task::spawn_blocking(move || released.list()).await;
    let listed = looked.map_err(|error| error.to_string());
    let listed = match listed.and_then(|listed| listed.map_err(|error| error.to_string())) {
        Ok(listed) => listed,
        Err(reason) => {
            let remedy = "give this user the right to read the folder, and check the disk";
            return check("recipes", CheckState::Failed, reason, remedy);
        }
    };
    // Of each name the newest, which comes last, holds.
    let held: BTreeMap<_, _> = listed.iter().map(|one| (&one.name, one)).collect();
    let broken = held.values().filter_map(|one| one.release.as_ref().err());
    let broken: Vec<_> = broken.map(ToString::to_string).collect();
    let names: Vec<_> = held
        .values()
        .map(|one| format!("{} v{}", one.name, one.version))
        .collect();
    match (broken.is_empty(), names.is_empty()) {
        (false, _) => check(
            "recipes",
            CheckState::Failed,
            broken.join("; "),
            "put the file back from a backup, or release a new version: until then such parts wait",
        ),
        (true, true) => ok("recipes", "the built-in ones hold"),
        (true, false) => ok("recipes", names.join(", ")),
    }
}

fn chain(settings: &Settings) -> CheckDto {
    let names: Vec<_> = settings
        .chain
        .iter()
        .map(|provider| provider.code())
        .collect();
    match names.is_empty() {
        true => check(
            "chain",
            CheckState::Failed,
            "no analyzer is asked",
            "set analysis.chain in station.toml, such as [\"claude\", \"screen\"]",
        ),
        false => ok("chain", names.join(", then ")),
    }
}

async fn keyring(settings: &Settings, secrets: &dyn Secrets) -> CheckDto {
    if settings.credentials == CredentialsSource::Environment {
        return check(
            "keyring",
            CheckState::NotConfigured,
            "credentials come from the environment",
            "",
        );
    }
    if secrets.backing() == Backing::Memory {
        return check(
            "keyring",
            CheckState::Warning,
            "there is none: credentials are kept in memory until the window is closed",
            "install and unlock a keyring (GNOME Keyring or KWallet), then start the station again",
        );
    }
    match secrets.get(SecretName::AwsAccessKey).await {
        Ok(_) => ok("keyring", "it answers"),
        Err(error) if needs_credentials(settings) => check(
            "keyring",
            CheckState::Failed,
            "it does not answer",
            error.to_string(),
        ),
        Err(error) => check(
            "keyring",
            CheckState::Warning,
            "it does not answer",
            error.to_string(),
        ),
    }
}

fn needs_credentials(settings: &Settings) -> bool {
    settings.chain.contains(&Provider::Claude) || settings.aws.s3_bucket.is_some()
}

async fn credentials(settings: &Settings, secrets: &dyn Secrets) -> CheckDto {
    if !needs_credentials(settings) {
        return check(
            "credentials",
            CheckState::NotConfigured,
            "nothing here needs them",
            "",
        );
    }
    match secrets.get(SecretName::AwsAccessKey).await {
        Ok(Some(_)) => ok(
            "credentials",
            format!("an AWS access key is set ({})", secrets.backing()),
        ),
        Ok(None) => check(
            "credentials",
            CheckState::Failed,
            "no AWS access key is set",
            "set it: wiko-station credentials set aws_access_key",
        ),
        Err(error) => check(
            "credentials",
            CheckState::Failed,
            "they cannot be read",
            error.to_string(),
        ),
    }
}

/// Can Azure OpenAI be asked? Asking it would cost, so only settings and key are looked at.
async fn azure(settings: &Settings, secrets: Arc<dyn Secrets>) -> CheckDto {
    if !settings.chain.contains(&Provider::Azure) {
        return check("azure", CheckState::NotConfigured, "it is not asked", "");
    }
    let asked = match wiring::azure(settings, secrets.clone()) {
        Ok(azure) => azure.model_id().to_owned(),
        Err(error) => {
            return check(
                "azure",
                CheckState::Failed,
                "it cannot be asked",
                error.to_string(),
            );
        }
    };
    match secrets.get(SecretName::AzureApiKey).await {
        Ok(Some(_)) => ok("azure", asked),
        Ok(None) => check(
            "azure",
            CheckState::Failed,
            "there is no key",
            "set it: wiko-station credentials set azure_api_key",
        ),
        Err(error) => check(
            "azure",
            CheckState::Failed,
            "the key cannot be read",
            error.to_string(),
        ),
    }
}

/// Is the model one that can be asked? Asking it would cost, so only the settings are looked at.
fn claude(settings: &Settings) -> CheckDto {
    if !settings.chain.contains(&Provider::Claude) {
        return check("claude", CheckState::NotConfigured, "it is not asked", "");
    }
    let model_id = settings
        .aws
        .bedrock_model_id
        .as_deref()
        .unwrap_or(DEFAULT_MODEL_ID);
    match lookup(model_id) {
        Ok(model) if model.known => ok("claude", model.id),
        Ok(model) => check(
            "claude",
            CheckState::Warning,
            format!("{}: no model that this version knows", model.id),
            "check aws.bedrock_model_id; the most careful settings are used with it",
        ),
        Err(refused) => check("claude", CheckState::Failed, model_id, refused.to_string()),
    }
}

async fn cloud(settings: &Settings, secrets: Arc<dyn Secrets>) -> Vec<CheckDto> {
    let both = |state, seen: &str, remedy: &str| {
        ["s3", "dynamodb"]
            .map(|name| check(name, state, seen, remedy))
            .into()
    };
    let uploader = wiring::aws(settings, secrets)
        .map_err(wiring::WiringError::from)
        .and_then(|aws| wiring::uploader(settings, &aws));
    let cloud = match uploader {
        Ok(Some(cloud)) => cloud,
        Ok(None) => {
            return both(
                CheckState::NotConfigured,
                "records stay on this machine",
                "to upload them, set aws.s3_bucket and aws.dynamodb_table in station.toml",
            );
        }
        Err(error) => {
            return both(
                CheckState::Failed,
                &error.to_string(),
                "correct station.toml",
            );
        }
    };
    let answer = |name: &str, answer: Result<(), Hindered>| match answer {
        Ok(()) => ok(name, "it answers"),
        Err(hindered) => check(
            name,
            CheckState::Failed,
            "it does not answer as it should",
            hindered.reason,
        ),
    };
    let date = async {
        let date = cloud.s3_date().await;
        clock::check_offset(SystemClock.now(), date)
    };
    let (s3, dynamodb, offset) = tokio::join!(cloud.reach_s3(), cloud.reach_dynamodb(), date);
    vec![answer("s3", s3), answer("dynamodb", dynamodb), offset]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Environment;
    use wiko_secrets::MemorySecrets;

    #[tokio::test]
    async fn the_credentials_that_are_looked_at_are_the_stations_own_and_nothing_is_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::load(dir.path(), false, &Environment::default()).unwrap();
        let secrets = Arc::new(MemorySecrets::default());
        let key = wiko_aws::AwsAccessKey::new("AKIDTEST", "test").unwrap();
        let before = examine(&settings, secrets.clone()).await;
        secrets
            .set(SecretName::AwsAccessKey, key.to_secret())
            .await
            .unwrap();
        let after = examine(&settings, secrets).await;

        let state = |checks: &[CheckDto], name: &str| {
            let check = checks.iter().find(|check| check.check == name);
            check.unwrap().state
        };
        assert_eq!(state(&before, "credentials"), CheckState::Failed);
        assert_eq!(state(&after, "credentials"), CheckState::Ok);
        assert_eq!(state(&after, "keyring"), CheckState::Warning);
        assert_eq!(state(&after, "data_dir"), CheckState::Ok);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
