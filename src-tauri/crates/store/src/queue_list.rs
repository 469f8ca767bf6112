//! The parts on the queues, listed for people.

use crate::{
    reader::RecordsReader,
    row::{column, parsed},
};
use sqlx::sqlite::SqliteRow;
use wiko_core::{
    ports::StoreError,
    queue::{Hindrance, Listed, Queue, QueuedPart, QueuedParts, WorkState},
    sku::ProductSku,
    time::UnixMillis,
};

/// Never more at once, whatever is asked for.
const MOST: u32 = 10_000;

/// Queue (or none for both) and which parts, as [`Listed`]. Reads the rows of the queues alone, so that a
/// part that stands in nobody's way costs no look at its record.
const CHOSEN: &str = "
    FROM work WHERE (?1 IS NULL OR queue = ?1)
      AND CASE ?2 WHEN 'all' THEN TRUE
                  WHEN 'parked' THEN state = 'parked'
                  WHEN 'delayed' THEN state <> 'parked' AND obstacle IS NOT NULL
                  ELSE state = 'parked' OR obstacle IS NOT NULL END";

fn code(listed: Listed) -> &'static str {
    match listed {
        Listed::All => "all",
        Listed::Troubled => "troubled",
        Listed::Delayed => "delayed",
        Listed::Parked => "parked",
    }
}

impl RecordsReader {
    /// See [`wiko_core::ports::Records::queued`].
    pub async fn queued(
        &self,
        queue: Option<Queue>,
        listed: Listed,
        limit: u32,
    ) -> Result<QueuedParts, StoreError> {
        let failed = |error: sqlx::Error| self.failed(&error);
        let queue = queue.map(Queue::code);
        let mut moment = self.pool.begin().await.map_err(failed)?;
        let total: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) {CHOSEN}")))
                .bind(queue)
                .bind(code(listed))
                .fetch_one(&mut *moment)
                .await
                .map_err(failed)?;
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "SELECT w.*, i.id, i.captured_at, i.product_sku, i.stage
             FROM (SELECT * {CHOSEN}
                   ORDER BY state <> 'parked', sequence, queue LIMIT ?3) w
             JOIN inspection i USING (sequence)
             ORDER BY w.state <> 'parked', w.sequence, w.queue"
        )))
        .bind(queue)
        .bind(code(listed))
        .bind(limit.min(MOST))
        .fetch_all(&mut *moment)
        .await
        .map_err(failed)?;
        let parts = rows.iter().map(|row| {
            part(row).map_err(|reason| StoreError::Fault {
                reason: format!("a row of the queues cannot be read: {reason}"),
            })
        });
        Ok(QueuedParts {
            parts: parts.collect::<Result<_, _>>()?,
            total: total.cast_unsigned(),
        })
    }
}

fn part(row: &SqliteRow) -> Result<QueuedPart, String> {
    let text = |name| column::<String>(row, name).map_err(|error| error.to_string());
    let number = |name| column::<i64>(row, name).map_err(|error| error.to_string());
    let obstacle = column::<Option<String>>(row, "obstacle").map_err(|error| error.to_string())?;
    let state: WorkState = parsed(&text("state")?)?;
    let due_at = UnixMillis(number("due_at")?);
    let sku = ProductSku::try_from(text("product_sku")?).map_err(|error| error.to_string())?;
    Ok(QueuedPart {
        id: parsed(&text("id")?)?,
        sequence: number("sequence")?,
        captured_at: UnixMillis(number("captured_at")?),
        product_sku: sku,
        stage: parsed(&text("stage")?)?,
        queue: parsed(&text("queue")?)?,
        state,
        attempts: column::<u32>(row, "attempts").map_err(|error| error.to_string())?,
        due_at: (state == WorkState::Waiting && due_at.0 > 0).then_some(due_at),
        hindrance: match obstacle {
            Some(obstacle) => Some(Hindrance {
                obstacle: parsed(&obstacle)?,
                reason: text("reason")?,
            }),
            None => None,
        },
    })
}
