//! What RFC 8725 warns of, and what else a stranger could try: each is refused, for its own reason.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

use std::collections::BTreeSet;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
};
use aws_lc_rs::{hmac, rand::SystemRandom, rsa, signature::RsaKeyPair};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as B64};
use id_token::{
    Algorithm, KeySet, MAX_KEY_SET, MAX_KEYS, MAX_TOKEN, MailTrust, NotAKeySet, Refusal, Verifier,
};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

const ISSUER: &str = "https://issuer.example.org";

fn now() -> Timestamp {
    "2027-01-15T08:00:00Z".parse().unwrap()
}

fn verifier() -> Verifier {
    Verifier {
        issuer: ISSUER.into(),
        audiences: vec!["gateward".into()],
        algorithms: BTreeSet::from([Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa]),
        groups: Some("groups".parse().unwrap()),
        mail: Some("email".parse().unwrap()),
        mail_trust: MailTrust::Verified,
    }
}

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

fn ed25519(kid: &str, pair: &Ed25519KeyPair) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": B64.encode(pair.public_key().as_ref())})
}

fn key_set(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn header() -> Value {
    json!({"alg": "EdDSA", "kid": "one", "typ": "JWT"})
}

fn claims() -> Value {
    let now = now().as_second();
    json!({"iss": ISSUER, "aud": "gateward", "sub": "jo", "iat": now, "exp": now + 600})
}

/// `value` with the members of `other`; `null` takes one away.
fn with(mut value: Value, other: &Value) -> Value {
    for (name, member) in other.as_object().unwrap() {
        if member.is_null() {
            value.as_object_mut().unwrap().remove(name);
        } else {
            value[name] = member.clone();
        }
    }
    value
}

/// Signs any two texts, which the issuer's own library would not.
fn sign(header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", B64.encode(header), B64.encode(claims));
    let signature = B64.encode(pair().sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

fn refusal(token: &str) -> Refusal {
    verifier().verify(token.as_bytes(), &key_set(&[ed25519("one", &pair())]), now()).unwrap_err()
}

fn refusal_of(header: &Value, claims: &Value) -> Refusal {
    refusal(&sign(&header.to_string(), &claims.to_string()))
}

#[test]
fn what_the_attacks_are_made_from_is_a_good_token() {
    let token = sign(&header().to_string(), &claims().to_string());
    let keys = key_set(&[ed25519("one", &pair())]);
    assert_eq!(verifier().verify(token.as_bytes(), &keys, now()).unwrap().subject(), "jo");
}

#[test]
fn an_algorithm_is_one_of_those_allowed() {
    for algorithm in ["none", "None", "NONE", "HS256", "HS512", "RS512", "ES256K", "PS256", "", "eddsa"] {
        let header = with(header(), &json!({"alg": algorithm}));
        assert_eq!(refusal_of(&header, &claims()), Refusal::AlgorithmNotAllowed, "{algorithm}");
        let unsigned = format!("{}.{}.", B64.encode(header.to_string()), B64.encode(claims().to_string()));
        assert_eq!(refusal(&unsigned), Refusal::AlgorithmNotAllowed, "{algorithm}");
    }
    assert!(matches!(refusal_of(&with(header(), &json!({"alg": null})), &claims()), Refusal::Malformed(_)));
    assert!(matches!(
        refusal_of(&with(header(), &json!({"alg": ["EdDSA"]})), &claims()),
        Refusal::Malformed(_)
    ));
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let rsa = RsaKeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    // PKCS#1: nine bytes, the modulus, two bytes, the exponent 65537.
    let pkcs1 = rsa.public_key().as_ref();
    let modulus = &pkcs1[9..265];
    let published = json!({"kty": "RSA", "kid": "one", "n": B64.encode(modulus), "e": "AQAB"});
    let keys = key_set(std::slice::from_ref(&published));
    for secret in [modulus, pkcs1, published.to_string().as_bytes()] {
        let header = with(header(), &json!({"alg": "HS256"}));
        let signed = format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims().to_string()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
        let token = format!("{signed}.{}", B64.encode(tag));
        let refused = verifier().verify(token.as_bytes(), &keys, now()).unwrap_err();
        assert_eq!(refused, Refusal::AlgorithmNotAllowed);
    }
    // The same key does verify what it signed, so that only the algorithm was wrong.
    let header = with(header(), &json!({"alg": "RS256"}));
    let signed = format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims().to_string()));
    let mut signature = vec![0; rsa.public_modulus_len()];
    rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    let token = format!("{signed}.{}", B64.encode(&signature));
    assert!(verifier().verify(token.as_bytes(), &keys, now()).is_ok());
}

#[test]
fn a_kid_is_compared_and_nothing_else() {
    for kid in
        ["", "two", "ONE", "one ", "../../dev/null", "/etc/passwd", "' OR 1=1 --", "one\u{0}", "http://x/"]
    {
        assert_eq!(
            refusal_of(&with(header(), &json!({"kid": kid})), &claims()),
            Refusal::UnknownKey,
            "{kid}"
        );
    }
    for kid in [json!(1), json!(["one"]), json!({"one": 1})] {
        assert!(matches!(
            refusal_of(&with(header(), &json!({"kid": kid})), &claims()),
            Refusal::Malformed(_)
        ));
    }
}

#[test]
fn a_token_brings_no_key_and_no_address_of_keys() {
    let theirs = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).unwrap();
    let brought = ed25519("one", &theirs);
    for other in [
        json!({"jwk": brought}),
        json!({"jku": "https://attacker.example/jwks.json"}),
        json!({"x5u": "https://attacker.example/chain.pem"}),
        json!({"x5c": ["MIIB"]}),
    ] {
        let header = with(header(), &other);
        let signed = format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims().to_string()));
        let token = format!("{signed}.{}", B64.encode(theirs.sign(signed.as_bytes())));
        assert_eq!(refusal(&token), Refusal::BadSignature, "{other}");
    }
}

#[test]
fn an_extension_that_must_be_understood_is_refused() {
    for critical in [json!(["b64"]), json!(["exp"]), json!([]), json!("b64"), json!(1)] {
        let header = with(header(), &json!({"crit": critical, "b64": false}));
        assert!(matches!(refusal_of(&header, &claims()), Refusal::Malformed(_)), "{critical}");
    }
}

#[test]
fn what_was_signed_for_another_use_is_no_identity() {
    for other in [json!("logout+jwt"), json!("dpop+jwt"), json!("secevent+jwt"), json!(""), json!(1)] {
        let header = with(header(), &json!({"typ": other}));
        assert!(matches!(refusal_of(&header, &claims()), Refusal::Malformed(_)), "{other}");
    }
    for ours in [json!("jwt"), json!("at+jwt"), json!("application/at+JWT"), json!(null)] {
        let token = sign(&with(header(), &json!({"typ": ours})).to_string(), &claims().to_string());
        assert!(verifier().verify(token.as_bytes(), &key_set(&[ed25519("one", &pair())]), now()).is_ok());
    }
}

#[test]
fn another_issuer_is_refused_however_alike() {
    for other in [
        "https://issuer.example.org/",
        "https://ISSUER.example.org",
        "http://issuer.example.org",
        "https://issuer.example.org.attacker.example",
        "",
    ] {
        assert_eq!(
            refusal_of(&header(), &with(claims(), &json!({"iss": other}))),
            Refusal::WrongIssuer,
            "{other}"
        );
    }
    let several = with(claims(), &json!({"iss": [ISSUER]}));
    assert!(matches!(refusal_of(&header(), &several), Refusal::ClaimWrong("iss", _)));
}

#[test]
fn another_audience_is_refused() {
    for other in
        [json!("other"), json!("gateward "), json!("Gateward"), json!([]), json!(["a", "b"]), json!("")]
    {
        let refused = refusal_of(&header(), &with(claims(), &json!({"aud": other})));
        assert_eq!(refused, Refusal::WrongAudience, "{other}");
    }
    for wrong in [json!(1), json!(["gateward", 1]), json!({"gateward": 1})] {
        let refused = refusal_of(&header(), &with(claims(), &json!({"aud": wrong})));
        assert!(matches!(refused, Refusal::ClaimWrong("aud", _)), "{wrong}");
    }
}

#[test]
fn a_claim_that_must_be_there_is() {
    for claim in ["iss", "aud", "sub", "exp"] {
        let refused = refusal_of(&header(), &with(claims(), &json!({claim: null})));
        assert_eq!(refused, Refusal::ClaimMissing(claim));
    }
    let long = "x".repeat(256);
    for subject in [json!(""), json!(1), json!("a\nb"), json!(long)] {
        let refused = refusal_of(&header(), &with(claims(), &json!({"sub": subject})));
        assert!(matches!(refused, Refusal::ClaimWrong("sub", _)), "{subject}");
    }
}

#[test]
fn a_token_from_the_future_is_refused() {
    let later = now().as_second() + 61;
    let at = Timestamp::from_second(later).unwrap();
    assert_eq!(refusal_of(&header(), &with(claims(), &json!({"nbf": later}))), Refusal::NotYet(at));
    assert_eq!(refusal_of(&header(), &with(claims(), &json!({"iat": later}))), Refusal::IssuedInFuture(at));
}

#[test]
fn a_token_that_would_hold_for_more_than_a_day_is_refused() {
    let now = now().as_second();
    let day = 24 * 3600;
    let judge = |times: Value| {
        let token = sign(&header().to_string(), &with(claims(), &times).to_string());
        let keys = key_set(&[ed25519("one", &pair())]);
        verifier().verify(token.as_bytes(), &keys, self::now()).map(drop)
    };
    let from_issue = |seconds: i64| judge(json!({"iat": now - 60, "exp": now - 60 + seconds}));
    let from_now = |seconds: i64| judge(json!({"iat": null, "exp": now + seconds}));
    for judge in [&from_issue as &dyn Fn(i64) -> Result<(), Refusal>, &from_now] {
        assert_eq!(judge(day), Ok(()));
        assert_eq!(judge(day + 1), Err(Refusal::TooLongLived));
        assert_eq!(judge(200_000_000_000), Err(Refusal::TooLongLived));
    }
    // What is nearly over was endless, too.
    let old = judge(json!({"iat": now - 365 * day, "exp": now + 60}));
    assert_eq!(old, Err(Refusal::TooLongLived));
}

#[test]
fn a_name_that_stands_twice_is_refused_wherever_it_stands() {
    let twice = r#"{"alg":"EdDSA","kid":"one","alg":"EdDSA"}"#;
    assert_eq!(refusal(&sign(twice, &claims().to_string())), Refusal::DuplicateName);
    let claims = claims().to_string();
    for more in [r#""sub":"admin""#, r#""s\u0075b":"admin""#, r#""groups":{"a":1,"a":2}"#] {
        let twice = format!("{},{more}}}", claims.strip_suffix('}').unwrap());
        assert_eq!(refusal(&sign(&header().to_string(), &twice)), Refusal::DuplicateName, "{more}");
    }
}

#[test]
fn a_token_has_three_parts_and_nothing_around_them() {
    let good = sign(&header().to_string(), &claims().to_string());
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else { unreachable!() };
    let other_signature = format!("{good}.{signature}");
    let general = json!({"payload": claims, "signatures": [
        {"protected": header, "signature": signature}, {"protected": header, "signature": signature}]});
    for token in [
        "",
        ".",
        "..",
        &other_signature,
        &general.to_string(),
        &format!("{header}.{claims}"),
        &format!("{good}."),
        &format!("{good} "),
        &format!("{good}\n"),
        &format!(" {good}"),
        &format!("{good}="),
        &format!("{header}==.{claims}.{signature}"),
        &format!("{header}\n.{claims}.{signature}"),
        &format!("Bearer {good}"),
        &format!("{good},{good}"),
    ] {
        assert!(matches!(refusal(token), Refusal::Malformed(_)), "{token}");
    }
    assert_eq!(refusal(&format!("{header}.{claims}.")), Refusal::BadSignature);
}

#[test]
fn a_part_is_spelled_in_one_way_only() {
    // 64 bytes of a signature leave four bits over in the last letter: sixteen letters would decode alike.
    let good = sign(&header().to_string(), &claims().to_string());
    let keys = key_set(&[ed25519("one", &pair())]);
    let (rest, _) = good.split_at(good.len() - 1);
    let alike = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".iter().filter(|letter| {
        let token = format!("{rest}{}", char::from(**letter));
        verifier().verify(token.as_bytes(), &keys, now()).is_ok()
    });
    assert_eq!(alike.count(), 1);
}

#[test]
fn another_spelling_of_an_ecdsa_signature_is_the_same_token() {
    let document =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref()).unwrap();
    let point = pair.public_key().as_ref();
    let keys = key_set(&[json!({"kty": "EC", "crv": "P-256", "kid": "one",
        "x": B64.encode(&point[1..33]), "y": B64.encode(&point[33..])})]);
    let header = with(header(), &json!({"alg": "ES256"}));
    let signed = format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims().to_string()));
    let token = || {
        let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", B64.encode(signature))
    };
    let (one, other) = (token(), token());
    assert_ne!(one, other);
    let verified = |token: &str| verifier().verify(token.as_bytes(), &keys, now()).unwrap();
    assert_eq!(verified(&one).identity(), verified(&other).identity());
    assert_eq!(verified(&one).id(), verified(&other).id());
}

#[test]
fn a_mail_address_counts_only_where_it_was_verified() {
    let keys = key_set(&[ed25519("one", &pair())]);
    let mail = |verifier: &Verifier, other: &Value| {
        let token = sign(&header().to_string(), &with(claims(), other).to_string());
        verifier.verify(token.as_bytes(), &keys, now()).unwrap().mail().map(ToOwned::to_owned)
    };
    let always = Verifier { mail_trust: MailTrust::Always, ..verifier() };
    for unverified in [json!(null), json!(false), json!("true"), json!(1)] {
        let other = json!({"email": "jo@example.org", "email_verified": unverified});
        assert_eq!(mail(&verifier(), &other), None, "{unverified}");
        assert_eq!(mail(&always, &other).as_deref(), Some("jo@example.org"));
    }
    let verified = json!({"email": "jo@example.org", "email_verified": true});
    assert_eq!(mail(&verifier(), &verified).as_deref(), Some("jo@example.org"));
    let without = Verifier { mail: None, ..always };
    assert_eq!(mail(&without, &verified), None, "nothing is believed of a claim that nobody named");
}

#[test]
fn a_token_that_is_bound_to_a_key_is_no_bearer_s() {
    for bound in
        [json!({"jkt": "0ZcOCORZNYy"}), json!({"x5t#S256": "bwcK0esc3ACC3DB2Y5"}), json!([]), json!("")]
    {
        let refused = refusal_of(&header(), &with(claims(), &json!({ "cnf": bound })));
        assert!(matches!(refused, Refusal::ClaimWrong("cnf", _)), "{refused}");
    }
}

#[test]
fn a_token_has_a_limit_of_size() {
    let sized = |length: usize| {
        let claims = with(claims(), &json!({"more": "x".repeat(length)}));
        sign(&header().to_string(), &claims.to_string())
    };
    let room = (MAX_TOKEN - sized(0).len()) / 4 * 3 - 3;
    let token = sized(room);
    assert!(verifier().verify(token.as_bytes(), &key_set(&[ed25519("one", &pair())]), now()).is_ok());
    assert_eq!(refusal(&sized(room + 9)), Refusal::TooLong);
}

#[test]
fn a_key_set_has_limits_and_one_reading() {
    let key = ed25519("one", &pair());
    let parse = |text: &str| KeySet::parse(text.as_bytes()).map(|keys| keys.len());
    assert_eq!(parse(&json!({"keys": vec![&key; MAX_KEYS]}).to_string()), Ok(MAX_KEYS));
    assert_eq!(parse(&json!({"keys": vec![&key; MAX_KEYS + 1]}).to_string()), Err(NotAKeySet::TooMany));
    let padded = json!({"keys": [key], "more": "x".repeat(MAX_KEY_SET)}).to_string();
    assert_eq!(parse(&padded), Err(NotAKeySet::TooLong));
    for text in ["", "<html>", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[1]}"#, r#"{"keys":[],"keys":[]}"#] {
        assert!(matches!(parse(text), Err(NotAKeySet::Malformed(_))), "{text}");
    }
    assert_eq!(parse(r#"{"keys":[]}"#), Err(NotAKeySet::NothingUsable(None)));
    // A published private key is anybody's.
    let private = with(key.clone(), &json!({"d": "AAAA"}));
    assert!(matches!(
        parse(&json!({"keys": [private]}).to_string()),
        Err(NotAKeySet::NothingUsable(Some(_)))
    ));
    for other in [
        json!({"use": "enc"}),
        json!({"key_ops": ["sign"]}),
        json!({"alg": "RS256"}),
        json!({"alg": "HS256"}),
        json!({"kid": 1}),
        json!({"x": "AAAA"}),
        json!({"crv": "X25519"}),
        json!({"kty": "oct", "k": "AAAA"}),
    ] {
        let keys = json!({"keys": [with(key.clone(), &other)]});
        assert!(matches!(parse(&keys.to_string()), Err(NotAKeySet::NothingUsable(Some(_)))), "{other}");
    }
}

#[test]
fn a_token_that_names_no_key_needs_a_set_with_one() {
    let token = sign(&with(header(), &json!({"kid": null})).to_string(), &claims().to_string());
    let one = key_set(&[ed25519("one", &pair())]);
    assert!(verifier().verify(token.as_bytes(), &one, now()).is_ok());
    let two = key_set(&[ed25519("one", &pair()), ed25519("two", &pair())]);
    assert_eq!(verifier().verify(token.as_bytes(), &two, now()).unwrap_err(), Refusal::KeyNotNamed);
}

proptest! {
    #[test]
    fn a_token_with_any_bit_changed_is_refused(at in 0_usize..2_000, bit in 0_u8..8) {
        let mut token = sign(&header().to_string(), &claims().to_string()).into_bytes();
        let at = at % token.len();
        token[at] ^= 1 << bit;
        let keys = key_set(&[ed25519("one", &pair())]);
        prop_assert!(verifier().verify(&token, &keys, now()).is_err());
    }
}
