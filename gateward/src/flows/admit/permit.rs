//! The permit: what a caller may do, until it is recorded that they do.
//!
//! Recording uses it up: [`Permit::release`] for an answer that is whole in hand, [`Permit::open`] for
//! one that runs, [`Permit::fail`] for none. Only what these return lets something leave.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};

use super::running::Admitted;
use crate::base::address::ClientAddress;
use crate::base::id::TransactionId;
use crate::base::name::ServiceName;
use crate::base::secret::Secret;
use crate::base::time::later;
use crate::flows::authenticate::{Challenge, Login};
use crate::flows::caller::{Caller, Person};
use crate::flows::door::Door;
use crate::flows::exchange::LIFETIME;
use crate::flows::kind::{Alarm, Allowed, Effect, Entry, Forward, Inspection, Meaning};
use crate::flows::openhim::PassedOn;
use crate::flows::record::{Access, Carried, Delivery, Happened, Inspected, Named, Outcome, Personal, What};
use crate::store::instance::{self, OpenTransaction};
use crate::store::revocation::Revision;
use crate::store::{Change, CommitError, existing_key, temporary_login};

/// Proves that a caller may do this; made by [`admit`](super::admit) alone, used up by recording it.
#[derive(Debug)]
#[must_use = "a permit opens nothing until it is recorded"]
pub struct Permit {
    pub(super) caller: Caller,
    /// The service is for machines, and people do not come.
    pub(super) nodes_alone: bool,
    pub(super) service: ServiceName,
    pub(super) challenge: Challenge,
    pub(super) meaning: Meaning,
    pub(super) allowed: Allowed,
    pub(super) method: String,
    pub(super) address: ClientAddress,
    pub(super) transaction: TransactionId,
    pub(super) decided_under: Revision,
    /// The generation of trust in machines, when the decision began.
    pub(super) trust: u64,
    pub(super) decided_at: Timestamp,
    pub(super) leads_to: Option<String>,
}

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
            effect: self.meaning.effect,
            inspection: self.allowed.inspection.clone(),
            no_data: self.allowed.no_data,
            upstream_asks: self.meaning.entry == Entry::Upstream || self.challenge == Challenge::Page,
            key: self.key_shown(),
            told: self.caller.told(self.nodes_alone),
            passed_on: self.caller.passed_on().cloned(),
            address: self.address,
            transaction: self.transaction,
        }
    }

    /// Notes that the answer sends its reader to another host: what happens there nobody here sees.
    pub fn leading_to(self, host: Option<String>) -> Self {
        Self { leads_to: host, ..self }
    }

    pub(super) fn key_shown(&self) -> KeyShown {
        match (self.meaning.entry, self.caller.person()) {
            (Entry::Keyed(_), Some(Person::AccessToken(holder))) => KeyShown::Ours(holder.ckan_key().clone()),
            (Entry::Keyed(_), _) => KeyShown::AsItCame,
            _ => KeyShown::None,
        }
    }

    /// What is noted of whoever asks, with the record of it.
    pub(super) fn noted(&self) -> Option<Change> {
        match self.caller.person() {
            Some(Person::Login(login)) => self.prolonging(login),
            Some(Person::AccessToken(holder)) => holder.use_to_note(),
            Some(Person::User(user)) => user.use_to_note(self.decided_at),
            Some(Person::IdToken(_)) => None,
            None => self.caller.existing_key().filter(|key| key.is_to_note).map(|key| {
                Change::SeeExistingKey(existing_key::See {
                    pseudonym: key.pseudonym.clone(),
                    service: self.service.clone(),
                    at: self.decided_at,
                    address: self.address.to_string(),
                })
            }),
        }
    }

    fn prolonging(&self, login: &Login) -> Option<Change> {
        let to = later(self.decided_at, LIFETIME).min(login.valid_until());
        let gained = to.duration_since(login.expires_at());
        let worth_it = gained >= PROLONGED_EVERY || (gained.is_positive() && to == login.valid_until());
        worth_it.then(|| Change::ProlongLogin(temporary_login::Prolong { login: login.login().clone(), to }))
    }

    pub(super) fn access(&self) -> Access {
        Access {
            method: self.method.clone(),
            path: self.meaning.what.clone(),
            grant: by_words(&self.allowed.by),
            subject: self.caller.person().and_then(Person::subject).map(str::to_owned),
            node: self.caller.node().map(|node| node.name().clone()),
            by: self.caller.person().map(Person::by),
            openhim_client: self.caller.passed_on().and_then(PassedOn::client).cloned(),
            openhim_transaction: self.caller.passed_on().and_then(PassedOn::transaction).cloned(),
            asked: self.allowed.asked.clone(),
        }
    }

    pub(super) fn event(&self, transaction: TransactionId, what: What) -> Happened {
        let claimed = self.caller.claimed().map(str::to_owned);
        let user = self.caller.person().and_then(Person::called);
        Happened {
            what,
            outcome: Outcome::Done,
            service: Some(self.service.clone()),
            who: self.caller.who(),
            transaction: Some(transaction),
            reference: None,
            personal: Personal { user, claimed, ..Personal::at(self.address) }.naming(&self.meaning.about),
        }
    }

    /// Looks whether the caller is still who was decided about: an upstream may have kept us waiting, and neither
    /// the end of a certificate, token or session nor a new list of revoked certificates moves the counter
    /// that the writer looks at.
    ///
    /// # Errors
    ///
    /// [`CommitError::Precondition`]: decide once more.
    fn still_stands(&self, door: &Door, now: Timestamp) -> Result<(), CommitError> {
        let has_ended = self.caller.ends_at().is_some_and(|end| self.decided_at < end && end <= now);
        let is_judged_anew = self.caller.node().is_some() && door.trust.current().generation() != self.trust;
        if has_ended || is_judged_anew { Err(CommitError::Precondition) } else { Ok(()) }
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
        held: Held,
        now: Timestamp,
    ) -> Result<Released, CommitError> {
        self.still_stands(door, now)?;
        let Held { bytes, inspected, named } = held;
        let transaction = self.transaction;
        let delivery = Delivery::NotObserved;
        let duration_us = microseconds(self.decided_at, now);
        let detail = leads_to(self.leads_to.as_deref());
        let carried = Carried { status, bytes, bytes_up: None, duration_us, delivery, inspected, detail };
        let changes = self.noted().into_iter().collect();
        let released = self.event(transaction, What::Released { access: self.access(), carried });
        let happened: Vec<Happened> =
            [released.clone()].into_iter().chain(disclosed(&named, &self.access(), &released)).collect();
        // A crash before the commit: nothing left, nothing recorded. After it: recorded as released,
        // whether or not it still left.
        door.recorder.commit(Some(self.decided_under), changes, &happened, now).await?;
        Ok(Released(()))
    }

    /// Records that what is behind the service refused or failed, and how: what leaves is an error.
    ///
    /// # Errors
    ///
    /// As [`Permit::release`].
    pub async fn fail(
        self,
        door: &Door,
        failure: Failure,
        now: Timestamp,
    ) -> Result<TransactionId, CommitError> {
        self.still_stands(door, now)?;
        let Failure { status, detail, inspected, alarm } = failure;
        let transaction = self.transaction;
        let the_callers = (400..500).contains(&status);
        let delivery = if the_callers { Delivery::NotObserved } else { Delivery::UpstreamFailed };
        let duration_us = microseconds(self.decided_at, now);
        let detail = Some(shortened(&detail));
        let carried = Carried { status, bytes: 0, bytes_up: None, duration_us, delivery, inspected, detail };
        let what = What::Released { access: self.access(), carried };
        let mut happened = vec![Happened { outcome: delivery.outcome(), ..self.event(transaction, what) }];
        happened.extend(alarm.and_then(|alarm| alarm_event(&alarm, &happened[0])));
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
        self.still_stands(door, now)?;
        let transaction = self.transaction;
        let open = OpenTransaction {
            id: transaction,
            instance: door.recorder.instance().to_string(),
            service: self.service.to_string(),
            who: self.caller.who().unwrap_or_default(),
        };
        let mut changes = vec![Change::OpenTransaction(instance::Open { transaction: open, at: now })];
        changes.extend(self.noted());
        let admitted = self.event(transaction, What::Admitted(self.access()));
        let entries = self.allowed.parts.iter().map(|part| Happened {
            what: What::EntryAdmitted {
                entry: part.entry,
                access: Access {
                    method: part.method.clone(),
                    path: part.path.clone(),
                    grant: by_words(&part.by),
                    asked: Some(part.asked.clone()),
                    ..self.access()
                },
            },
            personal: Personal::at(self.address).naming(&part.about),
            ..admitted.clone()
        });
        let happened: Vec<Happened> = [admitted.clone()].into_iter().chain(entries).collect();
        let admitted = Admitted {
            transaction,
            caller: self.caller.clone(),
            by: self.allowed.by.clone(),
            service: self.service.clone(),
            address: self.address,
            decided_under: self.decided_under,
            opened_at: now,
            leads_to: self.leads_to.clone(),
            effect: self.meaning.effect,
            access: self.access(),
            target: self.meaning.about.target.clone(),
        };
        // A crash after the commit leaves the transaction open; the next start closes it as unknown.
        match door.recorder.commit(Some(self.decided_under), changes, &happened, now).await {
            Ok(()) => Ok(admitted),
            // It may stand there as open, and nobody is going to carry it.
            Err(CommitError::Unknown(reason)) => {
                door.doubtful.note(admitted);
                Err(CommitError::Unavailable(reason))
            }
            Err(error) => Err(error),
        }
    }
}

/// The ids of grants, as they stand in an event.
fn by_words(by: &[String]) -> String {
    if by.is_empty() { "open".into() } else { by.join(" ") }
}

/// An answer that is whole in hand.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// How many bytes its content has.
    pub bytes: u64,
    /// What was found in it, where it was looked into.
    pub inspected: Option<Inspected>,
    /// Whom it names, its head too.
    pub named: Named,
}

/// How many patients one event names: it stays readable, and a page of it small.
const PATIENTS: usize = 200;

/// Says, beside what is recorded of an answer, whom it names.
pub(super) fn disclosed(named: &Named, access: &Access, beside: &Happened) -> Vec<Happened> {
    let personal = || Personal {
        address: beside.personal.address.clone(),
        target: beside.personal.target.clone(),
        ..Personal::default()
    };
    let mut events: Vec<Happened> = named
        .patients
        .chunks(PATIENTS)
        .map(|patients| Happened {
            what: What::Disclosed { patients: patients.len() as u64, access: access.clone() },
            personal: Personal { patients: patients.to_vec(), ..personal() },
            outcome: Outcome::Done,
            ..beside.clone()
        })
        .collect();
    for created in named.created.chunks(PATIENTS) {
        let kind = |resource: &String| resource.split('/').next().unwrap_or_default().to_owned();
        events.push(Happened {
            what: What::ResourcesCreated { resources: created.iter().map(kind).collect() },
            personal: Personal { created: created.to_vec(), ..personal() },
            outcome: Outcome::Done,
            ..beside.clone()
        });
    }
    events
}

/// Where an answer leads, in words for the record.
pub(super) fn leads_to(host: Option<&str>) -> Option<String> {
    host.map(|host| shortened(&format!("it leads to {host}: what is fetched there is not seen here")))
}

pub(super) fn microseconds(since: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.duration_since(since).as_micros()).unwrap_or(0)
}

/// Says, beside how a transaction ended, that its upstream sent what nobody asked it for.
pub(super) fn alarm_event(alarm: &Alarm, ended: &Happened) -> Option<Happened> {
    let Alarm::Overstepped { .. } = alarm else { return None };
    let what = What::UpstreamOverstepped { detail: alarm.to_string() };
    Some(Happened { what, outcome: Outcome::Failed, ..ended.clone() })
}

/// Why there is no answer to give, for the record.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The status that the caller gets.
    pub status: u16,
    /// What went wrong.
    pub detail: String,
    /// What was in an answer of which nothing is left.
    pub inspected: Option<Inspected>,
    /// What was wrong with what came.
    pub alarm: Option<Alarm>,
}

/// How much of a failure's detail is recorded, in characters: an upstream chooses it.
const RECORDED_DETAIL: usize = 512;

pub(super) fn shortened(detail: &str) -> String {
    detail.chars().take(RECORDED_DETAIL).collect()
}

/// Which key an upstream is shown that goes by keys.
#[derive(Debug, Clone)]
pub enum KeyShown {
    /// None: it does not go by keys.
    None,
    /// Those that came, if any.
    AsItCame,
    /// This one, whatever came.
    Ours(Secret),
}

/// What an upstream is asked under a permit; made by [`Permit::order`] alone.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Order {
    /// The request.
    pub forward: Forward,
    /// Whether it reads, or may change something.
    pub effect: Effect,
    /// How the answer is looked into.
    pub inspection: Inspection,
    /// The status that says that there are no data.
    pub no_data: StatusCode,
    /// The upstream asks callers itself who they are.
    pub upstream_asks: bool,
    /// Which key it is shown.
    pub key: KeyShown,
    /// Who was proven, to be told to an upstream that believes us.
    pub told: Option<String>,
    /// What an OpenHIM said of the request, where one passed it on.
    pub passed_on: Option<PassedOn>,
    /// From where the request came.
    pub address: ClientAddress,
    /// What it is recorded under.
    pub transaction: TransactionId,
}

/// Proves that `released` is on the disk: the answer may leave.
#[derive(Debug)]
#[must_use = "the answer may leave now"]
pub struct Released(());
