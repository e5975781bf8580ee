//! What a walk over a whole message finds, wherever it is cut or changed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may stop where they stand")]

use std::io::{self, Read};

use openpgp::{Flaw, Protection, SealOptions, Walked, describe, seal_with_passphrase, walk};

const PIECE: usize = 65_536;

fn sealed(length: usize, armor: bool) -> Vec<u8> {
    let mut message = Vec::new();
    let options = SealOptions { armor, file_name: None };
    seal_with_passphrase(&vec![1; length][..], &mut message, "long", [3; 32], &options).unwrap();
    message
}

fn walked(message: &[u8]) -> Result<Walked, Flaw> {
    walk(message)
}

/// A packet of a length under 192.
fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[0xc0 | tag, u8::try_from(body.len()).unwrap()], body].concat()
}

/// Version 2, with chunks of 64 bytes, and so many encrypted ones.
fn aead(encrypted: usize) -> Vec<u8> {
    packet(18, &[&[2, 9, 3, 0], [0; 32].as_slice(), &vec![7; encrypted]].concat())
}

#[test]
fn a_whole_message_is_whole_and_its_sizes_are_told() {
    for armored in [false, true] {
        for length in [0, 1, 1000, PIECE - 50, 3 * PIECE] {
            let message = sealed(length, armored);
            let found = walked(&message).unwrap();
            assert_eq!(found.message, describe(&message).unwrap());
            assert_eq!(found.file_bytes, message.len() as u64);
            let inside = found.content_bytes - found.pieces * 3;
            assert!((length as u64..length as u64 + 80).contains(&inside), "{length}: {found:?}");
            assert_eq!(found.message.protection, Protection::Mdc);
        }
    }
    assert_eq!(walked(&sealed(3 * PIECE, false)).unwrap().pieces, 4);
}

#[test]
fn a_message_that_is_cut_anywhere_is_cut_off_there() {
    let small = sealed(100, false);
    let large = sealed(3 * PIECE, false);
    let edges = (0..4).flat_map(|piece| piece * PIECE..piece * PIECE + 60);
    for (message, cuts) in [(&small, (1..small.len()).collect()), (&large, edges.skip(1).collect::<Vec<_>>())]
    {
        for cut in cuts.into_iter().filter(|cut| *cut < message.len()) {
            let flaw = walked(&message[..cut]).unwrap_err();
            assert!(matches!(flaw, Flaw::CutOff { at } if at == cut as u64), "{cut}: {flaw}");
        }
    }
}

#[test]
fn armor_that_is_cut_anywhere_is_cut_off_there() {
    let message = sealed(300, true);
    let whole = message.strip_suffix(b"\n").unwrap();
    assert!(walked(whole).is_ok());
    for cut in 28..whole.len() {
        let flaw = walked(&message[..cut]).unwrap_err();
        assert!(matches!(flaw, Flaw::CutOff { at } if at == cut as u64), "{cut}: {flaw}");
    }
}

#[test]
fn nothing_may_follow() {
    for armored in [false, true] {
        for more in [b"x".to_vec(), sealed(3, armored)] {
            let message = sealed(100, armored);
            let both = [message.clone(), more].concat();
            let flaw = walked(&both).unwrap_err();
            assert!(matches!(flaw, Flaw::Trailing { at } if at == message.len() as u64), "{flaw}");
        }
    }
    let blank = [sealed(100, true), b"\n \r\n".to_vec()].concat();
    assert_eq!(walked(&blank).unwrap().file_bytes, blank.len() as u64);
}

#[test]
fn a_changed_length_between_pieces_is_seen() {
    let message = sealed(3 * PIECE, false);
    let second = message.iter().enumerate().filter(|(_, byte)| **byte == 240).find(|(at, _)| {
        message.get(at + 1 + PIECE) == Some(&240) && message.get(at + 2 + 2 * PIECE) == Some(&240)
    });
    let second = second.unwrap().0 + 1 + PIECE;
    for other in (0..=255).filter(|other| *other != 240) {
        let mut changed = message.clone();
        changed[second] = other;
        assert!(walked(&changed).is_err(), "{other}");
    }
}

#[test]
fn every_changed_character_of_armor_is_seen() {
    let message = sealed(200, true);
    let body = 29..message.len() - 1;
    for at in body {
        let mut changed = message.clone();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(walked(&changed).is_err(), "{at}");
    }
}

#[test]
fn content_of_a_length_that_chunks_cannot_have_is_damaged() {
    let keys = packet(3, &[4, 9, 0, 8]);
    let message = |content| [keys.clone(), content].concat();
    for encrypted in [16, 33, 96, 113, 80 + 16, 80 + 33] {
        walked(&message(aead(encrypted))).unwrap();
    }
    for encrypted in [0, 15, 17, 32, 97, 112] {
        let flaw = walked(&message(aead(encrypted))).unwrap_err();
        assert!(matches!(flaw, Flaw::Malformed { .. }), "{encrypted}: {flaw}");
    }
    assert!(walked(&message(packet(18, &[&[1], [0; 32].as_slice()].concat()))).is_ok());
    assert!(walked(&message(packet(18, &[&[1], [0; 31].as_slice()].concat()))).is_err());
}

#[test]
fn lengths_that_the_format_forbids_are_damage() {
    let keys = packet(3, &[4, 9, 0, 8]);
    let content = [1; 600];
    // Pieces of 512 bytes and the rest; of 256 bytes; a session key in pieces; content without an end.
    let pieces = [&[0xd2, 224 + 9], &content[..512], &[88], &content[512..]].concat();
    let short = [&[0xd2, 224 + 8], &content[..256], &[88], &content[512..]].concat();
    let session_key = [&[0xc3, 224 + 9], &content[..512], &[0]].concat();
    let endless = [&[0xa7], &content[..]].concat();
    assert_eq!(walked(&[keys.clone(), pieces].concat()).unwrap().pieces, 2);
    for damaged in
        [[&keys[..], &short].concat(), [keys.clone(), session_key].concat(), [keys, endless].concat()]
    {
        let flaw = walked(&damaged).unwrap_err();
        assert!(matches!(flaw, Flaw::Malformed { at: 6.., .. }), "{flaw}");
    }
}

#[test]
fn what_is_not_sealed_is_told_apart_from_what_is_not_openpgp() {
    assert!(matches!(walked(&packet(11, b"b\0\0\0\0\0text")), Err(Flaw::NotSealed)));
    let key = b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n";
    assert!(matches!(walked(key), Err(Flaw::NotSealed)));
    for other in [b"".as_slice(), b"PK\x03\x04", b"hello", b"\xff\xd8\xff\xe0\0\x10JFIF", b"\x1f\x8b"] {
        assert!(matches!(walked(other), Err(Flaw::NotOpenPgp)), "{other:?}");
    }
}

#[test]
fn session_keys_without_end_are_refused_early() {
    let opener = packet(1, &[7; 100]);
    assert!(matches!(walked(&opener.repeat(100)), Err(Flaw::CutOff { at: 10_200 })));
    let mut read = 0;
    let flaw = walk(Counting(&opener.repeat(100_000), &mut read)).unwrap_err();
    assert!(matches!(flaw, Flaw::Malformed { .. }), "{flaw}");
    assert!(read < 1024 * 1024, "{read}");
}

struct Counting<'a>(&'a [u8], &'a mut usize);

impl Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        *self.1 += read;
        Ok(read)
    }
}

/// One byte at a time, interrupted before each, and broken at the end.
struct Broken<'a>(&'a [u8], bool);

impl Read for Broken<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.0.is_empty() {
            return Err(io::Error::other("a bad disk"));
        }
        self.0.read(&mut buffer[..1])
    }
}

#[test]
fn a_file_that_cannot_be_read_is_not_called_damaged() {
    for armored in [false, true] {
        let message = sealed(1000, armored);
        for length in [0, 1, 100, message.len()] {
            let flaw = walk(Broken(&message[..length], false)).unwrap_err();
            assert!(matches!(&flaw, Flaw::Input(error) if error.to_string() == "a bad disk"), "{flaw}");
        }
    }
}
