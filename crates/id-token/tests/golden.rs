//! Tokens and keys that PyJWT made are read as it wrote them; `golden/make.py` says how.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

use std::collections::BTreeSet;

use id_token::{Algorithm, KeySet, MailTrust, Refusal, VerifiedIdToken, Verifier};
use jiff::{SignedDuration, Timestamp};

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn keys() -> KeySet {
    KeySet::parse(&golden("jwks.json")).unwrap()
}

fn verifier() -> Verifier {
    Verifier {
        issuer: "https://issuer.example.org/realms/eida".into(),
        audiences: vec!["fdsn".into()],
        algorithms: BTreeSet::from([Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa]),
        groups: Some("realm_access.roles".parse().unwrap()),
        mail: Some("email".parse().unwrap()),
        mail_trust: MailTrust::Verified,
    }
}

fn issued() -> Timestamp {
    "2027-01-15T08:00:00Z".parse().unwrap()
}

fn verify(name: &str) -> Result<VerifiedIdToken, Refusal> {
    verifier().verify(&golden(name), &keys(), issued())
}

#[test]
fn what_pyjwt_signed_is_believed_by_each_algorithm() {
    for (name, algorithm, key_id) in [
        ("rs256.jwt", Algorithm::Rs256, Some("rsa")),
        ("ps256.jwt", Algorithm::Ps256, Some("rsa")),
        ("es256.jwt", Algorithm::Es256, Some("ec")),
        ("eddsa.jwt", Algorithm::EdDsa, Some("ed")),
        ("without-kid.jwt", Algorithm::Es256, None),
    ] {
        let token = verify(name).unwrap();
        assert_eq!((token.algorithm(), token.key_id()), (algorithm, key_id), "{name}");
        assert_eq!(token.subject(), "f3b1c5de-0d4f-4b7e-9a3b-6f8d3c1e7a52");
        assert_eq!(token.mail(), Some("jo.doe@example.org"));
        assert_eq!(token.jti(), Some("a-token-of-its-own"));
        assert_eq!(token.expires(), issued() + SignedDuration::from_secs(4000));
        assert!(token.groups().is_empty());
    }
}

#[test]
fn roles_of_a_keycloak_are_groups() {
    assert_eq!(verify("keycloak.jwt").unwrap().groups(), ["offline_access", "/epos/alparray"]);
    let nobody = Verifier { groups: None, ..verifier() };
    let token = nobody.verify(&golden("keycloak.jwt"), &keys(), issued()).unwrap();
    assert!(token.groups().is_empty(), "nothing is believed of groups that nobody named a claim of");
}

#[test]
fn an_algorithm_that_is_not_allowed_is_refused_however_good_the_signature() {
    let only = Verifier { algorithms: BTreeSet::from([Algorithm::Es256]), ..verifier() };
    let refused = only.verify(&golden("rs256.jwt"), &keys(), issued()).unwrap_err();
    assert_eq!(refused, Refusal::AlgorithmNotAllowed);
    assert_eq!(verify("none.jwt").unwrap_err(), Refusal::AlgorithmNotAllowed);
}

#[test]
fn a_short_key_a_secret_and_a_key_for_encryption_verify_nothing() {
    let keys = keys();
    let unusable: Vec<_> = keys.unusable().iter().map(|key| (key.kid.as_deref().unwrap(), key.why)).collect();
    assert_eq!(
        unusable,
        [
            ("short", "an RSA key of less than 2048 or more than 8192 bits"),
            ("encryption", "not for signatures"),
            ("secret", "of a kind that is not known here"),
        ]
    );
    assert_eq!(keys.len(), 3);
    assert_eq!(verify("short.jwt").unwrap_err(), Refusal::UnknownKey);
}

#[test]
fn a_token_ends_at_the_very_second() {
    let expires = issued() + SignedDuration::from_secs(4000);
    let at = |now| verifier().verify(&golden("rs256.jwt"), &keys(), now);
    assert!(at(expires - SignedDuration::from_nanos(1)).is_ok());
    assert_eq!(at(expires).unwrap_err(), Refusal::Expired(expires));
}

#[test]
fn a_token_begins_up_to_a_minute_early() {
    let at = |seconds| {
        verifier().verify(&golden("rs256.jwt"), &keys(), issued() - SignedDuration::from_secs(seconds))
    };
    assert!(at(60).is_ok());
    assert_eq!(at(61).unwrap_err(), Refusal::NotYet(issued()));
}

#[test]
fn debug_does_not_name_the_person() {
    let shown = format!("{:?}", verify("rs256.jwt").unwrap());
    assert!(!shown.contains("jo.doe") && !shown.contains("f3b1c5de"), "{shown}");
}
