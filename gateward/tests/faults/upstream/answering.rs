//! Upstreams that fail at any point of their answer: what the caller gets, and the record says the same.

use std::io;
use std::time::Duration;

use super::doors::{OPEN, ending, fdsn, patient, plain};
use super::records::records;
use super::stand_in::{Asked, StandIn, answer, head};
use crate::client::Head;
use crate::log::Log as _;
use crate::support::Installation;

const THING: &str = "/things/one";

/// More than is held whole before its first byte leaves.
const LONG: usize = 1024 * 1024;

/// Where an answer stops that begins well.
const MIDDLE: usize = 512 * 1024;

/// The caller of data gets this status; the record says that nothing else left, and why.
fn fails(
    conduct: impl Fn(&mut Asked) -> io::Result<()> + Send + Sync + 'static,
    status: u16,
) -> Installation {
    let upstream = StandIn::doing(conduct);
    let installation = fdsn(&patient(&upstream, 2));
    let _server = installation.serve();
    let before = installation.log().length();
    let failed = installation.client().ask("GET", OPEN, &[], b"").unwrap();
    assert_eq!(failed.status, status, "{}", failed.text());

    let events = installation.log().events_from(before);
    let released = events.iter().find(|event| event.kind() == "released").unwrap();
    assert!(failed.text().contains(released.text("transaction")), "{}", failed.text());
    let recorded = (released.text("delivery"), released.text("outcome"), &released.body["bytes"]);
    assert_eq!(recorded, ("upstream_failed", "failed", &0.into()), "{released:?}");
    assert_eq!(released.body["status"], status, "{released:?}");
    assert_eq!(released.text("grant"), "open", "{released:?}");
    assert!(!released.text("detail").is_empty(), "{released:?}");
    installation.log().check();
    installation
}

#[test]
fn what_fails_before_anything_can_leave_is_told_and_recorded_with_the_same_status() {
    let gone = |_: &mut Asked| Err(io::ErrorKind::ConnectionAborted.into());
    let silent = |asked: &mut Asked| {
        asked.wait_until_left();
        Ok(())
    };
    let endless = |asked: &mut Asked| {
        asked.say(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            asked.say(format!("X-Field: {}\r\n", "x".repeat(1000)).as_bytes())?;
        }
    };
    let page =
        |asked: &mut Asked| asked.say(&answer("200 OK", "Content-Type: text/html\r\n", b"<html>log in"));
    let half = |asked: &mut Asked| {
        let record = records("OP", "STA", 1);
        asked.say(&head("200 OK", "", record.len()))?;
        asked.say(&record[..1000])?;
        Err(io::ErrorKind::ConnectionAborted.into())
    };
    fails(gone, 502);
    fails(silent, 504);
    fails(endless, 502);
    fails(page, 502);
    fails(half, 502);
}

#[test]
fn a_record_that_nobody_asked_for_is_an_event_of_the_answer_that_it_stops() {
    let installation = fails(|asked| asked.say(&answer("200 OK", "", &records("RE", "STA", 1))), 502);
    let events = installation.log().events();
    let by = |kind: &str| {
        let mut its = events.iter().filter(|event| event.text("service") == "dataselect");
        its.find(|event| event.kind() == kind).unwrap()
    };
    assert_eq!(by("upstream_overstepped").text("transaction"), by("released").text("transaction"));
    assert!(by("upstream_overstepped").text("detail").contains("RE"), "{events:?}");
}

#[test]
fn a_record_that_nobody_asked_for_cuts_a_running_answer_before_itself() {
    let good = records("OP", "STA", 75);
    let mixed = [good.as_slice(), &records("RE", "STA", 1), &good].concat();
    let upstream = StandIn::saying(answer("200 OK", "", &mixed));
    let installation = fdsn(&patient(&upstream, 10));
    let _server = installation.serve();
    let before = installation.log().length();
    let mut connection = installation.client().connect().unwrap();
    connection.send("GET", OPEN, &[], b"").unwrap();
    let head = connection.head().unwrap();
    let mut came = Vec::new();
    connection.pour(&head, &mut came).unwrap_err();
    assert!(good.starts_with(&came), "{} bytes", came.len());

    let ended = ending(&installation, before);
    let alarm = installation.log().wait_for("upstream_overstepped", before, Duration::from_secs(1));
    assert_eq!(ended.text("delivery"), "upstream_failed");
    assert_eq!(alarm.text("transaction"), ended.text("transaction"));
    assert_eq!(ended.body["networks"], serde_json::json!({ "OP": good.len() }), "{ended:?}");
}

/// Reads an answer of a plain service as far as it comes.
fn begun(installation: &Installation) -> (Head, Vec<u8>, bool) {
    let (mut connection, head) = installation.client().begin(THING, &installation.login()).unwrap();
    let mut came = Vec::new();
    let is_whole = connection.pour(&head, &mut came).is_ok();
    (head, came, is_whole)
}

#[test]
fn an_answer_that_stops_in_the_middle_never_looks_whole() {
    let chunk = || [format!("{MIDDLE:x}\r\n").into_bytes(), vec![b'x'; MIDDLE], b"\r\n".to_vec()].concat();
    let chunked =
        move || [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(), chunk()].concat();
    let with_length = || [head("200 OK", "", LONG), vec![b'x'; MIDDLE]].concat();
    for (beginning, then_silent) in
        [(with_length(), false), (with_length(), true), (chunked(), false), (chunked(), true)]
    {
        let upstream = StandIn::doing(move |asked| {
            asked.say(&beginning)?;
            if then_silent {
                asked.wait_until_left();
            }
            Err(io::ErrorKind::ConnectionAborted.into())
        });
        let installation = plain(&patient(&upstream, 2), "");
        let _server = installation.serve();
        let before = installation.log().length();
        let (head, came, is_whole) = begun(&installation);
        assert_eq!((head.status, is_whole), (200, false));
        assert!(came.len() <= MIDDLE);
        let ended = ending(&installation, before);
        assert_eq!(
            (ended.text("delivery"), ended.text("outcome")),
            ("upstream_failed", "failed"),
            "{ended:?}"
        );
        let recorded = ended.body["bytes"].as_u64().unwrap();
        assert!(recorded >= came.len() as u64 && recorded <= MIDDLE as u64, "{ended:?}");
        installation.log().check_transactions();
    }
}

#[test]
fn an_upstream_that_is_slow_and_never_silent_is_waited_for() {
    const PIECES: usize = 8;
    let upstream = StandIn::doing(|asked| {
        asked.say(&head("200 OK", "", LONG))?;
        for _ in 0..PIECES {
            std::thread::sleep(Duration::from_millis(500));
            asked.say(&vec![b'x'; LONG / PIECES])?;
        }
        Ok(())
    });
    let installation = plain(&patient(&upstream, 2), "");
    let _server = installation.serve();
    let before = installation.log().length();
    let (head, came, is_whole) = begun(&installation);
    assert_eq!((head.status, came.len(), is_whole), (200, LONG, true));
    assert_eq!(ending(&installation, before).text("delivery"), "complete");
}

#[test]
fn a_plain_service_whose_upstream_does_not_answer_says_which_way_it_fails() {
    let nobody = StandIn::saying(Vec::new());
    let configured = patient(&nobody, 2);
    drop(nobody);
    let silent = StandIn::doing(|asked| {
        asked.wait_until_left();
        Ok(())
    });
    let gone = StandIn::doing(|_| Err(io::ErrorKind::ConnectionAborted.into()));
    for (upstream, status, retry_after) in
        [(configured, 503, Some("30")), (patient(&silent, 2), 504, None), (patient(&gone, 2), 502, None)]
    {
        let installation = plain(&upstream, "");
        let _server = installation.serve();
        let login = installation.login();
        let before = installation.log().length();
        let failed = installation.client().get(THING, &login).unwrap();
        assert_eq!((failed.status, failed.head.field("retry-after")), (status, retry_after));
        assert_eq!(failed.head.field("content-type"), Some("application/problem+json"));
        let ended = ending(&installation, before);
        assert_eq!((ended.text("delivery"), &ended.body["status"]), ("upstream_failed", &status.into()));
        assert!(failed.text().contains(ended.text("transaction")), "{}", failed.text());
    }
}
