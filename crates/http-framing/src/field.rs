//! One line of a head or of trailers: a field's name and its value.

use crate::fault::Fault;

/// Which bytes a token has (RFC 9110 section 5.6.2).
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut symbols: &[u8] = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    while let [symbol, rest @ ..] = symbols {
        table[*symbol as usize] = true;
        symbols = rest;
    }
    table
};

/// Tells whether `text` is a token.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| TOKEN[usize::from(*byte)])
}

/// Splits a line into a field's name and its value, spaces and all.
pub(crate) fn split(line: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Fault::Folded);
    }
    let colon = memchr::memchr(b':', line).ok_or(Fault::FieldName)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if matches!(name.last(), Some(b' ' | b'\t')) {
        return Err(Fault::SpaceBeforeColon);
    }
    if !is_token(name) {
        return Err(Fault::FieldName);
    }
    // Without a way out in the middle, so that many bytes are looked at in one step.
    let controls = value.iter().fold(false, |found, byte| found | is_control(*byte));
    if controls {
        let carriage_return = memchr::memchr(b'\r', value).is_some();
        return Err(if carriage_return { Fault::LineEnd } else { Fault::Control });
    }
    Ok((name, value))
}

/// A horizontal tab is none here (RFC 9110 section 5.5).
fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

/// The value of a field that frames or routes: after at most one space, and nothing behind it.
///
/// More is legal (RFC 9110 section 5.6.3), nobody sends it, and parsers differ in what they strip.
pub(crate) fn exact(value: &[u8]) -> &[u8] {
    value.strip_prefix(b" ").unwrap_or(value)
}

/// Fields that must not come behind a body (RFC 9110 section 6.5.1): those that frame it, route it, say
/// who asks or on what condition, or are of the connection.
const NEVER_TRAILERS: [&str; 36] = [
    "accept",
    "accept-encoding",
    "age",
    "authorization",
    "cache-control",
    "connection",
    "content-disposition",
    "content-encoding",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "forwarded",
    "host",
    "if-match",
    "if-none-match",
    "keep-alive",
    "location",
    "max-forwards",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "retry-after",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "warning",
    "www-authenticate",
];

/// Tells whether a field of this name may come behind a body, in either direction.
///
/// What begins with `x-` may name somebody to whoever believes it, so it may not.
pub fn may_be_trailer(name: &[u8]) -> bool {
    let named = |never: &&str| never.as_bytes().eq_ignore_ascii_case(name);
    let own = name.len() > 1 && name[..2].eq_ignore_ascii_case(b"x-");
    // CGI spells `-` as `_`: a name with one is another name elsewhere.
    is_token(name) && !own && !name.contains(&b'_') && !NEVER_TRAILERS.iter().any(named)
}
