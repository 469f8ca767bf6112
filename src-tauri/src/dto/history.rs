use serde::{Deserialize, Serialize};
use specta::Type;
use specta_typescript::Number;
use wiko_core::{
    defect::{DefectType, Severity},
    disposition::Disposition,
    history::{HistoryPage, HistoryRow},
    inspection::OperatorCall,
    stage::Stage,
    verdict::VerdictCode,
};

/// Which inspections to list, and from where. Each given field narrows.
#[derive(Debug, Clone, Default, Deserialize, Type)]
pub struct HistoryQueryDto {
    /// Captured at or after, epoch milliseconds.
    #[specta(type = Option<Number>)]
    pub from: Option<f64>,
    /// Captured before, epoch milliseconds.
    #[specta(type = Option<Number>)]
    pub to: Option<f64>,
    /// At this stage.
    pub stage: Option<Stage>,
    /// Of this product.
    pub product_sku: Option<String>,
    /// Of which this became, by the machine's verdict and what people said.
    pub disposition: Option<Disposition>,
    /// Whose worst finding has this severity.
    pub severity: Option<Severity>,
    /// In whose texts, lot or serial these words stand.
    pub text: Option<String>,
    /// `next` of the page before; none for the first.
    #[specta(type = Option<Number>)]
    pub after: Option<f64>,
    /// At most so many rows, 1 to 200.
    pub limit: u32,
}

/// A line of the history.
#[derive(Debug, Clone, Serialize, Type)]
pub struct HistoryRowDto {
    /// The part.
    pub id: String,
    /// Order of capture.
    #[specta(type = Number)]
    pub sequence: f64,
    /// When captured.
    #[specta(type = Number)]
    pub captured_at: f64,
    /// At which stage.
    pub stage: Stage,
    /// Which product.
    pub product_sku: String,
    /// The lot, where given.
    pub lot: Option<String>,
    /// The machine's verdict; a person's call stands beside it.
    pub verdict: VerdictCode,
    /// The worst finding's severity.
    pub severity: Option<Severity>,
    /// The worst finding's type.
    pub defect_type: Option<DefectType>,
    /// How many findings.
    pub findings: u32,
    /// A person's last call.
    pub operator_call: Option<OperatorCall>,
    /// True once the cloud has it.
    pub uploaded: bool,
}

impl From<&HistoryRow> for HistoryRowDto {
    fn from(row: &HistoryRow) -> Self {
        Self {
            id: row.id.to_string(),
            sequence: row.sequence as f64,
            captured_at: row.captured_at.0 as f64,
            stage: row.stage,
            product_sku: row.product_sku.to_string(),
            lot: row.lot.clone(),
            verdict: row.verdict,
            severity: row.severity,
            defect_type: row.defect_type,
            findings: row.findings,
            operator_call: row.operator_call,
            uploaded: row.uploaded,
        }
    }
}

/// A page of the history.
#[derive(Debug, Clone, Serialize, Type)]
pub struct HistoryPageDto {
    /// Newest first; a page that is not the last may hold fewer rows than asked for, even none.
    pub rows: Vec<HistoryRowDto>,
    /// Where the next page begins; none on the last.
    #[specta(type = Option<Number>)]
    pub next: Option<f64>,
}

impl From<&HistoryPage> for HistoryPageDto {
    fn from(page: &HistoryPage) -> Self {
        Self {
            rows: page.rows.iter().map(HistoryRowDto::from).collect(),
            next: page.next.map(|cursor| cursor.0 as f64),
        }
    }
}
