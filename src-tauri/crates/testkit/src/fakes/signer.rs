//! Fake of the signer port: a keyed hash in place of Ed25519.

use wiko_core::{
    audit::{PublicKey, Signature},
    image::Sha256,
    ports::Signer,
};

/// Signs with what everybody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FakeSigner(pub u8);

impl Signer for FakeSigner {
    fn public_key(&self) -> PublicKey {
        PublicKey([self.0; 32])
    }

    fn sign(&self, message: &[u8]) -> Signature {
        signature(&self.public_key(), message)
    }
}

/// Checks what a [`FakeSigner`] signed.
pub fn check_fake_signature(key: &PublicKey, message: &[u8], given: &Signature) -> bool {
    signature(key, message) == *given
}

fn signature(key: &PublicKey, message: &[u8]) -> Signature {
    let hash = Sha256::of(&[&key.0, message].concat());
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(hash.bytes());
    bytes[32..].copy_from_slice(hash.bytes());
    Signature(bytes)
}
