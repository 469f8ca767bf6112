use serde::Serialize;
use specta::Type;
use specta_typescript::Number;
use wiko_core::{
    containment::{ContainedPart, ContainedParts},
    defect::{DefectType, Severity},
    disposition::Disposition,
    stage::Stage,
};

/// A part that was not found good after it had moved on, and that nobody has seen to.
#[derive(Debug, Clone, Serialize, Type)]
pub struct ContainedPartDto {
    /// The part.
    pub id: String,
    /// Its number.
    #[specta(type = Number)]
    pub sequence: f64,
    /// When it was looked at.
    #[specta(type = Number)]
    pub captured_at: f64,
    /// When its verdict came.
    #[specta(type = Number)]
    pub decided_at: f64,
    /// What became of it by now.
    pub disposition: Disposition,
    /// Which product.
    pub product_sku: String,
    /// At which stage.
    pub stage: Stage,
    /// The lot, where given.
    pub lot: Option<String>,
    /// The serial number, where scanned.
    pub serial: Option<String>,
    /// Code of the shift.
    pub shift: String,
    /// What the worst finding is.
    pub worst_defect_type: Option<DefectType>,
    /// How bad it is.
    pub worst_severity: Option<Severity>,
}

impl From<&ContainedPart> for ContainedPartDto {
    fn from(part: &ContainedPart) -> Self {
        Self {
            id: part.id.to_string(),
            sequence: part.sequence as f64,
            captured_at: part.captured_at.0 as f64,
            decided_at: part.decided_at.0 as f64,
            disposition: part.disposition,
            product_sku: part.product_sku.to_string(),
            stage: part.stage,
            lot: part.lot.clone(),
            serial: part.serial.clone(),
            shift: part.shift.clone(),
            worst_defect_type: part.worst.map(|(kind, _)| kind),
            worst_severity: part.worst.map(|(_, severity)| severity),
        }
    }
}

/// The parts that were not found good after they had moved on.
#[derive(Debug, Clone, Serialize, Type)]
pub struct ContainedPartsDto {
    /// The first of them, the oldest before the others.
    pub parts: Vec<ContainedPartDto>,
    /// How many there are in all.
    #[specta(type = Number)]
    pub open: f64,
}

impl From<&ContainedParts> for ContainedPartsDto {
    fn from(list: &ContainedParts) -> Self {
        Self {
            parts: list.parts.iter().map(ContainedPartDto::from).collect(),
            open: list.open as f64,
        }
    }
}
