//! What stands in databases that are not ours: which temporary logins, and how far we came with each.
//!
//! A row is made in the commit that makes or prolongs its login, and is `pending` until the login
//! stands there; then it is `active`. It stays when the login goes, and **a row whose login is gone is
//! to be taken away there**, whatever its state: so no path that ends a login can forget it. Once
//! taken away it is `leaving`, and looked at once more before the row goes: somebody who was placing
//! the login at that moment may have come late.

use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Statement, values};
use super::{Error, Reader};
use crate::base::id::LoginName;

const TABLE: &str = "placement";

/// Notes that a login shall stand there until `expires_at`; whoever placed it before does so again.
#[derive(Debug)]
pub struct Note {
    /// Which login.
    pub login: LoginName,
    /// Its end there.
    pub expires_at: Timestamp,
    /// When this was decided.
    pub at: Timestamp,
}

impl Note {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "INSERT INTO placement (login, state, since, expires_at) VALUES (?1, 'pending', ?2, ?3) \
             ON CONFLICT (login) DO UPDATE SET state = 'pending', since = ?2, \
             expires_at = CASE WHEN placement.expires_at < ?3 THEN ?3 ELSE placement.expires_at END",
            values![self.login.as_str(), self.at, self.expires_at],
        )
    }
}

/// Says that a login stands there until `expires_at`; refused when its end was moved on meanwhile, or
/// when it is gone.
#[derive(Debug)]
pub struct Confirm {
    /// Which login.
    pub login: LoginName,
    /// The end that stands there.
    pub expires_at: Timestamp,
    /// When.
    pub at: Timestamp,
}

impl Confirm {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "UPDATE placement SET state = 'active', since = ?2 \
             WHERE login = ?1 AND state <> 'leaving' AND expires_at <= ?3 \
             AND EXISTS (SELECT 1 FROM temporary_login WHERE temporary_login.login = ?1)",
            values![self.login.as_str(), self.at, self.expires_at],
        )
    }
}

/// Says that a login that is gone was taken away there, once.
#[derive(Debug)]
pub struct Taken {
    /// Which login.
    pub login: LoginName,
    /// When.
    pub at: Timestamp,
}

impl Taken {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::any(
            "UPDATE placement SET state = 'leaving', since = ?2 WHERE login = ?1 AND state <> 'leaving' \
             AND NOT EXISTS (SELECT 1 FROM temporary_login WHERE temporary_login.login = ?1)",
            values![self.login.as_str(), self.at],
        )
    }
}

/// Forgets a login that was taken away twice.
#[derive(Debug)]
pub struct Forget {
    /// Which login.
    pub login: LoginName,
}

impl Forget {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::any(
            "DELETE FROM placement WHERE login = ?1 AND state = 'leaving'",
            values![self.login.as_str()],
        )
    }
}

/// Returns every login that stands there as far as we know.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn all(reader: &Reader) -> Result<Vec<LoginName>, Error> {
    let query = Query::of(TABLE, "SELECT login FROM placement ORDER BY login", Vec::new());
    reader.all(query, |row| row.parsed(0)).await
}

/// Returns those that are to be taken away for the first time, at most `most`.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn gone(reader: &Reader, most: u32) -> Result<Vec<LoginName>, Error> {
    let sql = "SELECT login FROM placement WHERE state <> 'leaving' AND NOT EXISTS \
               (SELECT 1 FROM temporary_login WHERE temporary_login.login = placement.login) \
               ORDER BY login LIMIT ?1";
    reader.all(Query::of(TABLE, sql, values![most]), |row| row.parsed(0)).await
}

/// Returns those that were taken away before `then` and are looked at once more, at most `most`.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn leaving_since(reader: &Reader, then: Timestamp, most: u32) -> Result<Vec<LoginName>, Error> {
    let sql =
        "SELECT login FROM placement WHERE state = 'leaving' AND since <= ?1 ORDER BY since, login LIMIT ?2";
    reader.all(Query::of(TABLE, sql, values![then, most]), |row| row.parsed(0)).await
}

/// Returns those that have been pending since `then` or longer while their login lives, at most
/// `most`, in the order of names after `after`.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn pending_since(
    reader: &Reader,
    then: Timestamp,
    after: &str,
    most: u32,
) -> Result<Vec<LoginName>, Error> {
    let sql = "SELECT login FROM placement WHERE state = 'pending' AND since <= ?1 AND login > ?2 AND EXISTS \
               (SELECT 1 FROM temporary_login WHERE temporary_login.login = placement.login) \
               ORDER BY login LIMIT ?3";
    reader.all(Query::of(TABLE, sql, values![then, after, most]), |row| row.parsed(0)).await
}

/// Tells whether a login stands there as far as we know, or was to.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn is_noted(reader: &Reader, login: &LoginName) -> Result<bool, Error> {
    let sql = "SELECT login FROM placement WHERE login = ?1";
    Ok(reader.first(Query::of(TABLE, sql, values![login.as_str()]), |row| row.string(0)).await?.is_some())
}
