//! One connection to one of the databases, with what was prepared on it.

use std::time::Duration;

use tokio_postgres::{Client, Statement, Transaction};

use super::{Database, Error};
use crate::base::postgres_url::PostgresUrl;
use crate::store::postgres::connect::{Connection, Server, described};

/// What no statement of ours may exceed. `TimeZone` stays what the server gives everybody: the times
/// that we write are read by others who take it as it is.
const LIMITS: &[&str] = &[
    "statement_timeout=10s",
    "lock_timeout=5s",
    "idle_in_transaction_session_timeout=10s",
    // A plan made while the tables were small serves badly when they have grown.
    "plan_cache_mode=force_custom_plan",
];

/// The longest of them.
pub(super) const LONGEST_STATEMENT: Duration = Duration::from_secs(10);

/// A connection to one of the databases.
pub(super) struct Session {
    database: Database,
    connection: Connection,
}

impl Session {
    /// Connects.
    pub async fn open(database: Database, url: &PostgresUrl) -> Result<Self, Error> {
        let unreachable = |reason: String| Error::Unreachable { database, reason };
        let server = Server::new(url, LIMITS).map_err(|error| unreachable(error.to_string()))?;
        let connection = server.connect().await.map_err(|error| unreachable(error.to_string()))?;
        Ok(Self { database, connection })
    }

    /// What speaks to the server.
    pub fn client(&self) -> &Client {
        &self.connection.client
    }

    /// Prepares a statement, once for each connection.
    pub async fn statement(&mut self, sql: &str) -> Result<Statement, Error> {
        self.connection.prepare(sql).await.map_err(|error| failed(self.database, &error))
    }

    /// Begins a transaction in which nobody else writes about the same logins.
    ///
    /// The tables need have no constraint that would keep two writers apart, so the logins are locked:
    /// in one order, whoever comes, and until the transaction ends.
    pub async fn begin(&mut self, logins: &[&str]) -> Result<Transaction<'_>, Error> {
        const LOCK: &str = "SELECT count(pg_advisory_xact_lock(key)) FROM \
            (SELECT DISTINCT hashtextextended(login, 7) AS key FROM unnest($1::text[]) AS login ORDER BY 1) AS keys";
        let lock = self.statement(LOCK).await?;
        let database = self.database;
        let transaction =
            self.connection.client.transaction().await.map_err(|error| failed(database, &error))?;
        transaction.query(&lock, &[&logins]).await.map_err(|error| failed(database, &error))?;
        Ok(transaction)
    }

    pub fn is_closed(&self) -> bool {
        self.connection.client.is_closed()
    }
}

/// Says who must act: what the server said itself is the operator's, unless it is going or coming.
pub(super) fn failed(database: Database, error: &tokio_postgres::Error) -> Error {
    let reason = described(error);
    let Some(said) = error.as_db_error() else { return Error::Unreachable { database, reason } };
    // Classes 08 connection, 53 resources, 57 operator intervention, 58 system, 40 and 55 others in the
    // way; 25006 a standby.
    let code = said.code().code();
    let passes = ["08", "53", "57", "58", "40", "55"].iter().any(|class| code.starts_with(class));
    if passes || code == "25006" {
        Error::Unreachable { database, reason }
    } else {
        Error::Refused { database, reason }
    }
}
