//! Browsers that logged in on our page; never the cookie itself.

use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Statement, values};
use super::{Error, Reader};
use crate::base::identity::UserName;
use crate::base::sha256::Sha256;

/// One session.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// SHA-256 of the cookie.
    pub hash: String,
    /// Whose.
    pub user: UserName,
    /// When they logged in.
    pub created_at: Timestamp,
    /// When they were last here.
    pub last_seen_at: Timestamp,
    /// When it ends, whatever happens.
    pub expires_at: Timestamp,
}

const TABLE: &str = "session";

/// Finds a session by the hash of its cookie, ended or not.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn find(reader: &Reader, hash: &Sha256) -> Result<Option<SessionRow>, Error> {
    let sql = "SELECT hash, user_name, created_at, last_seen_at, expires_at FROM session WHERE hash = ?1";
    reader
        .first(Query::of(TABLE, sql, values![hash.to_string()]), |row| {
            Ok(SessionRow {
                hash: row.string(0)?,
                user: row.parsed(1)?,
                created_at: row.time(2)?,
                last_seen_at: row.time(3)?,
                expires_at: row.time(4)?,
            })
        })
        .await
}

/// How many sessions one user has at most: each costs a row for hours, and a program could begin thousands.
pub const OF_ONE_USER: u32 = 20;

/// Begins a session; the oldest of the user's ends where there would be too many.
#[derive(Debug)]
pub struct Begin(pub SessionRow);

impl Begin {
    pub(super) fn statements(&self) -> Vec<Statement<'_>> {
        let new = &self.0;
        let begin = Statement::one(
            "INSERT INTO session (hash, user_name, created_at, last_seen_at, expires_at) \
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            values![&new.hash, new.user.as_str(), new.created_at, new.last_seen_at, new.expires_at],
        );
        let end_oldest = Statement::any(
            "DELETE FROM session WHERE user_name = ?1 AND hash <> ?2 AND hash NOT IN \
             (SELECT hash FROM session WHERE user_name = ?1 ORDER BY created_at DESC, hash LIMIT ?3)",
            values![new.user.as_str(), &new.hash, OF_ONE_USER],
        );
        vec![begin, end_oldest]
    }
}

/// Notes that somebody is still here; a session that has ended is refused.
#[derive(Debug)]
pub struct Seen {
    /// Whose session, by the hash of its cookie.
    pub hash: String,
    /// When.
    pub at: Timestamp,
}

impl Seen {
    pub(super) fn statement(&self) -> Statement<'_> {
        // Of two that were decided at once, the earlier may come later.
        Statement::one(
            "UPDATE session SET last_seen_at = CASE WHEN last_seen_at < ?2 THEN ?2 ELSE last_seen_at END \
             WHERE hash = ?1",
            values![&self.hash, self.at],
        )
    }
}

/// Ends a session; harmless where it has ended.
#[derive(Debug)]
pub struct End {
    /// Which, by the hash of its cookie.
    pub hash: String,
}

impl End {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::any("DELETE FROM session WHERE hash = ?1", values![&self.hash])
    }
}

/// Takes away what ended by itself; it opens nothing already.
#[derive(Debug)]
pub struct Sweep {
    /// Sessions whose time was over at this instant.
    pub ended_by: Timestamp,
    /// Sessions that nobody has used since this instant.
    pub idle_since: Timestamp,
}

impl Sweep {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::any(
            "DELETE FROM session WHERE expires_at <= ?1 OR last_seen_at <= ?2",
            values![self.ended_by, self.idle_since],
        )
    }
}
