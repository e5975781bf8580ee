//! Which log this is: the first of this store, or one that was begun after the store had fallen back behind
//! what others had seen of it.
//!
//! The entries stay the same across logs, and so do their positions; what changes is the origin, the first
//! line of every checkpoint. So no two checkpoints of one origin ever disagree.

use audit_log::Hash;
use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Row, Statement, Unfit, values};
use super::{Error, Reader};

const TABLE: &str = "log";

/// One log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// 1 for the first.
    pub number: i64,
    /// The first line of its checkpoints, and the name of the key under them.
    pub origin: String,
    /// When it began.
    pub began_at: Timestamp,
    /// How many entries it began with.
    pub took_over: i64,
    /// The log that it goes on from.
    pub old: Option<OldHead>,
}

/// The newest that is known of a log that another one goes on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldHead {
    /// Its origin.
    pub origin: String,
    /// How many entries it had.
    pub size: i64,
    /// Its root then.
    pub root: Hash,
}

fn log(row: &Row<'_>) -> Result<Log, Unfit> {
    let old = match row.text_if_any(4)? {
        Some(origin) => {
            let origin = origin.to_owned();
            Some(OldHead { origin, size: row.integer(5)?, root: Hash(row.array(6)?) })
        }
        None => None,
    };
    Ok(Log {
        number: row.integer(0)?,
        origin: row.string(1)?,
        began_at: row.time(2)?,
        took_over: row.integer(3)?,
        old,
    })
}

/// Returns all logs of this store, the one that is written last; none until somebody asked for a checkpoint.
///
/// # Errors
///
/// [`Error::Unreachable`], [`Error::Damaged`].
pub async fn all(reader: &Reader) -> Result<Vec<Log>, Error> {
    let sql =
        "SELECT number, origin, began_at, took_over, old_origin, old_size, old_root FROM log ORDER BY number";
    reader.all(Query::of(TABLE, sql, Vec::new()), log).await
}

/// Begins a log; refused if one of that number has begun, or if others wrote since it was decided.
#[derive(Debug)]
pub struct Begin {
    /// The log.
    pub log: Log,
}

impl Begin {
    pub(super) fn statement(&self) -> Statement<'_> {
        let Log { number, origin, began_at, took_over, old } = &self.log;
        let old = old.as_ref();
        Statement::one(
            "INSERT INTO log (number, origin, began_at, took_over, old_origin, old_size, old_root) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 FROM log_head \
             WHERE next_position = ?4 AND NOT EXISTS (SELECT 1 FROM log WHERE number >= ?1)",
            values![
                *number,
                origin,
                *began_at,
                *took_over,
                old.map(|old| &old.origin),
                old.map(|old| old.size),
                old.map(|old| &old.root.0)
            ],
        )
    }
}
