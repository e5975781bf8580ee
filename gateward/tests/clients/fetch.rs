//! Protected files, fetched by the clients that people have.

use std::process::Command;

use super::gnupg::Gnupg;
use super::installation::{Installation, RESTRICTED};
use super::server::{Credentials, Server};
use super::statement::Statement;
use super::tools::{python, run};

const URLLIB: &str = r"
import ssl, sys, urllib.request
url, ca, user, password = sys.argv[1:]
passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
passwords.add_password(None, url, user, password)
opener = urllib.request.build_opener(
    urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca)),
    urllib.request.HTTPDigestAuthHandler(passwords))
with opener.open(url) as answer:
    sys.stdout.buffer.write(answer.read())
";

const REQUESTS: &str = r"
import sys, requests
from requests.auth import HTTPDigestAuth
url, ca, user, password = sys.argv[1:]
answer = requests.get(url, auth=HTTPDigestAuth(user, password), verify=ca)
answer.raise_for_status()
sys.stdout.buffer.write(answer.content)
";

/// 5 MiB in which no two places look alike.
fn large() -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..5 * 1024 * 1024 / 8).flat_map(|_| next()).collect()
}

/// A server with a small and a large file, and a login that may read them.
fn server() -> (Gnupg, Server, Credentials) {
    let gnupg = Gnupg::new();
    let issuer = gnupg.issuer();
    let installation = Installation::believing(&issuer);
    std::fs::write(installation.file("files/large.bin"), large()).unwrap();
    let token = issuer.sign(&Statement::default());
    let server = Server::start(installation);
    let login = server.exchange(&token);
    (gnupg, server, login)
}

/// What a client fetches of the small and the large file.
#[track_caller]
fn fetches_both(fetch: impl Fn(&str) -> Vec<u8>) {
    assert_eq!(String::from_utf8_lossy(&fetch("/files/restricted.txt")), RESTRICTED);
    assert!(fetch("/files/large.bin") == large(), "the large file is another one");
}

#[test]
fn curl_fetches_small_and_large_files() {
    let (_gnupg, server, login) = server();
    fetches_both(|path| server.get(path, &login, &[]).body);
}

#[test]
fn urllib_fetches_small_and_large_files() {
    let (_gnupg, server, login) = server();
    fetches_both(|path| run_python(URLLIB, &server, &login, path));
}

#[test]
fn requests_fetches_small_and_large_files() {
    let (_gnupg, server, login) = server();
    fetches_both(|path| run_python(REQUESTS, &server, &login, path));
}

fn run_python(script: &str, server: &Server, login: &Credentials, path: &str) -> Vec<u8> {
    let mut command = python();
    command.args(["-c", script, &server.url(path)]).arg(server.file("ca.pem"));
    run(command.args([&login.login, &login.password]), b"").good().stdout
}

#[test]
fn wget_fetches_small_and_large_files() {
    let (_gnupg, server, login) = server();
    fetches_both(|path| {
        let mut command = Command::new("wget");
        command.arg("--no-config").arg("--ca-certificate").arg(server.file("ca.pem"));
        command.args(["--http-user", &login.login, "--http-password", &login.password]);
        run(command.args(["--quiet", "--output-document", "-", &server.url(path)]), b"").good().stdout
    });
}

#[test]
fn what_left_is_recorded_with_who_and_by_which_grant() {
    let (_gnupg, server, login) = server();
    server.get("/files/restricted.txt", &login, &[]);
    server.get("/files/large.bin", &login, &[]);
    let released = server.events("released").pop().unwrap();
    assert_eq!(released["who"], login.login.as_str());
    assert_eq!(released["path"], "/restricted.txt");
    assert_eq!(released["bytes"], RESTRICTED.len());
    let admitted = server.events("admitted").pop().unwrap();
    assert_eq!(admitted["who"], login.login.as_str());
    assert!(admitted["grant"].as_str().unwrap().starts_with("f-"), "{admitted}");
    // `ended` follows within a second of the last byte.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let ended = server.events("ended").pop().unwrap();
    assert_eq!((&ended["bytes"], &ended["delivery"]), (&large().len().into(), &"complete".into()));
    let transaction = admitted["transaction"].as_str().unwrap();
    assert_eq!(server.json(&["audit", "show", transaction]).len(), 2);
}

#[test]
fn a_part_is_fetched_by_range() {
    let (_gnupg, server, login) = server();
    let part = server.get("/files/large.bin", &login, &["--range", "1000000-1999999"]);
    assert_eq!(part.status, 206);
    assert_eq!(part.field("content-range"), Some("bytes 1000000-1999999/5242880"));
    assert!(part.body == large()[1_000_000..2_000_000], "the part is another one");
    let small = server.get("/files/restricted.txt", &login, &["--range", "-7"]);
    assert_eq!((small.status, small.text().as_str()), (206, " first.\n"[1..].into()));
}

#[test]
fn head_tells_the_size_and_sends_nothing() {
    let (_gnupg, server, login) = server();
    let reply = server.get("/files/large.bin", &login, &["--head"]);
    assert_eq!((reply.status, reply.field("content-length")), (200, Some("5242880")));
}

#[test]
fn whoever_has_the_file_already_is_told_so() {
    let (_gnupg, server, login) = server();
    let first = server.get("/files/restricted.txt", &login, &[]);
    let known = format!("If-None-Match: {}", first.field("etag").unwrap());
    let again = server.get("/files/restricted.txt", &login, &["--header", &known]);
    assert_eq!((again.status, again.body.len()), (304, 0));
}

#[test]
fn without_a_login_or_with_a_wrong_one_nothing_is_read() {
    let (_gnupg, server, login) = server();
    assert_eq!(server.curl("/files/restricted.txt", &[], b"").status, 401);
    let log = || -> Vec<_> {
        let events = server.json(&["audit", "search"]);
        events.into_iter().filter(|event| event["body"]["kind"] != "log_read").collect()
    };
    let before = log();
    assert_eq!(server.curl("/files/restricted.txt", &[], b"").status, 401);
    assert_eq!(log(), before, "a bare challenge is not recorded");

    let wrong = Credentials { password: "X".repeat(26), ..login.clone() };
    let nobody = Credentials { login: "A".repeat(14), ..login };
    for (login, reason) in [(wrong, "wrong-password"), (nobody, "unknown-login")] {
        let reply = server.get("/files/restricted.txt", &login, &[]);
        assert_eq!(reply.status, 401);
        assert!(reply.text().contains("Wrong login or password."), "{}", reply.text());
        let shown = server.json(&["audit", "show", &reply.reference()]);
        assert_eq!(shown[0]["body"]["kind"], "authentication_failed");
        assert_eq!(shown[0]["body"]["reason"], reason);
    }
}

#[test]
fn nothing_can_be_written() {
    let (_gnupg, server, login) = server();
    for method in ["POST", "PUT", "DELETE"] {
        let reply = server.get("/files/restricted.txt", &login, &["--request", method]);
        assert_eq!((reply.status, reply.field("allow")), (405, Some("GET, HEAD")), "{method}");
    }
}

#[test]
fn no_spelling_of_a_path_leads_out_of_the_folder() {
    let (_gnupg, server, login) = server();
    let secret = std::fs::read_to_string(server.file("keyring.toml")).unwrap();
    std::os::unix::fs::symlink("../keyring.toml", server.file("files/out")).unwrap();
    std::os::unix::fs::symlink(server.file("keyring.toml"), server.file("files/absolute")).unwrap();
    std::os::unix::fs::symlink("..", server.file("files/up")).unwrap();
    for path in [
        "/files/out",
        "/files/absolute",
        "/files/up/keyring.toml",
        "/files/../keyring.toml",
        "/files/./../keyring.toml",
        "/files/%2e%2e/keyring.toml",
        "/files/%2E%2e/keyring.toml",
        "/files/..%2fkeyring.toml",
        "/files/..%2Fkeyring.toml",
        "/files/%2e%2e%2fkeyring.toml",
        "/files/%252e%252e%252fkeyring.toml",
        "/files/..%5ckeyring.toml",
        "/files/..\\keyring.toml",
        "/files/..;/keyring.toml",
        "/files/....//keyring.toml",
        "/files//keyring.toml",
        "/files/%c0%ae%c0%ae/keyring.toml",
        "/files/..%00/keyring.toml",
        "/files/restricted.txt%00.toml",
        "/files/restricted.txt/../../keyring.toml",
        "/files../keyring.toml",
        "/../keyring.toml",
        "/keyring.toml",
        "/files/",
        "/files",
    ] {
        let reply = server.get(path, &login, &["--path-as-is"]);
        assert_eq!(reply.status, 404, "{path}: {}", reply.text());
        assert!(!reply.text().contains(&secret[..40]), "{path}");
    }
}
