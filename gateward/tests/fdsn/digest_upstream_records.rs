//! Where the upstream asks who comes, the record says who it was: proven, or claimed.

use http_digest::Request;
use http_digest::client::{self, Challenge};
use serde_json::Value;

use super::archive::ARCHIVE;
use super::conduct::{says, waveforms};
use super::digest_upstream::{asking, door, jane};
use super::door::{DATASELECT, Door, token};
use super::gnupg::Gnupg;
use super::server::Credentials;
use super::stand_in::StandIn;
use super::statement::GROUP;
use super::upstream::Upstream;

const TARGET: &str =
    "/fdsnws/dataselect/1/queryauth?net=XR&start=2016-06-01T00:00:00&end=2016-06-02T00:00:00";

/// What is recorded of the one request that was answered with `status`.
#[track_caller]
fn recorded(door: &Door, status: u16) -> Value {
    let all = door.json(&["audit", "search"]).into_iter().map(|mut event| {
        let personal = event["personal"].take();
        let mut body = event["body"].take();
        body["personal"] = personal;
        body
    });
    let mut released: Vec<Value> = all.filter(|body| body["kind"] == "released").collect();
    released.retain(|event| event["service"] == "dataselect" && event["status"] == status);
    released.retain(|event| status != 401 || event["personal"]["claimed"] != Value::Null);
    assert_eq!(released.len(), 1, "{released:#?}");
    released.remove(0)
}

#[track_caller]
fn is_claimed(event: &Value, name: &str) {
    assert_eq!(event["personal"]["claimed"], name, "{event}");
    assert!(event["who"].is_null() && event["subject"].is_null(), "{event}");
    assert_eq!(event["grant"], "open", "{event}");
}

#[track_caller]
fn is_proven(event: &Value, login: &Credentials) {
    assert_eq!(event["who"], login.login, "{event}");
    assert!(event["subject"].is_string() && event["personal"]["claimed"].is_null(), "{event}");
}

/// A right answer to a challenge that an upstream could have made, for a GET of `target`.
fn answered(login: &Credentials, target: &str) -> String {
    let challenge = "Digest realm=\"FDSN\", nonce=\"the upstream's own\", algorithm=MD5, qop=\"auth\"";
    let challenge = Challenge::parse(challenge).unwrap();
    let request = Request { method: "GET", target };
    let answer = client::answer(&challenge, &login.login, &login.password, request, 1, "c").unwrap();
    format!("Authorization: {answer}")
}

#[test]
fn a_login_of_ours_that_is_proven_is_recorded_as_who() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let apache = asking(&data);
    let door = door(&apache.url(), &issuer);
    let exchange = format!("{DATASELECT}/auth");
    let exchanged = door.curl(&exchange, &["--data-binary", "@-"], token(&issuer, GROUP).as_bytes());
    let login = Credentials::of(&exchanged);
    apache.admit(&login.login, &login.password);
    let got = door.get(TARGET, &login, &[]);
    assert!(
        got.status == 200 && got.body == ARCHIVE.waveforms("XR.A01..HHZ", "2016-06-01"),
        "{}",
        got.text()
    );
    is_proven(&recorded(&door, 200), &login);
    assert_eq!(apache.noted(2)[1], format!("200 {} GET {TARGET}", login.login));
    // The caller is told that no cache may give it to others.
    assert_eq!(got.field("cache-control"), Some("private"));
}

#[test]
fn a_login_of_ours_that_is_proven_by_post_is_recorded_as_who() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let apache = asking(&data);
    let door = door(&apache.url(), &issuer);
    let login = door.exchange(&token(&issuer, GROUP));
    apache.admit(&login.login, &login.password);
    let line = "XR A01 -- HHZ 2016-06-01T00:00:00 2016-06-02T00:00:00\n";
    let got = door.query_with(&token(&issuer, GROUP), line);
    assert_eq!(got.status, 401, "{}: another token is another login", got.text());
    let arguments = ["--anyauth", "--user", &login.to_string(), "--data-binary", "@-"];
    let got = door.curl(&format!("{DATASELECT}/queryauth"), &arguments, line.as_bytes());
    assert_eq!(got.status, 200, "{}", got.text());
    let event = recorded(&door, 200);
    is_proven(&event, &login);
    assert_eq!(event["method"], "POST");
}

#[test]
fn a_login_of_the_upstreams_is_recorded_as_claimed() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let apache = asking(&data);
    let door = door(&apache.url(), &gnupg.issuer());
    assert_eq!(door.get(TARGET, &jane(), &[]).status, 200);
    is_claimed(&recorded(&door, 200), "jane.doe");
}

#[test]
fn a_login_of_ours_with_a_wrong_password_is_never_recorded_as_who() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let apache = asking(&data);
    let door = door(&apache.url(), &issuer);
    let login = door.exchange(&token(&issuer, GROUP));
    apache.admit(&login.login, &login.password);
    let wrong = Credentials { password: "wrong".into(), ..login.clone() };
    assert_eq!(door.get(TARGET, &wrong, &[]).status, 401);
    is_claimed(&recorded(&door, 401), &login.login);
    // Not even where the upstream lets that password in.
    apache.admit(&wrong.login, &wrong.password);
    assert_eq!(door.get(TARGET, &wrong, &[]).status, 200);
    is_claimed(&recorded(&door, 200), &login.login);
    let events = door.json(&["audit", "search"]);
    let mut by_it = events.iter().map(|event| &event["body"]).filter(|body| body["who"] == login.login);
    assert!(by_it.all(|body| body["kind"] == "exchanged"), "{events:#?}");
}

/// An upstream stand-in that lets everybody in, the door before it, and a login of ours.
fn lenient() -> (StandIn, Door, Credentials) {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let lenient = StandIn::answering(says(waveforms(&ARCHIVE.waveforms("XR.A01..HHZ", "2016-06-01"))));
    let door = door(&lenient.url(), &issuer);
    let login = door.exchange(&token(&issuer, GROUP));
    (lenient, door, login)
}

#[test]
fn a_right_answer_for_another_request_proves_nothing() {
    let (_lenient, door, login) = lenient();
    let header = answered(&login, &format!("{DATASELECT}/queryauth?net=GE&start=2016-06-01&end=2016-06-02"));
    assert_eq!(door.curl(TARGET, &["--header", &header], b"").status, 200);
    is_claimed(&recorded(&door, 200), &login.login);
}

#[test]
fn a_right_answer_for_another_method_proves_nothing() {
    let (_lenient, door, login) = lenient();
    let path = format!("{DATASELECT}/queryauth");
    let arguments = ["--header", &answered(&login, &path), "--data-binary", "@-"];
    let line = b"XR A01 -- HHZ 2016-06-01T00:00:00 2016-06-02T00:00:00\n";
    assert_eq!(door.curl(&path, &arguments, line).status, 200);
    is_claimed(&recorded(&door, 200), &login.login);
}

#[test]
fn a_right_answer_beside_another_header_proves_nothing() {
    let (_lenient, door, login) = lenient();
    let headers = ["--header", &answered(&login, TARGET), "--header", "Authorization: Basic amFuZTpwdw=="];
    assert_eq!(door.curl(TARGET, &headers, b"").status, 200);
    let event = recorded(&door, 200);
    assert!(event["who"].is_null() && event["personal"]["claimed"].is_string(), "{event}");
}

#[test]
fn a_login_that_was_revoked_here_proves_nothing() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let issuer = gnupg.issuer();
    let apache = asking(&data);
    let door = door(&apache.url(), &issuer);
    let login = door.exchange(&token(&issuer, GROUP));
    apache.admit(&login.login, &login.password);
    door.command(&["login", "revoke", &login.login]).good();
    // The upstream still has it.
    assert_eq!(door.get(TARGET, &login, &[]).status, 200);
    is_claimed(&recorded(&door, 200), &login.login);
}

#[test]
fn whoever_says_nothing_of_themselves_is_nobody() {
    let (gnupg, data) = (Gnupg::new(), Upstream::start());
    let apache = asking(&data);
    let door = door(&apache.url(), &gnupg.issuer());
    let open = TARGET.replace("queryauth", "query");
    assert_eq!(door.curl(&open, &[], b"").status, 200);
    let event = recorded(&door, 200);
    assert!(
        event["who"].is_null() && event["personal"]["claimed"].is_null() && event["subject"].is_null(),
        "{event}"
    );
}
