//! What a message shows from outside, wherever it is cut and whatever it is.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

use openpgp::{
    Algorithm, Cipher, DescribeError, NamedKey, Opener, Protection, SealOptions, SealedMessage, SigningKey,
    Stretching, describe, seal_with_passphrase,
};

const BY_PASSPHRASE: Opener = Opener::Passphrase(Stretching::Iterated { bytes: 65_011_712 });

fn sealed(armor: bool) -> Vec<u8> {
    let mut message = Vec::new();
    let options = SealOptions { armor, file_name: None };
    seal_with_passphrase(&vec![1; 100_000][..], &mut message, "long", [3; 32], &options).unwrap();
    message
}

/// A packet of a length under 192.
fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[0xc0 | tag, u8::try_from(body.len()).unwrap()], body].concat()
}

fn protection(content: &[u8]) -> Result<Protection, DescribeError> {
    describe(content).map(|message| message.protection)
}

#[test]
fn the_beginning_of_a_message_is_enough() {
    for armored in [false, true] {
        let message = sealed(armored);
        let whole = describe(&message).unwrap();
        let expected = SealedMessage { armored, openers: vec![BY_PASSPHRASE], protection: Protection::Mdc };
        assert_eq!(whole, expected);
        let enough = (0..200).find(|cut| describe(&message[..*cut]).is_ok()).unwrap();
        for cut in enough..500 {
            assert_eq!(describe(&message[..cut]).unwrap(), expected, "{cut}");
        }
        assert_eq!(describe(&message[..enough - 1]), Err(DescribeError::CutOff));
    }
}

#[test]
fn text_around_the_armor_is_read_over() {
    let mail = [b"\xEF\xBB\xBFDear Ms. Doe,\r\n\r\n".as_slice(), &sealed(true), b"\nRegards\n"].concat();
    assert_eq!(describe(&mail).unwrap().openers, [BY_PASSPHRASE]);
}

#[test]
fn every_protection_is_named() {
    let aead = protection(&packet(18, &[2, 7, 1, 6])).unwrap();
    assert_eq!(aead.to_string(), "AES-128 EAX (SEIPD version 2)");
    let Protection::Aead { cipher, .. } = protection(&packet(18, &[2, 10, 3, 6])).unwrap() else {
        panic!("no AEAD")
    };
    assert_eq!(cipher, Cipher::Other(10));
    assert_eq!(protection(&packet(18, &[1, 0])), Ok(Protection::Mdc));
    assert_eq!(protection(&packet(18, &[3, 0])), Ok(Protection::Unknown));
    assert_eq!(protection(&packet(9, &[0])), Ok(Protection::None));
    assert_eq!(protection(&packet(20, &[0])), Ok(Protection::GnupgAead));
    assert_eq!(protection(&packet(18, &[2])), Err(DescribeError::CutOff));
}

#[test]
fn every_stretching_is_told_apart() {
    let stretched = |s2k: &[u8]| {
        let session_key = packet(3, &[&[4, 9], s2k].concat());
        describe(&[session_key, packet(18, &[1])].concat()).unwrap().openers
    };
    let salt = [0; 16];
    assert_eq!(stretched(&[0, 8]), [Opener::Passphrase(Stretching::None)]);
    assert_eq!(stretched(&[&[1, 8], &salt[..8]].concat()), [Opener::Passphrase(Stretching::Salted)]);
    assert_eq!(
        stretched(&[&[3, 8], &salt[..8], &[0x60]].concat()),
        [Opener::Passphrase(Stretching::Iterated { bytes: 65_536 })]
    );
    assert_eq!(
        stretched(&[&[4], &salt[..], &[3, 4, 16]].concat()),
        [Opener::Passphrase(Stretching::Argon2 { memory_power: 16 })]
    );
    assert_eq!(stretched(&[99]), [Opener::Passphrase(Stretching::Unknown)]);
}

#[test]
fn an_opener_of_tomorrow_is_unknown_and_a_marker_is_read_over() {
    let message = [
        packet(10, b"PGP"),
        packet(1, &[7, 1, 2, 3]),
        packet(1, &[&[3, 0, 0, 0, 0, 0, 0, 0, 0, 1], [0, 1, 1].as_slice()].concat()),
        packet(18, &[1]),
    ]
    .concat();
    assert_eq!(describe(&message).unwrap().openers, [Opener::Unknown, Opener::Key(NamedKey::Hidden)]);
}

#[test]
fn what_is_not_sealed_is_told_apart_from_what_is_not_openpgp() {
    let key = SigningKey::generate("demo", Algorithm::Ed25519, jiff::Timestamp::UNIX_EPOCH, [1; 32]).unwrap();
    let signed = key.sign_cleartext("text", jiff::Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(describe(key.public_armored().unwrap().as_bytes()), Err(DescribeError::NotSealed));
    assert_eq!(describe(signed.as_bytes()), Err(DescribeError::NotSealed));
    assert_eq!(describe(&packet(11, b"b\0\0\0\0\0text")), Err(DescribeError::NotSealed));
    for other in [b"".as_slice(), b"PK\x03\x04", b"hello", b"\xff\xd8\xff\xe0\0\x10JFIF", b"\x1f\x8b"] {
        assert_eq!(describe(other), Err(DescribeError::NotOpenPgp), "{other:?}");
    }
}

#[test]
fn session_keys_that_lead_to_nothing_are_malformed() {
    let session_key = packet(3, &[4, 9, 0, 8]);
    let malformed = |message: &[u8]| matches!(describe(message), Err(DescribeError::Malformed(_)));
    assert!(malformed(&[session_key.clone(), packet(11, b"b\0\0\0\0\0text")].concat()));
    // A partial length, which only content may have.
    assert!(malformed(&[0xc3, 224, 4]));
    assert!(malformed(&packet(3, &[4])));
    assert_eq!(describe(&session_key), Err(DescribeError::CutOff));
}
