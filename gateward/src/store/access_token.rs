//! Access tokens that were made: to whom, pinned to which certificate, until when; never their keys.
//!
//! A row is `making` before anybody is asked for a key, so that a crash leaves a trace of one that may
//! be there; `issued` once the file lies whole; `ending` from the moment when its end was decided until
//! the key is gone where it was made; then `ended`. Rows stay: they say who once had what.

use std::collections::BTreeSet;

use ::access_token::KeyKind;
use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Row, Statement, Unfit, Value, values};
use super::{Error, Reader};
use crate::base::access_token::{Because, Form, State};
use crate::base::ckan::CkanUser;
use crate::base::id::AccessTokenId;

/// One access token.
#[derive(Debug, Clone)]
pub struct AccessTokenRow {
    /// Its id; the key's name in CKAN holds it.
    pub id: AccessTokenId,
    /// The CKAN user whose key is in it.
    pub user: CkanUser,
    /// The host that it opens.
    pub host: String,
    /// Where the key is listed, and is revoked; `None` for a key that was given to us and is not known there.
    pub ckan: Option<String>,
    /// What the key is; `None` before it is there.
    pub key_kind: Option<KeyKind>,
    /// CKAN's id of the key, where it has one.
    pub jti: Option<String>,
    /// SHA-256 of the certificate in it, in hex.
    pub certificate: String,
    /// When that certificate ends.
    pub certificate_ends: Timestamp,
    /// How the file travels.
    pub form: Form,
    /// The OpenPGP key that it is encrypted to, as it was given.
    pub recipient: Option<Vec<u8>>,
    /// Name, address and language of the person, sealed to this row.
    pub sealed_person: Vec<u8>,
    /// Where the file was written.
    pub file: String,
    /// SHA-256 of the file, in hex; `None` before it is there.
    pub file_sha256: Option<String>,
    /// How far it is.
    pub state: State,
    /// Why it ends or ended.
    pub because: Option<Because>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// Who made it: `os:NAME`.
    pub created_by: String,
    /// When the file ends.
    pub expires_at: Timestamp,
    /// The one that took its place.
    pub replaced_by: Option<AccessTokenId>,
}

macro_rules! columns {
    () => {
        "id, user_name, host, ckan, key_kind, jti, certificate, certificate_ends, form, recipient, \
         sealed_person, file, file_sha256, state, because, created_at, created_by, expires_at, replaced_by"
    };
}

fn row(row: &Row<'_>) -> Result<AccessTokenRow, Unfit> {
    let text = |column| row.text_if_any(column).map(|text| text.map(str::to_owned));
    Ok(AccessTokenRow {
        id: row.parsed(0)?,
        user: row.parsed(1)?,
        host: row.string(2)?,
        ckan: text(3)?,
        key_kind: row.parsed_if_any(4)?,
        jti: text(5)?,
        certificate: row.string(6)?,
        certificate_ends: row.time(7)?,
        form: row.parsed(8)?,
        recipient: row.bytes_if_any(9)?.map(<[u8]>::to_vec),
        sealed_person: row.bytes(10)?.to_vec(),
        file: row.string(11)?,
        file_sha256: text(12)?,
        state: row.parsed(13)?,
        because: row.parsed_if_any(14)?,
        created_at: row.time(15)?,
        created_by: row.string(16)?,
        expires_at: row.time(17)?,
        replaced_by: row.parsed_if_any(18)?,
    })
}

const TABLE: &str = "access_token";

/// Finds one by its id.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn find(reader: &Reader, id: AccessTokenId) -> Result<Option<AccessTokenRow>, Error> {
    let sql = concat!("SELECT ", columns!(), " FROM access_token WHERE id = ?1");
    reader.first(Query::of(TABLE, sql, values![id.to_string()]), row).await
}

/// Returns all of them, the oldest first; `after` the one that is named, at most `most`.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn page(
    reader: &Reader,
    after: Option<AccessTokenId>,
    most: u32,
) -> Result<Vec<AccessTokenRow>, Error> {
    let sql = concat!("SELECT ", columns!(), " FROM access_token WHERE id > ?1 ORDER BY id LIMIT ?2");
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    reader.all(Query::of(TABLE, sql, values![after, most]), row).await
}

/// Finds the one whose file has this SHA-256, in hex.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn of_file(reader: &Reader, sha256: &str) -> Result<Option<AccessTokenId>, Error> {
    let sql = "SELECT id FROM access_token WHERE file_sha256 = ?1";
    reader.first(Query::of(TABLE, sql, values![sha256]), |row| row.parsed(0)).await
}

/// Returns those of one user, the oldest first.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn of_user(reader: &Reader, user: &CkanUser) -> Result<Vec<AccessTokenRow>, Error> {
    let sql = concat!("SELECT ", columns!(), " FROM access_token WHERE user_name = ?1 ORDER BY id");
    reader.all(Query::of(TABLE, sql, values![user.as_str()]), row).await
}

/// Returns those whose key is still to go, at most `most` after the one that is named: whose end was
/// decided, who are past their end, and who have been in the making since before `begun`.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn due(
    reader: &Reader,
    now: Timestamp,
    begun: Timestamp,
    after: Option<AccessTokenId>,
    most: u32,
) -> Result<Vec<AccessTokenRow>, Error> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM access_token WHERE id > ?3 AND (state = 'ending' OR (state = 'issued' AND expires_at <= ?1) \
         OR (state = 'making' AND created_at <= ?2)) ORDER BY id LIMIT ?4"
    );
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    reader.all(Query::of(TABLE, sql, values![now, begun, after, most]), row).await
}

/// Returns the ids of the keys that sealed the people of those that have not ended: without them nobody is
/// named any more, and nothing renewed.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn key_ids(reader: &Reader) -> Result<Vec<String>, Error> {
    // What is sealed begins with its key's id: its length in one byte, then at most 32.
    let sql = "SELECT DISTINCT substr(sealed_person, 1, 33) FROM access_token WHERE state <> 'ended'";
    let sealed = Query::of(TABLE, sql, Vec::new());
    let ids = reader.all(sealed, |row| {
        let unfit = || Unfit { column: 0, reason: "it names no key".into() };
        named_key(row.bytes(0)?).map(str::to_owned).ok_or_else(unfit)
    });
    Ok(BTreeSet::from_iter(ids.await?).into_iter().collect())
}

pub(super) fn named_key(sealed: &[u8]) -> Option<&str> {
    let (length, rest) = sealed.split_first()?;
    std::str::from_utf8(rest.get(..usize::from(*length))?).ok()
}

/// Notes that one is being made: before anybody is asked for a key.
#[derive(Debug)]
pub struct Begin(pub AccessTokenRow);

impl Begin {
    pub(super) fn statement(&self) -> Statement<'_> {
        let new = &self.0;
        let recipient = new.recipient.as_deref().map_or(Value::Absent, Value::Bytes);
        Statement::one(
            concat!(
                "INSERT INTO access_token (",
                columns!(),
                ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, \
                 ?19) ON CONFLICT DO NOTHING"
            ),
            values![
                new.id.to_string(),
                new.user.as_str(),
                &new.host,
                new.ckan.as_deref(),
                new.key_kind.map(KeyKind::as_str),
                new.jti.as_deref(),
                &new.certificate,
                new.certificate_ends,
                new.form.as_str(),
                recipient,
                new.sealed_person.as_slice(),
                &new.file,
                new.file_sha256.as_deref(),
                new.state.as_str(),
                new.because.map(Because::as_str),
                new.created_at,
                &new.created_by,
                new.expires_at,
                new.replaced_by.map(|id| id.to_string()),
            ],
        )
    }
}

/// Says that the file lies whole: only of one that is being made.
#[derive(Debug)]
pub struct Issue {
    /// Which.
    pub id: AccessTokenId,
    /// What its key is.
    pub key_kind: KeyKind,
    /// CKAN's id of the key.
    pub jti: Option<String>,
    /// SHA-256 of the file, in hex.
    pub file_sha256: String,
}

impl Issue {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "UPDATE access_token SET state = 'issued', key_kind = ?2, jti = ?3, file_sha256 = ?4 \
             WHERE id = ?1 AND state = 'making'",
            values![self.id.to_string(), self.key_kind.as_str(), self.jti.as_deref(), &self.file_sha256],
        )
    }
}

/// Decides that one ends: only of one whose end was not decided yet.
#[derive(Debug)]
pub struct End {
    /// Which.
    pub id: AccessTokenId,
    /// Why.
    pub because: Because,
    /// Only if it stands so; what was decided about another state is decided anew.
    pub from: State,
}

impl End {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "UPDATE access_token SET state = 'ending', because = ?2 WHERE id = ?1 AND state = ?3",
            values![self.id.to_string(), self.because.as_str(), self.from.as_str()],
        )
    }
}

/// Says that the key is gone where it was made, or that it is not ours to revoke.
#[derive(Debug)]
pub struct Ended {
    /// Which.
    pub id: AccessTokenId,
}

impl Ended {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "UPDATE access_token SET state = 'ended' WHERE id = ?1 AND state = 'ending'",
            values![self.id.to_string()],
        )
    }
}

/// Says that another one takes its place, and until when both are good; its end is never moved on.
#[derive(Debug)]
pub struct Replace {
    /// Which.
    pub id: AccessTokenId,
    /// By which.
    pub by: AccessTokenId,
    /// Its end at the latest.
    pub until: Timestamp,
}

impl Replace {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "UPDATE access_token SET replaced_by = ?2, \
             expires_at = CASE WHEN expires_at > ?3 THEN ?3 ELSE expires_at END \
             WHERE id = ?1 AND state = 'issued' AND (replaced_by IS NULL OR NOT EXISTS (SELECT 1 FROM \
             access_token AS other WHERE other.id = access_token.replaced_by AND other.state = 'issued'))",
            values![self.id.to_string(), self.by.to_string(), self.until],
        )
    }
}
