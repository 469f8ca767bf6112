//! Defects: their types, severities, regions, and what to do about them.

use crate::{coded, stage::Stage};

/// What is wrong with a part.
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
pub enum DefectType {
    /// Rust, the sign of a quench gone wrong.
    RustSpot,
    /// A scratch on the blade.
    BladeScratch,
    /// An uneven cutting edge.
    EdgeIrregularity,
    /// A piece missing from the blade.
    BladeChip,
    /// A crack in the handle.
    HandleCrack,
    /// Discoloured handle.
    HandleDiscoloration,
    /// A fault in the weld of the bolster.
    WeldDefect,
    /// Uneven or missing polish.
    PolishDefect,
    /// Out of its dimensions.
    DimensionalError,
    /// Parts assembled out of line.
    AssemblyMisalignment,
    /// Dirt, oil, residue.
    SurfaceContamination,
    /// Discolouring or distortion from the heat treatment.
    HeatTreatmentDefect,
    /// A defect of no known type.
    Unknown,
}
coded!(DefectType, "defect type");

impl DefectType {
    /// The least severity that a defect of this type can have. Rust and chips are a matter of
    /// safety, whatever their size.
    pub fn least_severity(self) -> Severity {
        match self {
            Self::RustSpot | Self::BladeChip => Severity::Critical,
            Self::WeldDefect => Severity::Major,
            _ => Severity::Cosmetic,
        }
    }

    /// The stages that usually cause it, the likeliest first; empty where there is no usual one.
    pub fn usual_stages(self) -> &'static [Stage] {
        match self {
            Self::RustSpot => &[Stage::VacuumQuench],
            Self::EdgeIrregularity => &[Stage::TaperGrinding, Stage::CuttingEdgeHoning],
            Self::BladeScratch => &[Stage::BladeGlazing, Stage::HandlePolishing],
            Self::HandleCrack => &[Stage::HandleInjection],
            Self::WeldDefect => &[Stage::BolsterWelding],
            Self::PolishDefect => &[Stage::BackEdgePolishing, Stage::BladeGlazing],
            Self::DimensionalError | Self::BladeChip => &[Stage::BladeStamp],
            Self::AssemblyMisalignment => &[Stage::RivetAssembly],
            Self::HandleDiscoloration => &[Stage::HandleInjection, Stage::HandlePolishing],
            Self::HeatTreatmentDefect => &[Stage::HeatTreatment],
            Self::SurfaceContamination => &[Stage::LogoPrint],
            Self::Unknown => &[],
        }
    }
}

/// How bad it is. Ordered: a greater one is worse.
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
pub enum Severity {
    /// Log only.
    Cosmetic,
    /// Ships at a discount.
    Minor,
    /// Cannot ship.
    Major,
    /// Safety or process failure: reject, stop the line.
    Critical,
}
coded!(Severity, "severity");

impl Severity {
    /// What to do where nobody says otherwise.
    pub fn usual_action(self) -> RecommendedAction {
        match self {
            Self::Critical | Self::Major => RecommendedAction::Reject,
            Self::Minor => RecommendedAction::AcceptWithDiscount,
            Self::Cosmetic => RecommendedAction::Accept,
        }
    }
}

/// Where on the product a finding lies.
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
pub enum Region {
    /// The cutting edge.
    BladeEdge,
    /// The flat of the blade.
    BladeSurface,
    /// The back of the blade.
    BladeSpine,
    /// The left scale of the handle.
    HandleLeft,
    /// The right scale of the handle.
    HandleRight,
    /// The bolster.
    Bolster,
    /// The tip.
    Tip,
    /// All of it, or not to be told.
    FullProduct,
}
coded!(Region, "region");

/// What to do with the part. Ordered: a greater one is stricter.
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
pub enum RecommendedAction {
    /// Ship it.
    Accept,
    /// Ship it at a discount.
    AcceptWithDiscount,
    /// Send it back to the stage.
    Rework,
    /// Let a supervisor decide.
    EscalateToSupervisor,
    /// Scrap it.
    Reject,
}
coded!(RecommendedAction, "recommended action");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_and_chips_are_critical_and_nothing_ranks_above_critical() {
        assert_eq!(DefectType::RustSpot.least_severity(), Severity::Critical);
        assert_eq!(DefectType::BladeChip.least_severity(), Severity::Critical);
        assert_eq!(Severity::ALL.iter().max(), Some(&Severity::Critical));
    }

    #[test]
    fn every_known_type_names_a_usual_stage() {
        for defect in DefectType::ALL
            .iter()
            .filter(|defect| **defect != DefectType::Unknown)
        {
            assert!(!defect.usual_stages().is_empty(), "{defect}");
        }
    }
}
