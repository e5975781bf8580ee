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
