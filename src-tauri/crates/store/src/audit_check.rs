//! Checks that the audit trail, and the records that it speaks of, are as they were written.
//!
//! Invariant: nothing is repaired here. What does not fit is named, the row first.

use crate::{
    audit::{RECORD, SELECT_AUDIT, audit_row},
    reader::RecordsReader,
    row::column,
};
use sqlx::{AssertSqlSafe, sqlite::SqliteRow};
use wiko_core::{
    audit::{AuditCategory, AuditRow, BrokenRow, GENESIS, PublicKey, Signature},
    id::InspectionId,
    image::Sha256,
    ports::StoreError,
};

/// Rows checked at a time; a read must stay short.
const CHUNK: i64 = 2000;

/// More broken rows than this are only counted by the first: one change breaks no other row's hash, so many
/// broken rows are one wholesale change.
const MOST_BROKEN: usize = 100;

/// Checks an Ed25519 signature of a message.
pub type CheckSignature = fn(&PublicKey, &[u8], &Signature) -> bool;

/// What a check of the trail came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// Rows in the trail.
    pub rows: u64,
    /// The last row's number and hash: what the cloud was told of.
    pub head: Option<(i64, Sha256)>,
    /// Rows that bear a signature.
    pub signed: u64,
    /// The key of the last signature.
    pub last_key: Option<PublicKey>,
    /// True where a row says that rows are signed from there on.
    pub signing_began: bool,
    /// Rows after the last signature: no key vouches for them yet.
    pub unsigned_since: u64,
    /// Records that were decided before there was a trail.
    pub older_records: u64,
    /// What is not as it was written; the first hundred.
    pub broken: Vec<BrokenRow>,
}

impl RecordsReader {
    /// Checks the whole trail: numbers, hashes, signatures, and that each record is as its last row says.
    pub async fn verify_audit(&self, check: CheckSignature) -> Result<AuditReport, StoreError> {
        let mut report = AuditReport::default();
        let mut previous = Sha256::from(GENESIS);
        let mut last = 0;
        loop {
            let rows = sqlx::query(AssertSqlSafe(format!(
                "{SELECT_AUDIT} WHERE a.number > ? ORDER BY a.number LIMIT ?"
            )))
            .bind(last)
            .bind(CHUNK)
            .fetch_all(&self.pool)
            .await
            .map_err(|error| self.failed(&error))?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                let number: i64 = column(row, "number").map_err(|error| self.failed(&error))?;
                if number != last + 1 {
                    report.broke(
                        number,
                        format!("rows {} to {} are gone", last + 1, number - 1),
                    );
                }
                last = number;
                report.rows += 1;
                match audit_row(row) {
                    Ok(row) => {
                        report.check(&row, &previous, check);
                        previous = row.hash;
                    }
                    Err(reason) => report.broke(number, reason),
                }
            }
        }
        report.head = (report.rows > 0).then_some((last, previous));
        self.verify_subjects(&mut report).await?;
        self.verify_records(&mut report).await?;
        Ok(report)
    }

    /// Looks for parts that the trail speaks of and that have no record any more.
    async fn verify_subjects(&self, report: &mut AuditReport) -> Result<(), StoreError> {
        let mut after = 0_i64;
        loop {
            let rows = sqlx::query(
                "SELECT a.number, a.subject, i.id IS NULL AS gone FROM audit a
                 LEFT JOIN inspection i ON i.id = a.subject
                 WHERE a.number > ? AND a.category IN ('decision', 'operator_decision')
                 ORDER BY a.number LIMIT ?",
            )
            .bind(after)
            .bind(CHUNK)
            .fetch_all(&self.pool)
            .await
            .map_err(|error| self.failed(&error))?;
            let Some(last) = rows.last() else {
                return Ok(());
            };
            after = column(last, "number").map_err(|error| self.failed(&error))?;
            for row in &rows {
                let failed = |error| self.failed(&error);
                if column(row, "gone").map_err(failed)? {
                    let subject: Option<String> = column(row, "subject").map_err(failed)?;
                    let part = subject.unwrap_or_default();
                    let number = column(row, "number").map_err(failed)?;
                    report.broke(number, format!("the record of inspection {part} is gone"));
                }
            }
        }
    }

    /// What does not fit between the record of a part and the last row of the trail that speaks of it.
    pub async fn verify_record(&self, id: InspectionId) -> Result<Option<BrokenRow>, StoreError> {
        let sql = format!(
            "SELECT i.id, i.audit_number, {RECORD} AS record, i.verdict <> 'pending' AND i.boot_id <> '' AS in_its_time,
                    a.detail
             FROM inspection i LEFT JOIN audit a ON a.number = i.audit_number AND a.subject = i.id
             WHERE i.id = ?"
        );
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| self.failed(&error))?
            .ok_or(StoreError::NotFound { id })?;
        let mut report = AuditReport::default();
        compare(&row, &mut report).map_err(|error| self.failed(&error))?;
        Ok(report.broken.pop())
    }

    /// Compares each record with the last row of the trail that speaks of it.
    async fn verify_records(&self, report: &mut AuditReport) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT i.sequence, i.id, i.audit_number, {RECORD} AS record,
                    -- Records that are older than the trail are of no boot either.
                    i.boot_id <> '' OR i.decided_at >= (SELECT min(at) FROM audit) AS in_its_time, a.detail
             FROM inspection i LEFT JOIN audit a ON a.number = i.audit_number AND a.subject = i.id
             WHERE i.sequence > ? AND (i.verdict <> 'pending' OR i.audit_number IS NOT NULL)
             ORDER BY i.sequence LIMIT ?"
        );
        let mut after = 0;
        loop {
            let rows = sqlx::query(AssertSqlSafe(sql.clone()))
                .bind(after)
                .bind(CHUNK)
                .fetch_all(&self.pool)
                .await
                .map_err(|error| self.failed(&error))?;
            let Some(row) = rows.last() else {
                return Ok(());
            };
            after = column(row, "sequence").map_err(|error| self.failed(&error))?;
            for row in &rows {
                compare(row, report).map_err(|error| self.failed(&error))?;
            }
        }
    }
}

impl AuditReport {
    fn broke(&mut self, number: i64, reason: String) {
        if self.broken.len() < MOST_BROKEN {
            self.broken.push(BrokenRow { number, reason });
        }
    }

    fn check(&mut self, row: &AuditRow, previous: &Sha256, check: CheckSignature) {
        if row.entry.hash(row.number, previous) != row.hash {
            self.broke(
                row.number,
                "it was changed, or a row before it was".to_owned(),
            );
        }
        self.signing_began |= row.entry.category == AuditCategory::SigningKey;
        if let Some(signed) = &row.signature {
            self.signed += 1;
            self.unsigned_since = 0;
            self.last_key = Some(signed.key);
            if !check(&signed.key, row.hash.bytes(), &signed.signature) {
                self.broke(row.number, "its signature is not of its key".to_owned());
            }
        } else {
            self.unsigned_since += 1;
        }
    }
}

/// Compares a record with its row.
fn compare(row: &SqliteRow, report: &mut AuditReport) -> Result<(), sqlx::Error> {
    let id: String = column(row, "id")?;
    let number: Option<i64> = column(row, "audit_number")?;
    let Some(number) = number else {
        if column::<Option<bool>>(row, "in_its_time")? == Some(true) {
            report.broke(
                0,
                format!("inspection {id} was decided without a row in the trail"),
            );
        } else {
            report.older_records += 1;
        }
        return Ok(());
    };
    let detail: Option<String> = column(row, "detail")?;
    let noted = detail.as_deref().and_then(record_sha256_of);
    let record: String = column(row, "record")?;
    if noted != Some(Sha256::of(record.as_bytes())) {
        report.broke(
            number,
            format!("the record of inspection {id} is not as it was noted here"),
        );
    }
    Ok(())
}

fn record_sha256_of(detail: &str) -> Option<Sha256> {
    let detail: serde_json::Value = serde_json::from_str(detail).ok()?;
    detail.get("record_sha256")?.as_str()?.parse().ok()
}
