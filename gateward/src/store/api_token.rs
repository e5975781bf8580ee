//! Opaque keys of users for programs; never the key itself.

use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Row, Statement, Unfit, values};
use super::{Error, Reader};
use crate::base::identity::UserName;
use crate::base::name::ServiceName;
use crate::base::sha256::Sha256;

/// One API token.
#[derive(Debug, Clone)]
pub struct ApiTokenRow {
    /// SHA-256 of the key.
    pub hash: String,
    /// Names it in lists and events, and opens nothing.
    pub id: String,
    /// Whose it is.
    pub user: UserName,
    /// What its owner calls it.
    pub label: String,
    /// The services that it is for; empty: all of its owner's.
    pub services: Vec<ServiceName>,
    /// It opens no changes.
    pub read_only: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute; `None`: never.
    pub last_used_at: Option<Timestamp>,
}

macro_rules! columns {
    () => {
        "hash, id, user_name, label, services, read_only, created_at, created_by, expires_at, last_used_at"
    };
}

const TABLE: &str = "api_token";

fn row(row: &Row<'_>) -> Result<ApiTokenRow, Unfit> {
    Ok(ApiTokenRow {
        hash: row.string(0)?,
        id: row.string(1)?,
        user: row.parsed(2)?,
        label: row.string(3)?,
        services: row.json(4)?,
        read_only: row.integer(5)? != 0,
        created_at: row.time(6)?,
        created_by: row.string(7)?,
        expires_at: row.time(8)?,
        last_used_at: row.time_if_any(9)?,
    })
}

/// Finds a token by its hash, ended or not.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn find(reader: &Reader, hash: &Sha256) -> Result<Option<ApiTokenRow>, Error> {
    let sql = concat!("SELECT ", columns!(), " FROM api_token WHERE hash = ?1");
    reader.first(Query::of(TABLE, sql, values![hash.to_string()]), row).await
}

/// Finds a token by its id, ended or not.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn find_by_id(reader: &Reader, id: &str) -> Result<Option<ApiTokenRow>, Error> {
    let sql = concat!("SELECT ", columns!(), " FROM api_token WHERE id = ?1");
    reader.first(Query::of(TABLE, sql, values![id]), row).await
}

/// Returns every token, by owner and age.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn all(reader: &Reader) -> Result<Vec<ApiTokenRow>, Error> {
    let sql = concat!("SELECT ", columns!(), " FROM api_token ORDER BY user_name, created_at, id");
    reader.all(Query::of(TABLE, sql, Vec::new()), row).await
}

/// Returns every token of one user, by age.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn of_user(reader: &Reader, user: &UserName) -> Result<Vec<ApiTokenRow>, Error> {
    let sql = concat!("SELECT ", columns!(), " FROM api_token WHERE user_name = ?1 ORDER BY created_at, id");
    reader.all(Query::of(TABLE, sql, values![user.as_str()]), row).await
}

/// Makes a token.
#[derive(Debug)]
pub struct Create(pub ApiTokenRow);

impl Create {
    pub(super) fn statement(&self) -> Statement<'_> {
        let new = &self.0;
        let services: Vec<_> = new.services.iter().map(ServiceName::as_str).collect();
        Statement::one(
            "INSERT INTO api_token (hash, id, user_name, label, services, read_only, created_at, created_by, \
             expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
            values![
                &new.hash,
                &new.id,
                new.user.as_str(),
                &new.label,
                serde_json::Value::from(services).to_string(),
                i64::from(new.read_only),
                new.created_at,
                &new.created_by,
                new.expires_at,
            ],
        )
    }
}

/// Takes a token away; one that is gone already is refused.
#[derive(Debug)]
pub struct Delete {
    /// Which.
    pub id: String,
}

impl Delete {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one("DELETE FROM api_token WHERE id = ?1", values![&self.id])
    }
}

/// Takes away what ended at or before an instant; it opens nothing already.
#[derive(Debug)]
pub struct Sweep {
    /// The instant.
    pub ended_by: Timestamp,
}

impl Sweep {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::any("DELETE FROM api_token WHERE expires_at <= ?1", values![self.ended_by])
    }
}

/// Notes that a token was used.
#[derive(Debug)]
pub struct Used {
    /// Which.
    pub id: String,
    /// When.
    pub at: Timestamp,
}

impl Used {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::any("UPDATE api_token SET last_used_at = ?2 WHERE id = ?1", values![&self.id, self.at])
    }
}
