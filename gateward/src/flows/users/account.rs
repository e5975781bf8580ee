//! Accounts: made, disabled, enabled, given another password.

use jiff::Timestamp;

use super::{Error, HeldRole};
use crate::base::identity::UserName;
use crate::flows::door::Door;
use crate::flows::record::{Happened, Recorder, What};
use crate::store::user::{self, LastAdmin, UserRow};
use crate::store::user_digest::{self, UserDigest};
use crate::store::{self, Change, CommitError, revocation};

/// An account that is to be.
#[derive(Debug)]
pub struct NewUser {
    /// Their name, as [`check_name`](super::check_name) let it pass.
    pub name: UserName,
    /// The hash of their password; `None` for somebody who has none.
    pub password_hash: Option<String>,
    /// What they may do as operators.
    pub role: Option<HeldRole>,
    /// What their answers by HTTP Digest are compared with, if they have it.
    pub digest: Option<UserDigest>,
}

impl NewUser {
    /// Says what makes it, and what happened then.
    pub(super) fn making(self, by: &str, now: Timestamp) -> (Vec<Change>, Happened) {
        let Self { name, password_hash, role, digest } = self;
        let (role, role_service) = match role {
            Some(held) => (held.role.as_str(), held.service),
            None => ("", None),
        };
        let user = UserRow {
            name: name.to_string(),
            password_hash: password_hash.unwrap_or_default(),
            role: role.to_owned(),
            role_service: role_service.as_ref().map(ToString::to_string),
            disabled_at: None,
        };
        let what = What::UserCreated {
            user: name.to_string(),
            role: role.to_owned(),
            role_service,
            digest: digest.as_ref().map(|digest| digest.origin.as_str()),
        };
        let create = Change::CreateUser(user::Create { user, at: now });
        let put = digest.map(|digest| Change::PutDigest(user_digest::Put(digest)));
        (std::iter::once(create).chain(put).collect(), event(what, by))
    }
}

pub(super) fn event(what: What, by: &str) -> Happened {
    Happened { who: Some(by.to_owned()), ..Happened::done(what) }
}

/// Makes an account.
///
/// # Errors
///
/// [`Error::NameTaken`], [`Error::Commit`].
pub async fn create(recorder: &Recorder, new: NewUser, by: &str, now: Timestamp) -> Result<(), Error> {
    let name = new.name.clone();
    let (changes, happened) = new.making(by, now);
    // A crash leaves the account and its event, or neither.
    match recorder.commit(None, changes, &[happened], now).await {
        Err(CommitError::Precondition) => Err(Error::NameTaken(name)),
        committed => Ok(committed?),
    }
}

/// Disables an account at once: whatever proves its owner proves nothing any more, and running answers are cut within
/// a second.
///
/// # Errors
///
/// [`Error`].
pub async fn disable(
    door: &Door,
    name: &UserName,
    last_admin: LastAdmin,
    by: &str,
    now: Timestamp,
) -> Result<(), Error> {
    if found(door, name).await?.disabled_at.is_some() {
        return Err(Error::AlreadyDisabled(name.clone()));
    }
    let disable = user::Disable { name: name.to_string(), at: now, last_admin };
    let changes = vec![Change::DisableUser(disable), Change::AdvanceRevocation(revocation::Advance)];
    let happened = event(What::UserDisabled { user: name.to_string() }, by);
    match door.recorder.commit(None, changes, &[happened], now).await {
        Err(CommitError::Precondition) => {
            let row = found(door, name).await?;
            let somebody_did = row.disabled_at.is_some();
            Err(if somebody_did {
                Error::AlreadyDisabled(name.clone())
            } else {
                Error::LastAdmin(name.clone())
            })
        }
        committed => Ok(committed?),
    }
}

/// Makes the account of a disabled user good again.
///
/// # Errors
///
/// [`Error`].
pub async fn enable(door: &Door, name: &UserName, by: &str, now: Timestamp) -> Result<(), Error> {
    found(door, name).await?;
    let changes = vec![Change::EnableUser(user::Enable { name: name.to_string() })];
    let happened = event(What::UserEnabled { user: name.to_string() }, by);
    match door.recorder.commit(None, changes, &[happened], now).await {
        Err(CommitError::Precondition) => Err(Error::NotDisabled(name.clone())),
        committed => Ok(committed?),
    }
}

/// Gives an account another password; whoever was let in by the old one is not any more, browsers included. API tokens stay.
///
/// `digest` takes the place of any Digest verifier that there was: without one, HTTP Digest opens nothing any more.
///
/// # Errors
///
/// [`Error`].
pub async fn set_password(
    door: &Door,
    name: &UserName,
    password_hash: String,
    digest: Option<UserDigest>,
    by: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let user = name.to_string();
    let what = What::UserPasswordChanged {
        user: user.clone(),
        digest: digest.as_ref().map(|one| one.origin.as_str()),
    };
    let changes = vec![
        Change::SetPassword(user::SetPassword { name: user.clone(), from: None, to: password_hash }),
        match digest {
            Some(digest) => Change::PutDigest(user_digest::Put(digest)),
            None => Change::ForgetDigest(user_digest::Forget { user: user.clone() }),
        },
        Change::EndSessions(user::EndSessions { name: user }),
        Change::AdvanceRevocation(revocation::Advance),
    ];
    // A crash leaves the old password with all that hangs on it, or the new one with nothing.
    match door.recorder.commit(None, changes, &[event(what, by)], now).await {
        Err(CommitError::Precondition) => Err(Error::NoSuchUser(name.clone())),
        committed => Ok(committed?),
    }
}

/// Finds an account.
///
/// # Errors
///
/// [`Error::NoSuchUser`], [`Error::Store`].
pub async fn found(door: &Door, name: &UserName) -> Result<UserRow, Error> {
    let row: Result<_, store::Error> = user::find(&door.store.reader, name.as_str()).await;
    row?.ok_or_else(|| Error::NoSuchUser(name.clone()))
}
