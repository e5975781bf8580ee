//! What has one reading passes, byte for byte; what has several is refused, wherever it is cut.

use http_framing::{Fault, Framing, Passed};
use proptest::prelude::*;

/// How many bytes pass of a connection that brings `bytes` in these pieces, and what stopped it.
fn follow<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (usize, Option<Fault>) {
    let (mut framing, mut held, mut passed) = (Framing::default(), Vec::new(), 0);
    for piece in pieces {
        held.extend_from_slice(piece);
        loop {
            match framing.judge(&held) {
                Ok(Passed::Some(more)) => {
                    passed += more;
                    held.drain(..more);
                }
                Ok(Passed::NeedsMore) => break,
                Ok(Passed::NeedsAnswer) => framing.answered(false),
                Err(fault) => return (passed, Some(fault)),
            }
        }
    }
    (passed, None)
}

fn whole(bytes: &str) -> (usize, Option<Fault>) {
    follow(std::iter::once(bytes.as_bytes()))
}

#[track_caller]
fn passes(bytes: &str) {
    assert_eq!(whole(bytes), (bytes.len(), None), "{bytes:?}");
    let each = bytes.as_bytes().chunks(1);
    assert_eq!(follow(each), (bytes.len(), None), "byte by byte: {bytes:?}");
}

#[track_caller]
fn refused(bytes: &str, fault: Fault) {
    assert_eq!(whole(bytes).1, Some(fault), "{bytes:?}");
    assert_eq!(follow(bytes.as_bytes().chunks(1)).1, Some(fault), "byte by byte: {bytes:?}");
}

#[test]
fn requests_in_a_row_pass() {
    passes("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b?c=d HTTP/1.1\r\nhost:a:80\r\nAccept: */*\t\r\n\r\n");
    passes(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    passes(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0A\r\n0123456789\r\n0\r\n\r\n",
    );
    passes("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nDigest: x\r\n\r\n");
    passes("GET http://A:80/ HTTP/1.1\r\nHost: a:80\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    passes("GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\nHost: [::1]:80\r\nContent-Length: 0\r\n\r\n");
    passes(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    );
}

#[test]
fn a_head_that_two_parsers_read_differently_is_refused() {
    for (bytes, fault) in [
        ("GET / HTTP/1.1\nHost: a\n\n", Fault::LineEnd),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", Fault::LineEnd),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rY: b\r\n\r\n", Fault::LineEnd),
        ("\r\n\r\nGET / HTTP/1.1\r\n", Fault::RequestLine),
        ("GET  / HTTP/1.1\r\n", Fault::RequestLine),
        ("GET / HTTP/1.1 \r\n", Fault::RequestLine),
        (" GET / HTTP/1.1\r\n", Fault::RequestLine),
        ("GET /a b HTTP/1.1\r\n", Fault::RequestLine),
        ("GET\t/ HTTP/1.1\r\n", Fault::RequestLine),
        ("GET /\r\n", Fault::RequestLine),
        ("GET / http/1.1\r\n", Fault::RequestLine),
        ("G(T / HTTP/1.1\r\n", Fault::Method),
        ("GET a HTTP/1.1\r\n", Fault::Target),
        ("GET * HTTP/1.1\r\n", Fault::Target),
        ("GET a:80 HTTP/1.1\r\n", Fault::Target),
        ("GET /#a HTTP/1.1\r\n", Fault::Target),
        ("GET /\u{e4} HTTP/1.1\r\n", Fault::Target),
        ("GET /\u{b} HTTP/1.1\r\n", Fault::Target),
        ("GET http://u@a/ HTTP/1.1\r\n", Fault::Target),
        ("GET http:///a HTTP/1.1\r\n", Fault::Target),
        ("GET ftp://a/ HTTP/1.1\r\n", Fault::Target),
        ("CONNECT a:443 HTTP/1.1\r\n", Fault::Connect),
        ("GET / HTTP/1.2\r\n", Fault::Version),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Fault::Version),
        ("GET / HTTP/1.1\r\n\r\n", Fault::Host),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", Fault::Host),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", Fault::Host),
        ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", Fault::Host),
        ("GET / HTTP/1.1\r\nHost: a \r\n\r\n", Fault::Host),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", Fault::Host),
        ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", Fault::TargetHost),
        ("GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n", Fault::TargetHost),
        ("GET / HTTP/1.1\r\nHost: a\r\n : b\r\n\r\n", Fault::Folded),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n\tb\r\n\r\n", Fault::Folded),
        ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", Fault::Folded),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", Fault::SpaceBeforeColon),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\t: a\r\n\r\n", Fault::SpaceBeforeColon),
        ("GET / HTTP/1.1\r\nHost: a\r\n: a\r\n\r\n", Fault::FieldName),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", Fault::FieldName),
        ("GET / HTTP/1.1\r\nHost: a\r\nX(: a\r\n\r\n", Fault::FieldName),
        ("GET / HTTP/1.1\r\nHost: a\r\nX\0: a\r\n\r\n", Fault::FieldName),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0\r\n\r\n", Fault::Control),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\u{b}\r\n\r\n", Fault::Control),
    ] {
        refused(bytes, fault);
    }
}

#[test]
fn a_body_that_two_parsers_end_differently_is_refused() {
    let length = |value: &str| format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:{value}\r\n\r\nhello");
    for value in [
        "",
        " ",
        " +5",
        " -5",
        "  5",
        "\t5",
        " 5 ",
        " 5,5",
        " 5, 5",
        " 0x5",
        " 5.0",
        " 05",
        " \"5\"",
        " 5 5",
        " five",
        " 9223372036854775808",
        " 99999999999999999999999",
    ] {
        refused(&length(value), Fault::ContentLength);
    }
    refused(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        Fault::ContentLength,
    );
    let coding =
        |value: &str| format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:{value}\r\n\r\n0\r\n\r\n");
    for value in [
        "",
        " identity",
        " chunked, chunked",
        " gzip, chunked",
        " chunked;q=1",
        " xchunked",
        " chunked ",
        "\tchunked",
        "  chunked",
        " \"chunked\"",
        " chunked,",
        " , chunked",
        " chunked\u{80}",
    ] {
        refused(&coding(value), Fault::TransferEncoding);
    }
    refused(&coding(" \u{b}chunked"), Fault::Control);
    let twice =
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n";
    refused(twice, Fault::TransferEncoding);
    let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    refused(old, Fault::TransferEncoding);
    for both in
        ["Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 0"]
    {
        refused(&format!("POST / HTTP/1.1\r\nHost: a\r\n{both}\r\n\r\n"), Fault::BothLengths);
    }
}

#[test]
fn chunks_that_two_parsers_end_differently_are_refused() {
    for (chunks, fault) in [
        ("5;a=b\r\nhello\r\n", Fault::ChunkSize),
        ("5 \r\nhello\r\n", Fault::ChunkSize),
        (" 5\r\nhello\r\n", Fault::ChunkSize),
        ("+5\r\nhello\r\n", Fault::ChunkSize),
        ("-5\r\nhello\r\n", Fault::ChunkSize),
        ("0x5\r\nhello\r\n", Fault::ChunkSize),
        ("g\r\n", Fault::ChunkSize),
        ("\r\n", Fault::ChunkSize),
        ("000000005\r\nhello\r\n", Fault::ChunkSize),
        ("100000000000000005\r\nhello\r\n", Fault::ChunkSize),
        ("5\nhello\r\n", Fault::LineEnd),
        ("5\rhello\r\n", Fault::LineEnd),
        ("5\r\nhello0\r\n\r\n", Fault::ChunkEnd),
        ("5\r\nhello\n0\r\n\r\n", Fault::ChunkEnd),
        ("5\r\nhello\r0\r\n\r\n", Fault::ChunkEnd),
        ("4\r\nhello\r\n0\r\n\r\n", Fault::ChunkEnd),
        ("0\r\nContent-Length: 5\r\n\r\n", Fault::Trailer),
        ("0\r\nHost: b\r\n\r\n", Fault::Trailer),
        ("0\r\nX-Remote-User: root\r\n\r\n", Fault::Trailer),
        ("0\r\nREMOTE_USER: root\r\n\r\n", Fault::Trailer),
        ("0\r\nGET / HTTP/1.1\r\n\r\n", Fault::FieldName),
        ("0\r\n\n", Fault::LineEnd),
        ("0\r\n folded: a\r\n\r\n", Fault::Folded),
    ] {
        refused(&format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"), fault);
    }
}

#[test]
fn a_head_has_its_bounds() {
    let target = "a".repeat(http_framing::LONGEST_LINE);
    assert_eq!(whole(&format!("GET /{target} HTTP/1.1\r\nHost: a\r\n\r\n")).1, Some(Fault::LineTooLong));
    assert_eq!(whole(&format!("GET /{target}{target}")).1, Some(Fault::LineTooLong));
    let fields = "X: a\r\n".repeat(http_framing::MOST_FIELDS);
    assert_eq!(whole(&format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")).1, Some(Fault::HeadTooLarge));
    let value = "a".repeat(http_framing::MOST_HEAD);
    assert_eq!(
        whole(&format!("GET / HTTP/1.1\r\nHost: a\r\nX: {value}\r\n\r\n")).1,
        Some(Fault::HeadTooLarge)
    );
    assert_eq!(whole(&format!("GET / HTTP/1.1\r\nHost: a\r\nX: {value}")).1, Some(Fault::HeadTooLarge));
}

#[test]
fn another_protocol_is_not_looked_into_once_the_answer_said_so() {
    let mut framing = Framing::default();
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(framing.judge(head), Ok(Passed::Some(head.len())));
    assert_eq!(framing.judge(b"\x81\n"), Ok(Passed::NeedsAnswer));
    framing.answered(true);
    assert_eq!(framing.judge(b"\x81\n\0"), Ok(Passed::Some(3)));
}

#[test]
fn a_request_with_a_body_asks_for_no_other_protocol() {
    let mut framing = Framing::default();
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\n";
    assert_eq!(framing.judge(head), Ok(Passed::Some(head.len())));
    assert!(framing.is_in_body());
    assert_eq!(framing.judge(b"ab"), Ok(Passed::Some(2)));
    assert_eq!(framing.requests(), 1);
}

/// What the parts of requests, good and bad, are made of.
fn part() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "GET / HTTP/1.1\r\n",
        "POST / HTTP/1.1\r\n",
        "Host: a\r\n",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "X: a\r\n",
        "\r\n",
        "hello",
        "5\r\n",
        "0\r\n",
        "\n",
        " ",
        "\r",
        "a",
    ])
}

proptest! {
    #[test]
    fn how_bytes_are_cut_changes_nothing(parts in prop::collection::vec(part(), 0..12), size in 1_usize..40) {
        let bytes = parts.concat();
        prop_assert_eq!(whole(&bytes), follow(bytes.as_bytes().chunks(size)));
    }
}
