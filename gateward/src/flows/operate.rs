//! An operator asks: who are they, what may they do, and what they asked, recorded.

use jiff::Timestamp;

use super::door::{Door, Refused};
use super::failures::Entrance;
use super::passwords::{self, Claimed, prove_password};
use super::record::{Happened, Personal, What};
use super::users::{HeldRole, KnownUser};
use crate::base::address::ClientAddress;
use crate::base::id::Reference;
use crate::base::secret::Secret;
use crate::store::CommitError;

/// How much of a path is recorded, in characters.
const RECORDED_PATH: usize = 256;

/// Why nobody is let in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody is known by this password.
    #[error(transparent)]
    Unknown(#[from] passwords::Error),
    /// The administrator's, who gives roles.
    #[error("this account has no role here: an administrator gives one")]
    NoRole {
        /// What it is recorded under.
        reference: Reference,
    },
    /// The operator's.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// A user with a role, whose password was proven for this very request; made by [`prove`] alone.
#[derive(Debug)]
pub struct Operator {
    user: KnownUser,
    role: HeldRole,
}

impl Operator {
    /// The user's name.
    pub fn name(&self) -> &str {
        self.user.name().as_str()
    }

    /// What they may do.
    pub fn role(&self) -> &HeldRole {
        &self.role
    }
}

/// Finds out whether `password` is the one of the user `name`, and that user an operator.
///
/// # Errors
///
/// [`Error`]; what is wrong is recorded.
pub async fn prove(
    door: &Door,
    name: &str,
    password: &Secret,
    address: ClientAddress,
    now: Timestamp,
) -> Result<Operator, Error> {
    let claimed = Claimed { name, password, address, at: Entrance::Operators, service: None };
    let user = prove_password(door, claimed, now).await?;
    let Some(role) = user.role().cloned() else {
        let detail = "a user without a role".to_owned();
        let refused = Refused {
            what: What::AuthenticationFailed { reason: "no-role", detail },
            reason: "operator: no-role".to_owned(),
            service: None,
            who: Some(user.name().to_string()),
            certificate: None,
            address,
        };
        return Err(Error::NoRole { reference: door.record_refusal(refused, now).await? });
    };
    Ok(Operator { user, role })
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
    let happened = Happened { who: Some(operator.name().to_owned()), personal, ..Happened::done(what) };
    // A crash before: nothing left. After it: recorded, whether or not the answer still left.
    door.recorder.commit(None, Vec::new(), &[happened], now).await
}
