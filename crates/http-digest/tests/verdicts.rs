//! What a server may conclude from an answer, from the client's password to the verdict.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test sets up itself is known to work")]

use http_digest::{
    Algorithm, CLOCK_OFFSET, Credentials, Ha1, NONCE_LIFETIME, NonceKey, NonceKeys, Offer, ProtectionSpace,
    Realm, Request, Verdict, client,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

const LOGIN: &str = "6C41QBN0PQ0G5U";
const PASSWORD: &str = "4MBVVQUNA2RRUZSTVBWUGXJHC4";
const GET: Request<'_> = Request { method: "GET", target: "/data/1/queryauth?net=ZS" };
const MILLISECOND: SignedDuration = SignedDuration::from_millis(1);

fn now() -> Timestamp {
    "2026-11-21T12:00:00.25Z".parse().unwrap()
}

/// One replica's view, owned.
struct Server {
    service: &'static str,
    realm: Realm,
    keys: NonceKeys,
    offer: Offer,
}

fn server() -> Server {
    let keys = NonceKeys::new(NonceKey::new([1; 32]), vec![]);
    Server { service: "/data/1", realm: "FDSN".parse().unwrap(), keys, offer: Offer::Md5 }
}

impl Server {
    fn space(&self) -> ProtectionSpace<'_> {
        let Self { service, realm, keys, offer } = self;
        ProtectionSpace { service, realm, keys, offer: *offer }
    }

    fn ha1(&self) -> Ha1 {
        Ha1::of(Algorithm::Md5, LOGIN, &self.realm, PASSWORD)
    }

    /// What a client that knows every algorithm answers, here and now.
    fn challenge(&self) -> client::Challenge {
        let challenges = self.space().challenges(now(), [9; 12], false);
        client::Challenge::choose(challenges.iter().map(String::as_str)).unwrap()
    }

    /// The header of a client that got its challenge here and now.
    fn answered(&self, password: &str) -> String {
        client::answer(&self.challenge(), LOGIN, password, GET, 1, "0a4f113b").unwrap()
    }

    fn verdict_at(&self, header: &str, when: Timestamp) -> Verdict {
        let credentials = Credentials::parse(header).unwrap();
        self.space().verify(&credentials, GET, Some(&credentials.ha1(PASSWORD)), when)
    }

    fn verdict(&self, header: &str) -> Verdict {
        self.verdict_at(header, now())
    }
}

#[track_caller]
fn assert_right(verdict: Verdict) {
    assert!(matches!(verdict, Verdict::Right(_)), "{verdict:?}");
}

#[test]
fn the_right_password_is_right_and_another_is_not() {
    assert_right(server().verdict(&server().answered(PASSWORD)));
    assert_eq!(server().verdict(&server().answered("4MBVV")), Verdict::WrongAnswer);
}

#[test]
fn an_unknown_login_looks_like_a_wrong_password() {
    let server = server();
    let credentials = Credentials::parse(&server.answered(PASSWORD)).unwrap();
    assert_eq!(server.space().verify(&credentials, GET, None, now()), Verdict::WrongAnswer);
    let later = now() + NONCE_LIFETIME;
    assert_eq!(server.space().verify(&credentials, GET, None, later), Verdict::WrongAnswer);
}

#[test]
fn a_nonce_is_stale_at_the_very_end_of_its_life() {
    let header = server().answered(PASSWORD);
    let end = now() + NONCE_LIFETIME;
    assert_right(server().verdict_at(&header, end - MILLISECOND));
    assert_eq!(server().verdict_at(&header, end), Verdict::Stale);
}

#[test]
fn only_the_right_password_learns_that_the_nonce_was_stale() {
    let header = server().answered("4MBVV");
    assert_eq!(server().verdict_at(&header, now() + NONCE_LIFETIME), Verdict::WrongAnswer);
}

#[test]
fn another_replicas_clock_may_be_a_little_ahead_and_no_more() {
    let header = server().answered(PASSWORD);
    let behind = now() - CLOCK_OFFSET;
    assert_right(server().verdict_at(&header, behind));
    assert_eq!(server().verdict_at(&header, behind - MILLISECOND), Verdict::Stale);
    let wrong = server().answered("4MBVV");
    assert_eq!(server().verdict_at(&wrong, behind - MILLISECOND), Verdict::ForeignNonce);
}

/// curl takes the nonce of one service to the next, and gives up unless told it is stale.
#[test]
fn a_nonce_of_another_service_is_stale_to_the_right_password_and_foreign_to_others() {
    let other = Server { service: "/data/2", ..server() };
    assert_eq!(server().verdict(&other.answered(PASSWORD)), Verdict::Stale);
    assert_eq!(server().verdict(&other.answered("4MBVV")), Verdict::ForeignNonce);
}

#[test]
fn service_and_realm_cannot_trade_letters() {
    let shifted = Server { service: "/data/", realm: "1FDSN".parse().unwrap(), ..server() };
    let nonce_for_other_names = shifted.answered("4MBVV").replace("1FDSN", "FDSN");
    assert_eq!(server().verdict(&nonce_for_other_names), Verdict::ForeignNonce);
}

#[test]
fn an_invented_nonce_never_lets_in() {
    let ours = server().answered(PASSWORD);
    let nonce = ours.split('"').nth(5).unwrap();
    for invented in ["", "AAAA", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", &nonce[1..]] {
        let challenge = format!(r#"Digest realm="FDSN", qop="auth", algorithm=MD5, nonce="{invented}""#);
        let challenge = client::Challenge::parse(&challenge).unwrap();
        let right = client::answer(&challenge, LOGIN, PASSWORD, GET, 1, "c").unwrap();
        assert_eq!(server().verdict(&right), Verdict::Stale, "{invented}");
        let wrong = client::answer(&challenge, LOGIN, "4MBVV", GET, 1, "c").unwrap();
        assert_eq!(server().verdict(&wrong), Verdict::ForeignNonce, "{invented}");
    }
}

#[test]
fn keys_rotate_without_refusing_anybody() {
    let key = |byte| NonceKey::new([byte; 32]);
    let keys = |keys| Server { keys, ..server() };
    let steps = [
        keys(NonceKeys::new(key(1), vec![key(2)])),
        keys(NonceKeys::new(key(2), vec![key(1)])),
        keys(NonceKeys::new(key(2), vec![])),
    ];
    // While one step is rolled out, replicas of both sides of it answer.
    for pair in steps.windows(2) {
        assert_right(pair[0].verdict(&pair[1].answered(PASSWORD)));
    }
    assert_right(steps[1].verdict(&steps[0].answered(PASSWORD)));
    assert_eq!(steps[2].verdict(&steps[0].answered("4MBVV")), Verdict::ForeignNonce);
}

#[test]
fn the_answer_to_another_realm_is_told_apart() {
    let other = Server { realm: "Restricted data".parse().unwrap(), ..server() };
    assert_eq!(server().verdict(&other.answered(PASSWORD)), Verdict::OtherRealm);
}

#[test]
fn an_answer_works_for_its_target_and_method_only() {
    let server = server();
    let credentials = Credentials::parse(&server.answered(PASSWORD)).unwrap();
    let verdict = |request| server.space().verify(&credentials, request, Some(&server.ha1()), now());
    assert_eq!(verdict(Request { target: "/data/1/queryauth?net=YY", ..GET }), Verdict::OtherTarget);
    assert_eq!(verdict(Request { method: "POST", ..GET }), Verdict::WrongAnswer);
}

#[test]
fn a_client_may_name_its_target_in_absolute_form() {
    let server = server();
    let challenge = server.challenge();
    let absolute = Request { target: "https://localhost/data/1/queryauth?net=ZS", ..GET };
    let header = client::answer(&challenge, LOGIN, PASSWORD, absolute, 1, "c").unwrap();
    assert_right(server.verdict(&header));
}

#[test]
fn a_stale_challenge_says_so_and_a_first_one_does_not() {
    for stale in [true, false] {
        for challenge in both().space().challenges(now(), [9; 12], stale) {
            assert_eq!(client::Challenge::parse(&challenge).unwrap().stale(), stale);
            assert_eq!(challenge.ends_with(", stale=true"), stale);
        }
    }
}

/// A server that offers SHA-256, too.
fn both() -> Server {
    Server { offer: Offer::Md5AndSha256, ..server() }
}

#[test]
fn a_client_that_knows_both_algorithms_answers_by_sha256_where_that_is_offered() {
    let header = both().answered(PASSWORD);
    assert_eq!(Credentials::parse(&header).unwrap().algorithm(), Algorithm::Sha256);
    assert_right(both().verdict(&header));
    assert_eq!(both().verdict(&both().answered("4MBVV")), Verdict::WrongAnswer);
    assert_right(both().verdict(&server().answered(PASSWORD)));
}

#[test]
fn an_algorithm_that_is_not_offered_is_not_taken() {
    assert_eq!(server().verdict(&both().answered(PASSWORD)), Verdict::AlgorithmNotOffered);
}

#[test]
fn a_hash_by_one_algorithm_never_verifies_an_answer_by_the_other() {
    for header in [server().answered(PASSWORD), both().answered(PASSWORD)] {
        let credentials = Credentials::parse(&header).unwrap();
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            let ha1 = Ha1::of(algorithm, LOGIN, &both().realm, PASSWORD);
            let verdict = both().space().verify(&credentials, GET, Some(&ha1), now());
            assert_eq!(matches!(verdict, Verdict::Right(_)), algorithm == credentials.algorithm());
        }
    }
}

#[test]
fn an_answer_as_of_old_is_told_apart_and_never_right() {
    let challenge = client::Challenge::parse(r#"Digest realm="FDSN", nonce="AAAA""#).unwrap();
    let header = client::answer(&challenge, LOGIN, PASSWORD, GET, 1, "c").unwrap();
    assert_eq!(server().verdict(&header), Verdict::WithoutQop);
}

#[test]
fn each_use_of_each_nonce_is_told_apart() {
    let used = |random, nc| {
        let challenges = server().space().challenges(now(), random, false);
        let challenge = client::Challenge::parse(&challenges[0]).unwrap();
        let header = client::answer(&challenge, LOGIN, PASSWORD, GET, nc, "c").unwrap();
        match server().verdict(&header) {
            Verdict::Right(used) => used,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(used([9; 12], 0xABCD), used([9; 12], 0xABCD));
    assert_eq!(used([9; 12], 0xABCD).count, 0xABCD);
    assert_eq!(used([9; 12], 1).nonce, used([9; 12], 2).nonce);
    assert_ne!(used([9; 12], 1).nonce, used([8; 12], 1).nonce);
    assert_eq!(used([9; 12], 1).nonce.stale_from(), now() + NONCE_LIFETIME);
}

/// Without `:`.
fn word() -> impl Strategy<Value = String> {
    "[ -9;-~]{1,20}"
}

proptest! {
    #[test]
    fn parsing_any_text_ends(text in "(Digest )?\\PC*") {
        let _ = Credentials::parse(&text);
    }

    #[test]
    fn every_right_answer_is_right(
        login in word(), password in "\\PC*", nc: u32, cnonce in word(), random: [u8; 12],
        method in "[A-Z]{1,8}", target in "/[!-~]{0,80}", sha256: bool,
    ) {
        let server = both();
        let challenges = server.space().challenges(now(), random, false);
        let challenge = client::Challenge::parse(&challenges[usize::from(sha256)]).unwrap();
        let request = Request { method: &method, target: &target };
        let header = client::answer(&challenge, &login, &password, request, nc, &cnonce).unwrap();

        let credentials = Credentials::parse(&header).unwrap();
        prop_assert_eq!(credentials.login(), &login);
        let ha1 = Ha1::of(challenge.algorithm(), &login, &server.realm, &password);
        let verdict = server.space().verify(&credentials, request, Some(&ha1), now());
        prop_assert!(matches!(verdict, Verdict::Right(used) if used.count == nc), "{:?}", verdict);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8192))]

    /// Everybody has the same password here, and the request is the one that the header names:
    /// only the answer itself stands between one login or target and another.
    #[test]
    fn no_changed_byte_makes_an_answer_right_for_another_login_or_target(
        position: prop::sample::Index, to in b' '..=b'~', sha256: bool,
    ) {
        let server = if sha256 { both() } else { server() };
        let mut header = server.answered(PASSWORD).into_bytes();
        let position = position.index(header.len());
        header[position] = to;
        let header = String::from_utf8(header).unwrap();
        let Ok(credentials) = Credentials::parse(&header) else { return Ok(()) };

        let ha1 = credentials.ha1(PASSWORD);
        let named = header.split_once(" uri=\"").and_then(|(_, rest)| rest.split('"').next());
        for target in [Some(GET.target), named].into_iter().flatten() {
            let request = Request { target, ..GET };
            if matches!(server.space().verify(&credentials, request, Some(&ha1), now()), Verdict::Right(_)) {
                prop_assert_eq!((credentials.login(), target), (LOGIN, GET.target));
            }
        }
    }
}
