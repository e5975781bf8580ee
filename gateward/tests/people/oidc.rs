//! People who come with a JWT: from a real issuer (npm's oidc-provider), by curl; and issuers that misbehave.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::installation::{Installation, RESTRICTED};
use super::server::{PATIENCE, Reply, Server, wait};
use super::tools::{run, send, start};
use super::tools_of_npm::{folder, script};

/// A running issuer, stopped when it is dropped.
struct Issuer {
    process: Child,
    port: u16,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Issuer {
    /// Starts one that signs with a new key.
    fn start(port: u16, kid: &str, algorithm: &str) -> Self {
        let mut node = Command::new("node");
        node.arg(script("issuer.mjs")).arg(folder()).args([&port.to_string(), kid, algorithm]);
        let mut process = start(node.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()));
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
        assert!(said.any(|line| line.unwrap().contains("listening")), "the issuer does not start");
        Self { process, port }
    }

    fn name(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// Fetches a token that is meant for `resource`, as the issuer's client.
    fn token(&self, resource: &str) -> String {
        let form = format!("grant_type=client_credentials&scope=read&resource={resource}");
        let url = format!("{}/token", self.name());
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--user", "jo:a-secret-of-the-client", "--data", &form, &url]);
        let answer: Value = serde_json::from_str(run(&mut curl, b"").good().text()).unwrap();
        answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        send(Signal::SIGTERM, &self.process);
        wait(&mut self.process);
    }
}

/// A server that believes the issuer `name`, and grants what its role `epos/demo` is granted.
fn believing(name: &str, algorithms: &str) -> Server {
    let installation = Installation::new();
    installation.append(&format!(
        "[[oidc]]\nissuer = \"{name}\"\naudience = [\"fdsn\"]\nalgorithms = [{algorithms}]\n\
         groups_claim = \"realm_access.roles\"\n[[grant]]\ngroup = \"/epos/demo\"\nservice = \"files\"\n"
    ));
    Server::start(installation)
}

/// Fetches the restricted file; the token comes from a file, so that nobody reads it in a list of processes.
fn fetch(server: &Server, token: &str) -> Reply {
    let header = format!("header = \"Authorization: Bearer {token}\"\n");
    server.curl("/files/restricted.txt", &["--config", "-"], header.as_bytes())
}

#[test]
fn a_token_of_a_real_issuer_opens_what_its_roles_are_granted_and_becomes_a_login() {
    let issuer = Issuer::start(free_port(), "one", "RS256");
    let server = believing(&issuer.name(), "\"RS256\"");
    let token = issuer.token("urn:fdsn");
    let reply = fetch(&server, &token);
    assert_eq!((reply.status, reply.text().as_str()), (200, RESTRICTED), "{}", server.log());
    let login = server.exchange(&token);
    assert_eq!(server.get("/files/restricted.txt", &login, &[]).text(), RESTRICTED);
    assert_eq!(server.exchange(&format!("{token}\n")), login);

    let elsewhere = fetch(&server, &issuer.token("urn:elsewhere"));
    assert_eq!(elsewhere.status, 401);
    assert_eq!(server.post(&issuer.token("urn:elsewhere"), &[]).status, 400);
    let log = server.command(&["audit", "search"]).text().to_owned();
    assert!(log.contains("wrong-audience"), "{log}");
    assert!(!log.contains(&token) && !server.log().contains(&token), "the token is in a log");
}

#[test]
fn an_algorithm_that_the_file_does_not_allow_is_refused_however_good_the_issuer() {
    let issuer = Issuer::start(free_port(), "one", "ES256");
    let server = believing(&issuer.name(), "\"RS256\"");
    assert_eq!(fetch(&server, &issuer.token("urn:fdsn")).status, 401);
    let server = believing(&issuer.name(), "\"ES256\"");
    assert_eq!(fetch(&server, &issuer.token("urn:fdsn")).status, 200);
}

#[test]
fn a_key_that_the_issuer_changed_is_fetched_when_a_token_names_it() {
    let port = free_port();
    let issuer = Issuer::start(port, "one", "RS256");
    let server = believing(&issuer.name(), "\"RS256\"");
    let old = issuer.token("urn:fdsn");
    assert_eq!(fetch(&server, &old).status, 200);
    drop(issuer);
    let issuer = Issuer::start(port, "two", "RS256");
    let new = issuer.token("urn:fdsn");
    let begun = Instant::now();
    // At most once a minute: real time is what this is about.
    while fetch(&server, &new).status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(90), "{}", server.log());
        std::thread::sleep(Duration::from_secs(2));
    }
    assert_eq!(fetch(&server, &old).status, 401, "its key is gone");
}

#[test]
fn an_issuer_that_goes_away_is_believed_by_its_last_keys() {
    let issuer = Issuer::start(free_port(), "one", "RS256");
    let server = believing(&issuer.name(), "\"RS256\"");
    let token = issuer.token("urn:fdsn");
    drop(issuer);
    assert_eq!(fetch(&server, &token).status, 200);
}

/// A stand-in for an issuer, which answers by `answer` whatever it is asked.
fn stand_in(answer: impl Fn(TcpStream, &str) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let answer = std::sync::Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = std::sync::Arc::clone(&answer);
            std::thread::spawn(move || {
                let mut head = [0; 4096];
                let mut stream = stream;
                let length = stream.read(&mut head).unwrap_or(0);
                answer(stream, &String::from_utf8_lossy(&head[..length]));
            });
        }
    });
    name
}

#[test]
fn an_issuer_that_hangs_keeps_nobody_waiting_at_the_door() {
    let name = stand_in(|stream, _| {
        std::thread::sleep(Duration::from_secs(600));
        drop(stream);
    });
    let begun = Instant::now();
    let server = believing(&name, "\"RS256\"");
    assert!(begun.elapsed() < PATIENCE);
    assert_eq!(server.curl("/files/open.txt", &[], b"").status, 401, "others are asked as ever");
    let waited = Instant::now();
    let reply = fetch(&server, "e30.e30.e30");
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert!(waited.elapsed() < Duration::from_secs(10));
    assert!(server.log().contains("took longer than 5 s"), "{}", server.log());
}

#[test]
fn a_key_set_without_an_end_is_not_read_to_it() {
    let name = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let own = std::sync::Arc::clone(&name);
    let made = stand_in(move |mut stream, head| {
        let own = own.get().unwrap();
        let chunked =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n";
        if head.contains("openid-configuration") {
            let page = format!("{{\"issuer\":\"{own}\",\"jwks_uri\":\"{own}/jwks\"}}");
            let answer = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{page}",
                page.len()
            );
            drop(stream.write_all(answer.as_bytes()));
            return;
        }
        let piece = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
        let mut sent = stream.write_all(chunked.as_bytes());
        while sent.is_ok() {
            sent = stream.write_all(piece.as_bytes());
        }
    });
    name.set(made.clone()).unwrap();
    let server = believing(&made, "\"RS256\"");
    assert_eq!(fetch(&server, "e30.e30.e30").status, 503);
    assert!(server.log().contains("length limit exceeded"), "{}", server.log());
}

#[test]
fn an_issuer_that_calls_itself_otherwise_has_no_keys_here() {
    let name = stand_in(|mut stream, _| {
        let page = "{\"issuer\":\"https://other.example.org\",\"jwks_uri\":\"http://127.0.0.1:1/jwks\"}";
        drop(write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{page}", page.len()));
    });
    let server = believing(&name, "\"RS256\"");
    assert_eq!(fetch(&server, "e30.e30.e30").status, 503);
    assert!(server.log().contains("it calls itself"), "{}", server.log());
}

#[test]
fn a_program_comes_with_an_api_token_in_pythons_requests() {
    let installation = Installation::new();
    installation.append("[[grant]]\nuser = \"operator\"\nservice = \"files\"\n");
    let server = Server::start(installation);
    let file = server.file("token.txt");
    let named = file.to_str().unwrap();
    let create = ["api-token", "create", "--user", "operator", "--label", "a script", "--out", named];
    server.command(&create).good();
    let script = "import requests, sys\nurl, ca, file = sys.argv[1:]\nbearer = open(file).read().strip()\n\
        print(requests.get(url, verify=ca, headers={'Authorization': f'Bearer {bearer}'}).text, end='')\n";
    let mut python = super::tools::python();
    python.args([
        "-c",
        script,
        &server.url("/files/restricted.txt"),
        server.file("ca.pem").to_str().unwrap(),
        named,
    ]);
    assert_eq!(run(&mut python, b"").good().text(), RESTRICTED);
}
