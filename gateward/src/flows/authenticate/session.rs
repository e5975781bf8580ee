//! A cookie of our login page becomes the user who logged in there.

use jiff::Timestamp;

use super::Error;
use crate::base::sha256::Sha256;
use crate::flows::door::Door;
use crate::flows::sessions;
use crate::flows::users::{KnownUser, Proof};
use crate::store::session::SessionRow;
use crate::store::{self, Change};

/// Somebody whose browser sent the cookie of a session; made here alone.
#[derive(Debug, Clone)]
pub struct SessionHolder {
    user: KnownUser,
    cookie: Sha256,
    expires_at: Timestamp,
}

impl SessionHolder {
    /// Who logged in.
    pub fn user(&self) -> &KnownUser {
        &self.user
    }

    /// When the session ends, whatever happens.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// What is noted of this use, with the record of it: it stands only while the session does.
    pub fn use_to_note(&self, at: Timestamp) -> Change {
        sessions::seen(&self.cookie, at)
    }

    async fn of(door: &Door, cookie: Sha256, row: Option<SessionRow>) -> Result<Option<Self>, store::Error> {
        let Some(row) = row else { return Ok(None) };
        let user = KnownUser::living(door, &row.user, Proof::Other("session")).await?;
        Ok(user.map(|user| Self { user, cookie, expires_at: row.expires_at }))
    }

    /// Looks again whether somebody is still logged in, for answers that run: whoever watches one is here.
    ///
    /// # Errors
    ///
    /// [`store::Error`]; `Ok(None)` when they are not.
    pub async fn look_again(&self, door: &Door, now: Timestamp) -> Result<Option<Self>, store::Error> {
        let row = sessions::watching(door, &self.cookie, now).await?;
        Self::of(door, self.cookie, row).await
    }
}

/// Finds out whose session `cookie` is of. One that has ended is no failure: whoever sends it is asked again.
///
/// # Errors
///
/// [`Error::Challenged`], [`Error::Store`].
pub(super) async fn prove(door: &Door, cookie: &str, now: Timestamp) -> Result<SessionHolder, Error> {
    let hash = sessions::hash(cookie);
    let row = sessions::living(door, &hash, now).await?;
    SessionHolder::of(door, hash, row).await?.ok_or(Error::Challenged { stale: false })
}
