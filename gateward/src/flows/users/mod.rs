//! People with an account: made, imported, changed, and everything of theirs ended.

mod account;
mod digest;
mod end;
mod import;
mod known;
mod role;

pub use self::account::{NewUser, create, disable, enable, found, set_password};
pub use self::digest::generated;
pub use self::end::{Ended, TokenNames, delete, end};
pub use self::import::{Foreign, NotImported, Wrong, import, read_htdigest};
pub use self::known::{KnownUser, Proof};
pub use self::role::{HeldRole, NotARole, Role};
use crate::base::id::LoginName;
use crate::base::identity::{NotAName, UserName};
pub use crate::store::user::LastAdmin;
pub use crate::store::user_digest::Origin;
use crate::store::{self, CommitError};

/// Why an account stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's.
    #[error("the name {0} is taken")]
    NameTaken(UserName),
    /// The operator's.
    #[error(transparent)]
    NotAName(#[from] NotAName),
    /// The operator's: who answers a challenge under such a name could be either.
    #[error("{0} has the form of a temporary login, which no user may have")]
    LikeALogin(UserName),
    /// The operator's.
    #[error("there is no user {0}: `gateward user list` shows those there are")]
    NoSuchUser(UserName),
    /// The operator's.
    #[error("the account of {0} is disabled already")]
    AlreadyDisabled(UserName),
    /// The operator's.
    #[error("the account of {0} is not disabled")]
    NotDisabled(UserName),
    /// The operator's: nobody could make another one but whoever is on the machine.
    #[error("{0} is the last administrator who can log in: make another one first, or say --force")]
    LastAdmin(UserName),
    /// The operator's.
    #[error(
        "HTTP Digest of users stands for them in MD5 alone: take digest_sha256 = true out of the configuration first"
    )]
    DigestBySha256,
    /// The operator's.
    #[error(transparent)]
    Store(#[from] store::Error),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_called_as_a_temporary_login_could_be() {
        assert!(matches!(check_name("ABCDEFGHIJ0123"), Err(Error::LikeALogin(_))));
        assert!(matches!(check_name("a:b"), Err(Error::NotAName(_))));
        for good in ["ann", "abcdefghij0123", "ABCDEFGHIJ012", "ann@example.org"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
    }
}
