//! A PostgreSQL database that is backed up: its snapshot, and how many rows each table has in it.
//!
//! The dump itself is `pg_dump`'s. What is asked here is what the manifest says beside it, of the very snapshot
//! that is dumped, so that a restored database can be compared with it row for row.
//!
//! All of this waits on the thread that calls, which must be none of an asynchronous runtime's.

use std::collections::BTreeMap;
use std::convert::Infallible;

use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::postgres::connect::{self, Connection, Server, described};
use crate::base::postgres_url::PostgresUrl;
use crate::base::secret::Secret;

/// Why a database that is to be backed up says nothing of itself: the operator's, and it may pass.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

/// A database, and how one comes in.
#[derive(Debug, Clone)]
pub struct SourceDatabase {
    /// Where it is.
    pub url: PostgresUrl,
    /// Its password, where that does not stand in the file that the URL names.
    pub password: Option<Secret>,
}

/// What a server says of itself and of a database.
#[derive(Debug, Clone)]
pub struct About {
    /// The version, as it says it: `15.18 (Debian 15.18-0+deb12u1)`.
    pub server_version: String,
    /// The part of it that decides what a `pg_dump` understands: 15.
    pub major: u32,
    /// How much room the database takes, its indexes included.
    pub bytes: u64,
}

/// A state of a database that `pg_dump --snapshot` can take over while this is held.
#[derive(Debug)]
pub struct Snapshot {
    /// What it is called.
    pub id: String,
    /// Whose it is.
    pub about: About,
    // Before the runtime that drives it.
    connection: Connection,
    runtime: Runtime,
}

/// How many rows there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// By `schema.table`, quoted where SQL asks for it.
    pub rows: BTreeMap<String, u64>,
    /// The tables that are too large, or could not be read in time.
    pub not_counted: Vec<String>,
}

/// Sessions that take as long as it takes, and that see all rows or say that they do not.
const SETTINGS: &[&str] = &[
    "statement_timeout=0",
    "idle_in_transaction_session_timeout=0",
    // Whoever waits for a lock behind us would wait for the whole backup.
    "lock_timeout=2s",
    "row_security=off",
    "search_path=pg_catalog",
];

/// What `pg_dump` writes rows of: neither of extensions, nor temporary, nor a partitioned table itself.
const TABLES: &str = "SELECT format('%I.%I', n.nspname, c.relname), pg_relation_size(c.oid), \
        pg_relation_filenode(c.oid)::int8 \
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace \
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' \
        AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
        AND NOT EXISTS (SELECT FROM pg_depend AS d \
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') \
    ORDER BY 1";

impl SourceDatabase {
    /// Reads the password, if there is one.
    ///
    /// # Errors
    ///
    /// [`Error`]: its file.
    pub fn password(&self) -> Result<Option<Secret>, Error> {
        match (&self.password, &self.url.password_file) {
            (Some(secret), _) => Ok(Some(secret.clone())),
            (None, Some(file)) => {
                let password = runtime()?.block_on(connect::password(file));
                Ok(Some(Secret::new(password.map_err(|error| Error(error.to_string()))?)))
            }
            (None, None) => Ok(None),
        }
    }

    /// Asks the server about itself and the database.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn about(&self) -> Result<About, Error> {
        let runtime = runtime()?;
        runtime.block_on(async { about(&self.connect().await?).await })
    }

    /// Begins a transaction whose state `pg_dump` can take over.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        let runtime = runtime()?;
        let (connection, id, about) = runtime.block_on(async {
            let connection = self.connect().await?;
            let client = &connection.client;
            client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(said)?;
            let row = client.query_one("SELECT pg_export_snapshot()", &[]).await.map_err(said)?;
            let id = row.try_get(0).map_err(said)?;
            let about = about(&connection).await?;
            Ok::<_, Error>((connection, id, about))
        })?;
        Ok(Snapshot { id, about, connection, runtime })
    }

    async fn connect(&self) -> Result<Connection, Error> {
        let server = Server::new(&self.url, SETTINGS).map_err(|error| Error(error.to_string()))?;
        let server = server.with_password(self.password.clone());
        server.connect().await.map_err(|error| Error(error.at(&self.url)))
    }
}

impl Snapshot {
    /// Counts the rows of all tables that are not longer than `largest` bytes; stops, and counts no more, when
    /// the other side of `go_on` is dropped.
    ///
    /// It begins when `pg_dump` has locked the tables: what truncates or rewrites one acts outside of snapshots,
    /// and waits for both of us from then on. A table that cannot be counted is said, and is no error.
    ///
    /// # Errors
    ///
    /// [`Error`]: the tables cannot even be listed.
    pub fn count(self, largest: u64, go_on: oneshot::Receiver<Infallible>) -> Result<Counts, Error> {
        self.runtime.block_on(async {
            tokio::select! {
                counts = count(&self.connection, largest) => counts,
                _ = go_on => Err(Error("nobody waits for the counts any more".into())),
            }
        })
    }
}

async fn about(connection: &Connection) -> Result<About, Error> {
    const ABOUT: &str = "SELECT current_setting('server_version'), \
        current_setting('server_version_num')::int8, pg_database_size(current_database())";
    let row = connection.client.query_one(ABOUT, &[]).await.map_err(said)?;
    let number = |column| row.try_get::<_, i64>(column).map(i64::unsigned_abs).map_err(said);
    let major = u32::try_from(number(1)? / 10_000).map_err(|error| Error(error.to_string()))?;
    Ok(About { server_version: row.try_get(0).map_err(said)?, major, bytes: number(2)? })
}

async fn count(connection: &Connection, largest: u64) -> Result<Counts, Error> {
    let client = &connection.client;
    let mut counts = Counts::default();
    let mut small = Vec::new();
    for row in client.query(TABLES, &[]).await.map_err(said)? {
        let table: String = row.try_get(0).map_err(said)?;
        // Without a length it is gone by now.
        let bytes: Option<i64> = row.try_get(1).map_err(said)?;
        let file: Option<i64> = row.try_get(2).map_err(said)?;
        if bytes.is_some_and(|bytes| bytes.unsigned_abs() <= largest) {
            small.push((table, file));
        } else {
            counts.not_counted.push(table);
        }
    }
    if !small.is_empty() {
        // All at once, so that none is truncated once `pg_dump` has let go of it.
        let names: Vec<&str> = small.iter().map(|(table, _)| table.as_str()).collect();
        let lock = format!("SAVEPOINT locks; LOCK TABLE ONLY {} IN ACCESS SHARE MODE", names.join(", ONLY "));
        if let Err(error) = client.batch_execute(&lock).await {
            tracing::debug!(error = described(&error), "tables that are counted are not locked at once");
            // It may be the connection: the first count says so.
            drop(client.batch_execute("ROLLBACK TO locks").await);
        }
    }
    for (table, file) in small {
        match count_one(connection, &table).await {
            Ok((rows, now)) if now == file => {
                counts.rows.insert(table, rows);
            }
            // Truncated or rewritten before we had its lock: what we see is not what was dumped.
            Ok(_) => counts.not_counted.push(table),
            Err(error) => {
                tracing::warn!(table, error = described(&error), "rows of a table are not counted");
                counts.not_counted.push(table);
            }
        }
    }
    Ok(counts)
}

/// Counts the rows of a table, and names the file that it lies in now, which is another after a TRUNCATE.
async fn count_one(
    connection: &Connection,
    table: &str,
) -> Result<(u64, Option<i64>), tokio_postgres::Error> {
    let client = &connection.client;
    client.batch_execute("SAVEPOINT one").await?;
    // Quoted by the server itself.
    let counted = format!("SELECT count(*) FROM ONLY {table}");
    let file = "SELECT pg_relation_filenode(to_regclass($1))::int8";
    let count = client.query_one(&counted, &[]).await;
    // The lock of the count stays, so that it is none other afterwards.
    let file = if count.is_ok() { Some(client.query_one(file, &[&table]).await) } else { None };
    let end = if count.is_ok() { "RELEASE one" } else { "ROLLBACK TO one; RELEASE one" };
    let ended = client.batch_execute(end).await;
    let rows: i64 = count?.try_get(0)?;
    let file = file.transpose()?.map(|row| row.try_get(0)).transpose()?.flatten();
    ended.map(|()| (rows.unsigned_abs(), file))
}

fn runtime() -> Result<Runtime, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Error(error.to_string()))
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn said(error: tokio_postgres::Error) -> Error {
    Error(described(&error))
}
