//! Fills an empty data directory with a made-up history, to measure with.
//!
//! Invariants:
//! - Only into a data directory that holds no record, and only the whole of it: what was broken off is
//!   to be deleted, because it is written without a journal.
//! - Each part is marked as one whose picture was removed, so that nobody takes it for lost.
//! - What the schema's triggers keep is counted on the way, and is what they would have kept.

mod story;

use crate::{
    connection,
    faults::Faults,
    layout::{Layout, LockRefused},
    rollup, search,
};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, QueryBuilder, Row, Sqlite, SqliteConnection,
    sqlite::SqliteConnectOptions,
};
use std::{collections::BTreeMap, path::Path};
use story::{Outcome, Part, Story};
use wiko_core::{
    id::InspectionId, ports::StoreError, shift::ShiftPlan, sku::SkuCatalog, time::UnixMillis,
};

/// Parts that one statement writes.
const BATCH: u64 = 400;

/// What to fill a data directory with.
#[derive(Debug, Clone)]
pub struct SeedPlan {
    /// How many parts.
    pub parts: u64,
    /// When the first is captured.
    pub first_at: UnixMillis,
    /// Before when the last is.
    pub last_at: UnixMillis,
    /// Of which products.
    pub skus: SkuCatalog,
    /// In which shifts.
    pub shifts: ShiftPlan,
}

/// Fills a data directory. `told` hears how many parts are written.
pub async fn seed(data_dir: &Path, plan: &SeedPlan, told: impl Fn(u64)) -> Result<(), StoreError> {
    let layout = Layout::new(data_dir);
    let faults = Faults::of(data_dir);
    layout
        .create_root()
        .map_err(|error| faults.file_write("preparing the data directory", &error))?;
    let _lock = layout.lock().map_err(|refused| match refused {
        LockRefused::InUse => faults.in_use(),
        LockRefused::DatabaseLost => faults.database_lost(),
        LockRefused::Io(error) => faults.file_write("preparing the data directory", &error),
    })?;
    layout
        .create()
        .map_err(|error| faults.file_write("preparing the data directory", &error))?;
    let mut writer = connection::open_writer(&layout, &faults).await?;
    let failed = |error: sqlx::Error| faults.row_write(&error);
    let held: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM inspection)")
        .fetch_one(&mut writer)
        .await
        .map_err(failed)?;
    // With a journal again, so that the next connection need not find one out.
    writer.close().await.map_err(failed)?;
    if held {
        return Err(StoreError::Fault {
            reason: format!(
                "{} holds records: a made-up history goes into an empty data directory only",
                data_dir.display()
            ),
        });
    }
    let mut database = unsafe_but_fast(&layout).await.map_err(failed)?;
    let kept = take_away(&mut database).await.map_err(failed)?;
    write(&mut database, plan, told).await.map_err(failed)?;
    for statement in kept {
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut database)
            .await
            .map_err(failed)?;
    }
    database.close().await.map_err(failed)
}

/// Nothing is lost where the machine stops in the middle but what was made up.
async fn unsafe_but_fast(layout: &Layout) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnectOptions::new()
        .filename(layout.database())
        .foreign_keys(false)
        .pragma("journal_mode", "off")
        .pragma("synchronous", "off")
        .pragma("locking_mode", "exclusive")
        .pragma("cache_size", "-400000")
        .pragma("threads", "2")
        .connect()
        .await
}

/// Takes the triggers away, and returns how they are made. The indexes stay: a part is added to each at
/// the end of its like, which costs less than to read ten million of them again for each index.
async fn take_away(database: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT name, sql FROM sqlite_schema
         WHERE type = 'trigger' AND tbl_name IN ('inspection', 'operator_decision')",
    )
    .fetch_all(&mut *database)
    .await?;
    let mut kept = Vec::with_capacity(rows.len());
    for row in rows {
        let name: &str = row.try_get("name")?;
        sqlx::query(AssertSqlSafe(format!("DROP TRIGGER {name}")))
            .execute(&mut *database)
            .await?;
        kept.push(row.try_get("sql")?);
    }
    Ok(kept)
}

async fn write(
    database: &mut SqliteConnection,
    plan: &SeedPlan,
    told: impl Fn(u64),
) -> Result<(), sqlx::Error> {
    let story = Story::new(
        plan.parts,
        plan.first_at,
        plan.last_at,
        plan.skus.all().to_vec(),
    );
    write_outcomes(database, &story).await?;
    // Merging as it goes would write the same words many times over.
    sqlx::query("INSERT INTO search (search, rank) VALUES ('automerge', 0)")
        .execute(&mut *database)
        .await?;
    let (mut kept, mut next) = (Kept::default(), 0);
    while next < plan.parts {
        let end = plan.parts.min(next + 100 * BATCH);
        let parts: Vec<(u64, Part)> = (next..end).map(|n| (n, story.part(n))).collect();
        let mut transaction = database.begin().await?;
        for batch in parts.chunks(BATCH as usize) {
            for (n, part) in batch {
                kept.add(sequence(*n), part, &story.outcomes()[part.outcome]);
            }
            write_parts(&mut transaction, &story, plan, batch).await?;
            write_calls(&mut transaction, batch).await?;
        }
        // The newest first, as rows of the search are numbered: otherwise each would be written by itself.
        for batch in parts.rchunks(BATCH as usize) {
            write_search(&mut transaction, &story, batch).await?;
        }
        transaction.commit().await?;
        next = end;
        told(next);
    }
    sqlx::query("INSERT INTO search (search, rank) VALUES ('automerge', 4)")
        .execute(&mut *database)
        .await?;
    kept.write(database, &story).await
}

async fn write_outcomes(database: &mut SqliteConnection, story: &Story) -> Result<(), sqlx::Error> {
    sqlx::query(
        "CREATE TEMP TABLE outcome (number INTEGER PRIMARY KEY, verdict, undetermined_reason,
            worst_severity, worst_defect_type, findings, analysis)",
    )
    .execute(&mut *database)
    .await?;
    for (number, outcome) in (0_i64..).zip(story.outcomes()) {
        sqlx::query("INSERT INTO temp.outcome VALUES (?, ?, ?, ?, ?, ?, ?)")
            .bind(number)
            .bind(outcome.verdict.code())
            .bind(outcome.reason.map(|reason| reason.code()))
            .bind(outcome.severity.map(|severity| severity.code()))
            .bind(outcome.defect_type.map(|defect| defect.code()))
            .bind(outcome.findings)
            .bind(&outcome.analysis)
            .execute(&mut *database)
            .await?;
    }
    Ok(())
}

/// Sequence numbers begin with 1.
fn sequence(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX - 1) + 1
}

async fn write_parts(
    database: &mut SqliteConnection,
    story: &Story,
    plan: &SeedPlan,
    batch: &[(u64, Part)],
) -> Result<(), sqlx::Error> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "INSERT INTO inspection (sequence, id, captured_at, facility, station, stage, product_sku,
            lot, serial, shift, operator, camera, frame_sequence, exposed_at, image_sha256,
            image_size_bytes, image_width_px, image_height_px, image_format, verdict,
            undetermined_reason, decided_at, worst_severity, worst_defect_type, findings, revision,
            uploaded_revision, uploaded_at, image_url, analysis, disposition, image_removed_at,
            boot_id, monotonic_ms)
         SELECT column1, column2, column3, 'yangjiang', 'seed', column4, column5, column6, column7,
                column8, column9, 'seed', column1, column3, ",
    );
    query.push_bind(story::image().to_string());
    query.push(
        ", 500000, 1920, 1080, 'jpeg', verdict, undetermined_reason, column3 + 3400, worst_severity,
                worst_defect_type, findings, column11, column11, column3 + 9000,
                's3://seed/' || column2 || '.jpg', analysis, column12, column3 + 9000, 'seed', column3
         FROM (",
    );
    query.push_values(batch, |mut row, (n, part)| {
        let changes = 1 + i64::from(part.call.is_some());
        row.push_bind(sequence(*n))
            .push_bind(InspectionId::new(part.captured_at, part.random).to_string())
            .push_bind(part.captured_at.0)
            .push_bind(part.stage.code())
            .push_bind(story.skus()[part.product_sku].as_str())
            .push_bind(&part.lot)
            .push_bind(&part.serial)
            .push_bind(plan.shifts.shift_at(part.captured_at).code)
            .push_bind(part.operator)
            .push_bind(i64::try_from(part.outcome).unwrap_or(0))
            .push_bind(changes)
            .push_bind(part.disposition.code());
    });
    query.push(") CROSS JOIN temp.outcome ON number = column10");
    query.build().execute(database).await.map(drop)
}

async fn write_calls(
    database: &mut SqliteConnection,
    batch: &[(u64, Part)],
) -> Result<(), sqlx::Error> {
    let mut called = batch
        .iter()
        .filter_map(|(n, part)| part.call.map(|call| (n, part, call)))
        .peekable();
    if called.peek().is_none() {
        return Ok(());
    }
    let mut query = QueryBuilder::<Sqlite>::new(
        "INSERT INTO operator_decision (inspection, call, operator, reason, decided_at) ",
    );
    query.push_values(called, |mut row, (n, part, (call, reason))| {
        row.push_bind(sequence(*n))
            .push_bind(call.code())
            .push_bind(part.operator)
            .push_bind(reason)
            .push_bind(part.captured_at.0 + 20_000);
    });
    query.build().execute(database).await.map(drop)
}

/// As a station at work leaves it: a row after the capture, after the decision and after a call.
async fn write_search(
    database: &mut SqliteConnection,
    story: &Story,
    batch: &[(u64, Part)],
) -> Result<(), sqlx::Error> {
    let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO search (rowid, text) ");
    let rows = batch.iter().rev().flat_map(|(n, part)| {
        let first = search::first_row(sequence(*n));
        let captured = format!(
            "{} {}",
            part.lot,
            part.serial.as_deref().unwrap_or_default()
        );
        let decided = format!("{captured} {}", story.outcomes()[part.outcome].said);
        let called = part
            .call
            .map(|(_, reason)| format!("{decided} {}", reason.unwrap_or_default()));
        let texts = [
            called.map(|text| (first - 2, text)),
            Some((first - 1, decided)),
            Some((first, captured)),
        ];
        texts.into_iter().flatten()
    });
    query.push_values(rows, |mut row, (number, text)| {
        row.push_bind(number).push_bind(search::words(&text));
    });
    query.build().execute(database).await.map(drop)
}

/// A line of the counts: hour, stage, product, disposition, severity, defect type.
type Line = (
    i64,
    &'static str,
    usize,
    &'static str,
    &'static str,
    &'static str,
);

/// What the triggers would have kept.
#[derive(Default)]
struct Kept {
    parts_by_hour: BTreeMap<Line, i64>,
    /// First and last moment of each.
    time_blocks: BTreeMap<i64, (i64, i64)>,
}

impl Kept {
    fn add(&mut self, sequence: i64, part: &Part, outcome: &Outcome) {
        let at = part.captured_at.0;
        let line = (
            at / 3_600_000,
            part.stage.code(),
            part.product_sku,
            part.disposition.code(),
            outcome.severity.map_or("", |severity| severity.code()),
            outcome.defect_type.map_or("", |defect| defect.code()),
        );
        *self.parts_by_hour.entry(line).or_default() += 1;
        let block = self.time_blocks.entry(sequence >> 10).or_insert((at, at));
        *block = (block.0.min(at), block.1.max(at));
    }

    async fn write(
        self,
        database: &mut SqliteConnection,
        story: &Story,
    ) -> Result<(), sqlx::Error> {
        let mut transaction = database.begin().await?;
        for (block, (first, last)) in self.time_blocks {
            sqlx::query("INSERT INTO time_block VALUES (?, ?, ?)")
                .bind(block)
                .bind(first)
                .bind(last)
                .execute(&mut *transaction)
                .await?;
        }
        for ((hour, stage, sku, disposition, severity, defect), parts) in self.parts_by_hour {
            sqlx::query("INSERT INTO parts_by_hour VALUES (?, ?, ?, ?, ?, ?, ?)")
                .bind(hour)
                .bind(stage)
                .bind(story.skus()[sku].as_str())
                .bind(disposition)
                .bind(severity)
                .bind(defect)
                .bind(parts)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query(rollup::DAYS_OF_HOURS)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await
    }
}
