//! Servers that are no CKAN, or a broken or hostile one: what is wrong is said, and the key in no word
//! of it.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use gateward::flows::access_token::ckan::{Ckan, Error};

use super::asking::{LITTLE, api_at, user, wait};
use super::stand_in::{Received, StandIn};

const KEY: &str = "eyJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJ4In0.the-key-of-tests";

/// Asks it for a key; returns why there is none, in which the asker's own key never stands.
fn refused(server: &StandIn) -> Error {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), KEY).unwrap();
    let ckan = api_at(&server.url(), file.path(), None, LITTLE).unwrap();
    let begun = Instant::now();
    let refused = wait(ckan.create_key(&user("ann"), "x")).unwrap_err();
    assert!(begun.elapsed() < LITTLE + Duration::from_secs(10), "{:?}", begun.elapsed());
    for said in [refused.to_string(), format!("{refused:?}"), format!("{ckan:?}")] {
        assert!(!said.contains("the-key-of-tests") && said.chars().count() < 1000, "{said}");
        assert!(!refused.to_string().contains(char::is_control), "{said}");
    }
    refused
}

/// Says something, whatever is asked.
fn saying(answer: impl Into<Vec<u8>>) -> StandIn {
    let answer = answer.into();
    StandIn::answering(move |_: &Received, stream: &mut TcpStream| {
        stream.write_all(&answer)?;
        stream.shutdown(std::net::Shutdown::Write)?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    })
}

fn answer(status: &str, fields: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
}

const HTML: &str = "Content-Type: text/html; charset=utf-8\r\n";
const JSON: &str = "Content-Type: application/json\r\n";

#[test]
fn what_is_no_ckan_is_told_by_what_it_says() {
    let cases = [
        (answer("200 OK", HTML, "<h1>Welcome</h1>"), "200 OK with text/html"),
        (answer("404 Not Found", HTML, "<h1>Nothing</h1>"), "404 Not Found with text/html"),
        (answer("401 Unauthorized", HTML, "<h1>Who?</h1>"), "401 Unauthorized with text/html"),
        (answer("200 OK", JSON, r#"{"token": "x"}"#), "200 OK with application/json"),
        (answer("200 OK", "Content-Encoding: gzip\r\n", "\u{1f}"), "it packed its answer"),
        (
            answer("200 OK", JSON, r#"{"success": true, "result": {"token": "no key at all"}}"#),
            "not the form of an API token",
        ),
        ("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n".to_owned(), "does not speak HTTP"),
    ];
    for (said, why) in cases {
        let refused = refused(&saying(said));
        assert!(matches!(&refused, Error::NotCkan { .. }), "{refused}");
        assert!(refused.to_string().contains(why), "{refused}");
    }
}

#[test]
fn the_key_follows_no_redirect() {
    let elsewhere = saying(answer("200 OK", JSON, "{}"));
    for status in ["301 Moved Permanently", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let location = format!("Location: {}/api/3/action/api_token_create\r\n", elsewhere.url());
        let refused = refused(&saying(answer(status, &location, "")));
        assert!(matches!(&refused, Error::NotCkan { .. }), "{refused}");
        assert!(refused.to_string().contains(&format!("to {}", elsewhere.url())), "{refused}");
    }
    assert!(elsewhere.received().is_empty());
}

#[test]
fn a_server_that_repeats_the_key_does_not_get_it_into_our_words() {
    let words = format!(r#"{{"success": false, "error": {{"message": "\u001b[2JNo {KEY}!\u202e"}}}}"#);
    let told = refused(&saying(answer("403 Forbidden", JSON, &words)));
    assert!(matches!(&told, Error::NotPermitted(words) if words == "[2JNo (hidden)!"), "{told}");
    let location = format!("Location: https://example.org/?{KEY}\r\n");
    let told = refused(&saying(answer("302 Found", &location, ""))).to_string();
    assert!(told.contains("to https://example.org/?(hidden), and the key is not sent after it"), "{told}");
}

#[test]
fn long_words_are_cut() {
    let words = format!(r#"{{"success": false, "error": {{"name": ["{}"]}}}}"#, "much ".repeat(100_000));
    let told = refused(&saying(answer("409 Conflict", JSON, &words)));
    assert!(matches!(&told, Error::Refused(words) if words.starts_with("name: much")), "{told}");
}

#[test]
fn what_may_have_been_done_all_the_same_is_said_to_be_of_unknown_end() {
    let whole = answer("200 OK", JSON, r#"{"success": true, "result": {"token": "0123456789abcdef"}}"#);
    let failed = r#"{"success": false, "error": {"__type": "Internal Server Error", "message": "Oh"}}"#;
    let cases = [
        (String::new(), "connection closed"),
        (whole[..whole.len() - 5].to_owned(), "in the middle of its answer"),
        (answer("502 Bad Gateway", HTML, "<h1>nginx</h1>"), "502 Bad Gateway with text/html"),
        (answer("500 Internal Server Error", JSON, failed), "500 Internal Server Error: Oh"),
    ];
    for (said, why) in cases {
        let refused = refused(&saying(said));
        assert!(matches!(&refused, Error::BrokenOff { .. }) && refused.is_of_unknown_end(), "{refused}");
        assert!(refused.to_string().contains(why), "{refused}");
    }
}

/// Says its beginning, and then the rest of it again and again for as long as anybody listens.
fn endless(beginning: &'static str, rest: String) -> StandIn {
    StandIn::answering(move |_: &Received, stream: &mut TcpStream| -> io::Result<()> {
        stream.write_all(beginning.as_bytes())?;
        loop {
            stream.write_all(rest.as_bytes())?;
        }
    })
}

#[test]
fn an_answer_without_end_is_given_up() {
    let body = endless(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "10000\r\n".to_owned() + &"[".repeat(0x1_0000) + "\r\n",
    );
    let told = refused(&body).to_string();
    assert!(told.contains("more than 8 MiB"), "{told}");
    let head = endless("HTTP/1.1 200 OK\r\n", "X-Field: x\r\n".repeat(1000));
    assert!(refused(&head).is_of_unknown_end());
}

#[test]
fn a_server_that_falls_silent_is_not_waited_for() {
    for beginning in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"] {
        let silent = StandIn::answering(move |_: &Received, stream: &mut TcpStream| {
            stream.write_all(beginning.as_bytes())?;
            stream.read_to_end(&mut Vec::new()).map(drop)
        });
        let told = refused(&silent);
        assert!(told.is_of_unknown_end() && told.to_string().contains("within 2 s"), "{told}");
    }
}
