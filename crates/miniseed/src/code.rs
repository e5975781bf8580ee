//! A network, station, location or channel code, held in place.

use std::fmt;

/// A code of a record: at most [`Code::MAX`] visible ASCII characters, upper case, without padding.
///
/// Lower case is raised, as it is in requests, so that a spelling makes no other channel. Empty is
/// what SEED writes as blanks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    bytes: [u8; Self::MAX],
    len: u8,
}

impl Code {
    /// FDSN source identifiers give eight characters each to network, station and location.
    pub const MAX: usize = 15;

    pub(crate) const EMPTY: Self = Self { bytes: [0; Self::MAX], len: 0 };

    /// Reads a field padded with blanks or zeros; `None` if it is too long or holds anything but
    /// visible ASCII.
    pub(crate) fn read(field: &[u8]) -> Option<Self> {
        let mut code = Self::EMPTY;
        code.append(trim(field))?;
        Some(code)
    }

    /// Like [`Code::read`], and takes `--` for blank, as some writers spell it.
    pub(crate) fn read_location(field: &[u8]) -> Option<Self> {
        let code = Self::read(field)?;
        Some(if code.as_str() == "--" { Self::EMPTY } else { code })
    }

    pub(crate) fn append(&mut self, text: &[u8]) -> Option<()> {
        let len = usize::from(self.len) + text.len();
        let free = self.bytes.get_mut(usize::from(self.len)..len)?;
        for (to, from) in free.iter_mut().zip(text) {
            *to = from.is_ascii_graphic().then(|| from.to_ascii_uppercase())?;
        }
        self.len = u8::try_from(len).ok()?;
        Some(())
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        let used = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        std::str::from_utf8(used).expect("only ASCII was let in")
    }
}

fn trim(field: &[u8]) -> &[u8] {
    let padding = |byte: &u8| matches!(byte, b' ' | 0);
    let Some(first) = field.iter().position(|byte| !padding(byte)) else { return &[] };
    let last = field.iter().rposition(|byte| !padding(byte)).unwrap_or(first);
    field.get(first..=last).unwrap_or_default()
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_and_case_make_no_other_code() {
        for field in [&b"BHZ"[..], b"bhz", b" BHZ ", b"BHZ\0\0"] {
            assert_eq!(Code::read(field).unwrap().as_str(), "BHZ");
        }
        assert_eq!(Code::read(b"  \0").unwrap(), Code::EMPTY);
    }

    #[test]
    fn a_code_with_blanks_inside_or_beyond_ascii_is_none() {
        for field in [&b"B Z"[..], b"B\0Z", b"B\xC3\xA9", b"\x7F", b"B\n"] {
            assert_eq!(Code::read(field), None, "{field:?}");
        }
        assert_eq!(Code::read(&[b'A'; Code::MAX]).unwrap().as_str().len(), Code::MAX);
        assert_eq!(Code::read(&[b'A'; Code::MAX + 1]), None);
    }

    #[test]
    fn two_dashes_are_the_blank_location_and_no_blank_network() {
        assert_eq!(Code::read_location(b"--").unwrap(), Code::EMPTY);
        assert_eq!(Code::read(b"--").unwrap().as_str(), "--");
    }
}
