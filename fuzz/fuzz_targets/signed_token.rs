//! Bytes as a request body, and the same bytes as the text that a trusted issuer signed.
//!
//! The first reaches everything before the signature, the second everything behind it.
#![no_main]

use std::sync::LazyLock;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use openpgp::{Algorithm, Allowances, Certificate, SigningKey, TrustedKey, TrustedKeys};

/// The public half of a throw-away key made for the corpus; its secret half is gone.
const ISSUER: &[u8] = include_bytes!("signed_token_issuer.asc");

/// When the corpus was signed.
const NOW: Timestamp = Timestamp::constant(1_767_225_600, 0);

static SIGNER: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate("fuzz", Algorithm::Ed25519, NOW, [0; 32]).expect("a key"));

static ISSUERS: LazyLock<TrustedKeys> = LazyLock::new(|| {
    let signer = SIGNER.public_armored().expect("a public key");
    [ISSUER, signer.as_bytes()]
        .map(|armored| {
            let certificate = Certificate::parse(armored).expect("a certificate");
            let fingerprint = certificate.fingerprint();
            let allow = Allowances { sha1: true, short: false };
            TrustedKey::pin(certificate, &fingerprint, allow).expect("a good key")
        })
        .into_iter()
        .collect()
});

fuzz_target!(|data: &[u8]| {
    check(data);
    if let Ok(text) = std::str::from_utf8(data) {
        check(SIGNER.sign_cleartext(text, NOW).expect("a message").as_bytes());
    }
});

fn check(body: &[u8]) {
    match signed_token::verify(body, &ISSUERS, NOW) {
        Ok(token) => {
            assert!(token.aliases().contains(&token.id()));
            assert!(token.valid_until() > NOW);
        }
        Err(refusal) => assert!(!refusal.reason().is_empty()),
    }
}
