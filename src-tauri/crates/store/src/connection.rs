//! Connections to the database, each with its settings read back.
//!
//! Invariant: no connection is used whose journal is not WAL, whose synchronous is not FULL, or whose
//! SQLite has the WAL-reset bug that was fixed in 3.51.3. Whoever cannot have them does not start.

use crate::{faults::Faults, layout::Layout, search};
use sqlx::{
    ConnectOptions, Row, SqliteConnection, SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{path::Path, time::Duration};
use wiko_core::ports::StoreError;

pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// The first SQLite without the WAL-reset bug.
const LEAST_SQLITE: [u32; 3] = [3, 51, 3];

/// One, because each has a cache of its own: of several, each question met a cold one, and took two to three times
/// as long. What reads for long has a connection of its own (`RecordsReader::apart`).
const READERS: u32 = 1;

/// The write-ahead log is cut back to this after a checkpoint.
const WAL_KEPT_BYTES: u32 = 64 << 20;

fn options(layout: &Layout) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(layout.database())
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("journal_size_limit", WAL_KEPT_BYTES.to_string())
        // Sorting must work while the disk is full.
        .pragma("temp_store", "memory")
}

/// The one connection that writes, its schema brought up to date.
pub(crate) async fn open_writer(
    layout: &Layout,
    faults: &Faults,
) -> Result<SqliteConnection, StoreError> {
    let mut connection = options(layout)
        .connect()
        .await
        .map_err(|error| faults.row_write(&error))?;
    assert_settings(&mut connection)
        .await
        .map_err(|error| faults.row_write(&error))?;
    MIGRATIONS
        .run(&mut connection)
        .await
        .map_err(|error| match error {
            MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => faults.too_new(),
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                faults.row_write(&error)
            }
            other => StoreError::Fault {
                reason: format!("the database was not brought up to date: {other}"),
            },
        })?;
    search::catch_up(&mut connection)
        .await
        .map_err(|error| faults.row_write(&error))?;
    Ok(connection)
}

/// Brings what is in the log into the database and empties it, so that a log never holds frames of two runs: what
/// one of them tore off would look like damage to the next. Where there is no room it does without; a disk that
/// fails is latched.
pub(crate) async fn empty_log(writer: &mut SqliteConnection, faults: &Faults) {
    let emptied = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_all(writer)
        .await;
    if let Err(error) = emptied {
        let error = faults.row_write(&error);
        tracing::warn!(%error, "the write-ahead log could not be emptied");
    }
}

/// Connections that cannot write.
pub(crate) async fn open_readers(
    layout: &Layout,
    faults: &Faults,
) -> Result<SqlitePool, StoreError> {
    let opened = readers()
        .after_connect(|connection, _| Box::pin(assert_settings(connection)))
        .connect_with(options(layout).read_only(true))
        .await;
    match opened.map_err(|error| faults.row_read(&error)) {
        // A clean end takes the log away, and where nothing can be written SQLite cannot make another one to
        // read beside. Without a log no station is at work here, and the database is what it is.
        Err(StoreError::ReadOnly { .. }) if !has_log(layout) => readers()
            .connect_with(standing_still(&layout.database()))
            .await
            .map_err(|error| faults.row_read(&error)),
        other => other,
    }
}

fn readers() -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        // A connection to a file does not go away by itself, and a ping costs two thread switches.
        .test_before_acquire(false)
}

/// True where rows may lie in the write-ahead log that are not in the database yet.
fn has_log(layout: &Layout) -> bool {
    std::fs::metadata(layout.wal()).map_or_else(
        |error| error.kind() != std::io::ErrorKind::NotFound,
        |log| log.len() > 0,
    )
}

/// Of a database that nobody changes: read without locks and without a log.
fn standing_still(database: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(database)
        .read_only(true)
        .immutable(true)
        .pragma("temp_store", "memory")
}

/// A copy of a database, which nobody else has.
pub(crate) async fn open_still(database: &Path) -> Result<SqliteConnection, sqlx::Error> {
    standing_still(database).connect().await
}

/// Compares the schema of a database that another process keeps with the one known here. False where nothing
/// can have been captured yet: the power may go while a station is started for the first time.
pub(crate) async fn check_schema(
    readers: &SqlitePool,
    faults: &Faults,
) -> Result<bool, StoreError> {
    let failed = |error: sqlx::Error| faults.row_read(&error);
    let begun: bool = sqlx::query_scalar(
        "SELECT count(*) = 2 FROM sqlite_schema WHERE name IN ('_sqlx_migrations', 'inspection')",
    )
    .fetch_one(readers)
    .await
    .map_err(failed)?;
    if !begun {
        return Ok(false);
    }
    let known = MIGRATIONS.iter().map(|migration| migration.version).max();
    let found: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
        .fetch_one(readers)
        .await
        .map_err(failed)?;
    match found.cmp(&known) {
        std::cmp::Ordering::Equal => Ok(true),
        std::cmp::Ordering::Greater => Err(faults.too_new()),
        std::cmp::Ordering::Less => {
            let captured: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM inspection)")
                .fetch_one(readers)
                .await
                .map_err(failed)?;
            if !captured {
                return Ok(false);
            }
            Err(StoreError::Fault {
                reason: "the database is of an older version: start the station once, which brings it up to date".into(),
            })
        }
    }
}

/// Reads back what the invariant asks for. The driver sets neither by itself, and a file system
/// without shared memory silently keeps another journal.
async fn assert_settings(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let row = sqlx::query(
        "SELECT sqlite_version() AS version,
                (SELECT journal_mode FROM pragma_journal_mode) AS journal,
                (SELECT synchronous FROM pragma_synchronous) AS synchronous,
                (SELECT foreign_keys FROM pragma_foreign_keys) AS foreign_keys",
    )
    .fetch_one(connection)
    .await?;
    let version: String = row.try_get("version")?;
    let journal: String = row.try_get("journal")?;
    let synchronous: i64 = row.try_get("synchronous")?;
    let foreign_keys: i64 = row.try_get("foreign_keys")?;
    let refused = |reason: String| Err(sqlx::Error::Configuration(reason.into()));
    if !recent_enough(&version) {
        return refused(format!(
            "SQLite {version} can lose committed rows: 3.51.3 or newer is needed"
        ));
    }
    if journal != "wal" {
        return refused(format!(
            "its journal is {journal}, not wal: use a local disk"
        ));
    }
    const FULL: i64 = 2;
    if synchronous != FULL || foreign_keys != 1 {
        return refused(format!(
            "synchronous is {synchronous} and foreign_keys {foreign_keys}, not 2 and 1"
        ));
    }
    Ok(())
}

fn recent_enough(version: &str) -> bool {
    let parts: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    parts.is_some_and(|parts| parts.as_slice() >= LEAST_SQLITE.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::Connection;

    #[test]
    fn only_versions_without_the_wal_reset_bug_are_recent_enough() {
        for (version, enough) in [
            ("3.51.3", true),
            ("3.52.0", true),
            ("4.0", true),
            ("3.51.2", false),
            ("3.9.9", false),
            ("", false),
            ("new", false),
        ] {
            assert_eq!(recent_enough(version), enough, "{version}");
        }
    }

    #[tokio::test]
    async fn a_first_start_that_the_power_ended_left_a_station_that_captured_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        layout.create_root().unwrap();
        layout.create().unwrap();
        let faults = Faults::of(dir.path());
        let said = async || {
            let readers = open_readers(&layout, &faults).await.unwrap();
            let said = check_schema(&readers, &faults).await;
            readers.close().await;
            said
        };
        let mut connection = options(&layout).connect().await.unwrap();
        assert_eq!(said().await, Ok(false), "not a table yet");
        MIGRATIONS.run_to(1, &mut connection).await.unwrap();
        let all = MIGRATIONS.iter().count() == 1;
        assert_eq!(said().await, Ok(all), "the first of the migrations alone");
        MIGRATIONS.run(&mut connection).await.unwrap();
        assert_eq!(said().await, Ok(true));
        connection.close().await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_that_is_not_full_or_not_wal_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path());
        layout.create_root().unwrap();
        layout.create().unwrap();
        for weaker in [
            options(&layout).synchronous(SqliteSynchronous::Normal),
            options(&layout).journal_mode(SqliteJournalMode::Truncate),
            options(&layout).foreign_keys(false),
        ] {
            let mut connection = weaker.connect().await.unwrap();
            assert!(assert_settings(&mut connection).await.is_err());
            connection.close().await.unwrap();
        }
        let mut connection = options(&layout).connect().await.unwrap();
        assert_settings(&mut connection).await.unwrap();
    }
}
