//! Whatever a stream holds and in whatever pieces it comes, its records are the same.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use miniseed::{Error, Fate, Header, Splitter, Stream};

/// What becomes of a stream whose pieces have these lengths, again and again.
fn split(stream: &Bytes, pieces: &[u8], fates: u8) -> (Vec<Header>, Vec<Bytes>, Result<(), Error>) {
    let mut splitter = Splitter::default();
    let (mut headers, mut passed) = (Vec::new(), Vec::new());
    let mut pieces = pieces.iter().cycle();
    let mut rest = stream.clone();
    while !rest.is_empty() {
        let length = pieces.next().map_or(rest.len(), |length| usize::from(*length).clamp(1, rest.len()));
        let piece = rest.split_to(length);
        let went = splitter.push(&piece, &mut passed, |header| {
            headers.push(*header);
            match fates.rotate_left(headers.len() as u32) & 3 {
                0 => Fate::LeaveOut,
                _ if fates == 0xFF && headers.len() == 3 => Fate::Cut,
                _ => Fate::Pass,
            }
        });
        if went != Ok(Stream::GoesOn) {
            break;
        }
    }
    (headers, passed, splitter.finish())
}

fuzz_target!(|input: &[u8]| {
    let Some(([fates, pieces @ ..], stream)) = input.split_first_chunk::<4>() else { return };
    let stream = Bytes::copy_from_slice(stream);
    let (headers, passed, end) = split(&stream, &[], *fates);

    let lengths: u64 = headers.iter().map(|header| u64::from(header.length)).sum();
    assert!(headers.iter().all(|header| header.start <= header.end && header.length >= 40));
    assert!(passed.iter().map(Bytes::len).sum::<usize>() <= stream.len());
    match end {
        Ok(()) => assert!(lengths == stream.len() as u64 || *fates == 0xFF),
        Err(Error::NotARecord { at, .. }) => assert_eq!(at, lengths),
        Err(Error::Truncated { at, have }) => assert_eq!(at + have, stream.len() as u64),
    }

    let in_pieces = split(&stream, pieces, *fates);
    assert_eq!((in_pieces.0, in_pieces.1.concat(), in_pieces.2), (headers, passed.concat(), end));
});
