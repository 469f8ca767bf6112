//! What the station itself notes in its audit trail: its start, a changed `station.toml`, and the key that
//! it signs with.
//!
//! Invariants:
//! - Nothing waits for the keyring longer than it is told to: without its key the station works, and its
//!   rows are signed from the moment the key is found. A signed row vouches for all before it.
//! - A station that cannot write its trail does not start.

mod deeds;

pub use deeds::{Begun, Deed, LeftState, NotNoted, Noted, begin, deeds_left, keep_taking_in, note};

use crate::settings::{FILE_NAME, Settings};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::watch;
use wiko_core::{
    audit::{AuditCategory, AuditEntry, AuditResult, AuditSource, STATION},
    clock_watch::ClockTrouble,
    image::Sha256,
    ports::{Backing, Clock, Records, Secrets, SecretsError, StoreError},
};
use wiko_secrets::StationKey;
use wiko_store::{RecordsReader, SqliteRecords};

/// Who is at the command line: whoever the system let in.
pub const COMMAND_LINE: &str = "command_line";

/// On what the trail notes that a person has seen what is wrong with the clock.
pub const CLOCK_SEEN: &str = "seen";

/// How often a keyring that did not answer is asked again.
const ASK_AGAIN_EVERY: Duration = Duration::from_secs(60);

/// How long a command waits for the key, so that what it decides is signed.
const COMMAND_WAITS: Duration = Duration::from_secs(1);

/// Notes that the station was started, with what it found.
pub async fn note_start(
    records: &SqliteRecords,
    settings: &Settings,
    clock: &dyn Clock,
    quarantined: &[PathBuf],
) -> Result<(), StoreError> {
    // What was done before this start stands before it.
    deeds::take_in(records, &settings.data_dir)
        .await
        .or_else(deeds::NotTakenIn::of_the_trail)?;
    let reading = clock.reading();
    let names: Vec<_> = quarantined
        .iter()
        .filter_map(|path| path.file_name()?.to_str())
        .collect();
    let entry = |category, subject: Option<&str>, detail: serde_json::Value| AuditEntry {
        at: reading.now,
        source: AuditSource::Station,
        category,
        identity: STATION.to_owned(),
        subject: subject.map(str::to_owned),
        result: AuditResult::Done,
        detail: detail.to_string(),
    };
    let detail = serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "boot_id": reading.boot_id,
        "monotonic_ms": reading.monotonic_ms,
        "quarantined": names,
    });
    records
        .note(&entry(AuditCategory::Start, None, detail))
        .await?;

    // Settings are changed in a file, by whatever editor: the change is seen at the next start.
    let file = match std::fs::read(settings.data_dir.join(FILE_NAME)) {
        Ok(bytes) => Sha256::of(&bytes).to_string(),
        Err(_) => "none".to_owned(),
    };
    let detail = serde_json::json!({ "sha256": file });
    let told = detail.to_string();
    let last = records
        .reader()
        .last_of(AuditCategory::Setting, FILE_NAME)
        .await?;
    if last.is_none_or(|last| last.entry.detail != told) {
        records
            .note(&entry(AuditCategory::Setting, Some(FILE_NAME), detail))
            .await?;
    }
    Ok(())
}

/// What the trail notes of the clock that nobody has confirmed to have seen.
pub async fn unseen_clock_trouble(
    records: &RecordsReader,
) -> Result<Option<ClockTrouble>, StoreError> {
    let last = async |subject| records.last_of(AuditCategory::Clock, subject).await;
    let Some(trouble) = last(wiko_pipeline::clock_watch::SUBJECT).await? else {
        return Ok(None);
    };
    let seen = last(CLOCK_SEEN).await?;
    let is_seen = seen.is_some_and(|seen| seen.number > trouble.number);
    Ok((!is_seen)
        .then(|| ClockTrouble::of_note(&trouble.entry.detail))
        .flatten())
}

/// Whether the station's key was found, or cannot be.
#[derive(Debug, Clone)]
pub struct Signing(watch::Receiver<bool>);

impl Signing {
    /// Waits a moment, so that what a command decides is signed.
    pub async fn settled(&self) {
        let mut settled = self.0.clone();
        let _ = tokio::time::timeout(COMMAND_WAITS, settled.wait_for(|settled| *settled)).await;
    }
}

/// Finds the station's key, or makes it, and has the trail signed with it; asks again until the keyring
/// answers.
pub fn sign(
    records: Arc<SqliteRecords>,
    secrets: Arc<dyn Secrets>,
    clock: Arc<dyn Clock>,
) -> Signing {
    let (settled, signing) = watch::channel(false);
    tokio::spawn(async move {
        find_key(&records, &*secrets, &*clock).await;
        settled.send_replace(true);
    });
    Signing(signing)
}

/// The key in the keyring. One is made only where no row was ever signed: a keyring that is locked may say
/// that it has none, and the key in it would be lost.
async fn key(
    records: &SqliteRecords,
    secrets: &dyn Secrets,
) -> Result<Option<StationKey>, SecretsError> {
    if let Some(key) = StationKey::find(secrets).await? {
        return Ok(Some(key));
    }
    match records.has_signing_key().await {
        Ok(false) => StationKey::make(secrets).await.map(Some),
        Ok(true) => Ok(None),
        Err(error) => {
            tracing::warn!(%error, "whether the trail was signed before is not known");
            Ok(None)
        }
    }
}

async fn find_key(records: &SqliteRecords, secrets: &dyn Secrets, clock: &dyn Clock) {
    // Without a keyring a key would end with the window: rows go unsigned, and doctor says so.
    if secrets.backing() == Backing::Memory {
        return;
    }
    loop {
        match key(records, secrets).await {
            Ok(None) => tracing::warn!(
                "the audit trail is not signed yet: its key is not in this keyring. Unlock the keyring, or \
                 on a new machine: wiko-station credentials make-signing-key"
            ),
            Ok(Some(key)) => match records.sign_with(Arc::new(key), clock.now()).await {
                Ok(()) => return,
                Err(error) => tracing::warn!(%error, "the signing key is not noted yet"),
            },
            Err(SecretsError::ReadOnly | SecretsError::Garbled { .. }) => {
                tracing::warn!("the audit trail is not signed: there is no usable signing key");
                return;
            }
            Err(error) => tracing::warn!(%error, "the audit trail is not signed yet"),
        }
        tokio::time::sleep(ASK_AGAIN_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wiko_core::{ports::Signer, time::UnixMillis};
    use wiko_secrets::MemorySecrets;
    use wiko_store::StoreOptions;

    #[tokio::test]
    async fn a_keyring_that_says_it_has_no_key_gets_none_where_the_trail_was_signed_before() {
        let dir = tempfile::tempdir().unwrap();
        let opened = SqliteRecords::open(dir.path(), StoreOptions::default()).await;
        let records = opened.unwrap().records;
        let unlocked = MemorySecrets::default();
        let first = key(&records, &unlocked).await.unwrap().unwrap();
        let public_key = first.public_key();
        let now = UnixMillis(1_772_352_000_000);
        records.sign_with(Arc::new(first), now).await.unwrap();

        let locked = MemorySecrets::default();
        assert!(key(&records, &locked).await.unwrap().is_none());
        let name = wiko_core::ports::SecretName::StationSigningKey;
        assert!(locked.get(name).await.unwrap().is_none(), "nothing is made");
        let again = key(&records, &unlocked).await.unwrap().unwrap();
        assert_eq!(again.public_key(), public_key);
    }

    #[tokio::test]
    async fn trouble_with_the_clock_is_taken_up_again_until_somebody_has_seen_it() {
        let dir = tempfile::tempdir().unwrap();
        let opened = SqliteRecords::open(dir.path(), StoreOptions::default()).await;
        let records = opened.unwrap().records;
        let now = UnixMillis(1_772_352_000_000);
        let trouble = ClockTrouble::AheadOfRecords { now, last: now };
        let unseen = async || unseen_clock_trouble(records.reader()).await.unwrap();
        assert_eq!(unseen().await, None);
        let notes = [
            (
                wiko_pipeline::clock_watch::SUBJECT,
                trouble.noted(),
                Some(trouble),
            ),
            (CLOCK_SEEN, format!("seen: {trouble}"), None),
            (
                wiko_pipeline::clock_watch::SUBJECT,
                trouble.noted(),
                Some(trouble),
            ),
        ];
        for (subject, detail, expected) in notes {
            let entry = AuditEntry {
                at: now,
                source: AuditSource::Station,
                category: AuditCategory::Clock,
                identity: STATION.to_owned(),
                subject: Some(subject.to_owned()),
                result: AuditResult::Done,
                detail,
            };
            records.note(&entry).await.unwrap();
            assert_eq!(unseen().await, expected, "{subject}");
        }
    }
}
