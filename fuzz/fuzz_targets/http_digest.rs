//! Whatever an `Authorization` header says, reading and judging it ends and lets nobody in.

#![no_main]

use http_digest::{
    Credentials, Malformed, NonceKey, NonceKeys, Offer, ProtectionSpace, Request, Scheme, Verdict, client,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let request = Request { method: "GET", target: "/dir/index.html" };
    if let Ok(challenge) = client::Challenge::choose(text.lines()) {
        // Whatever a server asks for, the answer is one that can be read, and the right one.
        let header = client::answer(&challenge, "Mu\"fasa", "Circle of Life", request, 1, "c\\");
        let answered = header.expect("what we chose ourselves can be sent");
        if let Ok(answered) = Credentials::parse(&answered) {
            assert!(answered.proves(request, Some(&answered.ha1("Circle of Life"))));
        } else {
            assert!(answered.len() > 8 * 1024);
        }
    }
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
    let offer = Offer::Md5AndSha256;
    let space = ProtectionSpace { service: "/fdsnws/dataselect/1", realm: &realm, keys: &keys, offer };
    let ha1 = credentials.ha1("a password that no seed was made with");
    for known in [None, Some(&ha1)] {
        let verdict = space.verify(&credentials, request, known, jiff::Timestamp::UNIX_EPOCH);
        assert!(!matches!(verdict, Verdict::Right(_) | Verdict::Stale), "{verdict:?}");
        assert!(!credentials.proves(request, known));
    }
});
