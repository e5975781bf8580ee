//! The fixed credential that an upstream is shown when it asks for one.

use http_digest::{Credentials, NonceKey, NonceKeys, Offer, ProtectionSpace, Request, Verdict};

use super::doors::{OPEN, RESTRICTED, fdsn, plain};
use super::records::records;
use super::stand_in::{Asked, Head, StandIn, answer};
use crate::support::Installation;

/// What the file has, and what the upstream knows.
const LOGIN: &str = "gateward:open: sesame";

/// Answers whoever shows the credential, and asks everybody else.
fn asking(ask: fn() -> String, is_shown: fn(&Head) -> bool) -> StandIn {
    StandIn::doing(move |asked: &mut Asked| {
        asked.body()?;
        if is_shown(&asked.head) {
            let network = if asked.head.target.contains("network=OP") { "OP" } else { "RE" };
            return asked.say(&answer("200 OK", "", &records(network, "STA", 1)));
        }
        asked.say(&answer("401 Unauthorized", &format!("WWW-Authenticate: {}\r\n", ask()), b"who?"))
    })
}

fn asking_basic() -> StandIn {
    asking(
        || "Basic realm=\"inside\", charset=\"UTF-8\"".into(),
        |head| {
            let expected = format!("Basic {}", data_encoding::BASE64.encode(LOGIN.as_bytes()));
            head.field("authorization") == Some(&expected)
        },
    )
}

fn with_space<T>(ask: impl FnOnce(&ProtectionSpace<'_>) -> T) -> T {
    let realm = "inside".parse().unwrap();
    let keys = NonceKeys::new(NonceKey::new([7; 32]), vec![]);
    ask(&ProtectionSpace { service: "inside", realm: &realm, keys: &keys, offer: Offer::Md5AndSha256 })
}

fn asking_digest() -> StandIn {
    asking(
        || {
            let now = gateward::server::system::wall_clock();
            with_space(|space| space.challenges(now, [42; 12], false).join(", "))
        },
        |head| {
            let Some(credentials) =
                head.field("authorization").map(|shown| Credentials::parse(shown).unwrap())
            else {
                return false;
            };
            let (login, password) = LOGIN.split_once(':').unwrap();
            let ha1 = (credentials.login() == login).then(|| credentials.ha1(password));
            let request = Request { method: &head.method, target: &head.target };
            let now = gateward::server::system::wall_clock();
            let verdict = with_space(|space| space.verify(&credentials, request, ha1.as_ref(), now));
            matches!(verdict, Verdict::Right(_))
        },
    )
}

fn with_credential(upstream: &StandIn) -> String {
    format!("{{ url = \"{}\", timeout = \"10s\", credential = \"upstream.login\" }}", upstream.url())
}

fn write_credential(installation: &Installation, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = installation.path("upstream.login");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn shows_it_once_it_is_asked(upstream: &StandIn) {
    let installation = fdsn(&with_credential(upstream));
    write_credential(&installation, &format!("{LOGIN}\n"));
    let server = installation.serve();
    let login = installation.login();
    let client = installation.client();
    assert_eq!(client.ask("GET", OPEN, &[], b"").unwrap().status, 200);
    assert_eq!(upstream.heads().len(), 2, "asked, and shown");
    assert_eq!(client.get(RESTRICTED, &login).unwrap().status, 200);
    assert_eq!(client.get(RESTRICTED, &login).unwrap().status, 200);
    // What was asked once is answered from then on.
    assert_eq!(upstream.heads().len(), 4);
    let heads = format!("{:?}", upstream.heads());
    assert!(!heads.contains(&login.0), "the caller's own answer went upstream: {heads}");
    assert!(!server.said().contains("sesame"), "{}", server.said());
}

#[test]
fn an_upstream_that_asks_for_basic_is_shown_the_credential() {
    shows_it_once_it_is_asked(&asking_basic());
}

#[test]
fn an_upstream_that_asks_for_digest_is_shown_proof_of_the_credential() {
    shows_it_once_it_is_asked(&asking_digest());
}

#[test]
fn a_wrong_credential_is_shown_once_a_request_and_the_caller_is_not_asked_for_another() {
    for upstream in [asking_basic(), asking_digest()] {
        let installation = fdsn(&with_credential(&upstream));
        write_credential(&installation, "gateward:wrong");
        let _server = installation.serve();
        for _ in 0..3 {
            let before = upstream.heads().len();
            let failed = installation.client().ask("GET", OPEN, &[], b"").unwrap();
            assert_eq!(failed.status, 502, "{}", failed.text());
            assert_eq!(failed.head.field("www-authenticate"), None);
            let tried = upstream.heads().len() - before;
            assert!(tried <= 2, "asked {tried} times: more than once without it and once with it");
        }
    }
}

#[test]
fn a_change_is_shown_the_credential_too() {
    let upstream = asking_basic();
    let installation = plain(&with_credential(&upstream), "");
    write_credential(&installation, LOGIN);
    let _server = installation.serve();
    let login = installation.login();
    let client = installation.client();
    // The upstream has asked before.
    assert_eq!(client.get("/things/one", &login).unwrap().status, 200);
    let mut connection = client.connect().unwrap();
    let authorization = connection.authorization_to("POST", "/things/one", &login).unwrap();
    connection.send("POST", "/things/one", &[&authorization], b"new").unwrap();
    let answered = connection.answer().unwrap();
    assert_eq!(answered.status, 200, "{}", answered.text());
}

#[test]
fn a_caller_does_not_learn_that_the_upstream_refuses_our_credential() {
    let upstream = asking_basic();
    let installation = plain(&with_credential(&upstream), "");
    write_credential(&installation, "gateward:wrong");
    let _server = installation.serve();
    let failed = installation.client().get("/things/one", &installation.login()).unwrap();
    assert_eq!(failed.status, 502, "{}", failed.text());
    assert_eq!(failed.head.field("www-authenticate"), None);
}
