//! One event of every kind that there is, as it ends well and as it does not.

use audit_event::kinds::{self, Actor, Change, Told};
use audit_event::rest::Rest;
use audit_event::{
    Action, Detail, Entity, Event, Id, Identifier, Network, Octets, Outcome, Reference, Text, codes,
};

use super::{interactions, now, operation, request, source};

/// Each with a name that a test can say.
pub fn every() -> Vec<(String, Event)> {
    let mut events = requests();
    for outcome in [Outcome::Success, Outcome::MinorFailure, Outcome::SeriousFailure, Outcome::MajorFailure] {
        events
            .extend(others(outcome).into_iter().map(|(name, event)| (format!("{name} {outcome:?}"), event)));
    }
    for (index, (_, event)) in events.iter_mut().enumerate() {
        event.id = Id::exactly(&format!("e-{index}"));
    }
    events
}

fn requests() -> Vec<(String, Event)> {
    let mut events = Vec::new();
    for outcome in [Outcome::Success, Outcome::MinorFailure] {
        for patient in [None, Some(Reference::to("Patient/7").of_type("Patient"))] {
            for interaction in interactions().into_iter().chain([operation()]) {
                let name = format!("{interaction:?} {outcome:?} {patient:?}");
                let (outcome, patient) = (Some(outcome), patient.clone());
                let outcome_description = Text::some("kein Zugriff für Ämter");
                events.push((
                    name,
                    Rest { outcome, outcome_description, patient, ..request(interaction) }.event(),
                ));
            }
        }
    }
    events
}

fn told(outcome: Outcome) -> Told {
    Told {
        recorded: now(),
        period: None,
        outcome,
        why: Text::some("<wrong & \"said\" so>\nélève"),
        source: source(),
        here: Actor {
            who: Some(Reference::known_as(Identifier::plain("cr.example.org"))),
            network: Some(Network::name("cr.example.org")),
            ..Actor::default()
        },
        transaction: Text::some("0198"),
    }
}

fn awa() -> Actor {
    Actor {
        who: Some(Reference::known_as(Identifier::new("https://id.example.org", "awa"))),
        name: Text::some("Awa Diop"),
        alternative_id: Text::some("os:awa"),
        network: Some(Network::ip("2001:db8::7")),
        roles: vec![codes::AUTHOR.into()],
        policies: vec!["urn:ietf:params:oauth:jti:8".into()],
    }
}

fn thing(name: &str) -> Entity {
    let what = Reference::known_as(Identifier::new("urn:oid:1.2.3", name));
    Entity {
        details: vec![Detail::text("sha256", "ab12"), Detail::text("größe", "7 µm")],
        description: Text::some("a thing"),
        ..kinds::thing(what, codes::ROLE_SECURITY_RESOURCE)
    }
}

fn others(outcome: Outcome) -> Vec<(String, Event)> {
    let told = || told(outcome);
    let asked = || Octets::some("GET /fdsnws/dataselect/1/query?net=XR&sta=Ä".as_bytes()).unwrap();
    let changes = [Change::Users, Change::Roles, Change::Trust, Change::Configuration, Change::Software];
    let mut events = vec![
        ("login", kinds::login(told(), awa())),
        ("logout", kinds::logout(told(), awa())),
        ("exchange", kinds::exchange(told(), awa(), Some(thing("token")), Some(thing("login")))),
        ("node", kinds::node_authentication_failed(told(), awa(), "10.0.0.66")),
        ("nobody", kinds::node_authentication_failed(told(), Actor::default(), "10.0.0.66")),
        ("data sent", kinds::data_sent(told(), awa(), vec![thing("file")])),
        ("data received", kinds::data_received(told(), Action::Update, awa(), vec![thing("file")])),
        ("query", kinds::query(told(), awa(), asked(), Text::some("XR"))),
        ("refused", kinds::refused(told(), awa(), vec![thing("file")])),
        ("started", kinds::started(told(), awa())),
        ("stopped", kinds::stopped(told(), awa())),
        ("log used", kinds::log_used(told(), awa(), "https://cr.example.org/fhir/AuditEvent", Some(asked()))),
        (
            "log expired",
            kinds::log_expired(told(), awa(), "urn:x:log", vec![Detail::text("events", "7 to 9")]),
        ),
        ("recording", kinds::recording(told(), true, awa(), "urn:x:log")),
        ("not recording", kinds::recording(told(), false, awa(), "urn:x:log")),
        ("backed up", kinds::backed_up(told(), awa(), vec![thing("ckan.tar.zst.gpg")])),
        ("restored", kinds::restored(told(), awa(), vec![thing("ckan.tar.zst.gpg")])),
        ("checked", kinds::checked(told(), awa(), vec![thing("finding")])),
        ("person", kinds::data_sent(told(), awa(), vec![person()])),
    ];
    events.extend(changes.map(|change| {
        ("changed", kinds::security_changed(told(), change, Action::Create, awa(), vec![thing("grant")]))
    }));
    events.into_iter().map(|(name, event)| (name.to_owned(), event)).collect()
}

fn person() -> Entity {
    kinds::person(
        Reference::known_as(Identifier::new("https://id.example.org", "moussa")),
        codes::ROLE_SECURITY_USER,
    )
}
