//! Whatever a connection brings and however it is cut, its messages are the same, and every octet is accounted for.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use syslog::{Frames, Misframed, frame};

const LONGEST: usize = 4096;

fuzz_target!(|input: &[u8]| {
    let Some((size, stream)) = input.split_first() else { return };
    let whole = take(stream, stream.len().max(1));
    assert_eq!(whole, take(stream, usize::from(*size).max(1)));
    let mut again = Vec::new();
    whole.0.iter().for_each(|message| frame(message, &mut again));
    assert!(whole.0.iter().all(|message| (1..=LONGEST).contains(&message.len())));
    assert!(stream.starts_with(&again));
    assert!(whole.1.is_err() || stream.len() == again.len());
});

fn take(stream: &[u8], size: usize) -> (Vec<Vec<u8>>, Result<(), Misframed>) {
    let (mut frames, mut buffer, mut taken) = (Frames::new(LONGEST), BytesMut::new(), Vec::new());
    for piece in stream.chunks(size) {
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
