//! Tokens that make no login any more.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::event::instant;
use super::{Error, Reader};
use crate::base::time::stored;

/// How a block names a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockedToken {
    /// By its identity, which all spellings share.
    Identity([u8; 32]),
    /// By the id that an operator has from elsewhere; matches every spelling's id.
    Id(String),
}

impl BlockedToken {
    fn key(&self) -> String {
        match self {
            Self::Identity(identity) => format!("identity:{}", hex(identity)),
            Self::Id(id) => format!("id:{id}"),
        }
    }
}

fn hex(identity: &[u8; 32]) -> String {
    data_encoding::HEXLOWER.encode(identity)
}

/// Tells whether any of `names` is blocked.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub fn is_any_blocked(reader: &Reader, names: &[BlockedToken]) -> Result<bool, Error> {
    reader.read(|connection| {
        let mut statement = connection.prepare_cached("SELECT 1 FROM token_block WHERE token = ?1")?;
        for name in names {
            if statement.exists([name.key()])? {
                return Ok(true);
            }
        }
        Ok(false)
    })
}

/// A blocked token, as it is listed.
#[derive(Debug, Clone)]
pub struct BlockRow {
    /// `identity:` with 64 hex digits, or `id:` with a token id.
    pub token: String,
    /// Since when.
    pub blocked_at: Timestamp,
    /// By whom.
    pub blocked_by: String,
}

/// Returns every block, oldest first.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub fn all(reader: &Reader) -> Result<Vec<BlockRow>, Error> {
    reader.read(|connection| {
        connection
            .prepare_cached(
                "SELECT token, blocked_at, blocked_by FROM token_block ORDER BY blocked_at, token",
            )?
            .query_map([], |row| {
                let blocked_at = instant(1, row.get_ref(1)?.as_str()?)?;
                Ok(BlockRow { token: row.get(0)?, blocked_at, blocked_by: row.get(2)? })
            })?
            .collect()
    })
}

/// Blocks a token; blocking it twice is harmless.
#[derive(Debug)]
pub struct Block {
    /// Which token.
    pub token: BlockedToken,
    /// Its identity, where it is known: a block by id is then lifted together with the others.
    pub identity: Option<[u8; 32]>,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

impl Block {
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<usize> {
        let identity = self.identity.as_ref().map(hex);
        connection
            .prepare_cached(
                "INSERT INTO token_block VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (token) DO UPDATE SET identity = coalesce(excluded.identity, token_block.identity)",
            )?
            .execute(params![self.token.key(), identity, stored(self.at), self.by])
    }
}

/// Lets a token in again, by whatever name it was blocked; harmless where it was not.
#[derive(Debug)]
pub struct Unblock(pub BlockedToken);

impl Unblock {
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<usize> {
        connection
            .prepare_cached(
                "DELETE FROM token_block WHERE token = ?1 \
                 OR identity IN (SELECT identity FROM token_block WHERE token = ?1)",
            )?
            .execute([self.0.key()])?;
        Ok(1)
    }
}
