//! What changes something behind the door: recorded before the upstream sees the first byte of it.

use std::time::Duration;

use super::doors::{ending, patient, plain};
use super::stand_in::{StandIn, answer};
use crate::log::Log as _;
use crate::support::Installation;

const THING: &str = "/things/one";

fn post(installation: &Installation, login: &(String, String), body: &[u8]) -> crate::client::Answer {
    let mut connection = installation.client().connect().unwrap();
    let authorization = connection.authorization_to("POST", THING, login).unwrap();
    connection.send("POST", THING, &[&authorization], body).unwrap();
    connection.answer().unwrap()
}

#[test]
fn a_change_is_recorded_before_the_upstream_sees_a_byte_of_it() {
    let upstream = StandIn::saying(answer("201 Created", "", b"made"));
    let installation = plain(&patient(&upstream, 30), "");
    let _server = installation.serve();
    let login = installation.login();
    let mut connection = installation.client().connect().unwrap();
    let authorization = connection.authorization_to("POST", THING, &login).unwrap();
    let before = installation.log().length();

    let held = installation.store().hold();
    connection.send("POST", THING, &[&authorization], b"new").unwrap();
    assert!(connection.is_silent_for(Duration::from_secs(1)));
    assert_eq!(upstream.connections(), 0, "the upstream saw a change that is not recorded");
    assert_eq!(installation.log().length(), before);
    held.release();

    let answer = connection.answer().unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (201, b"made".as_slice()));
    assert_eq!(ending(&installation, before).text("delivery"), "complete");
    installation.log().check_transactions();
}

#[test]
fn an_upstream_that_sees_a_change_finds_it_in_the_record() {
    let installation =
        std::sync::Arc::new(std::sync::OnceLock::<crate::store_under_test::StoreUnderTest>::new());
    let store = std::sync::Arc::clone(&installation);
    // It looks as soon as it sees the head, before it takes the body or answers.
    let upstream = StandIn::doing(move |asked| {
        let events = store.get().unwrap().events();
        let admitted = events.iter().filter(|event| event.kind() == "admitted");
        let found: Vec<&str> = admitted.map(|event| event.text("method")).collect();
        let found = format!("{} {}", asked.head.method, found.join(" "));
        asked.body()?;
        asked.say(&answer("200 OK", "", found.as_bytes()))
    });
    let door = plain(&patient(&upstream, 30), "");
    installation.set(door.store()).unwrap();
    let _server = door.serve();
    let login = door.login();
    let answer = post(&door, &login, b"new");
    assert_eq!((answer.status, answer.text().as_str()), (200, "POST POST"));
    assert_eq!(upstream.heads().len(), 1, "a change is sent once");
}

#[test]
fn a_change_without_the_record_does_not_happen() {
    let upstream = StandIn::saying(answer("201 Created", "", b"made"));
    let installation = plain(&patient(&upstream, 30), "");
    let _server = installation.serve();
    let login = installation.login();
    let before = installation.log().length();

    let held = installation.store().hold();
    let refused = post(&installation, &login, b"new");
    assert_eq!(refused.status, 503, "{}", refused.text());
    held.release();
    installation.wait_until_ready();
    assert_eq!(upstream.connections(), 0, "it was changed all the same");
    let events = installation.log().events_from(before);
    assert!(events.iter().all(|event| event.kind() != "admitted"), "{events:?}");
}

#[test]
fn a_change_that_fails_upstream_is_told_and_recorded_as_failed() {
    let upstream = StandIn::doing(|asked| {
        asked.body()?;
        Err(std::io::ErrorKind::ConnectionAborted.into())
    });
    let installation = plain(&patient(&upstream, 30), "");
    let _server = installation.serve();
    let login = installation.login();
    let before = installation.log().length();

    let failed = post(&installation, &login, b"new");
    assert_eq!(failed.status, 502, "{}", failed.text());
    let admitted = installation.log().wait_for("admitted", before, Duration::from_secs(1));
    let ended = ending(&installation, before);
    assert_eq!(ended.text("transaction"), admitted.text("transaction"));
    assert!(failed.text().contains(ended.text("transaction")), "{}", failed.text());
    let told = (ended.text("delivery"), &ended.body["status"], &ended.body["bytes"], ended.text("outcome"));
    assert_eq!(told, ("upstream_failed", &502.into(), &0.into(), "failed"));
    assert_eq!(upstream.heads().len(), 1, "a change is sent once");
}

#[test]
fn the_end_of_a_change_that_failed_is_recorded_once_it_can_be() {
    let (fail, failing) = std::sync::mpsc::channel::<()>();
    let failing = std::sync::Mutex::new(failing);
    let upstream = StandIn::doing(move |asked| {
        asked.body()?;
        failing.lock().unwrap().recv().unwrap();
        Err(std::io::ErrorKind::ConnectionAborted.into())
    });
    let installation = plain(&patient(&upstream, 30), "");
    let _server = installation.serve();
    let login = installation.login();
    let before = installation.log().length();
    let mut connection = installation.client().connect().unwrap();
    let authorization = connection.authorization_to("POST", THING, &login).unwrap();
    connection.send("POST", THING, &[&authorization], b"new").unwrap();
    installation.log().wait_for("admitted", before, Duration::from_secs(5));

    let held = installation.store().hold();
    fail.send(()).unwrap();
    let failed = connection.answer().unwrap();
    assert_eq!(failed.status, 502, "{}", failed.text());
    // Longer than the store itself waits.
    installation.wait_until_not_ready();
    held.release();
    assert_eq!(ending(&installation, before).text("delivery"), "upstream_failed");
    installation.log().check_transactions();
}

#[test]
fn a_change_at_an_upstream_that_is_not_there_is_told_and_recorded_as_failed() {
    let upstream = StandIn::saying(Vec::new());
    let configured = patient(&upstream, 30);
    drop(upstream);
    let installation = plain(&configured, "");
    let _server = installation.serve();
    let login = installation.login();
    let before = installation.log().length();

    let failed = post(&installation, &login, b"new");
    assert_eq!((failed.status, failed.head.field("retry-after")), (503, Some("30")), "{}", failed.text());
    let ended = ending(&installation, before);
    assert_eq!((ended.text("delivery"), &ended.body["status"]), ("upstream_failed", &503.into()));
}

#[test]
fn a_change_that_is_answered_with_nothing_is_complete() {
    for status in ["200 OK", "201 Created", "204 No Content"] {
        let fields = if status.starts_with("204") { "" } else { "Content-Length: 0\r\n" };
        let upstream = StandIn::saying(format!("HTTP/1.1 {status}\r\n{fields}\r\n").into_bytes());
        let installation = plain(&patient(&upstream, 30), "");
        let _server = installation.serve();
        let login = installation.login();
        let before = installation.log().length();

        let mut connection = installation.client().connect().unwrap();
        let authorization = connection.authorization_to("DELETE", THING, &login).unwrap();
        connection.send("DELETE", THING, &[&authorization], b"").unwrap();
        let answer = connection.answer().unwrap();
        assert!(status.starts_with(&answer.status.to_string()), "{answer:?}");
        let ended = ending(&installation, before);
        assert_eq!(ended.text("delivery"), "complete", "{status}: {ended:?}");
        // Nothing was wrong with the connection, either.
        connection.send("GET", "/version", &[], b"").unwrap();
        assert_eq!(connection.answer().unwrap().status, 200, "{status}");
    }
}
