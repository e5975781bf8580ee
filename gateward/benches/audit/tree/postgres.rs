//! One batch by hand, in PostgreSQL, in two journeys.

use futures_util::future::{try_join3, try_join4};
use tokio_postgres::{Client, Statement};

use super::grown;
use crate::Outcome;
use crate::raw::{self, Raw};
use crate::row::Row;

/// What is sent besides the rows.
pub struct Statements {
    head: Statement,
    newest: Statement,
    move_head: Statement,
    /// Where there is a tree.
    grow: Option<Statement>,
}

impl Statements {
    pub async fn prepare(client: &Client, with_tree: bool) -> Outcome<Self> {
        let (edge, newest, moved) = if with_tree {
            (", edge", "(SELECT max(position) FROM event)", ", edge = $3")
        } else {
            ("", "NULL::bigint", "")
        };
        let head = format!("SELECT next_position, recorded_at{edge} FROM log_head FOR UPDATE");
        let newest = format!("SELECT counter, gateward_now(), {newest} FROM revocation");
        let move_head = format!("UPDATE log_head SET next_position = $1, recorded_at = $2{moved}");
        let grow = "INSERT INTO log_node (level, number, hash) \
             SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])";
        Ok(Self {
            head: client.prepare(&head).await?,
            newest: client.prepare(&newest).await?,
            move_head: client.prepare(&move_head).await?,
            grow: if with_tree { Some(client.prepare(grow).await?) } else { None },
        })
    }

    /// Commits `rows`.
    pub async fn commit(&self, raw: &Raw, rows: &[Row]) -> Outcome<()> {
        let (Raw::Postgres { client, event, search }, Some(last)) = (raw, rows.last()) else { return Ok(()) };
        let (end, newest) = (last.position + 1, last.recorded_at.as_str());
        let head = async { Ok(client.query_one(&self.head, &[]).await?) };
        let state = async { Ok(client.query_one(&self.newest, &[]).await?) };
        let ((), head, _) = try_join3(raw::begin(client), head, state).await?;
        let inserted = raw::insert_in_postgres(client, event, search, rows);
        let Some(grow) = &self.grow else {
            let moved = async { Ok(client.execute(&self.move_head, &[&end, &newest]).await?) };
            return try_join3(inserted, moved, raw::end(client)).await.map(drop);
        };
        let (edge, finished) = grown(head.get(2), rows)?;
        let moved = async { Ok(client.execute(&self.move_head, &[&end, &newest, &edge]).await?) };
        let levels: Vec<i64> = finished.iter().map(|node| node.0).collect();
        let numbers: Vec<i64> = finished.iter().map(|node| node.1).collect();
        let hashes: Vec<&[u8]> = finished.iter().map(|node| node.2.as_slice()).collect();
        let grown = async {
            Ok(if finished.is_empty() {
                0
            } else {
                client.execute(grow, &[&levels, &numbers, &hashes]).await?
            })
        };
        try_join4(inserted, moved, grown, raw::end(client)).await.map(drop)
    }
}
