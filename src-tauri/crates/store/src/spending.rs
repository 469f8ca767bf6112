//! Which models were called for the parts, and what that cost.

use crate::{
    reader::RecordsReader,
    records::SqliteRecords,
    row::{column, parsed},
    transaction,
};
use sqlx::sqlite::SqliteRow;
use wiko_core::{
    analysis::Usage,
    id::InspectionId,
    ports::StoreError,
    spending::{Call, ModelSpending, Spending},
    time::UnixMillis,
};

impl SqliteRecords {
    /// See [`wiko_core::ports::Records::spent`].
    pub(crate) async fn insert_calls(
        &self,
        id: InspectionId,
        calls: &[Call],
        at: UnixMillis,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().await;
        let noted = async {
            let mut transaction = transaction::begin(&mut writer).await?;
            for call in calls {
                let usage = call.usage;
                let done = sqlx::query(
                    "INSERT INTO model_call (inspection, called_at, provider, model, purpose,
                        input_tokens, output_tokens, cache_read_tokens, cost_micro_usd, latency_ms)
                     SELECT sequence, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM inspection WHERE id = ?",
                )
                .bind(at.0)
                .bind(call.provider.code())
                .bind(&call.model)
                .bind(call.purpose.code())
                .bind(stored(usage.input_tokens))
                .bind(stored(usage.output_tokens))
                .bind(stored(usage.cache_read_tokens))
                .bind(stored(usage.cost_micro_usd))
                .bind(stored(usage.latency_ms))
                .bind(id.to_string())
                .execute(&mut *transaction)
                .await?;
                if done.rows_affected() == 0 {
                    return Ok(false);
                }
            }
            transaction.commit().await?;
            Ok(true)
        };
        match noted.await.map_err(|error| self.row_write(&error))? {
            true => self.check_still_written(),
            false => Err(StoreError::NotFound { id }),
        }
    }
}

impl RecordsReader {
    /// See [`wiko_core::ports::Records::calls`].
    pub async fn calls(&self, id: InspectionId) -> Result<Vec<Call>, StoreError> {
        let rows = sqlx::query(
            "SELECT c.* FROM inspection i JOIN model_call c ON c.inspection = i.sequence
             WHERE i.id = ? ORDER BY c.number",
        )
        .bind(id.to_string())
        .fetch_all(&self.pool)
        .await
        .map_err(|error| self.failed(&error))?;
        rows.iter()
            .map(|row| call(row).map_err(unreadable))
            .collect()
    }

    /// See [`wiko_core::ports::Records::spending`].
    pub async fn spending(&self, from: UnixMillis, to: UnixMillis) -> Result<Spending, StoreError> {
        let failed = |error: sqlx::Error| self.failed(&error);
        let mut moment = self.pool.begin().await.map_err(failed)?;
        let parts: i64 = sqlx::query_scalar(
            "SELECT count(DISTINCT inspection) FROM model_call WHERE called_at >= ? AND called_at < ?",
        )
        .bind(from.0)
        .bind(to.0)
        .fetch_one(&mut *moment)
        .await
        .map_err(failed)?;
        let rows = sqlx::query(
            "SELECT provider, model, count(*) AS calls, count(DISTINCT inspection) AS parts,
                    sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
                    sum(cache_read_tokens) AS cache_read_tokens,
                    sum(cost_micro_usd) AS cost_micro_usd, sum(latency_ms) AS latency_ms
             FROM model_call WHERE called_at >= ? AND called_at < ?
             GROUP BY provider, model ORDER BY cost_micro_usd DESC, provider, model",
        )
        .bind(from.0)
        .bind(to.0)
        .fetch_all(&mut *moment)
        .await
        .map_err(failed)?;
        let models = rows.iter().map(|row| of_model(row).map_err(unreadable));
        Ok(Spending {
            parts: parts.cast_unsigned(),
            models: models.collect::<Result<_, _>>()?,
        })
    }
}

/// No count of one call comes near; of as many calls as a station ever makes, the sum is a number that SQLite knows.
const MOST: i64 = 1_000_000_000_000;

fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(MOST).min(MOST)
}

fn unreadable(reason: String) -> StoreError {
    StoreError::Fault {
        reason: format!("a row of the calls of models cannot be read: {reason}"),
    }
}

fn usage(row: &SqliteRow) -> Result<Usage, String> {
    let count = |name| {
        let stored: i64 = column(row, name).map_err(|error| error.to_string())?;
        Ok::<_, String>(stored.cast_unsigned())
    };
    Ok(Usage {
        input_tokens: count("input_tokens")?,
        output_tokens: count("output_tokens")?,
        cache_read_tokens: count("cache_read_tokens")?,
        cost_micro_usd: count("cost_micro_usd")?,
        latency_ms: count("latency_ms")?,
    })
}

fn text(row: &SqliteRow, name: &str) -> Result<String, String> {
    column(row, name).map_err(|error| error.to_string())
}

fn call(row: &SqliteRow) -> Result<Call, String> {
    Ok(Call {
        provider: parsed(&text(row, "provider")?)?,
        model: text(row, "model")?,
        purpose: parsed(&text(row, "purpose")?)?,
        usage: usage(row)?,
    })
}

fn of_model(row: &SqliteRow) -> Result<ModelSpending, String> {
    let count = |name| {
        let stored: i64 = column(row, name).map_err(|error| error.to_string())?;
        Ok::<_, String>(stored.cast_unsigned())
    };
    Ok(ModelSpending {
        provider: parsed(&text(row, "provider")?)?,
        model: text(row, "model")?,
        calls: count("calls")?,
        parts: count("parts")?,
        usage: usage(row)?,
    })
}
