//! Whether the audit trail is signed.

use super::{check, ok};
use crate::{
    dto::{CheckDto, CheckState},
    settings::Settings,
};
use wiko_core::ports::{Backing, SecretName, Secrets, Signer};
use wiko_secrets::StationKey;

/// Is there a key to sign the trail with? Makes none: that is the station's own at its start.
pub(super) async fn check_signing(settings: &Settings, secrets: &dyn Secrets) -> CheckDto {
    let name = "signing";
    if settings.demo {
        let seen = "the demo's audit trail is chained and not signed";
        return check(name, CheckState::NotConfigured, seen, "");
    }
    let unsigned = "the audit trail is chained and not signed";
    if secrets.backing() == Backing::Memory {
        let remedy = "install and unlock a keyring: the station makes its key there";
        return check(name, CheckState::Warning, unsigned, remedy);
    }
    match secrets.get(SecretName::StationSigningKey).await {
        Ok(Some(secret)) => match StationKey::of(&secret) {
            Ok(key) => ok(name, format!("with the key {}", key.public_key())),
            Err(error) => {
                let remedy =
                    format!("{error}; remove the entry, and the station makes another key");
                check(name, CheckState::Failed, unsigned, remedy)
            }
        },
        Ok(None) if secrets.backing() == Backing::Environment => {
            let remedy =
                "set WIKO_STATION_SIGNING_KEY to 64 hexadecimal digits of a secret of its own";
            check(name, CheckState::Warning, unsigned, remedy)
        }
        Ok(None) => {
            let remedy = "start the station, which makes its key; on a new machine with an old station's \
                          records: wiko-station credentials make-signing-key";
            check(
                name,
                CheckState::Warning,
                "there is no signing key yet",
                remedy,
            )
        }
        Err(error) => check(name, CheckState::Warning, unsigned, error.to_string()),
    }
}
