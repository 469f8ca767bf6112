//! Rows and domain values, one into the other.

use crate::audit;
use sqlx::{FromRow, sqlite::SqliteRow};
use std::{fmt::Display, str::FromStr};
use wiko_core::{
    analysis::{Analysis, worst},
    camera::{CameraId, CameraTag, CaptureConditions, FrameFault},
    history::HistoryRow,
    image::ImageFacts,
    inspection::{CaptureFacts, Decision, ImageRemoval, Inspection, UploadState},
    ports::StoreError,
    queue::Hindrance,
    time::{BootId, UnixMillis},
    verdict::VerdictCode,
};

/// A whole record in one row, so that one statement reads one moment. `WHERE` is added.
pub(crate) const SELECT_INSPECTION: &str = "
    SELECT i.*,
           a.obstacle AS pending_obstacle, a.reason AS pending_reason,
           u.state AS upload_state, u.attempts AS upload_attempts,
           u.obstacle AS upload_obstacle, u.reason AS upload_reason,
           (SELECT json_group_array(json_object('call', call, 'operator', operator,
                       'reason', reason, 'decided_at', decided_at) ORDER BY number)
            FROM operator_decision WHERE inspection = i.sequence) AS operator_decisions,
           (SELECT json_object('number', e.number, 'at', e.at, 'source', e.source,
                       'category', e.category, 'identity', e.identity, 'subject', e.subject,
                       'result', e.result, 'detail', e.detail, 'hash', lower(hex(e.hash)),
                       'previous', (SELECT lower(hex(hash)) FROM audit WHERE number = e.number - 1),
                       'signature', lower(hex(e.signature)), 'public_key', lower(hex(k.public_key)))
            FROM audit e LEFT JOIN signing_key k ON k.number = e.signing_key
            WHERE e.number = i.audit_number) AS evidence
    FROM inspection i
    LEFT JOIN work a ON a.queue = 'analysis' AND a.sequence = i.sequence
    LEFT JOIN work u ON u.queue = 'upload' AND u.sequence = i.sequence ";

/// A row of [`SELECT_INSPECTION`].
#[derive(FromRow)]
pub(crate) struct InspectionRow {
    sequence: i64,
    id: String,
    captured_at: i64,
    facility: String,
    station: String,
    stage: String,
    product_sku: String,
    lot: Option<String>,
    serial: Option<String>,
    shift: String,
    operator: String,
    camera: String,
    frame_sequence: i64,
    exposed_at: i64,
    image_sha256: String,
    image_size_bytes: i64,
    image_width_px: u32,
    image_height_px: u32,
    image_format: String,
    verdict: String,
    undetermined_reason: Option<String>,
    decided_at: Option<i64>,
    revision: u32,
    uploaded_at: Option<i64>,
    image_url: Option<String>,
    image_removed_at: Option<i64>,
    detail: String,
    screening: Option<String>,
    analysis: Option<String>,
    pending_obstacle: Option<String>,
    pending_reason: Option<String>,
    upload_state: Option<String>,
    upload_attempts: Option<u32>,
    upload_obstacle: Option<String>,
    upload_reason: Option<String>,
    operator_decisions: String,
    boot_id: String,
    monotonic_ms: i64,
    evidence: Option<String>,
    conditions: Option<String>,
}

impl InspectionRow {
    pub(crate) fn into_inspection(self) -> Result<Inspection, StoreError> {
        let id = self.id.clone();
        self.decode().map_err(|reason| unreadable(&id, &reason))
    }

    fn decode(self) -> Result<Inspection, String> {
        let verdict: VerdictCode = parsed(&self.verdict)?;
        let upload = self.upload(verdict)?;
        let image_removed = match (self.image_removed_at, &self.image_url) {
            (Some(at), Some(image_url)) => Some(ImageRemoval {
                at: UnixMillis(at),
                image_url: image_url.clone(),
            }),
            _ => None,
        };
        let decision = match (verdict, self.decided_at) {
            (VerdictCode::Pending, _) | (_, None) => None,
            (verdict, Some(at)) => Some(Decision {
                verdict,
                reason: self
                    .undetermined_reason
                    .as_deref()
                    .map(parsed)
                    .transpose()?,
                detail: self.detail,
                decided_at: UnixMillis(at),
                analysis: analysis_of(self.analysis.as_deref())?,
            }),
        };
        // Without a failed try since the last retry, there is no obstacle.
        let pending = match (self.pending_obstacle, self.pending_reason) {
            (Some(obstacle), Some(reason)) => Some(Hindrance {
                obstacle: parsed(&obstacle)?,
                reason,
            }),
            _ => None,
        };
        Ok(Inspection {
            sequence: self.sequence,
            capture: CaptureFacts {
                id: parsed(&self.id)?,
                captured_at: UnixMillis(self.captured_at),
                facility: parsed(&self.facility)?,
                station: self.station,
                stage: parsed(&self.stage)?,
                product_sku: self
                    .product_sku
                    .try_into()
                    .map_err(|error: wiko_core::sku::NotASku| error.to_string())?,
                lot: self.lot,
                serial: self.serial,
                shift: self.shift,
                operator: self.operator,
                camera: CameraTag {
                    id: CameraId(self.camera),
                    frame_sequence: self.frame_sequence.cast_unsigned(),
                    exposed_at: UnixMillis(self.exposed_at),
                    conditions: conditions_of(self.conditions.as_deref()),
                },
                boot_id: BootId(self.boot_id),
                monotonic_ms: self.monotonic_ms.cast_unsigned(),
            },
            image: ImageFacts {
                sha256: parsed(&self.image_sha256)?,
                size_bytes: self.image_size_bytes.cast_unsigned(),
                width_px: self.image_width_px,
                height_px: self.image_height_px,
                format: parsed(&self.image_format)?,
            },
            screening: analysis_of(self.screening.as_deref())?,
            decision,
            pending,
            operator_decisions: serde_json::from_str(&self.operator_decisions)
                .map_err(|error| format!("operator decisions: {error}"))?,
            revision: self.revision,
            upload,
            image_removed,
            evidence: self
                .evidence
                .as_deref()
                .map(audit::row_of_json)
                .transpose()?
                .map(Box::new),
        })
    }

    fn upload(&self, verdict: VerdictCode) -> Result<UploadState, String> {
        if verdict == VerdictCode::Pending {
            return Ok(UploadState::NotDue);
        }
        let reason = || self.upload_reason.clone().unwrap_or_default();
        match (
            self.upload_state.as_deref(),
            self.uploaded_at,
            &self.image_url,
        ) {
            (Some("parked"), _, _) => Ok(UploadState::Parked {
                obstacle: parsed(self.upload_obstacle.as_deref().unwrap_or_default())?,
                reason: reason(),
            }),
            (Some(_), _, _) => Ok(UploadState::Waiting {
                attempts: self.upload_attempts.unwrap_or_default(),
                last_reason: reason(),
            }),
            (None, Some(at), Some(image_url)) => Ok(UploadState::Verified {
                at: UnixMillis(at),
                image_url: image_url.clone(),
            }),
            (None, _, _) => Err("it is decided, not uploaded, and on no queue".into()),
        }
    }
}

/// Conditions that this version cannot read say that the picture is for a person; the part itself is read.
fn conditions_of(json: Option<&str>) -> Option<Box<CaptureConditions>> {
    json.map(|json| {
        let known = serde_json::from_str(json);
        Box::new(known.unwrap_or_else(|error| {
            tracing::error!(%error, "how a picture was taken cannot be read");
            CaptureConditions {
                faults: vec![FrameFault::WrongSettings],
                ..CaptureConditions::default()
            }
        }))
    })
}

/// A line of the history, as the JSON array that its statement makes of it: in this order.
#[derive(serde::Deserialize)]
pub(crate) struct HistoryLine {
    sequence: i64,
    id: String,
    captured_at: i64,
    stage: String,
    product_sku: String,
    lot: Option<String>,
    verdict: String,
    worst_severity: Option<String>,
    worst_defect_type: Option<String>,
    findings: u32,
    operator_call: Option<String>,
    /// 0 or 1.
    uploaded: u8,
}

impl HistoryLine {
    pub(crate) fn into_row(self) -> Result<HistoryRow, StoreError> {
        let id = self.id.clone();
        self.decode().map_err(|reason| unreadable(&id, &reason))
    }

    fn decode(self) -> Result<HistoryRow, String> {
        Ok(HistoryRow {
            sequence: self.sequence,
            id: parsed(&self.id)?,
            captured_at: UnixMillis(self.captured_at),
            stage: parsed(&self.stage)?,
            product_sku: self
                .product_sku
                .try_into()
                .map_err(|error: wiko_core::sku::NotASku| error.to_string())?,
            lot: self.lot,
            verdict: parsed(&self.verdict)?,
            severity: self.worst_severity.as_deref().map(parsed).transpose()?,
            defect_type: self.worst_defect_type.as_deref().map(parsed).transpose()?,
            findings: self.findings,
            operator_call: self.operator_call.as_deref().map(parsed).transpose()?,
            uploaded: self.uploaded != 0,
        })
    }
}

fn unreadable(id: &str, reason: &str) -> StoreError {
    StoreError::Fault {
        reason: format!("the record of inspection {id} cannot be read: {reason}"),
    }
}

/// A code or id of the database as a domain value.
pub(crate) fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn analysis_of(json: Option<&str>) -> Result<Option<Analysis>, String> {
    json.map(serde_json::from_str)
        .transpose()
        .map_err(|error| format!("analysis: {error}"))
}

/// An analysis as it is kept.
pub(crate) fn analysis_json(analysis: &Analysis) -> Result<String, StoreError> {
    // JSON has no NaN. A confidence that is no number is kept as one that is just as far out of range,
    // or the record of the refused reply could not be read again.
    let finite = analysis
        .findings
        .iter()
        .all(|finding| finding.confidence.is_finite());
    let json = if finite {
        serde_json::to_string(analysis)
    } else {
        let mut kept = analysis.clone();
        for finding in &mut kept.findings {
            if !finding.confidence.is_finite() {
                finding.confidence = -1.0;
            }
        }
        serde_json::to_string(&kept)
    };
    json.map_err(|error| StoreError::Fault {
        reason: format!("an analysis cannot be written as JSON: {error}"),
    })
}

/// What the history shows of an analysis: worst severity, its type, number of findings.
pub(crate) fn digest(
    analysis: Option<&Analysis>,
) -> (Option<&'static str>, Option<&'static str>, i64) {
    let findings = analysis.map_or(&[][..], |analysis| &analysis.findings);
    let worst = worst(findings);
    (
        worst.map(|finding| finding.severity.code()),
        worst.map(|finding| finding.defect_type.code()),
        i64::try_from(findings.len()).unwrap_or(i64::MAX),
    )
}

/// A single column of a row.
pub(crate) fn column<'r, T>(row: &'r SqliteRow, name: &str) -> Result<T, sqlx::Error>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    sqlx::Row::try_get(row, name)
}
