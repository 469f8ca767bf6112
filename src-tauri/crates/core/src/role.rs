//! Who may do what. A command names the least role it needs; the app checks it in one place.

use crate::coded;

/// What a signed-in person may do. The order is the rank: each role may do all that those before it may.
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
pub enum Role {
    /// Inspects parts and confirms or overrides verdicts.
    Operator,
    /// Reviews the shift, clears faults, exports.
    Supervisor,
    /// Sets up cameras and the cloud.
    FieldTech,
    /// Everything; the demo profile runs as this until people can sign in.
    Admin,
}
coded!(Role, "role");

impl Role {
    /// True where this role may do what needs `needed`.
    pub fn may(self, needed: Role) -> bool {
        self >= needed
    }
}
