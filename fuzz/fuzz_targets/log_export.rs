//! Whatever is read as an export of a log, nothing panics, and no invented one is confirmed by a checkpoint.

#![no_main]

use audit_log::{Checkpoint, Hash, verify_export};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let kept = Checkpoint::new("cr.example.org/log", 1, Hash([7; 32])).expect("it is one");
    assert!(verify_export(bytes, &[kept], &[]).is_err());
    if let Ok(exported) = verify_export(bytes, &[], &[]) {
        assert!(exported.verified.edge.size() >= exported.first && exported.checkpoint.is_none());
        assert!(bytes.ends_with(b"\n"));
    }
});
