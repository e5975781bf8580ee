//! Reads the store, on whichever engine it is.

use std::borrow::Cow;

use super::sql::{Row, Unfit, Value};
use super::{Error, postgres, sqlite};

/// Reads the store; cheap to clone, any number at once.
#[derive(Debug, Clone)]
pub struct Reader(Engine);

#[derive(Debug, Clone)]
enum Engine {
    Sqlite(sqlite::Reader),
    Postgres(postgres::Reader),
}

/// What a query asks.
#[derive(Debug)]
pub(super) struct Query<'a> {
    /// The table that an error names.
    pub table: &'static str,
    pub sql: Cow<'a, str>,
    pub values: Vec<Value<'a>>,
}

/// Makes a value of a row.
pub(super) type Fit<T> = fn(&Row<'_>) -> Result<T, Unfit>;

impl Reader {
    pub(super) fn of_sqlite(reader: sqlite::Reader) -> Self {
        Self(Engine::Sqlite(reader))
    }

    pub(super) fn of_postgres(reader: postgres::Reader) -> Self {
        Self(Engine::Postgres(reader))
    }

    /// Measures how far this machine's clock is from the store's; a file has none of its own.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`]; what was known stays.
    pub async fn measure_clock(&self) -> Result<(), Error> {
        match &self.0 {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(reader) => Box::pin(reader.measure_clock()).await,
        }
    }

    /// Returns every row that `query` gives.
    pub(super) async fn all<T>(&self, query: Query<'_>, fit: Fit<T>) -> Result<Vec<T>, Error> {
        match &self.0 {
            Engine::Sqlite(reader) => reader.all(&query, fit),
            // Boxed: every decision waits on reads, and most installations have a file.
            Engine::Postgres(reader) => Box::pin(reader.all(&query, fit)).await,
        }
    }

    /// The same for a query that can take long: nobody waits behind it, and after some seconds it is ended.
    ///
    /// # Errors
    ///
    /// [`Error::TookTooLong`], and those of [`Reader::all`].
    pub(super) async fn all_at_length<T: Send + 'static>(
        &self,
        query: Query<'static>,
        fit: Fit<T>,
    ) -> Result<Vec<T>, Error> {
        match &self.0 {
            Engine::Sqlite(reader) => {
                let reader = reader.clone();
                let done = tokio::task::spawn_blocking(move || reader.all_at_length(&query, fit)).await;
                done.unwrap_or_else(|ended| std::panic::resume_unwind(ended.into_panic()))
            }
            // It ends every query that takes long.
            Engine::Postgres(reader) => Box::pin(reader.all(&query, fit)).await,
        }
    }

    /// Returns the first row that `query` gives, if any.
    pub(super) async fn first<T>(&self, query: Query<'_>, fit: Fit<T>) -> Result<Option<T>, Error> {
        Ok(self.all(query, fit).await?.into_iter().next())
    }
}

impl<'a> Query<'a> {
    pub fn of(table: &'static str, sql: impl Into<Cow<'a, str>>, values: Vec<Value<'a>>) -> Self {
        Self { table, sql: sql.into(), values }
    }

    pub fn damaged(&self, unfit: &Unfit) -> Error {
        Error::Damaged { table: self.table, reason: format!("column {}: {}", unfit.column, unfit.reason) }
    }
}
