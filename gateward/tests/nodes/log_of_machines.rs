//! Machines and the log: those with a grant send events and read it, over HTTP as FHIR has it; others do neither.

use serde_json::{Value, json};

use super::authority::params;
use super::door::Door;
use super::server::Reply;

const LOG: &str = "[audit]\nname = \"cr.example.org\"\nfhir = \"/audit/fhir\"\n";

fn door(grants: &str) -> Door {
    Door::beside(|installation| installation.append(&format!("{LOG}{grants}")))
}

fn granted(actions: &str) -> String {
    format!("[[grant]]\nnode = \"lab\"\nservice = \"audit\"\nactions = [{actions}]\n")
}

fn ask(door: &Door, path: &str, more: &[&str], body: &Value) -> Reply {
    let shown = door.lab().for_curl(door.server.path());
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    door.server.curl(&format!("/audit/fhir{path}"), &[&shown, more].concat(), body.to_string().as_bytes())
}

fn send(door: &Door, path: &str, body: &Value) -> (u16, Value) {
    let post = ["--data-binary", "@-", "--header", "Content-Type: application/fhir+json"];
    of(&ask(door, path, &post, body))
}

fn of(reply: &Reply) -> (u16, Value) {
    (reply.status, serde_json::from_slice(&reply.body).unwrap_or_else(|_| panic!("{}", reply.text())))
}

fn event(id: &str) -> Value {
    json!({
        "resourceType": "AuditEvent", "id": id, "recorded": "2026-01-05T10:00:00Z", "action": "R",
        "type": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110110"},
        "agent": [{"who": {"display": "Dr. Ö"}, "requestor": true}], "source": {"observer": {"display": "lab"}},
        "entity": [{"what": {"reference": "Patient/77"}}],
    })
}

fn bundle(events: &[Value]) -> Value {
    let entry = |event| json!({"request": {"method": "POST", "url": "AuditEvent"}, "resource": event});
    json!({"resourceType": "Bundle", "type": "batch", "entry": events.iter().map(entry).collect::<Vec<_>>()})
}

#[test]
fn a_machine_sends_events_once_however_often_and_finds_them_as_they_came() {
    let door = door(&granted(r#""create", "read", "search""#));
    let (status, kept) = send(&door, "/AuditEvent", &event("theirs-1"));
    assert_eq!(status, 201, "{kept}");
    let (status, again) = send(&door, "/AuditEvent", &event("theirs-1"));
    assert_eq!((status, &again["id"]), (200, &kept["id"]));

    let (status, answer) = send(&door, "", &bundle(&[event("theirs-1"), event("theirs-2")]));
    assert_eq!((status, &answer["type"]), (200, &"batch-response".into()), "{answer}");
    assert_eq!(answer["entry"][0]["response"]["status"], "200 OK");
    assert_eq!(answer["entry"][1]["response"]["status"], "201 Created");

    let received = door.server.events("event_received");
    assert_eq!(received.len(), 2);
    assert!(received.iter().all(|event| event["who"] == "node:lab"), "{received:?}");

    let (status, found) =
        of(&ask(&door, "/AuditEvent?date=2026-01-05&patient=77&_sort=date", &[], &Value::Null));
    assert_eq!((status, found["entry"].as_array().map(Vec::len)), (200, Some(2)), "{found}");
    let (_, one) =
        of(&ask(&door, &format!("/AuditEvent/{}", kept["id"].as_str().unwrap()), &[], &Value::Null));
    assert_eq!(one, kept);
    let form = ["--data", "date=2026-01-05&patient=77"];
    let (status, searched) = of(&ask(&door, "/AuditEvent/_search", &form, &Value::Null));
    assert_eq!(
        (status, &searched["entry"]),
        (200, &of(&ask(&door, "/AuditEvent?date=2026-01-05&patient=77", &[], &Value::Null)).1["entry"])
    );
    let read = door.server.events("log_read");
    assert!(
        read.iter().filter(|read| read["how"] == "fhir").all(|read| read["who"] == "node:lab"),
        "{read:?}"
    );
}

/// Another program counts from one again, for example.
#[test]
fn another_event_under_a_known_id_is_kept_beside_the_first() {
    let door = door(&granted(r#""create", "read", "search""#));
    let (_, first) = send(&door, "/AuditEvent", &event("1"));
    let mut other = event("1");
    other["entity"][0]["what"]["reference"] = "Patient/88".into();
    let (status, kept) = send(&door, "/AuditEvent", &other);
    assert_eq!(status, 201, "{kept}");
    assert_ne!(kept["id"], first["id"]);
    assert_eq!(kept["entity"], other["entity"]);
    // Both come again, laid out as somebody else would.
    let (status, answer) = send(&door, "", &bundle(&[other.clone(), event("1"), other.clone()]));
    let location = |at: usize| answer["entry"][at]["response"]["location"].as_str().unwrap().to_owned();
    assert_eq!((status, location(0)), (200, location(2)), "{answer}");
    assert!(location(0).ends_with(kept["id"].as_str().unwrap()), "{answer}");
    assert!(location(1).ends_with(first["id"].as_str().unwrap()), "{answer}");
    assert_eq!(door.server.events("event_received").len(), 2);
    // In one Bundle, too.
    let mut third = event("2");
    third["action"] = "C".into();
    let (_, answer) = send(&door, "", &bundle(&[event("2"), third, event("2")]));
    let said: Vec<_> = (0..3).map(|at| answer["entry"][at]["response"]["status"].as_str().unwrap()).collect();
    assert_eq!(said, ["201 Created", "201 Created", "200 OK"]);
    assert_eq!(door.server.events("event_received").len(), 4);
}

#[test]
fn who_is_named_in_what_a_machine_sent_is_reported_on_held_and_erased_like_others() {
    let door = door(&granted(r#""create", "read", "search""#));
    let mut by_identifier = event("theirs-2");
    by_identifier["entity"] = json!([{
        "what": {"type": "Patient", "identifier": {"system": "urn:mrn", "value": "4711"}},
        "query": data_encoding::BASE64.encode(b"Patient?name=Somebody"),
    }]);
    assert_eq!(send(&door, "", &bundle(&[event("theirs-1"), by_identifier])).0, 200);
    for (patient, reported) in [("Patient/77", 1), ("77", 1), ("urn:mrn|4711", 1), ("4711", 1), ("471", 0)] {
        let report = door.server.json(&["audit", "report", "--patient", patient]);
        assert_eq!(report.len(), reported, "{patient}: {report:?}");
    }
    let held = door.server.json(&["audit", "hold", "create", "--person", "Patient/77", "--reason", "A-1"]);
    assert_eq!(held.len(), 1, "{held:?}");
    for person in ["Patient/77", "urn:mrn|4711"] {
        door.server.json(&["audit", "erase", "--person", person]);
    }
    let left = |patient: &str| door.server.json(&["audit", "report", "--patient", patient]).len();
    assert_eq!((left("Patient/77"), left("urn:mrn|4711")), (1, 0), "the first is held");
}

/// Byte for byte, and only what everybody reads alike.
#[test]
fn what_a_machine_sent_is_kept_as_it_came() {
    let door = door(&granted(r#""create""#));
    let text = event("theirs-1").to_string().replacen('{', "{ \n \"text\" : { \"status\":\"empty\" },", 1);
    let post = ["--data-binary", "@-", "--header", "Content-Type: application/fhir+json"];
    let sent = |text: &str| {
        let shown = door.lab().for_curl(door.server.path());
        let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
        door.server.curl("/audit/fhir/AuditEvent", &[&shown[..], &post].concat(), text.as_bytes()).status
    };
    assert_eq!(sent(&text), 201);
    let recorded = door.server.json(&["audit", "search"]);
    let kept = recorded.iter().find(|event| event["body"]["kind"] == "event_received").unwrap();
    assert_eq!(kept["personal"]["resource"], text.as_str());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    assert_eq!(kept["body"]["sha256"], data_encoding::HEXLOWER.encode(digest.as_ref()));
    for hostile in [
        text.replacen('{', r#"{"action":"D","#, 1),
        format!(r#"{{"text":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000)),
        text[..text.len() - 1].to_owned(),
        String::new(),
    ] {
        assert!([400, 422].contains(&sent(&hostile)), "{hostile:.60}");
    }
    assert_eq!(door.server.events("event_received").len(), 1);
}

#[test]
fn what_is_wrong_in_a_bundle_keeps_all_of_it_out() {
    let door = door(&granted(r#""create""#));
    let half = json!({"resourceType": "AuditEvent", "recorded": "yesterday"});
    for (path, sent, status) in [
        ("", bundle(&[event("theirs-1"), half.clone()]), 422),
        ("", bundle(&[]), 413),
        ("", event("theirs-1"), 400),
        ("/AuditEvent", half, 422),
        ("/AuditEvent", bundle(&[event("theirs-1")]), 422),
        ("/AuditEvent", json!({"resourceType": "Patient"}), 422),
    ] {
        let (answered, outcome) = send(&door, path, &sent);
        assert_eq!(
            (answered, &outcome["resourceType"]),
            (status, &"OperationOutcome".into()),
            "{sent}: {outcome}"
        );
    }
    assert!(door.server.events("event_received").is_empty());
    // It may send, and not read.
    let (status, outcome) = of(&ask(&door, "/AuditEvent?date=2026", &[], &Value::Null));
    assert_eq!((status, &outcome["resourceType"]), (403, &"OperationOutcome".into()), "{outcome}");
}

#[test]
fn a_grant_on_other_resources_opens_nothing_of_the_log() {
    for (resources, status) in [("Observation", 403), (r#"AuditEvent", "Observation"#, 200)] {
        let grant = granted(r#""create", "read", "search""#);
        let door = door(&format!("{grant}resources = [\"{resources}\"]\n"));
        let (read, said) = of(&ask(&door, "/AuditEvent?date=2026", &[], &Value::Null));
        assert_eq!(read, status, "{said}");
        let sent = send(&door, "/AuditEvent", &event("theirs-1")).0;
        assert_eq!(sent == 201, status == 200, "{sent}");
    }
}

#[test]
fn who_has_no_grant_or_no_certificate_learns_nothing_and_is_recorded() {
    let door = door(&granted(r#""read", "search""#));
    assert_eq!(send(&door, "/AuditEvent", &event("theirs-1")).0, 403);
    let nobody = door.server.curl("/audit/fhir/AuditEvent?date=2026", &[], b"");
    assert_eq!(nobody.status, 403, "{}", nobody.text());
    let stranger = door.authority.issue(params("stranger")).for_curl(door.server.path());
    let stranger: Vec<&str> = stranger.iter().map(String::as_str).collect();
    let refused = door.server.curl("/audit/fhir/AuditEvent?date=2026", &stranger, b"");
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(door.server.events("event_received").is_empty());
    let said = refused.text();
    let (_, reference) = said.split_once("Reference: ").expect(&said);
    let (reference, _) = reference.split_once('.').expect(&said);
    let recorded = door.server.json(&["audit", "show", reference]);
    assert!(recorded[0]["body"]["kind"].as_str().is_some_and(|kind| kind.contains("node")), "{recorded:?}");
}
