//! Whatever a WADL is, what is made of it has a login, and needs nothing more.

#![no_main]

use fdsn::wadl::with_auth;
use libfuzzer_sys::fuzz_target;

const BASE: &str = "https://eida.example.org/fdsnws/dataselect/1/?a&'b\"<c>";

fuzz_target!(|wadl: &[u8]| {
    let Ok(written) = with_auth(wadl, BASE) else { return };
    let text = std::str::from_utf8(&written).expect("text stays text");
    assert!(text.contains("https://eida.example.org/fdsnws/dataselect/1/?a&amp;"));
    assert!(text.contains("\"auth\"") || text.contains("'auth'"));
    assert_eq!(with_auth(&written, BASE).as_ref(), Ok(&written));
});
