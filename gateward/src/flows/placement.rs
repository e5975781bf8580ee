//! Temporary logins in databases that are not ours: placed before their holder is told of them, taken
//! away when they end, and completed by the sweep where a crash or an unreachable database came
//! between.
//!
//! The order is always the same. In: our own record (`pending`, with the event and the login),
//! privileges, login and hash, `active`, and only then the answer. Out: our own record (the login gone,
//! with its event), login and hash, privileges, and our note of it last. Each step may be done twice.

use http_digest::{Algorithm, Ha1, Realm};
use jiff::{SignedDuration, Timestamp};

use super::clean_up::end_unbelieved;
use super::door::Door;
use super::record::{Happened, What};
use crate::base::id::LoginName;
use crate::base::secret::Secret;
use crate::base::time::Unbelieved;
use crate::store::placement::{self, Confirm, Forget, Note, Taken};
use crate::store::resif::{self, Admission, Meant, Orphans, Resif};
use crate::store::temporary_login::{self, TemporaryLogin};
use crate::store::{self, Change, CommitError};

/// How many logins one step of the sweep takes on.
const AT_ONCE: u32 = 200;

/// For how long an exchange is left alone with what it is placing, and how long after a login was
/// taken away it is looked whether somebody placed it late: longer than any placing can take.
const UNDISTURBED: SignedDuration = SignedDuration::from_secs(90);
const _: () = assert!(UNDISTURBED.as_secs().unsigned_abs() > resif::LONGEST_PLACING.as_secs());

/// Why something is not placed, or not taken away: the operator's, and the sweep goes on trying.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A database that is not ours.
    #[error(transparent)]
    Resif(#[from] resif::Error),
    /// The key that the login's password is made with is not in the keyring.
    #[error("key {0:?} is missing from the keyring")]
    KeyMissing(String),
    /// It is not known when it was done.
    #[error(transparent)]
    Clock(#[from] Unbelieved),
    /// Our own store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Our own store.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl From<store::Failed> for Error {
    fn from(failed: store::Failed) -> Self {
        match failed {
            store::Failed::Read(error) => error.into(),
            store::Failed::Write(error) => error.into(),
        }
    }
}

impl Error {
    /// Whether it is about one login, and others may be placed all the same.
    fn is_of_one_login(&self) -> bool {
        match self {
            Self::KeyMissing(_) | Self::Resif(resif::Error::Taken(_) | resif::Error::Refused { .. }) => true,
            Self::Resif(resif::Error::Unreachable { .. } | resif::Error::Unfit { .. })
            | Self::Clock(_)
            | Self::Store(_)
            | Self::Commit(_) => false,
        }
    }
}

/// Whether a login stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// It does.
    Stands,
    /// It was ended while it was placed, and nothing of it is left there.
    EndedMeanwhile,
}

/// Makes the change that notes, beside the login itself, where else it shall stand.
pub fn note(login: &LoginName, expires_at: Timestamp, at: Timestamp) -> Change {
    Change::NotePlacement(Note { login: login.clone(), expires_at, at })
}

/// Makes what other programs compare passwords with: Digest's HA1 by MD5 (RFC 7616 section 3.4.2).
pub fn hash(login: &LoginName, realm: &Realm, password: &Secret) -> Secret {
    let ha1 = Ha1::of(Algorithm::Md5, login.as_str(), realm, password.expose());
    Secret::new(ha1.expose_hex().to_string())
}

/// Places `login`, which is noted in our own store: its networks, then itself, until `ends`.
///
/// # Errors
///
/// [`Error`]; the login stays pending, and the sweep goes on.
pub async fn place(
    door: &Door,
    resif: &Resif,
    (login, password): (&TemporaryLogin, &Secret),
    meant: &Meant,
    ends: Timestamp,
    now: Timestamp,
) -> Result<Placed, Error> {
    let name = &login.login;
    // A crash before this line leaves the login pending and nothing there; after it, privileges of a
    // name that nobody can use yet.
    resif.grant(name.clone(), meant.networks.clone()).await?;
    let hash = hash(name, &door.realm, password);
    // A crash after this line leaves a login that works there and is pending here: placed once more.
    resif.admit(Admission { login: name.clone(), hash, ends }).await?;
    let confirm = Change::ConfirmPlacement(Confirm { login: name.clone(), expires_at: ends, at: now });
    // A crash after this commit leaves all in its place, and a holder who asks once more.
    match door.recorder.commit(None, vec![confirm], &[], now).await {
        Ok(()) => Ok(Placed::Stands),
        // Its end was moved on by another exchange, which goes on with that; or it was ended, and whoever
        // took it away there may have come before us.
        Err(CommitError::Precondition) => {
            if temporary_login::find(&door.store.reader, name).await?.is_some() {
                return Ok(Placed::Stands);
            }
            take_away(door, resif, std::slice::from_ref(name), now).await?;
            Ok(Placed::EndedMeanwhile)
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes `logins`, which are gone from our own store, away there: themselves, then their privileges.
///
/// # Errors
///
/// [`Error`]; the sweep goes on.
pub async fn take_away(
    door: &Door,
    resif: &Resif,
    logins: &[LoginName],
    now: Timestamp,
) -> Result<(), Error> {
    if logins.is_empty() {
        return Ok(());
    }
    // A crash before or between these leaves our note, by which the sweep does it again.
    resif.dismiss(logins).await?;
    resif.deprive(logins).await?;
    // Not `now`: whatever was waited for since is not part of the time that late comers have.
    let at = door.store.clock.now()?;
    let taken = |login: &LoginName| Change::TakenFromPlace(Taken { login: login.clone(), at });
    door.recorder.commit(None, logins.iter().map(taken).collect(), &[], now).await?;
    Ok(())
}

/// Takes `logins`, which somebody just ended, away there, as far as they were ever to stand there;
/// returns why that is left to the sweep, if it is.
pub async fn follow_end(door: &Door, logins: &[LoginName], now: Timestamp) -> Option<Error> {
    let resif = door.resif.as_ref()?;
    let mut noted = Vec::new();
    for login in logins {
        match placement::is_noted(&door.store.reader, login).await {
            Ok(false) => {}
            Ok(true) => noted.push(login.clone()),
            Err(error) => return Some(error.into()),
        }
    }
    take_away(door, resif, &noted, now).await.err()
}

/// Which pending logins a sweep places once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// All: nobody else is at it, or it does not matter.
    All,
    /// Those that whoever began has had the time to finish.
    Stale,
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Logins of ours that stand there now and did not.
    pub placed: u64,
    /// Logins of ours that ended and do not stand there any more.
    pub taken: u64,
    /// Temporary logins of others that ended and do not stand there any more.
    pub others: u64,
}

/// Brings both databases in line with our own store, and takes away what has ended there whoever
/// made it. Does nothing where none is configured.
///
/// # Errors
///
/// [`Error`]; what was done before stays done. Where single logins cannot be placed, the first of these
/// errors, and all else is done.
pub async fn sweep(door: &Door, which: Pending, by: Option<&str>, now: Timestamp) -> Result<Swept, Error> {
    let Some(resif) = &door.resif else { return Ok(Swept::default()) };
    let reader = &door.store.reader;
    let mut swept = Swept::default();
    end_unbelieved(door, by, now).await?;
    loop {
        let gone = placement::gone(reader, AT_ONCE).await?;
        if gone.is_empty() {
            break;
        }
        take_away(door, resif, &gone, now).await?;
        swept.taken += gone.len() as u64;
    }
    look_once_more(door, resif, now).await?;
    let (placed, unplaced) = place_pending(door, resif, which, now).await?;
    swept.placed = placed;
    swept.others = take_ended(door, resif, by, now).await?;
    unplaced.map_or(Ok(swept), Err)
}

/// Takes away once more what was taken away a while ago: an exchange that was placing it then has
/// come to its end.
async fn look_once_more(door: &Door, resif: &Resif, now: Timestamp) -> Result<(), Error> {
    let then = now.saturating_sub(UNDISTURBED).unwrap_or(Timestamp::MIN);
    loop {
        let leaving = placement::leaving_since(&door.store.reader, then, AT_ONCE).await?;
        if leaving.is_empty() {
            return Ok(());
        }
        resif.dismiss(&leaving).await?;
        resif.deprive(&leaving).await?;
        let forget = |login| Change::ForgetPlacement(Forget { login });
        // A crash before this commit does it once more; after it nothing is left anywhere.
        door.recorder.commit(None, leaving.into_iter().map(forget).collect(), &[], now).await?;
    }
}

/// Places what is pending; returns how many, and why the first of those could not be that could not.
async fn place_pending(
    door: &Door,
    resif: &Resif,
    which: Pending,
    now: Timestamp,
) -> Result<(u64, Option<Error>), Error> {
    let then = match which {
        Pending::All => Timestamp::MAX,
        Pending::Stale => now.saturating_sub(UNDISTURBED).unwrap_or(Timestamp::MIN),
    };
    let (mut after, mut placed, mut unplaced) = (String::new(), 0, None);
    loop {
        let pending = placement::pending_since(&door.store.reader, then, &after, AT_ONCE).await?;
        let Some(last) = pending.last() else { return Ok((placed, unplaced)) };
        last.as_str().clone_into(&mut after);
        for name in &pending {
            match place_again(door, resif, name, now).await {
                Ok(Placed::Stands) => placed += 1,
                Ok(Placed::EndedMeanwhile) => {}
                Err(error) if error.is_of_one_login() => drop(unplaced.get_or_insert(error)),
                Err(error) => return Err(error),
            }
        }
    }
}

async fn place_again(door: &Door, resif: &Resif, name: &LoginName, now: Timestamp) -> Result<Placed, Error> {
    let find = || temporary_login::find(&door.store.reader, name);
    // Ended meanwhile: the next sweep takes it away.
    let Some(login) = find().await? else { return Ok(Placed::EndedMeanwhile) };
    let password = door.keyring.login_password(&login.key_id, &login.salt, &login.identity);
    let password = password.ok_or_else(|| Error::KeyMissing(login.key_id.clone()))?;
    let meant = resif.mean(login.groups).await?;
    // Once more: what its groups mean was waited for, and who ended it then does not wait for us.
    let Some(login) = find().await? else { return Ok(Placed::EndedMeanwhile) };
    place(door, resif, (&login, &password), &meant, login.expires_at, now).await
}

/// Takes temporary logins of others away whose end has passed.
async fn take_ended(door: &Door, resif: &Resif, by: Option<&str>, now: Timestamp) -> Result<u64, Error> {
    let mut taken = 0;
    loop {
        let ours = placement::all(&door.store.reader).await?;
        let ended = resif.ended(&ours, AT_ONCE).await?;
        if ended.is_empty() {
            return Ok(taken);
        }
        match take_others(door, resif, &ended, by, now).await? {
            // Another sweep took them, or the database lets nobody: once is enough.
            0 => return Ok(taken),
            went => taken += went,
        }
    }
}

/// Takes logins away that are none of ours: privileges first, so that the login stands, and is found
/// again, until nothing else of it does. Returns how many went.
async fn take_others(
    door: &Door,
    resif: &Resif,
    logins: &[LoginName],
    by: Option<&str>,
    now: Timestamp,
) -> Result<u64, Error> {
    resif.deprive(logins).await?;
    let mut went = 0;
    // They are deleted and not committed yet when they are named: a crash in between leaves them to the
    // next sweep, which names them again; what did not go is not named.
    resif
        .dismiss_named(logins, |gone| {
            went = gone.len() as u64;
            name_others(door, gone, by, now)
        })
        .await?;
    Ok(went)
}

/// Takes the privileges of names away that no user has.
async fn take_nobodies(
    door: &Door,
    resif: &Resif,
    names: &[LoginName],
    by: &str,
    now: Timestamp,
) -> Result<(), Error> {
    resif.deprive_named(names, |gone| name_others(door, gone, Some(by), now)).await
}

async fn name_others(
    door: &Door,
    logins: Vec<LoginName>,
    by: Option<&str>,
    now: Timestamp,
) -> Result<(), Error> {
    if logins.is_empty() {
        return Ok(());
    }
    let what = What::OthersLoginsCleanedUp { logins };
    let happened = Happened { who: by.map(str::to_owned), ..Happened::done(what) };
    Ok(door.recorder.commit(None, Vec::new(), &[happened], now).await?)
}

/// Looks for what other programs left behind; `None` where no other database is configured.
///
/// # Errors
///
/// [`Error`].
pub async fn find_orphans(door: &Door) -> Result<Option<Orphans>, Error> {
    let Some(resif) = &door.resif else { return Ok(None) };
    let ours = placement::all(&door.store.reader).await?;
    let mut orphans = resif.orphans(&ours).await?;
    // What was placed since is ours, too, and noted before anything of it stood there.
    orphans.retain_others(&placement::all(&door.store.reader).await?);
    Ok(Some(orphans))
}

/// Takes away what other programs left behind; returns what it was.
///
/// # Errors
///
/// [`Error`]; what was done before stays done.
pub async fn take_orphans(door: &Door, by: &str, now: Timestamp) -> Result<Option<Orphans>, Error> {
    let (Some(resif), Some(orphans)) = (&door.resif, find_orphans(door).await?) else { return Ok(None) };
    let users: Vec<_> = [&orphans.ended, &orphans.halves].into_iter().flatten().cloned().collect();
    for some in users.chunks(AT_ONCE as usize) {
        take_others(door, resif, some, Some(by), now).await?;
    }
    for some in orphans.nobodies.chunks(AT_ONCE as usize) {
        take_nobodies(door, resif, some, by, now).await?;
    }
    Ok(Some(orphans))
}
