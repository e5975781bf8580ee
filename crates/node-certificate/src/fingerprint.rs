//! The SHA-256 of a certificate, as people compare it.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use data_encoding::HEXLOWER_PERMISSIVE;

/// The SHA-256 of a certificate in its DER form.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

/// Why a text is no fingerprint. Whoever copied it should look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a SHA-256 fingerprint has 64 hexadecimal digits, with colons or without \
     (openssl x509 -in FILE -noout -fingerprint -sha256)"
)]
pub struct NotAFingerprint;

impl Fingerprint {
    /// Hashes a certificate.
    pub fn of(der: &[u8]) -> Self {
        Self::from_bytes(sha256(&[der]))
    }

    /// Takes a fingerprint that was stored.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in parts {
        hash.update(part);
    }
    hash.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Upper-case pairs with colons, as OpenSSL and browsers show it.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let colon = if at == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// Takes what `openssl x509 -fingerprint -sha256` prints, with or without what stands before the `=`.
impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        let digits = match text.split_once('=') {
            Some((what, digits)) if what.to_ascii_lowercase().starts_with("sha256") => digits,
            Some(_) => return Err(NotAFingerprint),
            None => text,
        }
        .trim();
        let digits = match digits.len() {
            95 if digits.split(':').all(|pair| pair.len() == 2) => digits.replace(':', ""),
            64 => digits.to_owned(),
            _ => return Err(NotAFingerprint),
        };
        let bytes = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).map_err(|_| NotAFingerprint)?;
        bytes.try_into().map(Self).map_err(|_| NotAFingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_openssl_and_others_write_it() {
        let own = Fingerprint::of(b"a certificate");
        let shown = own.to_string();
        assert_eq!(shown.len(), 95);
        let plain = shown.replace(':', "").to_lowercase();
        for text in
            [&shown, &plain, &format!("sha256 Fingerprint={shown}\n"), &format!("SHA256:{shown}")[7..].into()]
        {
            assert_eq!(text.parse(), Ok(own), "{text}");
        }
    }

    #[test]
    fn another_hash_or_half_of_one_is_no_fingerprint() {
        let shown = Fingerprint::of(b"a certificate").to_string();
        let sha1 = "AA:".repeat(19) + "AA";
        let shifted = shown.replacen(':', "", 1) + ":";
        for text in [
            "",
            "=",
            &shown[..94],
            &sha1,
            &shifted,
            &format!("SHA1={shown}"),
            &"é".repeat(32),
            &"g".repeat(64),
        ] {
            assert_eq!(text.parse::<Fingerprint>(), Err(NotAFingerprint), "{text}");
        }
    }
}
