//! An answer that runs: decided again while it does, and ended once.

use jiff::Timestamp;

use super::permit::{alarm_event, disclosed, leads_to, microseconds, shortened};
use crate::base::address::ClientAddress;
use crate::base::id::TransactionId;
use crate::base::identity::NodeName;
use crate::base::name::ServiceName;
use crate::flows::caller::Caller;
use crate::flows::door::Door;
use crate::flows::kind::{Alarm, Effect};
use crate::flows::policy::Policy;
use crate::flows::record::{Access, Carried, Delivery, Happened, Inspected, Named, Outcome, Personal, What};
use crate::store::revocation::Revision;
use crate::store::{self, Change, CommitError, fhir_creation, instance};

/// Proves that `admitted` is on the disk: the answer may begin to leave.
#[derive(Debug)]
#[must_use = "an open transaction must be ended"]
pub struct Admitted {
    pub(super) transaction: TransactionId,
    pub(super) caller: Caller,
    pub(super) by: Vec<String>,
    pub(super) service: ServiceName,
    pub(super) address: ClientAddress,
    pub(super) decided_under: Revision,
    pub(super) opened_at: Timestamp,
    pub(super) leads_to: Option<String>,
    pub(super) effect: Effect,
    /// What was asked, by what right: it stands beside whom the answer names.
    pub(super) access: Access,
    /// The same, as it was asked.
    pub(super) target: Option<String>,
}

/// How a transaction ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// The status that was sent.
    pub status: u16,
    /// How many bytes of the body were handed to the transport.
    pub bytes: u64,
    /// How many bytes the caller sent, where they went both ways at once.
    pub bytes_up: Option<u64>,
    /// Whether they arrived.
    pub delivery: Delivery,
    /// What was in it, where it was looked into.
    pub inspected: Option<Inspected>,
    /// What went wrong behind the service, if anything did.
    pub detail: Option<String>,
    /// What was wrong with what came.
    pub alarm: Option<Alarm>,
    /// What the upstream made and no caller was told of.
    pub created: Vec<String>,
}

impl Ending {
    /// Of an answer that never began.
    pub fn nothing_left(status: u16, delivery: Delivery) -> Self {
        Self {
            status,
            bytes: 0,
            bytes_up: None,
            delivery,
            inspected: None,
            detail: None,
            alarm: None,
            created: Vec::new(),
        }
    }
}

impl Admitted {
    /// The transaction's id.
    pub fn transaction(&self) -> TransactionId {
        self.transaction
    }

    /// The same, with an answer that sends its reader to another host.
    pub fn leading_to(self, host: Option<String>) -> Self {
        Self { leads_to: host, ..self }
    }

    /// Whether it reads, or may change something.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// The revocation counter that this was last decided under.
    pub fn decided_under(&self) -> Revision {
        self.decided_under
    }

    /// When what proved the caller ends, and the answer with it; open data have no such end.
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.caller.ends_at()
    }

    /// Whether it has to be decided again and again, though the counter stays.
    pub fn ends_unannounced(&self) -> bool {
        self.caller.ends_unannounced()
    }

    /// Decides again under `policy`, for an answer that is running: `false` cuts it.
    ///
    /// # Errors
    ///
    /// [`store::Error`]: not known now; ask again.
    pub async fn is_still_permitted(
        &mut self,
        door: &Door,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<bool, store::Error> {
        let again = self.caller.look_again(door, policy, now).await?;
        // All grants that it is by must still be there: nobody knows which of them the rest needs.
        let still = again.is_some_and(|caller| {
            let grants = policy.grants(&self.service, &caller.subjects());
            self.by.iter().all(|id| grants.iter().any(|grant| grant.id == *id))
        });
        self.decided_under = policy.revision;
        Ok(still)
    }

    /// Records whom a piece of the answer names, before it leaves. Durable when this returns.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: the piece stays here; try again.
    pub async fn disclose(&self, door: &Door, named: Named, now: Timestamp) -> Result<(), CommitError> {
        // What one batch makes and deletes may be there or not: then it is nobody's.
        let gone = named.gone.iter().map(|resource| self.note_of(resource, None, now));
        let notes = self.notes_of(&named.created, now).chain(gone).collect();
        // It leaves by the decision that is looked at before each piece. A crash here leaves it recorded
        // as named, whether or not it still left.
        let happened = self.naming(&named);
        door.recorder.commit(None, notes, &happened, now).await
    }

    /// Says whom the answer names, each with what was asked.
    fn naming(&self, named: &Named) -> Vec<Happened> {
        let beside = self.event(What::Disclosed { patients: 0, access: self.access.clone() }, Outcome::Done);
        let personal = Personal { target: self.target.clone(), ..beside.personal.clone() };
        disclosed(named, &self.access, &Happened { personal, ..beside })
    }

    /// Notes whose the resources are that were made.
    fn notes_of<'a>(&'a self, created: &'a [String], at: Timestamp) -> impl Iterator<Item = Change> + 'a {
        let node = self.caller.node().map(|node| node.name().clone());
        created.iter().map(move |resource| self.note_of(resource, node.clone(), at))
    }

    fn note_of(&self, resource: &str, node: Option<NodeName>, at: Timestamp) -> Change {
        let (service, resource) = (self.service.clone(), resource.to_owned());
        Change::NoteCreation(fhir_creation::Note { service, resource, node, at })
    }

    fn event(&self, what: What, outcome: Outcome) -> Happened {
        Happened {
            what,
            outcome,
            service: Some(self.service.clone()),
            who: self.caller.who(),
            transaction: Some(self.transaction),
            reference: None,
            personal: Personal::at(self.address),
        }
    }

    /// Records how the transaction ended, once: when it is closed already, nothing is written.
    ///
    /// # Errors
    ///
    /// [`CommitError`]: it is still open; try again, or leave it to whoever notices.
    pub async fn end(&self, door: &Door, ending: Ending, now: Timestamp) -> Result<(), CommitError> {
        let Ending { status, bytes, bytes_up, delivery, inspected, detail, alarm, created } = ending;
        let detail = detail.as_deref().map(shortened).or_else(|| leads_to(self.leads_to.as_deref()));
        let duration_us = microseconds(self.opened_at, now);
        let ended =
            What::Ended(Carried { status, bytes, bytes_up, duration_us, delivery, inspected, detail });
        let ended = self.event(ended, delivery.outcome());
        let alarm = alarm.and_then(|alarm| alarm_event(&alarm, &ended));
        let made = self.naming(&Named { created: created.clone(), ..Named::default() });
        let happened: Vec<Happened> = [ended].into_iter().chain(alarm).chain(made).collect();
        let close = Change::CloseTransaction(instance::Close(self.transaction));
        let changes = [close].into_iter().chain(self.notes_of(&created, now)).collect();
        match door.recorder.commit(None, changes, &happened, now).await {
            Ok(()) | Err(CommitError::Precondition) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
