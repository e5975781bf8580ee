//! What happens here is sent to FHIR servers: to one that is not ours, to our own, and to such that refuse.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use audit_event::Event;
use serde_json::{Value, json};

use super::authority::{Authority, params};
use super::events::{beginning, feed, happen, told_from, until};
use super::server::curl;
use super::site::Site;
use super::stand_in::{Received, StandIn};
use super::upstream::Upstream;

/// A site whose events go to the FHIR server at `url`.
fn fed_to(url: &str) -> Site {
    Site::with(Authority::new("Node CA"), &format!("[audit]\nfeed = [\"fhir+{url}\"]\n"))
}

#[track_caller]
fn until_all_are_there(site: &Site) {
    until("all are there", site, || feed(site).unwrap()["waiting"] == 0);
}

/// Has everything sent once more, as after a crash before it was noted.
fn send_again(site: &Site, from: u64) {
    site.server.store().execute(&format!("UPDATE feed SET position = {from}"));
}

/// What a server keeps: the resources without what it gave them itself.
fn own(mut resource: Value) -> Value {
    let tags = resource["meta"]["tag"].as_array().unwrap();
    let id = tags.iter().find(|tag| tag["system"] == "urn:x-gateward:id").unwrap()["code"].clone();
    resource["id"] = id;
    resource.as_object_mut().unwrap().remove("meta");
    resource
}

fn sent_as(event: &Event) -> Value {
    let mut resource = audit_event::fhir::write(event);
    resource.as_object_mut().unwrap().remove("meta");
    resource
}

#[test]
fn a_fhir_server_of_others_has_every_event_once_though_it_is_sent_twice_and_we_are_killed_meanwhile() {
    let other = Upstream::start();
    let mut site = fed_to(other.url());
    let first = beginning(&site);
    happen(&site.server.config(), 600);
    until("some are there", &site, || feed(&site).unwrap()["position"].as_u64() > Some(first));
    site.server.kill();
    let Site { server, authority, tls, udp } = site;
    let site = Site { server: server.again(), authority, tls, udp };
    until_all_are_there(&site);
    send_again(&site, first);
    until_all_are_there(&site);
    let url = format!("{}/AuditEvent?_count=1000", other.url());
    let found: Value = serde_json::from_slice(&curl(&url, "/dev/null", &[], b"").body).unwrap();
    let kept: Vec<Value> =
        found["entry"].as_array().unwrap().iter().map(|entry| own(entry["resource"].clone())).collect();
    let sent = told_from(&site.server.config(), first);
    assert!(sent.len() >= 600);
    for event in &sent {
        let sent = sent_as(event);
        assert_eq!(kept.iter().filter(|kept| **kept == sent).count(), 1, "{sent}");
    }
    assert_eq!(kept.len(), sent.len());
}

#[test]
fn another_gateward_keeps_every_event_once_and_does_not_tell_it_on() {
    let told_on = StandIn::answering(|asked, stream| answer(stream, 200, &taken(asked)));
    let authority = Authority::new("Node CA");
    let (folder, lab) = (tempfile::tempdir().unwrap(), authority.issue(params("lab")));
    let (certificate, key) = lab.files(folder.path());
    let settings = format!("[audit]\nfhir = \"/audit/fhir\"\nfeed = [\"fhir+{}\"]\n", told_on.url());
    let other = Site::with(authority, &settings);
    other
        .server
        .command(&["grant", "create", "--node", "lab", "--service", "audit", "--action", "create"])
        .good();
    let site = Site::with(
        Authority::new("Another CA"),
        &format!(
            "[[audit.feed]]\nto = \"fhir+https://localhost:{}/audit/fhir\"\nca = \"{}\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
            other.server.public,
            other.server.file("ca.pem").display(),
            certificate.display(),
            key.display()
        ),
    );
    let first = beginning(&site);
    happen(&site.server.config(), 700);
    until_all_are_there(&site);
    send_again(&site, first);
    until_all_are_there(&site);
    let received = other.events("event_received");
    assert!(received.iter().all(|event| event["body"]["node"] == "lab"), "{received:?}");
    let kept: Vec<Value> = received
        .iter()
        .map(|event| own(serde_json::from_str(event["personal"]["resource"].as_str().unwrap()).unwrap()))
        .collect();
    let sent: Vec<Value> = told_from(&site.server.config(), first).iter().map(sent_as).collect();
    assert!(kept == sent, "{} of {}, or another order", kept.len(), sent.len());
    until_all_are_there(&other);
    let on: Vec<Value> =
        told_on.received().iter().flat_map(entries).map(|entry| own(entry["resource"].clone())).collect();
    assert!(!on.is_empty() && on.iter().all(|told| !sent.contains(told)), "{on:?}");
}

/// The entries of a batch.
fn entries(asked: &Received) -> Vec<Value> {
    let bundle: Value = serde_json::from_str(&asked.body).unwrap();
    bundle["entry"].as_array().unwrap().clone()
}

fn batch_response(responses: &[Value]) -> Value {
    let entries: Vec<Value> = responses.iter().map(|response| json!({ "response": response })).collect();
    json!({ "resourceType": "Bundle", "type": "batch-response", "entry": entries })
}

/// The answer that all of it is there now.
fn taken(asked: &Received) -> Value {
    batch_response(&entries(asked).iter().map(|_| json!({ "status": "201 Created" })).collect::<Vec<_>>())
}

fn answer(stream: &mut TcpStream, status: u16, said: &Value) -> std::io::Result<()> {
    let said = said.to_string();
    write!(stream, "HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n\r\n{said}", said.len())
}

/// Whether the server below never takes it.
fn is_unwelcome(entry: &Value) -> bool {
    ["Nr. 5: ", "Nr. 77: "].iter().any(|text| entry.to_string().contains(text))
}

#[track_caller]
fn has_all_but_the_unwelcome(site: &Site, first: u64, got: &[Value]) {
    let feed = feed(site).unwrap();
    assert_eq!((&feed["refused"], &feed["last_error"]), (&2.into(), &Value::Null), "{feed}");
    let refused = site.events("feed_refused");
    let named: BTreeSet<&str> = refused
        .iter()
        .flat_map(|event| event["body"]["events"].as_array().unwrap())
        .map(|id| id.as_str().unwrap())
        .collect();
    let sent = told_from(&site.server.config(), first);
    let unwelcome: Vec<&Event> =
        sent.iter().filter(|event| is_unwelcome(&audit_event::fhir::write(event))).collect();
    assert_eq!(named, unwelcome.iter().map(|event| event.id.as_ref().unwrap().as_str()).collect());
    assert!(refused[0]["personal"]["detail"].as_str().unwrap().contains("no thanks"), "{refused:?}");
    let mut seen = BTreeSet::new();
    let got: Vec<Value> = got
        .iter()
        .map(|resource| own(resource.clone()))
        .filter(|it| seen.insert(it["id"].to_string()))
        .collect();
    let rest: Vec<Value> = sent.iter().map(sent_as).filter(|event| !is_unwelcome(event)).collect();
    // What was asked meanwhile was recorded, and may be on its way.
    assert!(got.len() >= 298 && rest.starts_with(&got), "{} of {}, or another order", got.len(), rest.len());
}

#[test]
fn an_event_that_a_server_refuses_holds_up_no_other_and_is_named() {
    let no = json!({ "status": "422 Unprocessable", "outcome": { "text": "no thanks" } });
    let server = StandIn::answering(move |asked, stream| {
        let of_each =
            |entry: &Value| if is_unwelcome(entry) { no.clone() } else { json!({ "status": "201" }) };
        answer(stream, 200, &batch_response(&entries(asked).iter().map(of_each).collect::<Vec<_>>()))
    });
    let site = fed_to(&server.url());
    let first = beginning(&site);
    happen(&site.server.config(), 300);
    until_all_are_there(&site);
    let got: Vec<Value> = server.received().iter().flat_map(entries).collect();
    let got: Vec<Value> =
        got.iter().filter(|entry| !is_unwelcome(entry)).map(|entry| entry["resource"].clone()).collect();
    has_all_but_the_unwelcome(&site, first, &got);
}

#[test]
fn what_a_server_refuses_a_whole_batch_for_is_found() {
    let refuses = |asked: &Received| {
        let entries = entries(asked);
        entries.len() > 40 || entries.iter().any(is_unwelcome)
    };
    let server = StandIn::answering(move |asked, stream| match entries(asked).len() {
        41.. => answer(stream, 413, &json!({})),
        _ if refuses(asked) => answer(stream, 422, &json!({ "text": "no thanks" })),
        _ => answer(stream, 200, &taken(asked)),
    });
    let site = fed_to(&server.url());
    let first = beginning(&site);
    happen(&site.server.config(), 300);
    until_all_are_there(&site);
    let got: Vec<Value> =
        server.received().iter().filter(|asked| !refuses(asked)).flat_map(entries).collect();
    let got: Vec<Value> = got.iter().map(|entry| entry["resource"].clone()).collect();
    has_all_but_the_unwelcome(&site, first, &got);
}

#[test]
fn a_server_that_takes_nothing_is_waited_for_and_nothing_is_left_out() {
    for (status, said) in
        [(422, json!({ "text": "no" })), (401, json!({})), (503, json!({})), (200, json!({}))]
    {
        let server = StandIn::answering(move |_, stream| answer(stream, status, &said));
        let site = fed_to(&server.url());
        let first = beginning(&site);
        happen(&site.server.config(), 20);
        until("it fails", &site, || feed(&site).unwrap()["failing_since"].is_string());
        std::thread::sleep(Duration::from_secs(3));
        let listed = site.server.command(&["audit", "feeds", "--format", "json"]);
        let feed = listed.json().remove(0);
        assert_eq!(
            (listed.status, &feed["position"], &feed["refused"]),
            (1, &first.into(), &0.into()),
            "{feed}"
        );
        assert!(site.events("feed_refused").is_empty());
    }
}

#[test]
fn what_expires_before_a_place_took_it_is_said_to_be_missed_and_the_rest_comes() {
    let is_back = Arc::new(AtomicBool::new(false));
    let back = Arc::clone(&is_back);
    let server = StandIn::answering(move |asked, stream| {
        if back.load(Ordering::SeqCst) {
            answer(stream, 200, &taken(asked))
        } else {
            answer(stream, 503, &json!({}))
        }
    });
    let site = fed_to(&server.url());
    let first = beginning(&site);
    happen(&site.server.config(), 20);
    std::thread::sleep(Duration::from_millis(1100));
    let before = gateward::server::system::wall_clock().to_string();
    let lost =
        site.server.store().value("SELECT max(position) + 1 FROM event").parse::<u64>().unwrap() - first;
    let expired = site.server.command(&["audit", "expire", "--before", &before]).good();
    let warned = format!("does not have {lost} of these events yet");
    assert!(lost >= 20 && expired.stderr.contains(&warned), "{lost}: {}", expired.stderr);
    happen(&site.server.config(), 10);
    is_back.store(true, Ordering::SeqCst);
    until_all_are_there(&site);
    let missed = site.events("feed_missed");
    let counted: u64 = missed.iter().map(|event| event["body"]["events"].as_u64().unwrap()).sum();
    assert_eq!((missed[0]["body"]["from"].as_u64(), counted), (Some(first), lost), "{missed:?}");
    let got = server.received().last().map(entries).unwrap();
    assert!(got.iter().all(|entry| !entry.to_string().contains("\"gone\"")), "{got:?}");
    let numbered =
        server.received().iter().flat_map(entries).filter(|entry| entry.to_string().contains("Nr. ")).count();
    assert!(numbered >= 10);
}
