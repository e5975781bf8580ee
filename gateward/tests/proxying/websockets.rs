//! Websockets: PyPI's `websockets` at both ends, or raw bytes where it would be too polite.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::client::Connection;
use crate::log::Log as _;
use crate::program::run;
use crate::stand_in::{StandIn, answer};
use crate::support::{Installation, spawn};
use crate::things::things;

/// Says everything again; what a client calls itself it says first.
const ECHO: &str = r#"
from websockets.sync.server import serve
def talk(socket):
    socket.send(socket.request.path + " " + socket.request.headers.get("X-Person", "nobody"))
    for message in socket:
        socket.send(message)
with serve(talk, "127.0.0.1", 0, max_size=None) as server:
    print(server.socket.getsockname()[1], flush=True)
    server.serve_forever()
"#;

/// Opens a websocket with the field that it reads first, and says and hears what its arguments say.
const CLIENT: &str = r#"
import ssl, sys
from websockets.sync.client import connect
ca, url, field = sys.argv[1:4]
name, value = field.split(": ", 1)
context = ssl.create_default_context(cafile=ca)
with connect(url, ssl=context, additional_headers={name: value}, max_size=None) as socket:
    print(socket.recv())
    for size in (1, 126, 70000, 3000000):
        socket.send("x" * size)
        print(len(socket.recv()))
    socket.send(b"\x00\xff")
    print(socket.recv())
"#;

/// A program of Python's, ended when it is dropped.
struct Python(Child);

impl Python {
    fn start(script: &str, arguments: &[&str]) -> (Self, BufReader<ChildStdout>) {
        let mut python = Command::new("python3");
        python.args(["-c", script]).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = spawn(&mut python, "python3");
        let out = BufReader::new(child.stdout.take().unwrap());
        (Self(child), out)
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn echo() -> (Python, String) {
    let (python, mut out) = Python::start(ECHO, &[]);
    let mut port = String::new();
    out.read_line(&mut port).unwrap();
    (python, format!("http://127.0.0.1:{}", port.trim()))
}

/// A door before such a server, whose both ends may be silent for 3 s.
fn door(upstream: &str) -> Installation {
    let upstream = format!("{{ url = \"{upstream}\", timeout = \"3s\" }}");
    things(&upstream, "identify_as = \"X-Person\"")
}

/// Asks to go on as a websocket; returns the connection and the head of the answer.
fn ask(installation: &Installation, login: &(String, String)) -> (Connection, crate::client::Head) {
    let mut connection = installation.client().connect().unwrap();
    let authorization = connection.authorization("/things/socket", login).unwrap();
    let fields = [
        authorization.as_str(),
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    connection.send("GET", "/things/socket", &fields, b"").unwrap();
    let head = connection.head().unwrap();
    (connection, head)
}

#[test]
fn a_websocket_passes_both_ways_and_its_bytes_are_recorded() {
    let (_python, upstream) = echo();
    let installation = door(&upstream);
    let server = installation.serve();
    let login = installation.login();
    let authorization =
        installation.client().connect().unwrap().authorization("/things/socket", &login).unwrap();
    let url = format!("wss://localhost:{}/things/socket", installation.public_address().port());
    let ca = installation.path("ca.pem");
    let (mut client, mut out) = Python::start(CLIENT, &[ca.to_str().unwrap(), &url, &authorization]);
    let mut said = String::new();
    out.read_to_string(&mut said).unwrap();
    assert!(client.0.wait().unwrap().success());
    assert_eq!(said, format!("/things/socket {}\n1\n126\n70000\n3000000\nb'\\x00\\xff'\n", login.0));

    let admitted = installation.log().wait_for("admitted", 0, Duration::from_secs(2));
    assert_eq!((admitted.text("service"), admitted.text("who")), ("things", login.0.as_str()));
    let ended = installation.log().wait_for("ended", 0, Duration::from_secs(5));
    assert_eq!((ended.text("delivery"), ended.body["status"].as_u64()), ("complete", Some(101)));
    let bytes = |name: &str| ended.body[name].as_u64().unwrap();
    assert!(bytes("bytes") > 3_000_000 / 1000 && bytes("bytes_up") > 3_000_000 / 1000, "{ended:?}");
    server.stop();
}

#[test]
fn a_revoked_login_loses_its_websocket_within_a_second() {
    let (_python, upstream) = echo();
    let installation = door(&upstream);
    let _server = installation.serve();
    let login = installation.login();
    let (mut connection, head) = ask(&installation, &login);
    assert_eq!((head.status, head.field("upgrade")), (101, Some("websocket")));
    let said = run(&installation.config(), &["login", "revoke", &login.0]);
    assert_eq!(said.status, Some(0), "{}", said.err);
    let ended = installation.log().wait_for("ended", 0, Duration::from_millis(1500));
    assert_eq!(ended.text("delivery"), "revoked");
    connection.drain();
}

#[test]
fn a_websocket_that_says_nothing_and_one_that_outlives_a_stop_are_ended() {
    let (_python, upstream) = echo();
    let installation = door(&upstream);
    let mut server = installation.serve();
    let login = installation.login();
    let (mut silent, head) = ask(&installation, &login);
    assert_eq!(head.status, 101);
    let ended = installation.log().wait_for("ended", 0, Duration::from_secs(8));
    assert_eq!(ended.text("detail"), "nothing was said for 3 s");
    silent.drain();

    let (mut running, head) = ask(&installation, &login);
    assert_eq!(head.status, 101);
    server.signal(Signal::SIGTERM);
    // It ends by its silence, and the program with it.
    assert_eq!(server.wait(Duration::from_secs(20)).code(), Some(0), "{}", server.said());
    running.drain();
    assert_eq!(installation.log().check_transactions().len(), 2);
}

#[test]
fn who_is_refused_gets_no_websocket_and_an_upstream_that_knows_none_says_so() {
    let upstream = StandIn::saying(answer("200 OK", "", b"no websocket"));
    let installation = door(&upstream.url());
    let _server = installation.serve();
    let login = installation.login();
    let wrong = (login.0.clone(), "wrong".to_owned());
    let (_, head) = ask(&installation, &wrong);
    assert_eq!(head.status, 401);
    assert_eq!(upstream.heads().len(), 0);

    let (mut connection, head) = ask(&installation, &login);
    assert_eq!(head.status, 200);
    assert_eq!(connection.body(&head).unwrap(), b"no websocket");
    let asked = upstream.heads().swap_remove(0);
    assert_eq!((asked.field("upgrade"), asked.field("connection")), (Some("websocket"), Some("upgrade")));
    // The connection goes on as it was.
    connection.send("GET", "/version", &[], b"").unwrap();
    assert_eq!(connection.answer().unwrap().status, 200);
}

#[test]
fn what_is_sent_before_the_answer_to_an_upgrade_is_no_request_and_no_message() {
    let upstream = StandIn::saying(answer("200 OK", "", b"no websocket"));
    let installation = door(&upstream.url());
    let _server = installation.serve();
    let login = installation.login();
    let mut connection = installation.client().connect().unwrap();
    let authorization = connection.authorization("/things/socket", &login).unwrap();
    let head = format!(
        "GET /things/socket HTTP/1.1\r\nHost: h\r\n{authorization}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x00\x01no request\n"
    );
    connection.tls.write_all(head.as_bytes()).unwrap();
    assert_eq!(connection.answer().unwrap().status, 200);
    // It was no websocket, so this is a request that nobody can read.
    assert_eq!(connection.answer().unwrap().status, 400);
    assert_eq!(upstream.heads().len(), 1);
}
