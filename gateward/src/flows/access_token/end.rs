//! Ends access tokens: decided and recorded first, then revoked in CKAN, then recorded as gone.

use jiff::{SignedDuration, Timestamp};

use super::Error;
use super::ckan::{Ckan, Listed};
use super::create::key_name;
use super::opaque::end_of_key;
use crate::base::access_token::{Because, State};
use crate::base::ckan::CkanUser;
use crate::base::id::AccessTokenId;
use crate::base::time::later;
use crate::flows::door::Door;
use crate::flows::record::{Happened, KeyEnd, Personal, What};
use crate::store::access_token::{self, AccessTokenRow, End, Ended};
use crate::store::{Change, CommitError, opaque_key};

/// How long one may be in the making: CKAN is waited for a minute at most at each step.
const MAKING: SignedDuration = SignedDuration::from_mins(10);

/// How long CKAN may still be busy with a key that it was asked for and has not listed: it may have been
/// stopped, or have waited for its database.
const SURE: SignedDuration = SignedDuration::from_mins(30);

/// How many are looked at at once.
const PAGE: u32 = 200;

/// What a sweep did.
#[derive(Debug, Default)]
pub struct Swept {
    /// How many keys are gone now.
    pub ended: u64,
    /// What goes on being tried, with the reason.
    pub left: Vec<Left>,
    /// Where files may lie that were never finished: they open nothing.
    pub worthless: Vec<String>,
}

/// An access token whose key may still be good.
#[derive(Debug)]
pub struct Left {
    /// Which.
    pub id: AccessTokenId,
    /// Why.
    pub why: Error,
}

/// Where the key of one that ends is looked for.
#[derive(Debug)]
pub(super) enum Key<'a, C> {
    /// In this CKAN, if one is known.
    In(Option<&'a C>),
    /// Nowhere: this has become of it.
    Settled(KeyEnd),
}

/// Ends the access token `id`, and revokes its key in CKAN.
///
/// Once this returns, whatever it returns but [`Error::NoSuch`] and [`Error::Unfit`], its end is decided:
/// the sweep goes on with what could not be done.
///
/// # Errors
///
/// [`Error`]: its key may still be good.
pub async fn revoke<C: Ckan>(
    door: &Door,
    id: AccessTokenId,
    ckan: Option<&C>,
    by: &str,
    now: Timestamp,
) -> Result<KeyEnd, Error> {
    let row = found(door, id).await?;
    match row.state {
        State::Issued => decide(door, &row, Because::Revoked, Some(by), now).await?,
        State::Ending => {}
        State::Making => {
            let remedy = "wait until it is made, or run `gateward cleanup` in ten minutes";
            return Err(Error::Unfit { id, state: row.state, remedy });
        }
        State::Ended => {
            return Err(Error::Unfit { id, state: row.state, remedy: "nothing is left to be done" });
        }
    }
    finish(door, id, &Key::In(ckan), Some(by), now).await
}

/// Lists the keys of `user` in CKAN that were not made here: a key can make further ones, which outlive it.
///
/// # Errors
///
/// [`Error::Ckan`], [`Error::Store`].
pub async fn other_keys<C: Ckan>(door: &Door, user: &CkanUser, ckan: &C) -> Result<Vec<Listed>, Error> {
    let ours = access_token::of_user(&door.store.reader, user).await?;
    let is_ours = |key: &Listed| {
        // The name alone proves nothing: whoever has a key can give the next one the same.
        ours.iter().any(|row| match &row.jti {
            Some(jti) => *jti == key.jti,
            None => key.name == key_name(row.id),
        })
    };
    match ckan.keys(user).await {
        Ok(keys) => Ok(keys.into_iter().filter(|key| !is_ours(key)).collect()),
        Err(super::ckan::Error::NoSuchUser(_)) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Ends what is due: what is past its end, what was never finished, what could not be revoked before.
///
/// # Errors
///
/// [`Error::Store`], [`Error::Commit`]; what CKAN refuses stands in [`Swept::left`].
pub async fn sweep<C: Ckan>(
    door: &Door,
    ckan: Option<&C>,
    by: Option<&str>,
    now: Timestamp,
) -> Result<Swept, Error> {
    let mut swept = Swept::default();
    let mut after = None;
    loop {
        let due = access_token::due(&door.store.reader, now, later(now, -MAKING), after, PAGE).await?;
        for row in &due {
            match end(door, row, ckan, by, now).await {
                Ok(()) => {
                    swept.ended += 1;
                    if row.state == State::Making {
                        swept.worthless.push(row.file.clone());
                    }
                }
                Err(error @ (Error::Store(_) | Error::Commit(_))) => return Err(error),
                Err(why) => swept.left.push(Left { id: row.id, why }),
            }
        }
        match due.last() {
            Some(last) => after = Some(last.id),
            None => return Ok(swept),
        }
    }
}

async fn end<C: Ckan>(
    door: &Door,
    row: &AccessTokenRow,
    ckan: Option<&C>,
    by: Option<&str>,
    now: Timestamp,
) -> Result<(), Error> {
    match row.state {
        State::Making => decide(door, row, Because::NotMade, by, now).await?,
        State::Issued => decide(door, row, Because::Expired, by, now).await?,
        State::Ending | State::Ended => {}
    }
    finish(door, row.id, &Key::In(ckan), by, now).await.map(|_| ())
}

/// Records that one ends; somebody else may have decided so at the same moment.
async fn decide(
    door: &Door,
    row: &AccessTokenRow,
    because: Because,
    by: Option<&str>,
    now: Timestamp,
) -> Result<(), Error> {
    let mut changes = vec![Change::EndAccessToken(End { id: row.id, because, from: row.state })];
    if opaque_key::of(&door.store.reader, row.id).await?.is_some() {
        changes.extend(end_of_key(row.id));
    }
    let what = What::AccessTokenRevoked { access_token: row.id, because };
    match door.recorder.commit(None, changes, &[happened(what, row, by)], now).await {
        // A crash after this leaves it `ending`: the sweep goes on with it.
        Ok(()) => Ok(()),
        Err(CommitError::Precondition) => match found(door, row.id).await?.state {
            State::Ending | State::Ended => Ok(()),
            state @ (State::Making | State::Issued) => {
                Err(Error::Unfit { id: row.id, state, remedy: "it changed just now: try again" })
            }
        },
        Err(error) => Err(error.into()),
    }
}

/// Takes away the key of one whose end is decided. Its file stays where it is: it opens nothing any more, and
/// what stands in the store is no reason to delete something on a disk.
///
/// Everything may be done twice: a crash in between is repeated by the sweep.
pub(super) async fn finish<C: Ckan>(
    door: &Door,
    id: AccessTokenId,
    key: &Key<'_, C>,
    by: Option<&str>,
    now: Timestamp,
) -> Result<KeyEnd, Error> {
    let row = found(door, id).await?;
    if row.state == State::Ended {
        return Ok(KeyEnd::WasGone);
    }
    let key = match key {
        Key::In(ckan) => take_key(&row, *ckan, now).await?,
        Key::Settled(end) => *end,
    };
    let what = What::AccessTokenEnded { access_token: id, key };
    let ended = Change::AccessTokenEnded(Ended { id });
    match door.recorder.commit(None, vec![ended], &[happened(what, &row, by)], now).await {
        // Somebody else ended it at the same moment.
        Ok(()) | Err(CommitError::Precondition) => Ok(key),
        Err(error) => Err(error.into()),
    }
}

/// Revokes the key where it was made: by its id, or by the name that it was to have.
async fn take_key<C: Ckan>(row: &AccessTokenRow, ckan: Option<&C>, now: Timestamp) -> Result<KeyEnd, Error> {
    let Some(made_in) = &row.ckan else { return Ok(KeyEnd::NotOurs) };
    let other = |known| Error::OtherCkan { made_in: made_in.clone(), known };
    let ckan = ckan.ok_or_else(|| other("no CKAN is named".to_owned()))?;
    if ckan.place() != *made_in {
        return Err(other(format!("the one that is named is {}", ckan.place())));
    }
    let jtis = match &row.jti {
        Some(jti) => vec![jti.clone()],
        None => named(row, ckan).await?,
    };
    if jtis.is_empty() && row.file_sha256.is_none() && now < later(row.created_at, SURE) {
        return Err(Error::NotSure(ckan.place()));
    }
    let mut end = KeyEnd::WasGone;
    for jti in jtis {
        if ckan.revoke(&row.user, &jti).await? {
            end = KeyEnd::Revoked;
        }
    }
    Ok(end)
}

/// The keys that were made for one whose key's id is not known: none, or one.
async fn named<C: Ckan>(row: &AccessTokenRow, ckan: &C) -> Result<Vec<String>, Error> {
    let name = key_name(row.id);
    match ckan.keys(&row.user).await {
        Ok(keys) => Ok(keys.into_iter().filter(|key| key.name == name).map(|key| key.jti).collect()),
        // Then the key was never made, or went with them.
        Err(super::ckan::Error::NoSuchUser(_)) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn found(door: &Door, id: AccessTokenId) -> Result<AccessTokenRow, Error> {
    access_token::find(&door.store.reader, id).await?.ok_or(Error::NoSuch(id))
}

fn happened(what: What, row: &AccessTokenRow, by: Option<&str>) -> Happened {
    let personal = Personal::about(&row.user);
    Happened { who: by.map(str::to_owned), personal, ..Happened::done(what) }
}
