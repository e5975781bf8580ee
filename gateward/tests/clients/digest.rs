//! What clients do with HTTP Digest: one challenge or two, one request or many.

use std::process::Command;

use super::gnupg::Gnupg;
use super::installation::{Installation, RESTRICTED};
use super::server::{Credentials, Server};
use super::statement::Statement;
use super::tools::{python, run};

const PATH: &str = "/files/restricted.txt";

/// Prints the algorithm of each answer, then fetches with what it learnt, three times in all.
const REQUESTS: &str = r#"
import sys, requests
from requests.auth import HTTPDigestAuth
url, ca, user, password = sys.argv[1:]
session = requests.Session()
session.auth = HTTPDigestAuth(user, password)
for _ in range(3):
    answer = session.get(url, verify=ca)
    answer.raise_for_status()
    header = answer.request.headers["Authorization"]
    words = header.replace('"', "").split(", ")
    print(*[word for word in words if word.startswith(("algorithm=", "nc="))], len(answer.history))
"#;

/// Fetches three times with one opener, as obspy does.
const URLLIB: &str = r"
import ssl, sys, urllib.request
url, ca, user, password = sys.argv[1:]
passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
passwords.add_password(None, url, user, password)
opener = urllib.request.build_opener(
    urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca)),
    urllib.request.HTTPDigestAuthHandler(passwords))
for _ in range(3):
    with opener.open(url) as answer:
        sys.stdout.write(answer.read().decode())
";

/// Sends the very header again that let it in, as somebody would who saw it.
const REPEAT: &str = r#"
import sys, requests
from requests.auth import HTTPDigestAuth
url, ca, user, password = sys.argv[1:]
first = requests.get(url, auth=HTTPDigestAuth(user, password), verify=ca)
seen = {"Authorization": first.request.headers["Authorization"]}
again = requests.get(url, headers=seen, verify=ca)
print(first.status_code, again.status_code, "stale=true" in again.headers["WWW-Authenticate"])
"#;

/// A server that offers MD5 alone or both, and a login.
fn server(sha256: bool) -> (Gnupg, Server, Credentials) {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let installation = Installation::believing(&issuer);
    if sha256 {
        let file = std::fs::read_to_string(installation.config()).unwrap();
        installation.configure(&format!("digest_sha256 = true\n{file}"));
    }
    let server = Server::start(installation);
    let login = server.exchange(&issuer.sign(&Statement::default()));
    (gnupg, server, login)
}

#[track_caller]
fn run_python(script: &str, server: &Server, login: &Credentials) -> String {
    let mut command = python();
    command.args(["-c", script, &server.url(PATH)]).arg(server.file("ca.pem"));
    run(command.args([&login.login, &login.password]), b"").good().text().to_owned()
}

/// What curl is answered, one status a line, when it fetches the file `times` times in one run.
#[track_caller]
fn curl_statuses(server: &Server, login: &Credentials, times: usize, more: &[&str]) -> Vec<String> {
    let url = server.url(PATH);
    let mut command = Command::new("curl");
    command.args(["--disable", "--silent", "--show-error", "--digest", "--user", &login.to_string()]);
    command.arg("--cacert").arg(server.file("ca.pem")).args(["--dump-header", "-"]).args(more);
    for _ in 0..times {
        command.args(["--output", "/dev/null", &url]);
    }
    let ran = run(&mut command, b"").good();
    let statuses = ran.text().lines().filter_map(|line| line.strip_prefix("HTTP/1.1 "));
    statuses.map(|status| status[..3].to_owned()).collect()
}

#[test]
fn curl_asks_for_a_challenge_each_time_and_is_let_in() {
    for sha256 in [false, true] {
        let (_gnupg, server, login) = server(sha256);
        assert_eq!(curl_statuses(&server, &login, 3, &[]), ["401", "200", "401", "200", "401", "200"]);
    }
}

#[test]
fn curl_in_parallel_is_let_in_every_time() {
    let (_gnupg, server, login) = server(false);
    let statuses = curl_statuses(&server, &login, 12, &["--parallel", "--parallel-immediate"]);
    assert_eq!(statuses.iter().filter(|status| *status == "200").count(), 12, "{statuses:?}");
    assert!(server.events("authentication_failed").is_empty());
}

#[test]
fn wget_that_counts_every_request_as_its_first_is_let_in_every_time() {
    for sha256 in [false, true] {
        let (_gnupg, server, login) = server(sha256);
        let (mut command, url) = (Command::new("wget"), server.url(PATH));
        command.arg("--no-config").arg("--ca-certificate").arg(server.file("ca.pem"));
        command.args(["--http-user", &login.login, "--http-password", &login.password]);
        let ran = run(command.args(["--quiet", "--output-document", "-", &url, &url, &url]), b"").good();
        assert_eq!(ran.text(), RESTRICTED.repeat(3));
    }
}

#[test]
fn urllib_is_let_in_every_time() {
    for sha256 in [false, true] {
        let (_gnupg, server, login) = server(sha256);
        assert_eq!(run_python(URLLIB, &server, &login), RESTRICTED.repeat(3));
    }
}

#[test]
fn requests_answers_one_challenge_many_times_by_the_algorithm_that_it_is_offered_last() {
    for (sha256, algorithm) in [(false, "MD5"), (true, "SHA-256")] {
        let (_gnupg, server, login) = server(sha256);
        let said = run_python(REQUESTS, &server, &login);
        let expected = ["00000001 1", "00000002 0", "00000003 0"];
        let expected = expected.map(|counted| format!("algorithm={algorithm} nc={counted}"));
        assert_eq!(said.lines().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_header_that_somebody_saw_opens_nothing_a_second_time() {
    for sha256 in [false, true] {
        let (_gnupg, server, login) = server(sha256);
        assert_eq!(run_python(REPEAT, &server, &login), "200 401 True\n");
        assert!(server.events("authentication_failed").is_empty());
    }
}
