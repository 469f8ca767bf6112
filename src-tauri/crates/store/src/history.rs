//! Pages of the history and the count of a span of time.
//!
//! Invariants:
//! - A page walks one index from its newest entry backwards; it never sorts, and never skips rows to
//!   find where it begins.
//! - A span of time is first turned into a span of sequence numbers by `time_block`: the clock may
//!   have been set back, so the order of capture alone does not say where a time lies.

use crate::row::HistoryLine;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};
use wiko_core::{
    UnknownCode,
    disposition::Disposition,
    history::{HistoryCursor, HistoryFilter, HistoryPage, Tally},
    inspection::OperatorCall,
    ports::StoreError,
    time::UnixMillis,
    verdict::VerdictCode,
};

/// More rows than this are not read at once, whatever is asked for: a long read keeps the write-ahead
/// log from being cut back.
const MOST_ROWS: u32 = 1000;

/// An error of the database or of what stands in it.
pub(crate) enum Failed {
    Sql(sqlx::Error),
    Store(StoreError),
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

/// Sequence numbers from `first` up to and with `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    first: i64,
    last: i64,
}

pub(crate) async fn page(
    connection: &mut SqliteConnection,
    filter: &HistoryFilter,
    after: Option<HistoryCursor>,
    limit: u32,
) -> Result<HistoryPage, Failed> {
    let limit = limit.clamp(1, MOST_ROWS) as usize;
    let empty = HistoryPage {
        rows: vec![],
        next: None,
    };
    let Some(span) = span(connection, filter).await? else {
        return Ok(empty);
    };
    // One more than asked for shows whether there is a next page.
    let mut query = page_query("", filter, span, after, limit + 1);
    let lines: Vec<HistoryLine> = query.build_query_as().fetch_all(connection).await?;
    let more = lines.len() > limit;
    let rows = lines
        .into_iter()
        .take(limit)
        .map(HistoryLine::into_row)
        .collect::<Result<Vec<_>, _>>()
        .map_err(Failed::Store)?;
    let next = rows
        .last()
        .filter(|_| more)
        .map(|row| HistoryCursor(row.sequence));
    Ok(HistoryPage { rows, next })
}

/// Where a filter's span of time lies in the order of capture; none where nothing was captured in it.
async fn span(
    connection: &mut SqliteConnection,
    filter: &HistoryFilter,
) -> Result<Option<Span>, sqlx::Error> {
    if filter.from.is_none() && filter.to.is_none() {
        return Ok(Some(Span {
            first: 0,
            last: i64::MAX,
        }));
    }
    let row = sqlx::query(
        "SELECT min(block) << 10 AS first, (max(block) << 10) + 1023 AS last
         FROM time_block WHERE last_at >= ? AND first_at < ?",
    )
    .bind(filter.from.map_or(i64::MIN, |from| from.0))
    .bind(filter.to.map_or(i64::MAX, |to| to.0))
    .fetch_one(connection)
    .await?;
    let (first, last): (Option<i64>, Option<i64>) = (row.try_get("first")?, row.try_get("last")?);
    Ok(first.zip(last).map(|(first, last)| Span { first, last }))
}

fn page_query(
    prefix: &str,
    filter: &HistoryFilter,
    span: Span,
    after: Option<HistoryCursor>,
    rows: usize,
) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(prefix);
    query.push(
        "SELECT sequence, id, captured_at, stage, product_sku, lot, verdict, worst_severity,
                worst_defect_type, findings,
                (SELECT call FROM operator_decision WHERE inspection = sequence
                 ORDER BY number DESC LIMIT 1) AS operator_call,
                ifnull(uploaded_revision = revision, 0) AS uploaded
         FROM inspection WHERE sequence >= ",
    );
    query.push_bind(span.first);
    query.push(" AND sequence <= ");
    // The cursor's own row was on the page before.
    let before = after.map_or(i64::MAX, |HistoryCursor(sequence)| sequence - 1);
    query.push_bind(span.last.min(before));

    // The first that is given is walked, rarest kind first; the others only narrow. Without
    // statistics SQLite cannot know, and with them it would know only yesterday's.
    let verdict = filter.verdict.map(VerdictCode::code);
    let equal = [
        (
            "worst_severity",
            filter.severity.map(|severity| severity.code()),
        ),
        (
            "verdict",
            verdict.filter(|code| *code != VerdictCode::Pass.code()),
        ),
        (
            "product_sku",
            filter.product_sku.as_ref().map(|sku| sku.as_str()),
        ),
        ("stage", filter.stage.map(|stage| stage.code())),
        (
            "verdict",
            verdict.filter(|code| *code == VerdictCode::Pass.code()),
        ),
    ];
    let mut walked = false;
    for (column, wanted) in equal {
        let Some(wanted) = wanted else { continue };
        // A plus sign keeps SQLite from using the column's index.
        query.push(if walked { " AND +" } else { " AND " });
        query.push(column).push(" = ").push_bind(wanted.to_owned());
        walked = true;
    }
    if let Some(from) = filter.from {
        query.push(" AND +captured_at >= ").push_bind(from.0);
    }
    if let Some(to) = filter.to {
        query.push(" AND +captured_at < ").push_bind(to.0);
    }
    query.push(" ORDER BY sequence DESC LIMIT ");
    query.push_bind(i64::try_from(rows).unwrap_or(i64::MAX));
    query
}

// The last call is looked up for each part: what became of it is not the verdict alone.
const TALLY: &str = "SELECT verdict,
                (SELECT call FROM operator_decision WHERE inspection = sequence
                 ORDER BY number DESC LIMIT 1) AS operator_call,
                count(*) AS parts
         FROM inspection WHERE captured_at >= ? AND captured_at < ?
         GROUP BY 1, 2";

pub(crate) async fn tally(
    connection: &mut SqliteConnection,
    from: UnixMillis,
    to: UnixMillis,
) -> Result<Tally, Failed> {
    let rows = sqlx::query(TALLY)
        .bind(from.0)
        .bind(to.0)
        .fetch_all(connection)
        .await?;
    let mut tally = Tally::default();
    for row in rows {
        let verdict: String = row.try_get("verdict")?;
        let call: Option<String> = row.try_get("operator_call")?;
        let parts: i64 = row.try_get("parts")?;
        let disposition = disposition(&verdict, call.as_deref()).map_err(|error| {
            Failed::Store(StoreError::Fault {
                reason: format!("the records hold a code of a newer version: {error}"),
            })
        })?;
        tally.add(disposition, parts.cast_unsigned());
    }
    Ok(tally)
}

fn disposition(verdict: &str, call: Option<&str>) -> Result<Disposition, UnknownCode> {
    let call = call.map(str::parse::<OperatorCall>).transpose()?;
    Ok(Disposition::of(verdict.parse()?, call))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connection, faults::Faults, layout::Layout};
    use wiko_core::{defect::Severity, sku::ProductSku, stage::Stage};

    async fn plan(
        connection: &mut SqliteConnection,
        mut query: QueryBuilder<Sqlite>,
    ) -> Vec<String> {
        let rows = query.build().fetch_all(connection).await.unwrap();
        rows.iter().map(|row| row.get("detail")).collect()
    }

    #[tokio::test]
    async fn every_page_walks_an_index_and_none_is_sorted() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        layout.create_root().unwrap();
        layout.create().unwrap();
        let faults = Faults::of(dir.path());
        let mut connection = connection::open_writer(&layout, &faults).await.unwrap();
        let any = HistoryFilter::default;
        let verdict = |code| HistoryFilter {
            verdict: Some(code),
            ..any()
        };
        let stage = HistoryFilter {
            stage: Some(Stage::LogoPrint),
            from: Some(UnixMillis(1)),
            to: Some(UnixMillis(2)),
            ..any()
        };
        let all = HistoryFilter {
            product_sku: Some(ProductSku::new("WK-KN-200").unwrap()),
            verdict: Some(VerdictCode::Fail),
            severity: Some(Severity::Major),
            ..stage.clone()
        };
        let sku = HistoryFilter {
            product_sku: all.product_sku.clone(),
            ..stage.clone()
        };
        let passes_of_a_stage = HistoryFilter {
            verdict: Some(VerdictCode::Pass),
            ..stage.clone()
        };
        let table = [
            (any(), "INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
            (
                verdict(VerdictCode::Pass),
                "inspection_by_verdict (verdict=? AND rowid>? AND rowid<?)",
            ),
            (
                verdict(VerdictCode::Fail),
                "inspection_by_verdict (verdict=? AND rowid>? AND rowid<?)",
            ),
            (
                stage,
                "inspection_by_stage (stage=? AND rowid>? AND rowid<?)",
            ),
            (
                sku,
                "inspection_by_sku (product_sku=? AND rowid>? AND rowid<?)",
            ),
            (
                all,
                "inspection_by_severity (worst_severity=? AND rowid>? AND rowid<?)",
            ),
            (
                passes_of_a_stage,
                "inspection_by_stage (stage=? AND rowid>? AND rowid<?)",
            ),
        ];
        for (filter, expected) in table {
            let span = Span { first: 1, last: 9 };
            let query = page_query("EXPLAIN QUERY PLAN ", &filter, span, None, 51);
            let plan = plan(&mut connection, query).await;
            assert!(plan[0].ends_with(expected), "{filter:?}: {plan:?}");
            assert!(
                !plan.iter().any(|step| step.contains("TEMP B-TREE")),
                "{plan:?}"
            );
            assert!(!plan.iter().any(|step| step.contains("SCAN")), "{plan:?}");
        }
    }

    #[tokio::test]
    async fn the_tally_reads_its_index_alone() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        layout.create_root().unwrap();
        layout.create().unwrap();
        let faults = Faults::of(dir.path());
        let mut connection = connection::open_writer(&layout, &faults).await.unwrap();
        let query = QueryBuilder::new(format!("EXPLAIN QUERY PLAN {TALLY}"));
        let plan = plan(&mut connection, query).await;
        assert!(
            plan[0].contains("COVERING INDEX inspection_by_time"),
            "{plan:?}"
        );
    }
}
