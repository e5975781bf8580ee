//! Bytes as a message from outside, and as the public key of somebody to seal to.
//!
//! Whatever key is accepted is sealed to, and what comes out must say so.
#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use openpgp::{Certificate, NamedKey, Opener, Recipient, RecipientStatus, SealOptions, describe, seal_to};

/// When the corpus was made.
const NOW: Timestamp = Timestamp::constant(1_767_229_200, 0);

fuzz_target!(|data: &[u8]| {
    if let Ok(message) = describe(data) {
        assert!(!message.protection.to_string().is_empty());
        assert!(message.openers.len() <= data.len());
    }
    if let Ok(certificate) = Certificate::parse(data) {
        let fingerprint = certificate.fingerprint();
        let strict = Recipient::pin(certificate.clone(), &fingerprint);
        let lenient = Recipient::pin_allowing_sha1(certificate, &fingerprint);
        assert!(strict.is_err() || lenient.is_ok());
        for recipient in [strict, lenient].into_iter().flatten() {
            check(&recipient);
        }
    }
});

fn check(recipient: &Recipient) {
    let usable = matches!(recipient.status(NOW), RecipientStatus::Usable { .. });
    assert_eq!(usable, recipient.key_at(NOW).is_some());

    let mut message = Vec::new();
    let recipients = std::slice::from_ref(recipient);
    let sealed = seal_to(&b"text"[..], &mut message, recipients, NOW, [0; 32], &SealOptions::default());
    assert_eq!(usable, sealed.is_ok(), "{sealed:?}");
    if let (Ok(sealed), Some(key)) = (sealed, recipient.key_at(NOW)) {
        assert_eq!(sealed.keys, [key.fingerprint()]);
        let openers = describe(&message).expect("our own message").openers;
        let named = [NamedKey::KeyId(key.key_id()), NamedKey::Fingerprint(key.fingerprint())];
        assert!(matches!(openers[..], [Opener::Key(opener)] if named.contains(&opener)));
    }
}
