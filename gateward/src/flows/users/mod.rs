//! People with an account: making them, changing them, ending what they hold.

mod known;
mod role;

use jiff::Timestamp;

pub use self::known::{KnownUser, Proof};
pub use self::role::{HeldRole, NotARole, Role};
use super::record::{Happened, Recorder, What};
use crate::base::id::LoginName;
use crate::base::identity::{NotAName, UserName};
use crate::store::user::{self, UserRow};
use crate::store::{Change, CommitError};

/// Why there is no such account.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's.
    #[error("the name {0} is taken")]
    NameTaken(UserName),
    /// The operator's.
    #[error(transparent)]
    NotAName(#[from] NotAName),
    /// The operator's: who answers a challenge under such a name could be either.
    #[error("{0} has the form of a temporary login: choose another name")]
    LikeALogin(UserName),
    /// The operator's.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Checks that a user may have this name.
///
/// # Errors
///
/// [`Error::NotAName`], [`Error::LikeALogin`].
pub fn check_name(name: &str) -> Result<UserName, Error> {
    let name: UserName = name.parse()?;
    if name.as_str().parse::<LoginName>().is_ok() { Err(Error::LikeALogin(name)) } else { Ok(name) }
}

/// Creates a user with a password that was hashed before.
///
/// # Errors
///
/// [`Error`].
pub async fn create(
    recorder: &Recorder,
    name: &str,
    password_hash: String,
    role: Role,
    by: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let name = check_name(name)?;
    let user = UserRow {
        name: name.to_string(),
        password_hash,
        role: role.as_str().to_owned(),
        role_service: None,
        disabled_at: None,
    };
    let what = What::UserCreated {
        user: name.to_string(),
        role: role.as_str().to_owned(),
        role_service: None,
        digest: None,
    };
    let happened = Happened { who: Some(by.to_owned()), ..Happened::done(what) };
    match recorder
        .commit(None, vec![Change::CreateUser(user::Create { user, at: now })], &[happened], now)
        .await
    {
        Ok(()) => Ok(()),
        Err(CommitError::Precondition) => Err(Error::NameTaken(name)),
        Err(error) => Err(error.into()),
    }
}
