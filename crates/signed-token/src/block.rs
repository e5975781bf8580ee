//! Finds the one signed block in what a client sent.

use openpgp::Refusal;

use crate::Error;

/// The longest body that is looked at, in bytes: 64 KiB. Real tokens are under 1 KiB.
pub const MAX_BODY: usize = 65_536;

/// Cuts the one armored block out of `body`.
///
/// Around it only blank lines may stand, and before a cleartext-signed block the one bare line
/// `BEGIN PGP MESSAGE`, which EAS writes there. A leading UTF-8 byte order mark, which Windows
/// editors add, is passed over: it is outside the signed text. A NUL byte is refused anywhere.
/// Line ends may be CR LF, and blanks may trail.
///
/// Cutting out proves nothing; the block is still to be verified.
///
/// # Errors
///
/// [`Error::TooLong`], [`Error::NoToken`], [`Error::TextOutside`], [`Error::SeveralTokens`], and
/// [`Refusal::Malformed`] for a block without an end: the holder must send the token as it was given out.
pub fn cut_out(body: &[u8]) -> Result<&[u8], Error> {
    if body.len() > MAX_BODY {
        return Err(Error::TooLong);
    }
    if body.contains(&0) {
        return Err(Error::TextOutside);
    }
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let (start, form) = find_start(body)?;
    let end = find_end(body, start, form)?;
    let after = body[end..].trim_ascii();
    if after.is_empty() {
        Ok(&body[start..end])
    } else if lines(after).any(|(_, line)| line.starts_with(b"-----BEGIN PGP ")) {
        Err(Error::SeveralTokens)
    } else {
        Err(Error::TextOutside)
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
const BARE_LINE: &[u8] = b"BEGIN PGP MESSAGE";

#[derive(Clone, Copy)]
enum Form {
    Cleartext,
    Inline,
}

impl Form {
    fn begun_by(line: &[u8]) -> Option<Self> {
        match line {
            b"-----BEGIN PGP SIGNED MESSAGE-----" => Some(Self::Cleartext),
            b"-----BEGIN PGP MESSAGE-----" => Some(Self::Inline),
            _ => None,
        }
    }

    fn last_line(self) -> &'static [u8] {
        match self {
            Self::Cleartext => b"-----END PGP SIGNATURE-----",
            Self::Inline => b"-----END PGP MESSAGE-----",
        }
    }
}

fn find_start(body: &[u8]) -> Result<(usize, Form), Error> {
    let mut bare_line_seen = false;
    for (at, line) in lines(body).filter(|(_, line)| !line.is_empty()) {
        match Form::begun_by(line) {
            Some(Form::Inline) if bare_line_seen => return Err(Error::TextOutside),
            Some(form) => return Ok((at, form)),
            None if line == BARE_LINE && !bare_line_seen => bare_line_seen = true,
            None if lines(body).any(|(_, line)| Form::begun_by(line).is_some()) => {
                return Err(Error::TextOutside);
            }
            // A lone signature goes on, to be refused as what it is.
            None if line == b"-----BEGIN PGP SIGNATURE-----" && !bare_line_seen => {
                return Ok((at, Form::Cleartext));
            }
            None => return Err(Error::NoToken),
        }
    }
    Err(Error::NoToken)
}

/// One past the block's last line. A signed text cannot hold that line: its dashes are escaped.
fn find_end(body: &[u8], start: usize, form: Form) -> Result<usize, Error> {
    lines(&body[start..])
        .find(|(_, line)| *line == form.last_line())
        .map(|(at, line)| start + at + line.len())
        .ok_or(Error::Signature(Refusal::Malformed("it is cut off")))
}

/// Each line with its position, without its end and the blanks before it.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    text.split_inclusive(|byte| *byte == b'\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line.trim_ascii_end())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA1\n\n{}\n-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----";
    const B: &str = "-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----";

    fn cut(body: &str) -> Result<&str, Error> {
        cut_out(body.as_bytes()).map(|block| std::str::from_utf8(block).unwrap())
    }

    #[test]
    fn both_forms_are_cut_out() {
        assert_eq!(cut(A), Ok(A));
        assert_eq!(cut(B), Ok(B));
        assert_eq!(cut(&format!("\n \t\r\n{A}\r\n\n \n")), Ok(A));
    }

    #[test]
    fn the_bare_line_may_stand_before_a_cleartext_token_once() {
        assert_eq!(cut(&format!("BEGIN PGP MESSAGE\n{A}\n")), Ok(A));
        assert_eq!(cut(&format!("\nBEGIN PGP MESSAGE \r\n\r\n{A}")), Ok(A));
        let twice = format!("BEGIN PGP MESSAGE\nBEGIN PGP MESSAGE\n{A}");
        assert_eq!(cut(&twice), Err(Error::TextOutside));
        assert_eq!(cut(&format!("BEGIN PGP MESSAGE\n{B}")), Err(Error::TextOutside));
        assert_eq!(cut(&format!("{A}\nBEGIN PGP MESSAGE\n")), Err(Error::TextOutside));
    }

    #[test]
    fn a_token_that_is_cut_off_is_refused_as_such() {
        let cut_off = Err(Error::Signature(Refusal::Malformed("it is cut off")));
        assert_eq!(cut(&A[..A.len() - 1]), cut_off);
        assert_eq!(cut(&format!("{A} {{}}\n")), cut_off);
    }

    #[test]
    fn text_before_or_after_is_refused() {
        assert_eq!(cut(&format!("{{}}\n{A}")), Err(Error::TextOutside));
        assert_eq!(cut(&format!("{A}\n{{}}")), Err(Error::TextOutside));
        assert_eq!(cut(&format!(" {A}")), Err(Error::NoToken));
    }

    #[test]
    fn two_tokens_are_refused() {
        assert_eq!(cut(&format!("{A}\n{A}")), Err(Error::SeveralTokens));
        assert_eq!(cut(&format!("{A}\n{B}")), Err(Error::SeveralTokens));
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_and_nul_is_not() {
        assert_eq!(cut(&format!("\u{feff}{A}")), Ok(A));
        assert_eq!(cut(&format!("{A}\n\0")), Err(Error::TextOutside));
        assert_eq!(cut(&A.replace("{}", "{\0}")), Err(Error::TextOutside));
    }

    #[test]
    fn a_body_of_64_kib_is_looked_at_and_no_more() {
        let padding = " ".repeat(MAX_BODY - A.len() - 1);
        assert_eq!(cut(&format!("{A}\n{padding}")), Ok(A));
        assert_eq!(cut(&format!("{A}\n{padding} ")), Err(Error::TooLong));
    }

    #[test]
    fn nothing_is_not_a_token() {
        assert_eq!(cut(""), Err(Error::NoToken));
        assert_eq!(cut("BEGIN PGP MESSAGE\n"), Err(Error::NoToken));
        assert_eq!(cut("{\"mail\": \"jo@example.org\"}"), Err(Error::NoToken));
    }

    #[test]
    fn a_lone_signature_is_cut_out_to_be_refused_by_name() {
        let lone = "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----";
        assert_eq!(cut(lone), Ok(lone));
    }
}
