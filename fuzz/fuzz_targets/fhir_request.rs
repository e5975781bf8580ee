//! Whatever is asked, what the upstream is asked instead is understood as the same.

#![no_main]

use fhir::{Asked, Body, Request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(3, |byte| *byte == b'\n');
    let mut text = || std::str::from_utf8(parts.next().unwrap_or_default()).unwrap_or_default();
    let (method, url) = (text(), text());
    let body = parts.next().unwrap_or_default();
    let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
    let json = Some("application/fhir+json");
    let asked = Asked { method, path, query, content_type: json, body, ..Asked::default() };
    let Ok(request) = Request::read(&asked) else { return };

    assert!(!request.parts.is_empty() || request.bundle.is_some());
    let way = request.target.split('?').next().unwrap_or_default();
    assert!(
        way == "/"
            || way
                .strip_prefix('/')
                .is_some_and(|way| way.split('/').all(|part| !["", ".", ".."].contains(&part)))
    );
    assert!(request.target.bytes().all(|byte| byte.is_ascii_graphic() && !b"#\\;".contains(&byte)));
    if let Body::Form(_) = request.body {
        return;
    }
    let (path, query) =
        request.target.split_once('?').map_or((&*request.target, None), |(path, query)| (path, Some(query)));
    let again = Request::read(&Asked { path, query, ..asked });
    assert_eq!(again.as_ref(), Ok(&request));
});
