//! Sessions of browsers: begun where a password was proven on our page, ended there or by themselves.
//!
//! The cookie is 256 random bits; what is stored is its hash. Each login makes a new one and ends the one that
//! the browser came with, so that nobody can plant a cookie and wait for somebody to log in with it.

use data_encoding::BASE64URL_NOPAD;
use jiff::{SignedDuration, Timestamp};

use super::door::Door;
use super::record::{Happened, Personal, What};
use super::tries::Tries;
use super::users::KnownUser;
use crate::base::address::ClientAddress;
use crate::base::secret::Secret;
use crate::base::sha256::Sha256;
use crate::base::time::later;
use crate::store::session::{self, Begin, End, Seen, SessionRow};
use crate::store::{self, Change, Failed};

/// How long a session lives that nobody uses.
pub const IDLE: SignedDuration = SignedDuration::from_mins(30);

/// How long it lives at most.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(12);

/// How old the note of when somebody was last here becomes, while an answer runs by it, before it is written anew.
const GRAIN: SignedDuration = SignedDuration::from_mins(1);

/// Begins a session of `user`, whose password was just proven, and ends the one of the cookie `before`.
///
/// Returns the new cookie; `None` if the account was disabled or got another password meanwhile.
///
/// # Errors
///
/// [`Failed`]: the operator's; nobody is logged in.
pub async fn log_in(
    door: &Door,
    user: &KnownUser,
    before: Option<&str>,
    address: ClientAddress,
    now: Timestamp,
) -> Result<Option<Secret>, Failed> {
    let cookie = Secret::new(BASE64URL_NOPAD.encode(&door.random.bytes::<32>()));
    let row = SessionRow {
        hash: hash(cookie.expose()).to_string(),
        user: user.name().clone(),
        created_at: now,
        last_seen_at: now,
        expires_at: later(now, LONGEST),
    };
    let mut tries = Tries::default();
    loop {
        let policy = door.policy.up_to_date().await?;
        if user.look_again(door, now).await?.is_none() {
            return Ok(None);
        }
        let end = before.map(|before| Change::EndSession(End { hash: hash(before).to_string() }));
        let begin = Change::BeginSession(Begin(row.clone()));
        let changes = end.into_iter().chain([begin]).collect();
        let happened = [event(What::LoggedIn, user.name().to_string(), address)];
        // A crash leaves a session that nobody has the cookie of: it ends by itself.
        match door.recorder.commit(Some(policy.revision), changes, &happened, now).await {
            Ok(()) => return Ok(Some(cookie)),
            Err(error) => tries.again(error)?,
        }
    }
}

/// Ends the session of `cookie`; harmless where there is none.
///
/// The revocation counter stays: anybody may log out as often as they like, and nobody else is to notice. What is
/// decided by a session is recorded only while it lives, and answers that run by one look at it themselves.
///
/// # Errors
///
/// [`Failed`]: it may still be there.
pub async fn log_out(
    door: &Door,
    cookie: &str,
    address: ClientAddress,
    now: Timestamp,
) -> Result<(), Failed> {
    let Some(row) = session::find(&door.store.reader, &hash(cookie)).await? else { return Ok(()) };
    let changes = vec![Change::EndSession(End { hash: row.hash })];
    let happened = [event(What::LoggedOut, row.user.to_string(), address)];
    // A crash leaves the session, or its end with the event.
    Ok(door.recorder.commit(None, changes, &happened, now).await?)
}

/// Finds the session of a cookie, if it has not ended.
///
/// # Errors
///
/// [`store::Error`].
pub(super) async fn living(
    door: &Door,
    hash: &Sha256,
    now: Timestamp,
) -> Result<Option<SessionRow>, store::Error> {
    let found = session::find(&door.store.reader, hash).await?;
    let lives = |row: &SessionRow| row.expires_at > now && now.duration_since(row.last_seen_at) < IDLE;
    Ok(found.filter(lives))
}

/// Finds the session of a cookie for an answer that runs: whoever watches one is here, and is noted to be.
///
/// # Errors
///
/// [`store::Error`].
pub(super) async fn watching(
    door: &Door,
    hash: &Sha256,
    now: Timestamp,
) -> Result<Option<SessionRow>, store::Error> {
    let found = living(door, hash, now).await?;
    if found.as_ref().is_some_and(|row| now.duration_since(row.last_seen_at) >= GRAIN) {
        // Nothing is opened by it; what cannot be noted is tried again when it is looked at again.
        if let Err(error) = door.recorder.commit(None, vec![seen(hash, now)], &[], now).await {
            tracing::warn!(%error, "that somebody is still here is not noted yet");
        }
    }
    Ok(found)
}

/// Says that somebody is here; where their session has ended meanwhile, what is to be committed with this is not.
pub(super) fn seen(hash: &Sha256, at: Timestamp) -> Change {
    Change::SessionSeen(Seen { hash: hash.to_string(), at })
}

/// What is stored of a cookie. A fast hash will do: nobody guesses 256 random bits.
pub(super) fn hash(cookie: &str) -> Sha256 {
    Sha256::of(cookie.as_bytes())
}

fn event(what: What, who: String, address: ClientAddress) -> Happened {
    Happened { who: Some(who), personal: Personal::at(address), ..Happened::done(what) }
}
