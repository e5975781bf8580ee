//! AuditEvents of others (the FHIR feed of IHE ITI-20): kept as they came, with the machine that sent them.

use jiff::Timestamp;
use serde_json::Value;

use crate::base::address::ClientAddress;
use crate::base::id::EventId;
use crate::base::identity::NodeName;
use crate::base::sha256::Sha256;
use crate::flows::door::Door;
use crate::flows::receive::patients_of;
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
    resource: Value,
    patients: Vec<String>,
}

impl Received {
    /// As it came.
    pub fn resource(&self) -> &Value {
        &self.resource
    }

    fn own_id(&self) -> Option<&str> {
        self.resource["id"].as_str()
    }

    fn sha256(&self) -> String {
        Sha256::of(self.text.as_bytes()).to_string()
    }
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

/// Looks whether `text` is an AuditEvent.
///
/// # Errors
///
/// [`Unfit`].
pub fn look_at(text: &str) -> Result<Received, Unfit> {
    if text.len() > LONGEST {
        return Err(Unfit::TooLong);
    }
    let no_json = |error: serde_json::Error| audit_event::fhir::Error::NotJson(error.to_string());
    let resource: Value = serde_json::from_str(text).map_err(no_json)?;
    if resource["resourceType"] != "AuditEvent" {
        return Err(Unfit::NotAnAuditEvent);
    }
    // What could be read in two ways is refused here: everybody reads the same in what is kept.
    let event = audit_event::fhir::read(text.as_bytes())?.event;
    Ok(Received { text: text.to_owned(), resource, patients: patients_of(&event) })
}

/// Keeps what `node` sent, all of it or nothing. What it sent before under the same id is there already, and stays; other
/// content under that id is another event.
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
    let (mut kept, mut fresh) = (Vec::new(), Vec::new());
    for one in received {
        let place = place_of(one, node, door, &fresh, now).await?;
        if !place.again {
            fresh.push((place.id, one));
        }
        kept.push(place);
    }
    // A crash before: nothing is there, and nobody was told that it is. After it: whoever sends it again learns that it came.
    if !fresh.is_empty() {
        let happened: Vec<_> =
            fresh.into_iter().map(|(id, one)| (id, what_happened(one, node, address))).collect();
        door.recorder.keep(decided_under, &happened, now).await?;
    }
    Ok(kept)
}

/// Finds where an event of `node` goes, or is already, beside the `fresh` ones that came with it.
async fn place_of(
    one: &Received,
    node: &NodeName,
    door: &Door,
    fresh: &[(EventId, &Received)],
    now: Timestamp,
) -> Result<Kept, store::Error> {
    let Some(own) = one.own_id() else {
        return Ok(Kept { id: EventId::new(now, &door.random), again: false });
    };
    let id = EventId::of_another(node.as_str(), own);
    match is_there(one, id, door, fresh).await? {
        None => Ok(Kept { id, again: false }),
        Some(true) => Ok(Kept { id, again: true }),
        Some(false) => {
            // Nobody's events vanish because another of theirs had the same name.
            let id = EventId::of_another(node.as_str(), &format!("{own}\0{}", one.sha256()));
            Ok(Kept { id, again: is_there(one, id, door, fresh).await?.is_some() })
        }
    }
}

/// Says whether it is `one` that stands under `id`; `None` where nothing does.
async fn is_there(
    one: &Received,
    id: EventId,
    door: &Door,
    fresh: &[(EventId, &Received)],
) -> Result<Option<bool>, store::Error> {
    if let Some((_, other)) = fresh.iter().find(|(other, _)| *other == id) {
        return Ok(Some(other.resource == one.resource));
    }
    let text = id.to_string();
    let events = event::show(&door.store.reader, &text).await?;
    let Some(recorded) = events.iter().find(|event| event.id == text) else { return Ok(None) };
    if let Some(resource) = sent(recorded) {
        return Ok(Some(resource == one.resource));
    }
    // It was erased, and does not come back by being sent again; of what has expired nothing is left to compare.
    Ok(Some(recorded.body.as_ref().is_none_or(|body| body.contains(&one.sha256()))))
}

fn what_happened(one: &Received, node: &NodeName, address: ClientAddress) -> Happened {
    let personal = Personal {
        resource: Some(one.text.clone()),
        patients: one.patients.clone(),
        ..Personal::at(address)
    };
    let received_id = one.own_id().map(str::to_owned);
    let what = What::EventReceived { node: node.clone(), received_id, sha256: one.sha256() };
    Happened { who: Some(format!("node:{node}")), personal, ..Happened::done(what) }
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
        assert!(look_at(&good.to_string()).is_ok());
        let without = |name: &str, value: Value| {
            let mut bad = good.clone();
            bad[name] = value;
            look_at(&bad.to_string()).unwrap_err()
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
            assert_eq!(look_at(&nothing.to_string()).unwrap_err(), Unfit::NotAnAuditEvent);
        }
        // Read in two ways, without an end, or as a number that is none.
        let again = good.to_string().replacen('{', r#"{"recorded":"2020-01-01T00:00:00Z","#, 1);
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let endless = good.to_string().replacen('{', &format!(r#"{{"text":{deep},"#), 1);
        let too_much = good.to_string().replacen('{', r#"{"lat":1e400,"#, 1);
        for text in [again, endless, too_much, "{".into(), String::new()] {
            assert!(matches!(look_at(&text), Err(Unfit::Fhir(_))), "{text:.60}");
        }
    }

    #[test]
    fn its_patients_are_named_as_the_log_names_them() {
        let event = json!({
            "resourceType": "AuditEvent", "type": {"system": "urn:x", "code": "rest"}, "recorded": "2026-11-21T20:30:00Z",
            "agent": [{"requestor": true, "who": {"reference": "https://other.example.org/fhir/Patient/3"}}],
            "source": {"observer": {"display": "x"}},
            "entity": [
                {"what": {"reference": "Patient/1"}},
                {"what": {"type": "Patient", "identifier": {"system": "urn:mrn", "value": "7"}}},
                {"what": {"identifier": {"value": "8"}}, "role": {
                    "system": "http://terminology.hl7.org/CodeSystem/object-role", "code": "1"
                }},
                {"what": {"reference": "Observation/1"}}, {"what": {"reference": "Patient/1/_history/2"}},
            ],
        });
        let named = look_at(&event.to_string()).unwrap().patients;
        assert_eq!(named, ["Patient/1", "urn:mrn|7", "|8", "https://other.example.org/fhir/Patient/3"]);
    }
}
