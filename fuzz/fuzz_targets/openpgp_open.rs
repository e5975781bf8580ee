//! Bytes as a sealed message, as what is inside one, and as a secret key.
//!
//! What opens must be whole to a walk, too, and what a walk finds must be what a look at the beginning
//! finds. Nothing that is damaged inside may be called damaged outside.
#![no_main]

use std::{io, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use openpgp::{OpenError, OpeningKey, describe, open_to, walk};
use pgp::{
    composed::{
        EncryptionCaps, KeyType, RawSessionKey, SecretKeyParamsBuilder, SignedSecretKey, SubkeyParamsBuilder,
    },
    crypto::{ecc_curve::ECCCurve, sym::SymmetricKeyAlgorithm},
    packet::{PacketTrait, PublicKeyEncryptedSessionKey, SymEncryptedProtectedData},
    ser::Serialize,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

/// More than so much, and it is a bomb.
const MOST: u64 = 1 << 20;

/// The same in each run, so that the corpus goes on opening.
static KEY: LazyLock<SignedSecretKey> = LazyLock::new(|| {
    let made = pgp::types::Timestamp::from_secs(1_767_225_600);
    let subkey = SubkeyParamsBuilder::default()
        .key_type(KeyType::ECDH(ECCCurve::Curve25519Legacy))
        .created_at(made)
        .can_encrypt(EncryptionCaps::All)
        .build()
        .expect("a subkey");
    let mut key = SecretKeyParamsBuilder::default();
    key.key_type(KeyType::Ed25519Legacy)
        .created_at(made)
        .can_sign(true)
        .primary_user_id("fuzz".into())
        .subkey(subkey);
    key.build().expect("a key").generate(ChaCha20Rng::from_seed([1; 32])).expect("a key")
});

static OPENER: LazyLock<OpeningKey> =
    LazyLock::new(|| OpeningKey::parse(&KEY.to_bytes().expect("bytes"), None).expect("a key that opens"));

fuzz_target!(|data: &[u8]| {
    let walked = walk(data);
    if let Ok(walked) = &walked {
        assert_eq!(walked.file_bytes, data.len() as u64);
        assert!(walked.content_bytes < walked.file_bytes);
        assert_eq!(describe(data).expect("what is whole begins well"), walked.message);
    }
    match open_to(data, io::sink(), &OPENER, MOST) {
        Ok(opened) => {
            assert_eq!(opened.sealed_bytes, data.len() as u64);
            assert_eq!(opened.protection, walked.expect("what opens is whole").message.protection);
        }
        Err(OpenError::Damaged | OpenError::Content(_)) => {}
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(key) = OpeningKey::parse(data, None) {
        assert!(!key.fingerprints().is_empty());
    }
    match open_to(&sealed_around(data)[..], io::sink(), &OPENER, MOST) {
        Ok(opened) => assert!(opened.plaintext_bytes <= MOST),
        Err(OpenError::Content(_) | OpenError::Unsupported(_) | OpenError::TooLong(_)) => {}
        Err(error) => panic!("{error}"),
    }
});

/// Everything in front of the content, made once: it costs the most.
static SESSION_KEY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let subkey = KEY.secret_subkeys[0].public_key();
    let (random, cipher) = (ChaCha20Rng::from_seed([5; 32]), SymmetricKeyAlgorithm::AES256);
    let session_key = RawSessionKey::from(vec![8; 32]);
    let packet = PublicKeyEncryptedSessionKey::from_session_key_v3(random, &session_key, cipher, &subkey);
    let mut bytes = Vec::new();
    packet.expect("a session key").to_writer_with_header(&mut bytes).expect("bytes");
    bytes
});

fn sealed_around(inside: &[u8]) -> Vec<u8> {
    let (random, cipher) = (ChaCha20Rng::from_seed([6; 32]), SymmetricKeyAlgorithm::AES256);
    let content = SymEncryptedProtectedData::encrypt_seipdv1(random, cipher, &[8; 32], inside);
    let mut message = SESSION_KEY.clone();
    content.expect("content").to_writer_with_header(&mut message).expect("bytes");
    message
}
