//! AuditEvents: written and read again, and refused where they are wrong, with the place.
#![allow(clippy::unwrap_used, reason = "tests may stop where they stand")]

mod shared;

use audit_event::fhir::{self, Error};
use audit_event::{Called, Event, Reference};
use serde_json::{Value, json};
use shared::every::every;
use shared::{interactions, request};

fn bytes(resource: &Value) -> Vec<u8> {
    serde_json::to_vec(resource).unwrap()
}

/// A request that was read, with everything in it that a change can strike.
fn resource() -> Value {
    let mut resource = fhir::write(&request(interactions().remove(1)).event());
    resource["period"] = json!({"start": "2026-11-21T20:29:00Z", "end": "2026-11-21T20:30:00Z"});
    resource["entity"][0]["detail"] = json!([{"type": "a", "valueString": "b"}]);
    resource["entity"][0]["name"] = json!("nine");
    resource.as_object_mut().unwrap().remove("meta");
    resource
}

fn with(path: &str, value: Value) -> Value {
    let mut resource = resource();
    let (parent, name) = path.rsplit_once('/').unwrap();
    let parent = resource.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value == json!("REMOVED") {
        parent.remove(name)
    } else {
        parent.insert(name.to_owned(), value)
    };
    resource
}

#[test]
fn every_kind_comes_back_whole() {
    for (name, event) in every() {
        let back = fhir::read(&bytes(&fhir::write(&event))).unwrap();
        assert_eq!(back.left_out, Vec::<String>::new(), "{name}");
        assert_eq!(back.event, event, "{name}");
    }
}

#[test]
fn a_resource_that_is_wrong_somewhere_is_refused_with_the_place() {
    let wrong = [
        ("/resourceType", json!("Patient"), "resourceType"),
        ("/type", json!("REMOVED"), "type"),
        ("/type/code", json!("REMOVED"), "type"),
        ("/type", json!([{"code": "rest"}]), "type"),
        ("/type/code", json!(" rest"), "type.code"),
        ("/type/system", json!("a b"), "type.system"),
        ("/subtype", json!({"code": "read"}), "subtype"),
        ("/subtype", json!([]), "subtype"),
        ("/action", json!("X"), "action"),
        ("/outcome", json!(0), "outcome"),
        ("/outcome", json!("1"), "outcome"),
        ("/recorded", json!("REMOVED"), "recorded"),
        ("/recorded", json!("2026-11-21T20:30:00"), "recorded"),
        ("/recorded", json!("2026-11-21"), "recorded"),
        ("/recorded", json!("2026-11-21T24:30:00Z"), "recorded"),
        ("/recorded", json!("2026-02-30T20:30:00Z"), "recorded"),
        ("/recorded", json!("2026-11-21T08:30:00 PM Z"), "recorded"),
        ("/recorded", json!("2026-11-21T20:30:00+15:00"), "recorded"),
        ("/recorded", json!("0001-01-01T00:00:00+14:00"), "recorded"),
        ("/period/start", json!("2026-11-21T20:31:00Z"), "period.end"),
        ("/period/start", json!("yesterday"), "period.start"),
        ("/agent", json!("REMOVED"), "agent"),
        ("/agent", json!([]), "agent"),
        ("/agent/0/requestor", json!("REMOVED"), "agent[0].requestor"),
        ("/agent/0/requestor", json!("true"), "agent[0].requestor"),
        ("/agent/2/policy", json!(["a b"]), "agent[2].policy"),
        ("/agent/0/network/type", json!("6"), "agent[0].network.type"),
        ("/agent/0/role", json!([{}]), "agent[0].role[0]"),
        ("/source", json!("REMOVED"), "source"),
        ("/source/observer", json!("REMOVED"), "source.observer"),
        ("/source/observer", json!({"type": "Device"}), "source.observer"),
        ("/source/type", json!({"code": "3"}), "source.type"),
        ("/entity/0/query", json!("AA=="), "entity[0].query"),
        ("/entity/0/query", json!("?"), "entity[0].query"),
        ("/entity/0/name", json!(""), "entity[0].name"),
        ("/entity/0/name", json!("a\u{0}b"), "entity[0].name"),
        ("/entity/0/detail/0/type", json!("REMOVED"), "entity[0].detail[0].type"),
        ("/entity/0/detail/0/valueString", json!("REMOVED"), "entity[0].detail[0].value"),
        ("/entity/0/detail/0/valueBase64Binary", json!("AA=="), "entity[0].detail[0].value"),
        ("/entity/0/detail/0/valueInteger", json!(1), "entity[0].detail[0].valueInteger"),
        ("/implicitRules", json!("http://a.example/"), "implicitRules"),
        ("/agent/0/modifierExtension", json!([{"url": "http://a.example/"}]), "agent[0].modifierExtension"),
        ("/category", json!([{"text": "R5"}]), "category"),
        ("/outcomeDesc", json!(null), "outcomeDesc"),
        ("/text", json!({}), "text"),
        ("/id", json!("a b"), "id"),
    ];
    for (path, value, place) in wrong {
        let Err(Error::Wrong { at, .. }) = fhir::read(&bytes(&with(path, value.clone()))) else {
            unreachable!("{path} {value}")
        };
        assert_eq!(at, format!("AuditEvent.{place}"), "{path} {value}");
    }
    assert!(fhir::read(&bytes(&resource())).is_ok());
}

#[test]
fn what_the_model_has_no_place_for_is_named() {
    let more = [
        ("/text", json!({"status": "empty"}), "text"),
        ("/contained", json!([{"resourceType": "Device"}]), "contained"),
        ("/extension", json!([{"url": "http://a.example/"}]), "extension"),
        ("/_recorded", json!({"id": "x"}), "_recorded"),
        ("/meta", json!({"profile": ["http://a.example/"]}), "meta"),
        ("/type/version", json!("2"), "type.version"),
        ("/agent/0/location", json!({"reference": "Location/7"}), "agent[0].location"),
        ("/agent/0/network", json!({"type": "2"}), "agent[0].network"),
        ("/agent/0/who", json!({"type": "Device"}), "agent[0].who"),
        ("/agent/0/who/identifier/use", json!("usual"), "agent[0].who.identifier.use"),
        ("/subtype", json!([{"display": "only"}]), "subtype[0]"),
        ("/period/start", json!("2026-11"), "period.start"),
    ];
    for (path, value, place) in more {
        let read = fhir::read(&bytes(&with(path, value))).unwrap();
        assert_eq!(read.left_out, [format!("AuditEvent.{place}")], "{path}");
    }
}

#[test]
fn a_profile_that_is_not_met_is_not_claimed_again() {
    let mut resource = fhir::write(&request(interactions().remove(1)).event());
    assert!(fhir::read(&bytes(&resource)).unwrap().left_out.is_empty());
    resource["outcome"] = json!("8");
    let read = fhir::read(&bytes(&resource)).unwrap();
    assert_eq!(read.left_out, ["AuditEvent.meta"]);
    assert!(fhir::write(&read.event).get("meta").is_none());
}

#[test]
fn json_with_two_readings_is_refused() {
    let twice = String::from_utf8(bytes(&resource())).unwrap().replacen('{', r#"{"outcome":"0","#, 1);
    assert!(matches!(fhir::read(twice.as_bytes()), Err(Error::NotJson(_))));
    let behind = format!("{}{{}}", resource());
    for text in
        [behind.as_str(), "", "{", "[]", "7", "\"AuditEvent\"", "{\"resourceType\":\"AuditEvent\"}\u{0}"]
    {
        assert!(fhir::read(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn too_much_is_refused() {
    let deep = format!("{{\"text\":{}{}}}", "[".repeat(1000), "]".repeat(1000));
    assert!(matches!(fhir::read(deep.as_bytes()), Err(Error::NotJson(_))));
    let long = format!("{}{}", resource(), " ".repeat(fhir::MAX_BYTES));
    assert_eq!(fhir::read(long.as_bytes()), Err(Error::TooMuch("bytes")));
    let many = with("/subtype", vec![json!({"display": "x"}); 300].into());
    assert_eq!(fhir::read(&bytes(&many)), Err(Error::TooMuch("elements that there is no place for")));
}

#[test]
fn times_keep_their_instant_whatever_their_zone() {
    let read = |text: &str| fhir::read(&bytes(&with("/recorded", json!(text)))).unwrap().event;
    let event: Event = read("2026-11-21T22:00:00.123456+01:30");
    assert_eq!(fhir::write(&event)["recorded"], "2026-11-21T20:30:00.123456Z");
    assert_eq!(fhir::write(&read("2016-12-31T23:59:60Z"))["recorded"], "2016-12-31T23:59:59.000Z");
}

#[test]
fn queries_are_spelled_in_base64() {
    let event = request(interactions().pop().unwrap()).event();
    assert_eq!(fhir::write(&event)["entity"][0]["query"], "R0VUIC9maGlyL1BhdGllbnQ/ZmFtaWx5PURpb3A=");
    assert!(matches!(event.entities[0].called, Some(Called::Query(_))));
}

#[test]
fn a_delete_is_told_by_identifier() {
    let event = request(interactions().remove(5)).event();
    assert_eq!(event.entities[0].what.as_ref().and_then(Reference::literal), None);
    assert_eq!(fhir::write(&event)["entity"][0]["what"]["identifier"]["value"], "Observation/9");
}
