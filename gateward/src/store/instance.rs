//! Running programs and what they have open.
//!
//! A server renews its lease; when the lease lapsed, whoever notices closes what it left open.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::event::instant;
use super::{Error, Reader};
use crate::base::id::{InstanceId, TransactionId};
use crate::base::time::stored;

/// A transaction that was admitted and has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTransaction {
    /// Its id.
    pub id: TransactionId,
    /// Who carried it.
    pub instance: String,
    /// The service.
    pub service: String,
    /// The caller.
    pub who: String,
}

/// Returns the instances whose lease ended before `now`.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub fn lapsed(reader: &Reader, now: Timestamp) -> Result<Vec<String>, Error> {
    reader.read(|connection| {
        connection
            .prepare_cached("SELECT id FROM instance WHERE lease_until < ?1 ORDER BY started_at")?
            .query_map([stored(now)], |row| row.get(0))?
            .collect()
    })
}

/// Returns the instances that have a lease, lapsed or not.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub fn all(reader: &Reader) -> Result<Vec<String>, Error> {
    reader.read(|connection| {
        connection
            .prepare_cached("SELECT id FROM instance ORDER BY started_at")?
            .query_map([], |row| row.get(0))?
            .collect()
    })
}

/// Returns the end of the newest lease, if there is any.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub fn newest_lease(reader: &Reader) -> Result<Option<Timestamp>, Error> {
    reader.read(|connection| {
        let newest: Option<String> = connection
            .prepare_cached("SELECT max(lease_until) FROM instance")?
            .query_row([], |row| row.get(0))?;
        newest.map(|until| instant(0, &until)).transpose()
    })
}

/// Returns at most `most` transactions that `instance` left open.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub fn open_transactions(reader: &Reader, instance: &str, most: u32) -> Result<Vec<OpenTransaction>, Error> {
    reader.read(|connection| {
        connection
            .prepare_cached("SELECT id, instance, service, who FROM open_transaction WHERE instance = ?1 ORDER BY opened_at LIMIT ?2")?
            .query_map(params![instance, most], |row| {
                let id: String = row.get(0)?;
                let id = id.parse().map_err(|error| {
                    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
                })?;
                Ok(OpenTransaction { id, instance: row.get(1)?, service: row.get(2)?, who: row.get(3)? })
            })?
            .collect()
    })
}

/// Takes or renews the lease of an instance.
#[derive(Debug)]
pub struct Renew {
    /// Which instance.
    pub instance: InstanceId,
    /// When it renews.
    pub now: Timestamp,
    /// Until when it is believed to run.
    pub until: Timestamp,
}

impl Renew {
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<usize> {
        connection
            .prepare_cached(
                "INSERT INTO instance VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET lease_until = ?3",
            )?
            .execute(params![self.instance.to_string(), stored(self.now), stored(self.until)])
    }
}

/// Takes an instance off the list once nothing of it is open; refused while something is.
#[derive(Debug)]
pub struct Retire {
    /// Which instance.
    pub instance: String,
}

impl Retire {
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<usize> {
        connection
            .prepare_cached(
                "DELETE FROM instance WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM open_transaction WHERE instance = ?1)",
            )?
            .execute([&self.instance])
    }
}

/// Opens a transaction.
#[derive(Debug)]
pub struct Open {
    /// The transaction.
    pub transaction: OpenTransaction,
    /// When.
    pub at: Timestamp,
}

impl Open {
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<usize> {
        let OpenTransaction { id, instance, service, who } = &self.transaction;
        connection
            .prepare_cached("INSERT INTO open_transaction VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![id.to_string(), instance, service, who, stored(self.at)])
    }
}

/// Closes a transaction; one that is closed already is refused, so that it ends once.
#[derive(Debug)]
pub struct Close(pub TransactionId);

impl Close {
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<usize> {
        connection.prepare_cached("DELETE FROM open_transaction WHERE id = ?1")?.execute([self.0.to_string()])
    }
}
