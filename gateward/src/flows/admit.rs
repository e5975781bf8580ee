//! The decision: may this caller do this? The answer is a permit, and nothing goes on without one.
//!
//! A request's meaning says who may come at all; whoever comes is authenticated, what they ask held
//! against their grants, and the decision bound to the revocation counter it was made under. The permit is then used up by recording it: only what
//! comes out of that ([`Admitted`], [`Released`]) lets an answer leave.

mod doubtful;
mod permit;
mod running;

use jiff::Timestamp;

pub use self::doubtful::{Doubtful, end_doubtful};
pub use self::permit::{Failure, Order, Permit, Released};
pub use self::running::{Admitted, Ending};
use super::authenticate::{self, Caller, Shown};
use super::claim::{self, Claim};
use super::door::{Door, Refused};
use super::kind::{Entry, Interpreter, Meaning, NotAllowed, NotUnderstood, Request};
use super::policy::{Granted, Policy};
use super::record::What;
use crate::base::id::Reference;
use crate::base::name::{ServiceName, UrlPath};
use crate::store::{self, CommitError};

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
    if ask.shown.authorization.is_none() && ask.service.kind.challenges_first(ask.request.rest) {
        return Err(authenticate::Error::Challenged { stale: false }.into());
    }
    // What is asked comes first otherwise: a request that means nothing is nobody's.
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
        let newest = door.policy.up_to_date().await?;
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
        Entry::Upstream => {
            Ok(claim::read(door, policy, ask.shown, now).await?.map_or(Who::Anybody, Who::Claims))
        }
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
