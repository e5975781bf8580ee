//! What other people's clients answered to a challenge of ours, byte for byte.
//!
//! The files were written by `golden/capture.py` from the real programs: curl 7.88.1,
//! wget 1.21.3, Python 3.11.7 urllib and requests.

#![allow(clippy::unwrap_used, reason = "what a test sets up itself is known to work")]

use http_digest::{
    Credentials, NonceKey, NonceKeys, Offer, ProtectionSpace, Realm, Request, Scheme, Verdict,
};
use jiff::Timestamp;

const LOGIN: &str = "6C41QBN0PQ0G5U";
const PASSWORD: &str = "4MBVVQUNA2RRUZSTVBWUGXJHC4";

fn now() -> Timestamp {
    "2026-11-21T12:00:00.25Z".parse().unwrap()
}

/// What a service that offers `offer` thinks of what stands in a file: method and target, then the
/// header.
fn verdict_by(offer: Offer, golden: &str, password: &str) -> Verdict {
    let mut lines = golden.lines();
    let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
    let header = lines.next().unwrap();
    assert_eq!(lines.next(), None, "one answer a file");

    assert_eq!(Scheme::of(header), Scheme::Digest);
    let credentials = Credentials::parse(header).unwrap();
    assert_eq!(credentials.login(), LOGIN);

    let realm: Realm = "Restricted data, ask the archive".parse().unwrap();
    let keys = NonceKeys::new(NonceKey::new([0xA5; 32]), vec![]);
    let space = ProtectionSpace { service: "/fdsnws/dataselect/1", realm: &realm, keys: &keys, offer };
    let request = Request { method, target };
    let ha1 = credentials.ha1(password);
    // They are no answers to a stranger's challenge, but would be judged alike if they were.
    let proves = credentials.proves(request, Some(&ha1));
    assert_eq!(proves, password == PASSWORD);
    space.verify(&credentials, request, Some(&ha1), now())
}

#[track_caller]
fn assert_let_in(golden: &str) {
    for offer in [Offer::Md5, Offer::Md5AndSha256] {
        let verdict = verdict_by(offer, golden, PASSWORD);
        assert!(matches!(verdict, Verdict::Right(used) if used.count == 1), "{verdict:?}");
    }
}

#[track_caller]
fn assert_wrong(golden: &str) {
    assert_eq!(verdict_by(Offer::Md5AndSha256, golden, "4MBVV"), Verdict::WrongAnswer);
}

/// The nonce's format too: replicas of two releases check each other's.
#[test]
fn the_challenges_are_frozen() {
    let realm: Realm = "Restricted data, ask the archive".parse().unwrap();
    let keys = NonceKeys::new(NonceKey::new([0xA5; 32]), vec![]);
    let space =
        |offer| ProtectionSpace { service: "/fdsnws/dataselect/1", realm: &realm, keys: &keys, offer };
    let md5 = include_str!("golden/challenge.txt").trim_end();
    let sha256 = include_str!("golden/challenge-sha-256.txt").trim_end();
    assert_eq!(space(Offer::Md5).challenges(now(), *b"0123456789ab", false), [md5]);
    assert_eq!(space(Offer::Md5AndSha256).challenges(now(), *b"0123456789ab", false), [md5, sha256]);
}

#[test]
fn curl_is_let_in() {
    assert_let_in(include_str!("golden/curl.txt"));
}

#[test]
fn curl_with_another_password_is_not() {
    assert_wrong(include_str!("golden/curl.txt"));
}

#[test]
fn wget_is_let_in() {
    assert_let_in(include_str!("golden/wget.txt"));
}

#[test]
fn wget_with_another_password_is_not() {
    assert_wrong(include_str!("golden/wget.txt"));
}

#[test]
fn urllib_is_let_in() {
    assert_let_in(include_str!("golden/urllib.txt"));
}

#[test]
fn urllib_with_another_password_is_not() {
    assert_wrong(include_str!("golden/urllib.txt"));
}

#[test]
fn urllib_bulk_is_let_in() {
    assert_let_in(include_str!("golden/urllib-bulk.txt"));
}

#[test]
fn urllib_bulk_with_another_password_is_not() {
    assert_wrong(include_str!("golden/urllib-bulk.txt"));
}

#[test]
fn requests_is_let_in() {
    assert_let_in(include_str!("golden/requests.txt"));
}

#[test]
fn requests_with_another_password_is_not() {
    assert_wrong(include_str!("golden/requests.txt"));
}

/// curl and urllib answer the first challenge, wget the last one, but by MD5.
#[test]
fn clients_that_answer_by_md5_are_let_in_where_sha256_is_offered_too() {
    assert_let_in(include_str!("golden/curl-sha-256.txt"));
    assert_let_in(include_str!("golden/wget-sha-256.txt"));
    assert_let_in(include_str!("golden/urllib-sha-256.txt"));
    assert_let_in(include_str!("golden/urllib-bulk-sha-256.txt"));
}

#[test]
fn requests_is_let_in_by_sha256_where_that_is_offered() {
    let golden = include_str!("golden/requests-sha-256.txt");
    let verdict = verdict_by(Offer::Md5AndSha256, golden, PASSWORD);
    assert!(matches!(verdict, Verdict::Right(used) if used.count == 1), "{verdict:?}");
    assert_eq!(verdict_by(Offer::Md5, golden, PASSWORD), Verdict::AlgorithmNotOffered);
}

#[test]
fn requests_with_another_password_is_not_let_in_by_sha256() {
    assert_wrong(include_str!("golden/requests-sha-256.txt"));
}
