//! Tokens that make no login any more.

use jiff::Timestamp;
use rusqlite::{Connection, params};

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
            Self::Identity(identity) => {
                format!("identity:{}", data_encoding::HEXLOWER.encode(identity))
            }
            Self::Id(id) => format!("id:{id}"),
        }
    }
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

/// Blocks a token; blocking it twice is harmless.
#[derive(Debug)]
pub struct Block {
    /// Which token.
    pub token: BlockedToken,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

impl Block {
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<usize> {
        connection
            .prepare_cached(
                "INSERT INTO token_block VALUES (?1, ?2, ?3) ON CONFLICT (token) DO UPDATE SET token = token",
            )?
            .execute(params![self.token.key(), stored(self.at), self.by])
    }
}

/// Lets a token in again; harmless where it was not blocked.
#[derive(Debug)]
pub struct Unblock(pub BlockedToken);

impl Unblock {
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<usize> {
        connection.prepare_cached("DELETE FROM token_block WHERE token = ?1")?.execute([self.0.key()])?;
        Ok(1)
    }
}
