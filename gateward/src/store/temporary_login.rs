//! Temporary logins: accounts made from signed tokens.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::event::instant;
use super::{Error, Reader};
use crate::base::id::LoginName;
use crate::base::time::stored;

/// One temporary login.
#[derive(Debug, Clone)]
pub struct TemporaryLogin {
    /// Its name.
    pub login: LoginName,
    /// The identity of the token it was made from.
    pub identity: [u8; 32],
    /// Fingerprint of the issuer.
    pub issuer: String,
    /// The token's id in each spelling that is known, as SeisComP counts them.
    pub token_ids: Vec<String>,
    /// The key of the keyring that the password is made with.
    pub key_id: String,
    /// Salt of the password.
    pub salt: [u8; 16],
    /// The mail address, sealed to this row.
    pub sealed_mail: Vec<u8>,
    /// Pseudonym of the person.
    pub subject: String,
    /// Group paths.
    pub groups: Vec<String>,
    /// The token's own end.
    pub valid_until: Timestamp,
    /// When the login was made.
    pub created_at: Timestamp,
    /// When it ends unless used again.
    pub expires_at: Timestamp,
}

const COLUMNS: &str = "login, identity, issuer, token_ids, key_id, salt, sealed_mail, subject, groups, valid_until, created_at, expires_at";

fn row(row: &Row<'_>) -> rusqlite::Result<TemporaryLogin> {
    let time = |column: usize| instant(column, row.get_ref(column)?.as_str()?);
    Ok(TemporaryLogin {
        login: parse(0, row.get_ref(0)?.as_str()?)?,
        identity: row.get(1)?,
        issuer: row.get(2)?,
        token_ids: row.get_ref(3)?.as_str()?.split(' ').map(str::to_owned).collect(),
        key_id: row.get(4)?,
        salt: row.get(5)?,
        sealed_mail: row.get(6)?,
        subject: row.get(7)?,
        groups: serde_json::from_str(row.get_ref(8)?.as_str()?).map_err(|error| damaged(8, error))?,
        valid_until: time(9)?,
        created_at: time(10)?,
        expires_at: time(11)?,
    })
}

fn damaged(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

fn parse<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    column: usize,
    text: &str,
) -> rusqlite::Result<T> {
    text.parse().map_err(|error| damaged(column, error))
}

/// Finds a login by its name, expired or not.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub fn find(reader: &Reader, login: &LoginName) -> Result<Option<TemporaryLogin>, Error> {
    reader.read(|connection| {
        connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM temporary_login WHERE login = ?1"))?
            .query_row([login.as_str()], row)
            .optional()
    })
}

/// Finds the login of a token by the token's identity, expired or not.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub fn find_by_identity(reader: &Reader, identity: &[u8; 32]) -> Result<Option<TemporaryLogin>, Error> {
    reader.read(|connection| {
        connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM temporary_login WHERE identity = ?1"))?
            .query_row([identity], row)
            .optional()
    })
}

/// Returns every login, oldest first.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub fn all(reader: &Reader) -> Result<Vec<TemporaryLogin>, Error> {
    reader.read(|connection| {
        connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM temporary_login ORDER BY created_at, login"))?
            .query_map([], row)?
            .collect()
    })
}

/// Returns at most `most` logins that ended at or before `now`, the longest ended first.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub fn expired(reader: &Reader, now: Timestamp, most: u32) -> Result<Vec<LoginName>, Error> {
    reader.read(|connection| {
        connection
            .prepare_cached("SELECT login FROM temporary_login WHERE expires_at <= ?1 ORDER BY expires_at, login LIMIT ?2")?
            .query_map(params![stored(now), most], |row| parse(0, row.get_ref(0)?.as_str()?))?
            .collect()
    })
}

/// Returns the ids of the keys that living logins need.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub fn key_ids(reader: &Reader) -> Result<Vec<String>, Error> {
    reader.read(|connection| {
        connection
            .prepare_cached("SELECT DISTINCT key_id FROM temporary_login ORDER BY key_id")?
            .query_map([], |row| row.get(0))?
            .collect()
    })
}

/// Makes a login; one whose token has a login already is refused.
///
/// An expired login of the same token makes room in the same commit.
#[derive(Debug)]
pub struct Create(pub TemporaryLogin);

impl Create {
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<usize> {
        let new = &self.0;
        connection
            .prepare_cached("DELETE FROM temporary_login WHERE identity = ?1 AND expires_at <= ?2")?
            .execute(params![new.identity, stored(new.created_at)])?;
        connection
            .prepare_cached(&format!(
                "INSERT INTO temporary_login ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
                 ON CONFLICT DO NOTHING"
            ))?
            .execute(params![
                new.login.as_str(),
                new.identity,
                new.issuer,
                new.token_ids.join(" "),
                new.key_id,
                new.salt,
                new.sealed_mail,
                new.subject,
                serde_json::Value::from(new.groups.clone()).to_string(),
                stored(new.valid_until),
                stored(new.created_at),
                stored(new.expires_at),
            ])
    }
}

/// Moves a login's end on; never back, and only while the login is there.
#[derive(Debug)]
pub struct Prolong {
    /// Which login.
    pub login: LoginName,
    /// Its new end.
    pub to: Timestamp,
}

impl Prolong {
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<usize> {
        connection
            .prepare_cached("UPDATE temporary_login SET expires_at = max(expires_at, ?2) WHERE login = ?1")?
            .execute(params![self.login.as_str(), stored(self.to)])
    }
}

/// Takes a login away; one that is gone already is refused.
#[derive(Debug)]
pub struct Delete {
    /// Which login.
    pub login: LoginName,
    /// Only if it ended at or before this instant.
    pub ended_by: Option<Timestamp>,
}

impl Delete {
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<usize> {
        let ended_by = self.ended_by.map(stored);
        connection
            .prepare_cached(
                "DELETE FROM temporary_login WHERE login = ?1 AND (?2 IS NULL OR expires_at <= ?2)",
            )?
            .execute(params![self.login.as_str(), ended_by])
    }
}
