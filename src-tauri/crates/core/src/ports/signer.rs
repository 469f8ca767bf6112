use crate::audit::{PublicKey, Signature};

/// Signs with the station's key, which it alone has.
pub trait Signer: Send + Sync + std::fmt::Debug {
    /// The key that a signature is checked with.
    fn public_key(&self) -> PublicKey;

    /// Ed25519 over `message`.
    fn sign(&self, message: &[u8]) -> Signature;
}
