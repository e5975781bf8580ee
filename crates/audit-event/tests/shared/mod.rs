//! Requests to a FHIR server that tests tell of.
#![allow(clippy::unwrap_used, reason = "tests may stop where they stand")]
#![allow(dead_code, reason = "not every test needs everything")]

pub mod every;

use audit_event::rest::{Interaction, Party, Person, Rest};
use audit_event::{Action, Identifier, Network, Octets, Outcome, Reference, Source, Text, codes};
use jiff::Timestamp;

/// When all of it was recorded.
pub fn now() -> Timestamp {
    "2026-11-21T20:30:00Z".parse().unwrap()
}

/// Who saw it.
pub fn source() -> Source {
    Source {
        site: Text::some("Dakar"),
        observer: Reference::known_as(Identifier::plain("cr.example.org")),
        types: vec![codes::SECURITY_SERVER.into()],
    }
}

/// A request that ended well, of a person at a node.
pub fn request(interaction: Interaction) -> Rest {
    Rest {
        recorded: now(),
        outcome: Some(Outcome::Success),
        outcome_description: None,
        client: Party {
            who: Reference::known_as(Identifier::new("https://cr.example.org/nodes", "clinic-7")),
            network: Network::ip("10.0.0.7"),
        },
        server: Party {
            who: Reference::known_as(Identifier::plain("opencr")),
            network: Network::uri("https://cr.example.org/fhir"),
        },
        user: Some(Person {
            who: Reference::known_as(Identifier::new("https://id.example.org", "awa")),
            name: Text::some("Awa Diop"),
            roles: Vec::new(),
            policies: vec!["urn:ietf:params:oauth:jti:8".into()],
            purposes: Vec::new(),
        }),
        source: source(),
        patient: None,
        request_id: Text::some("0198"),
        interaction,
    }
}

/// One request of each sort that BALP has a pattern for.
pub fn interactions() -> Vec<Interaction> {
    let observation = || Reference::to("Observation/9/_history/2");
    vec![
        Interaction::Create(Reference::to("Observation/9")),
        Interaction::Read(Reference::to("Observation/9")),
        Interaction::VersionRead(observation()),
        Interaction::Update(observation()),
        Interaction::Patch(observation()),
        Interaction::Delete(Identifier::new("https://cr.example.org/fhir", "Observation/9")),
        Interaction::Search {
            asked: Octets::some("GET /fhir/Patient?family=Diop".as_bytes()).unwrap(),
            understood: Text::some("Patient?family=Diop"),
        },
    ]
}

/// What BALP has no pattern for.
pub fn operation() -> Interaction {
    Interaction::Other {
        subtype: codes::OPERATION,
        action: Action::Execute,
        asked: Octets::some("POST /fhir/Patient/$match".as_bytes()).unwrap(),
        understood: None,
    }
}
