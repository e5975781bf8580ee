//! People with an account.

use jiff::Timestamp;

use super::reader::Query;
use super::sql::{Row, Statement, Unfit, values};
use super::user_digest::Origin;
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

/// One user as a list shows them.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The account.
    pub user: UserRow,
    /// When it was made.
    pub created_at: Timestamp,
    /// Where their Digest verifier comes from, if they have one.
    pub digest: Option<Origin>,
}

const TABLE: &str = "users";

fn row(row: &Row<'_>) -> Result<UserRow, Unfit> {
    Ok(UserRow {
        name: row.string(0)?,
        password_hash: row.string(1)?,
        role: row.string(2)?,
        role_service: row.text_if_any(3)?.map(str::to_owned),
        disabled_at: row.time_if_any(4)?,
    })
}

/// Finds a user by name.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn find(reader: &Reader, name: &str) -> Result<Option<UserRow>, Error> {
    let sql = "SELECT name, password_hash, role, role_service, disabled_at FROM users WHERE name = ?1";
    reader.first(Query::of(TABLE, sql, values![name]), row).await
}

macro_rules! listed {
    () => {
        "SELECT u.name, u.password_hash, u.role, u.role_service, u.disabled_at, u.created_at, d.origin \
         FROM users AS u LEFT JOIN user_digest AS d ON d.user_name = u.name "
    };
}

fn listed_row(read: &Row<'_>) -> Result<Listed, Unfit> {
    Ok(Listed { user: row(read)?, created_at: read.time(5)?, digest: read.parsed_if_any(6)? })
}

/// Finds a user by name, as a list shows them.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn listed(reader: &Reader, name: &str) -> Result<Option<Listed>, Error> {
    let sql = concat!(listed!(), "WHERE u.name = ?1");
    reader.first(Query::of(TABLE, sql, values![name]), listed_row).await
}

/// Returns users in the order of their names, at most `most` after the one that is named.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn page(reader: &Reader, after: &str, most: u32) -> Result<Vec<Listed>, Error> {
    let sql = concat!(listed!(), "WHERE u.name > ?1 ORDER BY u.name LIMIT ?2");
    reader.all(Query::of(TABLE, sql, values![after, most]), listed_row).await
}

/// What a user holds that opens something, beside their password.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holdings {
    /// The ids of their API tokens, expired ones among them.
    pub api_tokens: Vec<String>,
    /// How many browsers are logged in.
    pub sessions: u64,
}

/// Finds out what a user holds.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn holdings(reader: &Reader, name: &str) -> Result<Holdings, Error> {
    let tokens = "SELECT id FROM api_token WHERE user_name = ?1 ORDER BY id";
    let sessions = "SELECT count(*) FROM session WHERE user_name = ?1";
    let sessions = reader.first(Query::of("session", sessions, values![name]), |row| row.integer(0)).await?;
    Ok(Holdings {
        api_tokens: reader.all(Query::of("api_token", tokens, values![name]), |row| row.string(0)).await?,
        sessions: sessions.and_then(|count| u64::try_from(count).ok()).unwrap_or(0),
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

/// Gives a user another hash; a user that is not there, or has not the hash that was seen, is refused.
#[derive(Debug)]
pub struct SetPassword {
    /// Whose.
    pub name: String,
    /// The hash that was seen; `None` for any.
    pub from: Option<String>,
    /// The new one.
    pub to: String,
}

impl SetPassword {
    pub(super) fn statement(&self) -> Statement<'_> {
        match &self.from {
            Some(from) => Statement::one(
                "UPDATE users SET password_hash = ?3 WHERE name = ?1 AND password_hash = ?2",
                values![&self.name, from, &self.to],
            ),
            None => Statement::one(
                "UPDATE users SET password_hash = ?2 WHERE name = ?1",
                values![&self.name, &self.to],
            ),
        }
    }
}

/// Whether an administrator may go after whom there would be none who can log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastAdmin {
    /// They stay.
    Stays,
    /// They may go.
    MayGo,
}

impl LastAdmin {
    fn as_str(self) -> &'static str {
        match self {
            Self::Stays => "stays",
            Self::MayGo => "may go",
        }
    }
}

// Writers of one store have one order, so that two administrators who go at once are not each the other's last.
macro_rules! not_the_last_admin {
    ($name:literal, $may_go:literal) => {
        concat!(
            "(",
            $may_go,
            " = 'may go' OR role <> 'admin' OR role_service IS NOT NULL OR password_hash = '' OR disabled_at \
             IS NOT NULL OR EXISTS (SELECT 1 FROM users AS other WHERE other.name <> ",
            $name,
            " AND other.role = 'admin' AND other.role_service IS NULL AND other.password_hash <> '' \
             AND other.disabled_at IS NULL))"
        )
    };
}

/// Tells whether nobody else could log in as an administrator.
///
/// # Errors
///
/// [`Error::Unreachable`].
pub async fn is_last_admin(reader: &Reader, name: &str) -> Result<bool, Error> {
    let sql =
        concat!("SELECT count(*) FROM users WHERE name = ?1 AND NOT ", not_the_last_admin!("?1", "'stays'"));
    let found = reader.first(Query::of(TABLE, sql, values![name]), |row| row.integer(0)).await?;
    Ok(found.is_some_and(|found| found > 0))
}

/// Disables a user; one who is disabled already, or must stay, is refused.
#[derive(Debug)]
pub struct Disable {
    /// Whom.
    pub name: String,
    /// When.
    pub at: Timestamp,
    /// Whether the last administrator may be.
    pub last_admin: LastAdmin,
}

impl Disable {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            concat!(
                "UPDATE users SET disabled_at = ?2 WHERE name = ?1 AND disabled_at IS NULL AND ",
                not_the_last_admin!("?1", "?3")
            ),
            values![&self.name, self.at, self.last_admin.as_str()],
        )
    }
}

/// Makes the account of a disabled user good again; one that is good already is refused.
#[derive(Debug)]
pub struct Enable {
    /// Whom.
    pub name: String,
}

impl Enable {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::one(
            "UPDATE users SET disabled_at = NULL WHERE name = ?1 AND disabled_at IS NOT NULL",
            values![&self.name],
        )
    }
}

/// Takes a user away, with their Digest verifier; one who is gone already, or must stay, is refused.
#[derive(Debug)]
pub struct Delete {
    /// Whom.
    pub name: String,
    /// Whether the last administrator may go.
    pub last_admin: LastAdmin,
}

impl Delete {
    pub(super) fn statements(&self) -> Vec<Statement<'_>> {
        vec![
            Statement::one(
                concat!("DELETE FROM users WHERE name = ?1 AND ", not_the_last_admin!("?1", "?2")),
                values![&self.name, self.last_admin.as_str()],
            ),
            Statement::any("DELETE FROM user_digest WHERE user_name = ?1", values![&self.name]),
        ]
    }
}

/// Takes away whatever a user holds that opens something, beside their password.
#[derive(Debug)]
pub struct TakeHoldings {
    /// Whose.
    pub name: String,
}

impl TakeHoldings {
    pub(super) fn statements(&self) -> Vec<Statement<'_>> {
        vec![
            Statement::any("DELETE FROM session WHERE user_name = ?1", values![&self.name]),
            Statement::any("DELETE FROM api_token WHERE user_name = ?1", values![&self.name]),
        ]
    }
}

/// Logs the browsers of a user out.
#[derive(Debug)]
pub struct EndSessions {
    /// Whose.
    pub name: String,
}

impl EndSessions {
    pub(super) fn statement(&self) -> Statement<'_> {
        Statement::any("DELETE FROM session WHERE user_name = ?1", values![&self.name])
    }
}
