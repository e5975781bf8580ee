//! Keys of our own in access tokens: what each stands for, and whether it lives; never the key itself.
//!
//! A row comes together with the issue of its access token, dead; somebody activates it. When the end of the
//! access token is decided, what it stood for is wiped: the rest stays, to say why it opens nothing.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::access_token::named_key;
use super::reader::Query;
use super::sql::{Row, Statement, Unfit, values};
use super::{Error, Reader};
use crate::base::access_token::{Because, State};
use crate::base::address::AddressRange;
use crate::base::ckan::CkanUser;
use crate::base::id::AccessTokenId;
use crate::base::opaque_key::OpaqueKeyHash;

const TABLE: &str = "opaque_key";

/// What is known of one, whatever becomes of its access token.
#[derive(Debug, Clone)]
pub struct OpaqueKeyRow {
    /// Its access token.
    pub access_token: AccessTokenId,
    /// Since when it lives; `None` while it is dead.
    pub activated_at: Option<Timestamp>,
    /// Who said so: `os:NAME`.
    pub activated_by: Option<String>,
    /// Whether its first use binds it to the addresses there.
    pub binds: bool,
    /// The addresses that it is bound to.
    pub bound_to: Option<AddressRange>,
    /// When it was used last, to a minute.
    pub last_used_at: Option<Timestamp>,
}

/// One with what it stands for.
#[derive(Debug, Clone)]
pub struct Found {
    /// What is known of it.
    pub key: OpaqueKeyRow,
    /// CKAN's own key, sealed to this row; empty once it was wiped.
    pub sealed_key: Vec<u8>,
    /// The CKAN user whose key it stands for.
    pub user: CkanUser,
    /// How far the access token is.
    pub state: State,
    /// Why that ends or ended.
    pub because: Option<Because>,
    /// When it ends.
    pub expires_at: Timestamp,
}

macro_rules! columns {
    () => {
        "opaque_key.access_token, activated_at, activated_by, binds, bound_to, last_used_at"
    };
}

fn row(row: &Row<'_>) -> Result<OpaqueKeyRow, Unfit> {
    Ok(OpaqueKeyRow {
        access_token: row.parsed(0)?,
        activated_at: row.time_if_any(1)?,
        activated_by: row.text_if_any(2)?.map(str::to_owned),
        binds: row.integer(3)? == 1,
        bound_to: row.parsed_if_any(4)?,
        last_used_at: row.time_if_any(5)?,
    })
}

/// Finds one by what it is known by, whatever its state.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn find(reader: &Reader, hash: &OpaqueKeyHash) -> Result<Option<Found>, Error> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        ", sealed_key, user_name, state, because, expires_at FROM opaque_key JOIN access_token \
         ON access_token.id = opaque_key.access_token WHERE hash = ?1"
    );
    let found = |columns: &Row<'_>| {
        Ok(Found {
            key: row(columns)?,
            sealed_key: columns.bytes(6)?.to_vec(),
            user: columns.parsed(7)?,
            state: columns.parsed(8)?,
            because: columns.parsed_if_any(9)?,
            expires_at: columns.time(10)?,
        })
    };
    reader.first(Query::of(TABLE, sql, values![hash.as_str()]), found).await
}

/// Finds the one in an access token; `None`: what is in it is CKAN's own.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn of(reader: &Reader, id: AccessTokenId) -> Result<Option<OpaqueKeyRow>, Error> {
    let sql = concat!("SELECT ", columns!(), " FROM opaque_key WHERE access_token = ?1");
    reader.first(Query::of(TABLE, sql, values![id.to_string()]), row).await
}

/// Returns all of them, by their access tokens.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn all(reader: &Reader) -> Result<Vec<OpaqueKeyRow>, Error> {
    let sql = concat!("SELECT ", columns!(), " FROM opaque_key ORDER BY access_token");
    reader.all(Query::of(TABLE, sql, Vec::new()), row).await
}

/// Returns the ids of the keys that sealed what they stand for.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn key_ids(reader: &Reader) -> Result<Vec<String>, Error> {
    // What is sealed begins with its key's id: its length in one byte, then at most 32.
    let sql = "SELECT DISTINCT substr(sealed_key, 1, 33) FROM opaque_key WHERE length(sealed_key) > 0";
    let ids = reader.all(Query::of(TABLE, sql, Vec::new()), |row| {
        let unfit = || Unfit { column: 0, reason: "it names no key".into() };
        named_key(row.bytes(0)?).map(str::to_owned).ok_or_else(unfit)
    });
    Ok(BTreeSet::from_iter(ids.await?).into_iter().collect())
}

/// Notes one that is dead.
#[derive(Debug)]
pub struct Create {
    /// What it is known by.
    pub hash: OpaqueKeyHash,
    /// Its access token.
    pub access_token: AccessTokenId,
    /// CKAN's own key, sealed to this row.
    pub sealed_key: Vec<u8>,
    /// Whether its first use binds it.
    pub binds: bool,
}

impl Create {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "INSERT INTO opaque_key (hash, access_token, sealed_key, binds) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT DO NOTHING",
            values![
                self.hash.as_str(),
                self.access_token.to_string(),
                self.sealed_key.as_slice(),
                i64::from(self.binds),
            ],
        )
    }
}

/// Lets one live: only one that is dead, of an access token that is issued.
#[derive(Debug)]
pub struct Activate {
    /// Its access token.
    pub access_token: AccessTokenId,
    /// When.
    pub at: Timestamp,
    /// Who says so.
    pub by: String,
}

impl Activate {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "UPDATE opaque_key SET activated_at = ?2, activated_by = ?3 WHERE access_token = ?1 \
             AND activated_at IS NULL AND EXISTS (SELECT 1 FROM access_token \
             WHERE access_token.id = opaque_key.access_token AND access_token.state = 'issued')",
            values![self.access_token.to_string(), self.at, &self.by],
        )
    }
}

/// Notes that one is used, and binds it where its first use does: only one that is bound to nothing else.
#[derive(Debug, Clone)]
pub struct Use {
    /// Its access token.
    pub access_token: AccessTokenId,
    /// When.
    pub at: Timestamp,
    /// From where, if that binds it.
    pub binds_to: Option<AddressRange>,
}

impl Use {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "UPDATE opaque_key SET last_used_at = ?2, bound_to = COALESCE(bound_to, ?3) \
             WHERE access_token = ?1 AND COALESCE(bound_to, ?3, '') = COALESCE(?3, bound_to, '')",
            values![self.access_token.to_string(), self.at, self.binds_to.map(|range| range.to_string()),],
        )
    }
}

/// Wipes what the key of an access token stands for, if it has one of ours.
#[derive(Debug)]
pub struct Wipe(pub AccessTokenId);

impl Wipe {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::any(
            "UPDATE opaque_key SET sealed_key = ?2 WHERE access_token = ?1",
            values![self.0.to_string(), b""],
        )
    }
}
