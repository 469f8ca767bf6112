//! What the domain needs of the world. Each port has one contract suite in the testkit, which its
//! fake and its real adapters pass alike.

mod analyzer;
mod camera;
mod clock;
mod records;
mod secrets;
mod signer;
mod uploader;

pub use analyzer::{AnalysisError, AnalysisRequest, Analyzer, Language};
pub use camera::{Camera, CameraDiscovery, CameraError, LostCause};
pub use clock::{Clock, Entropy};
pub use records::{Records, ReserveTouched, StoreError};
pub use secrets::{Backing, SecretName, Secrets, SecretsError};
pub use signer::Signer;
pub use uploader::{UploadReceipt, Uploader};

use crate::{queue::Obstacle, service::Service};
use std::time::Duration;

/// A service did not do what was asked; nothing is known of the part that was not known before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Hindered {
    /// Whose trouble it is: all that is sent there meets the same, so its circuit counts it. None where it
    /// is the part's own or the station's, which says nothing of what is sent next.
    pub service: Option<Service>,
    /// What stands in the way, and so what is done next.
    pub obstacle: Obstacle,
    /// In words, with what to do. Never holds a secret.
    pub reason: String,
    /// What the service asked to wait.
    pub retry_after: Option<Duration>,
}
