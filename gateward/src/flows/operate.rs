//! An operator asks: who are they, and what they asked, recorded.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::door::{Door, Refused};
use super::failures::Attempt;
use super::record::{Happened, Personal, What};
use super::users;
use crate::base::address::ClientAddress;
use crate::base::id::Reference;
use crate::base::secret::Secret;
use crate::store::{self, CommitError, user};

/// How many passwords are hashed at once: each takes 19 MiB and a core.
const HASHES: usize = 2;

/// How much of a path is recorded, in characters.
const RECORDED_PATH: usize = 256;

/// Why nobody is known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller's: recorded under this reference.
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
    /// The program's: a hash was never finished.
    #[error("a password could not be proven")]
    Unfinished,
    /// The operator's.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The operator's.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// A user whose password was proven for this very request; made by [`Passwords::prove`] alone.
#[derive(Debug)]
pub struct Operator {
    name: String,
    role: String,
}

impl Operator {
    /// The user's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether they may change anything: an auditor looks on.
    pub fn may_change(&self) -> bool {
        matches!(self.role.as_str(), "admin" | "operator")
    }
}

/// Proves passwords, a few at a time.
#[derive(Debug)]
pub struct Passwords(Arc<Semaphore>);

impl Default for Passwords {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(HASHES)))
    }
}

impl Passwords {
    /// Finds out whether `password` is the one of the user `name`.
    ///
    /// # Errors
    ///
    /// [`Error`]; what is wrong is recorded.
    pub async fn prove(
        &self,
        door: &Door,
        name: String,
        password: Secret,
        address: ClientAddress,
        now: Timestamp,
    ) -> Result<Operator, Error> {
        // Before the hash: guessing costs the guesser a minute, not us a core.
        if let Some(too_many) = door.refuse_for_limit(address, Attempt::Operator, None, now).await? {
            let (wait_seconds, reference) = (too_many.wait_seconds, too_many.reference);
            return Err(Error::TooMany { wait_seconds, reference });
        }
        let place = Arc::clone(&self.0).try_acquire_owned().map_err(|_| Error::Busy)?;
        let user = user::find(&door.store.reader, &name).await?;
        let proven = tokio::task::spawn_blocking(move || {
            let proven = users::prove(user, &password);
            drop(place);
            proven
        });
        match proven.await.map_err(|_| Error::Unfinished)?? {
            Some(user) => Ok(Operator { name: user.name, role: user.role }),
            None => Err(refuse(door, address, now).await?),
        }
    }
}

async fn refuse(door: &Door, address: ClientAddress, now: Timestamp) -> Result<Error, CommitError> {
    door.failures.count_attempt(address, Attempt::Operator, now);
    let what =
        What::AuthenticationFailed { reason: "wrong-password", detail: "wrong user or password".into() };
    let reason = "operator: wrong-password".to_owned();
    let refused = Refused { what, reason, service: None, who: None, certificate: None, address };
    Ok(Error::Wrong { reference: door.record_refusal(refused, now).await? })
}

/// What an operator asked for, and what they get.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a str,
    /// The path.
    pub path: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// From where.
    pub address: ClientAddress,
}

/// Records what an operator asked for; the answer leaves once this returns.
///
/// # Errors
///
/// [`CommitError`]: the answer stays here.
pub async fn record(
    door: &Door,
    operator: &Operator,
    asked: Asked<'_>,
    now: Timestamp,
) -> Result<(), CommitError> {
    let path = asked.path.chars().take(RECORDED_PATH).collect();
    let what = What::OperatorRequest { method: asked.method.to_owned(), path, status: asked.status };
    let personal = Personal::at(asked.address);
    let happened = Happened { who: Some(operator.name.clone()), personal, ..Happened::done(what) };
    // A crash before: nothing left. After it: recorded, whether or not the answer still left.
    door.recorder.commit(None, Vec::new(), &[happened], now).await
}
