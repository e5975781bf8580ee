//! Tokens that make no login any more.

use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Statement, Value, values};
use super::{Error, Reader};

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
pub async fn is_any_blocked(reader: &Reader, names: &[BlockedToken]) -> Result<bool, Error> {
    let places: Vec<_> = (1..=names.len()).map(|place| format!("?{place}")).collect();
    let sql = format!("SELECT token FROM token_block WHERE token IN ({}) LIMIT 1", places.join(", "));
    let keys = names.iter().map(|name| Value::from(name.key())).collect();
    Ok(reader.first(Query::of("token_block", &sql, keys), |_| Ok(())).await?.is_some())
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
pub async fn all(reader: &Reader) -> Result<Vec<BlockRow>, Error> {
    let sql = "SELECT token, blocked_at, blocked_by FROM token_block ORDER BY blocked_at, token";
    reader
        .all(Query::of("token_block", sql, Vec::new()), |row| {
            Ok(BlockRow { token: row.string(0)?, blocked_at: row.time(1)?, blocked_by: row.string(2)? })
        })
        .await
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
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "INSERT INTO token_block (token, identity, blocked_at, blocked_by) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (token) DO UPDATE SET identity = coalesce(excluded.identity, token_block.identity)",
            values![self.token.key(), self.identity.as_ref().map(hex), self.at, &self.by],
        )
    }
}

/// Lets a token in again, by whatever name it was blocked; harmless where it was not.
#[derive(Debug)]
pub struct Unblock(pub BlockedToken);

impl Unblock {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::any(
            "DELETE FROM token_block WHERE token = ?1 \
             OR identity IN (SELECT identity FROM token_block WHERE token = ?1)",
            values![self.0.key()],
        )
    }
}
