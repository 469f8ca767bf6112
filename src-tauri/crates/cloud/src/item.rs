//! The DynamoDB item of an inspection, in the form that the factory's cloud already reads, and what the
//! station adds to it.

use serde::{Deserialize, Serialize};
use wiko_core::{
    analysis::Finding,
    audit::{AuditCategory, AuditResult, AuditRow, AuditSource},
    camera::CaptureConditions,
    defect::{DefectType, RecommendedAction, Region, Severity},
    facility::Facility,
    geometry::{BoxProvenance, BoxPx},
    image::{ImageFormat, Sha256},
    inspection::{Inspection, OperatorCall, OperatorDecision},
    stage::Stage,
    summary::{Summary, summarize},
    verdict::VerdictCode,
};

/// One item. Field names are those in the table and never change.
#[derive(Debug, Serialize)]
pub(crate) struct Item {
    defect_id: String,
    /// Unix seconds of the capture: the sort key, so it must never change.
    timestamp: i64,
    facility: Facility,
    product_sku: String,
    image_url: String,
    analysis: Summary,
    created_at: String,

    revision: u32,
    image_sha256: Sha256,
    image_size_bytes: u64,
    image_width_px: u32,
    image_height_px: u32,
    image_format: ImageFormat,
    sequence: i64,
    station: String,
    stage: Stage,
    lot: Option<String>,
    serial: Option<String>,
    shift: String,
    operator: String,
    camera: String,
    /// Device, settings, trigger and quality of the picture; none for a picture of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    conditions: Option<CaptureConditions>,
    verdict: VerdictCode,
    verdict_detail: String,
    decided_at: String,
    severity: Option<Severity>,
    findings: Vec<FindingItem>,
    provider: Option<String>,
    model: Option<String>,
    prompt_sha256: Option<Sha256>,
    input_tokens: u64,
    output_tokens: u64,
    cache_read_tokens: u64,
    cost_micro_usd: u64,
    latency_ms: u64,
    operator_decisions: Vec<OperatorDecisionItem>,
    boot_id: String,
    monotonic_ms: u64,
    /// The head of the station's audit trail when this revision was written: whoever changes the station's
    /// records later cannot make them fit what lies here.
    audit: Option<AuditItem>,
}

/// A row of the audit trail with everything that its hash is made of.
#[derive(Debug, Serialize)]
struct AuditItem {
    number: i64,
    at: i64,
    source: AuditSource,
    category: AuditCategory,
    identity: String,
    subject: Option<String>,
    result: AuditResult,
    detail: String,
    previous_hash: Sha256,
    hash: Sha256,
    /// Ed25519 over the 32 bytes of the hash, in hexadecimal digits.
    signature: Option<String>,
    public_key: Option<String>,
}

#[derive(Debug, Serialize)]
struct FindingItem {
    r#type: DefectType,
    severity: Severity,
    confidence: f64,
    region: Region,
    /// In pixels of the original picture.
    r#box: BoxPx,
    box_provenance: BoxProvenance,
    description: String,
    action: RecommendedAction,
    size_mm: Option<f64>,
}

#[derive(Debug, Serialize)]
struct OperatorDecisionItem {
    call: OperatorCall,
    operator: String,
    reason: Option<String>,
    decided_at: String,
}

/// What of an item that lies in the table tells whether it is ours.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Mark {
    pub(crate) revision: u32,
    pub(crate) image_sha256: Sha256,
    verdict: VerdictCode,
    decided_at: String,
    operator_decisions: Vec<MarkedCall>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct MarkedCall {
    call: OperatorCall,
    operator: String,
    decided_at: String,
}

impl MarkedCall {
    fn is(&self, said: &OperatorDecision) -> bool {
        self.call == said.call
            && self.operator == said.operator
            && self.decided_at == said.decided_at.iso8601()
    }
}

impl Mark {
    /// True where the item comes of the very decision and calls that the record here holds: of the same
    /// revision of just those, of a later one of what people said since as well. Revisions repeat where a
    /// station was restored from a backup and its parts are decided anew.
    pub(crate) fn holds(&self, inspection: &Inspection) -> bool {
        let (there, here) = (&self.operator_decisions, &inspection.operator_decisions);
        let decided_at = inspection
            .decision
            .as_ref()
            .map(|decision| decision.decided_at.iso8601());
        self.verdict == inspection.verdict()
            && Some(&self.decided_at) == decided_at.as_ref()
            && (there.len() == here.len()
                || self.revision > inspection.revision && there.len() > here.len())
            && there.iter().zip(here).all(|(there, here)| there.is(here))
    }
}

impl Item {
    /// The item of a decided inspection; none while it is pending.
    pub(crate) fn of(inspection: &Inspection, image_url: &str) -> Option<Self> {
        let analysis = summarize(inspection)?;
        let decision = inspection.decision.as_ref()?;
        let said = decision.analysis.as_ref();
        let usage = said.map(|said| said.usage).unwrap_or_default();
        let capture = &inspection.capture;
        let image = &inspection.image;
        let findings = said.map_or(&[][..], |said| &said.findings[..]);
        Some(Self {
            defect_id: capture.id.to_string(),
            timestamp: capture.captured_at.seconds(),
            facility: capture.facility,
            product_sku: capture.product_sku.to_string(),
            image_url: image_url.to_owned(),
            analysis,
            created_at: capture.captured_at.iso8601(),
            revision: inspection.revision,
            image_sha256: image.sha256,
            image_size_bytes: image.size_bytes,
            image_width_px: image.width_px,
            image_height_px: image.height_px,
            image_format: image.format,
            sequence: inspection.sequence,
            station: capture.station.clone(),
            stage: capture.stage,
            lot: capture.lot.clone(),
            serial: capture.serial.clone(),
            shift: capture.shift.clone(),
            operator: capture.operator.clone(),
            camera: capture.camera.id.to_string(),
            conditions: capture.camera.conditions.as_deref().cloned(),
            verdict: decision.verdict,
            verdict_detail: decision.detail.clone(),
            decided_at: decision.decided_at.iso8601(),
            severity: wiko_core::analysis::worst(findings).map(|worst| worst.severity),
            findings: findings.iter().map(FindingItem::from).collect(),
            provider: said.map(|said| said.appraiser.provider.to_string()),
            model: said.map(|said| said.appraiser.model.clone()),
            prompt_sha256: said.map(|said| said.appraiser.prompt_sha256),
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cache_read_tokens: usage.cache_read_tokens,
            cost_micro_usd: usage.cost_micro_usd,
            latency_ms: usage.latency_ms,
            operator_decisions: inspection
                .operator_decisions
                .iter()
                .map(|said| OperatorDecisionItem {
                    call: said.call,
                    operator: said.operator.clone(),
                    reason: said.reason.clone(),
                    decided_at: said.decided_at.iso8601(),
                })
                .collect(),
            boot_id: capture.boot_id.to_string(),
            monotonic_ms: capture.monotonic_ms,
            audit: inspection.evidence.as_deref().map(AuditItem::from),
        })
    }
}

impl From<&AuditRow> for AuditItem {
    fn from(row: &AuditRow) -> Self {
        let (entry, signed) = (&row.entry, row.signature.as_ref());
        Self {
            number: row.number,
            at: entry.at.0,
            source: entry.source,
            category: entry.category,
            identity: entry.identity.clone(),
            subject: entry.subject.clone(),
            result: entry.result,
            detail: entry.detail.clone(),
            previous_hash: row.previous,
            hash: row.hash,
            signature: signed.map(|signed| signed.signature.to_string()),
            public_key: signed.map(|signed| signed.key.to_string()),
        }
    }
}

impl From<&Finding> for FindingItem {
    fn from(finding: &Finding) -> Self {
        Self {
            r#type: finding.defect_type,
            severity: finding.severity,
            confidence: finding.confidence,
            region: finding.region,
            r#box: finding.box_px,
            box_provenance: finding.provenance,
            description: finding.description.clone(),
            action: finding.recommended_action,
            size_mm: finding.size_mm,
        }
    }
}
