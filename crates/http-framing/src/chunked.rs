//! The lines between the chunks of a body (RFC 9112 section 7.1).

use crate::fault::Fault;

/// How many digits the size of a chunk may have: up to 4 GiB.
const DIGITS: usize = 8;

/// Reads the line with a chunk's size; `None` while it is not whole.
///
/// No extension passes: nobody sends any, and parsers look for their end in different places.
pub(crate) fn size(bytes: &[u8]) -> Result<Option<(usize, u64)>, Fault> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    if digits > DIGITS || (digits == 0 && !bytes.is_empty()) {
        return Err(Fault::ChunkSize);
    }
    match &bytes[digits..] {
        [] | [b'\r'] => Ok(None),
        [b'\r', b'\n', ..] => {
            let value = bytes[..digits].iter().fold(0, |value, digit| value * 16 + hex(*digit));
            Ok(Some((digits + 2, value)))
        }
        [b'\r' | b'\n', ..] => Err(Fault::LineEnd),
        _ => Err(Fault::ChunkSize),
    }
}

fn hex(digit: u8) -> u64 {
    u64::from(match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    })
}

/// Reads what follows a chunk's bytes; `None` while it is not whole.
pub(crate) fn end(bytes: &[u8]) -> Result<Option<usize>, Fault> {
    match bytes {
        [] | [b'\r'] => Ok(None),
        [b'\r', b'\n', ..] => Ok(Some(2)),
        _ => Err(Fault::ChunkEnd),
    }
}
