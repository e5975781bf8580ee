//! Whatever an inventory is, reading it ends, and finds the same however it comes.

#![no_main]

use fdsn::stationxml::read;
use libfuzzer_sys::fuzz_target;
use std::io::BufReader;

fuzz_target!(|text: &[u8]| {
    let epochs = read(text);
    // The first bytes tell what it is, and must come at once.
    if text.len() < 64 {
        return;
    }
    let in_pieces = read(BufReader::with_capacity(64, text));
    assert_eq!(in_pieces.is_ok(), epochs.is_ok());
    if let (Ok(epochs), Ok(in_pieces)) = (epochs, in_pieces) {
        assert!(!epochs.is_empty());
        assert_eq!(epochs, in_pieces);
        for epoch in epochs {
            assert!(!epoch.restricted || !epoch.span.is_empty());
            assert_eq!(epoch.codes.borrowed().normalised(), epoch.codes);
        }
    }
});
