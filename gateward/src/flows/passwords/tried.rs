//! One password that somebody tries: the account that it is for, and whether it is that account's.

use super::right::{Mark, Right};
use super::screen::prepared;
use super::{Claimed, Cost, Error, salt_of};
use crate::base::identity::UserName;
use crate::base::secret::Secret;
use crate::flows::door::Door;
use crate::flows::users::{KnownUser, Proof};
use crate::store;
use crate::store::user::{self, UserRow};

/// A password, and the account that it is tried for.
#[derive(Debug)]
pub(super) struct Tried {
    account: Option<UserRow>,
    password: Secret,
    /// It can be nobody's; it is hashed all the same, as nothing.
    is_nobodys: bool,
}

/// What came out.
pub(super) enum Verdict {
    /// It is the account's.
    Right {
        /// Whose.
        user: KnownUser,
        /// The hash that is stored, and the same password's at today's cost, where the stored one cost less.
        raised: Option<(String, String)>,
    },
    /// It is not, for the reason that is recorded.
    Wrong(&'static str),
}

impl Tried {
    /// Finds the account; there need be none.
    pub async fn find(door: &Door, claimed: &Claimed<'_>) -> Result<Self, store::Error> {
        let account = match claimed.name.parse::<UserName>() {
            Ok(name) => user::find(&door.store.reader, name.as_str()).await?,
            Err(_) => None,
        };
        let password = prepared(claimed.password);
        let is_nobodys = password.is_none();
        Ok(Self { account, password: password.unwrap_or_else(|| Secret::new(String::new())), is_nobodys })
    }

    /// The hash of the account's password; `None` where it has none.
    fn stored(&self) -> Option<&str> {
        self.account.as_ref().map(|row| row.password_hash.as_str()).filter(|hash| !hash.is_empty())
    }

    /// What the same password at the same account is known by.
    pub fn mark(&self, right: &Right, claimed: &Claimed<'_>) -> Mark {
        right.mark(claimed.name, self.stored().unwrap_or_default(), &self.password)
    }

    /// Whose account it is, in the words of the record.
    pub fn who(self) -> Option<String> {
        self.account.map(|row| row.name)
    }

    /// The user that whoever has the right password is; `None` where the account is not good, or has no password.
    pub fn user(&self, door: &Door) -> Result<Option<KnownUser>, store::Error> {
        let (Some(row), Some(hash)) = (&self.account, self.stored()) else { return Ok(None) };
        let salt = salt_of(hash).unwrap_or_default();
        KnownUser::of(door, row, Proof::Password { salt })
    }

    /// Finds out whether it is the account's, with the same work whatever account there is.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Store`]: nobody found out.
    pub async fn judge(&self, door: &Door, by_stranger: bool) -> Result<Verdict, Error> {
        let hashed = self.hash(door, by_stranger).await?;
        let reason = match (&self.account, self.stored()) {
            (Some(_), Some(stored)) if hashed.is_right && !self.is_nobodys => match self.user(door)? {
                Some(user) => {
                    let raised = hashed.raised.map(|raised| (stored.to_owned(), raised));
                    return Ok(Verdict::Right { user, raised });
                }
                None => "disabled",
            },
            (Some(_), None) => "without-password",
            (Some(_), Some(_)) => "wrong-password",
            (None, _) => "unknown-user",
        };
        Ok(Verdict::Wrong(reason))
    }

    /// Hashes it, in one of the places for that.
    async fn hash(&self, door: &Door, by_stranger: bool) -> Result<Hashed, Error> {
        let passwords = &door.passwords;
        let place = passwords.places.take(by_stranger).await.ok_or(Error::Busy)?;
        let work = Work {
            cost: passwords.cost,
            stored: self.stored().map(str::to_owned),
            password: self.password.clone(),
        };
        let done = tokio::task::spawn_blocking(move || {
            let done = work.run();
            drop(place);
            done
        });
        match done.await {
            Ok(hashed) => Ok(hashed?),
            Err(error) => {
                tracing::error!(%error, "a hash was never finished");
                Err(Error::Busy)
            }
        }
    }
}

/// A hash to be made, on a thread that may block.
struct Work {
    cost: Cost,
    stored: Option<String>,
    password: Secret,
}

struct Hashed {
    is_right: bool,
    /// The same password's hash at today's cost, where the one that is stored cost less.
    raised: Option<String>,
}

impl Work {
    fn run(self) -> Result<Hashed, store::Error> {
        let Self { cost, stored, password } = self;
        let is_right = cost.proves(stored.as_deref(), &password)?;
        let raised = match stored {
            Some(stored) if is_right && cost.exceeds(&stored)? => Some(cost.raise(&stored, &password)?),
            _ => None,
        };
        Ok(Hashed { is_right, raised })
    }
}
