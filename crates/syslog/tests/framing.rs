//! What a receiver has to stand, by the cases of RFC 5425 section 4.3.

#![allow(clippy::unwrap_used)]

use bytes::BytesMut;
use proptest::prelude::*;
use syslog::{Frames, Misframed, frame};

/// Brings `stream` in pieces of these lengths, again and again; what was taken out of it, and how it ended.
fn take(stream: &[u8], pieces: &[usize], longest: usize) -> (Vec<Vec<u8>>, Result<(), Misframed>) {
    let (mut frames, mut buffer, mut taken) = (Frames::new(longest), BytesMut::new(), Vec::new());
    let (mut pieces, mut rest) = (pieces.iter().cycle(), stream);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((*pieces.next().unwrap()).clamp(1, rest.len()));
        rest = after;
        buffer.extend_from_slice(piece);
        loop {
            match frames.next(&mut buffer) {
                Ok(Some(message)) => taken.push(message.to_vec()),
                Ok(None) => break,
                Err(misframed) => return (taken, Err(misframed)),
            }
        }
    }
    (taken, frames.finish(&buffer))
}

fn whole(stream: &[u8]) -> (Vec<Vec<u8>>, Result<(), Misframed>) {
    take(stream, &[stream.len().max(1)], syslog::LONGEST)
}

fn refused(stream: &[u8]) -> Misframed {
    let (_, end) = whole(stream);
    assert_eq!(take(stream, &[1], syslog::LONGEST).1, end, "byte by byte");
    end.unwrap_err()
}

#[test]
fn two_frames_in_one_segment_are_two_messages() {
    let (taken, end) = whole("5 <1>1x5 <2>ü".as_bytes());
    assert_eq!(taken, [b"<1>1x".to_vec(), "<2>ü".as_bytes().to_vec()]);
    assert_eq!(end, Ok(()));
}

#[test]
fn octets_are_counted_and_not_characters() {
    let mut stream = Vec::new();
    frame("müde".as_bytes(), &mut stream);
    assert_eq!(stream, "5 müde".as_bytes());
    assert_eq!(take(&stream, &[4, 1], 64).0, ["müde".as_bytes()]);
}

#[test]
fn what_is_no_frame_is_refused_with_its_reason() {
    assert_eq!(refused(b"0 "), Misframed::Empty);
    assert_eq!(refused(b"05 <1>1x"), Misframed::LeadingZero);
    assert_eq!(refused(b"00 "), Misframed::LeadingZero);
    assert_eq!(refused(b"<85>1 - - - - - -\n"), Misframed::NotCounted);
    assert_eq!(refused(b"4 <1>x\n"), Misframed::NotALength(b'\n'));
    assert_eq!(refused(b"-4 <1>x"), Misframed::NotALength(b'-'));
    assert_eq!(refused(b" 4 <1>x"), Misframed::NotALength(b' '));
    assert_eq!(refused(b"4\t<1>x"), Misframed::NotALength(b'\t'));
    assert_eq!(refused(b"\x16\x03\x01"), Misframed::NotALength(0x16));
}

#[test]
fn what_is_too_long_is_refused_before_it_is_there() {
    assert_eq!(refused(b"65537"), Misframed::TooLong { most: 65536 });
    assert_eq!(refused(b"99999999999999999999999999999999"), Misframed::TooLong { most: 65536 });
    let longest = [b"65536 ".as_slice(), &vec![b'x'; 65536]].concat();
    assert_eq!(take(&longest, &[8192], 65536).0.len(), 1);
}

#[test]
fn a_stream_that_ends_inside_a_message_says_so() {
    assert_eq!(refused(b"5 <1>1"), Misframed::Truncated { have: 4 });
    assert_eq!(refused(b"5"), Misframed::Truncated { have: 1 });
    assert_eq!(refused(b"5 "), Misframed::Truncated { have: 0 });
    assert_eq!(whole(b""), (vec![], Ok(())));
}

proptest! {
    #[test]
    fn any_cutting_of_a_stream_gives_the_same_messages(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..20),
        pieces in prop::collection::vec(1usize..40, 1..10),
    ) {
        let mut stream = Vec::new();
        for message in &messages {
            frame(message, &mut stream);
        }
        let (taken, end) = take(&stream, &pieces, 300);
        prop_assert_eq!(taken, messages);
        prop_assert_eq!(end, Ok(()));
    }

    #[test]
    fn how_a_hostile_stream_is_cut_changes_nothing(
        stream in prop::collection::vec(prop_oneof![Just(b' '), b'0'..=b'9', any::<u8>()], 0..100),
        pieces in prop::collection::vec(1usize..9, 1..5),
    ) {
        prop_assert_eq!(take(&stream, &pieces, 40), take(&stream, &[stream.len().max(1)], 40));
    }
}
