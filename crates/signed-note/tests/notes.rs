//! Notes as others sign them, and what is refused.
#![allow(clippy::unwrap_used, reason = "what a test sets up itself is known to work")]

use base64::{Engine, prelude::BASE64_STANDARD};
use proptest::prelude::*;
use signed_note::{
    Cosigner, CosignerKey, MAX_BYTES, MAX_SIGNATURES, NotAName, NotAText, NotAVerifierKey, OpenError,
};
use signed_note::{Signer, VerifierKey, cosignatures, open};

/// The example of golang.org/x/mod/sumdb/note (BSD-3-Clause): its key, its text, its signature.
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_SEED: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
const SIGNATURE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn note() -> String {
    format!("{TEXT}\n{SIGNATURE}")
}

fn peter() -> Vec<VerifierKey> {
    vec![PETER.parse().unwrap()]
}

fn stranger(seed: u8) -> Signer {
    Signer::from_seed("stranger.example/log", &[seed; 32]).unwrap()
}

fn line(signer: &Signer, text: &str) -> String {
    signer.sign(text).unwrap().rsplit_once("\n\n").unwrap().1.to_owned()
}

#[test]
fn gos_note_opens_with_gos_key_and_comes_out_of_gos_seed_again() {
    let (note, known) = (note(), peter());
    let opened = open(note.as_bytes(), &known).unwrap();
    assert_eq!(opened.text, TEXT);
    assert_eq!(opened.signed_by, [&known[0]]);

    let seed = BASE64_STANDARD.decode(PETER_SEED).unwrap();
    let signer = Signer::from_seed("PeterNeumann", seed[1..].try_into().unwrap()).unwrap();
    assert_eq!(signer.sign(TEXT).unwrap(), note);
    assert_eq!(signer.verifier_key().to_string(), PETER);
}

#[test]
fn the_last_empty_line_ends_the_text() {
    let text = "one\n\n— not a signature\n\n\n\nfour\n\n\n";
    let signer = stranger(1);
    let note = signer.sign(text).unwrap();
    assert_eq!(open(note.as_bytes(), &[signer.verifier_key().clone()]).unwrap().text, text);
}

#[test]
fn a_signature_of_a_stranger_is_passed_over_and_counts_for_nothing() {
    let both = note() + &line(&stranger(1), TEXT);
    assert_eq!(open(both.as_bytes(), &peter()).unwrap().signed_by.len(), 1);

    let alone = stranger(1).sign(TEXT).unwrap();
    let refused = open(alone.as_bytes(), &peter()).unwrap_err();
    assert_eq!(refused, OpenError::Unknown(vec![stranger(1).verifier_key().id().clone()]));
    assert!(open(alone.as_bytes(), &[]).is_err());
}

#[test]
fn a_known_name_with_another_key_is_a_stranger() {
    let liar = Signer::from_seed("PeterNeumann", &[1; 32]).unwrap();
    let note = liar.sign(TEXT).unwrap();
    assert!(matches!(open(note.as_bytes(), &peter()), Err(OpenError::Unknown(_))));
}

#[test]
fn one_known_signature_that_does_not_fit_refuses_all() {
    let known = vec![peter()[0].clone(), stranger(1).verifier_key().clone()];
    let good = note();
    for wrong in [line(&stranger(1), "another text\n"), good.clone() + &line(&stranger(1), "another text\n")]
    {
        let note = if wrong.starts_with(TEXT) { wrong } else { format!("{TEXT}\n{wrong}{SIGNATURE}") };
        let refused = open(note.as_bytes(), &known).unwrap_err();
        assert_eq!(refused, OpenError::BadSignature(stranger(1).verifier_key().id().clone()));
    }
}

#[test]
fn a_signature_that_stands_there_twice_counts_once_and_is_looked_at_twice() {
    let twice = note() + SIGNATURE;
    assert_eq!(open(twice.as_bytes(), &peter()).unwrap().signed_by.len(), 1);
    let mut blob = BASE64_STANDARD.decode(SIGNATURE.trim_end().rsplit_once(' ').unwrap().1).unwrap();
    blob[40] ^= 1;
    let bad = format!("{}— PeterNeumann {}\n", note(), BASE64_STANDARD.encode(blob));
    assert!(matches!(open(bad.as_bytes(), &peter()), Err(OpenError::BadSignature(_))));
}

#[test]
fn sixteen_signatures_are_read_and_endless_ones_are_not() {
    let strangers = |count: usize| (0..count).fold(note(), |note, _| note + &line(&stranger(1), TEXT));
    assert!(open(strangers(15).as_bytes(), &peter()).is_ok());
    assert!(open(strangers(MAX_SIGNATURES - 1).as_bytes(), &peter()).is_ok());
    assert!(matches!(open(strangers(MAX_SIGNATURES).as_bytes(), &peter()), Err(OpenError::NotANote(_))));
}

#[test]
fn what_is_no_note_is_refused() {
    let blob = SIGNATURE.trim_end().rsplit_once(' ').unwrap().1;
    for bad in [
        String::new(),
        "\n".into(),
        TEXT.into(),
        format!("{TEXT}\n"),
        SIGNATURE.into(),
        format!("\n{SIGNATURE}"),
        // The signature has no empty line before it, no newline after it, or something between.
        format!("{TEXT}{SIGNATURE}"),
        note().trim_end().into(),
        note() + "\n",
        note() + "more\n",
        note().replace("— ", "- "),
        note().replace("— ", "—"),
        note().replace("PeterNeumann x", "PeterNeumann  x"),
        note().replace("PeterNeumann x", "Peter\u{a0}Neumann x"),
        note().replace("PeterNeumann x", "Peter+Neumann x"),
        note().replace("PeterNeumann x", " x"),
        note().replace('\n', "\r\n"),
        note().replace("crypto", "crypto\t"),
        // Base64 in another spelling, cut, or of too little.
        note().replace("nAM=", "nAM"),
        note().replace("nAM=", "nAN="),
        note().replace(blob, "x08gow=="),
        note().replace(blob, ""),
    ] {
        let known = peter();
        let refused = open(bad.as_bytes(), &known);
        assert!(matches!(refused, Err(OpenError::NotANote(_))), "{bad:?}: {refused:?}");
    }
    assert!(matches!(open(b"\xff\n\n\xe2", &peter()), Err(OpenError::NotANote(_))));
}

#[test]
fn a_note_beyond_the_limit_is_neither_written_nor_read() {
    let longest = MAX_BYTES - (note().len() - TEXT.len());
    let seed = BASE64_STANDARD.decode(PETER_SEED).unwrap();
    let signer = Signer::from_seed("PeterNeumann", seed[1..].try_into().unwrap()).unwrap();
    let text = |length: usize| "a".repeat(length - 1) + "\n";
    let note = signer.sign(&text(longest)).unwrap();
    assert!(open(note.as_bytes(), &peter()).is_ok());
    assert_eq!(signer.sign(&text(longest + 1)), Err(NotAText::TooLarge));
    assert_eq!(open(format!("a{note}").as_bytes(), &peter()), Err(OpenError::TooLarge));
}

#[test]
fn a_text_that_nobody_could_read_is_not_signed() {
    assert_eq!(stranger(1).sign("no newline"), Err(NotAText::Newline));
    assert_eq!(stranger(1).sign(""), Err(NotAText::Newline));
    assert_eq!(stranger(1).sign("a\rb\n"), Err(NotAText::Control));
}

#[test]
fn a_verifier_key_with_any_letter_changed_is_refused() {
    for at in 0..PETER.len() {
        for other in "aA+/0 =".chars() {
            let mut changed = PETER.to_owned();
            changed.replace_range(at..=at, &other.to_string());
            // Hex digits are the same in upper case.
            if changed.to_lowercase() == PETER.to_lowercase() && at > 12 && at < 21 || changed == PETER {
                continue;
            }
            assert!(changed.parse::<VerifierKey>().is_err(), "{changed}");
        }
        assert!(PETER[..at].parse::<VerifierKey>().is_err());
    }
}

#[test]
fn a_verifier_key_says_what_is_wrong_with_it() {
    let refused = |text: &str| text.parse::<VerifierKey>().unwrap_err();
    assert_eq!(refused("PeterNeumann"), NotAVerifierKey::Form);
    assert_eq!(refused(&PETER.replace("c74f20a3", "+74f20a3")), NotAVerifierKey::Form);
    assert_eq!(refused(&PETER.replace("c74f20a3", "c74f20a4")), NotAVerifierKey::Id);
    assert_eq!(refused(&PETER.replace("PeterNeumann", "Peter Neumann")), NotAVerifierKey::Name(NotAName));
    assert_eq!(refused(&PETER.replace("+ARpc", "+BBpc")), NotAVerifierKey::Type);
}

#[test]
fn a_name_that_would_tear_the_line_is_refused() {
    for name in ["", "a b", "a+b", "a\nb", "a\u{2003}b", "a\0b", "a\u{85}b", &"a".repeat(256)] {
        assert_eq!(Signer::from_seed(name, &[1; 32]).unwrap_err(), NotAName, "{name:?}");
    }
    assert!(Signer::from_seed("dcor.example/backup-é", &[1; 32]).is_ok());
}

#[test]
fn a_signer_never_shows_its_secret() {
    let shown = format!("{:?}", stranger(7));
    assert_eq!(shown, format!("Signer({})", stranger(7).verifier_key()));
}

#[test]
fn a_strangers_name_cannot_move_the_cursor() {
    let sly = Signer::from_seed("sly\u{202e}\u{9b}31m", &[1; 32]).unwrap();
    let refused = open(sly.sign(TEXT).unwrap().as_bytes(), &peter()).unwrap_err().to_string();
    assert!(refused.contains("sly\\u{202e}\\u{9b}31m+"), "{refused}");
}

proptest! {
    #[test]
    fn whatever_is_signed_is_read_as_it_was(text in "[^\\p{Cc}]{0,80}(\n[^\\p{Cc}]{0,20}){0,5}") {
        let signer = stranger(3);
        let text = text + "\n";
        let note = signer.sign(&text).unwrap();
        let known = [signer.verifier_key().clone()];
        prop_assert_eq!(open(note.as_bytes(), &known).unwrap().text, text);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
        let known = peter();
        prop_assert!(open(&bytes, &known).is_err());
    }
}

#[test]
fn no_byte_of_a_note_can_be_changed_or_lost() {
    let good = note().into_bytes();
    for at in 0..good.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            assert!(open(&bad, &peter()).is_err(), "byte {at} changed by {flip:#x}");
        }
        let mut short = good.clone();
        short.remove(at);
        assert!(open(&short, &peter()).is_err(), "byte {at} lost");
        assert!(open(&good[..at], &peter()).is_err(), "cut at {at}");
    }
}

/// The example of c2sp.org/tlog-cosignature has no keys with it; what is signed is written out there.
#[test]
fn a_cosignature_is_over_its_time_and_the_text() {
    let (signer, cosigner) = (stranger(1), Cosigner::from_seed("witness.example/w1", &[2; 32]).unwrap());
    let line = cosigner.cosign(TEXT, 1_679_315_147).unwrap();
    let note = signer.sign(TEXT).unwrap() + &line;
    let keys = [cosigner.cosigner_key()];
    let found = cosignatures(note.as_bytes(), &keys).unwrap();
    assert_eq!((found.len(), found[0].key, found[0].time), (1, &keys[0], 1_679_315_147));
    assert_eq!(format!("{}\n", found[0].line), line);
    assert!(open(note.as_bytes(), &[signer.verifier_key().clone()]).is_ok());

    // Its bytes: id, time, Ed25519 over the two lines and the text, by a key of its own kind.
    let blob = BASE64_STANDARD.decode(found[0].line.rsplit_once(' ').unwrap().1).unwrap();
    assert_eq!((&blob[..4], &blob[4..12]), (&keys[0].id().id[..], &1_679_315_147_u64.to_be_bytes()[..]));
    let message = format!("cosignature/v1\ntime 1679315147\n{TEXT}");
    let bare = Signer::from_seed("witness.example/w1", &[2; 32]).unwrap().sign(&message).unwrap();
    let signature = BASE64_STANDARD.decode(bare.trim_end().rsplit_once(' ').unwrap().1).unwrap();
    assert_eq!(blob[12..], signature[4..]);

    for at in 0..blob.len() {
        let mut changed = blob.clone();
        changed[at] ^= 1;
        let changed = format!("{TEXT}\n— witness.example/w1 {}\n", BASE64_STANDARD.encode(changed));
        match cosignatures(changed.as_bytes(), &keys) {
            Ok(found) => assert!(found.is_empty() && at < 4, "the id alone makes it a stranger's"),
            Err(why) => assert_eq!(why, OpenError::BadSignature(keys[0].id().clone())),
        }
    }
}

#[test]
fn a_cosigner_stands_for_no_signer_and_a_signer_for_no_cosigner() {
    let (signer, cosigner) = (stranger(1), Cosigner::from_seed("stranger.example/log", &[1; 32]).unwrap());
    let (signers, cosigners) = (signer.verifier_key().to_string(), cosigner.cosigner_key().to_string());
    assert_eq!(signers.parse::<CosignerKey>(), Err(NotAVerifierKey::Type));
    assert_eq!(cosigners.parse::<VerifierKey>(), Err(NotAVerifierKey::Type));
    assert_eq!(cosigners.parse::<CosignerKey>().unwrap(), cosigner.cosigner_key());

    let by_cosigner = format!("{TEXT}\n{}", cosigner.cosign(TEXT, 7).unwrap());
    assert!(matches!(
        open(by_cosigner.as_bytes(), &[signer.verifier_key().clone()]),
        Err(OpenError::Unknown(_))
    ));
    let by_signer = signer.sign(TEXT).unwrap();
    assert_eq!(cosignatures(by_signer.as_bytes(), &[cosigner.cosigner_key()]), Ok(Vec::new()));
}
