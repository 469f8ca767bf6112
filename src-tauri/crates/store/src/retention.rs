//! Makes room: removes pictures that are verified in the cloud.
//!
//! Invariants:
//! - A picture goes only where its upload was verified, whatever the pressure; the schema refuses the rest.
//! - Good parts' pictures go before all others, and of each kind the one captured first goes first.
//! - The row says that a picture is gone, with a row in the audit trail, before the file goes. What a crash
//!   leaves over is deleted at the next start.
//! - While a backup reads pictures nothing is removed.

use crate::{
    audit,
    ballast::with_room,
    layout::Hold,
    records::{SqliteRecords, blocking},
    row::column,
    transaction,
};
use sqlx::{AssertSqlSafe, SqliteConnection, sqlite::SqliteRow};
use std::{io, path::PathBuf, sync::Arc, time::Duration};
use wiko_core::{
    audit::{AuditCategory, AuditEntry, AuditResult, AuditSource, STATION},
    id::InspectionId,
    ports::StoreError,
    time::UnixMillis,
};

/// Pictures removed in one transaction: the one writer is held for a few milliseconds.
const BATCH: i64 = 64;

/// What is kept how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// Pictures of good parts are kept so long.
    pub keep: Duration,
    /// All others are kept so long.
    pub keep_defects: Duration,
    /// All pictures together take at most this; none for no limit.
    pub budget_bytes: Option<u64>,
    /// At least so much of the disk stays free.
    pub free_floor_bytes: u64,
}

impl RetentionPolicy {
    /// The same, but nothing goes by its age: for as long as the clock is in doubt.
    pub fn whatever_the_age(self) -> Self {
        Self {
            keep: Duration::MAX,
            keep_defects: Duration::MAX,
            ..self
        }
    }
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retained {
    /// So many pictures.
    pub removed: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What is still missing to budget and floor: nothing that is left may be removed.
    pub short_bytes: u64,
    /// True where a backup was reading and nothing was removed.
    pub postponed: bool,
}

/// Which pictures a step removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Of parts whose disposition is a pass.
    Good,
    /// Of all others.
    Other,
}

/// The first pictures that may go, as [`Kind::Good`] and [`Kind::Other`] say it.
/// `?1`: up to this sequence number; `?2`: captured until then; `?3`: how many.
const COLUMNS: &str =
    "SELECT sequence, id, captured_at, image_format, image_size_bytes, image_sha256, image_url
     FROM inspection INDEXED BY inspection_removable
     WHERE image_removed_at IS NULL AND uploaded_revision IS NOT NULL
       AND sequence <= ?1 AND captured_at <= ?2";
const LAST_CALL: &str = "(SELECT call FROM operator_decision WHERE inspection = sequence
     ORDER BY number DESC LIMIT 1)";
const FIRST: &str = "ORDER BY sequence LIMIT ?3";

fn candidates(kind: Kind) -> String {
    match kind {
        Kind::Good => format!(
            "{COLUMNS} AND (verdict = 'pass') = 1 AND {LAST_CALL} IS NOT 'reject' {FIRST}"
        ),
        // What a person rejected is no good part, whatever the machine found.
        Kind::Other => format!(
            "SELECT * FROM (
                SELECT * FROM ({COLUMNS} AND (verdict = 'pass') = 0 {FIRST})
                UNION ALL
                SELECT * FROM ({COLUMNS} AND (verdict = 'pass') = 1 AND {LAST_CALL} IS 'reject' {FIRST})
             ) {FIRST}"
        ),
    }
}

/// A picture that goes.
struct Going {
    sequence: i64,
    id: InspectionId,
    path: PathBuf,
    bytes: u64,
    detail: String,
}

/// One step: pictures of a kind, captured until a moment, for a reason.
struct Step<'a> {
    kind: Kind,
    until: Option<UnixMillis>,
    why: &'a str,
    now: UnixMillis,
}

impl SqliteRecords {
    /// Removes pictures as `policy` says. Only those that are verified in the cloud, good parts' first.
    pub async fn retain(
        &self,
        policy: &RetentionPolicy,
        now: UnixMillis,
    ) -> Result<Retained, StoreError> {
        let root = self.layout().root().to_owned();
        self.retain_where(policy, now, || fs4::available_space(&root))
            .await
    }

    /// [`Self::retain`] on a disk with so much free space.
    pub(crate) async fn retain_where(
        &self,
        policy: &RetentionPolicy,
        now: UnixMillis,
        free: impl Fn() -> io::Result<u64>,
    ) -> Result<Retained, StoreError> {
        let mut retained = Retained::default();
        let hold = self
            .layout()
            .hold_for_removal()
            .map_err(|error| self.faults().file_read("locking the pictures", &error))?;
        let _hold = match hold {
            Hold::Held(file) => file,
            Hold::Busy => {
                retained.postponed = true;
                return Ok(retained);
            }
        };
        let days = |kept: Duration| kept.as_secs() / (24 * 60 * 60);
        for (kind, kept) in [
            (Kind::Good, policy.keep),
            (Kind::Other, policy.keep_defects),
        ] {
            let kept_ms = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
            let step = Step {
                kind,
                until: Some(UnixMillis(now.0.saturating_sub(kept_ms))),
                why: &format!("kept for {} days", days(kept)),
                now,
            };
            self.remove_until(&step, u64::MAX, &mut retained).await?;
        }
        let free =
            free().map_err(|error| self.faults().file_read("asking for free space", &error))?;
        let over = match policy.budget_bytes {
            Some(budget) => self.picture_bytes().await?.saturating_sub(budget),
            None => 0,
        };
        let low = policy.free_floor_bytes.saturating_sub(free);
        let mut short = over.max(low);
        for kind in [Kind::Good, Kind::Other] {
            let step = Step {
                kind,
                until: None,
                why: if over > low {
                    "over the budget"
                } else {
                    "little room on the disk"
                },
                now,
            };
            short -= self.remove_until(&step, short, &mut retained).await?;
        }
        retained.short_bytes = short;
        Ok(retained)
    }

    /// Removes pictures of a step until `wanted` bytes are gone or none is left; returns how many bytes of
    /// those wanted are gone.
    async fn remove_until(
        &self,
        step: &Step<'_>,
        wanted: u64,
        retained: &mut Retained,
    ) -> Result<u64, StoreError> {
        let mut gone = 0u64;
        while gone < wanted {
            let wanted = wanted - gone;
            let going = with_room!(self, self.mark_removed(step, wanted))?;
            if going.is_empty() {
                break;
            }
            let bytes: u64 = going.iter().map(|picture| picture.bytes).sum();
            retained.removed += going.len() as u64;
            retained.bytes += bytes;
            gone = gone.saturating_add(bytes);
            self.delete(going.into_iter().map(|picture| picture.path).collect())
                .await?;
        }
        Ok(gone.min(wanted))
    }

    /// Says in the rows of the first pictures that they are gone, and in the audit trail why.
    async fn mark_removed(&self, step: &Step<'_>, wanted: u64) -> Result<Vec<Going>, StoreError> {
        let last = match step.until {
            Some(until) => match self.last_block(until).await? {
                Some(last) => last,
                None => return Ok(vec![]),
            },
            None => i64::MAX,
        };
        let signer = self.signer();
        let mut writer = self.writer.lock().await;
        let marked = async {
            let mut transaction = transaction::begin(&mut writer).await?;
            let mut going = vec![];
            let mut bytes = 0u64;
            for row in self.first(&mut transaction, step, last).await? {
                if bytes >= wanted {
                    break;
                }
                let picture = self.going(&row, step)?;
                bytes = bytes.saturating_add(picture.bytes);
                sqlx::query("UPDATE inspection SET image_removed_at = ? WHERE sequence = ?")
                    .bind(step.now.0)
                    .bind(picture.sequence)
                    .execute(&mut *transaction)
                    .await?;
                let entry = AuditEntry {
                    at: step.now,
                    source: AuditSource::Station,
                    category: AuditCategory::Deletion,
                    identity: STATION.to_owned(),
                    subject: Some(picture.id.to_string()),
                    result: AuditResult::Done,
                    detail: picture.detail.clone(),
                };
                audit::append(&mut transaction, signer.as_deref(), &entry).await?;
                going.push(picture);
            }
            transaction.commit().await?;
            Ok(going)
        };
        marked.await.map_err(|error| self.row_write(&error))
    }

    async fn first(
        &self,
        connection: &mut SqliteConnection,
        step: &Step<'_>,
        last: i64,
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        sqlx::query(AssertSqlSafe(candidates(step.kind)))
            .bind(last)
            .bind(step.until.map_or(i64::MAX, |until| until.0))
            .bind(BATCH)
            .fetch_all(connection)
            .await
    }

    fn going(&self, row: &SqliteRow, step: &Step<'_>) -> Result<Going, sqlx::Error> {
        let (id, path) = self
            .reader()
            .picture_of(row)
            .map_err(|error| sqlx::Error::Decode(error.to_string().into()))?;
        let bytes = column::<i64>(row, "image_size_bytes")?.cast_unsigned();
        let captured_at = UnixMillis(column(row, "captured_at")?);
        let detail = serde_json::json!({
            "picture": "removed here, verified in the cloud",
            "why": step.why,
            "image_sha256": column::<&str>(row, "image_sha256")?,
            "image_url": column::<&str>(row, "image_url")?,
            "captured_at": captured_at.iso8601(),
            "bytes": bytes,
        });
        Ok(Going {
            sequence: column(row, "sequence")?,
            id,
            path,
            bytes,
            detail: detail.to_string(),
        })
    }

    /// The last sequence number that may have been captured until `until`; none where none was. The clock
    /// may have been set back, so the order of capture alone does not say.
    async fn last_block(&self, until: UnixMillis) -> Result<Option<i64>, StoreError> {
        sqlx::query_scalar("SELECT (max(block) << 10) + 1023 FROM time_block WHERE first_at <= ?")
            .bind(until.0)
            .fetch_one(&self.reader().pool)
            .await
            .map_err(|error| self.reader().failed(&error))
    }

    /// What all pictures take that lie here.
    async fn picture_bytes(&self) -> Result<u64, StoreError> {
        let mut apart = self.reader().apart().await?;
        // Those that are not verified have their place on a queue.
        let bytes: i64 = sqlx::query_scalar(
            "SELECT (SELECT ifnull(sum(image_size_bytes), 0)
                     FROM inspection INDEXED BY inspection_removable
                     WHERE image_removed_at IS NULL AND uploaded_revision IS NOT NULL)
                  + (SELECT ifnull(sum(i.image_size_bytes), 0)
                     FROM work w JOIN inspection i ON i.sequence = w.sequence
                     WHERE i.uploaded_revision IS NULL)",
        )
        .fetch_one(&mut apart)
        .await
        .map_err(|error| self.reader().failed(&error))?;
        Ok(bytes.cast_unsigned())
    }

    /// Deletes pictures whose rows say that they are gone.
    pub(crate) async fn delete(&self, files: Vec<PathBuf>) -> Result<(), StoreError> {
        let spool = Arc::clone(&self.spool);
        blocking(move || spool.delete(&files))
            .await?
            .map_err(|failed| self.spool_write(&failed))
    }
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
