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
    /// Argon2id, PHC form; empty for somebody without a password.
    pub password_hash: String,
    /// `admin`, `operator` or `auditor`; empty for somebody who only uses services.
    pub role: String,
    /// The one service that the role is for; `None` for all of them.
    pub role_service: Option<String>,
    /// When the account was disabled; `None` while it is good.
    pub disabled_at: Option<Timestamp>,
}

/// Finds a user by name.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn find(reader: &Reader, name: &str) -> Result<Option<UserRow>, Error> {
    let sql = "SELECT name, password_hash, role, role_service, disabled_at FROM users WHERE name = ?1";
    reader
        .first(Query::of("users", sql, values![name]), |row| {
            Ok(UserRow {
                name: row.string(0)?,
                password_hash: row.string(1)?,
                role: row.string(2)?,
                role_service: row.text_if_any(3)?.map(str::to_owned),
                disabled_at: row.time_if_any(4)?,
            })
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
            "INSERT INTO users (name, password_hash, role, role_service, created_at, disabled_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
            values![
                &user.name,
                &user.password_hash,
                &user.role,
                user.role_service.as_ref(),
                self.at,
                user.disabled_at
            ],
        )
    }
}
