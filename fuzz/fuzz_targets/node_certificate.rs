//! Whatever bytes are shown as a certificate or a list, and whatever text is registered: nothing panics, nobody is
//! believed, and what is read is written as it is read again.

#![no_main]

use std::sync::LazyLock;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use node_certificate::{
    Certificate, DistinguishedName, Fingerprint, Lists, RevocationList, San, Trust, certificates,
    revocation_lists,
};

const ROOT: &[u8] = include_bytes!("../../crates/node-certificate/tests/golden/root.pem");

static TRUST: LazyLock<Trust> = LazyLock::new(|| {
    let root = certificates(ROOT).expect("OpenSSL made it");
    Trust::new(root, Vec::new(), Lists::NotAsked).expect("it is an authority's")
});

fuzz_target!(|bytes: &[u8]| {
    if let Ok(certificate) = Certificate::from_der(bytes) {
        judge(certificate);
    }
    drop(RevocationList::from_der(bytes));
    drop(revocation_lists(bytes));
    certificates(bytes).into_iter().flatten().for_each(judge);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(name) = text.parse::<DistinguishedName>() {
        assert_eq!(name.as_str().parse().as_ref(), Ok(&name));
    }
    if let Ok(san) = text.parse::<San>() {
        assert_eq!(san.to_string().parse().as_ref(), Ok(&san));
    }
    if let Ok(fingerprint) = text.parse::<Fingerprint>() {
        assert_eq!(fingerprint.to_string().parse().as_ref(), Ok(&fingerprint));
    }
});

fn judge(certificate: Certificate) {
    let subject = certificate.subject().as_str();
    assert!(!subject.chars().any(char::is_control));
    // Numbers of attributes that are none have no text; nobody can register such a subject.
    if let Ok(read) = subject.parse::<DistinguishedName>() {
        assert_eq!(read, *certificate.subject());
    }
    let now = certificate.not_before();
    let chain = [certificate.der().clone()];
    if let Ok(standing) = TRUST.judge(&chain, |_| true, now) {
        // What begins and ends in one second is judged anew each time.
        assert!(standing.stands_at(now) || now >= certificate.not_after() || now == Timestamp::MAX);
    }
}
