//! Who an upstream is told that it serves: whom we proved, and nobody whom a caller names.

use super::doors::{patient, plain};
use super::stand_in::{Head, StandIn, answer};
use crate::support::Installation;

const THING: &str = "/things/one?of=two";

/// What callers say, beside their answer to our challenge, of who they are and how they are connected.
const CLAIMS: [&str; 15] = [
    "Cookie: __Host-gateward=stolen",
    "X_Remote_User: admin",
    "X-Remote-User: admin",
    "Remote-User: admin",
    "X-Forwarded-User: admin",
    "X-Forwarded-For: 192.0.2.1",
    "X-Forwarded-Proto: http",
    "X-Real-IP: 192.0.2.1",
    "Forwarded: for=192.0.2.1",
    "Proxy-Authorization: Basic YTpi",
    "Proxy-Connection: close",
    "Keep-Alive: timeout=5",
    "TE: trailers",
    "Upgrade: websocket",
    "Connection: keep-alive, Accept-Language, X-Step",
];

/// What goes along: what a caller takes, and what the program is called.
const CONDITIONS: [&str; 4] =
    ["Accept: text/plain", "If-None-Match: \"one\"", "User-Agent: thing/1", "X-Step: 1"];

fn asked(installation: &Installation, upstream: &StandIn, login: &(String, String), method: &str) -> Head {
    let before = upstream.heads().len();
    let mut connection = installation.client().connect().unwrap();
    let authorization = connection.authorization_to(method, THING, login).unwrap();
    let fields = [&[authorization.as_str()], &CLAIMS[..], &CONDITIONS[..]].concat();
    let body: &[u8] = if method == "POST" { b"new" } else { b"" };
    connection.send(method, THING, &fields, body).unwrap();
    let answered = connection.answer().unwrap();
    assert_eq!(answered.status, 200, "{}", answered.text());
    assert_eq!(upstream.heads().len(), before + 1);
    upstream.heads().pop().unwrap()
}

#[test]
fn nothing_of_a_callers_identity_or_connection_reaches_the_upstream() {
    let upstream = StandIn::saying(answer("200 OK", "", b"one"));
    let installation = plain(&patient(&upstream, 30), "");
    let _server = installation.serve();
    let login = installation.login();
    for method in ["GET", "POST"] {
        let mut head = asked(&installation, &upstream, &login, method);
        assert_eq!((head.method.as_str(), head.target.as_str()), (method, THING));
        head.fields.sort();
        let fields: Vec<(String, &str)> =
            head.fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_str())).collect();
        let host = upstream.url().replace("http://", "");
        let mut expected = vec![
            ("accept", "text/plain"),
            ("connection", "te"),
            ("forwarded", "for=127.0.0.1;host=\"localhost\";proto=https"),
            ("host", &host),
            ("if-none-match", "\"one\""),
            ("te", "trailers"),
            ("user-agent", "thing/1"),
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-host", "localhost"),
            ("x-forwarded-proto", "https"),
        ];
        if method == "POST" {
            expected.insert(2, ("content-length", "3"));
        }
        let expected: Vec<(String, &str)> =
            expected.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        assert_eq!(fields, expected);
    }
}

#[test]
fn an_upstream_that_believes_us_is_told_the_login_that_was_proven_and_no_other() {
    let upstream = StandIn::saying(answer("200 OK", "", b"one"));
    let installation = plain(&patient(&upstream, 30), "identify_as = \"X-Remote-User\"");
    let _server = installation.serve();
    let login = installation.login();
    for method in ["GET", "POST"] {
        let head = asked(&installation, &upstream, &login, method);
        let mut named = head.fields;
        named.retain(|(name, _)| name.eq_ignore_ascii_case("x-remote-user"));
        let named: Vec<&str> = named.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(named, [login.0.as_str()], "{method}");
    }
}

#[test]
fn what_an_upstream_says_of_its_connection_and_of_logins_stays_there() {
    let fields = "Connection: X-Step, close\r\nX-Step: 1\r\nKeep-Alive: timeout=5\r\nServer: inside/1\r\n\
                  Proxy-Authenticate: Basic realm=\"inside\"\r\nWWW-Authenticate: Basic realm=\"inside\"\r\n\
                  ETag: \"one\"\r\nContent-Type: text/plain\r\n";
    let upstream = StandIn::saying(answer("200 OK", fields, b"one"));
    let installation = plain(&patient(&upstream, 30), "");
    let _server = installation.serve();
    let answered = installation.client().get(THING, &installation.login()).unwrap();
    assert_eq!((answered.status, answered.text().as_str()), (200, "one"));
    for name in ["x-step", "keep-alive", "server", "proxy-authenticate", "www-authenticate", "connection"] {
        assert_eq!(answered.head.field(name), None, "{name}");
    }
    assert_eq!(answered.head.field("etag"), Some("\"one\""));
    assert_eq!(answered.head.field("cache-control"), Some("private"), "it was for one caller");
}
