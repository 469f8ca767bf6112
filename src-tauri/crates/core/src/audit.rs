//! The audit trail: what was decided, overridden, set, deleted and repaired, and by whom.
//!
//! Invariants:
//! - Rows are numbered without a gap, and each row's hash covers the row before it: a row that was changed,
//!   removed or put in between shows in every hash after it.
//! - What is hashed is the row in one canonical form, [`AuditEntry::canonical`]. The form has a version in
//!   it and never changes once released.
//! - Identities are opaque operator ids. Details hold no secret and no name.
//!
//! The fields are those of IEC 62443-4-2 CR 2.8: time, source, category, identity, event, result.

use crate::{coded, image::Sha256, time::UnixMillis};

/// What the hash of the first row covers in place of a row before it.
pub const GENESIS: [u8; 32] = [0; 32];

/// Opens the canonical form.
const FORM: &[u8] = b"wiko-audit-1";

/// What an event was done through.
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
pub enum AuditSource {
    /// The station by itself.
    Station,
    /// A person at the window.
    Window,
    /// A person or a script at the command line.
    CommandLine,
}
coded!(AuditSource, "source");

/// What kind of event it was.
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
pub enum AuditCategory {
    /// An analyzer's verdict on a part.
    Decision,
    /// A person's word on a part.
    OperatorDecision,
    /// A setting was changed.
    Setting,
    /// Somebody signed in or out.
    SignIn,
    /// Something was deleted, such as the picture of a part that is verified in the cloud.
    Deletion,
    /// The disk failed, was full, or was cleared by a person.
    Storage,
    /// The clock jumped.
    Clock,
    /// A backup was made.
    Backup,
    /// The records come from a backup.
    Restore,
    /// Credentials were set or cleared.
    Credentials,
    /// Somebody freed parked work.
    Queue,
    /// A part moved on unseen, or somebody has seen to one that was not found good after it had moved on.
    Containment,
    /// The station was started.
    Start,
    /// The key that rows are signed with from here on.
    SigningKey,
}
coded!(AuditCategory, "audit category");

/// How an event ended.
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
pub enum AuditResult {
    /// It was done.
    Done,
    /// It was refused: no right to it, or not possible so.
    Refused,
    /// It was tried and failed.
    Failed,
}
coded!(AuditResult, "result");

/// An event, before it has its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When, by the station's clock.
    pub at: UnixMillis,
    /// Through what.
    pub source: AuditSource,
    /// What kind.
    pub category: AuditCategory,
    /// Who: opaque id of the operator, or `station`.
    pub identity: String,
    /// On what: a part's id, a setting's key, a file.
    pub subject: Option<String>,
    /// How it ended.
    pub result: AuditResult,
    /// What exactly: a JSON object or a sentence. Never holds a secret.
    pub detail: String,
}

/// The identity of what the station does by itself.
pub const STATION: &str = "station";

impl AuditEntry {
    /// The bytes that are hashed for row `number` after the row with hash `previous`.
    ///
    /// Texts are written with their length before them, so that no two different rows give the same bytes.
    pub fn canonical(&self, number: i64, previous: &Sha256) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(192 + self.detail.len());
        bytes.extend_from_slice(FORM);
        bytes.extend_from_slice(previous.bytes());
        bytes.extend_from_slice(&number.to_be_bytes());
        bytes.extend_from_slice(&self.at.0.to_be_bytes());
        let present = if self.subject.is_some() { "1" } else { "0" };
        for text in [
            self.source.code(),
            self.category.code(),
            &self.identity,
            present,
            self.subject.as_deref().unwrap_or_default(),
            self.result.code(),
            &self.detail,
        ] {
            bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    /// The hash of row `number` after the row with hash `previous`.
    pub fn hash(&self, number: i64, previous: &Sha256) -> Sha256 {
        Sha256::of(&self.canonical(number, previous))
    }
}

/// A row of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Counts up from 1 without a gap.
    pub number: i64,
    /// The event.
    pub entry: AuditEntry,
    /// The hash of the row before it; [`GENESIS`] for the first.
    pub previous: Sha256,
    /// The row's own.
    pub hash: Sha256,
    /// The station's signature, where its key was at hand.
    pub signature: Option<RowSignature>,
}

/// A signature of a row's hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowSignature {
    /// Whose.
    pub key: PublicKey,
    /// Ed25519 over the 32 bytes of the hash.
    pub signature: Signature,
}

/// An Ed25519 public key (RFC 8032).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(pub [u8; 32]);

/// An Ed25519 signature (RFC 8032).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

/// The text is not the hexadecimal digits of such a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the hexadecimal digits of a {0}")]
pub struct NotHex(&'static str);

macro_rules! hexadecimal {
    ($type:ty, $name:literal, $length:literal) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($name, "({})"), self)
            }
        }

        impl std::str::FromStr for $type {
            type Err = NotHex;

            fn from_str(given: &str) -> Result<Self, NotHex> {
                let mut bytes = [0; $length];
                hex::decode_to_slice(given, &mut bytes).map_err(|_| NotHex($name))?;
                Ok(Self(bytes))
            }
        }
    };
}
hexadecimal!(PublicKey, "PublicKey", 32);
hexadecimal!(Signature, "Signature", 64);

/// What in the trail, or in a record it speaks of, is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenRow {
    /// The row.
    pub number: i64,
    /// In words.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> AuditEntry {
        AuditEntry {
            at: UnixMillis(1_772_352_000_000),
            source: AuditSource::Window,
            category: AuditCategory::OperatorDecision,
            identity: "op-7".into(),
            subject: Some("part".into()),
            result: AuditResult::Done,
            detail: "{}".into(),
        }
    }

    #[test]
    fn the_canonical_form_is_the_one_that_was_released() {
        let first = entry().hash(1, &Sha256::from(GENESIS));
        assert_eq!(
            first.to_string(),
            "4424771a1277ae2e7db8e32fa046ed2d3bc465f2fd5d90d83192683cd3b9315d"
        );
    }

    #[test]
    fn every_field_and_the_row_before_change_the_hash() {
        let genesis = Sha256::from(GENESIS);
        let hash = entry().hash(1, &genesis);
        assert_ne!(entry().hash(2, &genesis), hash);
        assert_ne!(entry().hash(1, &hash), hash);
        let changes: [fn(&mut AuditEntry); 7] = [
            |entry| entry.at.0 += 1,
            |entry| entry.source = AuditSource::Station,
            |entry| entry.category = AuditCategory::Decision,
            |entry| entry.identity.push('x'),
            |entry| entry.subject = None,
            |entry| entry.result = AuditResult::Refused,
            |entry| entry.detail.push(' '),
        ];
        for change in changes {
            let mut changed = entry();
            change(&mut changed);
            assert_ne!(changed.hash(1, &genesis), hash, "{changed:?}");
        }
    }

    #[test]
    fn letters_moved_from_one_field_to_the_next_change_the_hash() {
        let genesis = Sha256::from(GENESIS);
        let split = |identity: &str, subject: &str| AuditEntry {
            identity: identity.into(),
            subject: Some(subject.into()),
            ..entry()
        };
        assert_ne!(
            split("ab", "c").hash(1, &genesis),
            split("a", "bc").hash(1, &genesis)
        );
        let none = AuditEntry {
            subject: None,
            ..entry()
        };
        assert_ne!(none.hash(1, &genesis), split("op-7", "").hash(1, &genesis));
    }
}
