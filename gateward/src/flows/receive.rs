//! An audit message of somebody else becomes an event (IHE ITI-20, as a repository).
//!
//! Nothing that a message says about its sender is believed: the node is the one whose certificate brought
//! it, and a datagram is nobody's. The message is kept whole and as it came, in the personal part.

use std::collections::BTreeSet;

use audit_event::{Entity, Event, Uri};
use jiff::Timestamp;
use syslog::{Message, Misframed, Priority};

use super::door::{Door, Refused};
use super::nodes::KnownNode;
use super::record::{Form, Happened, Outcome, Personal, SyslogWhat, Transport, What};
use crate::base::address::ClientAddress;
use crate::base::id::Reference;
use crate::base::identity::NodeName;
use crate::base::time::stored;
use crate::store::CommitError;

/// Whoever sent a message, as far as it was verified.
#[derive(Debug, Clone)]
pub struct Sender {
    node: Option<NodeName>,
    address: ClientAddress,
}

impl Sender {
    /// A node that has shown its certificate.
    pub fn node(node: &KnownNode, address: ClientAddress) -> Self {
        Self { node: Some(node.name().clone()), address }
    }

    /// Whoever sends datagrams from there, or says so.
    pub fn unknown(address: ClientAddress) -> Self {
        Self { node: None, address }
    }
}

/// Writes down one message that came from `sender`.
///
/// Bytes that are no UTF-8 are kept as Base64.
pub fn received(bytes: &[u8], sender: &Sender) -> Happened {
    let priority = Priority::read(bytes).map(|(priority, _)| priority);
    let said = Message::read(bytes).ok().and_then(|message| said(&message.content?));
    let what = SyslogWhat::MessageReceived {
        transport: if sender.node.is_some() { Transport::Tls } else { Transport::Udp },
        node: sender.node.clone(),
        form: if said.is_some() { Form::Dicom } else { Form::Raw },
        facility: priority.map(Priority::facility),
        severity: priority.map(Priority::severity),
        event_code: said.as_ref().map(|said| said.code.clone()),
        event_outcome: said.as_ref().map(|said| said.outcome),
    };
    let (message, message_base64) = match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(data_encoding::BASE64.encode(bytes))),
    };
    let personal = Personal {
        message,
        message_base64,
        patients: said.map(|said| said.patients).unwrap_or_default(),
        ..Personal::at(sender.address)
    };
    Happened { who: sender.who(), personal, ..Happened::done(What::Syslog(what)) }
}

impl Sender {
    fn who(&self) -> Option<String> {
        self.node.as_ref().map(|node| format!("node:{node}"))
    }
}

/// What of a DICOM audit message stands beside it.
struct Said {
    code: String,
    outcome: u8,
    patients: Vec<String>,
}

/// Reads a DICOM audit message; `None` where it is none.
fn said(content: &[u8]) -> Option<Said> {
    let event = audit_event::dicom::read(content).ok()?.event;
    let outcome = match event.outcome {
        None | Some(audit_event::Outcome::Success) => 0,
        Some(audit_event::Outcome::MinorFailure) => 4,
        Some(audit_event::Outcome::SeriousFailure) => 8,
        Some(audit_event::Outcome::MajorFailure) => 12,
    };
    Some(Said { code: event.kind.code().to_owned(), outcome, patients: patients_of(&event) })
}

/// The patients of another's event, as the log names patients: by an address, or `SYSTEM|VALUE`, whose system may be empty.
/// One that is named twice is one patient.
pub fn patients_of(event: &Event) -> Vec<String> {
    let of_entity = |entity: &Entity| {
        let has_the_role = entity.role.as_ref().is_some_and(|role| role.code() == PATIENT);
        entity.what.clone().filter(|what| has_the_role || what.is_a("Patient"))
    };
    let entities = event.entities.iter().filter_map(of_entity);
    let agents =
        event.agents().iter().filter_map(|agent| agent.who.clone()).filter(|who| who.is_a("Patient"));
    let names = |meant: audit_event::Reference| {
        let identifier = meant.identifier().map(|identifier| {
            let system = identifier.system.as_ref().map_or("", Uri::as_str);
            format!("{system}|{}", identifier.value.as_str())
        });
        // Of whatever version, it is they.
        let literal = meant.literal().and_then(|literal| literal.as_str().split("/_history/").next());
        [literal.map(str::to_owned), identifier].into_iter().flatten()
    };
    let mut found = BTreeSet::new();
    entities.chain(agents).flat_map(names).filter(|name| found.insert(name.clone())).collect()
}

/// The role of a patient among what an event was about (DICOM PS3.15 section A.5).
const PATIENT: &str = "1";

/// Records that what a node sends cannot be read on; a flood of it becomes counted summaries.
///
/// # Errors
///
/// [`CommitError`]; the connection ends all the same.
pub async fn record_refused_stream(
    door: &Door,
    node: &KnownNode,
    why: Misframed,
    (address, now): (ClientAddress, Timestamp),
) -> Result<Reference, CommitError> {
    let what = SyslogWhat::StreamRefused { node: node.name().clone(), detail: why.to_string() };
    let refused = Refused {
        what: What::Syslog(what),
        reason: "syslog: misframed".into(),
        service: None,
        who: Some(format!("node:{}", node.name())),
        certificate: None,
        address,
    };
    door.record_refusal(refused, now).await
}

/// Datagrams that were not kept.
#[derive(Debug, Clone, Copy)]
pub struct Dropped {
    /// How many.
    pub count: u64,
    /// When the first of them came.
    pub since: Timestamp,
    /// When the last of them came.
    pub until: Timestamp,
}

/// Writes down that datagrams came which were not kept.
pub fn dropped(Dropped { count, since, until }: Dropped) -> Happened {
    let (since, until) = (stored(since), stored(until));
    let what = SyslogWhat::MessagesDropped { count, since, until };
    Happened { outcome: Outcome::Failed, ..Happened::done(What::Syslog(what)) }
}
