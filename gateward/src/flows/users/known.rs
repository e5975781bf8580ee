//! A person with an account, as whoever proved them knows them.

use jiff::Timestamp;

use super::role::HeldRole;
use crate::base::identity::UserName;
use crate::flows::door::Door;
use crate::flows::passwords;
use crate::store::user::{self, UserRow};
use crate::store::{self, user_digest};

/// Somebody with an account that is good, proven for this very request; made by whoever proved them.
#[derive(Debug, Clone)]
pub struct KnownUser {
    name: UserName,
    subject: String,
    role: Option<HeldRole>,
    by: Proof,
}

/// What proved them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Their password.
    Password {
        /// What tells it from the next one.
        salt: String,
    },
    /// An answer by HTTP Digest.
    Digest {
        /// When its password was set.
        set_at: Timestamp,
    },
    /// Something else of theirs, which whoever took it looks at again.
    Other(&'static str),
}

/// Under which issuer the pseudonyms of people with an account here are made.
const ISSUER: &str = "gateward user";

impl KnownUser {
    /// Finds an account that is good; `by` is what proved its owner. `None` if there is none, or it is disabled.
    ///
    /// # Errors
    ///
    /// [`store::Error`].
    pub(in crate::flows) async fn living(
        door: &Door,
        name: &UserName,
        by: Proof,
    ) -> Result<Option<Self>, store::Error> {
        let row = user::find(&door.store.reader, name.as_str()).await?;
        row.map_or(Ok(None), |row| Self::of(door, &row, by))
    }

    /// Reads an account; `None` if it is disabled.
    ///
    /// # Errors
    ///
    /// [`store::Error::Damaged`].
    pub(in crate::flows) fn of(door: &Door, row: &UserRow, by: Proof) -> Result<Option<Self>, store::Error> {
        if row.disabled_at.is_some() {
            return Ok(None);
        }
        let damaged = |reason: String| store::Error::Damaged { table: "users", reason };
        let name: UserName = row.name.parse().map_err(|_| damaged("a name that is none".into()))?;
        let subject = door.keyring.pseudonym(ISSUER, name.as_str());
        let service = row.role_service.as_deref().map(str::parse).transpose();
        let service = service.map_err(|_| damaged("a role for a service that is none".into()))?;
        let role = match row.role.as_str() {
            "" => None,
            role => {
                let role = role.parse().map_err(|_| damaged("a role that is none".into()))?;
                Some(HeldRole { role, service })
            }
        };
        Ok(Some(Self { name, subject, role, by }))
    }

    /// The name that they log in with.
    pub fn name(&self) -> &UserName {
        &self.name
    }

    /// Their pseudonym, the same whatever proves them.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// What they may do at the listener for operators.
    pub fn role(&self) -> Option<&HeldRole> {
        self.role.as_ref()
    }

    /// What proved them, in a word.
    pub fn by(&self) -> &'static str {
        match &self.by {
            Proof::Password { .. } => "password",
            Proof::Digest { .. } => "digest",
            Proof::Other(word) => word,
        }
    }

    /// Looks again whether the account is good and what proved its owner still would; `None` if not.
    ///
    /// # Errors
    ///
    /// [`store::Error`].
    pub async fn look_again(&self, door: &Door) -> Result<Option<Self>, store::Error> {
        let reader = &door.store.reader;
        let Some(row) = user::find(reader, self.name.as_str()).await? else { return Ok(None) };
        let still = match &self.by {
            Proof::Password { salt } => passwords::salt_of(&row.password_hash).as_ref() == Some(salt),
            Proof::Digest { set_at } => {
                let digest = user_digest::find(reader, self.name.as_str()).await?;
                digest.is_some_and(|digest| digest.set_at == *set_at)
            }
            Proof::Other(_) => true,
        };
        if still { Self::of(door, &row, self.by.clone()) } else { Ok(None) }
    }
}
