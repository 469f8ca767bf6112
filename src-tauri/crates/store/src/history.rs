//! Pages of the history.
//!
//! Invariants:
//! - A page walks one index from its newest entry backwards; it never sorts, and never skips rows to
//!   find where it begins. Which index that is says [`index_of`], not a planner that goes by yesterday's
//!   statistics.
//! - A search walks the index of the words instead and looks at no more than [`MOST_EXAMINED`] parts for
//!   a page, whatever else is asked of them: the page says where the next one goes on.
//! - A span of time is first turned into a span of sequence numbers by `time_block`: the clock may
//!   have been set back, so the order of capture alone does not say where a time lies.

use crate::{
    row::{HistoryLine, column},
    search,
    statement::{Asking, Statement},
};
use sqlx::sqlite::SqliteRow;
use wiko_core::{
    disposition::Disposition,
    history::{HistoryCursor, HistoryFilter, HistoryPage, HistoryRow},
    ports::StoreError,
};

/// More rows than this are not read at once, whatever is asked for: a long read keeps the write-ahead
/// log from being cut back.
const MOST_ROWS: u32 = 1000;

/// Parts that a search looks at for one page; about 20 ms.
const MOST_EXAMINED: usize = 2048;

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

const NOTHING: HistoryPage = HistoryPage {
    rows: vec![],
    next: None,
};

pub(crate) async fn page(
    asking: &mut Asking<'_>,
    filter: &HistoryFilter,
    after: Option<HistoryCursor>,
    limit: u32,
) -> Result<HistoryPage, Failed> {
    let limit = limit.clamp(1, MOST_ROWS) as usize;
    if finds_nothing(filter) {
        return Ok(NOTHING);
    }
    let Some(mut span) = span(asking, filter).await? else {
        return Ok(NOTHING);
    };
    if let Some(HistoryCursor(sequence)) = after {
        // The cursor's own row was on the page before.
        span.last = span.last.min(sequence.saturating_sub(1));
    }
    let asked = filter.text.as_deref().map(str::trim);
    if let Some(asked) = asked.filter(|text| !text.is_empty()) {
        return match search::expression(asked) {
            Some(expression) => searched(asking, filter, &expression, span, limit).await,
            None => Ok(NOTHING),
        };
    }
    // One more than asked for shows whether there is a next page.
    let mut statement = Statement::new("SELECT ");
    statement.push(AS_JSON).push(" FROM (");
    statement.append(page_query(filter, span, limit + 1));
    statement.push(")");
    let row = asking.row(statement).await?;
    let mut rows = lines_of(&row)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = cursor(&rows).filter(|_| more);
    Ok(HistoryPage { rows, next })
}

/// True of filters that exclude one another: a defect is found by a decision that is no pass.
fn finds_nothing(filter: &HistoryFilter) -> bool {
    filter.severity.is_some()
        && matches!(
            filter.disposition,
            Some(Disposition::Pass | Disposition::Pending)
        )
}

/// The lines of a row of [`AS_JSON`], newest first.
fn lines_of(row: &SqliteRow) -> Result<Vec<HistoryRow>, Failed> {
    let fault = |reason: String| Failed::Store(StoreError::Fault { reason });
    let lines: Vec<HistoryLine> = serde_json::from_str(column(row, "lines")?)
        .map_err(|error| fault(format!("the history cannot be read: {error}")))?;
    let mut rows = lines
        .into_iter()
        .map(HistoryLine::into_row)
        .collect::<Result<Vec<_>, _>>()
        .map_err(Failed::Store)?;
    // An aggregate promises no order.
    rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.sequence));
    Ok(rows)
}

fn cursor(rows: &[HistoryRow]) -> Option<HistoryCursor> {
    rows.last().map(|row| HistoryCursor(row.sequence))
}

/// A page of what a search finds.
async fn searched(
    asking: &mut Asking<'_>,
    filter: &HistoryFilter,
    expression: &str,
    mut span: Span,
    limit: usize,
) -> Result<HistoryPage, Failed> {
    // Two rows of the search a part, as most have, fill the page at once where nothing else narrows.
    let mut chunk = 2 * (limit + 1);
    let (mut rows, mut examined) = (vec![], 0);
    while span.first <= span.last {
        let wanted = limit + 1 - rows.len();
        let row = asking
            .row(found_query(filter, expression, span, chunk, wanted))
            .await?;
        let found = usize::try_from(column::<i64>(&row, "found")?).unwrap_or(0);
        let Some(oldest) = column::<Option<i64>>(&row, "oldest")? else {
            break;
        };
        rows.extend(lines_of(&row)?);
        if rows.len() > limit {
            rows.truncate(limit);
            let next = cursor(&rows);
            return Ok(HistoryPage { rows, next });
        }
        if found < chunk {
            break;
        }
        examined += found;
        if examined >= MOST_EXAMINED {
            let next = Some(HistoryCursor(oldest));
            return Ok(HistoryPage { rows, next });
        }
        span.last = oldest - 1;
        chunk = (chunk * 4).min(MOST_EXAMINED - examined);
    }
    Ok(HistoryPage { rows, next: None })
}

/// Where a filter's span of time lies in the order of capture; none where nothing was captured in it.
async fn span(
    asking: &mut Asking<'_>,
    filter: &HistoryFilter,
) -> Result<Option<Span>, sqlx::Error> {
    if filter.from.is_none() && filter.to.is_none() {
        return Ok(Some(Span {
            first: 0,
            last: i64::MAX,
        }));
    }
    let mut statement = Statement::new(
        "SELECT min(block) << 10 AS first, (max(block) << 10) + 1023 AS last
         FROM time_block WHERE last_at >= ? AND first_at < ?",
    );
    statement
        .with(filter.from.map_or(i64::MIN, |from| from.0))
        .with(filter.to.map_or(i64::MAX, |to| to.0));
    let row = asking.row(statement).await?;
    let (first, last): (Option<i64>, Option<i64>) = (column(&row, "first")?, column(&row, "last")?);
    Ok(first.zip(last).map(|(first, last)| Span { first, last }))
}

const COLUMNS_OF: &str =
    "SELECT sequence, id, captured_at, stage, product_sku, lot, verdict, worst_severity,
                worst_defect_type, findings,
                (SELECT call FROM operator_decision WHERE inspection = sequence
                 ORDER BY number DESC LIMIT 1) AS operator_call,
                ifnull(uploaded_revision = revision, 0) AS uploaded
         FROM ";

/// All lines in one row: a row a line would cost more on its way here than in the database.
const AS_JSON: &str =
    "json_group_array(json_array(sequence, id, captured_at, stage, product_sku, lot,
            verdict, worst_severity, worst_defect_type, findings, operator_call, uploaded)) AS lines";

/// Rows of the search, newest first.
const FOUND: &str = "SELECT rowid FROM search WHERE search MATCH ? AND rowid > ? AND rowid <= ?
         ORDER BY rowid LIMIT ?";

/// The index in which the rows of a filter lie together, and nothing else but what is narrowed by a
/// glance; none for that of the sequence itself.
fn index_of(filter: &HistoryFilter) -> Option<&'static str> {
    let (stage, sku) = (filter.stage.is_some(), filter.product_sku.is_some());
    if filter.severity.is_some() {
        return Some(match (stage, sku) {
            (false, false) => "inspection_by_severity",
            (true, false) => "inspection_by_severity_and_stage",
            (false, true) => "inspection_by_severity_and_sku",
            (true, true) => "inspection_by_severity_stage_and_sku",
        });
    }
    let rare = filter.disposition.is_some_and(|it| it != Disposition::Pass);
    match (stage, sku, rare) {
        (true, false, true) => Some("inspection_by_disposition_and_stage"),
        (false, true, true) => Some("inspection_by_disposition_and_sku"),
        (true, true, true) => Some("inspection_by_disposition_stage_and_sku"),
        (true, false, false) => Some("inspection_by_stage"),
        (false, true, false) => Some("inspection_by_sku"),
        (true, true, false) => Some("inspection_by_stage_and_sku"),
        (false, false, _) => filter.disposition.map(|_| "inspection_by_disposition"),
    }
}

fn page_query(filter: &HistoryFilter, span: Span, rows: usize) -> Statement {
    let mut query = Statement::new(COLUMNS_OF);
    query.push("inspection ");
    match index_of(filter) {
        Some(index) => query.push("INDEXED BY ").push(index),
        None => query.push("NOT INDEXED"),
    };
    query
        .push_with(" WHERE sequence >= ?", span.first)
        .push_with(" AND sequence <= ?", span.last);
    narrow(&mut query, filter);
    query.push_with(" ORDER BY sequence DESC LIMIT ?", rows);
    query
}

/// The newest rows of the search, how many they are and of which part the oldest is, and those of their
/// parts, newest first, that the rest of the filter leaves.
fn found_query(
    filter: &HistoryFilter,
    expression: &str,
    span: Span,
    chunk: usize,
    rows: usize,
) -> Statement {
    let mut query = Statement::new("WITH found (part) AS MATERIALIZED (SELECT -rowid >> 12 FROM (");
    query
        .push(FOUND)
        .with(expression)
        .with(search::first_row(span.last.saturating_add(1)))
        .with(search::first_row(span.first))
        .with(chunk)
        .push(")) SELECT (SELECT count(*) FROM found) AS found, (SELECT min(part) FROM found) AS oldest, ")
        .push(AS_JSON)
        // The join follows the order of what was found: the limit keeps the newest.
        .push(" FROM (")
        .push(COLUMNS_OF)
        .push("(SELECT DISTINCT part FROM found) CROSS JOIN inspection NOT INDEXED WHERE sequence = part");
    narrow(&mut query, filter);
    query.push_with(" LIMIT ?)", rows);
    query
}

/// Each part of the filter but the text.
fn narrow(query: &mut Statement, filter: &HistoryFilter) {
    if let Some(severity) = filter.severity {
        query.push_with(" AND worst_severity = ?", severity.code());
    }
    if let Some(disposition) = filter.disposition {
        query.push_with(" AND disposition = ?", disposition.code());
        if disposition != Disposition::Pass {
            // Said in full: SQLite does not look into a parameter to find that an index is for it.
            query.push(" AND disposition <> 'pass'");
        }
    }
    if let Some(stage) = filter.stage {
        query.push_with(" AND stage = ?", stage.code());
    }
    if let Some(sku) = &filter.product_sku {
        query.push_with(" AND product_sku = ?", sku.as_str());
    }
    if let Some(from) = filter.from {
        query.push_with(" AND captured_at >= ?", from.0);
    }
    if let Some(to) = filter.to {
        query.push_with(" AND captured_at < ?", to.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connection, faults::Faults, layout::Layout};
    use sqlx::{Row, SqliteConnection};
    use wiko_core::{defect::Severity, sku::ProductSku, stage::Stage, time::UnixMillis};

    async fn database(dir: &std::path::Path) -> SqliteConnection {
        let layout = Layout::new(dir);
        layout.create_root().unwrap();
        layout.create().unwrap();
        connection::open_writer(&layout, &Faults::of(dir))
            .await
            .unwrap()
    }

    async fn plan(connection: &mut SqliteConnection, statement: Statement) -> Vec<String> {
        let statement = statement.explained();
        let rows = Asking::new(connection).rows(statement).await.unwrap();
        rows.iter().map(|row| row.get("detail")).collect()
    }

    /// How FTS5 tells that it walks what matches, within a range of rows, and in their order (64).
    const BY_WORDS: &str = "SCAN search VIRTUAL TABLE INDEX 64:M1><";

    /// Every combination of filters, also with a span of time.
    fn every_filter() -> impl Iterator<Item = HistoryFilter> {
        let dispositions = Disposition::ALL.iter().copied().map(Some).chain([None]);
        dispositions.flat_map(|disposition| {
            (0..16).map(move |bits| HistoryFilter {
                disposition,
                severity: (bits & 1 > 0).then_some(Severity::Major),
                stage: (bits & 2 > 0).then_some(Stage::LogoPrint),
                product_sku: (bits & 4 > 0).then(|| ProductSku::new("WK-KN-200").unwrap()),
                from: (bits & 8 > 0).then_some(UnixMillis(1)),
                to: (bits & 8 > 0).then_some(UnixMillis(2)),
                text: None,
            })
        })
    }

    #[tokio::test]
    async fn every_page_walks_the_index_of_its_filters_and_none_is_sorted() {
        let dir = tempfile::tempdir().unwrap();
        let mut connection = database(dir.path()).await;
        let span = Span { first: 1, last: 9 };
        let mut walked = std::collections::BTreeSet::new();
        for filter in every_filter().filter(|filter| !finds_nothing(filter)) {
            let query = page_query(&filter, span, 51);
            let plan = plan(&mut connection, query).await;
            assert!(
                !plan.iter().any(|step| step.contains("TEMP B-TREE")),
                "{plan:?}"
            );
            assert!(!plan.iter().any(|step| step.contains("SCAN")), "{plan:?}");
            // What an index begins with is compared, and the sequence after it.
            let mut begins = vec![];
            if filter.severity.is_some() {
                begins.push("worst_severity=?");
            } else if index_of(&filter).is_some_and(|name| name.contains("disposition")) {
                begins.push("disposition=?");
            }
            begins.extend(filter.stage.map(|_| "stage=?"));
            begins.extend(filter.product_sku.as_ref().map(|_| "product_sku=?"));
            let expected = match index_of(&filter) {
                Some(index) => {
                    walked.insert(index);
                    let sequence = if filter.severity.is_some() {
                        "sequence"
                    } else {
                        "rowid"
                    };
                    format!(
                        "INDEX {index} ({} AND {sequence}>? AND {sequence}<?)",
                        begins.join(" AND ")
                    )
                }
                None => "INTEGER PRIMARY KEY (rowid>? AND rowid<?)".to_owned(),
            };
            assert!(plan[0].ends_with(&expected), "{filter:?}: {plan:?}");
        }
        assert_eq!(walked.len(), 11, "{walked:?}");
    }

    #[tokio::test]
    async fn a_search_walks_the_index_of_its_words_and_reads_only_the_parts_it_found() {
        let dir = tempfile::tempdir().unwrap();
        let mut connection = database(dir.path()).await;
        let mut found = Statement::new(FOUND);
        found.with("\"锈\"").with(9_i64).with(9_i64).with(9_i64);
        let steps = plan(&mut connection, found).await;
        assert_eq!(steps.len(), 1, "{steps:?}");
        assert!(steps[0].ends_with(BY_WORDS), "{steps:?}");
        let span = Span { first: 1, last: 9 };
        for filter in every_filter() {
            let query = found_query(&filter, "\"锈\"", span, 122, 61);
            let steps = plan(&mut connection, query).await;
            let read: Vec<_> = steps
                .iter()
                .filter(|step| step.contains(" inspection") || step.contains(" search "))
                .collect();
            assert_eq!(read.len(), 2, "{steps:?}");
            assert!(read[0].ends_with(BY_WORDS), "{steps:?}");
            assert_eq!(
                read[1],
                "SEARCH inspection USING INTEGER PRIMARY KEY (rowid=?)"
            );
            assert!(
                !steps.iter().any(|step| step.contains("ORDER BY")),
                "{steps:?}"
            );
        }
    }
}
