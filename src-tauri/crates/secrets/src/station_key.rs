//! The key that this station signs its records with.
//!
//! Invariants:
//! - The key is made here and never leaves the keyring and this process; nobody enters or reads it.
//! - A keyring that does not answer gives no key: rows go unsigned until it does, and nothing waits for it.

use ring::{
    rand::{SecureRandom, SystemRandom},
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use secrecy::{ExposeSecret, SecretString};
use wiko_core::{
    audit::{PublicKey, Signature},
    ports::{SecretName, Secrets, SecretsError, Signer},
};
use zeroize::Zeroizing;

/// An Ed25519 key (RFC 8032), kept as the 64 hexadecimal digits of its seed.
pub struct StationKey {
    pair: Ed25519KeyPair,
    public_key: PublicKey,
}

impl StationKey {
    /// The key in the keyring. None is no proof that there is none: a keyring that has never been unlocked
    /// says the same.
    pub async fn find(secrets: &dyn Secrets) -> Result<Option<Self>, SecretsError> {
        let kept = secrets.get(SecretName::StationSigningKey).await?;
        kept.as_ref().map(Self::of).transpose()
    }

    /// Makes a key, keeps it in the keyring and reads it back: a key that the keyring did not keep would sign
    /// what nobody can tell from a forgery later. A key that is found there first is the one.
    pub async fn make(secrets: &dyn Secrets) -> Result<Self, SecretsError> {
        let name = SecretName::StationSigningKey;
        if let Some(found) = Self::find(secrets).await? {
            return Ok(found);
        }
        secrets.set(name, new_seed()?).await?;
        match secrets.get(name).await? {
            Some(kept) => Self::of(&kept),
            None => Err(SecretsError::Failed {
                reason: "it did not keep the station's signing key".to_owned(),
            }),
        }
    }

    /// The key that a secret holds.
    pub fn of(secret: &SecretString) -> Result<Self, SecretsError> {
        let garbled = SecretsError::Garbled {
            name: SecretName::StationSigningKey,
        };
        let mut seed = Zeroizing::new([0; 32]);
        hex::decode_to_slice(secret.expose_secret().trim(), &mut *seed)
            .map_err(|_| garbled.clone())?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| garbled.clone())?;
        let public_key = pair.public_key().as_ref().try_into().map_err(|_| garbled)?;
        Ok(Self {
            pair,
            public_key: PublicKey(public_key),
        })
    }
}

impl std::fmt::Debug for StationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StationKey({})", self.public_key)
    }
}

impl Signer for StationKey {
    fn public_key(&self) -> PublicKey {
        self.public_key
    }

    fn sign(&self, message: &[u8]) -> Signature {
        let mut bytes = [0; 64];
        // Ed25519 signatures have 64 bytes, always.
        bytes.copy_from_slice(self.pair.sign(message).as_ref());
        Signature(bytes)
    }
}

/// True where `signature` was made of `message` with the secret half of `key`.
pub fn check_signature(key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
    UnparsedPublicKey::new(&ED25519, key.0)
        .verify(message, &signature.0)
        .is_ok()
}

fn new_seed() -> Result<SecretString, SecretsError> {
    let mut seed = Zeroizing::new([0; 32]);
    SystemRandom::new()
        .fill(&mut *seed)
        .map_err(|_| SecretsError::Failed {
            reason: "the system gives no random numbers for a signing key".to_owned(),
        })?;
    Ok(SecretString::from(hex::encode(*seed)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemorySecrets;

    #[tokio::test]
    async fn the_key_is_made_once_and_found_again_and_signs_what_it_alone_can() {
        let secrets = MemorySecrets::default();
        let made = StationKey::make(&secrets).await.unwrap();
        let found = StationKey::make(&secrets).await.unwrap();
        assert_eq!(made.public_key(), found.public_key());
        let signature = made.sign(b"row");
        assert!(check_signature(&found.public_key(), b"row", &signature));
        assert!(!check_signature(
            &found.public_key(),
            b"another",
            &signature
        ));
        let other = StationKey::make(&MemorySecrets::default()).await;
        assert!(!check_signature(
            &other.unwrap().public_key(),
            b"row",
            &signature
        ));
    }

    #[tokio::test]
    async fn the_signature_is_that_of_the_published_test_vector() {
        // RFC 8032, section 7.1, test 2.
        let secrets = MemorySecrets::default();
        let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        let name = SecretName::StationSigningKey;
        secrets.set(name, seed.to_owned().into()).await.unwrap();
        let key = StationKey::make(&secrets).await.unwrap();
        assert_eq!(
            key.public_key().to_string(),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        );
        assert_eq!(
            key.sign(&[0x72]).to_string(),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
    }

    #[tokio::test]
    async fn a_garbled_key_is_told_and_never_replaced() {
        let secrets = MemorySecrets::default();
        let name = SecretName::StationSigningKey;
        secrets
            .set(name, "not a key".to_owned().into())
            .await
            .unwrap();
        let refused = StationKey::make(&secrets).await.unwrap_err();
        assert_eq!(refused, SecretsError::Garbled { name });
        let kept = secrets.get(name).await.unwrap().unwrap();
        assert_eq!(kept.expose_secret(), "not a key");
    }
}
