//! Temporary logins: accounts made from signed tokens.

use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Row, Statement, Unfit, values};
use super::{Error, Reader};
use crate::base::id::LoginName;

/// One temporary login.
#[derive(Debug, Clone)]
pub struct TemporaryLogin {
    /// Its name.
    pub login: LoginName,
    /// The identity of the token it was made from.
    pub identity: [u8; 32],
    /// Fingerprint or URL of the issuer.
    pub issuer: String,
    /// The token's id in each spelling that is known, as SeisComP counts them.
    pub token_ids: Vec<String>,
    /// The key of the keyring that the password is made with.
    pub key_id: String,
    /// Salt of the password.
    pub salt: [u8; 16],
    /// The mail address, sealed to this row; empty where there is none.
    pub sealed_mail: Vec<u8>,
    /// What an OIDC issuer calls the person, sealed to this row; `None` for signed tokens.
    pub sealed_sub: Option<Vec<u8>>,
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

macro_rules! columns {
    () => {
        "login, identity, issuer, token_ids, key_id, salt, sealed_mail, subject, groups, valid_until, \
         created_at, expires_at, sealed_sub"
    };
}

fn row(row: &Row<'_>) -> Result<TemporaryLogin, Unfit> {
    Ok(TemporaryLogin {
        login: row.parsed(0)?,
        identity: row.array(1)?,
        issuer: row.string(2)?,
        token_ids: row.text(3)?.split(' ').map(str::to_owned).collect(),
        key_id: row.string(4)?,
        salt: row.array(5)?,
        sealed_mail: row.bytes(6)?.to_vec(),
        subject: row.string(7)?,
        groups: row.json(8)?,
        valid_until: row.time(9)?,
        created_at: row.time(10)?,
        expires_at: row.time(11)?,
        sealed_sub: row.bytes_if_any(12)?.map(<[u8]>::to_vec),
    })
}

const TABLE: &str = "temporary_login";

/// Finds a login by its name, expired or not.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn find(reader: &Reader, login: &LoginName) -> Result<Option<TemporaryLogin>, Error> {
    let sql = concat!("SELECT ", columns!(), " FROM temporary_login WHERE login = ?1");
    reader.first(Query::of(TABLE, sql, values![login.as_str()]), row).await
}

/// Finds the login of a token by the token's identity, expired or not.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn find_by_identity(reader: &Reader, identity: &[u8; 32]) -> Result<Option<TemporaryLogin>, Error> {
    let sql = concat!("SELECT ", columns!(), " FROM temporary_login WHERE identity = ?1");
    reader.first(Query::of(TABLE, sql, values![identity]), row).await
}

/// Returns every login, oldest first.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn all(reader: &Reader) -> Result<Vec<TemporaryLogin>, Error> {
    let sql = concat!("SELECT ", columns!(), " FROM temporary_login ORDER BY created_at, login");
    reader.all(Query::of(TABLE, sql, Vec::new()), row).await
}

/// Returns at most `most` logins that ended at or before `now`, the longest ended first.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn expired(reader: &Reader, now: Timestamp, most: u32) -> Result<Vec<LoginName>, Error> {
    let sql = "SELECT login FROM temporary_login WHERE expires_at <= ?1 ORDER BY expires_at, login LIMIT ?2";
    reader.all(Query::of(TABLE, sql, values![now, most]), |row| row.parsed(0)).await
}

/// Returns the ids of the keys that living logins need.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn key_ids(reader: &Reader) -> Result<Vec<String>, Error> {
    let sql = "SELECT DISTINCT key_id FROM temporary_login ORDER BY key_id";
    reader.all(Query::of(TABLE, sql, Vec::new()), |row| row.string(0)).await
}

/// Returns the issuers that logins come from.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn issuers(reader: &Reader) -> Result<Vec<String>, Error> {
    let sql = "SELECT DISTINCT issuer FROM temporary_login ORDER BY issuer";
    reader.all(Query::of(TABLE, sql, Vec::new()), |row| row.string(0)).await
}

/// What changes whenever a login is made or goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    count: i64,
    last_created_at: Option<String>,
    first_end: Option<String>,
}

/// Returns how many logins there are, when the last was made, and when the first ends.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn extent(reader: &Reader) -> Result<Extent, Error> {
    let sql = "SELECT count(*), max(created_at), min(expires_at) FROM temporary_login";
    let extent = reader.first(Query::of(TABLE, sql, Vec::new()), |row| {
        let text = |column| row.text_if_any(column).map(|text| text.map(str::to_owned));
        Ok(Extent { count: row.integer(0)?, last_created_at: text(1)?, first_end: text(2)? })
    });
    Ok(extent.await?.unwrap_or(Extent { count: 0, last_created_at: None, first_end: None }))
}

/// Makes a login; one whose token has a login already is refused.
///
/// An expired login of the same token makes room in the same commit.
#[derive(Debug)]
pub struct Create(pub TemporaryLogin);

impl Create {
    pub(super) fn statements(&self) -> Vec<Statement<'_>> {
        let new = &self.0;
        let make_room = Statement::any(
            "DELETE FROM temporary_login WHERE identity = ?1 AND expires_at <= ?2",
            values![&new.identity, new.created_at],
        );
        let create = Statement::one(
            concat!(
                "INSERT INTO temporary_login (",
                columns!(),
                ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT DO NOTHING"
            ),
            values![
                new.login.as_str(),
                &new.identity,
                &new.issuer,
                new.token_ids.join(" "),
                &new.key_id,
                &new.salt,
                new.sealed_mail.as_slice(),
                &new.subject,
                serde_json::Value::from(new.groups.clone()).to_string(),
                new.valid_until,
                new.created_at,
                new.expires_at,
                new.sealed_sub.as_deref(),
            ],
        );
        vec![make_room, create]
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
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "UPDATE temporary_login SET expires_at = CASE WHEN expires_at < ?2 THEN ?2 ELSE expires_at END \
             WHERE login = ?1",
            values![self.login.as_str(), self.to],
        )
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
    pub(super) fn statement(&self) -> Statement<'_> {
        match self.ended_by {
            Some(ended_by) => Statement::one(
                "DELETE FROM temporary_login WHERE login = ?1 AND expires_at <= ?2",
                values![self.login.as_str(), ended_by],
            ),
            None => {
                Statement::one("DELETE FROM temporary_login WHERE login = ?1", values![self.login.as_str()])
            }
        }
    }
}
