//! The decision: may this caller do this? The answer is a permit, and nothing goes on without one.
//!
//! A request's meaning says who may come at all; whoever comes is authenticated, what they ask held
//! against their grants, and the decision bound to the revocation counter it was made under. The permit is then used up by recording it: only what
//! comes out of that ([`Admitted`], [`Released`]) lets an answer leave.

mod doubtful;
mod permit;
mod running;
mod verified;

use jiff::Timestamp;

pub use self::doubtful::{Doubtful, end_doubtful};
pub use self::permit::{Failure, Held, KeyShown, Order, Permit, Released};
pub use self::running::{Admitted, Ending};
pub use self::verified::Verified;
use super::authenticate::key::{self, Keyed};
use super::authenticate::{self, Challenge, Shown};
use super::caller::{Caller, Person};
use super::claim::{self, Claim};
use super::door::{Door, Refused};
use super::kind::{Entry, Interpreter, Meaning, NotAllowed, NotUnderstood, Owned, Request};
use super::nodes::{self, KnownNode, NotANode};
use super::openhim::{self, PassedOn};
use super::policy::{Granted, Policy};
use super::record::{About, What};
use crate::base::address::Whence;
use crate::base::id::{Reference, TransactionId};
use crate::base::maintenance::Maintenance;
use crate::base::name::{ServiceName, UrlPath};
use crate::store::{self, CommitError, fhir_creation};

/// A service as decisions see it.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name in grants and events.
    pub name: ServiceName,
    /// Where it stands.
    pub path: UrlPath,
    /// What knows its requests.
    pub kind: Interpreter,
    /// Who must be known, whatever is asked.
    pub require: Require,
    /// How people are asked who they are.
    pub challenge: Challenge,
    /// From where callers may come.
    pub from: Whence,
    /// It is being worked on.
    pub maintenance: Option<Maintenance>,
}

/// Who must be known before anything of a service is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Require {
    /// A registered machine.
    pub node: bool,
    /// A person.
    pub person: bool,
    /// One of the two is enough.
    pub either: bool,
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
    /// The caller's, who comes back later: the service is being worked on.
    #[error("this service is being worked on")]
    Maintenance {
        /// For how long at least.
        seconds: u64,
        /// What it is recorded under.
        reference: Reference,
    },
    /// The operator's, who says from where callers may come.
    #[error("nobody may come to this service from there")]
    NotFromThere(Reference),
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
    /// The caller's, who has no certificate, or the operator's, who has not registered it.
    #[error("{why}")]
    NotANode {
        /// Why.
        why: NotANode,
        /// What it is recorded under.
        reference: Reference,
    },
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

/// Decides what the head of a request decides alone, so that nobody's body is held who cannot come in:
/// [`admit`] decides the same, once the body is there.
///
/// # Errors
///
/// [`Error`], recorded as there.
pub async fn knock(door: &Door, ask: Ask<'_>, now: Timestamp) -> Result<(), Error> {
    is_open(door, ask, now).await?;
    says_who(ask)?;
    let Require { node, either, .. } = ask.service.require;
    if node && !either {
        let policy = door.policy.current();
        let found = policy.nodes.find(ask.shown.certificate, &door.trust.current(), now);
        if let Err(why) = found {
            let path = ask.service.kind.recordable(ask.request.rest);
            return Err(no_node(door, ask, &path, why, now).await?);
        }
    }
    Ok(())
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
    is_open(door, ask, now).await?;
    says_who(ask)?;
    // What is asked comes first otherwise: a request that means nothing is nobody's.
    let meaning = match understand(ask) {
        Ok(meaning) => meaning,
        Err(why) => {
            let refusal = Refusal { reason: why.reason(), detail: why.to_string(), who: None };
            let path = ask.service.kind.recordable(ask.request.rest);
            let reference = refuse(door, ask, (&path, &About::default()), refusal, now).await?;
            return Err(Error::NotUnderstood { why, reference });
        }
    };
    let trust = door.trust.current().generation();
    let mut policy = door.policy.current();
    let (caller, allowed) = loop {
        let caller = recognise(door, &policy, ask, &meaning, now).await?;
        let grants = policy.grants(&ask.service.name, &caller.subjects());
        let owned = owned(door, ask.service, &caller, &meaning, &grants).await?;
        // A token that is for less proves nobody for more, also where the machine would have the grant.
        let is_for = caller.is_for(&ask.service.name, meaning.effect);
        let allowed =
            if is_for { meaning.allow(&grants, &owned, now) } else { Err(NotAllowed::TokenNotForThis) };
        let why = match allowed {
            Ok(allowed) => break (caller, allowed),
            Err(why) => why,
        };
        // A yes under an old policy is caught by the writer; a no would not be, so all of it is
        // decided anew, also who asks: a permit is bound to the counter that everything was read under.
        let newest = door.policy.up_to_date().await?;
        if newest.revision == policy.revision {
            let refusal = Refusal::of(&why, &caller);
            let reference = refuse(door, ask, (&meaning.what, &meaning.about_all()), refusal, now).await?;
            return Err(Error::NotAllowed { why, reference });
        }
        policy = newest;
    };
    let require = ask.service.require;
    Ok(Permit {
        caller,
        nodes_alone: require.node && !require.person,
        service: ask.service.name.clone(),
        challenge: ask.service.challenge,
        meaning,
        allowed,
        method: ask.request.method.to_string(),
        address: ask.shown.address,
        transaction: TransactionId::new(now, &door.random),
        decided_under: policy.revision,
        trust,
        decided_at: now,
        leads_to: None,
    })
}

/// Finds out which of the instances that are meant the caller's node created, where that decides.
async fn owned(
    door: &Door,
    service: &Service,
    caller: &Caller,
    meaning: &Meaning,
    grants: &[&Granted],
) -> Result<Owned, store::Error> {
    let Some(node) = caller.node().filter(|_| grants.iter().any(|grant| grant.extent.own)) else {
        return Ok(Owned::default());
    };
    let instances = meaning.instances();
    let created =
        fhir_creation::created_by(&door.store.reader, &service.name, node.name(), &instances).await?;
    Ok(Owned::new(created))
}

/// Whether a request shows nothing of a person.
fn shows_nothing(shown: Shown<'_>) -> bool {
    shown.authorization.is_none() && shown.session.is_none()
}

/// Understands what is asked; a large body on a thread that no other request waits for.
fn understand(ask: Ask<'_>) -> Result<Meaning, NotUnderstood> {
    let understand = || ask.service.kind.meaning(ask.request);
    if ask.request.body.len() < LARGE { understand() } else { tokio::task::block_in_place(understand) }
}

/// Records that somebody is no node, who must be one, and says so.
async fn no_node(
    door: &Door,
    ask: Ask<'_>,
    path: &str,
    why: NotANode,
    now: Timestamp,
) -> Result<Error, CommitError> {
    let request = format!("{} {path}", ask.request.method).chars().take(RECORDED_PATH).collect();
    let (shown, at) = ((&why, ask.shown.certificate), (ask.shown.address, now));
    let reference = nodes::record_no_node(door, &ask.service.name, shown, request, at).await?;
    Ok(Error::NotANode { why, reference })
}

/// Finds out who asks, as far as the service and the meaning of the request need it.
async fn recognise(
    door: &Door,
    policy: &Policy,
    ask: Ask<'_>,
    meaning: &Meaning,
    now: Timestamp,
) -> Result<Caller, Error> {
    let Ask { service, shown, .. } = ask;
    let node = policy.nodes.find(shown.certificate, &door.trust.current(), now);
    let passed_on = passed_on(door, ask, meaning, node.as_ref().ok(), now).await?;
    let caller = Caller::nobody().with_node(node.as_ref().ok().cloned()).with_openhim(passed_on);
    // The machine comes first: whoever has none of ours cannot even guess at passwords.
    let (node_needed, person_needed) = needed(meaning.entry, ask, node.is_ok());
    if let (true, Err(why)) = (node_needed, node) {
        return Err(no_node(door, ask, &meaning.what, why, now).await?);
    }
    if person_needed {
        let person = authenticate::authenticate(door, policy, &service.name, shown, now).await?;
        return Ok(caller.with_person(person));
    }
    Ok(match meaning.entry {
        Entry::Open | Entry::Required | Entry::Person => caller,
        Entry::Keyed(existing) => {
            match key::read(door, &service.name, shown, ask.request.fields, existing, now).await? {
                Keyed::Nobody => caller,
                Keyed::Holder(holder) => caller.with_person(Person::AccessToken(holder)),
                Keyed::Others(key) => caller.with_existing_key(key),
            }
        }
        Entry::Upstream => match claim::read(door, policy, shown, now).await? {
            None => caller,
            Some(Claim::Verified(login)) => caller.with_person(Person::Login(login)),
            Some(Claim::Unverified(name)) => caller.with_claim(name),
        },
    })
}

/// Says whether the service and the entry of a request need a node, and whether they need a person.
fn needed(entry: Entry, ask: Ask<'_>, is_node: bool) -> (bool, bool) {
    let require = ask.service.require;
    match entry {
        // One of the two is enough; but whoever shows who they are is held to it, machine or not.
        Entry::Required if require.either => (false, !is_node || !shows_nothing(ask.shown)),
        Entry::Required => (require.node, require.person),
        Entry::Person => (require.node && !require.either, true),
        Entry::Open | Entry::Upstream | Entry::Keyed(_) => (require.node && !require.either, false),
    }
}

/// Believes what an OpenHIM says of its client, where the node is one.
async fn passed_on(
    door: &Door,
    ask: Ask<'_>,
    meaning: &Meaning,
    node: Option<&KnownNode>,
    now: Timestamp,
) -> Result<Option<PassedOn>, Error> {
    let Some(node) = node else { return Ok(None) };
    let wrong = match openhim::believe(ask.shown.openhim, node) {
        Ok(passed_on) => return Ok(passed_on),
        Err(wrong) => wrong,
    };
    let why = NotUnderstood::Request(format!("X-OpenHIM-ClientID and X-OpenHIM-TransactionID: {wrong}"));
    let refusal = Refusal { reason: why.reason(), detail: why.to_string(), who: None };
    let reference = refuse(door, ask, (&meaning.what, &meaning.about_all()), refusal, now).await?;
    Err(Error::NotUnderstood { why, reference })
}

/// Whether whoever has to say first who they are says anything about it.
fn says_who(ask: Ask<'_>) -> Result<(), authenticate::Error> {
    if shows_nothing(ask.shown) && ask.service.kind.challenges_first(ask.request.rest) {
        return Err(authenticate::Error::Challenged { stale: false });
    }
    Ok(())
}

/// Whether the service is open at all, and to where the caller is: before anything of them is looked at.
async fn is_open(door: &Door, ask: Ask<'_>, now: Timestamp) -> Result<(), Error> {
    let refused = |reason, detail: &str| Refusal { reason, detail: detail.to_owned(), who: None };
    let path = || ask.service.kind.recordable(ask.request.rest);
    if let Some(seconds) = ask.service.maintenance.and_then(|maintenance| maintenance.seconds_left(now)) {
        let refusal = refused("maintenance", "the service is being worked on");
        let reference = refuse(door, ask, (&path(), &About::default()), refusal, now).await?;
        return Err(Error::Maintenance { seconds, reference });
    }
    if !ask.service.from.allows(ask.shown.address) {
        let refusal = refused("from", "nobody may come from there");
        let reference = refuse(door, ask, (&path(), &About::default()), refusal, now).await?;
        return Err(Error::NotFromThere(reference));
    }
    Ok(())
}

/// Why a request is refused, in the words of the record.
struct Refusal {
    reason: &'static str,
    detail: String,
    who: Option<String>,
}

impl Refusal {
    fn of(why: &NotAllowed, caller: &Caller) -> Self {
        let reason = match why {
            NotAllowed::NotGranted => "not-granted",
            NotAllowed::TokenNotForThis => "token-not-for-this",
            NotAllowed::Restricted(_) => "restricted",
            NotAllowed::TooMuch(_) => "too-much",
        };
        Self { reason, detail: format!("{why}; {}", caller.shows()), who: caller.who() }
    }
}

/// Records that a request was refused, and for what.
async fn refuse(
    door: &Door,
    ask: Ask<'_>,
    (path, about): (&str, &About),
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
        certificate: None,
        address: ask.shown.address,
    };
    door.record_refusal_about(refused, about, now).await
}

/// From how many bytes on a body takes long to understand.
const LARGE: usize = 256 * 1024;

/// How much of a refused path is recorded, in characters: strangers choose it.
const RECORDED_PATH: usize = 512;
