//! The log as a FHIR repository of AuditEvents (IHE ITI-81 and the feed), on both stores.

use gateward::base::address::ClientAddress;
use gateward::cli::demo::client::Client;
use gateward::flows::audit::Observer;
use gateward::flows::audit::question::Question;
use gateward::flows::audit::receive::{keep, look_at};
use gateward::flows::audit::search::{Error, LOOKED_AT, search};
use gateward::flows::retention;
use gateward::store::audit_term::{self, Place, Term};
use gateward::store::{Change, CommitError, event};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::Installation;
use crate::tampering::make_index_anew;

const DAY: SignedDuration = SignedDuration::from_hours(24);

async fn asked(door: &Installation, path: &str) -> (u16, Value) {
    let answer = door.operators(path).await;
    let text = answer.text();
    let resource = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: {text}"));
    (answer.status.as_u16(), resource)
}

async fn found(door: &Installation, query: &str) -> Vec<Value> {
    let (status, bundle) = asked(door, &format!("/fhir/AuditEvent?date=ge2020&{query}")).await;
    assert_eq!(status, 200, "{query}: {bundle}");
    assert_eq!((&bundle["resourceType"], &bundle["type"]), (&"Bundle".into(), &"searchset".into()));
    bundle["entry"].as_array().into_iter().flatten().map(|entry| entry["resource"].clone()).collect()
}

fn kind(resource: &Value) -> &str {
    resource["subtype"].as_array().unwrap().last().unwrap()["code"].as_str().unwrap()
}

async fn with_events() -> (Installation, String) {
    let door = Installation::open().await;
    let login = door.exchange(&door.token("a@example.org", "/epos/demo", DAY)).await;
    assert_eq!(door.fetch(&login).await.status, 200);
    let other = door.exchange(&door.token("b@example.org", "/epos/other", DAY)).await;
    assert_eq!(door.fetch(&other).await.status, 403);
    (door, login.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_parameter_finds_what_it_should_and_nothing_else() {
    let (door, login) = with_events().await;
    for (query, kinds) in [
        (format!("agent.identifier={login}&_sort=date"), &["exchanged", "released"][..]),
        (format!("agent.identifier=urn:x-gateward:login%7C{login}&type=110106"), &["released"]),
        (format!("agent.identifier=urn:x-gateward:user%7C{login}"), &[]),
        (
            "type=http://dicom.nema.org/resources/ontology/DCM%7C110113&subtype=110132".into(),
            &["request_refused"],
        ),
        ("outcome=4".into(), &["request_refused"]),
        ("outcome=4,8,12&action=E".into(), &["request_refused"]),
        (
            "subtype=released,exchanged&_sort=date".into(),
            &["exchanged", "released", "exchanged", "released", "exchanged"],
        ),
        ("subtype=released&agent-name=nobody".into(), &[]),
        ("subtype=released&address=127.0.".into(), &["released", "released"]),
        ("subtype=released&address=127.0.0.".into(), &["released", "released"]),
        ("subtype=released&address=127.0.1".into(), &[]),
        ("subtype=released&entity-role=4&entity-type=2".into(), &["released", "released"]),
        ("subtype=released&patient=Patient/1".into(), &[]),
        ("subtype=started&agent-role=110151".into(), &["started", "started"]),
        ("subtype=released&unheard-of=x".into(), &["released", "released"]),
    ] {
        let found = found(&door, &query).await;
        assert_eq!(found.iter().map(kind).collect::<Vec<_>>(), kinds, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_stable_links_while_the_log_grows() {
    let (door, _) = with_events().await;
    let (_, all) = asked(&door, "/fhir/AuditEvent?date=ge2020&_summary=count").await;
    let (total, mut ids) = (all["total"].as_u64().unwrap() + 1, Vec::new());
    assert!(all["entry"].is_null());
    let mut path = "/fhir/AuditEvent?date=ge2020&_count=3&color=red".to_owned();
    let on_the_last = loop {
        let (status, bundle) = asked(&door, &path).await;
        assert_eq!(status, 200, "{bundle}");
        let links = bundle["link"].as_array().unwrap();
        assert!(!links[0]["url"].as_str().unwrap().contains("color"), "{links:?}");
        let entries = bundle["entry"].as_array().unwrap();
        assert!((1..=3).contains(&entries.len()));
        let many = entries.len();
        ids.extend(entries.iter().map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()));
        let Some(next) = links.iter().find(|link| link["relation"] == "next") else { break many };
        let url = next["url"].as_str().unwrap();
        path = url[url.find("/fhir/").unwrap()..].to_owned();
    };
    // Each page was recorded, and the request for it: none of that came among the pages of the first.
    assert_eq!(ids.len() as u64, total + 1, "the count and its own record stand there, too");
    assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), ids.len());
    let read = door.bodies("log_read");
    assert!(read.iter().all(|read| read["how"] == "fhir" && read["who"] == "operator"), "{read:?}");
    assert_eq!(read.last().unwrap()["events"], on_the_last);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_is_read_by_its_id_and_nothing_changes_it() {
    let (door, _) = with_events().await;
    let first = found(&door, "subtype=released").await.remove(0);
    let (status, read) = asked(&door, &format!("/fhir/AuditEvent/{}", first["id"].as_str().unwrap())).await;
    assert_eq!((status, read), (200, first));
    for (path, status) in [
        ("/fhir/AuditEvent", 400),
        ("/fhir/AuditEvent?type=rest", 400),
        ("/fhir/AuditEvent?date=yesterday", 400),
        ("/fhir/AuditEvent?date=2026&agent:missing=true", 400),
        ("/fhir/AuditEvent?date=2026&_sort=type", 400),
        ("/fhir/AuditEvent?date=2026&_cursor=1", 400),
        ("/fhir/AuditEvent?date=2026&type=urn:x%7C", 400),
        ("/fhir/AuditEvent?date=2026&_format=xml", 406),
        ("/fhir/AuditEvent/nothing", 404),
        ("/fhir/AuditEvent/00000000-0000-7000-8000-000000000000", 404),
        ("/fhir/Patient/1", 404),
        ("/fhir/AuditEvent/_search", 405),
    ] {
        let (answered, outcome) = asked(&door, path).await;
        assert_eq!(answered, status, "{path}: {outcome}");
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{path}");
    }
    let (_, statement) = asked(&door, "/fhir/metadata").await;
    let parameters = statement["rest"][0]["resource"][0]["searchParam"].as_array().unwrap();
    assert_eq!(parameters.len(), 24, "{parameters:?}");
}

/// Else the end of a long one could hide whom it is about.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_is_too_long_to_be_recorded_whole_is_not_answered() {
    let (door, _) = with_events().await;
    let padded = |times| {
        let padding = format!("altid={}&", "a".repeat(1000)).repeat(times);
        format!("/fhir/AuditEvent?date=ge2020&{padding}patient=4711")
    };
    let (status, bundle) = asked(&door, &padded(8)).await;
    assert_eq!(status, 200, "{bundle}");
    let mut read = door.events().into_iter().rev().filter(|event| event.body().contains("\"log_read\""));
    let recorded = read.next().unwrap().personal.unwrap();
    assert!(recorded.contains("patient=4711"), "{recorded}");
    let (status, outcome) = asked(&door, &padded(9)).await;
    assert_eq!((status, &outcome["resourceType"]), (400, &"OperationOutcome".into()), "{outcome}");
    assert!(outcome.to_string().contains("8192 bytes"), "{outcome}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_log_in_is_told_so_as_clients_of_fhir_read_it() {
    let door = Installation::open().await;
    let ca = std::fs::read_to_string(door.path("ca.pem")).unwrap();
    for (path, says) in [("/fhir/AuditEvent?date=2026", "OperationOutcome"), ("/", "who-are-you")] {
        let mut connection = Client::trusting(&ca).unwrap().connect(door.bound().admin).await.unwrap();
        let answer = connection.get(path, None).await.unwrap();
        assert_eq!(answer.status.as_u16(), 401, "{path}");
        assert!(answer.text().contains(says), "{path}: {}", answer.text());
        assert!(answer.fields["www-authenticate"].to_str().unwrap().starts_with("Basic "), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_finds_what_nobody_has_indexed_yet() {
    let (mut door, _) = with_events().await;
    door.stop().await;
    let flow = door.door().await;
    for _ in 0..200 {
        flow.recorder.note_failure(door.now(), "a test");
        flow.recorder.close_gap(door.now()).await.unwrap();
    }
    let asked = [("date", "ge2020"), ("subtype", "gap"), ("_count", "500")];
    let asked = Question::read(&asked.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap();
    let found = search(&flow, &Observer::new("here"), &asked, LOOKED_AT).await.unwrap();
    assert_eq!(found.resources.len(), 200);
}

/// The index knows how the names begin, and these begin alike.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_is_counted_whole_or_not_at_all() {
    let door = Installation::open().await;
    let flow = door.door().await;
    let lab = "lab".parse().unwrap();
    for name in ["Anna", "Anne"] {
        let received: Vec<_> = (0..300)
            .map(|number| look_at(&named(&format!("{name}-{number}"), name).to_string()).unwrap())
            .collect();
        let address = ClientAddress::new([127, 0, 0, 1].into());
        keep(&flow, &lab, &received, address, None, door.now()).await.unwrap();
    }
    let count = async |name: &str, most: usize| {
        let asked = [("date", "ge2020"), ("agent-name", name), ("_summary", "count")];
        let asked = Question::read(&asked.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap();
        search(&flow, &Observer::new("here"), &asked, most).await.map(|found| found.total)
    };
    assert_eq!(count("anna", 600).await.unwrap(), Some(300));
    assert_eq!(count("ann", 600).await.unwrap(), Some(600));
    for name in ["anna", "ann", "anx"] {
        assert!(matches!(count(name, 599).await, Err(Error::TooMuch)), "{name}");
    }
    assert_eq!(count("an", 1).await.unwrap(), Some(600), "the index alone tells");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_somebody_changed_is_made_anew_from_the_events() {
    let (door, _) = with_events().await;
    let asked = "subtype=exchanged";
    let before = found(&door, asked).await;
    assert!(!before.is_empty());
    door.database().execute("DELETE FROM audit_term");
    assert!(found(&door, asked).await.is_empty(), "what is not in the index is not found");
    make_index_anew(&door);
    assert_eq!(found(&door, asked).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_erased_while_it_was_indexed_stays_out_of_the_index() {
    let (mut door, _) = with_events().await;
    // Nobody else indexes, and something is left to index.
    door.stop().await;
    let flow = door.door().await;
    flow.recorder.note_failure(door.now(), "a test");
    flow.recorder.close_gap(door.now()).await.unwrap();
    let reader = &flow.store.reader;
    let from = audit_term::end(reader).await.unwrap();
    let page = event::from(reader, from.unsigned_abs(), 100).await.unwrap();
    let (to, last) = (from + i64::try_from(page.len()).unwrap(), page.last().unwrap().position);
    let parts =
        page.iter().map(|event| i64::from(event.body.is_some()) + i64::from(event.personal.is_some()));
    let place = Place { at_us: 0, position: last.cast_signed(), part: 0 };
    let terms = vec![Term { term: 1, place }];
    let add = audit_term::Add { from, to, parts: parts.sum(), terms };
    retention::expire(&flow, door.now() + DAY, Some("os:karl"), door.now()).await.unwrap();
    let added = flow.recorder.behind(Change::AddAuditTerms(add), Vec::new()).await;
    assert!(matches!(added, Err(CommitError::Precondition)), "{added:?}");
    assert_eq!(audit_term::end(reader).await.unwrap(), from);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_an_event_is_still_found_and_by_nothing_that_was_erased() {
    let (door, _) = with_events().await;
    // This question names somebody, and is recorded.
    found(&door, "agent-name=a@example.org").await;
    let asked = found(&door, "subtype=log_read&address=127.").await.remove(0);
    let flow = door.door().await;
    retention::erase(&flow, "a@example.org", "os:karl", door.now()).await.unwrap();
    let has = |found: &[Value]| found.iter().any(|event| event["id"] == asked["id"]);
    assert!(has(&found(&door, "subtype=log_read").await));
    assert!(!has(&found(&door, "subtype=log_read&address=127.").await));
    assert_eq!(audit_term::again(&flow.store.reader).await.unwrap(), None);
}

/// An event of another machine, whose agent has this name.
fn named(id: &str, name: &str) -> Value {
    json!({
        "resourceType": "AuditEvent", "id": id, "recorded": "2026-01-05T10:00:00Z",
        "type": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110110"},
        "agent": [{"name": name, "requestor": true}], "source": {"observer": {"display": "lab"}},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_machine_sent_is_kept_once_and_found_as_it_came() {
    let door = Installation::open().await;
    let flow = door.door().await;
    let sent = json!({
        "resourceType": "AuditEvent", "id": "theirs-1", "recorded": "2026-01-05T10:00:00Z", "action": "R",
        "type": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "110110"},
        "agent": [{"who": {"display": "Dr. Ö"}, "requestor": true}], "source": {"observer": {"display": "lab"}},
        "entity": [{"what": {"reference": "Patient/77"}}],
    });
    let lab = "lab".parse().unwrap();
    let address = ClientAddress::new([127, 0, 0, 1].into());
    for again in [false, true] {
        let looked_at = look_at(&sent.to_string()).unwrap();
        let kept = keep(&flow, &lab, &[looked_at], address, None, door.now()).await.unwrap();
        assert_eq!(kept[0].again, again);
    }
    let received = door.bodies("event_received");
    assert_eq!(received.len(), 1);
    assert_eq!((&received[0]["who"], &received[0]["received_id"]), (&"node:lab".into(), &"theirs-1".into()));
    let (_, bundle) = asked(&door, "/fhir/AuditEvent?date=2026-01-05&patient=77").await;
    let mut kept = bundle["entry"][0]["resource"].clone();
    assert_ne!(kept["id"], "theirs-1", "the id is ours: another machine may have the same");
    kept["id"] = "theirs-1".into();
    assert_eq!(kept, sent);
}
