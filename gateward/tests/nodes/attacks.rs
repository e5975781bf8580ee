//! Whoever pretends is refused, in the handshake or with the first request, and recorded with the reason.

use std::process::Command;

use rcgen::ExtendedKeyUsagePurpose;

use super::authority::{Authority, DAY, Machine, from_now, itself, params};
use super::connection::{Connection, shows};
use super::door::{Door, FILE, Knock, LONG};
use super::tools::run;

/// Where somebody is stopped.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stopped {
    InTheHandshake,
    AtTheRequest,
}
use Stopped::{AtTheRequest, InTheHandshake};

struct Attack {
    name: &'static str,
    shows: Option<Machine>,
    sends: &'static [&'static str],
    stopped: Stopped,
    reason: &'static str,
}

fn attack(name: &'static str, shows: Machine, stopped: Stopped, reason: &'static str) -> Attack {
    Attack { name, shows: Some(shows), sends: &[], stopped, reason }
}

/// Fields by which proxies tell servers who their client is.
const FORGED: &[&str] = &[
    "-H",
    "X-SSL-Client-Verify: SUCCESS",
    "-H",
    "X-SSL-Client-S-DN: CN=lab,O=Ministry of Health",
    "-H",
    "SSL_CLIENT_VERIFY: SUCCESS",
    "-H",
    "X-Client-Cert: lab",
    "-H",
    "X-Forwarded-Client-Cert: Subject=\"CN=lab\"",
    "-H",
    "X-OpenHIM-ClientID: lab",
    "-H",
    "x_openhim_clientid: lab",
    "-H",
    "X-Remote-User: lab",
    "-H",
    "Forwarded: for=127.0.0.1;by=lab",
    "-H",
    "X-Forwarded-For: 127.0.0.1",
];

fn attacks(door: &Door, revoked: Machine) -> Vec<Attack> {
    let ca = &door.authority;
    let with = |change: &dyn Fn(&mut rcgen::CertificateParams)| {
        let mut params = params("lab");
        change(&mut params);
        ca.issue(params)
    };
    let machine = ca.issue(params("lab"));
    let below = Authority::of(machine, params("lab"));
    vec![
        Attack {
            name: "no certificate",
            shows: None,
            sends: &[],
            stopped: AtTheRequest,
            reason: "no-certificate",
        },
        Attack {
            name: "forged identity headers",
            shows: None,
            sends: FORGED,
            stopped: AtTheRequest,
            reason: "no-certificate",
        },
        attack("itself, with a registered subject", itself(params("lab")), InTheHandshake, "unknown-ca"),
        attack(
            "another authority, with a registered subject",
            Authority::new("Other CA").issue(params("lab")),
            InTheHandshake,
            "unknown-ca",
        ),
        attack(
            "another authority of the same name",
            Authority::new("Node CA").issue(params("lab")),
            InTheHandshake,
            "bad-signature",
        ),
        attack(
            "a machine that plays the authority",
            below.issue(params("lab")),
            InTheHandshake,
            "unknown-ca",
        ),
        attack("right authority, wrong name", ca.issue(params("labs")), AtTheRequest, "not-registered"),
        attack("expired", with(&|params| params.not_after = from_now(-60)), InTheHandshake, "expired"),
        attack(
            "not yet valid",
            with(&|params| params.not_before = from_now(DAY)),
            InTheHandshake,
            "not-yet-valid",
        ),
        attack(
            "for servers",
            with(&|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
            InTheHandshake,
            "wrong-eku",
        ),
        attack("revoked", revoked, InTheHandshake, "revoked"),
    ]
}

fn is_refused(version: &str) {
    let (door, revoked) = Door::with_list(LONG, "", |ca| vec![ca.issue(params("lab"))]);
    let attacks = attacks(&door, revoked.into_iter().next().unwrap());
    let only = ["--tlsv1.2", "--tls-max", version, if version == "1.3" { "--tlsv1.3" } else { "--tlsv1.2" }];
    let before = door.reasons().len();
    for (at, attack) in attacks.iter().enumerate() {
        let arguments = [&only[..], attack.sends].concat();
        let knock = match &attack.shows {
            Some(machine) => door.knock(machine, &arguments),
            None => door.ask(&arguments),
        };
        match (&knock, attack.stopped) {
            (Knock::Answered(reply), AtTheRequest) => {
                assert_eq!(reply.status, 403, "{}: {}", attack.name, reply.text());
                // Nobody learns which certificates would be taken.
                assert!(!reply.text().contains("Node CA"), "{}", reply.text());
            }
            // What curl says of it depends on what it was sending just then; the record is exact.
            (Knock::TurnedAway(_), InTheHandshake) => {}
            _ => panic!("{} ({version}): {knock:?}", attack.name),
        }
        door.until(|| door.reasons().len() == before + at + 1);
        // One refusal is nobody else's.
        door.knock(&door.lab(), &only).is_let_in();
    }
    let reasons = door.reasons().split_off(before);
    let expected: Vec<&str> = attacks.iter().map(|attack| attack.reason).collect();
    assert_eq!(reasons, expected);
    for event in door.server.events("node_authentication_failed").iter().skip(before) {
        let shown = event["reason"] != "no-certificate";
        assert_eq!(event["fingerprint"].is_string(), shown, "{event}");
        assert!(
            event["offer"].is_object() || event["request"] == format!("GET {}", &FILE["/files".len()..]),
            "{event}"
        );
    }
}

#[test]
fn whoever_pretends_is_refused_over_tls_1_2() {
    is_refused("1.2");
}

#[test]
fn whoever_pretends_is_refused_over_tls_1_3() {
    is_refused("1.3");
}

#[test]
fn a_stolen_certificate_without_its_key_is_refused() {
    let door = Door::open();
    let lab = door.lab();
    Connection::new(&door.server, Some(shows(&lab, &lab))).get(FILE).unwrap();
    let thief = door.authority.issue(params("thief"));
    Connection::new(&door.server, Some(shows(&lab, &thief))).get(FILE).unwrap_err();
    door.last_turned_away_for("bad-signature");
}

#[test]
fn whoever_has_no_key_learns_nothing_of_a_certificate() {
    let door = Door::open();
    let (lab, thief) = (door.lab(), door.authority.issue(params("thief")));
    let strange = itself(params("lab"));
    let taken_out = itself(params("old"));
    let [_, file, ..] = taken_out.for_curl(door.server.path());
    door.server.command(&["node", "enroll", "old", "--certificate", &file]).good();
    door.server.command(&["node", "revoke", "old"]).good();
    // It acts within a second.
    std::thread::sleep(std::time::Duration::from_millis(1200));
    let before = door.reasons().len();
    for shown in [&lab, &strange, &taken_out] {
        Connection::new(&door.server, Some(shows(shown, &thief))).get(FILE).unwrap_err();
    }
    // Which of them is registered, was, or never was: one answer.
    door.until(|| door.reasons().len() == before + 3);
    assert_eq!(door.reasons()[before..], ["bad-signature"; 3]);
    for (shown, reason) in [(&strange, "unknown-ca"), (&taken_out, "revoked")] {
        Connection::new(&door.server, Some(shows(shown, shown))).get(FILE).unwrap_err();
        door.last_turned_away_for(reason);
    }
}

/// With TLS 1.3 a client's handshake is over before the server has seen its certificate: who never reads
/// would never know.
#[test]
fn with_tls_1_3_the_refusal_comes_after_the_client_believes_that_it_is_in() {
    let door = Door::open();
    let mut late = params("lab");
    late.not_after = from_now(-60);
    let (certificate, key) = door.authority.issue(late).files(door.server.path());
    let mut openssl = Command::new("openssl");
    openssl.args([
        "s_client",
        "-tls1_3",
        "-ign_eof",
        "-connect",
        &format!("localhost:{}", door.server.public),
    ]);
    openssl.arg("-cert").arg(certificate).arg("-key").arg(key);
    let said = run(&mut openssl, format!("GET {FILE} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    assert!(said.text().contains("New, TLSv1.3, Cipher is "), "{}", said.text());
    assert!(said.stderr.contains("alert certificate expired"), "{}", said.stderr);
    assert!(!said.text().contains("HTTP/1.1"), "{}", said.text());
    door.last_turned_away_for("expired");
}

/// Whoever makes client and server agree on less than both can is noticed by the client (RFC 8446 section
/// 4.1.3): the last bytes of the server's random number say that it could have done better.
#[test]
fn a_downgrade_to_tls_1_2_is_seen_by_clients_that_could_do_better() {
    let door = Door::open();
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-tls1_2", "-msg", "-connect", &format!("localhost:{}", door.server.public)]);
    let said = run(&mut openssl, b"").good();
    let bytes: String = said.text().split_whitespace().filter(|word| word.len() == 2).collect();
    assert!(bytes.contains("444f574e47524401"), "{}", said.text());
}
