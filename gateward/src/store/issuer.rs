//! Issuers of the configuration file, and whether a command took one out.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::event::instant;
use super::{Error, Reader};
use crate::base::time::stored;

/// One issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerRow {
    /// Full fingerprint of its OpenPGP key.
    pub fingerprint: String,
    /// When a command took it out; `None` while it is believed.
    pub revoked_at: Option<Timestamp>,
}

/// Returns every issuer, by fingerprint.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub fn all(reader: &Reader) -> Result<Vec<IssuerRow>, Error> {
    reader.read(|connection| {
        connection
            .prepare_cached("SELECT fingerprint, revoked_at FROM issuer ORDER BY fingerprint")?
            .query_map([], |row| {
                let revoked_at: Option<String> = row.get(1)?;
                Ok(IssuerRow {
                    fingerprint: row.get(0)?,
                    revoked_at: revoked_at.map(|at| instant(1, &at)).transpose()?,
                })
            })?
            .collect()
    })
}

/// Notes an issuer of the configuration file; its revocation, if any, stays.
#[derive(Debug)]
pub struct Note {
    /// Full fingerprint.
    pub fingerprint: String,
}

impl Note {
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<usize> {
        connection
            .prepare_cached("INSERT INTO issuer VALUES (?1, 'file', NULL) ON CONFLICT (fingerprint) DO UPDATE SET origin = 'file'")?
            .execute([&self.fingerprint])
    }
}

/// Removes an issuer that the configuration file names no more, unless it was revoked.
#[derive(Debug)]
pub struct Forget {
    /// Full fingerprint.
    pub fingerprint: String,
}

impl Forget {
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<usize> {
        connection
            .prepare_cached("DELETE FROM issuer WHERE fingerprint = ?1 AND revoked_at IS NULL")?
            .execute([&self.fingerprint])
    }
}

/// Takes an issuer out, whatever the configuration file says; one that is out already is refused.
#[derive(Debug)]
pub struct Revoke {
    /// Full fingerprint.
    pub fingerprint: String,
    /// When.
    pub at: Timestamp,
}

impl Revoke {
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<usize> {
        connection
            .prepare_cached(
                "UPDATE issuer SET revoked_at = ?2 WHERE fingerprint = ?1 AND revoked_at IS NULL",
            )?
            .execute(params![self.fingerprint, stored(self.at)])
    }
}
