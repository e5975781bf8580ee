//! Keys of our own in access tokens: 256 random bits that open something here, and nothing anywhere else.

use data_encoding::BASE64URL_NOPAD;

use super::random::Random;
use super::secret::Secret;
use super::sha256::Sha256;

/// A key of our own, in base64url without padding (RFC 4648 section 5).
///
/// It has 43 letters, never the 36 by which DCOR-Aid takes a key for a UUID, no point as a JWT has, and no
/// bytes that somebody could know beforehand.
#[derive(Debug, Clone)]
pub struct OpaqueKey(Secret);

/// Says that a text is no opaque key; never what it is.
#[derive(Debug, thiserror::Error)]
#[error("this is no opaque key: those have 43 of A-Z, a-z, 0-9, '-' and '_'")]
pub struct NotAnOpaqueKey;

/// What an opaque key is known by: its SHA-256, in lower-case hex.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OpaqueKeyHash(String);

impl OpaqueKey {
    /// Makes a fresh one.
    pub fn new(random: &Random) -> Self {
        let bytes = zeroize::Zeroizing::new(random.bytes::<32>());
        Self(Secret::new(BASE64URL_NOPAD.encode(bytes.as_ref())))
    }

    /// Shows the key.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What it is known by.
    pub fn hash(&self) -> OpaqueKeyHash {
        OpaqueKeyHash(Sha256::of(self.expose().as_bytes()).to_string())
    }
}

impl std::str::FromStr for OpaqueKey {
    type Err = NotAnOpaqueKey;

    fn from_str(text: &str) -> Result<Self, NotAnOpaqueKey> {
        // 256 bits and two more, which are zero: another spelling of the same bytes is none.
        let decoded = BASE64URL_NOPAD.decode(text.as_bytes()).map(zeroize::Zeroizing::new);
        match decoded {
            Ok(bytes) if bytes.len() == 32 => Ok(Self(Secret::new(text.to_owned()))),
            Ok(_) | Err(_) => Err(NotAnOpaqueKey),
        }
    }
}

impl OpaqueKeyHash {
    /// As it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<OpaqueKeyHash> for String {
    fn from(hash: OpaqueKeyHash) -> Self {
        hash.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_43_letters_and_is_read_back_as_the_same() {
        let key = OpaqueKey::new(&Random::new(|bytes| bytes.fill(0xfb)));
        assert_eq!(key.expose(), "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s");
        assert_eq!(key.expose().parse::<OpaqueKey>().unwrap().hash(), key.hash());
        assert!(!format!("{key:?}").contains("-_v7"));
    }

    #[test]
    fn what_is_no_key_of_ours_is_read_as_none() {
        let key = "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s";
        let other_spelling = format!("{}t", &key[..42]);
        let padded = format!("{key}=");
        for bad in ["", &key[..42], &other_spelling, &padded, "fd54cc58-18ab-4c0a-a5bd-2fe2ad0a6cd8"] {
            assert!(bad.parse::<OpaqueKey>().is_err(), "{bad}");
        }
    }
}
