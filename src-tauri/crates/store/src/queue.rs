//! The two queues in the database: what is taken, given back and freed.
//!
//! Due times are wall time, and the clock of a station is set back now and then. So a due time that lies
//! further ahead than any that is given counts as reached: nothing waits for a time that was never meant.

use crate::{records::SqliteRecords, row::column};
use sqlx::AssertSqlSafe;
use std::time::Duration;
use wiko_core::{
    backoff,
    id::InspectionId,
    inspection::Inspection,
    ports::StoreError,
    queue::{Among, Obstacle, Queue, Setback},
    time::UnixMillis,
};

/// Waiting work that is due later than this was set back before the clock was. Twice the longest wait,
/// so that small corrections of the clock change nothing.
const FARTHEST_DUE: Duration = backoff::LONGEST.saturating_mul(2);

/// The oldest work that was never tried and is due.
const UNTRIED: &str = "
    SELECT sequence FROM work
    WHERE queue = ?2 AND attempts = 0 AND state = 'waiting' AND (due_at <= ?3 OR due_at > ?4)
    ORDER BY sequence LIMIT 1";

/// The oldest work that is due, or whose lease has run out.
const DUE: &str = "
    SELECT sequence FROM work
    WHERE queue = ?2 AND state <> 'parked' AND attempts >= ?5
      AND (due_at <= ?3 OR due_at > iif(state = 'leased', max(?1, ?4), ?4))
    ORDER BY sequence LIMIT 1";

/// The last moment that waiting work may be due at.
pub(crate) fn farthest_due(now: UnixMillis) -> UnixMillis {
    now.plus(FARTHEST_DUE)
}

impl SqliteRecords {
    /// Takes the oldest due work of a queue that was never tried, or else the oldest due. A record
    /// that cannot be read is parked on the way, so that it holds up no other.
    pub(crate) async fn lease(
        &self,
        queue: Queue,
        among: Among,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Option<(u32, Inspection)>, StoreError> {
        while let Some((sequence, attempts)) = self.take(queue, among, now, until).await? {
            match self.reader().inspection_at(sequence).await? {
                Ok(inspection) => return Ok(Some((attempts, inspection))),
                Err(unreadable) => {
                    tracing::error!(sequence, %queue, error = %unreadable, "parked");
                    self.park(queue, sequence, &unreadable).await?;
                }
            }
        }
        Ok(None)
    }

    /// Sequence number and attempts of the work that [`Self::lease`] takes, in one statement.
    async fn take(
        &self,
        queue: Queue,
        among: Among,
        now: UnixMillis,
        until: UnixMillis,
    ) -> Result<Option<(i64, u32)>, StoreError> {
        let (chosen, least_attempts) = match among {
            Among::All => (format!("coalesce(({UNTRIED}), ({DUE}))"), 0),
            Among::Untried => (format!("({UNTRIED})"), 0),
            Among::Tried => (format!("({DUE})"), 1),
        };
        let query = sqlx::query(AssertSqlSafe(format!(
            "UPDATE work SET state = 'leased', due_at = ?1
             WHERE queue = ?2 AND sequence = {chosen}
             RETURNING sequence, attempts"
        )))
        .bind(until.0)
        .bind(queue.code())
        .bind(now.0)
        .bind(farthest_due(now).0)
        .bind(least_attempts);
        let failed = |error| self.row_write(&error);
        // All rows, not the first: the statement commits only when it has run to its end.
        let taken = query
            .fetch_all(&mut *self.writer.lock().await)
            .await
            .map_err(failed)?;
        let Some(row) = taken.first() else {
            return Ok(None);
        };
        let sequence = column(row, "sequence").map_err(failed)?;
        let attempts = column(row, "attempts").map_err(failed)?;
        Ok(Some((sequence, attempts)))
    }

    /// Parks leased work whose record cannot be read.
    async fn park(
        &self,
        queue: Queue,
        sequence: i64,
        unreadable: &StoreError,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(
            "UPDATE work SET state = 'parked', attempts = attempts + 1, obstacle = ?, reason = ?
             WHERE queue = ? AND sequence = ? AND state = 'leased'",
        )
        .bind(Obstacle::NeedsPerson.code())
        .bind(unreadable.to_string())
        .bind(queue.code())
        .bind(sequence);
        let done = query.execute(&mut *self.writer.lock().await).await;
        done.map(drop).map_err(|error| self.row_write(&error))
    }

    /// See [`wiko_core::ports::Records::set_back`].
    pub(crate) async fn give_back(
        &self,
        queue: Queue,
        id: InspectionId,
        setback: &Setback,
    ) -> Result<(), StoreError> {
        let state = match setback.obstacle {
            Obstacle::Transient | Obstacle::Credentials => "waiting",
            Obstacle::NeedsPerson => "parked",
        };
        // Only leased work is given back: what was finished or taken back meanwhile stays as it is.
        let query = sqlx::query(
            "UPDATE work SET state = ?, due_at = ?, attempts = attempts + 1, obstacle = ?, reason = ?
             WHERE queue = ? AND state = 'leased'
               AND sequence = (SELECT sequence FROM inspection WHERE id = ?)",
        )
        .bind(state)
        .bind(setback.next_try_at.0)
        .bind(setback.obstacle.code())
        .bind(&setback.reason)
        .bind(queue.code())
        .bind(id.to_string());
        let done = query.execute(&mut *self.writer.lock().await).await;
        match done
            .map_err(|error| self.row_write(&error))?
            .rows_affected()
        {
            0 => self.reader().inspection(id).await.map(drop),
            _ => Ok(()),
        }
    }

    /// See [`wiko_core::ports::Records::retry`].
    pub(crate) async fn free(
        &self,
        queue: Queue,
        id: Option<InspectionId>,
        now: UnixMillis,
    ) -> Result<u64, StoreError> {
        let query = sqlx::query(
            "UPDATE work SET state = 'waiting', due_at = min(due_at, ?1), obstacle = NULL
             WHERE queue = ?2 AND state <> 'leased'
               AND (?3 IS NULL OR sequence = (SELECT sequence FROM inspection WHERE id = ?3))",
        )
        .bind(now.0)
        .bind(queue.code())
        .bind(id.map(|id| id.to_string()));
        let done = query.execute(&mut *self.writer.lock().await).await;
        let freed = done
            .map_err(|error| self.row_write(&error))?
            .rows_affected();
        match id {
            Some(id) if freed == 0 => self.reader().inspection(id).await.map(|_| 0),
            _ => Ok(freed),
        }
    }
}
