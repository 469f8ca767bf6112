//! Whether the cloud answers, as the last words with it tell.

use wiko_core::ports::Hindered;

/// How the last word with the cloud ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloudLink {
    /// This station has no cloud.
    NotConfigured,
    /// It was not asked yet.
    Unknown,
    /// It answered.
    Connected,
    /// It did not, or refused.
    Hindered(Hindered),
}
