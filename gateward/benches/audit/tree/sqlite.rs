//! One batch by hand, in SQLite.

use rusqlite::{Connection, TransactionBehavior, params};

use super::grown;
use crate::row::Row;
use crate::{Outcome, raw};

/// Commits `rows`.
pub fn commit(connection: &mut Connection, rows: &[Row], with_tree: bool) -> Outcome<()> {
    let Some(last) = rows.last() else { return Ok(()) };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !with_tree {
        let newest = "SELECT position, recorded_at FROM event ORDER BY position DESC LIMIT 1";
        let newest = transaction.prepare_cached(newest)?.query_map([], |row| row.get::<_, i64>(0))?.next();
        newest.transpose()?;
        raw::insert_in_sqlite(&transaction, rows)?;
        return Ok(transaction.commit()?);
    }
    let head = "SELECT next_position, recorded_at, edge, (SELECT max(position) FROM event) FROM log_head";
    let edge: Vec<u8> = transaction.prepare_cached(head)?.query_row([], |row| row.get(2))?;
    raw::insert_in_sqlite(&transaction, rows)?;
    let (edge, finished) = grown(&edge, rows)?;
    for (level, number, hash) in finished {
        transaction
            .prepare_cached("INSERT INTO log_node (level, number, hash) VALUES (?1, ?2, ?3)")?
            .execute(params![level, number, hash])?;
    }
    transaction
        .prepare_cached("UPDATE log_head SET next_position = ?1, recorded_at = ?2, edge = ?3")?
        .execute(params![last.position + 1, last.recorded_at, edge])?;
    Ok(transaction.commit()?)
}
