//! One connection to one of the databases, with what was prepared on it.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::{Client, Statement, Transaction};

use super::{Database, Error};

/// How long a connection may take to come about.
const CONNECTING: Duration = Duration::from_secs(5);

/// What no statement of ours may exceed. `TimeZone` stays what the server gives everybody: the times
/// that we write are read by others who take it as it is.
const LIMITS: &str = "SET statement_timeout = '10s'; SET lock_timeout = '5s'; \
                      SET idle_in_transaction_session_timeout = '10s'";

type Dialled = Pin<Box<dyn Future<Output = Result<Client, String>> + Send>>;

/// Makes connections to one database.
#[derive(Clone)]
pub struct Dial(Arc<dyn Fn() -> Dialled + Send + Sync>);

impl Dial {
    /// Wraps what makes a connection, and what drives it meanwhile.
    pub fn new<F>(dial: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Client, String>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(dial())))
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dial")
    }
}

/// A connection.
pub(super) struct Session {
    pub database: Database,
    pub client: Client,
    prepared: HashMap<String, Statement>,
}

impl Session {
    /// Connects.
    pub async fn open(database: Database, dial: &Dial) -> Result<Self, Error> {
        let unreachable = |reason: String| Error::Unreachable { database, reason };
        let client = tokio::time::timeout(CONNECTING, (dial.0)())
            .await
            .map_err(|_| unreachable(format!("nothing answered in {} s", CONNECTING.as_secs())))?
            .map_err(unreachable)?;
        client.batch_execute(LIMITS).await.map_err(|error| failed(database, &error))?;
        Ok(Self { database, client, prepared: HashMap::new() })
    }

    /// Prepares a statement, once for each connection.
    pub async fn statement(&mut self, sql: &str) -> Result<Statement, Error> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await.map_err(|error| failed(self.database, &error))?;
        self.prepared.insert(sql.to_owned(), statement.clone());
        Ok(statement)
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
        let transaction = self.client.transaction().await.map_err(|error| failed(database, &error))?;
        transaction.query(&lock, &[&logins]).await.map_err(|error| failed(database, &error))?;
        Ok(transaction)
    }

    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}

/// Says who must act: what the server said itself is the operator's, unless it is going or coming.
pub(super) fn failed(database: Database, error: &tokio_postgres::Error) -> Error {
    let Some(said) = error.as_db_error() else {
        return Error::Unreachable { database, reason: in_words(error) };
    };
    let reason = format!("{} ({})", said.message(), said.code().code());
    // Classes 08 connection, 53 resources, 57 operator intervention, 58 system; 40 and 55P03: others
    // were in the way.
    let passes =
        ["08", "53", "57", "58", "40", "55"].iter().any(|class| said.code().code().starts_with(class))
            || said.code().code() == "25006";
    if passes { Error::Unreachable { database, reason } } else { Error::Refused { database, reason } }
}

/// The library's own words say only where it failed; the cause says why.
fn in_words(error: &tokio_postgres::Error) -> String {
    use std::error::Error as _;
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
