//! Running programs and what they have open.
//!
//! A server renews its lease; when the lease lapsed, whoever notices closes what it left open.

use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Row, Statement, values};
use super::{Error, Reader};
use crate::base::id::{InstanceId, TransactionId};

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
pub async fn lapsed(reader: &Reader, now: Timestamp) -> Result<Vec<String>, Error> {
    let sql = "SELECT id FROM instance WHERE lease_until < ?1 ORDER BY started_at";
    reader.all(Query::of("instance", sql, values![now]), |row| row.string(0)).await
}

/// An instance that is believed to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// Its id.
    pub id: String,
    /// Since when.
    pub started_at: Timestamp,
    /// Until when it is believed to run, if it does not renew its lease.
    pub until: Timestamp,
}

/// Returns the instances whose lease runs at `now`, the oldest first.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn leased(reader: &Reader, now: Timestamp) -> Result<Vec<Leased>, Error> {
    let sql =
        "SELECT id, started_at, lease_until FROM instance WHERE lease_until >= ?1 ORDER BY started_at, id";
    let leased =
        |row: &Row<'_>| Ok(Leased { id: row.string(0)?, started_at: row.time(1)?, until: row.time(2)? });
    reader.all(Query::of("instance", sql, values![now]), leased).await
}

/// Returns the instances that have a lease, lapsed or not.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn all(reader: &Reader) -> Result<Vec<String>, Error> {
    let sql = "SELECT id FROM instance ORDER BY started_at";
    reader.all(Query::of("instance", sql, Vec::new()), |row| row.string(0)).await
}

/// Returns the end of the newest lease, if there is any.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn newest_lease(reader: &Reader) -> Result<Option<Timestamp>, Error> {
    let sql = "SELECT lease_until FROM instance ORDER BY lease_until DESC LIMIT 1";
    reader.first(Query::of("instance", sql, Vec::new()), |row| row.time(0)).await
}

/// Returns at most `most` transactions that `instance` left open.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn open_transactions(
    reader: &Reader,
    instance: &str,
    most: u32,
) -> Result<Vec<OpenTransaction>, Error> {
    let sql = "SELECT id, instance, service, who FROM open_transaction WHERE instance = ?1 \
               ORDER BY opened_at LIMIT ?2";
    reader
        .all(Query::of("open_transaction", sql, values![instance, most]), |row| {
            Ok(OpenTransaction {
                id: row.parsed(0)?,
                instance: row.string(1)?,
                service: row.string(2)?,
                who: row.string(3)?,
            })
        })
        .await
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
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "INSERT INTO instance (id, started_at, lease_until) VALUES (?1, ?2, ?3) \
             ON CONFLICT (id) DO UPDATE SET lease_until = ?3",
            values![self.instance.to_string(), self.now, self.until],
        )
    }
}

/// Holds only while the lease of an instance has lapsed: what others do to it, they do not do to one
/// that has just renewed.
#[derive(Debug)]
pub struct ExpectLapsed {
    /// Which instance.
    pub instance: String,
    /// By when.
    pub by: Timestamp,
}

impl ExpectLapsed {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "UPDATE instance SET lease_until = lease_until WHERE id = ?1 AND lease_until < ?2",
            values![&self.instance, self.by],
        )
    }
}

/// Takes an instance off the list once nothing of it is open; refused while something is.
#[derive(Debug)]
pub struct Retire {
    /// Which instance.
    pub instance: String,
}

impl Retire {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "DELETE FROM instance WHERE id = ?1 \
             AND NOT EXISTS (SELECT 1 FROM open_transaction WHERE instance = ?1)",
            values![&self.instance],
        )
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
    pub(super) fn statement(&self) -> Statement<'_> {
        let OpenTransaction { id, instance, service, who } = &self.transaction;
        Statement::one(
            "INSERT INTO open_transaction (id, instance, service, who, opened_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            values![id.to_string(), instance, service, who, self.at],
        )
    }
}

/// Closes a transaction; one that is closed already is refused, so that it ends once.
#[derive(Debug)]
pub struct Close(pub TransactionId);

impl Close {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one("DELETE FROM open_transaction WHERE id = ?1", values![self.0.to_string()])
    }
}
