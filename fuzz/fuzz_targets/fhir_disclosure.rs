//! Whatever an answer holds and in whatever pieces it comes, it says the same; and what leaves of it is JSON.

#![no_main]

use fhir::{Broken, Disclosed, Disclosure};
use libfuzzer_sys::fuzz_target;

fn carried(answer: &[u8], pieces: &[u8]) -> (Disclosed, Result<(), Broken>) {
    let (mut disclosure, mut disclosed) = (Disclosure::default(), Disclosed::default());
    let (mut rest, mut pieces) = (answer, pieces.iter().cycle());
    while !rest.is_empty() {
        let length = pieces.next().map_or(rest.len(), |length| usize::from(*length).clamp(1, rest.len()));
        let (piece, after) = rest.split_at(length);
        if let Err(broken) = disclosure.push(piece, &mut disclosed) {
            return (disclosed, Err(broken));
        }
        rest = after;
    }
    let end = disclosure.finish(&mut disclosed);
    (disclosed, end)
}

fuzz_target!(|input: &[u8]| {
    let Some((pieces, answer)) = input.split_first_chunk::<3>() else { return };
    let (disclosed, end) = carried(answer, &[]);
    let left = disclosed.bytes.concat();
    assert!(answer.starts_with(&left));
    if end.is_ok() {
        assert_eq!(left, answer);
        assert!(answer.is_empty() || serde_json::from_slice::<serde::de::IgnoredAny>(answer).is_ok());
    }
    let in_pieces = carried(answer, pieces);
    assert_eq!(
        (in_pieces.0.patients, in_pieces.0.bytes.concat(), in_pieces.1),
        (disclosed.patients, left, end)
    );
});
