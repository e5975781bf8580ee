//! Issuers of the configuration file, and whether a command took one out.

use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Statement, values};
use super::{Error, Reader};

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
pub async fn all(reader: &Reader) -> Result<Vec<IssuerRow>, Error> {
    let sql = "SELECT fingerprint, revoked_at FROM issuer ORDER BY fingerprint";
    reader
        .all(Query::of("issuer", sql, Vec::new()), |row| {
            Ok(IssuerRow { fingerprint: row.string(0)?, revoked_at: row.time_if_any(1)? })
        })
        .await
}

/// Notes an issuer of the configuration file; its revocation, if any, stays.
#[derive(Debug)]
pub struct Note {
    /// Full fingerprint.
    pub fingerprint: String,
}

impl Note {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "INSERT INTO issuer (fingerprint, origin, revoked_at) VALUES (?1, 'file', NULL) ON CONFLICT (fingerprint) DO UPDATE SET origin = 'file'",
            values![&self.fingerprint],
        )
    }
}

/// Removes an issuer that the configuration file names no more, unless it was revoked.
#[derive(Debug)]
pub struct Forget {
    /// Full fingerprint.
    pub fingerprint: String,
}

impl Forget {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "DELETE FROM issuer WHERE fingerprint = ?1 AND revoked_at IS NULL",
            values![&self.fingerprint],
        )
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
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "UPDATE issuer SET revoked_at = ?2 WHERE fingerprint = ?1 AND revoked_at IS NULL",
            values![&self.fingerprint, self.at],
        )
    }
}
