use serde::Serialize;
use specta::Type;
use specta_typescript::Number;
use wiko_core::audit::{AuditCategory, AuditResult, AuditRow, AuditSource};

/// A row of the audit trail.
#[derive(Debug, Clone, PartialEq, Serialize, Type)]
pub struct AuditRowDto {
    /// Counts up without a gap.
    #[specta(type = Number)]
    pub number: f64,
    /// When, epoch milliseconds.
    #[specta(type = Number)]
    pub at: f64,
    /// Through what.
    pub source: AuditSource,
    /// What kind of event.
    pub category: AuditCategory,
    /// Who: opaque id of the operator, or `station`.
    pub identity: String,
    /// On what.
    pub subject: Option<String>,
    /// How it ended.
    pub result: AuditResult,
    /// What exactly.
    pub detail: String,
    /// SHA-256 over this row and the one before.
    pub hash: String,
    /// The station's public key, where the row is signed.
    pub signed_by: Option<String>,
}

impl From<&AuditRow> for AuditRowDto {
    fn from(row: &AuditRow) -> Self {
        let entry = &row.entry;
        Self {
            number: row.number as f64,
            at: entry.at.0 as f64,
            source: entry.source,
            category: entry.category,
            identity: entry.identity.clone(),
            subject: entry.subject.clone(),
            result: entry.result,
            detail: entry.detail.clone(),
            hash: row.hash.to_string(),
            signed_by: row.signature.as_ref().map(|signed| signed.key.to_string()),
        }
    }
}
