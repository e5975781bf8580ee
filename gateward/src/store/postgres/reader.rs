//! Reads a PostgreSQL database through connections that are kept for the next read.

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{self, Metrics, Pool, RecycleError, RecycleResult};
use tokio_postgres::error::SqlState;

use super::clock::DatabaseClock;
use super::connect::{Connection, Error as ConnectError, Server, described};
use super::unreachable;
use crate::base::postgres_url::PostgresUrl;
use crate::base::time::from_stored;
use crate::store::Error;
use crate::store::reader::{Fit, Query};
use crate::store::sql::{Row, Value};

/// Reads a PostgreSQL database.
#[derive(Debug, Clone)]
pub(in crate::store) struct Reader {
    pool: Pool<Connections>,
    url: Arc<PostgresUrl>,
    clock: DatabaseClock,
}

/// How many reads one machine makes at once; PostgreSQL takes 100 connections by default, from all.
const READERS: usize = 16;

/// How long a read may take, waiting for a connection included: what takes longer is not answered.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sessions that only read, and whose queries the server ends before we lose patience with it.
///
/// Every read follows indexes to a few rows. What the server has counted in the tables, or not yet,
/// must not lead it to run through them instead, to meet in the middle or with others' help; and a
/// plan is made once for each statement, not for each of its values.
const SETTINGS: &[&str] = &[
    "statement_timeout=4s",
    "idle_in_transaction_session_timeout=5s",
    "plan_cache_mode=force_generic_plan",
    "enable_mergejoin=off",
    "enable_hashjoin=off",
    "max_parallel_workers_per_gather=0",
];

/// Said after the login: a session that begins so is taken for one of a server that takes no writes
/// (`target_session_attrs=read-write`).
const READ_ONLY: &str = "SET default_transaction_read_only = on";

/// Makes the connections of a pool.
#[derive(Debug)]
struct Connections(Server);

impl managed::Manager for Connections {
    type Type = Connection;
    type Error = ConnectError;

    async fn create(&self) -> Result<Connection, ConnectError> {
        let connection = self.0.connect().await?;
        connection.client.batch_execute(READ_ONLY).await?;
        Ok(connection)
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<ConnectError> {
        if connection.client.is_closed() {
            return Err(RecycleError::message("the server closed it"));
        }
        Ok(())
    }
}

/// Why a read gave nothing.
enum Trouble {
    /// The connection broke: it may have been one that was kept over a restart of the server.
    Broken(String),
    Refused(String),
    /// The server ended it after `statement_timeout`.
    Slow,
    Damaged(Error),
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        if error.code() == Some(&SqlState::QUERY_CANCELED) {
            return Self::Slow;
        }
        let reason = described(&error);
        // 57P: the server goes away, or the session was ended.
        let leaving = error.code().is_some_and(|code| code.code().starts_with("57P"));
        if leaving || error.as_db_error().is_none() { Self::Broken(reason) } else { Self::Refused(reason) }
    }
}

impl Reader {
    /// Prepares reading from `url`; nothing is connected yet.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`]: a file that the URL names.
    pub fn new(url: &PostgresUrl, clock: DatabaseClock) -> Result<Self, Error> {
        let server = Server::new(url, SETTINGS).map_err(|error| unreachable(url, error))?;
        let pool = Pool::builder(Connections(server)).max_size(READERS).build();
        let pool = pool.map_err(|error| unreachable(url, error))?;
        Ok(Self { pool, url: Arc::new(url.clone()), clock })
    }

    /// Measures how far this machine's clock and the database's are apart.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`]; what was known stays.
    pub async fn measure_clock(&self) -> Result<(), Error> {
        let before = self.clock.machine();
        let query = Query::of("gateward_now", "SELECT gateward_now()", Vec::new());
        let database = self.all(&query, |row| row.string(0)).await?.pop().unwrap_or_default();
        let database = from_stored(&database).map_err(|error| unreachable(&self.url, error))?;
        self.clock.observe(before, database, self.clock.machine());
        Ok(())
    }

    /// Returns every row that `query` gives.
    pub async fn all<T>(&self, query: &Query<'_>, fit: Fit<T>) -> Result<Vec<T>, Error> {
        // PostgreSQL's text holds no NUL: no row has one, and a query for one is an error there.
        if query.values.iter().any(|value| matches!(value, Value::Text(text) if text.contains('\0'))) {
            return Ok(Vec::new());
        }
        let twice = async {
            match self.try_all(query, fit).await {
                Err(Trouble::Broken(_)) => self.try_all(query, fit).await,
                ended => ended,
            }
        };
        let ended = tokio::time::timeout(PATIENCE, twice)
            .await
            .unwrap_or_else(|_| Err(Trouble::Refused(format!("no answer within {} s", PATIENCE.as_secs()))));
        ended.map_err(|trouble| match trouble {
            Trouble::Broken(reason) | Trouble::Refused(reason) => unreachable(&self.url, reason),
            Trouble::Slow => Error::TookTooLong { table: query.table },
            Trouble::Damaged(error) => error,
        })
    }

    async fn try_all<T>(&self, query: &Query<'_>, fit: Fit<T>) -> Result<Vec<T>, Trouble> {
        let connection = self.pool.get().await.map_err(|error| Trouble::Refused(error.to_string()))?;
        let mut lent = Lent { connection: Some(connection) };
        let connection = lent.connection.as_mut().expect("it is taken when it is dropped");
        let statement = connection.prepare(&query.sql).await?;
        let values: Vec<_> =
            query.values.iter().map(|value| value as &(dyn tokio_postgres::types::ToSql + Sync)).collect();
        let rows = connection.client.query(&statement, &values).await?;
        lent.give_back();
        let fitted = rows.iter().map(|row| fit(&Row::Postgres(row)));
        fitted.collect::<Result<_, _>>().map_err(|unfit| Trouble::Damaged(query.damaged(&unfit)))
    }
}

/// A connection that goes back into the pool only after an answer: one that failed, or whose reader
/// lost patience, is closed.
struct Lent {
    connection: Option<managed::Object<Connections>>,
}

impl Lent {
    fn give_back(mut self) {
        drop(self.connection.take());
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(managed::Object::take(connection));
        }
    }
}
