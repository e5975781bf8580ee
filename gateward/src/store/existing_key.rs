//! CKAN's own keys that are still in the field, as requests show them: by pseudonyms that open nothing.

use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Row, Statement, Unfit, values};
use super::{Error, Reader};
use crate::base::name::ServiceName;

const TABLE: &str = "existing_key";

/// How many are listed: strangers can send what only looks like a key.
pub const LISTED: u32 = 10_000;

/// One of them.
#[derive(Debug, Clone)]
pub struct ExistingKeyRow {
    /// A keyed hash: the same key again.
    pub pseudonym: String,
    /// The service that it was shown to last.
    pub service: ServiceName,
    /// When it was seen first.
    pub first_seen_at: Timestamp,
    /// When it was seen last, to an hour.
    pub last_seen_at: Timestamp,
    /// From where.
    pub last_address: String,
}

fn row(row: &Row<'_>) -> Result<ExistingKeyRow, Unfit> {
    Ok(ExistingKeyRow {
        pseudonym: row.string(0)?,
        service: row.parsed(1)?,
        first_seen_at: row.time(2)?,
        last_seen_at: row.time(3)?,
        last_address: row.string(4)?,
    })
}

/// Tells when one was seen last.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn last_seen(reader: &Reader, pseudonym: &str) -> Result<Option<Timestamp>, Error> {
    let sql = "SELECT last_seen_at FROM existing_key WHERE pseudonym = ?1";
    reader.first(Query::of(TABLE, sql, values![pseudonym]), |row| row.time(0)).await
}

/// Returns all of them, those that were seen last first.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn all(reader: &Reader) -> Result<Vec<ExistingKeyRow>, Error> {
    let sql = "SELECT pseudonym, service, first_seen_at, last_seen_at, last_address FROM existing_key \
               ORDER BY last_seen_at DESC, pseudonym";
    reader.all(Query::of(TABLE, sql, Vec::new()), row).await
}

/// Notes that one was seen. Where there is no room for a new one, the oldest makes some that was seen once alone;
/// where all came again, it is not listed.
#[derive(Debug)]
pub struct See {
    /// Which.
    pub pseudonym: String,
    /// By which service.
    pub service: ServiceName,
    /// When.
    pub at: Timestamp,
    /// From where.
    pub address: String,
}

impl See {
    pub(super) fn statements(&self) -> Vec<Statement<'_>> {
        let make_room = Statement::any(
            "DELETE FROM existing_key WHERE pseudonym IN (SELECT pseudonym FROM existing_key \
                  WHERE first_seen_at = last_seen_at AND (SELECT count(*) FROM existing_key) >= ?2 \
                  ORDER BY last_seen_at, pseudonym LIMIT 1) \
                  AND NOT EXISTS (SELECT 1 FROM existing_key WHERE pseudonym = ?1)",
            values![&self.pseudonym, LISTED],
        );
        // Nothing where there is no room: the request goes on all the same.
        let note = Statement::any(
            "INSERT INTO existing_key (pseudonym, service, first_seen_at, last_seen_at, last_address) \
                  SELECT ?1, ?2, ?3, ?3, ?4 WHERE EXISTS (SELECT 1 FROM existing_key WHERE pseudonym = ?1) \
                  OR (SELECT count(*) FROM existing_key) < ?5 ON CONFLICT (pseudonym) DO UPDATE SET \
                  service = excluded.service, last_seen_at = excluded.last_seen_at, \
                  last_address = excluded.last_address",
            values![&self.pseudonym, self.service.as_str(), self.at, &self.address, LISTED],
        );
        vec![make_room, note]
    }
}

/// Forgets those that were seen once, and not since this instant: strangers can make up any number.
#[derive(Debug)]
pub struct Sweep {
    /// The instant.
    pub not_since: Timestamp,
}

impl Sweep {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::any(
            "DELETE FROM existing_key WHERE first_seen_at = last_seen_at AND last_seen_at <= ?1",
            values![self.not_since],
        )
    }
}
