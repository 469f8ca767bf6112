//! What every AWS client of the station shares: HTTP client, credentials, error classes.
//!
//! Invariants:
//! - Nothing is read from the machine's AWS profile files or its metadata service: what a station does
//!   is in its own settings. Of the environment only the proxy variables count.
//! - Every request ends: connecting, each attempt and the whole operation have a timeout.
//! - Credentials are fetched anew for every request, so that new ones hold at once, and carry an expiry
//!   for whoever keeps them.
//! - A reason that [`classify`] gives never holds a secret, and says what to do.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod access_key;
mod classify;
mod credentials;
mod http;
mod settings;

pub use access_key::{AwsAccessKey, NotAnAccessKey};
pub use aws_types::SdkConfig;
pub use classify::classify;
pub use credentials::{CredentialsTrouble, SecretsCredentials};
pub use http::BadCaBundle;
pub use settings::{Aws, AwsSettings, ServiceSettings};
