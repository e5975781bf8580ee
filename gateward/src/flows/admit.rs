//! The decision: may this caller do this? The answer is a permit, and nothing goes on without one.
//!
//! A request's meaning says who may come at all; whoever comes is authenticated, what they ask held
//! against their grants, and the decision bound to the revocation counter it was made under. The permit is then used up by recording it: only what
//! comes out of that ([`Admitted`], [`Released`]) lets an answer leave.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};

use super::authenticate::{self, Caller, Shown};
use super::claim::{self, Claim};
use super::door::{Door, Refused};
use super::exchange::LIFETIME;
use super::kind::{
    Alarm, Allowed, Effect, Entry, Forward, Inspection, Interpreter, Meaning, NotAllowed, NotUnderstood,
    Request,
};
use super::policy::{Granted, Policy};
use super::record::{Access, Carried, Delivery, Happened, Inspected, Outcome, Personal, What};
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
    pub kind: Interpreter,
}

/// What is asked, before it is known who asks.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Of which service.
    pub service: &'a Service,
    /// What.
    pub request: Request<'a>,
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
    #[error("{why}")]
    NotAllowed {
        /// What stands against it.
        why: NotAllowed,
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
    who: Who,
    service: ServiceName,
    meaning: Meaning,
    allowed: Allowed,
    method: String,
    address: ClientAddress,
    decided_under: Revision,
    decided_at: Timestamp,
}

/// Who may do it, as far as it is known.
#[derive(Debug, Clone)]
enum Who {
    /// Anybody: what they asked for is open to all.
    Anybody,
    /// Somebody who answers to the upstream, under a name that they gave.
    Claims(Claim),
    /// Somebody with a login of ours.
    Login(Box<Caller>),
}

impl Who {
    fn caller(&self) -> Option<&Caller> {
        match self {
            Self::Anybody => None,
            Self::Claims(claim) => claim.verified(),
            Self::Login(caller) => Some(caller),
        }
    }
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
    let meaning = match ask.service.kind.meaning(ask.request) {
        Ok(meaning) => meaning,
        Err(why) => {
            let refusal = Refusal { reason: why.reason(), detail: why.to_string(), who: None };
            let reference = refuse(door, ask, ask.request.rest, refusal, now).await?;
            return Err(Error::NotUnderstood { why, reference });
        }
    };
    let mut policy = door.policy.current();
    let (who, allowed) = loop {
        let who = recognise(door, &policy, ask, &meaning, now).await?;
        let why = match meaning.allow(&grants(&policy, &ask.service.name, &who), now) {
            Ok(allowed) => break (who, allowed),
            Err(why) => why,
        };
        // A yes under an old policy is caught by the writer; a no would not be, so all of it is
        // decided anew, also who asks: a permit is bound to the counter that everything was read under.
        let newest = door.policy.up_to_date()?;
        if newest.revision == policy.revision {
            let refusal = Refusal::of(&why, &who);
            let reference = refuse(door, ask, &meaning.what, refusal, now).await?;
            return Err(Error::NotAllowed { why, reference });
        }
        policy = newest;
    };
    Ok(Permit {
        who,
        service: ask.service.name.clone(),
        meaning,
        allowed,
        method: ask.request.method.to_string(),
        address: ask.shown.address,
        decided_under: policy.revision,
        decided_at: now,
    })
}

/// Finds out who asks, as far as the meaning of the request needs it.
async fn recognise(
    door: &Door,
    policy: &Policy,
    ask: Ask<'_>,
    meaning: &Meaning,
    now: Timestamp,
) -> Result<Who, Error> {
    match meaning.entry {
        Entry::Open => Ok(Who::Anybody),
        Entry::Login => {
            let caller = authenticate::authenticate(door, policy, &ask.service.name, ask.shown, now).await?;
            Ok(Who::Login(Box::new(caller)))
        }
        Entry::Upstream => Ok(claim::read(door, policy, ask.shown, now)?.map_or(Who::Anybody, Who::Claims)),
    }
}

fn grants<'a>(policy: &'a Policy, service: &ServiceName, who: &Who) -> Vec<&'a Granted> {
    who.caller().map_or_else(Vec::new, |caller| policy.grants(service, caller.groups(), caller.mail()))
}

/// Why a request is refused, in the words of the record.
struct Refusal {
    reason: &'static str,
    detail: String,
    who: Option<String>,
}

impl Refusal {
    fn of(why: &NotAllowed, who: &Who) -> Self {
        let caller = who.caller();
        let groups = caller.map_or(&[][..], Caller::groups);
        let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
        let groups = match (caller, groups.as_slice()) {
            (None, _) => "nobody logged in".to_owned(),
            (Some(_), []) => "the token lists no group".to_owned(),
            (Some(_), groups) => format!("the token lists {}", groups.join(" ")),
        };
        let reason = match why {
            NotAllowed::NotGranted => "not-granted",
            NotAllowed::Restricted(_) => "restricted",
            NotAllowed::TooMuch(_) => "too-much",
        };
        Self {
            reason,
            detail: format!("{why}; {groups}"),
            who: caller.map(|caller| caller.login().to_string()),
        }
    }
}

/// Records that a request was refused, and for what.
async fn refuse(
    door: &Door,
    ask: Ask<'_>,
    path: &str,
    refusal: Refusal,
    now: Timestamp,
) -> Result<Reference, CommitError> {
    let Refusal { reason, detail, who } = refusal;
    let refused = Refused {
        what: What::RequestRefused {
            method: ask.request.method.to_string(),
            path: path.chars().take(RECORDED_PATH).collect(),
            reason,
            detail: detail.chars().take(RECORDED_PATH).collect(),
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
    /// What may be done, below the service's path.
    pub fn what(&self) -> &str {
        &self.meaning.what
    }

    /// Whether it reads, or may change something.
    pub fn effect(&self) -> Effect {
        self.meaning.effect
    }

    /// What the upstream is asked, and how its answer is looked into.
    pub fn order(&self) -> Order {
        Order {
            forward: self.allowed.forward.clone(),
            inspection: self.allowed.inspection.clone(),
            no_data: self.allowed.no_data,
            upstream_asks: self.meaning.entry == Entry::Upstream,
            login: self.login().cloned(),
            address: self.address,
        }
    }

    /// The login that was proven.
    fn login(&self) -> Option<&LoginName> {
        self.who.caller().map(Caller::login)
    }

    fn prolonging(&self) -> Option<Change> {
        let Who::Login(caller) = &self.who else { return None };
        let to = later(self.decided_at, LIFETIME).min(caller.valid_until());
        let gained = to.duration_since(caller.expires_at());
        let worth_it = gained >= PROLONGED_EVERY || (gained.is_positive() && to == caller.valid_until());
        worth_it.then(|| Change::ProlongLogin(temporary_login::Prolong { login: caller.login().clone(), to }))
    }

    fn access(&self) -> Access {
        let grant = if self.allowed.by.is_empty() { "open".into() } else { self.allowed.by.join(" ") };
        let claimed = match &self.who {
            Who::Claims(claim) => claim.unverified().map(str::to_owned),
            Who::Anybody | Who::Login(_) => None,
        };
        Access {
            method: self.method.clone(),
            path: self.meaning.what.clone(),
            grant,
            subject: self.who.caller().map(|caller| caller.subject().to_owned()),
            claimed,
            asked: self.allowed.asked.clone(),
        }
    }

    fn event(&self, transaction: TransactionId, what: What) -> Happened {
        Happened {
            what,
            outcome: Outcome::Done,
            service: Some(self.service.clone()),
            who: self.login().map(ToString::to_string),
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
        inspected: Option<Inspected>,
        now: Timestamp,
    ) -> Result<Released, CommitError> {
        let transaction = TransactionId::new(now, &door.random);
        let delivery = Delivery::NotObserved;
        let duration_us = microseconds(self.decided_at, now);
        let carried = Carried { status, bytes, duration_us, delivery, inspected };
        let changes = self.prolonging().into_iter().collect();
        let happened = [self.event(transaction, What::Released { access: self.access(), carried })];
        // A crash before the commit: nothing left, nothing recorded. After it: recorded as released,
        // whether or not it still left.
        door.recorder.commit(Some(self.decided_under), changes, &happened, now).await?;
        Ok(Released(()))
    }

    /// Records that what is behind the service refused or failed, and whether it did worse: what
    /// leaves is an error with this status.
    ///
    /// # Errors
    ///
    /// As [`Permit::release`].
    pub async fn fail(
        self,
        door: &Door,
        status: u16,
        alarm: Option<&Alarm>,
        now: Timestamp,
    ) -> Result<TransactionId, CommitError> {
        let transaction = TransactionId::new(now, &door.random);
        let the_callers = (400..500).contains(&status);
        let delivery = if the_callers { Delivery::NotObserved } else { Delivery::UpstreamFailed };
        let duration_us = microseconds(self.decided_at, now);
        let carried = Carried { status, bytes: 0, duration_us, delivery, inspected: None };
        let what = What::Released { access: self.access(), carried };
        let mut happened = vec![Happened { outcome: delivery.outcome(), ..self.event(transaction, what) }];
        happened.extend(alarm.and_then(|alarm| alarm_event(alarm, &happened[0])));
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
        let open = OpenTransaction {
            id: transaction,
            instance: door.recorder.instance().to_string(),
            service: self.service.to_string(),
            who: self.login().map_or_else(String::new, ToString::to_string),
        };
        let mut changes = vec![Change::OpenTransaction(instance::Open { transaction: open, at: now })];
        changes.extend(self.prolonging());
        let happened = [self.event(transaction, What::Admitted(self.access()))];
        let admitted = Admitted {
            transaction,
            caller: self.who.caller().map(|caller| (caller.login().clone(), caller.valid_until())),
            by: self.allowed.by.clone(),
            service: self.service.clone(),
            address: self.address,
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
                    if admitted.end(door, Ending::nothing_left(503, Delivery::Cut), now).await.is_ok() {
                        break;
                    }
                }
                Err(CommitError::Unavailable(reason))
            }
            Err(error) => Err(error),
        }
    }
}

fn microseconds(since: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.duration_since(since).as_micros()).unwrap_or(0)
}

/// Says, beside how a transaction ended, that its upstream sent what nobody asked it for.
fn alarm_event(alarm: &Alarm, ended: &Happened) -> Option<Happened> {
    let Alarm::Overstepped { .. } = alarm else { return None };
    let what = What::UpstreamOverstepped { detail: alarm.to_string() };
    Some(Happened { what, outcome: Outcome::Failed, ..ended.clone() })
}

/// What an upstream is asked under a permit; made by [`Permit::order`] alone.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Order {
    /// The request.
    pub forward: Forward,
    /// How the answer is looked into.
    pub inspection: Inspection,
    /// The status that says that there are no data.
    pub no_data: StatusCode,
    /// The upstream asks callers itself who they are.
    pub upstream_asks: bool,
    /// The login that was proven, to be told to an upstream that believes us.
    pub login: Option<LoginName>,
    /// From where the request came.
    pub address: ClientAddress,
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
    /// The login and the end of its token, where there is one.
    caller: Option<(LoginName, Timestamp)>,
    by: Vec<String>,
    service: ServiceName,
    address: ClientAddress,
    decided_under: Revision,
    opened_at: Timestamp,
}

/// How a transaction ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// The status that was sent.
    pub status: u16,
    /// How many bytes of the body were handed to the transport.
    pub bytes: u64,
    /// Whether they arrived.
    pub delivery: Delivery,
    /// What was in it, where it was looked into.
    pub inspected: Option<Inspected>,
    /// What was wrong with it.
    pub alarm: Option<Alarm>,
}

impl Ending {
    /// Of an answer that never began.
    pub fn nothing_left(status: u16, delivery: Delivery) -> Self {
        Self { status, bytes: 0, delivery, inspected: None, alarm: None }
    }
}

impl Admitted {
    /// The transaction's id.
    pub fn transaction(&self) -> TransactionId {
        self.transaction
    }

    /// The revocation counter that this was last decided under.
    pub fn decided_under(&self) -> Revision {
        self.decided_under
    }

    /// When the caller's token ends, and the answer with it; open data have no such end.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.caller.as_ref().map(|(_, valid_until)| *valid_until)
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
        let still = match &self.caller {
            None => true,
            Some((login, _)) => {
                let caller = authenticate::look_again(door, policy, login, now)?;
                // All grants that it is by must still be there: nobody knows which of them the rest needs.
                caller.is_some_and(|caller| {
                    let grants = policy.grants(&self.service, caller.groups(), caller.mail());
                    self.by.iter().all(|id| grants.iter().any(|grant| grant.id == *id))
                })
            }
        };
        self.decided_under = policy.revision;
        Ok(still)
    }

    /// Records how the transaction ended, once: when it is closed already, nothing is written.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: it is still open; try again, or leave it to whoever notices.
    pub async fn end(&self, door: &Door, ending: Ending, now: Timestamp) -> Result<(), CommitError> {
        let Ending { status, bytes, delivery, inspected, alarm } = ending;
        let duration_us = microseconds(self.opened_at, now);
        let ended = Happened {
            what: What::Ended(Carried { status, bytes, duration_us, delivery, inspected }),
            outcome: delivery.outcome(),
            service: Some(self.service.clone()),
            who: self.caller.as_ref().map(|(login, _)| login.to_string()),
            transaction: Some(self.transaction),
            reference: None,
            personal: Personal::at(self.address),
        };
        let alarm = alarm.and_then(|alarm| alarm_event(&alarm, &ended));
        let happened: Vec<Happened> = [ended].into_iter().chain(alarm).collect();
        let close = Change::CloseTransaction(instance::Close(self.transaction));
        match door.recorder.commit(None, vec![close], &happened, now).await {
            Ok(()) | Err(CommitError::Precondition) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
