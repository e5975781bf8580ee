//! Whatever an event says comes back from FHIR, and from DICOM what a message has a place for.
#![allow(clippy::unwrap_used, reason = "tests may stop where they stand")]

use audit_event::{
    Action, Agent, Called, Coded, Concept, Detail, Entity, Event, Id, Identifier, Network, NetworkKind,
    Octets, Outcome, Period, Reference, Source, Text, Uri, Value, codes, dicom, fhir,
};
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = Text> {
    any::<String>().prop_map(|text| Text::from(text.as_str()))
}

fn uri() -> impl Strategy<Value = Uri> {
    prop_oneof![Just(codes::DCM.to_owned()), "[a-z:/]{1,9}", any::<String>()]
        .prop_map(|uri| Uri::from(uri.as_str()))
}

fn coded() -> impl Strategy<Value = Coded> {
    let known = prop_oneof![
        Just(codes::SYSTEM_OBJECT),
        Just(codes::PERSON),
        Just(codes::ROLE_PATIENT),
        Just(codes::URI),
        Just(codes::X_REQUEST_ID),
        Just(codes::ACCESS)
    ];
    let any = (of(uri()), any::<String>(), of(text()));
    prop_oneof![
        known.prop_map(Coded::from),
        any.prop_map(|(system, code, text)| Coded::new(system, &code, text))
    ]
}

fn concept() -> impl Strategy<Value = Concept> {
    (vec(coded(), 0..3), of(text()))
        .prop_map(|(codings, text)| Concept::of(codings, text).unwrap_or_else(|| Concept::told("x".into())))
}

fn reference() -> impl Strategy<Value = Reference> {
    let identifier = (of(uri()), text(), of(concept()));
    let identifier = identifier.prop_map(|(system, value, kind)| Identifier { system, value, kind });
    (of(text()), of(uri()), of(identifier), of(text())).prop_map(|(literal, kind, identifier, display)| {
        Reference::of(literal, kind, identifier, display).unwrap_or_else(|| Reference::called("x"))
    })
}

fn octets() -> impl Strategy<Value = Octets> {
    vec(any::<u8>(), 1..20).prop_map(|bytes| Octets::some(bytes).unwrap())
}

fn time() -> impl Strategy<Value = Timestamp> {
    (-62_000_000_000_i64..253_000_000_000, 0..1_000_000_000)
        .prop_map(|(second, nano)| Timestamp::new(second, nano).unwrap())
}

fn agent() -> impl Strategy<Value = Agent> {
    let kind = of(prop_oneof![Just("1"), Just("2"), Just("3"), Just("4"), Just("5")]);
    let network = (text(), kind)
        .prop_map(|(address, kind)| Network { address, kind: kind.and_then(NetworkKind::from_code) });
    let who = (of(concept()), vec(concept(), 0..3), of(reference()), of(text()), of(text()));
    let more = (any::<bool>(), vec(uri(), 0..3), of(coded()), of(network), vec(concept(), 0..2));
    (who, more).prop_map(
        |((kind, roles, who, alternative_id, name), (requestor, policies, media, network, purposes))| Agent {
            kind,
            roles,
            who,
            alternative_id,
            name,
            requestor,
            policies,
            media,
            network,
            purposes,
        },
    )
}

fn entity() -> impl Strategy<Value = Entity> {
    let called = prop_oneof![text().prop_map(Called::Name), octets().prop_map(Called::Query)];
    let value = prop_oneof![text().prop_map(Value::Text), octets().prop_map(Value::Binary)];
    let detail = (text(), value).prop_map(|(kind, value)| Detail { kind, value });
    let what = (of(reference()), of(coded()), of(coded()), of(coded()), vec(coded(), 0..3));
    // Something is said, or there would be no entity.
    (what, of(called), text(), vec(detail, 0..3)).prop_map(
        |((what, kind, role, lifecycle, labels), called, description, details)| Entity {
            what,
            kind,
            role,
            lifecycle,
            labels,
            called,
            description: Some(description),
            details,
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let action = of(prop_oneof![Just(Action::Create), Just(Action::Read), Just(Action::Execute)]);
    let outcome = of(prop_oneof![Just(Outcome::Success), Just(Outcome::SeriousFailure)]);
    let source = (of(text()), reference(), vec(coded(), 0..3));
    let source = source.prop_map(|(site, observer, types)| Source { site, observer, types });
    let what = (of("[A-Za-z0-9.-]{1,64}"), coded(), vec(coded(), 0..3), action, outcome, of(text()));
    let when = (time(), of(time()), of(time()));
    (what, when, vec(concept(), 0..3), vec(agent(), 1..4), source, vec(entity(), 0..4)).prop_map(
        |(
            (id, kind, subtypes, action, outcome, description),
            (recorded, start, end),
            purposes,
            agents,
            source,
            entities,
        )| {
            let mut agents = agents.into_iter();
            let mut event = Event::new(kind, recorded, agents.next().unwrap(), source);
            agents.for_each(|agent| event.add_agent(agent));
            event.id = id.and_then(|id| Id::exactly(&id));
            event.subtypes = subtypes;
            event.action = action;
            event.period = Period::between(start, end);
            event.outcome = outcome;
            event.outcome_description = description;
            event.purposes = purposes;
            event.entities = entities;
            event
        },
    )
}

proptest! {
    #[test]
    fn whatever_is_written_as_a_resource_is_read_again(event in event()) {
        let resource = serde_json::to_vec(&fhir::write(&event)).unwrap();
        let back = fhir::read(&resource).unwrap();
        prop_assert_eq!(back.left_out, Vec::<String>::new());
        prop_assert_eq!(back.event, event);
    }

    #[test]
    fn whatever_is_written_as_a_message_is_read_and_loses_no_more_the_second_time(event in event()) {
        let once = dicom::read(dicom::write(&event).as_bytes()).unwrap();
        prop_assert_eq!(once.left_out, Vec::<String>::new());
        prop_assert_eq!(once.event.agents().len(), event.agents().len());
        prop_assert_eq!(once.event.entities.len(), event.entities.len());
        let twice = dicom::read(dicom::write(&once.event).as_bytes()).unwrap();
        prop_assert_eq!(once.event, twice.event);
    }

    #[test]
    fn no_bytes_stop_a_reader(bytes in vec(any::<u8>(), 0..200)) {
        let _ = (fhir::read(&bytes), dicom::read(&bytes));
    }

    #[test]
    fn no_change_of_a_message_stops_a_reader(event in event(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut message = dicom::write(&event).into_bytes();
        let at = at.index(message.len());
        message[at] = byte;
        let _ = dicom::read(&message);
    }
}
