//! The same rows by hand: nothing but prepared statements, one transaction after the other.
//!
//! Another benchmark takes it in with `#[path = "../store/raw.rs"] mod raw;`, with `row.rs` and the tests' cluster.
#![allow(dead_code, reason = "shared: no benchmark uses all of it")]

use std::path::PathBuf;

use futures_util::future::{try_join, try_join3};
use rusqlite::params;
use tokio_postgres::{Client, Config, NoTls, Statement};

use crate::Outcome;
use crate::cluster::{Cluster, ROLE};
use crate::row::Row;

/// Where the tables are.
pub enum Place {
    Sqlite(PathBuf),
    Postgres(Box<Config>),
}

/// How to reach a database of `cluster`.
pub fn config(cluster: &Cluster, database: &str) -> Config {
    let mut config = Config::new();
    config.host_path(cluster.socket_folder()).port(cluster.address().port()).user(ROLE).dbname(database);
    config
}

/// A connection that writes rows as they are.
pub enum Raw {
    Sqlite(rusqlite::Connection),
    Postgres { client: Client, event: Statement, search: Statement },
}

const EVENT: &str = "INSERT INTO event (position, id, format_version, instance, occurred_at, recorded_at, salt, body, \
     personal_salt, personal, personal_hash, entry)";
const SEARCH: &str =
    "INSERT INTO search (position, recorded_at, kind, outcome, service, who, transaction_id, reference)";

impl Raw {
    pub async fn open(place: &Place) -> Outcome<Self> {
        match place {
            Place::Sqlite(path) => {
                let connection = rusqlite::Connection::open(path)?;
                connection.pragma_update(None, "journal_mode", "wal")?;
                connection.pragma_update(None, "synchronous", "full")?;
                Ok(Self::Sqlite(connection))
            }
            Place::Postgres(config) => {
                let (client, connection) = config.connect(NoTls).await?;
                tokio::spawn(connection);
                let unnest = format!(
                    "{EVENT} SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[], \
                     $6::text[], $7::bytea[], $8::text[], $9::bytea[], $10::text[], $11::bytea[], $12::bytea[])"
                );
                let event = client.prepare(&unnest).await?;
                let unnest = format!(
                    "{SEARCH} SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], \
                     $6::text[], $7::text[], $8::text[])"
                );
                let search = client.prepare(&unnest).await?;
                Ok(Self::Postgres { client, event, search })
            }
        }
    }

    /// Commits `rows`, one transaction.
    pub async fn commit(&mut self, rows: &[Row]) -> Outcome<()> {
        match self {
            Self::Sqlite(connection) => in_sqlite(connection, rows),
            Self::Postgres { client, event, search } => in_postgres(client, event, search, rows).await,
        }
    }

    /// Runs a query that gives one integer.
    pub async fn integer(&self, sql: &str) -> Outcome<i64> {
        match self {
            Self::Sqlite(connection) => Ok(connection.query_row(sql, [], |row| row.get(0))?),
            Self::Postgres { client, .. } => Ok(client.query_one(sql, &[]).await?.get(0)),
        }
    }

    /// Runs a query that gives one text.
    pub async fn text(&self, sql: &str) -> Outcome<String> {
        match self {
            Self::Sqlite(connection) => Ok(connection.query_row(sql, [], |row| row.get(0))?),
            Self::Postgres { client, .. } => Ok(client.query_one(sql, &[]).await?.get(0)),
        }
    }

    /// Runs statements.
    pub async fn run(&self, sql: &str) -> Outcome<()> {
        match self {
            Self::Sqlite(connection) => Ok(connection.execute_batch(sql)?),
            Self::Postgres { client, .. } => Ok(client.batch_execute(sql).await?),
        }
    }
}

fn in_sqlite(connection: &mut rusqlite::Connection, rows: &[Row]) -> Outcome<()> {
    let transaction = connection.transaction()?;
    insert_in_sqlite(&transaction, rows)?;
    Ok(transaction.commit()?)
}

/// Inserts `rows` in whatever transaction is open.
pub fn insert_in_sqlite(connection: &rusqlite::Connection, rows: &[Row]) -> Outcome<()> {
    let values = "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let mut event = connection.prepare_cached(&format!("{EVENT} {values}"))?;
    let values = "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let mut search = connection.prepare_cached(&format!("{SEARCH} {values}"))?;
    for row in rows {
        let new = &row.event;
        event.execute(params![
            row.position,
            row.id,
            1,
            row.instance,
            row.occurred_at,
            row.recorded_at,
            new.salt,
            new.body,
            new.personal_salt,
            new.personal,
            row.personal_hash,
            row.entry
        ])?;
        search.execute(params![
            row.position,
            row.recorded_at,
            new.search.kind,
            new.search.outcome,
            new.search.service,
            new.search.who,
            row.transaction,
            row.reference
        ])?;
    }
    Ok(())
}

async fn in_postgres(client: &Client, event: &Statement, search: &Statement, rows: &[Row]) -> Outcome<()> {
    // All four are on their way before the first is answered.
    let inserted = insert_in_postgres(client, event, search, rows);
    try_join3(begin(client), inserted, end(client)).await?;
    Ok(())
}

/// Begins a transaction.
pub async fn begin(client: &Client) -> Outcome<()> {
    Ok(client.batch_execute("BEGIN").await?)
}

/// Commits it.
pub async fn end(client: &Client) -> Outcome<()> {
    Ok(client.batch_execute("COMMIT").await?)
}

/// Inserts `rows` in whatever transaction is open, both statements on their way before the first is answered.
pub async fn insert_in_postgres(
    client: &Client,
    event: &Statement,
    search: &Statement,
    rows: &[Row],
) -> Outcome<()> {
    /// One column of all rows.
    macro_rules! column {
        ($row:ident, $value:expr) => {
            rows.iter().map(|$row| $value).collect::<Vec<_>>()
        };
    }
    let positions = column!(row, row.position);
    let recorded_at = column!(row, row.recorded_at.as_str());
    try_join(
        client.execute(
            event,
            &[
                &positions,
                &column!(row, row.id.as_str()),
                &vec![1_i64; rows.len()],
                &column!(row, row.instance.as_str()),
                &column!(row, row.occurred_at.as_str()),
                &recorded_at,
                &column!(row, &row.event.salt[..]),
                &column!(row, row.event.body.as_str()),
                &column!(row, &row.event.personal_salt[..]),
                &column!(row, row.event.personal.as_str()),
                &column!(row, &row.personal_hash[..]),
                &column!(row, &row.entry[..]),
            ],
        ),
        client.execute(
            search,
            &[
                &positions,
                &recorded_at,
                &column!(row, row.event.search.kind.as_str()),
                &column!(row, row.event.search.outcome),
                &column!(row, row.event.search.service.as_deref()),
                &column!(row, row.event.search.who.as_deref()),
                &column!(row, row.transaction.as_deref()),
                &column!(row, row.reference.as_deref()),
            ],
        ),
    )
    .await?;
    Ok(())
}
