//! The parts that were not found good after they had moved on. The schema puts them on the list.

use crate::{
    audit,
    reader::RecordsReader,
    records::SqliteRecords,
    row::{column, parsed},
    transaction,
};
use sqlx::{SqliteConnection, sqlite::SqliteRow};
use std::time::Duration;
use wiko_core::{
    audit::AuditEntry,
    containment::{Acknowledgement, ContainedPart, ContainedParts},
    disposition::Disposition,
    id::InspectionId,
    ports::StoreError,
    sku::ProductSku,
    time::UnixMillis,
};

/// Never more at once, whatever is asked for.
const MOST: u32 = 10_000;

/// Says from when on a part has moved on.
pub(crate) async fn set_late_after(
    writer: &mut SqliteConnection,
    late_after: Duration,
) -> Result<(), sqlx::Error> {
    let late_after_ms = i64::try_from(late_after.as_millis()).unwrap_or(i64::MAX);
    sqlx::query("UPDATE containment_rule SET late_after_ms = ?1 WHERE late_after_ms <> ?1")
        .bind(late_after_ms)
        .execute(writer)
        .await
        .map(drop)
}

impl SqliteRecords {
    /// See [`wiko_core::ports::Records::acknowledge_contained`].
    pub(crate) async fn acknowledge(
        &self,
        id: InspectionId,
        entry: &AuditEntry,
    ) -> Result<bool, StoreError> {
        let signer = self.signer();
        let mut writer = self.writer.lock().await;
        let noted = async {
            let mut transaction = transaction::begin(&mut writer).await?;
            let done = sqlx::query(
                "UPDATE containment SET acknowledged_at = ?, acknowledged_by = ?, note = ?
                 WHERE acknowledged_at IS NULL
                   AND inspection = (SELECT sequence FROM inspection WHERE id = ?)",
            )
            .bind(entry.at.0)
            .bind(&entry.identity)
            .bind(&entry.detail)
            .bind(id.to_string())
            .execute(&mut *transaction)
            .await?;
            if done.rows_affected() == 0 {
                return Ok(false);
            }
            audit::append(&mut transaction, signer.as_deref(), entry).await?;
            transaction.commit().await?;
            Ok(true)
        };
        let noted = noted.await.map_err(|error| self.row_write(&error))?;
        self.check_still_written()?;
        Ok(noted)
    }
}

impl RecordsReader {
    /// See [`wiko_core::ports::Records::contained`].
    pub async fn contained(
        &self,
        acknowledged: bool,
        limit: u32,
    ) -> Result<ContainedParts, StoreError> {
        let failed = |error: sqlx::Error| self.failed(&error);
        let mut moment = self.pool.begin().await.map_err(failed)?;
        let open: i64 =
            sqlx::query_scalar("SELECT count(*) FROM containment WHERE acknowledged_at IS NULL")
                .fetch_one(&mut *moment)
                .await
                .map_err(failed)?;
        let rows = sqlx::query(match acknowledged {
            false => {
                "SELECT c.*, i.*, (SELECT call FROM operator_decision WHERE inspection = i.sequence
                                   ORDER BY number DESC LIMIT 1) AS last_call
                 FROM containment c JOIN inspection i ON i.sequence = c.inspection
                 WHERE c.acknowledged_at IS NULL ORDER BY c.inspection LIMIT ?"
            }
            true => {
                "SELECT c.*, i.*, (SELECT call FROM operator_decision WHERE inspection = i.sequence
                                   ORDER BY number DESC LIMIT 1) AS last_call
                 FROM containment c JOIN inspection i ON i.sequence = c.inspection
                 WHERE c.acknowledged_at IS NOT NULL ORDER BY c.inspection DESC LIMIT ?"
            }
        })
        .bind(limit.min(MOST))
        .fetch_all(&mut *moment)
        .await
        .map_err(failed)?;
        let parts = rows.iter().map(|row| {
            part(row).map_err(|reason| StoreError::Fault {
                reason: format!("a row of the containment list cannot be read: {reason}"),
            })
        });
        Ok(ContainedParts {
            parts: parts.collect::<Result<_, _>>()?,
            open: open.cast_unsigned(),
        })
    }
}

fn part(row: &SqliteRow) -> Result<ContainedPart, String> {
    let text = |name| column::<String>(row, name).map_err(|error| error.to_string());
    let maybe = |name| column::<Option<String>>(row, name).map_err(|error| error.to_string());
    let time = |name| {
        let at = column::<Option<i64>>(row, name).map_err(|error| error.to_string())?;
        Ok::<_, String>(at.map(UnixMillis))
    };
    let missing = |name: &str| format!("{name} is missing");
    let acknowledged = match (
        maybe("acknowledged_by")?,
        time("acknowledged_at")?,
        maybe("note")?,
    ) {
        (Some(by), Some(at), Some(note)) => Some(Acknowledgement { by, at, note }),
        _ => None,
    };
    let worst = match (maybe("worst_defect_type")?, maybe("worst_severity")?) {
        (Some(kind), Some(severity)) => Some((parsed(&kind)?, parsed(&severity)?)),
        _ => None,
    };
    let verdict = parsed(&text("verdict")?)?;
    let last_call = maybe("last_call")?;
    let last_call = last_call.as_deref().map(parsed).transpose()?;
    Ok(ContainedPart {
        sequence: column(row, "sequence").map_err(|error| error.to_string())?,
        id: parsed(&text("id")?)?,
        captured_at: time("captured_at")?.ok_or_else(|| missing("captured_at"))?,
        decided_at: time("decided_at")?.ok_or_else(|| missing("decided_at"))?,
        disposition: Disposition::of(verdict, last_call),
        product_sku: ProductSku::try_from(text("product_sku")?)
            .map_err(|error| error.to_string())?,
        stage: parsed(&text("stage")?)?,
        lot: maybe("lot")?,
        serial: maybe("serial")?,
        shift: text("shift")?,
        worst,
        acknowledged,
    })
}
