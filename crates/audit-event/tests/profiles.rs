//! A profile of BALP is claimed where it is met, and nowhere else.
#![allow(clippy::unwrap_used, reason = "tests may stop where they stand")]

mod shared;

use audit_event::rest::{Interaction, Rest};
use audit_event::{Entity, Event, Outcome, Profile, Reference, codes, fhir, profile};
use shared::{interactions, operation, request};

const PLAIN: [Profile; 7] = [
    Profile::Create,
    Profile::Read,
    Profile::Read,
    Profile::Update,
    Profile::Update,
    Profile::Delete,
    Profile::Query,
];

fn search() -> Event {
    request(interactions().pop().unwrap()).event()
}

#[test]
fn each_request_that_ended_well_meets_the_profile_of_its_pattern() {
    for (interaction, expected) in interactions().into_iter().zip(PLAIN) {
        assert_eq!(profile::met(&request(interaction).event()), Some(expected));
    }
}

#[test]
fn each_request_about_one_patient_meets_the_profile_with_the_patient() {
    for (interaction, expected) in interactions().into_iter().zip(PLAIN) {
        let about = Rest { patient: Some(Reference::to("Patient/7")), ..request(interaction) };
        let url = profile::met(&about.event()).unwrap().url();
        assert!(url.ends_with(&format!("IHE.BasicAudit.Patient{expected:?}")), "{url}");
    }
}

#[test]
fn a_request_without_a_user_meets_it_too() {
    for (interaction, expected) in interactions().into_iter().zip(PLAIN) {
        let event = Rest { user: None, request_id: None, ..request(interaction) }.event();
        assert_eq!(profile::met(&event), Some(expected));
        assert!(event.agents()[0].requestor, "then the client asked");
    }
}

#[test]
fn a_request_that_failed_claims_nothing() {
    for outcome in
        [Some(Outcome::MinorFailure), Some(Outcome::SeriousFailure), Some(Outcome::MajorFailure), None]
    {
        for interaction in interactions() {
            let event = Rest { outcome, ..request(interaction) }.event();
            assert_eq!(profile::met(&event), None);
            assert!(fhir::write(&event).get("meta").is_none());
        }
    }
}

#[test]
fn what_balp_has_no_pattern_for_claims_nothing() {
    assert_eq!(profile::met(&request(operation()).event()), None);
}

#[test]
fn a_patient_that_is_said_to_be_something_else_is_none() {
    let read = || Interaction::Read(Reference::to("Observation/9"));
    let about = |what| profile::met(&Rest { patient: Some(what), ..request(read()) }.event());
    assert_eq!(about(Reference::to("Device/7")), None);
    assert_eq!(about(Reference::to("Patient/7").of_type("Device")), None);
    assert_eq!(
        about(Reference::to("https://cr.example.org/fhir/Patient/7/_history/3")),
        Some(Profile::PatientRead)
    );
    let by_identifier = audit_event::Identifier::new("urn:oid:1.2.3", "A-7");
    assert_eq!(about(Reference::known_as(by_identifier.clone())), None);
    assert_eq!(about(Reference::known_as(by_identifier).of_type("Patient")), Some(Profile::PatientRead));
}

#[test]
fn one_thing_too_many_or_too_few_claims_nothing() {
    let breaks: [fn(&mut Event); 10] = [
        |event| event.agents_mut()[0].network = None,
        |event| event.agents_mut()[1].who = None,
        |event| event.agents_mut()[2].requestor = false,
        |event| event.agents_mut()[2].kind = Some(codes::AUTHOR.into()),
        |event| event.subtypes.push(codes::SEARCH_TYPE.into()),
        |event| event.action = Some(audit_event::Action::Read),
        |event| event.kind = codes::QUERY.into(),
        |event| event.entities[0].what = Some(Reference::to("Patient/7")),
        |event| event.entities.push(Entity::default()),
        |event| event.add_agent(audit_event::Agent::default()),
    ];
    assert_eq!(profile::met(&search()), Some(Profile::Query));
    for (index, break_it) in breaks.iter().enumerate() {
        let mut event = search();
        break_it(&mut event);
        assert_eq!(profile::met(&event), None, "{index}");
    }
}
