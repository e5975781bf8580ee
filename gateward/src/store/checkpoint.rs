//! What was signed about the log: one checkpoint for each size that anybody was ever shown.

use audit_log::Hash;
use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Row, Statement, Unfit, values};
use super::{Error, Reader};

const TABLE: &str = "checkpoint";

/// One checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// How many entries it covers.
    pub size: i64,
    /// The root over them.
    pub root: Hash,
    /// Of which log.
    pub origin: String,
    /// The signed note.
    pub note: String,
    /// When it was signed.
    pub signed_at: Timestamp,
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT size, root, origin, note, signed_at FROM checkpoint ", $rest)
    };
}

fn checkpoint(row: &Row<'_>) -> Result<StoredCheckpoint, Unfit> {
    Ok(StoredCheckpoint {
        size: row.integer(0)?,
        root: Hash(row.array(1)?),
        origin: row.string(2)?,
        note: row.string(3)?,
        signed_at: row.time(4)?,
    })
}

/// Returns the newest; `None` before the first.
///
/// # Errors
///
/// [`Error::Unreachable`], [`Error::Damaged`].
pub async fn newest(reader: &Reader) -> Result<Option<StoredCheckpoint>, Error> {
    let sql = select!("ORDER BY size DESC LIMIT 1");
    reader.first(Query::of(TABLE, sql, Vec::new()), checkpoint).await
}

/// How many are read at once.
const PAGE: u32 = 500;

/// Returns the next ones that cover more than `size`, smallest first; none when there are no more.
///
/// # Errors
///
/// [`Error::Unreachable`], [`Error::Damaged`].
pub async fn above(reader: &Reader, size: i64) -> Result<Vec<StoredCheckpoint>, Error> {
    let sql = select!("WHERE size > ?1 ORDER BY size LIMIT ?2");
    reader.all(Query::of(TABLE, sql, values![size, PAGE]), checkpoint).await
}

/// Keeps a checkpoint; refused unless it is of the log that is written, of a size that this has, and newer than all others.
#[derive(Debug)]
pub struct Keep(pub StoredCheckpoint);

impl Keep {
    pub(super) fn statement(&self) -> Statement<'_> {
        let StoredCheckpoint { size, root, origin, note, signed_at } = &self.0;
        Statement::one(
            "INSERT INTO checkpoint (size, root, origin, note, signed_at) \
             SELECT ?1, ?2, ?3, ?4, ?5 FROM log_head WHERE next_position >= ?1 \
             AND NOT EXISTS (SELECT 1 FROM checkpoint WHERE size >= ?1) \
             AND EXISTS (SELECT 1 FROM log WHERE origin = ?3 AND number = (SELECT max(number) FROM log))",
            values![*size, &root.0, origin, note, *signed_at],
        )
    }
}
