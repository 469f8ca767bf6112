//! A question to the database with its values, in one piece: so that what is measured elsewhere is the
//! very statement that is asked here.

use sqlx::{AssertSqlSafe, SqliteConnection, sqlite::SqliteRow};

/// A value of a statement.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Number(i64),
    Text(String),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// SQL and the values of its question marks, in their order.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    sql: String,
    values: Vec<Value>,
}

impl Statement {
    pub(crate) fn new(sql: &str) -> Self {
        Self {
            sql: sql.to_owned(),
            values: vec![],
        }
    }

    /// Adds SQL of ours, never of anybody else.
    pub(crate) fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Adds SQL of ours that ends in a question mark, and the mark's value.
    pub(crate) fn push_with(&mut self, sql: &str, value: impl Into<Value>) -> &mut Self {
        self.push(sql).with(value)
    }

    /// Adds a whole statement of ours.
    pub(crate) fn append(&mut self, other: Self) -> &mut Self {
        self.sql.push_str(&other.sql);
        self.values.extend(other.values);
        self
    }

    /// Gives the next question mark its value.
    pub(crate) fn with(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        self
    }

    /// Asks for its plan instead.
    #[cfg(test)]
    pub(crate) fn explained(mut self) -> Self {
        self.sql.insert_str(0, "EXPLAIN QUERY PLAN ");
        self
    }

    /// With the values in their places, for whoever takes SQL alone.
    fn in_full(&self) -> String {
        let mut pieces = self.sql.split('?');
        let mut full = pieces.next().unwrap_or_default().to_owned();
        for (value, piece) in self.values.iter().zip(pieces) {
            match value {
                Value::Number(number) => full += &number.to_string(),
                Value::Text(text) => full += &format!("'{}'", text.replace('\'', "''")),
            }
            full += piece;
        }
        full
    }
}

/// Asks a database, and may keep what was asked.
pub(crate) struct Asking<'a> {
    connection: &'a mut SqliteConnection,
    kept: Option<Vec<String>>,
}

impl<'a> Asking<'a> {
    pub(crate) fn new(connection: &'a mut SqliteConnection) -> Self {
        Self {
            connection,
            kept: None,
        }
    }

    /// Keeps each statement from now on.
    pub(crate) fn keeping(connection: &'a mut SqliteConnection) -> Self {
        Self {
            connection,
            kept: Some(vec![]),
        }
    }

    pub(crate) fn kept(self) -> Vec<String> {
        self.kept.unwrap_or_default()
    }

    pub(crate) async fn rows(
        &mut self,
        statement: Statement,
    ) -> Result<Vec<SqliteRow>, sqlx::Error> {
        if let Some(kept) = &mut self.kept {
            kept.push(statement.in_full());
        }
        let mut query = sqlx::query(AssertSqlSafe(statement.sql));
        for value in statement.values {
            query = match value {
                Value::Number(number) => query.bind(number),
                Value::Text(text) => query.bind(text),
            };
        }
        query.fetch_all(&mut *self.connection).await
    }

    /// Of a statement that always gives one row.
    pub(crate) async fn row(&mut self, statement: Statement) -> Result<SqliteRow, sqlx::Error> {
        let mut rows = self.rows(statement).await?;
        rows.pop().ok_or(sqlx::Error::RowNotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_in_full_has_each_value_in_its_place() {
        let mut statement = Statement::new("SELECT a FROM b WHERE c = ?");
        statement.with("it's").push_with(" AND d < ?", 5_i64);
        assert_eq!(
            statement.in_full(),
            "SELECT a FROM b WHERE c = 'it''s' AND d < 5"
        );
    }
}
