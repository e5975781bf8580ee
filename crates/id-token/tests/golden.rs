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

/// Judges a token by a verifier that looks for groups at this path.
fn with_groups(name: &str, path: &str) -> Vec<String> {
    let verifier = Verifier { groups: Some(path.parse().unwrap()), ..verifier() };
    verifier.verify(&golden(name), &keys(), issued()).unwrap().groups().to_vec()
}

#[test]
fn roles_and_groups_of_a_keycloak_are_found_where_it_writes_them() {
    assert_eq!(with_groups("keycloak.jwt", "realm_access.roles"), ["offline_access", "/epos/alparray"]);
    let of_the_client = "resource_access.data.example.org.roles";
    assert_eq!(with_groups("keycloak.jwt", of_the_client), ["reader", "/epos/demo"]);
    assert_eq!(with_groups("keycloak.jwt", "resource_access.account.roles")[0], "manage-account");
    assert_eq!(with_groups("keycloak.jwt", "groups"), ["/epos/alparray", "/epos"]);
    assert_eq!(with_groups("keycloak-id.jwt", "groups"), ["alparray", "epos"]);
    assert!(with_groups("keycloak.jwt", "resource_access.obspy.roles").is_empty());
    let nobody = Verifier { groups: None, ..verifier() };
    let token = nobody.verify(&golden("keycloak.jwt"), &keys(), issued()).unwrap();
    assert!(token.groups().is_empty(), "nothing is believed of groups that nobody named a claim of");
}

#[test]
fn a_keycloak_s_token_is_for_those_in_its_audience_and_not_for_whom_it_was_made() {
    for (name, audience, good) in [
        ("keycloak.jwt", "fdsn", true),
        ("keycloak.jwt", "account", true),
        ("keycloak.jwt", "obspy", false),
        ("keycloak-id.jwt", "fdsn", true),
        ("keycloak-id.jwt", "account", false),
    ] {
        let verifier = Verifier { audiences: vec![audience.into()], ..verifier() };
        let judged = verifier.verify(&golden(name), &keys(), issued()).map(drop);
        assert_eq!(judged, if good { Ok(()) } else { Err(Refusal::WrongAudience) }, "{name} {audience}");
    }
}

#[test]
fn what_a_keycloak_tells_of_a_logout_lets_nobody_in() {
    assert!(matches!(verify("keycloak-logout.jwt"), Err(Refusal::ClaimWrong("events", _))));
}

#[test]
fn a_token_of_eas2_proves_a_person_and_an_address_where_that_is_trusted() {
    let eas2 = |mail_trust| {
        let verifier = Verifier {
            issuer: "https://geofon.gfz.de/eas2".into(),
            algorithms: BTreeSet::from([Algorithm::Rs256]),
            groups: None,
            mail_trust,
            ..verifier()
        };
        verifier.verify(&golden("eas2.jwt"), &keys(), issued()).unwrap()
    };
    let token = eas2(MailTrust::Verified);
    assert_eq!((token.subject(), token.jti()), ("0f9a7c52-3b1e-4a8c-9d6e-5c2f1b7a8e90", None));
    assert_eq!(token.mail(), None, "it does not say that the address was verified");
    assert_eq!(token.expires(), issued() + SignedDuration::from_secs(4000));
    assert!(token.groups().is_empty());
    assert_eq!(eas2(MailTrust::Always).mail(), Some("jo.doe@example.org"));
    assert_eq!(verify("eas2.jwt").unwrap_err(), Refusal::WrongIssuer);
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
