//! What other people's clients answered to a challenge of ours, byte for byte.
//!
//! The files were written by `golden/capture.py` from the real programs: curl 7.88.1,
//! wget 1.21.3, Python 3.11.7 urllib and requests.

#![allow(clippy::unwrap_used, reason = "what a test sets up itself is known to work")]

use http_digest::{Credentials, Ha1, NonceKey, NonceKeys, ProtectionSpace, Realm, Request, Scheme, Verdict};
use jiff::Timestamp;

const LOGIN: &str = "6C41QBN0PQ0G5U";
const PASSWORD: &str = "4MBVVQUNA2RRUZSTVBWUGXJHC4";

fn now() -> Timestamp {
    "2026-11-21T12:00:00.25Z".parse().unwrap()
}

/// The verdict on what stands in a file: method and target, then the header.
fn verdict_on(golden: &str, password: &str) -> Verdict {
    let mut lines = golden.lines();
    let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
    let header = lines.next().unwrap();
    assert_eq!(lines.next(), None, "one answer a file");

    assert_eq!(Scheme::of(header), Scheme::Digest);
    let credentials = Credentials::parse(header).unwrap();
    assert_eq!(credentials.login(), LOGIN);

    let realm: Realm = "Restricted data, ask the archive".parse().unwrap();
    let keys = NonceKeys::new(NonceKey::new([0xA5; 32]), vec![]);
    let space = ProtectionSpace { service: "/fdsnws/dataselect/1", realm: &realm, keys: &keys };
    let ha1 = Ha1::of(LOGIN, &realm, password);
    space.verify(&credentials, Request { method, target }, Some(&ha1), now())
}

/// The nonce's format too: replicas of two releases check each other's.
#[test]
fn the_challenge_is_frozen() {
    let realm: Realm = "Restricted data, ask the archive".parse().unwrap();
    let keys = NonceKeys::new(NonceKey::new([0xA5; 32]), vec![]);
    let space = ProtectionSpace { service: "/fdsnws/dataselect/1", realm: &realm, keys: &keys };
    let challenge = space.challenge(now(), *b"0123456789ab", false);
    assert_eq!(challenge, include_str!("golden/challenge.txt").trim_end());
}

#[test]
fn curl_is_let_in() {
    assert_eq!(verdict_on(include_str!("golden/curl.txt"), PASSWORD), Verdict::Right);
}

#[test]
fn curl_with_another_password_is_not() {
    assert_eq!(verdict_on(include_str!("golden/curl.txt"), "4MBVV"), Verdict::WrongAnswer);
}

#[test]
fn wget_is_let_in() {
    assert_eq!(verdict_on(include_str!("golden/wget.txt"), PASSWORD), Verdict::Right);
}

#[test]
fn wget_with_another_password_is_not() {
    assert_eq!(verdict_on(include_str!("golden/wget.txt"), "4MBVV"), Verdict::WrongAnswer);
}

#[test]
fn urllib_is_let_in() {
    assert_eq!(verdict_on(include_str!("golden/urllib.txt"), PASSWORD), Verdict::Right);
}

#[test]
fn urllib_with_another_password_is_not() {
    assert_eq!(verdict_on(include_str!("golden/urllib.txt"), "4MBVV"), Verdict::WrongAnswer);
}

#[test]
fn urllib_bulk_is_let_in() {
    assert_eq!(verdict_on(include_str!("golden/urllib-bulk.txt"), PASSWORD), Verdict::Right);
}

#[test]
fn urllib_bulk_with_another_password_is_not() {
    assert_eq!(verdict_on(include_str!("golden/urllib-bulk.txt"), "4MBVV"), Verdict::WrongAnswer);
}

#[test]
fn requests_is_let_in() {
    assert_eq!(verdict_on(include_str!("golden/requests.txt"), PASSWORD), Verdict::Right);
}

#[test]
fn requests_with_another_password_is_not() {
    assert_eq!(verdict_on(include_str!("golden/requests.txt"), "4MBVV"), Verdict::WrongAnswer);
}
