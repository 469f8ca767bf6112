//! Counts by hour and by day, and the tally of any span of time that is made from them.
//!
//! Invariants:
//! - The schema's triggers change the counts in the statement that changes a part; nothing here writes
//!   them but [`SqliteRecords::recount`], which makes them anew from the records.
//! - A tally is exact. Whole days and hours come from the counts, and what lies before the first whole
//!   hour and after the last from the records of at most two hours: what it costs does not depend on how
//!   many parts there are.
//! - Hours and days are those of UTC, numbered from 1970. What a clock says before that is never taken
//!   from the counts.

use crate::{
    history::Failed,
    reader::RecordsReader,
    records::SqliteRecords,
    row::{column, parsed},
    statement::{Asking, Statement},
    transaction,
};
use wiko_core::{history::Tally, ports::StoreError, time::UnixMillis};

const HOUR_MS: i64 = 3_600_000;
const DAY_HOURS: i64 = 24;
const DAY_MS: i64 = DAY_HOURS * HOUR_MS;

/// Of one moment, in one statement: edges, hours and days must not be of different ones.
const TALLY: &str = "
    SELECT disposition, sum(parts) AS parts FROM (
        SELECT disposition, count(*) AS parts FROM inspection
        WHERE captured_at >= ? AND captured_at < ? GROUP BY disposition
        UNION ALL
        SELECT disposition, count(*) FROM inspection
        WHERE captured_at >= ? AND captured_at < ? GROUP BY disposition
        UNION ALL
        SELECT disposition, sum(parts) FROM parts_by_hour
        WHERE hour >= ? AND hour < ? GROUP BY disposition
        UNION ALL
        SELECT disposition, sum(parts) FROM parts_by_hour
        WHERE hour >= ? AND hour < ? GROUP BY disposition
        UNION ALL
        SELECT disposition, sum(parts) FROM parts_by_day
        WHERE day >= ? AND day < ? GROUP BY disposition
    ) GROUP BY disposition";

/// What became of each part, where it is not what the rule says.
const REDISPOSED: &str = "
    UPDATE inspection SET disposition =
        (SELECT d.disposition FROM part_disposition d WHERE d.sequence = inspection.sequence)
    WHERE disposition <>
        (SELECT d.disposition FROM part_disposition d WHERE d.sequence = inspection.sequence)";

/// The hours anew from the records.
const HOURS_OF_RECORDS: &str = "
    INSERT INTO parts_by_hour
    SELECT captured_at / 3600000, stage, product_sku, disposition, ifnull(worst_severity, ''),
           ifnull(worst_defect_type, ''), count(*)
    FROM inspection GROUP BY 1, 2, 3, 4, 5, 6";

/// The days anew from the hours.
pub(crate) const DAYS_OF_HOURS: &str = "
    INSERT INTO parts_by_day
    SELECT hour / 24, stage, product_sku, disposition, severity, defect_type, sum(parts)
    FROM parts_by_hour GROUP BY 1, 2, 3, 4, 5, 6";

/// How many lines of a day's counts, by hour or by day, are not what a fresh count of its parts gives.
const MISCOUNTED: &str = "
    WITH fresh AS MATERIALIZED (
        SELECT i.captured_at / 3600000 AS hour, i.stage, i.product_sku, d.disposition,
               ifnull(i.worst_severity, '') AS severity,
               ifnull(i.worst_defect_type, '') AS defect_type, count(*) AS parts
        FROM inspection i JOIN part_disposition d ON d.sequence = i.sequence
        WHERE i.captured_at >= ?1 * 86400000 AND i.captured_at < (?1 + 1) * 86400000
        GROUP BY 1, 2, 3, 4, 5, 6
    ), fresh_day AS MATERIALIZED (
        SELECT ?1 AS day, stage, product_sku, disposition, severity, defect_type, sum(parts) AS parts
        FROM fresh GROUP BY 2, 3, 4, 5, 6
    ), kept AS MATERIALIZED (
        SELECT * FROM parts_by_hour WHERE hour >= ?1 * 24 AND hour < (?1 + 1) * 24
    ), kept_day AS MATERIALIZED (
        SELECT * FROM parts_by_day WHERE day = ?1
    )
    SELECT (SELECT count(*) FROM (SELECT * FROM fresh EXCEPT SELECT * FROM kept))
         + (SELECT count(*) FROM (SELECT * FROM kept EXCEPT SELECT * FROM fresh))
         + (SELECT count(*) FROM (SELECT * FROM fresh_day EXCEPT SELECT * FROM kept_day))
         + (SELECT count(*) FROM (SELECT * FROM kept_day EXCEPT SELECT * FROM fresh_day))";

/// The first day from `?1` on of which there are parts or counts.
const NEXT_DAY: &str = "
    SELECT min(day) FROM (
        SELECT (SELECT captured_at FROM inspection WHERE captured_at >= ?1 * 86400000
                ORDER BY captured_at LIMIT 1) / 86400000 AS day
        UNION ALL SELECT (SELECT day FROM parts_by_day WHERE day >= ?1 ORDER BY day LIMIT 1)
        UNION ALL SELECT (SELECT hour FROM parts_by_hour WHERE hour >= ?1 * 24
                          ORDER BY hour LIMIT 1) / 24)";

/// A day whose counts are not those of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MiscountedDay {
    /// Its first millisecond, in UTC.
    pub day: UnixMillis,
    /// Lines of the counts that are wrong, missing or too many.
    pub lines: u64,
}

/// A span of time as what has to be read for it: from the records, from the hours, from the days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pieces {
    records: [(i64, i64); 2],
    hours: [(i64, i64); 2],
    days: (i64, i64),
}

impl Pieces {
    fn of(from: UnixMillis, to: UnixMillis) -> Self {
        const NONE: (i64, i64) = (0, 0);
        let (from, to) = (from.0, to.0);
        // Not before the second hour of all: the first takes in, by SQLite's division, the one before it.
        let first_hour = ceiling(from, HOUR_MS).max(1);
        let end_hour = to.div_euclid(HOUR_MS);
        if first_hour >= end_hour {
            return Self {
                records: [(from, to), NONE],
                hours: [NONE; 2],
                days: NONE,
            };
        }
        let records = [(from, first_hour * HOUR_MS), (end_hour * HOUR_MS, to)];
        let first_day = ceiling(first_hour, DAY_HOURS);
        let end_day = end_hour.div_euclid(DAY_HOURS);
        if first_day >= end_day {
            return Self {
                records,
                hours: [(first_hour, end_hour), NONE],
                days: NONE,
            };
        }
        Self {
            records,
            hours: [
                (first_hour, first_day * DAY_HOURS),
                (end_day * DAY_HOURS, end_hour),
            ],
            days: (first_day, end_day),
        }
    }
}

/// How many whole `unit`s `value` takes, the last one begun.
fn ceiling(value: i64, unit: i64) -> i64 {
    value.div_euclid(unit) + i64::from(value.rem_euclid(unit) > 0)
}

pub(crate) async fn tally(
    asking: &mut Asking<'_>,
    from: UnixMillis,
    to: UnixMillis,
) -> Result<Tally, Failed> {
    let pieces = Pieces::of(from, to);
    let mut statement = Statement::new(TALLY);
    for (from, to) in [pieces.records, pieces.hours].concat() {
        statement.with(from).with(to);
    }
    statement.with(pieces.days.0).with(pieces.days.1);
    let rows = asking.rows(statement).await?;
    let mut tally = Tally::default();
    for row in rows {
        let disposition = parsed(column(&row, "disposition")?).map_err(|error| {
            Failed::Store(StoreError::Fault {
                reason: format!("the records hold a code of a newer version: {error}"),
            })
        })?;
        tally.add(disposition, column::<i64>(&row, "parts")?.cast_unsigned());
    }
    Ok(tally)
}

impl RecordsReader {
    /// Counts every part afresh, day by day, and names the days whose counts say something else. Each day
    /// is a read of its own, so that a station at work is not held up.
    pub async fn verify_rollups(&self) -> Result<Vec<MiscountedDay>, StoreError> {
        let failed = |error: sqlx::Error| self.failed(&error);
        let (mut miscounted, mut from) = (vec![], 0);
        loop {
            let day: Option<i64> = sqlx::query_scalar(NEXT_DAY)
                .bind(from)
                .fetch_one(&self.pool)
                .await
                .map_err(failed)?;
            let Some(day) = day else {
                return Ok(miscounted);
            };
            let lines: i64 = sqlx::query_scalar(MISCOUNTED)
                .bind(day)
                .fetch_one(&self.pool)
                .await
                .map_err(failed)?;
            if lines > 0 {
                miscounted.push(MiscountedDay {
                    day: UnixMillis(day.saturating_mul(DAY_MS)),
                    lines: lines.cast_unsigned(),
                });
            }
            from = day + 1;
        }
    }
}

impl SqliteRecords {
    /// Makes the counts anew from the records: what to do where [`RecordsReader::verify_rollups`] names
    /// a day. Captures wait meanwhile, about three seconds for a million parts.
    pub async fn recount(&self) -> Result<(), StoreError> {
        self.faults().check()?;
        let mut writer = self.writer.lock().await;
        let recounted = async {
            let mut transaction = transaction::begin(&mut writer).await?;
            for statement in [
                REDISPOSED,
                "DELETE FROM parts_by_hour",
                "DELETE FROM parts_by_day",
                HOURS_OF_RECORDS,
                DAYS_OF_HOURS,
            ] {
                sqlx::query(statement).execute(&mut *transaction).await?;
            }
            transaction.commit().await
        };
        recounted.await.map_err(|error| self.row_write(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connection, faults::Faults, layout::Layout};
    use sqlx::{AssertSqlSafe, Row, SqliteConnection};
    use wiko_core::{disposition::Disposition, inspection::OperatorCall, verdict::VerdictCode};

    async fn database(dir: &std::path::Path) -> SqliteConnection {
        let layout = Layout::new(dir);
        layout.create_root().unwrap();
        layout.create().unwrap();
        connection::open_writer(&layout, &Faults::of(dir))
            .await
            .unwrap()
    }

    #[test]
    fn a_span_is_cut_into_pieces_that_join_without_gap_or_overlap() {
        let noon = 1_772_352_000_000;
        let table = [
            (noon, noon),
            (noon + 5, noon + 9),
            (noon + 5, noon + HOUR_MS),
            (noon, noon + HOUR_MS),
            (noon - 1, noon + 3 * HOUR_MS + 1),
            (noon + 1, noon + 40 * DAY_MS + 7),
            (0, noon),
            (-5 * HOUR_MS, 3 * HOUR_MS),
            (noon, i64::MAX),
            (i64::MIN, i64::MAX),
        ];
        for (from, to) in table {
            let Pieces {
                records,
                hours,
                days,
            } = Pieces::of(UnixMillis(from), UnixMillis(to));
            let scaled = |(a, b): (i64, i64), unit| (a * unit, b * unit);
            let mut pieces = vec![
                records[0],
                scaled(hours[0], HOUR_MS),
                scaled(days, DAY_MS),
                scaled(hours[1], HOUR_MS),
                records[1],
            ];
            pieces.retain(|(a, b)| a < b);
            let joined = pieces.windows(2).all(|pair| pair[0].1 == pair[1].0);
            assert!(joined, "{from} {to}: {pieces:?}");
            let whole = pieces
                .first()
                .map(|first| (first.0, pieces[pieces.len() - 1].1));
            assert_eq!(whole, (from < to).then_some((from, to)), "{pieces:?}");
            let edges = records.iter().map(|(a, b)| b.saturating_sub(*a));
            // Before 1970 and the hour after it only the records are asked.
            assert!(from < HOUR_MS || edges.sum::<i64>() < 2 * HOUR_MS);
        }
    }

    #[tokio::test]
    async fn the_rule_of_the_database_is_that_of_the_domain_for_every_combination() {
        let dir = tempfile::tempdir().unwrap();
        let mut database = database(dir.path()).await;
        let calls = [None]
            .into_iter()
            .chain(OperatorCall::ALL.iter().copied().map(Some));
        let mut sequence = 0;
        for last in calls {
            for before in [None, Some(OperatorCall::Reject), Some(OperatorCall::Accept)] {
                for verdict in VerdictCode::ALL {
                    sequence += 1;
                    insert_pending(&mut database, sequence).await;
                    // Half of the people speak before the machine does.
                    let early = before.filter(|_| last.is_some());
                    say(&mut database, sequence, early).await;
                    decide(&mut database, sequence, *verdict).await;
                    say(&mut database, sequence, last).await;
                    let row = sqlx::query(
                        "SELECT i.disposition AS kept, d.disposition AS told
                         FROM inspection i JOIN part_disposition d USING (sequence)
                         WHERE i.sequence = ?",
                    )
                    .bind(sequence)
                    .fetch_one(&mut database)
                    .await
                    .unwrap();
                    let expected = Disposition::of(*verdict, last).code();
                    assert_eq!(row.get::<&str, _>("told"), expected, "{verdict} {last:?}");
                    assert_eq!(row.get::<&str, _>("kept"), expected, "{verdict} {last:?}");
                }
            }
        }
    }

    async fn insert_pending(database: &mut SqliteConnection, n: i64) {
        let sql = format!(
            "INSERT INTO inspection (id, captured_at, facility, station, stage, product_sku, shift,
                operator, camera, frame_sequence, exposed_at, image_sha256, image_size_bytes,
                image_width_px, image_height_px, image_format)
             VALUES ('{n}', {n}, 'f', 's', 't', 'k', 'A', 'o', 'c', 1, 1, '{}', 1, 1, 1, 'jpeg')",
            "a".repeat(64)
        );
        sqlx::query(AssertSqlSafe(sql))
            .execute(database)
            .await
            .unwrap();
    }

    async fn decide(database: &mut SqliteConnection, n: i64, verdict: VerdictCode) {
        let reason = match verdict {
            VerdictCode::Pending => return,
            VerdictCode::Undetermined => Some("unsure"),
            VerdictCode::Pass | VerdictCode::Fail => None,
        };
        // The least of an analysis with which the schema lets a pass in.
        let analysis = format!(
            r#"{{"image_sha256":"{}","complete":true,"claim":"good","findings":[],
                "image_quality":{{"kind":"usable"}}}}"#,
            "a".repeat(64)
        );
        sqlx::query(
            "UPDATE inspection SET verdict = ?, undetermined_reason = ?, decided_at = 1, analysis = ?
             WHERE sequence = ?",
        )
        .bind(verdict.code())
        .bind(reason)
        .bind(analysis)
        .bind(n)
        .execute(database)
        .await
        .unwrap();
    }

    async fn say(database: &mut SqliteConnection, n: i64, call: Option<OperatorCall>) {
        let Some(call) = call else { return };
        sqlx::query(
            "INSERT INTO operator_decision (inspection, call, operator, decided_at)
             VALUES (?, ?, 'o', 1)",
        )
        .bind(n)
        .bind(call.code())
        .execute(database)
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn a_tally_reads_only_indexes_and_counts() {
        let dir = tempfile::tempdir().unwrap();
        let mut database = database(dir.path()).await;
        let mut query = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {TALLY}")));
        for _ in 0..10 {
            query = query.bind(0);
        }
        let rows = query.fetch_all(&mut database).await.unwrap();
        let steps: Vec<&str> = rows.iter().map(|row| row.get("detail")).collect();
        let reads: Vec<_> = steps
            .iter()
            .filter(|step| step.starts_with("SEARCH"))
            .collect();
        assert_eq!(reads.len(), 5, "{steps:?}");
        for step in reads {
            let ranged = step.contains("COVERING INDEX inspection_by_time (captured_at>?")
                || step.contains("PRIMARY KEY (hour>?")
                || step.contains("PRIMARY KEY (day>?");
            assert!(ranged, "{steps:?}");
        }
    }
}
