//! Which service a request is for, from where it may come, and when it may not come at all.

use std::process::Command;

use crate::client::Answer;
use crate::log::Log as _;
use crate::program::{DEMO_GROUP, finish};
use crate::stand_in::{StandIn, answer};
use crate::support::Installation;
use crate::things::{add, things};

/// One that says who it is, and what it was asked.
fn called(name: &'static str) -> StandIn {
    StandIn::doing(move |asked| {
        let said = format!("{name} {}", asked.head.target);
        asked.say(&answer("200 OK", "", said.as_bytes()))
    })
}

/// Asks for `path` at `host`, with a login; the handshake names the same host.
fn at(installation: &Installation, login: &(String, String), host: &str, path: &str) -> (u16, String) {
    let port = installation.public_address().port();
    let name = host.split(':').next().unwrap();
    let mut curl = Command::new("curl");
    curl.args(["--disable", "--silent", "--show-error", "--digest", "--max-time", "20"]);
    // The demo's certificate is for localhost alone; who is asked is not what is tested here.
    curl.args(["--insecure", "--resolve", &format!("{name}:{port}:127.0.0.1")]);
    curl.args(["--user", &format!("{}:{}", login.0, login.1), "--header", &format!("Host: {host}")]);
    let said =
        finish(curl.args(["--write-out", "\n%{http_code}"]).arg(format!("https://{name}:{port}{path}")));
    assert_eq!(said.status, Some(0), "{}", said.err);
    let (text, status) = said.out.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), text.to_owned())
}

#[test]
fn a_host_and_the_longest_path_say_which_service_is_meant() {
    let [all, registry, other] = ["all", "registry", "other"].map(called);
    let installation = things(&format!("\"{}\"", all.url()), "");
    let url = |upstream: &StandIn| format!("\"{}\"", upstream.url());
    add(
        &installation,
        "registry",
        "[\"/things\", \"/ocrux\"]",
        &url(&registry),
        "host = [\"CR.example.org\"]",
    );
    add(&installation, "rest", "\"/\"", &url(&other), "host = [\"cr.example.org\", \"www.example.org\"]");
    let _server = installation.serve();
    let login = installation.login();
    for (host, path, said) in [
        ("localhost", "/things/a", "all /things/a"),
        ("cr.example.org", "/things/a?b=c", "registry /things/a?b=c"),
        ("cr.example.org:8443", "/ocrux/a", "registry /ocrux/a"),
        ("Cr.Example.Org.", "/ocrux", "registry /ocrux"),
        ("cr.example.org", "/elsewhere", "other /elsewhere"),
        ("cr.example.org", "/", "other /"),
        ("www.example.org", "/things/a", "other /things/a"),
    ] {
        assert_eq!(at(&installation, &login, host, path), (200, said.to_owned()), "{host} {path}");
    }
    let (status, text) = at(&installation, &login, "example.org", "/ocrux/a");
    assert_eq!(status, 404, "{text}");
    // The two paths are told apart in the record.
    let paths: Vec<String> = installation
        .log()
        .events()
        .iter()
        .filter(|event| event.kind() == "released" && event.text("service") == "registry")
        .map(|event| event.text("path").to_owned())
        .collect();
    assert_eq!(paths, ["/things/a", "/ocrux/a", "/ocrux"]);
}

#[test]
fn two_services_for_one_host_and_path_are_refused() {
    let installation = things("\"http://127.0.0.1:1\"", "host = [\"a.example.org\"]");
    let check = || crate::program::run(&installation.config(), &["config", "check"]);
    add(&installation, "beside", "\"/things\"", "\"http://127.0.0.1:1\"", "host = [\"b.example.org\"]");
    add(&installation, "for-all", "\"/things\"", "\"http://127.0.0.1:1\"", "");
    assert_eq!(check().status, Some(0), "{}", check().err);
    add(&installation, "again", "\"/things/below\"", "\"http://127.0.0.1:1\"", "host = [\"A.example.org\"]");
    assert_eq!(check().status, Some(1));
    let said = check();
    assert!(format!("{}{}", said.out, said.err).contains("overlap"), "{}{}", said.out, said.err);
}

fn get(installation: &Installation, login: &(String, String), path: &str) -> Answer {
    installation.client().connect().unwrap().get(path, login).unwrap()
}

/// The reason under which a refusal was recorded.
#[track_caller]
fn reason(installation: &Installation, refused: &Answer) -> String {
    let problem: serde_json::Value = serde_json::from_str(&refused.text()).unwrap();
    let reference = problem["reference"].as_str().unwrap();
    let events = installation.log().events();
    let recorded = events.iter().find(|event| event.text("reference") == reference).unwrap();
    assert_eq!((recorded.kind(), recorded.text("service")), ("request_refused", "things"));
    recorded.text("reason").to_owned()
}

#[test]
fn who_comes_from_elsewhere_is_refused_before_anything_else() {
    let upstream = called("all");
    let installation = things(&format!("\"{}\"", upstream.url()), "from = [\"10.10.0.0/16\", \"127.0.0.2\"]");
    let server = installation.serve();
    let refused = installation.client().ask("GET", "/things/a", &[], b"").unwrap();
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(reason(&installation, &refused), "from");
    server.stop();
    installation.reconfigure("127.0.0.2\"]", "127.0.0.1\"]");
    let _server = installation.serve();
    assert_eq!(get(&installation, &installation.login(), "/things/a").status, 200);
}

#[test]
fn a_service_under_maintenance_says_when_to_come_back() {
    let upstream = called("all");
    let installation = things(&format!("\"{}\"", upstream.url()), "maintenance = true");
    let server = installation.serve();
    let away = installation.client().ask("GET", "/things/a", &[], b"").unwrap();
    assert_eq!((away.status, away.head.field("retry-after")), (503, Some("300")), "{}", away.text());
    assert_eq!(reason(&installation, &away), "maintenance");
    // The others are as they were.
    assert_eq!(
        get(&installation, &installation.login(), "/files/restricted.txt").status,
        200,
        "{DEMO_GROUP}"
    );
    server.stop();

    installation.reconfigure("maintenance = true", "maintenance = \"2126-12-01T00:00:00Z\"");
    let server = installation.serve();
    let away = installation.client().ask("GET", "/things/a", &[], b"").unwrap();
    let wait: u64 = away.head.field("retry-after").unwrap().parse().unwrap();
    assert!(away.status == 503 && wait > 300, "{wait}");
    server.stop();

    installation.reconfigure("2126-12-01", "2016-12-01");
    let _server = installation.serve();
    assert_eq!(get(&installation, &installation.login(), "/things/a").status, 200);
    assert_eq!(upstream.heads().len(), 1);
}
