//! Whatever a token or a key set says, reading it ends; unsigned it lets nobody in, and signed only
//! with what it has to say.

#![no_main]

use std::{collections::BTreeSet, sync::LazyLock};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as B64};
use id_token::{Algorithm, KeySet, MAX_KEYS, MailTrust, Refusal, Verifier};
use libfuzzer_sys::fuzz_target;

static ISSUER: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed has 32 bytes"));

static KEYS: LazyLock<KeySet> = LazyLock::new(|| {
    let x = B64.encode(ISSUER.public_key().as_ref());
    let set = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"one","x":"{x}"}}]}}"#);
    KeySet::parse(set.as_bytes()).expect("a key set of one key")
});

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| Verifier {
    issuer: "i".into(),
    audiences: vec!["a".into()],
    algorithms: BTreeSet::from([Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa]),
    groups: Some("realm_access.roles".parse().expect("a path")),
    mail: Some("email".parse().expect("a path")),
    mail_trust: MailTrust::Verified,
});

fuzz_target!(|bytes: &[u8]| {
    let now = jiff::Timestamp::from_second(1_800_000_000).expect("a time");
    if let Ok(keys) = KeySet::parse(bytes) {
        assert!((1..=MAX_KEYS).contains(&keys.len()));
        assert!(VERIFIER.verify(b"e30.e30.", &keys, now).is_err());
    }
    // Nobody who fuzzes has the key.
    assert!(VERIFIER.verify(bytes, &KEYS, now).is_err());

    // The issuer may write anything, and means no harm; what it signs is read in one way or not at all.
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (Some(header), Some(claims)) = (parts.next(), parts.next()) else { return };
    let signed = format!("{}.{}", B64.encode(header), B64.encode(claims));
    let token = format!("{signed}.{}", B64.encode(ISSUER.sign(signed.as_bytes())));
    match VERIFIER.verify(token.as_bytes(), &KEYS, now) {
        Ok(token) => {
            assert!(token.expires() > now && !token.subject().is_empty());
            assert_eq!((token.issuer(), token.algorithm()), ("i", Algorithm::EdDsa));
        }
        Err(refusal) => assert_ne!(refusal, Refusal::BadSignature),
    }
});
