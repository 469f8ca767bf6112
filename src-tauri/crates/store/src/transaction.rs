//! Transactions of the one writer.
//!
//! Invariant: a transaction that SQLite rolled back by itself, as it does where the disk is full or fails,
//! does not keep the next one from beginning. The driver counts such a one as open for ever: its own
//! rollback fails, because there is nothing left to roll back.

use sqlx::{Connection, Database, Sqlite, SqliteConnection, Transaction};
// The part of the driver that counts transactions, which sqlx itself does not hand on.
use sqlx_core::transaction::TransactionManager;

type Counted = <Sqlite as Database>::TransactionManager;

/// Begins a transaction that writes. It is rolled back where it is dropped without a commit.
pub(crate) async fn begin(
    connection: &mut SqliteConnection,
) -> Result<Transaction<'_, Sqlite>, sqlx::Error> {
    settle(connection).await?;
    connection.begin_with("BEGIN IMMEDIATE").await
}

/// Sees to it that no transaction is open: a statement in one that is given up later would be undone after
/// it was acknowledged.
pub(crate) async fn settle(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    if connection.is_in_transaction() {
        forget_the_last(connection).await?;
    }
    Ok(())
}

async fn forget_the_last(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    // Lets a rollback that is under way come to its end.
    connection.ping().await?;
    if !connection.is_in_transaction() {
        return Ok(());
    }
    // Something to roll back; refused where the last one is open after all, and then it is that one.
    if let Err(error) = sqlx::query("BEGIN").execute(&mut *connection).await {
        tracing::debug!(%error, "the last transaction is still open");
    }
    Counted::rollback(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::ConnectOptions;

    #[tokio::test]
    async fn a_transaction_that_was_rolled_back_by_sqlite_does_not_block_the_next() {
        let options = sqlx::sqlite::SqliteConnectOptions::new().in_memory(true);
        let mut connection = options.connect().await.unwrap();
        let run = async |sql: &'static str, connection: &mut SqliteConnection| {
            sqlx::query(sql).execute(connection).await
        };
        run(
            "CREATE TABLE t (n INTEGER PRIMARY KEY ON CONFLICT ROLLBACK)",
            &mut connection,
        )
        .await
        .unwrap();
        for round in 0..3 {
            let mut transaction = begin(&mut connection).await.unwrap();
            run("INSERT INTO t VALUES (7)", &mut transaction)
                .await
                .unwrap();
            let refused = run("INSERT INTO t VALUES (7)", &mut transaction).await;
            assert!(refused.is_err(), "{round}");
            drop(transaction);
        }
        let mut transaction = begin(&mut connection).await.unwrap();
        run("INSERT INTO t VALUES (8)", &mut transaction)
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        let transaction = begin(&mut connection).await.unwrap();
        drop(transaction);
        let rows: Vec<i64> = sqlx::query_scalar("SELECT n FROM t")
            .fetch_all(&mut connection)
            .await
            .unwrap();
        assert_eq!(rows, [8]);
    }

    #[tokio::test]
    async fn a_statement_alone_is_never_within_a_transaction_that_somebody_left_open() {
        let options = sqlx::sqlite::SqliteConnectOptions::new().in_memory(true);
        let mut connection = options.connect().await.unwrap();
        let run = async |sql: &'static str, connection: &mut SqliteConnection| {
            sqlx::query(sql).execute(connection).await
        };
        run("CREATE TABLE t (n INTEGER)", &mut connection)
            .await
            .unwrap();
        std::mem::forget(begin(&mut connection).await.unwrap());
        settle(&mut connection).await.unwrap();
        run("INSERT INTO t VALUES (1)", &mut connection)
            .await
            .unwrap();
        let undone = run("ROLLBACK", &mut connection).await;
        assert!(undone.is_err(), "a transaction was open");
    }
}
