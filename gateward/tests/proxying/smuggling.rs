//! Requests that two parsers read differently: refused, recorded, and nothing behind them is done.
//!
//! Each is sent in one write with a request behind it that is good in every way, on the connection on
//! which it was authorised: if anybody took the bytes apart differently than we say, the upstream would
//! see it.

use std::io::Read as _;

use crate::client::{Answer, Connection};
use crate::log::{Event, Log as _};
use crate::stand_in::{StandIn, answer};
use crate::support::Installation;
use crate::things::things;

/// Never to be seen at the upstream.
const AFTER: &str = "/things/after";

/// What is refused: in what words, with what status and for what reason. `@` at the beginning of a line is
/// an answer to our challenge, good for the target `/things/one` and the method that is used there.
const HEADS: &[(&str, &str, u16, &str)] = &[
    // Lengths.
    (
        "two lengths",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "both-lengths",
    ),
    (
        "two lengths, the other way round",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        400,
        "both-lengths",
    ),
    (
        "two different lengths",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
        400,
        "content-length",
    ),
    (
        "twice the same length",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
        400,
        "content-length",
    ),
    (
        "a list of lengths",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Content-Length: 2, 2\r\n\r\nab",
        400,
        "content-length",
    ),
    (
        "a length with a plus",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Content-Length: +2\r\n\r\nab",
        400,
        "content-length",
    ),
    (
        "a negative length",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Content-Length: -1\r\n\r\n",
        400,
        "content-length",
    ),
    (
        "a length behind a tab",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Content-Length:\t2\r\n\r\nab",
        400,
        "content-length",
    ),
    (
        "a length behind two spaces",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Content-Length:  2\r\n\r\nab",
        400,
        "content-length",
    ),
    (
        "a length in hexadecimal digits",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Content-Length: 0x2\r\n\r\nab",
        400,
        "content-length",
    ),
    (
        "a length with zeros before it",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Content-Length: 02\r\n\r\nab",
        400,
        "content-length",
    ),
    (
        "a length of no digits",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Content-Length: \r\n\r\nab",
        400,
        "content-length",
    ),
    (
        "a length beyond 64 bits",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Content-Length: 18446744073709551618\r\n\r\nab",
        400,
        "content-length",
    ),
    // Codings.
    (
        "chunked twice",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        400,
        "transfer-encoding",
    ),
    (
        "chunked in two fields",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "transfer-encoding",
    ),
    (
        "identity",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Transfer-Encoding: identity\r\n\r\n",
        400,
        "transfer-encoding",
    ),
    (
        "another coding first",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        400,
        "transfer-encoding",
    ),
    (
        "chunked and then identity",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        400,
        "transfer-encoding",
    ),
    (
        "chunked behind a tab",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n",
        400,
        "transfer-encoding",
    ),
    (
        "chunked and a space",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n",
        400,
        "transfer-encoding",
    ),
    (
        "chunked behind a vertical tab",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        400,
        "control-character",
    ),
    (
        "a misspelt coding",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        400,
        "transfer-encoding",
    ),
    (
        "chunks in HTTP/1.0",
        "POST /things/one HTTP/1.0\r\nHost: h\r\n@Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "transfer-encoding",
    ),
    // Fields.
    (
        "a space before the colon",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Content-Length : 2\r\n\r\nab",
        400,
        "space-before-colon",
    ),
    (
        "a tab before the colon",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
        400,
        "space-before-colon",
    ),
    (
        "a folded field",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@X-Step: a\r\n Content-Length: 2\r\n\r\nab",
        400,
        "folded",
    ),
    (
        "a folded coding",
        "POST /things/one HTTP/1.1\r\nHost: h\r\n@Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        400,
        "transfer-encoding",
    ),
    (
        "a field folded before the first",
        "GET /things/one HTTP/1.1\r\n X-Step: a\r\nHost: h\r\n@\r\n",
        400,
        "folded",
    ),
    (
        "a bare line feed at the end of a field",
        "GET /things/one HTTP/1.1\r\nHost: h\r\n@X-Step: a\nX-Other: b\r\n\r\n",
        400,
        "line-end",
    ),
    ("bare line feeds everywhere", "GET /things/one HTTP/1.1\nHost: h\n\n", 400, "line-end"),
    (
        "a bare carriage return",
        "GET /things/one HTTP/1.1\r\nHost: h\r\n@X-Step: a\rContent-Length: 44\r\n\r\n",
        400,
        "line-end",
    ),
    (
        "NUL in a value",
        "GET /things/one HTTP/1.1\r\nHost: h\r\n@X-Step: a\0b\r\n\r\n",
        400,
        "control-character",
    ),
    ("NUL in a name", "GET /things/one HTTP/1.1\r\nHost: h\r\n@X-St\0ep: a\r\n\r\n", 400, "field-name"),
    ("no name", "GET /things/one HTTP/1.1\r\nHost: h\r\n@: a\r\n\r\n", 400, "field-name"),
    ("no colon", "GET /things/one HTTP/1.1\r\nHost: h\r\n@X-Step\r\n\r\n", 400, "field-name"),
    (
        "a name that is no token",
        "GET /things/one HTTP/1.1\r\nHost: h\r\n@X[Step]: a\r\n\r\n",
        400,
        "field-name",
    ),
    // The request line.
    ("two spaces", "GET  /things/one HTTP/1.1\r\nHost: h\r\n@\r\n", 400, "request-line"),
    ("a tab for a space", "GET\t/things/one HTTP/1.1\r\nHost: h\r\n@\r\n", 400, "request-line"),
    (
        "a space in the target",
        "GET /things/one /things/two HTTP/1.1\r\nHost: h\r\n@\r\n",
        400,
        "request-line",
    ),
    ("a space at the end", "GET /things/one HTTP/1.1 \r\nHost: h\r\n@\r\n", 400, "request-line"),
    ("no version", "GET /things/one\r\nHost: h\r\n@\r\n", 400, "request-line"),
    ("another version", "GET /things/one HTTP/1.2\r\nHost: h\r\n@\r\n", 505, "version"),
    ("another protocol", "GET /things/one ICE/1.0\r\nHost: h\r\n@\r\n", 400, "request-line"),
    ("HTTP/2 without a word", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version"),
    ("a method that is no token", "GE(T /things/one HTTP/1.1\r\nHost: h\r\n@\r\n", 400, "method-token"),
    ("empty lines first", "\r\n\r\nGET /things/one HTTP/1.1\r\nHost: h\r\n@\r\n", 400, "request-line"),
    ("a fragment", "GET /things/one#two HTTP/1.1\r\nHost: h\r\n@\r\n", 400, "target"),
    // Whom it is for.
    ("no host", "GET /things/one HTTP/1.1\r\n@\r\n", 400, "host"),
    ("two hosts", "GET /things/one HTTP/1.1\r\nHost: h\r\nHost: h\r\n@\r\n", 400, "host"),
    ("an empty host", "GET /things/one HTTP/1.1\r\nHost:\r\n@\r\n", 400, "host"),
    ("a list of hosts", "GET /things/one HTTP/1.1\r\nHost: h, i\r\n@\r\n", 400, "host"),
    ("a host with a path", "GET /things/one HTTP/1.1\r\nHost: h/things\r\n@\r\n", 400, "host"),
    ("a host with a login", "GET /things/one HTTP/1.1\r\nHost: user@h\r\n@\r\n", 400, "host"),
    ("a target for another host", "GET http://i/things/one HTTP/1.1\r\nHost: h\r\n@\r\n", 400, "target-host"),
    ("a target with a login", "GET http://user@h/things/one HTTP/1.1\r\nHost: h\r\n@\r\n", 400, "target"),
    ("a target of another protocol", "GET ftp://h/things/one HTTP/1.1\r\nHost: h\r\n@\r\n", 400, "target"),
    ("an authority alone", "GET h:443 HTTP/1.1\r\nHost: h\r\n@\r\n", 400, "target"),
    ("an asterisk for GET", "GET * HTTP/1.1\r\nHost: h\r\n@\r\n", 400, "target"),
    ("a tunnel", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n@\r\n", 501, "connect"),
];

/// Bodies of a good chunked request that have no one end.
const CHUNKS: &[(&str, &str, &str)] = &[
    ("an extension", "3;a=b\r\nabc\r\n0\r\n\r\n", "chunk-size"),
    ("an extension that hides a line end", "3;a=\"\n\r\nabc\r\n0\r\n\r\n", "chunk-size"),
    ("a space behind the size", "3 \r\nabc\r\n0\r\n\r\n", "chunk-size"),
    ("a size with a prefix", "0x3\r\nabc\r\n0\r\n\r\n", "chunk-size"),
    ("a negative size", "-1\r\nabc\r\n0\r\n\r\n", "chunk-size"),
    ("a size that overflows", "100000003\r\nabc\r\n0\r\n\r\n", "chunk-size"),
    ("no size", "\r\nabc\r\n0\r\n\r\n", "chunk-size"),
    ("a size that ends with a line feed", "3\nabc\r\n0\r\n\r\n", "line-end"),
    ("a chunk longer than its size", "2\r\nabc\r\n0\r\n\r\n", "chunk-end"),
    ("a chunk that ends with a line feed", "3\r\nabc\n0\r\n\r\n", "chunk-end"),
    ("a chunk without an end", "3\r\nabc0\r\n\r\n", "chunk-end"),
    ("a last line that ends with a line feed", "3\r\nabc\r\n0\r\n\n", "line-end"),
    ("a length behind the body", "3\r\nabc\r\n0\r\nContent-Length: 44\r\n\r\n", "trailer"),
    ("a host behind the body", "3\r\nabc\r\n0\r\nHost: i\r\n\r\n", "trailer"),
    ("somebody named behind the body", "3\r\nabc\r\n0\r\nX-Remote-User: admin\r\n\r\n", "trailer"),
];

/// The door, before an upstream that takes everything.
struct Door {
    installation: Installation,
    upstream: StandIn,
    login: (String, String),
}

impl Door {
    fn open() -> (crate::program::Server, Self) {
        let upstream = StandIn::saying(answer("200 OK", "", b"done"));
        let installation = things(&format!("\"{}\"", upstream.url()), "");
        let server = installation.serve();
        let login = installation.login();
        (server, Self { installation, upstream, login })
    }

    /// A connection, and a request for [`AFTER`] that is good.
    fn connect(&self) -> (Connection, String) {
        let mut connection = self.installation.client().connect().unwrap();
        let authorization = connection.authorization(AFTER, &self.login).unwrap();
        (connection, format!("GET {AFTER} HTTP/1.1\r\nHost: h\r\n{authorization}\r\n\r\n"))
    }

    /// An answer to our challenge for what the first line of `request` asks.
    fn authorization(&self, request: &str) -> String {
        let method = if request.contains("POST") { "POST" } else { "GET" };
        let mut connection = self.installation.client().connect().unwrap();
        connection.authorization_to(method, "/things/one", &self.login).unwrap()
    }

    fn targets(&self) -> Vec<String> {
        self.upstream.heads().into_iter().map(|head| head.target).collect()
    }

    /// Looks whether `refused` was recorded, for `reason`; one of a flood is counted.
    #[track_caller]
    fn check_recorded(&self, name: &str, refused: &Answer, reason: &str) {
        let problem: serde_json::Value = serde_json::from_str(&refused.text()).unwrap();
        assert_eq!(problem["type"], format!("/problems/{reason}"), "{name}");
        let reference = problem["reference"].as_str().unwrap_or_else(|| panic!("{name}: {problem}"));
        let events = self.installation.log().events();
        let recorded = events.iter().find(|event| event.text("reference") == reference);
        let is_it = |event: &Event| match event.kind() {
            "request_refused" => event.text("reason") == reason,
            "failures_summarised" => event.text("reason") == format!("request: {reason}"),
            _ => false,
        };
        assert!(recorded.is_some_and(is_it), "{name}: {recorded:?}");
    }
}

/// Reads the refusal; the connection must end behind it.
#[track_caller]
fn refusal(name: &str, connection: &mut Connection) -> Answer {
    let answer = connection.answer().unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(answer.head.field("connection"), Some("close"), "{name}");
    let mut rest = Vec::new();
    // The end may be one without TLS's own word for it.
    drop(connection.tls.read_to_end(&mut rest));
    assert_eq!(String::from_utf8_lossy(&rest), "", "{name}");
    answer
}

#[test]
fn a_request_that_two_parsers_read_differently_is_refused_and_nothing_behind_it_is_done() {
    assert!(HEADS.len() + CHUNKS.len() >= 40);
    let (_server, door) = Door::open();
    for (name, request, status, reason) in HEADS {
        let authorization = format!("\r\n{}\r\n", door.authorization(request));
        let (mut connection, after) = door.connect();
        connection.write(format!("{}{after}", request.replace("\r\n@", &authorization)).as_bytes()).unwrap();
        let refused = refusal(name, &mut connection);
        assert_eq!(refused.status, *status, "{name}: {}", refused.text());
        door.check_recorded(name, &refused, reason);
    }
    assert_eq!(door.targets(), [""; 0], "something was done");
    door.installation.log().check();
}

#[test]
fn a_body_that_two_parsers_end_differently_is_refused_and_nothing_behind_it_is_done() {
    let (_server, door) = Door::open();
    for (name, chunks, reason) in CHUNKS {
        for method in ["GET", "POST"] {
            let name = format!("{method}: {name}");
            let authorization = door.authorization(method);
            let (mut connection, after) = door.connect();
            let head = format!("{method} /things/one HTTP/1.1\r\nHost: h\r\n{authorization}\r\n");
            let request = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunks}{after}");
            connection.write(request.as_bytes()).unwrap();
            let refused = refusal(&name, &mut connection);
            assert_eq!(refused.status, 400, "{name}: {}", refused.text());
            door.check_recorded(&name, &refused, reason);
        }
    }
    // A POST may have begun, and never came to its end.
    assert!(!door.targets().contains(&AFTER.to_owned()), "{:?}", door.targets());
    assert!(door.upstream.heads().iter().all(|head| head.method == "POST"), "a GET was done");
}

#[test]
fn what_came_before_is_answered_first() {
    let (_server, door) = Door::open();
    let authorization = door.authorization("GET");
    let (mut connection, after) = door.connect();
    let good = format!("GET /things/one HTTP/1.1\r\nHost: h\r\n{authorization}\r\n\r\n");
    connection.write(format!("{good}GET /things/two HTTP/1.1\nHost: h\n\n{after}").as_bytes()).unwrap();
    let answered = connection.answer().unwrap();
    assert_eq!((answered.status, answered.text().as_str()), (200, "done"));
    assert_eq!(refusal("behind a good one", &mut connection).status, 400);
    assert_eq!(door.targets(), ["/things/one"]);
}

#[test]
fn good_requests_in_one_write_are_all_done() {
    let (_server, door) = Door::open();
    let authorization = door.authorization("POST");
    let (mut connection, after) = door.connect();
    let head =
        format!("POST /things/one HTTP/1.1\r\nHost: h\r\n{authorization}\r\nTransfer-Encoding: chunked\r\n");
    connection.write(format!("{head}\r\n3\r\nabc\r\n0\r\n\r\n\r\n{after}").as_bytes()).unwrap();
    for _ in 0..2 {
        let answered = connection.answer().unwrap();
        assert_eq!((answered.status, answered.text().as_str()), (200, "done"));
    }
    assert_eq!(door.targets(), ["/things/one", AFTER]);
}

#[test]
fn a_refused_request_in_pieces_is_answered_before_its_sender_gives_up() {
    let (_server, door) = Door::open();
    for piece in [
        "GET /things/one HTTP/1.1\r\nHost: h\r\n: x\r\n",
        "GET /things/one HTTP/1.1\n",
        "POST /a HTTP/1.1\r\n x",
    ] {
        let mut connection = door.installation.client().connect().unwrap();
        for byte in piece.as_bytes() {
            connection.write(&[*byte]).unwrap();
        }
        if piece.ends_with('x') {
            connection.write(b": y\r\n").unwrap();
        }
        assert_eq!(refusal(piece, &mut connection).status, 400);
    }
}

#[test]
fn a_head_beyond_its_bounds_is_refused_while_it_is_still_sent() {
    let (_server, door) = Door::open();
    let long = "x".repeat(900 * 1024);
    for (name, request, status) in [
        ("a long target", format!("GET /things/{long} HTTP/1.1\r\nHost: h\r\n\r\n"), 414),
        ("a long field", format!("GET /things/one HTTP/1.1\r\nHost: h\r\nX-Long: {long}\r\n\r\n"), 431),
        (
            "many fields",
            format!("GET /things/one HTTP/1.1\r\nHost: h\r\n{}\r\n", "X-Many: x\r\n".repeat(100)),
            431,
        ),
    ] {
        let mut connection = door.installation.client().connect().unwrap();
        connection.write(request.as_bytes()).unwrap();
        assert_eq!(refusal(name, &mut connection).status, status, "{name}");
    }
}
