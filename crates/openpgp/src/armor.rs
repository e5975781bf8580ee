//! ASCII armor (RFC 9580 section 6): lines, headers, base64.
//!
//! Our own because a token is small and the library's streaming reader costs more than the
//! RSA operation behind it, and because here nothing but the block itself may be present.

use base64::{Engine, alphabet, engine::general_purpose};

/// The armor does not follow the format; the sentence says where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken(pub(crate) &'static str);

/// Lines with their ends, so that whoever reads can keep them.
pub(crate) struct Lines<'a> {
    rest: &'a [u8],
}

pub(crate) struct Line<'a> {
    /// Without the line end and the blanks before it.
    pub(crate) text: &'a [u8],
    /// `\n`, `\r\n`, or nothing at the end of the input.
    pub(crate) end: &'a [u8],
}

impl<'a> Lines<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next line that is not blank.
    pub(crate) fn skip_blank(&mut self) -> Option<Line<'a>> {
        self.find(|line| !line.text.is_empty())
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let newline = self.rest.iter().position(|byte| *byte == b'\n');
        let (line, rest) = self.rest.split_at(newline.map_or(self.rest.len(), |at| at + 1));
        self.rest = rest;
        let body = line.strip_suffix(b"\n").unwrap_or(line);
        let body = body.strip_suffix(b"\r").unwrap_or(body);
        // A bare CR at the very end of the input is a blank, not a line end.
        let end_length = if line.ends_with(b"\n") { line.len() - body.len() } else { 0 };
        Some(Line { text: without_trailing_blanks(line), end: &line[line.len() - end_length..] })
    }
}

/// What GnuPG removes from a line before it hashes it: blanks, tabs and carriage returns.
pub(crate) fn without_trailing_blanks(line: &[u8]) -> &[u8] {
    let kept = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
    &line[..kept.map_or(0, |last| last + 1)]
}

/// What some editors put before a text.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Decodes the rest of a block whose first line was already taken, up to `end`.
///
/// Headers are read over: nothing in them is signed. So is the checksum, which RFC 9580
/// section 6.1 forbids to rely on.
pub(crate) fn decode(lines: &mut Lines<'_>, end: &[u8]) -> Result<Vec<u8>, Broken> {
    skip_headers(lines)?;
    decode_body(lines, end)
}

/// Decodes as much of a block as there is, from behind its first line to its end or to that of
/// the input, which may fall anywhere.
pub(crate) fn decode_beginning(lines: &mut Lines<'_>) -> Result<Vec<u8>, Broken> {
    skip_headers(lines)?;
    let mut encoded = Vec::with_capacity(lines.rest.len());
    for line in lines.take_while(|line| !line.text.starts_with(b"=") && !line.text.starts_with(b"-")) {
        encoded.extend_from_slice(line.text);
    }
    encoded.truncate(encoded.len() / 4 * 4);
    BASE64.decode(encoded).map_err(|_| Broken("armor is not base64"))
}

fn skip_headers(lines: &mut Lines<'_>) -> Result<(), Broken> {
    for line in lines {
        if line.text.is_empty() {
            return Ok(());
        }
        if !line.text.windows(2).any(|pair| pair == b": ") && !line.text.ends_with(b":") {
            return Err(Broken("armor without a blank line before its body"));
        }
    }
    Err(Broken("armor is cut off"))
}

fn decode_body(lines: &mut Lines<'_>, end: &[u8]) -> Result<Vec<u8>, Broken> {
    let mut encoded = Vec::with_capacity(lines.rest.len());
    let mut checksum_seen = false;
    for line in lines.by_ref() {
        if line.text == end {
            return BASE64.decode(encoded).map_err(|_| Broken("armor is not base64"));
        }
        if checksum_seen {
            return Err(Broken("text after the armor's checksum"));
        }
        if line.text.len() == 5 && line.text.starts_with(b"=") {
            checksum_seen = true;
        } else {
            encoded.extend_from_slice(line.text);
        }
    }
    Err(Broken("armor is cut off"))
}

const BASE64: general_purpose::GeneralPurpose =
    general_purpose::GeneralPurpose::new(&alphabet::STANDARD, general_purpose::PAD);

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Result<Vec<u8>, Broken> {
        decode(&mut Lines::new(text.as_bytes()), b"-----END X-----")
    }

    #[test]
    fn headers_and_checksum_are_read_over() {
        let text = "Version: GnuPG v1\nComment: \n\naGVs\nbG8=\n=abcd\n-----END X-----\n";
        assert_eq!(decoded(text).unwrap(), b"hello");
    }

    #[test]
    fn windows_line_ends_and_trailing_blanks_are_harmless() {
        assert_eq!(decoded("\r\naGVs \r\nbG8=\t\r\n-----END X-----\r\n").unwrap(), b"hello");
    }

    #[test]
    fn a_block_that_is_cut_off_is_broken() {
        assert_eq!(decoded("\naGVs\n"), Err(Broken("armor is cut off")));
        assert_eq!(decoded("A: b\n"), Err(Broken("armor is cut off")));
    }

    #[test]
    fn a_body_without_a_blank_line_is_broken() {
        assert!(decoded("aGVs\n-----END X-----\n").is_err());
    }

    #[test]
    fn nothing_follows_the_checksum() {
        assert!(decoded("\naGVs\n=abcd\nbG8=\n-----END X-----\n").is_err());
    }

    #[test]
    fn the_beginning_of_a_block_is_decoded_wherever_it_is_cut() {
        let text = "A: b\n\naGVs\nbG8=\n=abcd\n-----END X-----\n";
        for (cut, expected) in
            [(6, ""), (8, ""), (10, "hel"), (13, "hel"), (15, "hello"), (text.len(), "hello")]
        {
            let mut lines = Lines::new(&text.as_bytes()[..cut]);
            assert_eq!(decode_beginning(&mut lines).unwrap(), expected.as_bytes(), "{cut}");
        }
        assert!(decode_beginning(&mut Lines::new(b"\na*Vs\n")).is_err());
    }

    #[test]
    fn lines_keep_their_ends() {
        let ends: Vec<_> = Lines::new(b"a\nb \r\n\r\nc\r").map(|l| (l.text, l.end)).collect();
        let expected: [(&[u8], &[u8]); 4] = [(b"a", b"\n"), (b"b", b"\r\n"), (b"", b"\r\n"), (b"c", b"")];
        assert_eq!(ends, expected);
    }
}
