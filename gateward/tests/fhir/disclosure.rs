//! What an answer names is on the disk before it leaves, and what cannot be read does not leave.

use std::io::{Read as _, Write};
use std::time::{Duration, Instant};

use super::door::{ALL, Door, outcome};
use super::gnupg::Gnupg;
use super::stand_in::StandIn;

/// Says this, whole.
fn says(stream: &mut impl Write, kind: &str, body: &[u8]) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len())?;
    stream.write_all(body)
}

fn entry(id: usize, filling: usize) -> String {
    let filling = "x".repeat(filling);
    format!(r#"{{"resource":{{"resourceType":"Patient","id":"p{id}","text":{{"div":"{filling}"}}}}}}"#)
}

fn bundle(entries: &[String]) -> String {
    format!(r#"{{"resourceType":"Bundle","type":"searchset","entry":[{}]}}"#, entries.join(","))
}

#[test]
fn every_patient_of_a_long_answer_is_recorded_and_the_answer_is_unchanged() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let said = bundle(&(0..1500).map(|id| entry(id, 600)).collect::<Vec<_>>());
    let body = said.clone();
    let upstream =
        StandIn::answering(move |_, stream| says(stream, "application/fhir+json", body.as_bytes()));
    let door = Door::before(&format!("{}/fhir", upstream.url()), ALL, &issuer);
    let reply = door.ask("GET", "/Patient", "");
    assert_eq!((reply.status, reply.text() == said), (200, true));
    let named = door.named_in(&door.newest("admitted")["body"]["transaction"]);
    let expected: Vec<String> = (0..1500).map(|id| format!("Patient/p{id}")).collect();
    assert_eq!(named, expected);
    let begun = Instant::now();
    while door.events("ended").is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    assert_eq!(door.newest("ended")["body"]["patients"], 1500);
}

/// The upstream stops in the middle; whatever has left by then is recorded by then.
#[test]
fn a_patient_is_recorded_before_the_piece_that_names_them_leaves() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let said = bundle(&(0..300).map(|id| entry(id, 1000)).collect::<Vec<_>>());
    let half = said.len() / 2;
    let (upstream, tell) = StandIn::in_two_halves(said);
    let door = Door::before(&format!("{}/fhir", upstream.url()), ALL, &issuer);
    let user = door.login().to_string();
    let mut curl = std::process::Command::new("curl");
    curl.args(["--silent", "--no-buffer", "--digest", "--user", &user, "--cacert"]).arg(door.file("ca.pem"));
    let mut curl =
        super::tools::start(curl.arg(door.url("/fhir/Patient")).stdout(std::process::Stdio::piped()));
    let mut left = vec![0; half - 2 * 1024];
    curl.stdout.as_mut().unwrap().read_exact(&mut left).unwrap();
    let named = door.named_in(&door.newest("admitted")["body"]["transaction"]);
    let left = String::from_utf8(left).unwrap();
    let last = left.matches("\"id\":").count();
    assert!(last > 100 && named.len() >= last, "{last} left, {} recorded", named.len());
    // What has not come to its end is nobody's yet.
    assert!(named.len() < 160, "{}", named.len());
    tell.send(()).unwrap();
    drop(curl.stdout.take().unwrap().read_to_end(&mut Vec::new()));
    assert!(curl.wait().unwrap().success());
}

#[test]
fn what_cannot_be_looked_into_is_refused_before_its_first_byte() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let answers: Vec<(&str, Vec<u8>)> = vec![
        (
            "application/fhir+xml",
            b"<Patient xmlns=\"http://hl7.org/fhir\"><id value=\"1\"/></Patient>".to_vec(),
        ),
        ("application/pdf", b"%PDF-1.4".to_vec()),
        ("application/fhir+json", br#"{"resourceType":"Patient","id":"1","id":"2"}"#.to_vec()),
        ("application/fhir+json", br#"{"resourceType":"Patient","id":"1""#.to_vec()),
        ("application/fhir+json", br#"{"resourceType":"Practitioner","id":"1"}"#.to_vec()),
        (
            "application/fhir+json",
            format!(r#"{{"resourceType":"Patient","x":"{}"}}"#, "x".repeat(2 << 20)).into_bytes(),
        ),
    ];
    for (kind, body) in answers {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let upstream = StandIn::answering(move |_, stream| says(stream, kind, &body));
        let door = Door::before(&format!("{}/fhir", upstream.url()), ALL, &issuer);
        outcome(&door.ask("GET", "/Patient/1", ""), 502, "exception");
        assert_eq!(door.newest("released")["body"]["status"], 502, "{shown}");
    }
}

#[test]
fn a_resource_that_nobody_asked_for_is_an_alarm_in_an_error_too() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let upstream = StandIn::answering(|_, stream| {
        let body = r#"{"resourceType":"Practitioner","id":"1"}"#;
        write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    });
    let door = Door::before(&format!("{}/fhir", upstream.url()), ALL, &issuer);
    assert_eq!(door.ask("GET", "/Patient/1", "").status, 404);
    assert!(door.newest("upstream_overstepped")["body"]["detail"].as_str().unwrap().contains("Practitioner"));
}

#[test]
fn an_answer_is_cut_where_an_entry_is_too_large_and_nothing_of_that_leaves() {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let said = bundle(&[entry(1, 70_000), entry(2, 70_000), entry(3, 2 << 20), entry(4, 10)]);
    let upstream =
        StandIn::answering(move |_, stream| says(stream, "application/fhir+json", said.as_bytes()));
    let door = Door::before(&format!("{}/fhir", upstream.url()), ALL, &issuer);
    let user = door.login().to_string();
    let mut curl = std::process::Command::new("curl");
    curl.args(["--silent", "--digest", "--user", &user, "--cacert"]).arg(door.file("ca.pem"));
    let ran = super::tools::run(curl.arg(door.url("/fhir/Patient")), b"");
    assert_ne!(ran.status, 0);
    assert!(ran.text().contains("\"p1\"") && ran.text().contains("\"p2\""));
    assert!(!ran.text().contains("\"p3\"") && !ran.text().contains("\"p4\""));
    let named = door.named_in(&door.newest("admitted")["body"]["transaction"]);
    assert_eq!(named, ["Patient/p1", "Patient/p2"]);
}
