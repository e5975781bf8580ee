//! Takes expired logins away: exactly those, counted, each named in an event.

use jiff::{SignedDuration, Timestamp};

use super::door::Door;
use super::record::{Happened, What};
use super::sessions;
use crate::base::id::LoginName;
use crate::base::time::later;
use crate::store::revocation::Revision;
use crate::store::temporary_login::{self, Delete};
use crate::store::{Change, CommitError, Failed, api_token, existing_key, session};

/// How many logins one event names.
const AT_ONCE: u32 = 200;

/// For how long one of CKAN's own keys is listed that was seen once: it may be none.
const SEEN_ONCE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// For how long an API token is listed after its end, so that its user hears of that and not of a token that nobody knows.
const ENDED_TOKENS: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Deletes every login that ended at or before `now`; returns how many there were.
///
/// `by` is `os:NAME` for a command, `None` for the scheduled sweep.
///
/// # Errors
///
/// [`Failed`]; what was done before is recorded.
pub async fn clean_up(door: &Door, by: Option<&str>, now: Timestamp) -> Result<u64, Failed> {
    let mut total = 0;
    loop {
        let logins = temporary_login::expired(&door.store.reader, now, AT_ONCE).await?;
        if logins.is_empty() {
            return Ok(total);
        }
        match delete(door, logins.clone(), Some(now), None, by, now).await {
            Ok(()) => total += logins.len() as u64,
            // Another sweep took some, or one was exchanged again: look anew.
            Err(CommitError::Precondition) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Deletes sessions that ended at or before `now`, and API tokens a while after; forgets CKAN's own keys that came once.
/// They open nothing already, and nobody needs to be told.
///
/// # Errors
///
/// [`CommitError`]; the next sweep does it.
pub async fn forget_ended(door: &Door, now: Timestamp) -> Result<(), CommitError> {
    let idle_since = later(now, -sessions::IDLE);
    let changes = vec![
        Change::SweepApiTokens(api_token::Sweep { ended_by: later(now, -ENDED_TOKENS) }),
        Change::SweepSessions(session::Sweep { ended_by: now, idle_since }),
        Change::SweepExistingKeys(existing_key::Sweep { not_since: later(now, -SEEN_ONCE) }),
    ];
    door.recorder.commit(None, changes, &[], now).await
}

/// Deletes the logins of issuers that are believed no more. Here they open nothing already; others, who
/// look only whether a login stands in their database or file, must not find them either.
///
/// Only by the policy in force: a command, whose configuration file may be another one, does nothing, and
/// what was decided under an older policy is left to the next sweep.
///
/// # Errors
///
/// [`Failed`]; what was done before is recorded.
pub async fn end_unbelieved(door: &Door, by: Option<&str>, now: Timestamp) -> Result<(), Failed> {
    if !door.policy.is_in_force() {
        return Ok(());
    }
    let policy = door.policy.up_to_date().await?;
    for issuer in temporary_login::issuers(&door.store.reader).await? {
        if policy.believes(&issuer, now) {
            continue;
        }
        let all = temporary_login::all(&door.store.reader).await?;
        let theirs: Vec<_> = all.into_iter().filter(|login| login.issuer == issuer).collect();
        for login in theirs {
            match delete(door, vec![login.login], None, Some(policy.revision), by, now).await {
                // Somebody else ended it.
                Ok(()) | Err(CommitError::Precondition) => {}
                Err(CommitError::Stale(_)) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

async fn delete(
    door: &Door,
    logins: Vec<LoginName>,
    ended_by: Option<Timestamp>,
    decided: Option<Revision>,
    by: Option<&str>,
    now: Timestamp,
) -> Result<(), CommitError> {
    let delete = |login: &LoginName| Change::DeleteLogin(Delete { login: login.clone(), ended_by });
    let changes = logins.iter().map(delete).collect();
    let happened =
        Happened { who: by.map(str::to_owned), ..Happened::done(What::LoginsCleanedUp { logins }) };
    // A crash leaves these logins to the next sweep, or deleted and named.
    door.recorder.commit(decided, changes, &[happened], now).await
}
