//! People with an account.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{Error, Reader};
use crate::base::time::stored;

/// One user.
#[derive(Debug, Clone)]
pub struct UserRow {
    /// The name they log in with.
    pub name: String,
    /// Argon2id, PHC form.
    pub password_hash: String,
    /// `admin`, `operator` or `auditor`.
    pub role: String,
}

/// Finds a user by name.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub fn find(reader: &Reader, name: &str) -> Result<Option<UserRow>, Error> {
    reader.read(|connection| {
        connection
            .prepare_cached("SELECT name, password_hash, role FROM users WHERE name = ?1")?
            .query_row([name], |row| {
                Ok(UserRow { name: row.get(0)?, password_hash: row.get(1)?, role: row.get(2)? })
            })
            .optional()
    })
}

/// Makes a user; a name that is taken is refused.
#[derive(Debug)]
pub struct Create {
    /// The user.
    pub user: UserRow,
    /// When.
    pub at: Timestamp,
}

impl Create {
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<usize> {
        let user = &self.user;
        connection
            .prepare_cached("INSERT INTO users VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")?
            .execute(params![user.name, user.password_hash, user.role, stored(self.at)])
    }
}
