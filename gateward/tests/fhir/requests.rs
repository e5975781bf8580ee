//! One interaction after the other, and what is recorded of each.

use super::door::{ALL, Door, json, outcome};
use super::gnupg::Gnupg;
use super::stand_in::StandIn;
use super::upstream::Upstream;

const PATIENT: &str =
    r#"{"resourceType":"Patient","identifier":[{"system":"urn:ids","value":"7"}],"name":[{"family":"Doe"}]}"#;

#[test]
fn create_read_search_update_delete_and_each_is_recorded_with_whom_it_names() {
    let gnupg = Gnupg::new();
    let (issuer, upstream) = (gnupg.issuer(), Upstream::start());
    let door = Door::before(upstream.url(), ALL, &issuer);

    let reply = door.ask("POST", "/Patient", PATIENT);
    assert_eq!(reply.status, 201, "{}", reply.text());
    let id = json(&reply)["id"].as_str().unwrap().to_owned();
    let patient = format!("Patient/{id}");
    assert!(reply.field("location").unwrap().contains(&patient));
    let admitted = door.newest("admitted");
    assert_eq!(admitted["body"]["who"], door.login().login.as_str());
    assert_eq!(admitted["body"]["interaction"], "create");
    assert_eq!(admitted["body"]["resource"], "Patient");
    assert_eq!(admitted["personal"]["patients"], serde_json::json!(["urn:ids|7"]));
    assert_eq!(door.newest("resources_created")["personal"]["created"], serde_json::json!([patient]));
    assert!(door.named_in(&admitted["body"]["transaction"]).contains(&patient));

    assert_eq!(door.good("GET", &format!("/{patient}"), "")["id"], id.as_str());
    let released = door.newest("released");
    assert_eq!(released["body"]["path"], "/Patient/{id}");
    assert_eq!(released["body"]["interaction"], "read");
    assert_eq!(released["personal"]["target"], format!("/{patient}").as_str());
    assert_eq!(door.newest("disclosed")["personal"]["patients"], serde_json::json!([patient]));

    let observation = format!(
        r#"{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},"subject":{{"reference":"{patient}"}}}}"#
    );
    door.good("POST", "/Observation", &observation);
    let found = door.good("GET", &format!("/Observation?subject={patient}"), "");
    assert_eq!(found["entry"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(door.newest("disclosed")["personal"]["patients"], serde_json::json!([patient]));
    let form = ["--data", "family=doe", "--header", "Accept: application/fhir+json"];
    let found = door.ask_with("POST", "/Patient/_search", "", &form);
    assert_eq!(json(&found)["entry"][0]["resource"]["id"], id.as_str(), "{}", found.text());
    // What a form asks for is recorded as if it stood behind the question mark.
    assert_eq!(door.newest("released")["personal"]["target"], "/Patient/_search?family=doe");

    let changed = PATIENT.replace('{', &format!(r#"{{"id":"{id}","#)).replacen(
        &format!(r#"{{"id":"{id}","system"#),
        r#"{"system"#,
        1,
    );
    let changed =
        changed.replace(&format!(r#"[{{"id":"{id}","family"#), r#"[{"family"#).replace("Doe", "Roe");
    assert_eq!(door.good("PUT", &format!("/{patient}"), &changed)["name"][0]["family"], "Roe");
    let patch = r#"[{"op":"replace","path":"/name/0/family","value":"Poe"}]"#;
    let patched = door.ask_with(
        "PATCH",
        &format!("/{patient}"),
        "",
        &["--header", "Content-Type: application/json-patch+json", "--data-binary", patch],
    );
    assert_eq!(json(&patched)["name"][0]["family"], "Poe", "{}", patched.text());
    let history = door.good("GET", &format!("/{patient}/_history"), "");
    assert_eq!(history["entry"].as_array().unwrap().len(), 3, "{history}");
    assert_eq!(door.newest("released")["body"]["interaction"], "history-instance");

    door.good("DELETE", &format!("/{patient}"), "");
    assert_eq!(door.newest("admitted")["personal"]["patients"], serde_json::json!([patient]));
    assert!([404, 410].contains(&door.ask("GET", &format!("/{patient}"), "").status));
}

#[test]
fn no_body_of_an_event_names_a_patient() {
    let gnupg = Gnupg::new();
    let (issuer, upstream) = (gnupg.issuer(), Upstream::start());
    let door =
        Door::before(upstream.url(), "actions = [\"create\", \"read\"]\nresources = [\"Patient\"]", &issuer);
    let made = json(&door.ask("POST", "/Patient", PATIENT));
    let id = made["id"].as_str().unwrap();
    door.ask("GET", &format!("/Patient/{id}"), "");
    for (method, path) in [
        ("DELETE", format!("/Patient/{id}")),
        ("GET", format!("/Patient?identifier={id}")),
        ("GET", format!("/Patient/{id}/Nothing")),
        ("GET", format!("/Patient/{id}/_history/../{id}")),
        ("GET", format!("/Patient/{id}?_unknown={id}")),
        ("PUT", format!("/Patient/{id}")),
    ] {
        let reply = door.ask(method, &path, "");
        assert!((400..500).contains(&reply.status), "{method} {path}: {}", reply.text());
    }
    for event in door.json(&["audit", "search"]) {
        assert!(!event["body"].to_string().contains(id), "{event}");
    }
}

#[test]
fn only_what_is_granted_is_done_and_a_refusal_is_an_operation_outcome() {
    let gnupg = Gnupg::new();
    let (issuer, upstream) = (gnupg.issuer(), Upstream::start());
    let extent = "actions = [\"create\", \"read\", \"search\"]\nresources = [\"Patient\", \"Organization\"]";
    let door = Door::before(upstream.url(), extent, &issuer);
    door.good("POST", "/Patient", PATIENT);
    door.good("GET", "/Patient?organization.name=x", "");
    for (method, path, body) in [
        ("GET", "/Observation", ""),
        ("GET", "/Patient?_revinclude=Observation:subject", ""),
        ("GET", "/Patient?_has:Observation:patient:code=x", ""),
        ("GET", "/Patient?general-practitioner.name=x", ""),
        ("GET", "/Patient?_include=*", ""),
        ("GET", "/?_type=Patient,Observation", ""),
        ("GET", "/", ""),
        ("GET", "/Patient/1/Observation", ""),
        ("GET", "/Patient/1/_history", ""),
        ("GET", "/Patient/1/$everything", ""),
        ("DELETE", "/Patient/1", ""),
        ("PUT", "/Patient/1", r#"{"resourceType":"Patient","id":"1"}"#),
    ] {
        let reply = door.ask(method, path, body);
        let said = outcome(&reply, 403, "forbidden");
        assert!(said.contains("nothing grants to "), "{method} {path}: {said}");
    }
    // Of a flood the first ten are recorded one by one.
    let refused = door.newest("request_refused");
    assert_eq!(refused["body"]["reason"], "restricted");
    assert_eq!(refused["body"]["path"], "/Patient/{id}/$everything");
    assert_eq!(refused["personal"]["patients"], serde_json::json!(["Patient/1"]));
    assert_eq!(refused["personal"]["target"], "/Patient/1/$everything");
}

#[test]
fn what_is_not_json_or_means_nothing_is_refused_in_so_many_words() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let upstream = StandIn::answering(|_, _| unreachable!("nothing of this goes upstream"));
    let door = Door::before(&format!("{}/fhir", upstream.url()), ALL, &issuer);
    let xml = ["--header", "Accept: application/fhir+xml"];
    assert!(outcome(&door.ask_with("GET", "/Patient/1", "", &xml), 406, "not-supported").contains("JSON"));
    outcome(&door.ask("GET", "/Patient/1?_format=xml", ""), 406, "not-supported");
    let xml = ["--header", "Content-Type: application/fhir+xml", "--data-binary", "<Patient/>"];
    outcome(&door.ask_with("POST", "/Patient", "", &xml), 415, "not-supported");
    outcome(&door.ask("GET", "/Nothing/1", ""), 404, "not-found");
    let reply = door.ask("DELETE", "/metadata", "");
    outcome(&reply, 405, "not-supported");
    assert_eq!(reply.field("allow"), Some("GET, HEAD"));
    outcome(
        &door.ask("POST", "/Patient", r#"{"resourceType":"Patient","resourceType":"Group"}"#),
        400,
        "invalid",
    );
    outcome(&door.ask("GET", "/Patient?_filter=x", ""), 400, "invalid");
    assert_eq!(upstream.received().len(), 0);
}

#[test]
fn nothing_of_the_callers_head_goes_upstream_but_conditions_and_wishes() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let upstream = StandIn::answering(|_, stream| {
        use std::io::Write as _;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n{\"resourceType\":\"Patient\"}")
    });
    let door = Door::before(&format!("{}/fhir", upstream.url()), ALL, &issuer);
    let mut more = Vec::new();
    for field in [
        "Cookie: session=secret",
        "X-Forwarded-For: 192.0.2.1",
        "X-HTTP-Method-Override: DELETE",
        "X-Remote-User: admin",
        "Accept-Encoding: gzip",
        "Accept: application/json",
        "If-None-Match: W/\"1\"",
        "Prefer: return=minimal",
    ] {
        more.extend(["--header", field]);
    }
    assert_eq!(door.ask_with("GET", "/Patient/1?_format=json&_summary=true", "", &more).status, 200);
    let received = upstream.received();
    assert_eq!(received[0].target, "/fhir/Patient/1?_summary=true");
    let mut fields: Vec<String> =
        received[0].fields.iter().map(|(name, value)| format!("{}: {value}", name.to_lowercase())).collect();
    fields.retain(|field| !field.starts_with("user-agent") && !field.starts_with("host"));
    fields.sort();
    assert_eq!(
        fields,
        [
            "accept-encoding: identity",
            "accept: application/fhir+json",
            "if-none-match: W/\"1\"",
            "prefer: return=minimal",
            "x-forwarded-for: 127.0.0.1",
        ]
    );
}
