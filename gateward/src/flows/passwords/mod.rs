//! Proves passwords of people with an account: the one place, whichever door they came to.
//!
//! A wrong password is recorded, counted, and answered no sooner than a second after it came, whatever was wrong
//! about it. Nobody is kept out by what others guess elsewhere ([`Guesses`](super::failures::Guesses)); what all guesses
//! together cost is bounded by a few places where hashes are made.

mod cost;
mod places;
mod right;
mod screen;
mod tried;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

pub use self::cost::{Cost, salt_of};
use self::places::Places;
use self::right::{Mark, Right};
pub use self::screen::{NewPassword, Unfit};
use self::tried::{Tried, Verdict};
use super::door::{Door, Refused};
use super::failures::{Entrance, Guess, Guesser, NotNow};
use super::record::{Happened, What};
use super::users::KnownUser;
use crate::base::address::ClientAddress;
use crate::base::id::Reference;
use crate::base::name::ServiceName;
use crate::base::random::Random;
use crate::base::secret::Secret;
use crate::store::user;
use crate::store::{self, Change, CommitError};

/// How long a failure takes at least: whoever guesses waits, and learns nothing from how long it took.
pub(super) const FAILURE_TAKES: Duration = Duration::from_secs(1);

/// Why nobody is known by a password.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller's: wrong, whatever about it, and recorded.
    #[error("wrong user or password")]
    Wrong {
        /// What it is recorded under.
        reference: Reference,
    },
    /// The caller waits.
    #[error("too many wrong passwords from this address: try again in {wait_seconds} s")]
    TooMany {
        /// How long.
        wait_seconds: u64,
        /// What it is recorded under.
        reference: Reference,
    },
    /// The caller comes back.
    #[error("too many log in at once")]
    Busy,
    /// The operator's; the caller may come back.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The operator's; the caller may come back.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// A name and a password, as somebody sent them.
#[derive(Debug)]
pub struct Claimed<'a> {
    /// The name; there need be no such account.
    pub name: &'a str,
    /// The password.
    pub password: &'a Secret,
    /// From where.
    pub address: ClientAddress,
    /// Where.
    pub at: Entrance,
    /// For which service, if one.
    pub service: Option<&'a ServiceName>,
}

/// What passwords are proven with.
#[derive(Debug)]
pub struct Passwords {
    cost: Cost,
    places: Places,
    right: Right,
    /// The same name and password sent many times at once are looked at once.
    turns: Mutex<HashMap<Mark, Arc<tokio::sync::Mutex<()>>>>,
}

impl Passwords {
    /// Proves passwords at this cost, `at_once` at a time.
    pub fn new(cost: Cost, at_once: u32, random: &Random) -> Self {
        Self { cost, places: Places::new(at_once), right: Right::new(random), turns: Mutex::default() }
    }

    /// What a new hash costs.
    pub fn cost(&self) -> Cost {
        self.cost
    }

    fn turn(&self, mark: Mark) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever has one or waits for it holds it, too.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(mark).or_default())
    }
}

/// Finds out whether somebody knows the password of the account that they name.
///
/// The same work is done for an account that there is not, that is disabled, or that has no password: only the record
/// tells them apart. A password that was right within the last minute, under the same revocation counter, is not hashed again.
///
/// # Errors
///
/// [`Error`]; what is wrong is recorded.
pub async fn prove_password(door: &Door, claimed: Claimed<'_>, now: Timestamp) -> Result<KnownUser, Error> {
    let began = Instant::now();
    let (passwords, guesses) = (&door.passwords, &door.failures.guesses);
    let by = Guesser { name: claimed.name, address: claimed.address, at: claimed.at };
    // The counter first: what changes about the account after this moves it.
    let under = door.policy.current().revision;
    let tried = Tried::find(door, &claimed).await?;
    let mark = tried.mark(&passwords.right, &claimed);
    // A program that was in goes on, whoever guesses beside it.
    let is_no_guess = passwords.right.is_no_guess(mark, now);
    if let Some(why) = guesses.not_now(by, now).filter(|_| !is_no_guess) {
        return Err(not_now(door, &claimed, why, now).await?);
    }
    let turn = passwords.turn(mark);
    let turn = turn.lock().await;
    if passwords.right.was(mark, under, now)
        && let Some(user) = tried.user(door)?
    {
        return Ok(user);
    }
    let guess = match guesses.begin(by, now) {
        Ok(guess) => Some(guess),
        Err(_) if is_no_guess => None,
        Err(why) => return Err(not_now(door, &claimed, why, now).await?),
    };
    let verdict = tried.judge(door, guesses.is_stranger(by, now)).await;
    let reason = match verdict {
        Ok(Verdict::Right { user, raised }) => {
            guess.into_iter().for_each(Guess::right);
            passwords.right.note(mark, under, now);
            if let Some((from, to)) = raised {
                raise(door, &user, from, to, now).await?;
            }
            return Ok(user);
        }
        Ok(Verdict::Wrong(reason)) => reason,
        Err(error) => {
            guess.into_iter().for_each(Guess::not_judged);
            return Err(error);
        }
    };
    guess.into_iter().for_each(Guess::wrong);
    drop(turn);
    let reference = refuse(door, &claimed, reason, tried.who(), now).await?;
    tokio::time::sleep_until(began + FAILURE_TAKES).await;
    Err(Error::Wrong { reference })
}

/// Stores a hash that costs more; somebody else may have changed it meanwhile.
async fn raise(
    door: &Door,
    user: &KnownUser,
    from: String,
    to: String,
    now: Timestamp,
) -> Result<(), CommitError> {
    let name = user.name().to_string();
    let change = user::SetPassword { name: name.clone(), from: Some(from), to };
    let happened =
        Happened { who: Some(name.clone()), ..Happened::done(What::UserHashRaised { user: name }) };
    // A crash before leaves the old hash, which goes on working; after it, the new one of the same password.
    match door.recorder.commit(None, vec![Change::SetPassword(change)], &[happened], now).await {
        Ok(()) | Err(CommitError::Precondition) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Says why a password is not looked at now.
async fn not_now(
    door: &Door,
    claimed: &Claimed<'_>,
    why: NotNow,
    now: Timestamp,
) -> Result<Error, CommitError> {
    let NotNow::TooMany(wait) = why else { return Ok(Error::Busy) };
    let reference = refuse(door, claimed, "too-many-failures", None, now).await?;
    Ok(Error::TooMany { wait_seconds: wait.as_secs().unsigned_abs().max(1), reference })
}

/// Records that somebody was not let in.
async fn refuse(
    door: &Door,
    claimed: &Claimed<'_>,
    reason: &'static str,
    who: Option<String>,
    now: Timestamp,
) -> Result<Reference, CommitError> {
    let door_name = match claimed.at {
        Entrance::Operators => "operator",
        Entrance::Public => "login",
    };
    let detail = match reason {
        "too-many-failures" => "the limit of this account and address, or of this address",
        _ => "wrong user or password",
    };
    let refused = Refused {
        what: What::AuthenticationFailed { reason, detail: detail.into() },
        reason: format!("{door_name}: {reason}"),
        service: claimed.service.cloned(),
        who,
        certificate: None,
        address: claimed.address,
    };
    door.record_refusal(refused, now).await
}
