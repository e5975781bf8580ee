//! The policy of the configuration file that is in force, as the last server to start read it.

use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Statement, values};
use super::{Error, Reader};
use crate::base::id::InstanceId;

/// The policy in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// Digest of the settings that decide who may reach what.
    pub digest: String,
    /// The run of the server that stated it.
    pub by: String,
}

/// Returns the policy in force, if any server ever stated one.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn stated(reader: &Reader) -> Result<Option<Stated>, Error> {
    let query = Query::of("file_policy", "SELECT digest, stated_by FROM file_policy", Vec::new());
    reader.first(query, |row| Ok(Stated { digest: row.string(0)?, by: row.string(1)? })).await
}

/// States what the configuration file of a server says.
#[derive(Debug)]
pub struct State {
    /// Digest of the settings that decide who may reach what.
    pub digest: String,
    /// When.
    pub at: Timestamp,
    /// Which server.
    pub by: InstanceId,
}

impl State {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "INSERT INTO file_policy (one, digest, stated_at, stated_by) VALUES (1, ?1, ?2, ?3) \
             ON CONFLICT (one) DO UPDATE SET digest = ?1, stated_at = ?2, stated_by = ?3",
            values![&self.digest, self.at, self.by.to_string()],
        )
    }
}
