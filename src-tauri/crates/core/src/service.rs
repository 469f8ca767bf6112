//! The services that a station depends on. Each has its own circuit, because each fails by itself.

use crate::coded;

/// A service outside of the station.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum Service {
    /// Amazon Bedrock, where Claude answers.
    Bedrock,
    /// Azure OpenAI, which is asked where Claude cannot be reached.
    Azure,
    /// Amazon S3, where pictures go.
    S3,
    /// Amazon DynamoDB, where records go.
    Dynamodb,
}
coded!(Service, "service");
