//! The search over what is said of parts.
//!
//! Invariants:
//! - What can be found of a part is written in the transaction that changes the part.
//! - A row of the search is never changed or removed: after each change of a part it gets a further one,
//!   which holds all that those before it hold. So the newest finds whatever any of them finds, and a
//!   part that is found twice is the same part.
//! - Whatever is asked for is only letters and digits when SQLite reads it: no text is an error.
//! - Each Chinese character is a word, and characters that follow one another must do so in the text. A
//!   word in letters or digits may be the beginning of a longer one, from the second letter on.

use crate::{row::column, transaction};
use sqlx::SqliteConnection;

/// Rows of the search that a part can have: more changes than this are not searched.
const ROWS_OF_A_PART: u32 = 12;

/// Records that are taken into the search in one transaction.
const BATCH: i64 = 1000;

/// The row of the search for what is known of a part now. Rows count down from zero, so that the newest
/// comes first: FTS5 walks upwards many times faster than downwards.
const ROW: &str = "-((i.sequence << 12) + (i.verdict <> 'pending')
         + (SELECT count(*) FROM operator_decision o WHERE o.inspection = i.sequence))";

/// The first row that a part gets in the search, which is the highest that it has.
pub(crate) fn first_row(sequence: i64) -> i64 {
    -(sequence.clamp(0, i64::MAX >> ROWS_OF_A_PART) << ROWS_OF_A_PART)
}

/// The part of a row of the search.
pub(crate) fn sequence(row: i64) -> i64 {
    row.saturating_neg() >> ROWS_OF_A_PART
}

/// What is searched of an analysis. Read leniently: a reply that was refused is searched as well.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Texts {
    summary: String,
    findings: Vec<FindingTexts>,
    cause: Option<CauseTexts>,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct FindingTexts {
    description: String,
    defect_type: String,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct CauseTexts {
    root_cause: String,
}

/// Writes what can be found of a part by now. In the transaction that changed it.
pub(crate) async fn put(
    connection: &mut SqliteConnection,
    sequence: i64,
) -> Result<(), sqlx::Error> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT {ROW} AS row, i.lot, i.serial, i.analysis,
                (SELECT group_concat(o.reason, ' ') FROM operator_decision o
                 WHERE o.inspection = i.sequence) AS reasons
         FROM inspection i WHERE i.sequence = ?"
    )))
    .bind(sequence)
    .fetch_one(&mut *connection)
    .await?;
    let text = |name| column::<Option<&str>>(&row, name).map(Option::unwrap_or_default);
    let analysis: Texts = serde_json::from_str(text("analysis")?).unwrap_or_default();
    let mut said = vec![text("lot")?, text("serial")?, &analysis.summary];
    for finding in &analysis.findings {
        said.extend([&*finding.description, &*finding.defect_type]);
    }
    said.extend(analysis.cause.as_ref().map(|cause| &*cause.root_cause));
    said.push(text("reasons")?);
    let row: i64 = column(&row, "row")?;
    if self::sequence(row) != sequence {
        // A part of which people spoke some thousand times keeps what was found of it before.
        return Ok(());
    }
    write(connection, row, &said).await
}

/// Writes a row of the search.
pub(crate) async fn write(
    connection: &mut SqliteConnection,
    row: i64,
    said: &[&str],
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO search (rowid, text) VALUES (?, ?)")
        .bind(row)
        .bind(text(said))
        .execute(connection)
        .await
        .map(drop)
}

/// Texts as one, as it is indexed.
pub(crate) fn text(said: &[&str]) -> String {
    let words: Vec<_> = said.iter().map(|text| words(text)).collect();
    words.join(" ")
}

/// Takes records into the search that are older than it. Broken off, it goes on at the next start.
pub(crate) async fn catch_up(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    loop {
        let backlog = sqlx::query("SELECT next, last FROM search_backlog")
            .fetch_optional(&mut *connection)
            .await?;
        let Some(backlog) = backlog else {
            return Ok(());
        };
        let (next, last): (i64, i64) = (column(&backlog, "next")?, column(&backlog, "last")?);
        let end = last.saturating_add(1).min(next.saturating_add(BATCH));
        let mut transaction = transaction::begin(connection).await?;
        let parts: Vec<i64> = sqlx::query_scalar(
            "SELECT sequence FROM inspection WHERE sequence >= ? AND sequence < ?",
        )
        .bind(next)
        .bind(end)
        .fetch_all(&mut *transaction)
        .await?;
        for sequence in parts {
            put(&mut transaction, sequence).await?;
        }
        if end > last {
            sqlx::query("DELETE FROM search_backlog")
                .execute(&mut *transaction)
                .await?;
        } else {
            sqlx::query("UPDATE search_backlog SET next = ?")
                .bind(end)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        tracing::info!(
            up_to = end - 1,
            of = last,
            "records were taken into the search"
        );
    }
}

/// A text as it is indexed: each Chinese or Japanese character a word, everything that is neither letter
/// nor digit a space.
pub(crate) fn words(text: &str) -> String {
    let mut words = String::with_capacity(text.len() + text.len() / 2);
    for character in text.chars().map(half_width) {
        if is_word_by_itself(character) {
            words.extend([' ', character, ' ']);
        } else if character.is_alphanumeric() {
            words.push(character);
        } else {
            words.push(' ');
        }
    }
    words
}

/// What is asked for, in the language of FTS5: every word, each as a phrase. None where there is no
/// letter or digit in it, which nothing matches.
pub(crate) fn expression(text: &str) -> Option<String> {
    let phrases: Vec<_> = text.split_whitespace().filter_map(phrase).collect();
    (!phrases.is_empty()).then(|| phrases.join(" "))
}

fn phrase(word: &str) -> Option<String> {
    let words = words(word);
    let words: Vec<&str> = words.split_whitespace().collect();
    let last = words.last()?;
    // A single letter begins too many words to be of use, and the index has no entry for it.
    let cut_short = last.chars().count() > 1;
    let star = if cut_short { " *" } else { "" };
    Some(format!("\"{}\"{star}", words.join(" ")))
}

/// Letters and digits as Chinese input methods make them, in the usual form.
fn half_width(character: char) -> char {
    match character {
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(character) - 0xfee0).unwrap_or(character)
        }
        '\u{3000}' => ' ',
        other => other,
    }
}

/// Han, kana and their extensions: writing without spaces between words.
fn is_word_by_itself(character: char) -> bool {
    matches!(
        character,
        '\u{3040}'..='\u{30ff}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}'
    ) && character.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connection, faults::Faults, layout::Layout};
    use proptest::{prelude::*, strategy::ValueTree};
    use sqlx::Connection;

    #[test]
    fn each_chinese_character_is_a_word_and_letters_stay_together() {
        let plain = |text| words(text).split_whitespace().collect::<Vec<_>>().join("|");
        assert_eq!(plain("刃口锈斑，长3mm"), "刃|口|锈|斑|长|3mm");
        assert_eq!(plain("L2603-01 rust_spot"), "L2603|01|rust|spot");
        assert_eq!(plain("批号Ｌ２６０３"), "批|号|L2603");
    }

    #[test]
    fn a_question_is_quoted_phrases_and_nothing_else() {
        let table = [
            ("锈", Some("\"锈\"")),
            ("锈斑 L2603-01", Some("\"锈 斑\" \"L2603 01\" *")),
            ("A", Some("\"A\"")),
            ("rust NOT \"x", Some("\"rust\" * \"NOT\" * \"x\"")),
            ("*", None),
            ("\0", None),
            (" ，。 ", None),
            ("", None),
        ];
        for (asked, expected) in table {
            assert_eq!(expression(asked).as_deref(), expected, "{asked:?}");
        }
    }

    async fn index(texts: &[&str]) -> (tempfile::TempDir, SqliteConnection) {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        layout.create_root().unwrap();
        layout.create().unwrap();
        let faults = Faults::of(dir.path());
        let mut database = connection::open_writer(&layout, &faults).await.unwrap();
        for (n, text) in (1..).zip(texts) {
            write(&mut database, first_row(n), &[text]).await.unwrap();
        }
        (dir, database)
    }

    async fn found(database: &mut SqliteConnection, asked: &str) -> Vec<i64> {
        let Some(expression) = expression(asked) else {
            return vec![];
        };
        let rows: Vec<i64> =
            sqlx::query_scalar("SELECT rowid FROM search WHERE search MATCH ? ORDER BY rowid")
                .bind(expression)
                .fetch_all(database)
                .await
                .unwrap();
        rows.into_iter().map(sequence).collect()
    }

    #[tokio::test]
    async fn chinese_is_found_by_one_and_by_two_characters_and_words_by_their_beginning() {
        let (_dir, mut database) = index(&[
            "刃口有锈斑 rust_spot L2603-01",
            "斑点，表面生锈 L2603-02",
            "刀面划痕 blade_scratch L2604-01 SN00012345",
        ])
        .await;
        let table: [(&str, &[i64]); 15] = [
            ("锈", &[2, 1]),
            ("锈斑", &[1]),
            ("斑锈", &[]),
            ("划痕", &[3]),
            ("锈 斑", &[2, 1]),
            ("rust", &[1]),
            ("RUST_SP", &[1]),
            ("scr", &[3]),
            ("L2603", &[2, 1]),
            ("l26", &[3, 2, 1]),
            ("L2603-02", &[2]),
            ("Ｌ２６０３－０１", &[1]),
            ("SN000123", &[3]),
            ("锈 L2603-02", &[2]),
            ("???", &[]),
        ];
        for (asked, expected) in table {
            assert_eq!(found(&mut database, asked).await, expected, "{asked}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        /// Words of an expression hold nothing that FTS5 could take for anything but words.
        #[test]
        fn no_text_makes_an_expression_that_is_more_than_quoted_words(text in any::<String>()) {
            if let Some(expression) = expression(&text) {
                let quotes = expression.matches('"').count();
                prop_assert_eq!(quotes % 2, 0);
                for (n, piece) in expression.split('"').enumerate() {
                    let inside = n % 2 == 1;
                    let fits = |c: char| if inside { c.is_alphanumeric() || c == ' ' } else { c == ' ' || c == '*' };
                    prop_assert!(piece.chars().all(fits), "{}", expression);
                }
            }
        }
    }

    #[tokio::test]
    async fn whatever_is_asked_for_is_answered() {
        let (_dir, mut database) = index(&["刃口有锈斑"]).await;
        let odd = [
            "\"",
            "'",
            "(",
            "a AND",
            "NEAR(a b)",
            "text:a",
            "^a",
            "a\0b",
            "a*b",
            "锈 -斑",
            "--",
            "{a}",
            "\u{200b}",
            "👀",
            "²",
            "Ⅷ",
            "ſ",
            "İ",
            "़",
            "ﷺ",
            "a\u{301}",
            "\u{e000}",
        ];
        for asked in odd {
            found(&mut database, asked).await;
        }
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        for _ in 0..300 {
            let asked = any::<String>().new_tree(&mut runner).unwrap().current();
            found(&mut database, &asked).await;
        }
    }

    #[tokio::test]
    async fn records_that_are_older_than_the_search_and_the_counts_are_taken_into_both() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        layout.create_root().unwrap();
        layout.create().unwrap();
        let mut old =
            sqlx::SqliteConnection::connect(&format!("sqlite://{}", layout.database().display()))
                .await
                .unwrap();
        connection::MIGRATIONS.run_to(2, &mut old).await.unwrap();
        let parts = format!(
            "WITH RECURSIVE part(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM part WHERE n < 2500)
             INSERT INTO inspection (id, captured_at, facility, station, stage, product_sku, lot,
                shift, operator, camera, frame_sequence, exposed_at, image_sha256, image_size_bytes,
                image_width_px, image_height_px, image_format)
             SELECT n, n * 60000, 'f', 's', 'logo_print', 'K', 'L' || n, 'A', 'o', 'c', 1, 1, '{}',
                1, 1, 1, 'jpeg' FROM part",
            "a".repeat(64)
        );
        let analysis = r#"{"summary":"表面有锈斑","findings":[{"defect_type":"rust_spot"}]}"#;
        for sql in [
            parts,
            format!(
                "UPDATE inspection SET verdict = 'fail', decided_at = 1, analysis = '{analysis}',
                    worst_severity = 'critical', worst_defect_type = 'rust_spot', findings = 1
                 WHERE sequence IN (7, 2400)"
            ),
            "INSERT INTO operator_decision (inspection, call, operator, reason, decided_at)
             VALUES (7, 'accept', 'o', 'within_limits', 1), (8, 'reject', 'o', 'seen', 1)"
                .to_owned(),
        ] {
            sqlx::query(sqlx::AssertSqlSafe(sql))
                .execute(&mut old)
                .await
                .unwrap();
        }
        old.close().await.unwrap();

        let faults = Faults::of(dir.path());
        let mut database = connection::open_writer(&layout, &faults).await.unwrap();
        let table: [(&str, &[i64]); 6] = [
            ("锈斑", &[2400, 7]),
            ("rust", &[2400, 7]),
            ("within", &[7]),
            ("seen", &[8]),
            ("L2500", &[2500]),
            ("L1234", &[1234]),
        ];
        for (asked, expected) in table {
            assert_eq!(found(&mut database, asked).await, expected, "{asked}");
        }
        let counts: Vec<(String, i64)> = sqlx::query_as(
            "SELECT disposition, sum(parts) FROM parts_by_hour GROUP BY 1 ORDER BY 1",
        )
        .fetch_all(&mut database)
        .await
        .unwrap();
        let expected = [
            ("accepted", 1),
            ("fail", 1),
            ("pending", 2497),
            ("rejected", 1),
        ];
        assert_eq!(counts, expected.map(|(code, n)| (code.to_owned(), n)));
        let by_day: i64 = sqlx::query_scalar("SELECT sum(parts) FROM parts_by_day WHERE day = 1")
            .fetch_one(&mut database)
            .await
            .unwrap();
        assert_eq!(
            by_day,
            2500 - 1439,
            "a day has 1440 minutes, and the first part is in the second"
        );
    }
}
