//! Where events are sent as well: how far each place has them.
//!
//! One server sends to a place: whoever holds its lease. Another takes it over once that has lapsed, or its holder has
//! ended.

use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Row, Statement, Unfit, values};
use super::{Error, Reader};
use crate::base::id::InstanceId;

/// A place that events are sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// The place.
    pub name: String,
    /// The position of the first event that it does not have yet.
    pub position: u64,
    /// When that was last known.
    pub updated_at: Timestamp,
    /// Since when it takes nothing; `None` while it does.
    pub failing_since: Option<Timestamp>,
    /// Why.
    pub last_error: Option<String>,
    /// How many events it refused for good.
    pub refused: u64,
}

const COLUMNS: &str = "name, position, updated_at, failing_since, last_error, refused";

fn feed(row: &Row<'_>) -> Result<Feed, Unfit> {
    Ok(Feed {
        name: row.string(0)?,
        position: row.integer(1)?.unsigned_abs(),
        updated_at: row.time(2)?,
        failing_since: row.time_if_any(3)?,
        last_error: row.text_if_any(4)?.map(str::to_owned),
        refused: row.integer(5)?.unsigned_abs(),
    })
}

/// Returns all of them, by name; also those that the configuration names no more.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn all(reader: &Reader) -> Result<Vec<Feed>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM feed ORDER BY name");
    reader.all(Query::of("feed", &sql, Vec::new()), feed).await
}

/// Finds one.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn find(reader: &Reader, name: &str) -> Result<Option<Feed>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM feed WHERE name = ?1");
    reader.first(Query::of("feed", &sql, values![name]), feed).await
}

/// Begins to send to a place, with the events from `position` on; harmless where it has begun.
#[derive(Debug)]
pub struct Begin {
    /// The place.
    pub name: String,
    /// The first that is sent there.
    pub position: u64,
    /// When.
    pub at: Timestamp,
}

impl Begin {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::any(
            "INSERT INTO feed (name, position, updated_at) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING",
            values![&self.name, integer(self.position), self.at],
        )
    }
}

/// Takes or renews the lease of a place; refused while another server has it.
#[derive(Debug)]
pub struct Lease {
    /// The place.
    pub name: String,
    /// Who sends from now on.
    pub holder: InstanceId,
    /// When.
    pub at: Timestamp,
    /// Until when nobody else does.
    pub until: Timestamp,
}

impl Lease {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "UPDATE feed SET holder = ?2, lease_until = ?4 \
             WHERE name = ?1 AND (holder IS NULL OR holder = ?2 OR lease_until < ?3 \
             OR NOT EXISTS (SELECT 1 FROM instance WHERE instance.id = feed.holder))",
            values![&self.name, self.holder.to_string(), self.at, self.until],
        )
    }
}

/// Notes that a place has everything before `to`; refused to who does not send there, and once it is noted.
#[derive(Debug)]
pub struct Advance {
    /// The place.
    pub name: String,
    /// Who sent it.
    pub holder: InstanceId,
    /// Up to where it was known to have everything.
    pub from: u64,
    /// Up to where it has everything now.
    pub to: u64,
    /// How many of those it refused for good.
    pub refused: u64,
    /// When.
    pub at: Timestamp,
}

impl Advance {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "UPDATE feed SET position = ?4, updated_at = ?5, refused = refused + ?6, failing_since = NULL, \
             last_error = NULL WHERE name = ?1 AND holder = ?2 AND position = ?3",
            values![
                &self.name,
                self.holder.to_string(),
                integer(self.from),
                integer(self.to),
                self.at,
                integer(self.refused)
            ],
        )
    }
}

/// Notes why a place takes nothing.
#[derive(Debug)]
pub struct Failing {
    /// The place.
    pub name: String,
    /// Who tried.
    pub holder: InstanceId,
    /// Why.
    pub error: String,
    /// When.
    pub at: Timestamp,
}

impl Failing {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::any(
            "UPDATE feed SET failing_since = COALESCE(failing_since, ?4), last_error = ?3 \
             WHERE name = ?1 AND holder = ?2",
            values![&self.name, self.holder.to_string(), &self.error, self.at],
        )
    }
}

fn integer(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}
