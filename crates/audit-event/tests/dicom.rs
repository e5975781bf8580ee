//! Audit messages: written and read again, read as others send them, and refused where they are wrong.
#![allow(clippy::unwrap_used, reason = "tests may stop where they stand")]

mod shared;

use audit_event::dicom::{self, Error};
use audit_event::{
    Action, Called, Coded, Entity, Event, Identifier, Octets, Outcome, Read, Reference, Text, Uri, codes,
};
use shared::every::every;

const NODE: &str = include_str!("golden/atna-audit-node.xml");

fn read(message: &str) -> Read {
    dicom::read(message.as_bytes()).unwrap()
}

fn refused(message: &str) -> Error {
    dicom::read(message.as_bytes()).unwrap_err()
}

/// What a message has no place for is taken out: docs/audit-event.md lists it.
fn without_what_is_lost(mut event: Event) -> Event {
    event.id = None;
    event.period = None;
    let plain =
        |who: Reference| Reference::known_as(Identifier::plain(who.identifier().unwrap().value.clone()));
    for agent in event.agents_mut() {
        agent.who = agent.who.take().map(plain);
        if agent.kind.is_none() && !agent.roles.is_empty() {
            agent.kind = Some(agent.roles.remove(0));
        }
        agent.policies.clear();
        agent.purposes.clear();
    }
    for entity in &mut event.entities {
        let numbered = |coded: &Coded| Coded::new(coded.system().cloned(), coded.code(), None);
        let is_a_number = |coded: &&Coded| coded.is_of(codes::ENTITY_TYPE);
        entity.kind =
            entity.kind.as_ref().map(|kind| Some(kind).filter(is_a_number).map_or(kind.clone(), numbered));
        entity.role = entity.role.as_ref().map(numbered);
        entity.lifecycle = entity.lifecycle.as_ref().map(numbered);
        // The type of resource that a reference says it means.
        entity.what = entity.what.take().map(|what| {
            Reference::of(what.literal().cloned(), None, what.identifier().cloned(), None).unwrap()
        });
    }
    event
}

#[test]
fn an_entity_of_which_the_form_has_no_place_for_anything_is_left_out() {
    let (_, mut event) = every().into_iter().next().unwrap();
    let as_it_was = dicom::write(&event);
    let foreign = Coded::new(Uri::exactly("http://example.org/roles"), "13", None);
    event.entities.push(Entity { role: Some(foreign), ..Entity::default() });
    assert_eq!(dicom::write(&event), as_it_was);
}

#[test]
fn every_kind_comes_back_but_for_what_the_form_has_no_place_for() {
    for (name, event) in every() {
        let back = read(&dicom::write(&event));
        assert_eq!(back.left_out, Vec::<String>::new(), "{name}");
        assert_eq!(back.event, without_what_is_lost(event), "{name}");
    }
}

#[test]
fn tabs_and_line_ends_come_back_from_attributes_and_text() {
    let (_, mut event) = every().pop().unwrap();
    let text = Text::some("a\tb\r\nc <&\"'> \u{1F600} ]]>").unwrap();
    event.agents_mut()[0].name = Some(text.clone());
    event.outcome_description = Some(text.clone());
    let back = read(&dicom::write(&event)).event;
    assert_eq!(back.agents()[0].name, Some(text.clone()));
    assert_eq!(back.outcome_description, Some(text));
}

#[test]
fn an_identifier_keeps_its_system_whatever_stands_in_it() {
    for (system, value) in
        [("urn:oid:1.2.3", "7"), ("https://a.example/?a=1&b=2", "x^y&z\\T\\"), ("urn:x", "\\")]
    {
        let (_, mut event) = every().pop().unwrap();
        let what = Some(Reference::known_as(Identifier::new(system, value)));
        event.entities = vec![Entity { what, ..Entity::default() }];
        assert_eq!(read(&dicom::write(&event)).event.entities, event.entities);
    }
}

#[test]
fn an_end_that_nobody_knows_is_spelled_as_a_success() {
    let (_, mut unknown) = every().pop().unwrap();
    unknown.outcome = None;
    assert_eq!(read(&dicom::write(&unknown)).event.outcome, Some(Outcome::Success));
}

#[test]
fn a_login_as_openhim_sends_it_is_read() {
    let Read { event, left_out } = read(include_str!("golden/atna-audit-login.xml"));
    assert!(event.kind.is(codes::USER_AUTHENTICATION) && event.subtypes[0].is(codes::LOGIN));
    assert_eq!(event.kind.display(), Some(&"UserAuthenticated".into()));
    assert_eq!((event.action, event.outcome), (Some(Action::Execute), Some(Outcome::Success)));
    let user = &event.agents()[1];
    assert_eq!(user.who, Some(Reference::known_as(Identifier::plain("root@openhim.org"))));
    assert!(user.requestor && user.alternative_id.is_none());
    // Its type stands in attributes that DICOM does not have there.
    assert!(event.source.types[0].is_of(codes::SOURCE_TYPE));
    assert_eq!(left_out, Vec::<String>::new());
}

#[test]
fn what_openhim_says_of_nodes_and_its_log_is_read() {
    let node = read(NODE).event;
    assert!(node.kind.is(codes::SECURITY_ALERT) && node.subtypes[0].is(codes::NODE_AUTHENTICATION));
    let what = node.entities[0].what.as_ref().unwrap().identifier().unwrap();
    assert!(what.kind.as_ref().unwrap().is(codes::NODE_ID));
    assert_eq!(what.value.as_str(), "10.0.0.66");
    let log = read(include_str!("golden/atna-audit-log-used.xml")).event;
    assert_eq!(log.entities[0].what, Some(Reference::to("https://openhim.example.org/audits/7")));
    assert_eq!(log.entities[0].called, Some(Called::Name("Security Audit Log".into())));
    assert!(read(include_str!("golden/atna-audit-start.xml")).event.subtypes[0].is(codes::APPLICATION_START));
}

#[test]
fn the_form_of_rfc_3881_is_read() {
    let Read { event, left_out } = read(include_str!("golden/rfc3881-query.xml"));
    assert!(event.kind.is(codes::QUERY));
    assert_eq!(event.recorded.to_string(), "2026-11-21T20:30:00.5Z");
    assert!(event.agents()[0].requestor, "without a word, who is named asked");
    let patient = event.entities[0].what.as_ref().unwrap().identifier().unwrap();
    assert_eq!(patient, &Identifier::new("urn:oid:1.2.3", "7"));
    let question = &event.entities[1];
    assert!(question.what.is_none());
    assert_eq!(question.called, Octets::some(*b"QPD|Q").map(Called::Query));
    assert_eq!(left_out, ["AuditMessage.AuditSourceIdentification[1]"]);
}

#[test]
fn what_the_model_has_no_place_for_is_named() {
    let Read { event, left_out } = read(include_str!("golden/dicom-instances.xml"));
    assert_eq!(event.outcome, Some(Outcome::MajorFailure));
    assert_eq!(event.entities[0].description, Text::some("one\ntwo"));
    let object = "AuditMessage.ParticipantObjectIdentification[0]";
    assert_eq!(left_out, [format!("{object}.SOPClass"), format!("{object}.Encrypted")]);
    let other = NODE.replace("UserID=\"openhim\"", "UserID=\"openhim\" Foo=\"bar\"");
    assert_eq!(read(&other).left_out, ["AuditMessage.ActiveParticipant[0].@Foo"]);
}

#[test]
fn a_message_that_is_wrong_somewhere_is_refused_with_the_place() {
    let wrong = [
        (
            "<EventID csd-code=\"110113\" originalText=\"Security Alert\" codeSystemName=\"DCM\"/>",
            "",
            "EventIdentification",
        ),
        ("EventOutcomeIndicator=\"4\"", "EventOutcomeIndicator=\"5\"", "EventIdentification"),
        ("EventOutcomeIndicator=\"4\"", "", "EventIdentification"),
        ("EventActionCode=\"E\"", "EventActionCode=\"X\"", "EventIdentification"),
        ("20:30:00.000Z", "20:30:00.000", "EventIdentification"),
        ("2026-11-21T20", "2026-11-21T25", "EventIdentification"),
        ("UserIsRequestor=\"false\"", "UserIsRequestor=\"no\"", "ActiveParticipant[0]"),
        ("NetworkAccessPointTypeCode=\"1\"", "NetworkAccessPointTypeCode=\"6\"", "ActiveParticipant[0]"),
        ("csd-code=\"110150\"", "", "ActiveParticipant[0].RoleIDCode[0]"),
        ("AuditSourceID=\"openhim\"", "", "AuditSourceIdentification[0]"),
        (
            "ParticipantObjectTypeCode=\"2\"",
            "ParticipantObjectTypeCode=\"5\"",
            "ParticipantObjectIdentification[0]",
        ),
        ("ParticipantObjectID=\"10.0.0.66\"", "", "ParticipantObjectIdentification[0]"),
        ("</ParticipantObjectName>", "</ParticipantObjectName><Foo/>", "ParticipantObjectIdentification[0]"),
        (
            "</ParticipantObjectName>",
            "</ParticipantObjectName><ParticipantObjectQuery>AA==</ParticipantObjectQuery>",
            "ParticipantObjectIdentification[0]",
        ),
        (
            "</ParticipantObjectName>",
            "</ParticipantObjectName><ParticipantObjectDetail type=\"a\" value=\"?\"/>",
            "ParticipantObjectIdentification[0].ParticipantObjectDetail[0]",
        ),
        ("</ActiveParticipant>", "</ActiveParticipant><EventIdentification/>", ""),
    ];
    for (from, to, place) in wrong {
        assert!(NODE.contains(from), "{from}");
        let Error::Wrong { at, .. } = refused(&NODE.replacen(from, to, 1)) else { unreachable!("{from}") };
        let expected =
            if place.is_empty() { "AuditMessage".to_owned() } else { format!("AuditMessage.{place}") };
        assert_eq!(at, expected, "{from}");
    }
}

#[test]
fn what_is_no_message_is_refused() {
    for text in [
        "",
        "x",
        "<AuditMessage",
        "<AuditMessage>",
        "<AuditMessage/>",
        "<a/>",
        "<AuditMessage/><AuditMessage/>",
    ] {
        refused(text);
    }
    let both = format!("{NODE}{NODE}");
    refused(&both);
    refused(&NODE.replacen("UTF-8", "UTF-16", 1));
    refused(&NODE.replacen("openhim", "\u{1}", 1));
    refused(&NODE.replacen("openhim", "&#1;", 1));
    assert!(dicom::read(&NODE.as_bytes()[..NODE.len() - 3]).is_err());
    assert!(dicom::read(&[NODE.as_bytes(), b"\xFF"].concat()).is_err());
}

#[test]
fn entities_are_not_expanded_and_files_are_not_read() {
    let bomb = "<!DOCTYPE a [<!ENTITY a \"x\"><!ENTITY b SYSTEM \"file:///etc/passwd\">]>";
    let with = NODE.replacen("<AuditMessage>", &format!("{bomb}<AuditMessage>"), 1);
    assert!(matches!(refused(&with), Error::NotXml(_)));
    assert!(matches!(refused(&NODE.replacen("UserID=\"openhim\"", "UserID=\"&b;\"", 1)), Error::NotXml(_)));
    let text = NODE.replacen("</ParticipantObjectName>", "&b;</ParticipantObjectName>", 1);
    assert!(matches!(refused(&text), Error::NotXml(_)));
}

#[test]
fn too_much_is_refused() {
    let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    assert_eq!(refused(&deep), Error::TooMuch("nested elements"));
    let many = NODE.replacen("</AuditMessage>", &format!("{}</AuditMessage>", "<a/>".repeat(20_000)), 1);
    assert_eq!(refused(&many), Error::TooMuch("elements and attributes"));
    let long = format!("{NODE}{}", " ".repeat(dicom::MAX_BYTES));
    assert_eq!(refused(&long), Error::TooMuch("bytes"));
}

#[test]
fn a_byte_order_mark_is_read_over_and_none_is_written() {
    let with = [b"\xEF\xBB\xBF", NODE.as_bytes()].concat();
    assert_eq!(dicom::read(&with).unwrap(), read(NODE));
    assert!(dicom::write(&read(NODE).event).starts_with("<?xml"));
}
