//! The full name of a key. Key ids are hints and never decide anything here.

use std::{fmt, str::FromStr};

use pgp::types::{KeyDetails, KeyVersion};

/// Full fingerprint of an OpenPGP key: 20 bytes for version 4, 32 bytes for version 6.
///
/// It is the only thing by which a key is trusted. RFC 9580 section 5.5.4.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(Bytes);

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Bytes {
    V4([u8; 20]),
    V6([u8; 32]),
}

impl Fingerprint {
    /// The bytes as they are, 20 or 32 of them.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::V4(bytes) => bytes,
            Bytes::V6(bytes) => bytes,
        }
    }

    /// `None` for the key versions that are too old, or never became a standard, to be trusted.
    pub(crate) fn of(key: &impl KeyDetails) -> Option<Self> {
        Self::from_library(&key.fingerprint())
    }

    pub(crate) fn from_library(fingerprint: &pgp::types::Fingerprint) -> Option<Self> {
        match fingerprint.version()? {
            KeyVersion::V4 => fingerprint.as_bytes().try_into().ok().map(Bytes::V4),
            KeyVersion::V6 => fingerprint.as_bytes().try_into().ok().map(Bytes::V6),
            KeyVersion::V2 | KeyVersion::V3 | KeyVersion::V5 | KeyVersion::Other(_) => None,
        }
        .map(Self)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a full fingerprint; an operator mistyped or gave a key id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a full fingerprint: 40 or 64 hexadecimal digits, blanks allowed")]
pub struct NotAFingerprint;

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    /// Takes upper and lower case, blanks as `gpg --fingerprint` prints them, and a leading `0x`.
    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        let text = text.trim();
        let digits: Vec<u8> = text
            .strip_prefix("0x")
            .unwrap_or(text)
            .chars()
            .filter(|c| *c != ' ')
            .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()).ok_or(NotAFingerprint))
            .collect::<Result<_, _>>()?;
        if !digits.len().is_multiple_of(2) {
            return Err(NotAFingerprint);
        }
        let bytes: Vec<u8> = digits.chunks_exact(2).map(|d| d[0] << 4 | d[1]).collect();
        let v4 = bytes.as_slice().try_into().map(Bytes::V4);
        let v6 = || bytes.as_slice().try_into().map(Bytes::V6);
        v4.or_else(|_| v6()).map(Self).map_err(|_| NotAFingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EAS: &str = "C83815158DF0077272F19E1E4169CE9D00970757";

    #[test]
    fn a_fingerprint_is_read_as_gpg_prints_it() {
        let printed = "C838 1515 8DF0 0772 72F1  9E1E 4169 CE9D 0097 0757";
        assert_eq!(printed.parse::<Fingerprint>().unwrap().to_string(), EAS);
    }

    #[test]
    fn case_and_a_leading_0x_do_not_matter() {
        let lower = format!("0x{}", EAS.to_lowercase());
        assert_eq!(lower.parse::<Fingerprint>(), EAS.parse());
    }

    #[test]
    fn version_6_is_64_digits() {
        let text = "AB".repeat(32);
        assert_eq!(text.parse::<Fingerprint>().unwrap().to_string(), text);
    }

    #[test]
    fn a_key_id_is_not_a_fingerprint() {
        assert_eq!("4169CE9D00970757".parse::<Fingerprint>(), Err(NotAFingerprint));
        assert_eq!("".parse::<Fingerprint>(), Err(NotAFingerprint));
        assert_eq!("0x0".parse::<Fingerprint>(), Err(NotAFingerprint));
        assert_eq!(format!("{EAS}é").parse::<Fingerprint>(), Err(NotAFingerprint));
    }
}
