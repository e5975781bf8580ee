//! A cookie of our login page becomes the user who logged in there.

use jiff::Timestamp;

use super::Error;
use crate::flows::door::Door;
use crate::flows::sessions;
use crate::flows::users::{KnownUser, Proof};

/// Finds out whose session `cookie` is of. One that has ended is no failure: whoever sends it is asked again.
///
/// # Errors
///
/// [`Error::Challenged`], [`Error::Store`].
pub(super) async fn prove(door: &Door, cookie: &str, now: Timestamp) -> Result<KnownUser, Error> {
    let asked_again = Error::Challenged { stale: false };
    let cookie = sessions::hash(cookie);
    let Some(row) = sessions::living(door, &cookie, now).await? else { return Err(asked_again) };
    let by = Proof::Session { cookie, expires_at: row.expires_at };
    KnownUser::living(door, &row.user, by).await?.ok_or(asked_again)
}
