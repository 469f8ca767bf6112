//! The places of the company.

use crate::coded;

/// A facility; part of the key of every image in the cloud.
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
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "specta", derive(specta::Type))]
pub enum Facility {
    /// Production, over a million units a month.
    Yangjiang,
    /// Research and development.
    Shenzhen,
    /// Head office.
    Hongkong,
}
coded!(Facility, "facility");
