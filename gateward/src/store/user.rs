//! People with an account.

use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Statement, values};
use super::{Error, Reader};

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
pub async fn find(reader: &Reader, name: &str) -> Result<Option<UserRow>, Error> {
    let sql = "SELECT name, password_hash, role FROM users WHERE name = ?1";
    reader
        .first(Query::of("users", sql, values![name]), |row| {
            Ok(UserRow { name: row.string(0)?, password_hash: row.string(1)?, role: row.string(2)? })
        })
        .await
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
    pub(super) fn statement(&self) -> Statement<'_> {
        let user = &self.user;
        Statement::one(
            "INSERT INTO users (name, password_hash, role, created_at) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT DO NOTHING",
            values![&user.name, &user.password_hash, &user.role, self.at],
        )
    }
}
