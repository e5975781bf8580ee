//! The decision: may this caller do this? The answer is a permit, and nothing goes on without one.
//!
//! A request is authenticated, its meaning held against the grants, and the decision bound to the
//! revocation counter it was made under. The permit is then used up by recording it: only what
//! comes out of that ([`Admitted`], [`Released`]) lets an answer leave.

use jiff::{SignedDuration, Timestamp};

use super::authenticate::{self, Caller, Shown};
use super::door::{Door, Refused};
use super::exchange::LIFETIME;
use super::kind::{Kind, Meaning, NotUnderstood};
use super::policy::Policy;
use super::record::{Delivery, Happened, Outcome, Personal, What};
use crate::base::address::ClientAddress;
use crate::base::id::{LoginName, Reference, TransactionId};
use crate::base::name::{ServiceName, UrlPath};
use crate::base::time::later;
use crate::store::instance::{self, OpenTransaction};
use crate::store::revocation::Revision;
use crate::store::{self, Change, CommitError, temporary_login};

/// A service as decisions see it.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name in grants and events.
    pub name: ServiceName,
    /// Where it stands.
    pub path: UrlPath,
    /// What knows its requests.
    pub kind: Kind,
}

/// What is asked, before it is known who asks.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Of which service.
    pub service: &'a Service,
    /// How.
    pub method: &'a http::Method,
    /// What follows the service's path, not decoded.
    pub rest: &'a str,
    /// What the request shows of whoever asks.
    pub shown: Shown<'a>,
}

/// Why nothing is permitted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller's: a request that means nothing here.
    #[error("{why}")]
    NotUnderstood {
        /// What it is about the request.
        why: NotUnderstood,
        /// What it is recorded under.
        reference: Reference,
    },
    /// Nobody is known; see there.
    #[error(transparent)]
    Unknown(#[from] authenticate::Error),
    /// The caller's, or the operator's who grants.
    #[error("your login is good, but nothing grants it this service")]
    NotGranted {
        /// What it is recorded under.
        reference: Reference,
    },
    /// The operator's; the caller may come back.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The operator's; the caller may come back.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Proves that a caller may do this; made by [`admit`] alone, used up by recording it.
#[derive(Debug)]
#[must_use = "a permit opens nothing until it is recorded"]
pub struct Permit {
    caller: Caller,
    service: ServiceName,
    grant: String,
    meaning: Meaning,
    method: String,
    address: ClientAddress,
    decided_under: Revision,
    decided_at: Timestamp,
}

/// Decides whether whoever asks may do what they ask.
///
/// # Errors
///
/// [`Error`]; refusals are recorded, a bare challenge is not.
pub async fn admit(door: &Door, ask: Ask<'_>, now: Timestamp) -> Result<Permit, Error> {
    let decided = decide(door, ask, now).await;
    if let Err(Error::Store(error) | Error::Unknown(authenticate::Error::Store(error))) = &decided {
        // Nothing was recorded, so it counts into the gap, as a commit that fails does.
        door.recorder.note_failure(now, &error.to_string());
    }
    decided
}

async fn decide(door: &Door, ask: Ask<'_>, now: Timestamp) -> Result<Permit, Error> {
    // What is asked comes first: a request that means nothing is nobody's.
    let meaning = match ask.service.kind.meaning(ask.method, ask.rest) {
        Ok(meaning) => meaning,
        Err(why) => {
            let reference =
                refuse_request(door, ask, ask.rest, None, why.reason(), why.to_string(), now).await?;
            return Err(Error::NotUnderstood { why, reference });
        }
    };
    let mut policy = door.policy.current();
    let (caller, grant) = loop {
        let caller = authenticate::authenticate(door, &policy, &ask.service.name, ask.shown, now).await?;
        if let Some(grant) = policy.grant(&ask.service.name, caller.groups(), caller.mail()) {
            let grant = grant.to_owned();
            break (caller, grant);
        }
        // A yes under an old policy is caught by the writer; a no would not be, so all of it is
        // decided anew, also who asks: a permit is bound to the counter that everything was read under.
        let newest = door.policy.up_to_date()?;
        if newest.revision == policy.revision {
            return Err(refuse(door, ask, &caller, &meaning, now).await);
        }
        policy = newest;
    };
    Ok(Permit {
        grant,
        service: ask.service.name.clone(),
        meaning,
        method: ask.method.to_string(),
        address: ask.shown.address,
        decided_under: policy.revision,
        decided_at: now,
        caller,
    })
}

async fn refuse(door: &Door, ask: Ask<'_>, caller: &Caller, meaning: &Meaning, now: Timestamp) -> Error {
    let groups: Vec<String> = caller.groups().iter().map(ToString::to_string).collect();
    let detail = match groups.as_slice() {
        [] => "the token lists no group".to_owned(),
        groups => format!("no grant for any of {}", groups.join(" ")),
    };
    let who = Some(caller.login().to_string());
    match refuse_request(door, ask, &meaning.what, who, "not-granted", detail, now).await {
        Ok(reference) => Error::NotGranted { reference },
        Err(error) => error.into(),
    }
}

/// Records that a request was refused, and for what.
async fn refuse_request(
    door: &Door,
    ask: Ask<'_>,
    path: &str,
    who: Option<String>,
    reason: &'static str,
    detail: String,
    now: Timestamp,
) -> Result<Reference, CommitError> {
    let refused = Refused {
        what: What::RequestRefused {
            method: ask.method.to_string(),
            path: path.chars().take(RECORDED_PATH).collect(),
            reason,
            detail,
        },
        reason: format!("request: {reason}"),
        service: Some(ask.service.name.clone()),
        who,
        address: ask.shown.address,
    };
    door.record_refusal(refused, now).await
}

/// How much of a refused path is recorded, in characters: strangers choose it.
const RECORDED_PATH: usize = 512;

/// How often it is tried to close what may not be open.
const ATTEMPTS_TO_CLOSE: usize = 5;

/// A login that is used is prolonged, but not written at every request: an hour's grain will do.
const PROLONGED_EVERY: SignedDuration = SignedDuration::from_hours(1);

impl Permit {
    /// What may be done.
    pub fn meaning(&self) -> &Meaning {
        &self.meaning
    }

    fn prolonging(&self) -> Option<Change> {
        let to = later(self.decided_at, LIFETIME).min(self.caller.valid_until());
        let gained = to.duration_since(self.caller.expires_at());
        let worth_it = gained >= PROLONGED_EVERY || (gained.is_positive() && to == self.caller.valid_until());
        worth_it.then(|| {
            Change::ProlongLogin(temporary_login::Prolong { login: self.caller.login().clone(), to })
        })
    }

    fn event(&self, transaction: TransactionId, what: What) -> Happened {
        Happened {
            what,
            outcome: Outcome::Done,
            service: Some(self.service.clone()),
            who: Some(self.caller.login().to_string()),
            transaction: Some(transaction),
            reference: None,
            personal: Personal::at(self.address),
        }
    }

    /// Records that an answer, whole in hand, leaves: one event says that it was admitted and how
    /// it ended. Durable when this returns.
    ///
    /// # Errors
    ///
    /// [`CommitError::Stale`] and [`CommitError::Precondition`]: decide once more. Anything else:
    /// the answer stays here.
    pub async fn release(
        self,
        door: &Door,
        status: u16,
        bytes: u64,
        now: Timestamp,
    ) -> Result<Released, CommitError> {
        let transaction = TransactionId::new(now, &door.random);
        let duration = now.duration_since(self.decided_at);
        let what = What::Released {
            method: self.method.clone(),
            path: self.meaning.what.clone(),
            grant: self.grant.clone(),
            subject: self.caller.subject().to_owned(),
            status,
            bytes,
            duration_us: u64::try_from(duration.as_micros()).unwrap_or(0),
            delivery: Delivery::NotObserved,
        };
        let changes = self.prolonging().into_iter().collect();
        let happened = [self.event(transaction, what)];
        // A crash before the commit: nothing left, nothing recorded. After it: recorded as released,
        // whether or not it still left.
        door.recorder.commit(Some(self.decided_under), changes, &happened, now).await?;
        Ok(Released(()))
    }

    /// Records that what is behind the service did not answer; nothing leaves.
    ///
    /// # Errors
    ///
    /// As [`Permit::release`].
    pub async fn fail(self, door: &Door, status: u16, now: Timestamp) -> Result<TransactionId, CommitError> {
        let transaction = TransactionId::new(now, &door.random);
        let delivery = Delivery::UpstreamFailed;
        let what = What::Ended { status, bytes: 0, duration_us: 0, delivery };
        let happened = [Happened { outcome: delivery.outcome(), ..self.event(transaction, what) }];
        door.recorder.commit(Some(self.decided_under), Vec::new(), &happened, now).await?;
        Ok(transaction)
    }

    /// Records that an answer is going to leave piece by piece. Durable when this returns; from
    /// then on the transaction is open until it is ended.
    ///
    /// # Errors
    ///
    /// As [`Permit::release`].
    pub async fn open(self, door: &Door, now: Timestamp) -> Result<Admitted, CommitError> {
        let transaction = TransactionId::new(now, &door.random);
        let what = What::Admitted {
            method: self.method.clone(),
            path: self.meaning.what.clone(),
            grant: self.grant.clone(),
            subject: self.caller.subject().to_owned(),
        };
        let open = OpenTransaction {
            id: transaction,
            instance: door.recorder.instance().to_string(),
            service: self.service.to_string(),
            who: self.caller.login().to_string(),
        };
        let mut changes = vec![Change::OpenTransaction(instance::Open { transaction: open, at: now })];
        changes.extend(self.prolonging());
        let happened = [self.event(transaction, what)];
        let admitted = Admitted {
            transaction,
            login: self.caller.login().clone(),
            service: self.service.clone(),
            address: self.address,
            ends_at: self.caller.valid_until(),
            decided_under: self.decided_under,
            opened_at: now,
        };
        // A crash after the commit leaves the transaction open; the next start closes it as unknown.
        match door.recorder.commit(Some(self.decided_under), changes, &happened, now).await {
            Ok(()) => Ok(admitted),
            // It may stand there as open; `end` closes it only if it does. Each attempt waits for the
            // store itself; what stays open all the same, the next start closes.
            Err(CommitError::Unknown(reason)) => {
                for _ in 0..ATTEMPTS_TO_CLOSE {
                    let nothing = Ending { status: 503, bytes: 0, delivery: Delivery::Cut };
                    if admitted.end(door, nothing, now).await.is_ok() {
                        break;
                    }
                }
                Err(CommitError::Unavailable(reason))
            }
            Err(error) => Err(error),
        }
    }
}

/// Proves that `released` is on the disk: the answer may leave.
#[derive(Debug)]
#[must_use = "the answer may leave now"]
pub struct Released(());

/// Proves that `admitted` is on the disk: the answer may begin to leave.
#[derive(Debug)]
#[must_use = "an open transaction must be ended"]
pub struct Admitted {
    transaction: TransactionId,
    login: LoginName,
    service: ServiceName,
    address: ClientAddress,
    ends_at: Timestamp,
    decided_under: Revision,
    opened_at: Timestamp,
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy)]
pub struct Ending {
    /// The status that was sent.
    pub status: u16,
    /// How many bytes of the body were handed to the transport.
    pub bytes: u64,
    /// Whether they arrived.
    pub delivery: Delivery,
}

impl Admitted {
    /// The revocation counter that this was last decided under.
    pub fn decided_under(&self) -> Revision {
        self.decided_under
    }

    /// When the caller's token ends, and the answer with it.
    pub fn ends_at(&self) -> Timestamp {
        self.ends_at
    }

    /// Decides again under `policy`, for an answer that is running: `false` cuts it.
    ///
    /// # Errors
    ///
    /// [`store::Error`]: not known now; ask again.
    pub fn is_still_permitted(
        &mut self,
        door: &Door,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<bool, store::Error> {
        let caller = authenticate::look_again(door, policy, &self.login, now)?;
        let still = caller
            .is_some_and(|caller| policy.grant(&self.service, caller.groups(), caller.mail()).is_some());
        self.decided_under = policy.revision;
        Ok(still)
    }

    /// Records how the transaction ended, once: when it is closed already, nothing is written.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: it is still open; try again, or leave it to whoever notices.
    pub async fn end(&self, door: &Door, ending: Ending, now: Timestamp) -> Result<(), CommitError> {
        let what = What::Ended {
            status: ending.status,
            bytes: ending.bytes,
            duration_us: u64::try_from(now.duration_since(self.opened_at).as_micros()).unwrap_or(0),
            delivery: ending.delivery,
        };
        let outcome = ending.delivery.outcome();
        let happened = Happened {
            what,
            outcome,
            service: Some(self.service.clone()),
            who: Some(self.login.to_string()),
            transaction: Some(self.transaction),
            reference: None,
            personal: Personal::at(self.address),
        };
        let close = Change::CloseTransaction(instance::Close(self.transaction));
        match door.recorder.commit(None, vec![close], &[happened], now).await {
            Ok(()) | Err(CommitError::Precondition) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
