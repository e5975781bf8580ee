//! A PostgreSQL database that nobody else writes while we hold it.

use jiff::Timestamp;
use tokio_postgres::types::ToSql;

use super::append::Append;
use super::connect::{Connection, Error as ConnectError, Server, described};
use super::{engine, schema, unreachable};
use crate::base::postgres_url::PostgresUrl;
use crate::base::time::from_stored;
use crate::store::Error;
use crate::store::event;
use crate::store::sql::{Row, Value};
use crate::store::tables::{Cells, Column, Kind, Page, Table};
use crate::store::tree::Growing;
use crate::store::writer::Head;

/// A database in one transaction that has the head of the log: whoever writes waits for it.
pub(in crate::store) struct Held {
    url: PostgresUrl,
    connection: Connection,
    head: Head,
    edge: Vec<u8>,
}

/// Unlike a server's: what is held here takes as long as it takes.
const SETTINGS: &[&str] = &[
    "statement_timeout=0",
    "lock_timeout=10s",
    "idle_in_transaction_session_timeout=0",
    // If our machine dies, the servers shall not wait for it.
    "tcp_user_timeout=10s",
    "tcp_keepalives_idle=5",
    "tcp_keepalives_interval=2",
    "tcp_keepalives_count=3",
    "client_connection_check_interval=2s",
];

impl Held {
    pub async fn take(url: &PostgresUrl) -> Result<Self, Error> {
        schema::check(url).await?;
        let connect = async { Server::new(url, SETTINGS)?.connect().await };
        let connection = connect.await.map_err(|error: ConnectError| unreachable(url, error))?;
        let mut held = Self { url: url.clone(), connection, head: Head::EMPTY, edge: Vec::new() };
        held.execute(engine::BEGIN).await?;
        let rows = held.query(engine::HEAD).await?;
        let row = rows.first().ok_or_else(|| held.damaged("log_head", "it has no row"))?;
        let recorded_at = from_stored(row.get(1)).map_err(|error| held.damaged("log_head", error))?;
        held.head = Head { next_position: row.get(0), recorded_at };
        held.edge = row.get(2);
        Ok(held)
    }

    async fn execute(&self, sql: &str) -> Result<(), Error> {
        let done = self.connection.client.batch_execute(sql).await;
        done.map_err(|error| self.unreachable(&error))
    }

    async fn query(&self, sql: &str) -> Result<Vec<tokio_postgres::Row>, Error> {
        self.connection.client.query(sql, &[]).await.map_err(|error| self.unreachable(&error))
    }

    fn unreachable(&self, error: &tokio_postgres::Error) -> Error {
        unreachable(&self.url, described(error))
    }

    fn damaged(&self, table: &'static str, reason: impl std::fmt::Display) -> Error {
        Error::Damaged { table, reason: reason.to_string() }
    }

    pub async fn lease(&self) -> Result<Option<String>, Error> {
        let sql = "SELECT max(lease_until) FROM instance WHERE lease_until > gateward_now()";
        let rows = self.query(sql).await?;
        Ok(rows.first().and_then(|row| row.get(0)))
    }

    pub fn head(&self) -> Head {
        self.head
    }

    pub async fn now(&self) -> Result<Timestamp, Error> {
        let rows = self.query("SELECT gateward_now()").await?;
        let now = rows.first().map_or("", |row| row.get(0));
        from_stored(now).map_err(|error| unreachable(&self.url, error))
    }

    pub async fn page(&mut self, table: &Table, after: Option<Value<'_>>) -> Result<Page, Error> {
        let sql = table.page(after.is_none());
        let read = async {
            let statement = self.connection.prepare(&sql).await?;
            let after: Vec<&(dyn ToSql + Sync)> =
                after.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
            self.connection.client.query(&statement, &after).await
        };
        let rows = read.await.map_err(|error| unreachable(&self.url, described(&error)))?;
        let mut page = Page::of(table);
        for row in &rows {
            page.push(&Row::Postgres(row)).map_err(|unfit| table.damaged(&unfit))?;
        }
        Ok(page)
    }

    pub async fn insert(&mut self, table: &Table, page: &Page) -> Result<(), Error> {
        let arrays: Vec<String> =
            table.columns.iter().zip(1..).map(|(column, at)| format!("?{at}::{}[]", kind(column))).collect();
        let sql = format!(
            "INSERT INTO {} ({}) SELECT * FROM unnest({})",
            table.name,
            table.column_names(),
            arrays.join(", ")
        );
        let insert = async {
            let statement = self.connection.prepare(&sql).await?;
            let columns: Vec<&(dyn ToSql + Sync)> = page.columns.iter().map(array).collect();
            self.connection.client.execute(&statement, &columns).await
        };
        insert.await.map(|_| ()).map_err(|error| unreachable(&self.url, described(&error)))
    }

    pub async fn clear(&self, table: &Table) -> Result<(), Error> {
        self.execute(&format!("DELETE FROM {}", table.name)).await
    }

    pub fn tree(&self) -> Result<Growing, Error> {
        let tree = Growing::of(&self.edge, self.head.next_position);
        tree.map_err(|mismatch| self.damaged("log_head", mismatch))
    }

    pub async fn grow(&mut self, tree: &mut Growing) -> Result<(), Error> {
        let grown =
            async { Append::prepare(&mut self.connection).await?.grow(&self.connection.client, tree).await };
        grown.await.map_err(|error| unreachable(&self.url, described(&error)))
    }

    pub async fn append(&mut self, row: &event::Row<'_>, tree: &mut Growing) -> Result<(), Error> {
        tree.append(row.entry);
        let appended = async {
            let append = Append::prepare(&mut self.connection).await?;
            append.send(&self.connection.client, std::slice::from_ref(row), tree).await
        };
        appended.await.map_err(|error| unreachable(&self.url, described(&error)))
    }

    pub async fn commit(self) -> Result<(), String> {
        self.connection.commit().await
    }
}

fn kind(column: &Column) -> &'static str {
    match column.kind {
        Kind::Integer => "bigint",
        Kind::Text => "text",
        Kind::Bytes => "bytea",
    }
}

fn array(cells: &Cells) -> &(dyn ToSql + Sync) {
    match cells {
        Cells::Integer(cells) => cells,
        Cells::Text(cells) => cells,
        Cells::Bytes(cells) => cells,
    }
}
