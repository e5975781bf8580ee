//! Percent-encoding (RFC 3986 section 2.1), decoded once.

use std::borrow::Cow;

/// Decodes `text` once; `None` if a `%` is not followed by two hexadecimal digits, or if anything
/// but printable ASCII stands there or comes out. A plus is a plus.
pub(crate) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return is_plain(text.as_bytes()).then_some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        decoded.push(hex(digits[0])? * 16 + hex(digits[1])?);
        rest = after;
    }
    let decoded = String::from_utf8(decoded).ok()?;
    is_plain(decoded.as_bytes()).then_some(Cow::Owned(decoded))
}

fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

fn hex(digit: u8) -> Option<u8> {
    // At most 15.
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn a_text_is_decoded_exactly_once() {
        assert_eq!(decode("HH%5a").unwrap(), "HHZ");
        assert_eq!(decode("%2525").unwrap(), "%25");
        assert_eq!(decode("A+B").unwrap(), "A+B");
        assert_eq!(decode("").unwrap(), "");
    }

    #[test]
    fn what_is_not_printable_ascii_is_not_decoded() {
        for text in ["%", "%4", "%4g", "%+4", "%%41", "%00", "%0a", "%c3%84", "\u{c4}", "a\tb", "%7f", "\n"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}
