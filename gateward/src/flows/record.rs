//! The only door to the event store: what can happen, and how it is written down.
//!
//! Every event has a kind, an outcome and what its kind needs; what names a person goes into a
//! part of its own that can be erased later. A commit that fails opens a *gap*, which is recorded
//! as soon as anything can be recorded again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::base::address::ClientAddress;
use crate::base::id::{EventId, InstanceId, LoginName, Reference, TransactionId};
use crate::base::name::ServiceName;
use crate::base::random::Random;
use crate::base::time::stored;
use crate::store::event::{NewEvent, SearchColumns};
use crate::store::revocation::Revision;
use crate::store::{Change, CommitError, Proposal, Writer};

/// How it came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// We said no.
    Refused,
    /// It went wrong.
    Failed,
}

impl Outcome {
    /// As it is stored and searched for.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// Whether an answer arrived, as far as we can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// All of it was handed to the transport.
    Complete,
    /// The client went away, or stopped reading.
    Cut,
    /// We cut it: the caller's rights ended.
    Revoked,
    /// The upstream stopped in the middle.
    UpstreamFailed,
    /// The program that carried it is gone.
    Unknown,
    /// Recorded before the first byte left: delivery was not observed.
    NotObserved,
}

impl Delivery {
    /// How an answer that ended so came out.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Complete | Self::NotObserved => Outcome::Done,
            Self::Cut | Self::UpstreamFailed | Self::Unknown => Outcome::Failed,
            Self::Revoked => Outcome::Refused,
        }
    }
}

/// What happened; the name of the variant, in snake case, is the event's `kind`.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "docs/formats.md describes each kind and field")]
pub enum What {
    Started {
        version: &'static str,
        mode: String,
    },
    Stopped {
        reason: &'static str,
    },
    PolicyLoaded {
        issuers: Vec<String>,
    },
    Exchanged(Box<Exchanged>),
    /// A token was looked at for its holder, and would be exchanged; nothing was made.
    TokenChecked(Box<Exchanged>),
    ExchangeRefused {
        reason: String,
        detail: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        token_id: Option<String>,
    },
    AuthenticationFailed {
        reason: &'static str,
        detail: String,
    },
    Admitted(Access),
    Released {
        #[serde(flatten)]
        access: Access,
        #[serde(flatten)]
        carried: Carried,
    },
    Ended(Carried),
    /// What is behind a service sent what nobody asked it for.
    UpstreamOverstepped {
        detail: String,
    },
    /// The inventory that restrictions are read from is another one now.
    InventoryLoaded {
        sha256: String,
        epochs: u64,
        restricted: u64,
    },
    RequestRefused {
        method: String,
        path: String,
        reason: &'static str,
        detail: String,
    },
    FailuresSummarised {
        reason: String,
    },
    FailuresCounted {
        reason: String,
        count: u64,
        since: String,
        until: String,
    },
    Gap {
        refused: u64,
        since: String,
        until: String,
        reason: String,
    },
    LoginRevoked {
        login: LoginName,
        token_ids: Vec<String>,
        token_blocked: bool,
    },
    TokenBlocked {
        token_id: String,
    },
    TokenAllowedAgain {
        token_id: String,
    },
    LoginsCleanedUp {
        logins: Vec<LoginName>,
    },
    GrantCreated(Granted),
    GrantRevoked(Granted),
    IssuerRevoked {
        issuer: String,
    },
    UserCreated {
        user: String,
        role: String,
    },
    KeyRotated {
        key: String,
    },
    KeyRetired {
        key: String,
    },
    OperatorRequest {
        method: String,
        path: String,
        status: u16,
    },
    /// All that stands before was copied here from another store.
    StoreCopied {
        from: String,
        to: String,
        events: u64,
    },
}

/// A signed token became (or prolonged) a temporary login, or would.
#[derive(Debug, Clone, Serialize)]
pub struct Exchanged {
    /// The same token had a living login already.
    pub repeated: bool,
    /// Fingerprint of the issuer.
    pub issuer: String,
    /// The token's id as SeisComP counts it.
    pub token_id: String,
    /// The hash that was signed.
    pub hash: String,
    /// The token's own end.
    pub valid_until: String,
    /// The login's end.
    pub expires_at: String,
    /// Groups in the token.
    pub groups: Vec<String>,
    /// Those that a grant here names.
    pub groups_known: Vec<String>,
    /// Pseudonym of the person.
    pub subject: String,
}

/// Who did what, by which right.
#[derive(Debug, Clone, Serialize)]
pub struct Access {
    /// How.
    pub method: String,
    /// To what, below the service's path.
    pub path: String,
    /// The ids of the grants that it was by, one after the other; `open` for what is open to all.
    pub grant: String,
    /// Pseudonym of the person, where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Which data.
    #[serde(flatten)]
    pub asked: Option<Asked>,
}

/// Which data were asked for, and what of them the upstream was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The lines of the request, the first of them if there are many.
    pub asked: Vec<String>,
    /// How many lines it had.
    pub asked_lines: u64,
    /// How many lines the upstream was asked; the same as `asked_lines` where nothing was left out.
    pub forwarded_lines: u64,
    /// What was left out, the first of it if it is much.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

/// How an answer was carried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Carried {
    /// The status that was sent.
    pub status: u16,
    /// How many bytes of the body were handed to the transport.
    pub bytes: u64,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// Whether they arrived.
    pub delivery: Delivery,
    /// What was in it, where it was looked into.
    #[serde(flatten)]
    pub inspected: Option<Inspected>,
    /// What is behind the service did, where it refused or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What was found in an answer of records.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Inspected {
    /// How many bytes of each network passed.
    pub networks: BTreeMap<String, u64>,
    /// How many records were left out because they reach over a limit, or lie just beside it.
    pub records_left_out: u64,
    /// How many records were left out because the inventory does not know them.
    pub records_unlisted: u64,
}

/// A grant that was made or taken away.
#[derive(Debug, Clone, Serialize)]
pub struct Granted {
    /// Its id.
    pub grant: String,
    /// `file` or `command`.
    pub origin: &'static str,
    /// `group`, `mail` or `mail-domain`.
    pub granted_to_kind: String,
    /// The group or domain; a mail address stands in the personal part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted_to: Option<String>,
    /// JSON array of networks; empty: the whole service.
    pub networks: String,
}

/// What names a person or where they are; kept apart, so that it can be erased.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Personal {
    /// Where the request came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The mail address of the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<String>,
    /// The name that somebody gave to the upstream, which nobody here has verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed: Option<String>,
}

impl Personal {
    /// From this address, nobody named.
    pub fn at(address: ClientAddress) -> Self {
        Self { address: Some(address.to_string()), ..Self::default() }
    }
}

/// An event to be written.
#[derive(Debug, Clone)]
pub struct Happened {
    /// What.
    pub what: What,
    /// How it came out.
    pub outcome: Outcome,
    /// Which service it concerns.
    pub service: Option<ServiceName>,
    /// Temporary login, user, or `os:NAME`.
    pub who: Option<String>,
    /// The request's id.
    pub transaction: Option<TransactionId>,
    /// What the caller was given.
    pub reference: Option<Reference>,
    /// Who and where, in person.
    pub personal: Personal,
}

impl Happened {
    /// Says that `what` was done; the fields that concern it are set by name.
    pub fn done(what: What) -> Self {
        Self {
            what,
            outcome: Outcome::Done,
            service: None,
            who: None,
            transaction: None,
            reference: None,
            personal: Personal::default(),
        }
    }
}

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
    gap: Mutex<Option<Gap>>,
}

impl Recorder {
    /// Records for one run of the program.
    pub fn new(writer: Writer, random: Random, instance: InstanceId) -> Self {
        Self { writer, random, instance, gap: Mutex::new(None) }
    }

    /// The run of the program that this records for.
    pub fn instance(&self) -> InstanceId {
        self.instance
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
        let events = happened.iter().map(|happened| self.event(happened, now)).collect();
        let committed = self.writer.commit(Proposal { decided_under, changes, events }).await;
        if let Err(CommitError::Unavailable(reason) | CommitError::Unknown(reason)) = &committed {
            self.note_failure(now, reason);
        }
        committed
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
        let events = vec![self.event(&happened, now)];
        self.writer.commit(Proposal { decided_under: None, changes: Vec::new(), events }).await?;
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

    fn event(&self, happened: &Happened, now: Timestamp) -> NewEvent {
        event(happened, self.instance, &self.random, now)
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
        let inspected = Inspected { networks: [("FR".into(), 512)].into(), ..Inspected::default() };
        let carried = Carried {
            status: 200,
            bytes: 1,
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
