//! Whatever is read as a checkpoint or as a proof has one spelling, and is believed of nobody who did not sign it.

#![no_main]

use std::sync::LazyLock;

use audit_log::{Checkpoint, CosignerKey, Entry, LogProof, VerifierKey, add_cosignatures};
use audit_log::{Cosigner, Signer};
use libfuzzer_sys::fuzz_target;

static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::from_seed("log", &[1; 32]).expect("it is a name"));

fuzz_target!(|bytes: &[u8]| {
    let known = [SIGNER.verifier_key().clone()];
    assert!(Checkpoint::open(bytes, &known).is_err(), "the fuzzer has no key");
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(checkpoint) = Checkpoint::read(text) {
        assert_eq!(checkpoint.text(), text);
        if let Ok(note) = checkpoint.sign(&SIGNER) {
            assert_eq!(Checkpoint::open(note.as_bytes(), &known), Ok(checkpoint));
        }
    }
    if let Ok(proof) = text.parse::<LogProof>() {
        assert_eq!(proof.to_string().parse(), Ok(proof.clone()));
        assert!(proof.verify(&Entry([0; 32]), &known).is_err());
    }
    let cosigner = Cosigner::from_seed("witness", &[2; 32]).expect("it is a name").cosigner_key();
    let note = SIGNER.sign("log\n0\n").expect("it is a text");
    if let Ok((same, times)) = add_cosignatures(&note, text, &[cosigner]) {
        assert_eq!((same, times), (note, Vec::new()));
    }
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string().parse(), Ok(key));
        assert!(text.parse::<CosignerKey>().is_err());
    }
});
