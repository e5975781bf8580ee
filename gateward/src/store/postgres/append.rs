//! Appending to the log in PostgreSQL: all rows of a batch in one statement a table.

use futures_util::future::join4;
use tokio_postgres::{Client, Error, Statement};

use super::connect::Connection;
use crate::store::event::Row;
use crate::store::tree::Growing;

const APPEND: &str = "INSERT INTO event (position, id, format_version, instance, occurred_at, recorded_at, salt, \
     body, personal_salt, personal, personal_hash, entry) \
     SELECT * FROM unnest(?1::bigint[], ?2::text[], ?3::bigint[], ?4::text[], ?5::text[], ?6::text[], \
     ?7::bytea[], ?8::text[], ?9::bytea[], ?10::text[], ?11::bytea[], ?12::bytea[])";

const APPEND_SEARCH: &str = "INSERT INTO search (position, recorded_at, kind, outcome, service, who, transaction_id, \
     reference) \
     SELECT * FROM unnest(?1::bigint[], ?2::text[], ?3::text[], ?4::text[], ?5::text[], ?6::text[], ?7::text[], \
     ?8::text[])";

const MOVE_HEAD: &str = "UPDATE log_head SET next_position = ?1, recorded_at = ?2, edge = ?3";

const GROW: &str = "INSERT INTO log_node (level, number, hash) \
     SELECT * FROM unnest(?1::bigint[], ?2::bigint[], ?3::bytea[])";

/// The statements that append, prepared.
pub(super) struct Append {
    events: Statement,
    search: Statement,
    head: Statement,
    grow: Statement,
}

impl Append {
    /// Prepares them, once for each connection.
    pub async fn prepare(connection: &mut Connection) -> Result<Self, Error> {
        Ok(Self {
            events: connection.prepare(APPEND).await?,
            search: connection.prepare(APPEND_SEARCH).await?,
            head: connection.prepare(MOVE_HEAD).await?,
            grow: connection.prepare(GROW).await?,
        })
    }

    /// Appends `rows`, which follow the head, and moves it to their end; `tree` has grown by them. Sends
    /// everything when it is polled first, and waits then.
    ///
    /// # Errors
    ///
    /// What PostgreSQL says; the transaction is good for nothing then.
    pub async fn send(&self, client: &Client, rows: &[Row<'_>], tree: &mut Growing) -> Result<(), Error> {
        let Some(last) = rows.last() else { return Ok(()) };
        let columns = Columns::of(rows);
        let (events, search) = (columns.event(), columns.search());
        let (end, newest, edge) = (last.position + 1, last.recorded_at, tree.edge());
        let (events, search, head, grown) = join4(
            client.execute(&self.events, &events),
            client.execute(&self.search, &search),
            client.execute(&self.head, &[&end, &newest, &edge]),
            self.grow(client, tree),
        )
        .await;
        events.and(search).and(head)?;
        grown
    }

    /// Stores what of the tree is finished.
    ///
    /// # Errors
    ///
    /// As [`Append::send`].
    pub async fn grow(&self, client: &Client, tree: &mut Growing) -> Result<(), Error> {
        let finished = tree.take_finished();
        if finished.is_empty() {
            return Ok(());
        }
        let level: Vec<i64> = finished.iter().map(|node| node.level).collect();
        let number: Vec<i64> = finished.iter().map(|node| node.number).collect();
        let hash: Vec<&[u8]> = finished.iter().map(|node| node.hash.as_slice()).collect();
        client.execute(&self.grow, &[&level, &number, &hash]).await.map(drop)
    }
}

type Parameters<'a> = Vec<&'a (dyn tokio_postgres::types::ToSql + Sync)>;

/// The rows of a batch, column by column.
#[derive(Default)]
struct Columns<'a> {
    position: Vec<i64>,
    id: Vec<&'a str>,
    format_version: Vec<i64>,
    instance: Vec<&'a str>,
    occurred_at: Vec<&'a str>,
    recorded_at: Vec<&'a str>,
    salt: Vec<&'a [u8]>,
    body: Vec<&'a str>,
    personal_salt: Vec<&'a [u8]>,
    personal: Vec<&'a str>,
    personal_hash: Vec<&'a [u8]>,
    entry: Vec<&'a [u8]>,
    kind: Vec<&'a str>,
    outcome: Vec<&'a str>,
    service: Vec<Option<&'a str>>,
    who: Vec<Option<&'a str>>,
    transaction: Vec<Option<&'a str>>,
    reference: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    fn of(rows: &'a [Row<'a>]) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.position.push(row.position);
            columns.id.push(&row.id);
            columns.format_version.push(row.format_version);
            columns.instance.push(&row.instance);
            columns.occurred_at.push(&row.occurred_at);
            columns.recorded_at.push(row.recorded_at);
            columns.salt.push(row.salt);
            columns.body.push(row.body);
            columns.personal_salt.push(row.personal_salt);
            columns.personal.push(row.personal);
            columns.personal_hash.push(&row.personal_hash);
            columns.entry.push(&row.entry);
            columns.kind.push(&row.search.kind);
            columns.outcome.push(row.search.outcome);
            columns.service.push(row.search.service.as_deref());
            columns.who.push(row.search.who.as_deref());
            columns.transaction.push(row.transaction.as_deref());
            columns.reference.push(row.reference.as_deref());
        }
        columns
    }

    /// The parameters of [`APPEND`].
    fn event(&self) -> Parameters<'_> {
        vec![
            &self.position,
            &self.id,
            &self.format_version,
            &self.instance,
            &self.occurred_at,
            &self.recorded_at,
            &self.salt,
            &self.body,
            &self.personal_salt,
            &self.personal,
            &self.personal_hash,
            &self.entry,
        ]
    }

    /// The parameters of [`APPEND_SEARCH`].
    fn search(&self) -> Parameters<'_> {
        vec![
            &self.position,
            &self.recorded_at,
            &self.kind,
            &self.outcome,
            &self.service,
            &self.who,
            &self.transaction,
            &self.reference,
        ]
    }
}
