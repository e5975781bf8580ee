//! AuditEvents of others (the FHIR feed of IHE ITI-20): kept as they came, with the machine that sent them.

use jiff::Timestamp;
use serde_json::Value;

use crate::base::address::ClientAddress;
use crate::base::id::EventId;
use crate::base::identity::NodeName;
use crate::base::sha256::Sha256;
use crate::flows::door::Door;
use crate::flows::record::{Happened, Personal, What};
use crate::store::event::{self, Recorded};
use crate::store::revocation::Revision;
use crate::store::{self, CommitError};

/// How long one AuditEvent may be, in bytes.
pub const LONGEST: usize = 64 * 1024;

/// How many a Bundle may bring.
pub const ENTRIES: usize = 500;

/// Why an AuditEvent is not taken: whoever sent it mends it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is something else, or nothing.
    #[error("this is no AuditEvent")]
    NotAnAuditEvent,
    /// It is not as FHIR R4 has it.
    #[error(transparent)]
    Fhir(#[from] audit_event::fhir::Error),
    /// Too long.
    #[error("an AuditEvent has at most {LONGEST} bytes here")]
    TooLong,
    /// Too many.
    #[error("a Bundle brings 1 to {ENTRIES} AuditEvents here")]
    Entries,
}

/// Why nothing was kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator's; the caller may come back.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The operator's; the caller may come back.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// An AuditEvent that was looked at.
#[derive(Debug, Clone)]
pub struct Received {
    text: String,
    own_id: Option<String>,
}

/// Where an AuditEvent stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its id here.
    pub id: EventId,
    /// Whether it came before.
    pub again: bool,
}

/// What another machine sent, as it came; `None` for an event of ours, or where it was erased.
pub(super) fn sent(recorded: &Recorded) -> Option<Value> {
    let is_received = recorded.body().contains("\"kind\":\"event_received\"");
    let personal: Value = serde_json::from_str(recorded.personal.as_deref().filter(|_| is_received)?).ok()?;
    let sent: Value = serde_json::from_str(personal["resource"].as_str()?).ok()?;
    sent.is_object().then_some(sent)
}

/// Looks whether `resource` is an AuditEvent.
///
/// # Errors
///
/// [`Unfit`].
pub fn look_at(resource: &Value) -> Result<Received, Unfit> {
    if resource["resourceType"] != "AuditEvent" {
        return Err(Unfit::NotAnAuditEvent);
    }
    let own_id = resource["id"].as_str().map(str::to_owned);
    let text = resource.to_string();
    if text.len() > LONGEST {
        return Err(Unfit::TooLong);
    }
    audit_event::fhir::read(text.as_bytes())?;
    Ok(Received { text, own_id })
}

/// Keeps what `node` sent, all of it or nothing. What it sent before under the same id is there already, and stays.
///
/// # Errors
///
/// [`Error`]: nothing was kept; it may send all of it again.
pub async fn keep(
    door: &Door,
    node: &NodeName,
    received: &[Received],
    address: ClientAddress,
    decided_under: Option<Revision>,
    now: Timestamp,
) -> Result<Vec<Kept>, Error> {
    let (mut kept, mut happened) = (Vec::<Kept>::new(), Vec::new());
    for one in received {
        let id = id_of(one, node, door, now);
        let came_before = kept.iter().any(|other| other.id == id)
            || event::show(&door.store.reader, &id.to_string())
                .await?
                .iter()
                .any(|event| event.id == id.to_string());
        if !came_before {
            happened.push((id, what_happened(one, node, address)));
        }
        kept.push(Kept { id, again: came_before });
    }
    // A crash before: nothing is there, and nobody was told that it is. After it: whoever sends it again learns that it came.
    if !happened.is_empty() {
        door.recorder.keep(decided_under, &happened, now).await?;
    }
    Ok(kept)
}

fn what_happened(one: &Received, node: &NodeName, address: ClientAddress) -> Happened {
    let sha256 = Sha256::of(one.text.as_bytes()).to_string();
    let personal = Personal { resource: Some(one.text.clone()), ..Personal::at(address) };
    let what = What::EventReceived { node: node.clone(), received_id: one.own_id.clone(), sha256 };
    Happened { who: Some(format!("node:{node}")), personal, ..Happened::done(what) }
}

/// The id of what a node calls so: the same each time that it sends it.
fn id_of(one: &Received, node: &NodeName, door: &Door, now: Timestamp) -> EventId {
    match &one.own_id {
        Some(own) => EventId::of_another(node.as_str(), own),
        None => EventId::new(now, &door.random),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_audit_event_is_not_taken_for_one() {
        let good = json!({
            "resourceType": "AuditEvent", "type": {"system": "urn:x", "code": "rest"}, "recorded": "2026-11-21T20:30:00Z",
            "agent": [{"requestor": true}], "source": {"observer": {"display": "x"}}
        });
        assert!(look_at(&good).is_ok());
        let without = |name: &str, value: Value| {
            let mut bad = good.clone();
            bad[name] = value;
            look_at(&bad).unwrap_err()
        };
        for (name, value, why) in [
            ("resourceType", json!("Patient"), Unfit::NotAnAuditEvent),
            ("outcomeDesc", json!("x".repeat(LONGEST)), Unfit::TooLong),
        ] {
            assert_eq!(without(name, value), why, "{name}");
        }
        for (name, value) in [
            ("type", Value::Null),
            ("recorded", json!("2026-11-21")),
            ("agent", json!([])),
            ("agent", json!([{}])),
            ("source", json!({})),
            ("modifierExtension", json!([{"url": "urn:x", "valueBoolean": true}])),
        ] {
            assert!(matches!(without(name, value), Unfit::Fhir(_)), "{name}");
        }
        for nothing in [Value::Null, json!([]), json!("AuditEvent")] {
            assert_eq!(look_at(&nothing).unwrap_err(), Unfit::NotAnAuditEvent);
        }
    }
}
