//! Changes whose answers do not arrive: they are done once, and what they made is known all the same.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use super::cluster::patience::eventually;
use super::door::{ALL, Door};
use super::gnupg::Gnupg;
use super::stand_in::StandIn;

fn created(door: &Door) -> Vec<String> {
    let shown = door.json(&["audit", "search"]);
    let of_kind = shown.iter().filter(|event| event["body"]["kind"] == "resources_created");
    let created = of_kind.filter_map(|event| event["personal"]["created"].as_array());
    created.flatten().map(|resource| resource.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_change_that_is_asked_for_by_get_is_sent_once() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let count = AtomicUsize::new(0);
    let upstream = StandIn::answering(move |_, stream| {
        // The second finds that the connection ends under it.
        if count.fetch_add(1, Ordering::SeqCst) == 1 {
            return Err(std::io::ErrorKind::ConnectionAborted.into());
        }
        let body = r#"{"resourceType":"Patient","id":"1"}"#;
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    });
    let door = Door::before(&format!("{}/fhir", upstream.url()), ALL, &issuer);
    assert_eq!(door.ask("GET", "/Patient/1", "").status, 200);
    let reply = door.ask("GET", "/Patient/1/$purge", "");
    let purges = upstream.received().iter().filter(|one| one.target.ends_with("$purge")).count();
    assert_eq!((reply.status, purges), (502, 1), "{}", reply.text());
}

#[test]
fn what_was_made_is_known_and_the_alarm_raised_where_the_answer_to_a_change_is_refused() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let upstream = StandIn::answering(|_, stream| {
        let body = r#"{"resourceType":"Patient","id":"somebody"}"#;
        let fields = "Location: /fhir/Observation/9/_history/1\r\nContent-Type: application/fhir+json";
        write!(stream, "HTTP/1.1 201 Created\r\n{fields}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    });
    let door = Door::before(&format!("{}/fhir", upstream.url()), ALL, &issuer);
    assert_eq!(door.ask("POST", "/Observation", r#"{"resourceType":"Observation"}"#).status, 502);
    eventually("its end is recorded", Duration::from_secs(10), || !door.events("ended").is_empty());
    assert_eq!(created(&door), ["Observation/9"]);
    assert_eq!(door.events("upstream_overstepped").len(), 1);
}

#[test]
fn what_a_transaction_made_is_known_though_its_client_has_left() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let (asked, done): (Vec<String>, Vec<String>) = (0..400)
        .map(|id| {
            let resource = r#""resource":{"resourceType":"Observation"}"#;
            let filling = "x".repeat(1000);
            let asked = format!(r#"{{{resource},"request":{{"method":"POST","url":"Observation"}}}}"#);
            let location = format!("Observation/o{id}/_history/1");
            let response =
                format!(r#"{{"status":"201 Created","location":"{location}","etag":"{filling}"}}"#);
            (asked, format!(r#"{{"response":{response}}}"#))
        })
        .unzip();
    let bundle = |kind: &str, entries: &[String]| {
        format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{}]}}"#, entries.join(","))
    };
    let (upstream, tell) = StandIn::in_two_halves(bundle("transaction-response", &done));
    let door = Door::before(&format!("{}/fhir", upstream.url()), ALL, &issuer);
    let user = door.login().to_string();
    let file = door.file("bundle.json");
    std::fs::write(&file, bundle("transaction", &asked)).unwrap();
    let mut curl = std::process::Command::new("curl");
    curl.args([
        "--silent",
        "--max-time",
        "3",
        "--digest",
        "--user",
        &user,
        "--output",
        "/dev/null",
        "--cacert",
    ]);
    curl.arg(door.file("ca.pem")).args(["--header", "Content-Type: application/fhir+json", "--data-binary"]);
    let status = curl.arg(format!("@{}", file.display())).arg(door.url("/fhir/")).status().unwrap();
    assert_eq!(status.code(), Some(28), "curl leaves in the middle");
    tell.send(()).unwrap();
    eventually("its end is recorded", Duration::from_secs(20), || !door.events("ended").is_empty());
    assert_eq!(door.newest("ended")["body"]["delivery"], "cut");
    let expected: Vec<String> = (0..400).map(|id| format!("Observation/o{id}")).collect();
    assert_eq!(created(&door), expected);
}

#[test]
fn slow_transactions_leave_room_for_others() {
    const AT_ONCE: usize = 16;
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let (tell, go_on) = mpsc::channel::<()>();
    let go_on = Arc::new(Mutex::new(go_on));
    let count = AtomicUsize::new(0);
    let upstream = StandIn::answering(move |_, stream| {
        if count.fetch_add(1, Ordering::SeqCst) < AT_ONCE {
            assert_eq!(go_on.lock().unwrap().recv(), Ok(()));
        }
        let body = r#"{"resourceType":"OperationOutcome"}"#;
        write!(stream, "HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    });
    let door = Door::before(&format!("{}/fhir", upstream.url()), ALL, &issuer);
    let large = format!(r#"{{"resourceType":"Observation","text":{{"div":"{}"}}}}"#, "x".repeat(100_000));
    std::thread::scope(|scope| {
        let slow: Vec<_> =
            (0..AT_ONCE).map(|_| scope.spawn(|| door.ask("POST", "/Observation", &large).status)).collect();
        let all_asked = || upstream.received().len() == AT_ONCE;
        eventually("all of them are asked upstream", Duration::from_secs(20), all_asked);
        assert_eq!(door.ask("POST", "/Observation", &large).status, 201);
        (0..AT_ONCE).for_each(|_| tell.send(()).unwrap());
        assert!(slow.into_iter().all(|one| one.join().unwrap() == 201));
    });
}
