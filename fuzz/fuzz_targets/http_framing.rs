//! Whatever a connection brings, following it ends, and how its bytes are cut changes nothing.

#![no_main]

use http_framing::{Fault, Framing, Passed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((size, bytes)) = bytes.split_first() else { return };
    let whole = follow(bytes, bytes.len().max(1));
    assert_eq!(whole, follow(bytes, usize::from(*size).max(1)));
    assert!(whole.0 <= bytes.len());
    // What is said of a refused head is for the record, and is never refused itself.
    let _ = http_framing::request_line(bytes);
});

/// How many bytes pass of a connection that brings them in pieces of `size`, and what stopped it.
fn follow(bytes: &[u8], size: usize) -> (usize, Option<Fault>) {
    let (mut framing, mut passed, mut there) = (Framing::default(), 0, 0);
    while there < bytes.len() {
        there = (there + size).min(bytes.len());
        loop {
            match framing.judge(&bytes[passed..there]) {
                Ok(Passed::Some(more)) => passed += more,
                Ok(Passed::NeedsMore) => break,
                Ok(Passed::NeedsAnswer) => framing.answered(passed % 2 == 0),
                Err(fault) => return (passed, Some(fault)),
            }
        }
    }
    (passed, None)
}
