//! Credentials in the keyring of the operating system, and nowhere on disk in plain text.
//!
//! Invariants:
//! - No call waits longer than its timeout, whatever the keyring does: an unlock window that nobody
//!   answers hangs the service for ever. At most one thread is lost to such a call.
//! - A keyring that was away may come back: a broken connection is dropped and made anew by the next call.
//! - No error holds a secret; what the keyring says of the bytes it stores is left out.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod environment;
mod keyring;
mod memory;
mod station_key;

pub use self::keyring::{KeyringSecrets, LIMIT_BYTES};
pub use environment::EnvironmentSecrets;
pub use memory::MemorySecrets;
pub use station_key::{StationKey, check_signature};
