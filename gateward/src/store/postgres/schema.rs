//! The schema of the store on PostgreSQL: migrated by command only, so that many machines are
//! brought up to date one by one.

use super::append::Append;
use super::connect::{Connection, Error as ConnectError, Server, described};
use super::durability::{durability, switched_off};
use super::unreachable;
use crate::base::postgres_url::PostgresUrl;
use crate::store::tree::Growing;
use crate::store::{Error, Schema};

/// The migrations, oldest first; the schema's version is how many ran.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/postgres/0001.sql"),
    include_str!("../migrations/postgres/0002.sql"),
    include_str!("../migrations/postgres/0003.sql"),
    include_str!("../migrations/postgres/0004.sql"),
    include_str!("../migrations/postgres/0005.sql"),
    include_str!("../migrations/postgres/0006.sql"),
    include_str!("../migrations/postgres/0007.sql"),
    include_str!("../migrations/postgres/0008.sql"),
    include_str!("../migrations/postgres/0009.sql"),
    include_str!("../migrations/postgres/0010.sql"),
];

/// Two who migrate at once wait for each other by this lock.
const LOCK: &str = "SELECT pg_advisory_xact_lock(x'676174657761'::bigint)";

fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).expect("there are few migrations")
}

/// Checks that this program may work on the database at `url`.
///
/// # Errors
///
/// [`Error`]: not reachable, not migrated, too new, or a server that does not keep what it says.
pub(in crate::store) async fn check(url: &PostgresUrl) -> Result<(), Error> {
    let connection = connected(url).await?;
    let schema = state(url, &connection).await?;
    if schema.oldest_binary > schema.known {
        return Err(Error::TooNew { store: url.to_string(), version: schema.version, known: schema.known });
    }
    if schema.version < schema.known {
        return Err(Error::NotMigrated {
            store: url.to_string(),
            version: schema.version,
            known: schema.known,
        });
    }
    let durable = connection
        .client
        .query_one(concat!("SELECT ", durability!()), &[])
        .await
        .map_err(|error| unreachable(url, described(&error)))?;
    match switched_off(&durable) {
        Some(setting) => Err(Error::NotDurable { store: url.to_string(), setting }),
        None => Ok(()),
    }
}

/// Brings the schema up to this program's version; returns its state before.
///
/// A crash in the middle leaves the old schema: all of it is one transaction.
///
/// # Errors
///
/// [`Error`].
pub(in crate::store) async fn migrate(url: &PostgresUrl) -> Result<Schema, Error> {
    let mut connection = connected(url).await?;
    let client = &connection.client;
    let failed = |error: tokio_postgres::Error| unreachable(url, described(&error));
    client.batch_execute("BEGIN").await.map_err(failed)?;
    client.batch_execute(LOCK).await.map_err(failed)?;
    let before = state(url, &connection).await?;
    if before.oldest_binary > before.known {
        return Err(Error::TooNew { store: url.to_string(), version: before.version, known: before.known });
    }
    for migration in MIGRATIONS.iter().skip(usize::try_from(before.version).unwrap_or(usize::MAX)) {
        client.batch_execute(migration).await.map_err(failed)?;
    }
    make_tree(&mut connection).await.map_err(failed)?;
    connection.client.batch_execute("COMMIT").await.map_err(failed)?;
    Ok(before)
}

/// How many entries are read at once.
const PAGE: i64 = 10_000;

/// Makes the tree of all events that are there, in constant memory, where there is none.
async fn make_tree(connection: &mut Connection) -> Result<(), tokio_postgres::Error> {
    let append = Append::prepare(connection).await?;
    let entries = "SELECT entry FROM event WHERE position >= ?1 ORDER BY position LIMIT ?2";
    let entries = connection.prepare(entries).await?;
    let client = &connection.client;
    if client.query("SELECT 1 FROM log_head WHERE edge = '' AND next_position > 0", &[]).await?.is_empty() {
        return Ok(());
    }
    let (mut tree, mut next) = (Growing::empty(), 0_i64);
    loop {
        let page = client.query(&entries, &[&next, &PAGE]).await?;
        for row in &page {
            let entry: &[u8] = row.get(0);
            tree.append(entry.try_into().expect("the schema says that entries have 32 bytes"));
            next += 1;
        }
        append.grow(client, &mut tree).await?;
        if page.is_empty() {
            break;
        }
    }
    client.execute("UPDATE log_head SET edge = $1", &[&tree.edge()]).await.map(drop)
}

/// Returns what state the schema of the database at `url` is in.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub(in crate::store) async fn schema(url: &PostgresUrl) -> Result<Schema, Error> {
    let connection = connected(url).await?;
    state(url, &connection).await
}

/// Reads what state the schema is in.
async fn state(url: &PostgresUrl, connection: &Connection) -> Result<Schema, Error> {
    let failed = |error: tokio_postgres::Error| unreachable(url, described(&error));
    let there = connection
        .client
        .query_one("SELECT to_regclass('schema_state') IS NOT NULL", &[])
        .await
        .map_err(failed)?;
    let none = Schema { version: 0, oldest_binary: 0, known: known() };
    if !there.get::<_, bool>(0) {
        return Ok(none);
    }
    let row = connection
        .client
        .query_one("SELECT version, oldest_binary FROM schema_state", &[])
        .await
        .map_err(failed)?;
    Ok(Schema { version: row.get(0), oldest_binary: row.get(1), ..none })
}

async fn connected(url: &PostgresUrl) -> Result<Connection, Error> {
    let connect = async { Server::new(url, &["lock_timeout=10s"])?.connect().await };
    connect.await.map_err(|error: ConnectError| unreachable(url, error))
}
