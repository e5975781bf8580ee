//! Ends temporary logins before their time, and their tokens with them.

use jiff::Timestamp;

use super::door::Door;
use super::placement;
use super::record::{Happened, What};
use crate::base::id::LoginName;
use crate::store::temporary_login::{self, Delete, TemporaryLogin};
use crate::store::token_block::{Block, BlockedToken, Unblock};
use crate::store::{self, Change, CommitError, revocation};

/// Why nothing was ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's: no such login.
    #[error("there is no login {0}: `gateward login list` shows those there are")]
    NoSuchLogin(LoginName),
    /// The operator's.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The operator's.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Whether the token may be exchanged again afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    /// The token is blocked in every spelling.
    Blocked,
    /// The token gives a new login, with another password.
    AllowedAgain,
}

/// Ends `login` at once; its running answers are cut within a second.
///
/// Returns why it still stands in a database that is not ours, if it does: the sweep goes on trying.
///
/// # Errors
///
/// [`Error`].
pub async fn revoke(
    door: &Door,
    login: &LoginName,
    afterwards: Afterwards,
    by: &str,
    now: Timestamp,
) -> Result<Option<placement::Error>, Error> {
    let found = temporary_login::find(&door.store.reader, login)
        .await?
        .ok_or_else(|| Error::NoSuchLogin(login.clone()))?;
    let changes = ending(&found, afterwards, by, now);
    let happened = [event(&found, afterwards, by)];
    match door.recorder.commit(None, changes, &happened, now).await {
        Ok(()) => Ok(placement::follow_end(door, std::slice::from_ref(login), now).await),
        Err(CommitError::Precondition) => Err(Error::NoSuchLogin(login.clone())),
        Err(error) => Err(error.into()),
    }
}

/// Ends whatever login the token `id` has and blocks the token, also one that was never seen here.
///
/// `id` is the token's id as SeisComP counts it; it is matched against every spelling. With
/// [`Afterwards::AllowedAgain`] the block is lifted instead. Returns how many logins ended, and why
/// they still stand in a database that is not ours, if they do: the sweep goes on trying.
///
/// # Errors
///
/// [`Error`].
pub async fn revoke_token(
    door: &Door,
    id: &signed_token::TokenId,
    afterwards: Afterwards,
    by: &str,
    now: Timestamp,
) -> Result<(usize, Option<placement::Error>), Error> {
    let id = id.to_string();
    let logins = temporary_login::all(&door.store.reader).await?;
    let found: Vec<_> = logins.into_iter().filter(|login| login.token_ids.contains(&id)).collect();
    let mut changes: Vec<Change> =
        found.iter().flat_map(|login| ending(login, afterwards, by, now)).collect();
    let mut happened: Vec<Happened> = found.iter().map(|login| event(login, afterwards, by)).collect();
    changes.push(match afterwards {
        Afterwards::Blocked => {
            // Where a login was found, this keeps the identity that `ending` noted.
            let token = BlockedToken::Id(id.clone());
            Change::BlockToken(Block { token, identity: None, at: now, by: by.to_owned() })
        }
        Afterwards::AllowedAgain => Change::UnblockToken(Unblock(BlockedToken::Id(id.clone()))),
    });
    if found.is_empty() {
        changes.push(Change::AdvanceRevocation(revocation::Advance));
        let what = match afterwards {
            Afterwards::Blocked => What::TokenBlocked { token_id: id },
            Afterwards::AllowedAgain => What::TokenAllowedAgain { token_id: id },
        };
        happened.push(Happened { who: Some(by.to_owned()), ..Happened::done(what) });
    }
    door.recorder.commit(None, changes, &happened, now).await?;
    let ended: Vec<LoginName> = found.into_iter().map(|login| login.login).collect();
    Ok((ended.len(), placement::follow_end(door, &ended, now).await))
}

/// Login, blocks and counter in one: a crash leaves all or nothing. The token is blocked by its
/// identity and by its ids, so that it can be let in again by either.
pub(super) fn ending(
    login: &TemporaryLogin,
    afterwards: Afterwards,
    by: &str,
    now: Timestamp,
) -> Vec<Change> {
    let mut changes = vec![Change::DeleteLogin(Delete { login: login.login.clone(), ended_by: None })];
    let token = BlockedToken::Identity(login.identity);
    match afterwards {
        Afterwards::AllowedAgain => changes.push(Change::UnblockToken(Unblock(token))),
        Afterwards::Blocked => {
            let ids = login.token_ids.iter().map(|id| BlockedToken::Id(id.clone()));
            let identity = Some(login.identity);
            let block = |token| Block { token, identity, at: now, by: by.to_owned() };
            changes.extend(std::iter::once(token).chain(ids).map(|token| Change::BlockToken(block(token))));
        }
    }
    changes.push(Change::AdvanceRevocation(revocation::Advance));
    changes
}

/// Says that a login was ended.
pub(super) fn event(login: &TemporaryLogin, afterwards: Afterwards, by: &str) -> Happened {
    let what = What::LoginRevoked {
        login: login.login.clone(),
        token_ids: login.token_ids.clone(),
        token_blocked: afterwards == Afterwards::Blocked,
    };
    Happened { who: Some(by.to_owned()), ..Happened::done(what) }
}
