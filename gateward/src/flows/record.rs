//! The only door to the event store: how what happened is written down.
//!
//! A commit that fails opens a *gap*, which is recorded as soon as anything can be recorded again.

mod backup;
mod request;
mod seal;
mod syslog;
mod words;

use std::sync::{Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

pub use self::backup::{BackupWhat, Earlier, MadeBackup};
pub use self::request::{
    About, Access, Asked, Carried, Inspected, Interaction, Lines, Named, NamedPatients, PartAdmitted,
    RecordsSeen,
};
pub use self::seal::{NotASeal, Seal};
pub use self::syslog::{Form, SyslogWhat, Transport};
pub use self::words::{
    Delivery, Exchanged, Gone, Granted, Happened, KeyEnd, LogReading, MadeAccessToken, NodeChanged, Outcome,
    Personal, What,
};
use crate::base::id::{EventId, InstanceId};
use crate::base::random::Random;
use crate::base::time::stored;
use crate::store::event::{self, NewEvent, SearchColumns};
use crate::store::revocation::Revision;
use crate::store::{Change, CommitError, Failed, Proposal, Reader, Writer};

/// A stretch of time in which something could not be recorded, and was therefore not done.
#[derive(Debug, Clone)]
struct Gap {
    refused: u64,
    since: Timestamp,
    until: Timestamp,
    reason: String,
}

/// Writes events, each with its changes, in one commit.
#[derive(Debug)]
pub struct Recorder {
    writer: Writer,
    random: Random,
    instance: InstanceId,
    seal: Option<Seal>,
    gap: Mutex<Option<Gap>>,
    shut: OnceLock<String>,
}

impl Recorder {
    /// Records for one run of the program.
    pub fn new(writer: Writer, random: Random, instance: InstanceId) -> Self {
        Self { writer, random, instance, seal: None, gap: Mutex::new(None), shut: OnceLock::new() }
    }

    /// The same, that seals the parameters of requests from now on, where there is a seal.
    #[must_use]
    pub fn sealing(self, seal: Option<Seal>) -> Self {
        Self { seal, ..self }
    }

    /// Looks whether what has to be sealed can be.
    ///
    /// # Errors
    ///
    /// [`NotASeal`]: requests with parameters would be refused.
    pub fn check_seal(&self) -> Result<(), NotASeal> {
        self.seal.as_ref().map_or(Ok(()), Seal::check)
    }

    /// The run of the program that this records for.
    pub fn instance(&self) -> InstanceId {
        self.instance
    }

    /// Records nothing more, whoever asks: the store is not what this program wrote. Only another start ends that.
    pub fn shut(&self, reason: String) {
        // The first reason is the one to look at.
        drop(self.shut.set(reason));
    }

    /// Why nothing is recorded any more; `None` while all is well.
    pub fn shut_for(&self) -> Option<&str> {
        self.shut.get().map(String::as_str)
    }

    async fn send(&self, proposal: Proposal) -> Result<(), CommitError> {
        match self.shut_for() {
            Some(reason) => Err(CommitError::Unavailable(reason.to_owned())),
            None => self.writer.commit(proposal).await,
        }
    }

    /// Commits `changes` with what `happened`, or nothing of both.
    ///
    /// `decided_under` is the revocation counter of the decision; `None` for what has happened
    /// whatever the policy says.
    ///
    /// # Errors
    ///
    /// See [`CommitError`]. What could not be recorded is counted into the gap.
    pub async fn commit(
        &self,
        decided_under: Option<Revision>,
        changes: Vec<Change>,
        happened: &[Happened],
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let committed = match self.make(happened, now) {
            Ok(events) => self.send(Proposal { decided_under, changes, events }).await,
            Err(error) => Err(error),
        };
        if let Err(CommitError::Unavailable(reason) | CommitError::Unknown(reason)) = &committed {
            self.note_failure(now, reason);
        }
        committed
    }

    /// Records what happened `earlier`, unless it stands in the log already.
    ///
    /// A crash after this and before it is forgotten elsewhere records it once all the same.
    ///
    /// # Errors
    ///
    /// [`Failed`]: it still does not work.
    pub async fn catch_up(&self, reader: &Reader, earlier: &Earlier, now: Timestamp) -> Result<(), Failed> {
        if !event::show(reader, &earlier.id.to_string()).await?.is_empty() {
            return Ok(());
        }
        let made =
            NewEvent { id: earlier.id, occurred_at: earlier.at, ..self.event(&earlier.happened(), now)? };
        self.send(Proposal { decided_under: None, changes: Vec::new(), events: vec![made] }).await?;
        Ok(())
    }

    /// Makes the events of what `happened`, which [`append`](Self::append) takes however often it is tried.
    ///
    /// # Errors
    ///
    /// [`CommitError::Unavailable`]: what has to be sealed cannot be.
    pub fn make(&self, happened: &[Happened], now: Timestamp) -> Result<Vec<NewEvent>, CommitError> {
        happened.iter().map(|happened| self.event(happened, now)).collect()
    }

    /// Appends events that were made before; `is_again` when that was tried already and they may be there.
    ///
    /// What fails is no gap: nobody was refused anything, whoever made them goes on trying.
    ///
    /// # Errors
    ///
    /// [`Failed`]: they are not there, or it is not known.
    pub async fn append(&self, reader: &Reader, made: &[NewEvent], is_again: bool) -> Result<(), Failed> {
        let Some(first) = made.first() else { return Ok(()) };
        // All of them are one commit.
        if is_again && !event::show(reader, &first.id.to_string()).await?.is_empty() {
            return Ok(());
        }
        let proposal = Proposal { decided_under: None, changes: Vec::new(), events: made.to_vec() };
        self.send(proposal).await?;
        Ok(())
    }

    /// Commits what is done behind the log, for nobody who waits, with the events made for it. What fails is no gap:
    /// nobody was refused anything, and it is tried again.
    ///
    /// # Errors
    ///
    /// See [`CommitError`].
    pub async fn behind(&self, change: Change, events: Vec<NewEvent>) -> Result<(), CommitError> {
        self.send(Proposal { decided_under: None, changes: vec![change], events }).await
    }

    /// Commits what others told, under ids that say so; decided under `decided_under`.
    ///
    /// # Errors
    ///
    /// See [`CommitError`].
    pub async fn keep(
        &self,
        decided_under: Option<Revision>,
        told: &[(EventId, Happened)],
        now: Timestamp,
    ) -> Result<(), CommitError> {
        let event = |(id, happened): &(EventId, Happened)| {
            self.event(happened, now).map(|event| NewEvent { id: *id, ..event })
        };
        let events = told.iter().map(event).collect::<Result<_, _>>()?;
        self.send(Proposal { decided_under, changes: Vec::new(), events }).await
    }

    /// Counts something that was refused because it could not be recorded.
    pub fn note_failure(&self, at: Timestamp, reason: &str) {
        let mut gap = self.gap.lock().unwrap_or_else(PoisonError::into_inner);
        let gap =
            gap.get_or_insert_with(|| Gap { refused: 0, since: at, until: at, reason: reason.to_owned() });
        gap.refused += 1;
        gap.until = at;
    }

    /// Why nothing could be recorded last time, while that has not been recorded itself.
    pub fn trouble(&self) -> Option<String> {
        let gap = self.gap.lock().unwrap_or_else(PoisonError::into_inner);
        gap.as_ref().map(|gap| gap.reason.clone())
    }

    /// Records the gap, if there is one and recording works again.
    ///
    /// A crash before it is recorded loses the count, never an event: what it counts was refused.
    ///
    /// # Errors
    ///
    /// See [`CommitError`]: it still does not work.
    pub async fn close_gap(&self, now: Timestamp) -> Result<(), CommitError> {
        let Some(gap) = self.gap.lock().unwrap_or_else(PoisonError::into_inner).clone() else {
            return Ok(());
        };
        let happened = Happened {
            outcome: Outcome::Failed,
            ..Happened::done(What::Gap {
                refused: gap.refused,
                since: stored(gap.since),
                until: stored(gap.until),
                reason: gap.reason,
            })
        };
        let events = vec![self.event(&happened, now)?];
        self.send(Proposal { decided_under: None, changes: Vec::new(), events }).await?;
        // What failed while this was written stays counted.
        let mut left = self.gap.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(still) = left.as_mut() {
            still.refused -= gap.refused;
            if still.refused == 0 {
                *left = None;
            }
        }
        Ok(())
    }

    /// Nothing is written in clear where it cannot be sealed.
    fn event(&self, happened: &Happened, now: Timestamp) -> Result<NewEvent, CommitError> {
        let cannot = |error: openpgp::SealError| CommitError::Unavailable(format!("[audit] seal: {error}"));
        let sealed = self.seal.as_ref().map(|seal| seal.apply(happened, &self.random)).transpose();
        let sealed = sealed.map_err(cannot)?;
        Ok(event(sealed.as_ref().unwrap_or(happened), self.instance, &self.random, now))
    }
}

/// Writes down what `happened`, for `instance`; a [`Recorder`] does so with what it commits.
pub fn event(happened: &Happened, instance: InstanceId, random: &Random, now: Timestamp) -> NewEvent {
    let Happened { what, outcome, service, who, transaction, reference, personal } = happened;
    let mut body = object(what);
    let kind = body.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            body.insert(name.to_owned(), value.into());
        }
    };
    put("outcome", Some(outcome.as_str().to_owned()));
    put("service", service.as_ref().map(ToString::to_string));
    put("who", who.clone());
    put("transaction", transaction.map(|id| id.to_string()));
    put("reference", reference.map(|reference| reference.to_string()));
    put("sealed_to", personal.sealed_to.map(|key| key.to_string()));
    NewEvent {
        id: EventId::new(now, random),
        instance,
        occurred_at: now,
        salt: random.bytes(),
        body: Value::Object(body).to_string(),
        personal_salt: random.bytes(),
        personal: Value::Object(object(personal)).to_string(),
        search: SearchColumns {
            kind,
            outcome: outcome.as_str(),
            service: service.as_ref().map(ToString::to_string),
            who: who.clone(),
            transaction: *transaction,
            reference: *reference,
        },
    }
}

/// Turns `value` into a JSON object whose keys are in the order of the alphabet: together with
/// integers, strings and booleans only, its text is canonical (RFC 8785).
fn object(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value).expect("events are plain structs") {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_an_event_is_canonical_json() {
        let networks = [("FR".into(), 512)].into();
        let inspected = Inspected::Records(RecordsSeen { networks, ..RecordsSeen::default() });
        let carried = Carried {
            status: 200,
            bytes: 1,
            bytes_up: None,
            duration_us: 2,
            delivery: Delivery::Cut,
            inspected: Some(inspected),
            detail: None,
        };
        let text = Value::Object(object(&What::Ended(carried))).to_string();
        assert_eq!(
            text,
            r#"{"bytes":1,"delivery":"cut","duration_us":2,"kind":"ended","networks":{"FR":512},"records_left_out":0,"records_unlisted":0,"status":200}"#
        );
    }
}
