//! What it costs to judge a browser's request, and a body in chunks.
//!
//! `cargo bench -p http-framing`

use std::hint::black_box;
use std::time::Instant;

use http_framing::{Framing, Passed};

const HEAD: &str = "GET /ocrux/fhir/Patient?family=Muster&_count=20 HTTP/1.1\r\nHost: cr.example.org\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: application/fhir+json\r\nAccept-Language: en-GB,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n\
    Referer: https://cr.example.org/crux/\r\nCookie: session=0123456789abcdef0123456789abcdef\r\n\
    Connection: keep-alive\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin\r\n\r\n";

fn main() {
    const ROUNDS: u32 = 1_000_000;
    let mut framing = Framing::default();
    let begun = Instant::now();
    for _ in 0..ROUNDS {
        let passed = framing.judge(black_box(HEAD.as_bytes()));
        assert_eq!(passed, Ok(Passed::Some(HEAD.len())));
    }
    println!(
        "a head of {} bytes: {:.0} ns",
        HEAD.len(),
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS)
    );

    let chunk = [b"2000\r\n".as_slice(), &[b'x'; 8192], b"\r\n"].concat();
    let body = chunk.repeat(16);
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(framing.judge(head), Ok(Passed::Some(head.len())));
    let begun = Instant::now();
    for _ in 0..10_000 {
        let mut at = 0;
        while at < body.len() {
            match framing.judge(black_box(&body[at..])) {
                Ok(Passed::Some(more)) => at += more,
                other => unreachable!("{other:?}"),
            }
        }
    }
    let gigabytes = 10_000.0 * 16.0 * 8192.0 / 1e9;
    println!("a body in chunks of 8 KiB: {:.0} GB/s", gigabytes / begun.elapsed().as_secs_f64());
}
