//! Whatever an `Authorization` header says, reading and judging it ends and lets nobody in.

#![no_main]

use http_digest::{
    Credentials, Ha1, Malformed, NonceKey, NonceKeys, ProtectionSpace, Request, Scheme, Verdict, client,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = client::Challenge::parse(text);
    let credentials = match Credentials::parse(text) {
        Ok(credentials) => credentials,
        Err(Malformed::Syntax { at }) => return assert!(at <= text.len()),
        Err(_) => return,
    };
    assert_eq!(Scheme::of(text), Scheme::Digest);
    assert!(!credentials.login().is_empty() && !credentials.login().contains(':'));

    // Everything is known to the fuzzer except the password and the key of the nonces.
    let realm = "Restricted data, ask the archive".parse().expect("a realm");
    let keys = NonceKeys::new(NonceKey::new([0x5A; 32]), vec![NonceKey::new([0xA5; 32])]);
    let space = ProtectionSpace { service: "/fdsnws/dataselect/1", realm: &realm, keys: &keys };
    let ha1 = Ha1::of(credentials.login(), &realm, "a password that no seed was made with");
    let request = Request { method: "GET", target: "/dir/index.html" };
    for known in [None, Some(&ha1)] {
        let verdict = space.verify(&credentials, request, known, jiff::Timestamp::UNIX_EPOCH);
        assert!(!matches!(verdict, Verdict::Right | Verdict::Stale), "{verdict:?}");
    }
});
