//! The twelve manufacturing stages, in the order a knife goes through them, and the two places
//! beyond them where a part is looked at.

/// Where in the making of a knife the camera looks.
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
pub enum Stage {
    /// 1: the blade is stamped from sheet.
    BladeStamp,
    /// 2: the bolster is welded on.
    BolsterWelding,
    /// 3: the spine is polished.
    BackEdgePolishing,
    /// 4: the blade is ground to its taper.
    TaperGrinding,
    /// 5: hardening.
    HeatTreatment,
    /// 6: quench in vacuum, 1000 to 600 °C in two minutes.
    VacuumQuench,
    /// 7: the handle is injected.
    HandleInjection,
    /// 8: rivets are set.
    RivetAssembly,
    /// 9: the handle is polished.
    HandlePolishing,
    /// 10: the blade is glazed.
    BladeGlazing,
    /// 11: the cutting edge is honed.
    CuttingEdgeHoning,
    /// 12: the logo is printed.
    LogoPrint,
    /// A look at the finished product.
    Inspection,
    /// A look at the packed product.
    Packaging,
}
coded!(Stage, "stage");

use crate::coded;

impl Stage {
    /// 1 to 12 for the manufacturing stages, nothing for the places beyond them.
    pub fn number(self) -> Option<u8> {
        let number = self as u8 + 1;
        (number <= 12).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_stages_are_numbered_in_order_and_the_places_beyond_are_not() {
        let numbers: Vec<_> = Stage::ALL
            .iter()
            .filter_map(|stage| stage.number())
            .collect();
        assert_eq!(numbers, (1..=12).collect::<Vec<u8>>());
        assert_eq!(Stage::LogoPrint.number(), Some(12));
        assert_eq!(Stage::Inspection.number(), None);
    }

    #[test]
    fn a_stage_reads_back_from_its_code_and_an_unknown_one_lists_the_known() {
        for stage in Stage::ALL {
            assert_eq!(stage.code().parse(), Ok(*stage));
        }
        let error = "blade_stmp".parse::<Stage>().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("unknown stage \"blade_stmp\"; known: blade_stamp, ")
        );
    }
}
