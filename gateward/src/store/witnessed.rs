//! What was cosigned last of the logs of others: one row each.

use audit_log::Hash;
use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Row, Statement, Unfit, values};
use super::{Error, Reader};

/// What was cosigned last of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// Which log.
    pub origin: String,
    /// How many entries it had.
    pub size: i64,
    /// The root over them.
    pub root: Hash,
    /// Its checkpoint, with our cosignature.
    pub note: String,
    /// When.
    pub at: Timestamp,
}

fn witnessed(row: &Row<'_>) -> Result<Witnessed, Unfit> {
    Ok(Witnessed {
        origin: row.string(0)?,
        size: row.integer(1)?,
        root: Hash(row.array(2)?),
        note: row.string(3)?,
        at: row.time(4)?,
    })
}

/// Finds what was cosigned last of the log `origin`.
///
/// # Errors
///
/// [`Error::Unreachable`], [`Error::Damaged`].
pub async fn find(reader: &Reader, origin: &str) -> Result<Option<Witnessed>, Error> {
    let sql = "SELECT origin, size, root, note, witnessed_at FROM witnessed WHERE origin = ?1";
    reader.first(Query::of("witnessed", sql, values![origin]), witnessed).await
}

/// Notes what is cosigned; refused unless what was cosigned last is still `before`.
#[derive(Debug)]
pub struct Witness {
    /// What is cosigned now.
    pub now: Witnessed,
    /// What it was held against; `None` for the first.
    pub before: Option<(i64, Hash)>,
}

impl Witness {
    pub(super) fn statement(&self) -> Statement<'_> {
        let Witnessed { origin, size, root, note, at } = &self.now;
        match &self.before {
            None => Statement::one(
                "INSERT INTO witnessed (origin, size, root, note, witnessed_at) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT (origin) DO NOTHING",
                values![origin, *size, &root.0, note, *at],
            ),
            Some((before_size, before_root)) => Statement::one(
                "UPDATE witnessed SET size = ?2, root = ?3, note = ?4, witnessed_at = ?5 \
                 WHERE origin = ?1 AND size = ?6 AND root = ?7",
                values![origin, *size, &root.0, note, *at, *before_size, &before_root.0],
            ),
        }
    }
}
