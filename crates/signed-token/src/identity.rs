//! What makes two tokens the same token, and the ids that other software knows them by.
//!
//! A signature over text does not cover how lines end, so one token can be re-spelled without
//! its issuer: other line ends, blanks before them, or the signature moved into an inline
//! message. All spellings verify. [`TokenIdentity`] is the same for all of them. A [`TokenId`]
//! is the hash of one spelling, as SeisComP computes it, and only an alias.

use std::{collections::BTreeSet, fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use openpgp::{Fingerprint, Verified};
use sha2::{Digest, Sha256};

/// One token, however it is spelled: SHA-256 over the issuer and the canonical signed text.
///
/// Written as 64 lower-case hexadecimal digits. Two signatures of one issuer over one text are
/// the same token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenIdentity([u8; 32]);

impl TokenIdentity {
    pub(crate) fn of(verified: &Verified) -> Self {
        Self::new(verified.issuer(), &verified.canonical_text())
    }

    /// `canonical` has LF line ends, no blanks before them and none at its end.
    ///
    /// Frozen: block lists hold these. SHA-256 of a label, the length of the issuer's
    /// fingerprint as one byte, the fingerprint, and SHA-256 of the text.
    fn new(issuer: Fingerprint, canonical: &[u8]) -> Self {
        let fingerprint = issuer.as_bytes();
        let length = u8::try_from(fingerprint.len()).expect("a fingerprint has 20 or 32 bytes");
        Self(
            Sha256::new()
                .chain_update(b"gateward signed token 1\0")
                .chain_update([length])
                .chain_update(fingerprint)
                .chain_update(Sha256::digest(canonical))
                .finalize()
                .into(),
        )
    }

    /// The hash itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for TokenIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a token identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token identity: 64 hexadecimal digits")]
pub struct NotATokenIdentity;

impl FromStr for TokenIdentity {
    type Err = NotATokenIdentity;

    fn from_str(text: &str) -> Result<Self, NotATokenIdentity> {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let mut bytes = [0; 32];
        if text.len() != 64 {
            return Err(NotATokenIdentity);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let (high, low) = digit(pair[0]).zip(digit(pair[1])).ok_or(NotATokenIdentity)?;
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

/// The id that SeisComP gives to one spelling of a token: 24 characters of base64url.
///
/// Block lists made there can be used here. An alias, not an identity: the same token in another
/// spelling has another id; [`Token::aliases`](crate::Token::aliases) has them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId([u8; 18]);

impl TokenId {
    /// The id of a payload as `gpg --decrypt` prints it.
    pub fn of_payload(payload: &[u8]) -> Self {
        let hash = Sha256::digest(payload);
        Self(std::array::from_fn(|at| hash[at]))
    }

    /// The ids of the payload as received and of the canonical text with LF or CRLF, with no, one
    /// and about as many line ends at its end as the payload has; sorted, each once.
    ///
    /// A holder can change line ends, and one at the end, without the issuer. What they cannot
    /// find by that is a spelling whose id shares nothing with the original's, unless the issuer
    /// itself wrote blanks before line ends.
    pub(crate) fn aliases(verified: &Verified) -> Vec<Self> {
        let payload = verified.payload();
        let text = verified.canonical_text();
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        let blank = |byte: &&u8| b" \t\r\n".contains(byte);
        let ends = payload.iter().rev().take_while(blank).filter(|byte| **byte == b'\n').count();
        let mut ids = BTreeSet::from([Self::of_payload(payload)]);
        for line_end in [&b"\n"[..], b"\r\n"] {
            for count in [0, 1, ends.saturating_sub(1), ends, ends + 1] {
                ids.insert(Self::of_payload(&[lines.join(line_end), line_end.repeat(count)].concat()));
            }
        }
        ids.into_iter().collect()
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a token id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token id: 24 characters of base64url")]
pub struct NotATokenId;

impl FromStr for TokenId {
    type Err = NotATokenId;

    fn from_str(text: &str) -> Result<Self, NotATokenId> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotATokenId)?;
        bytes.try_into().map(Self).map_err(|_| NotATokenId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_what_seiscomp_computes() {
        // python3: base64.urlsafe_b64encode(hashlib.sha256(b'{"a": 1}\n').digest()[:18])
        let id = TokenId::of_payload(b"{\"a\": 1}\n");
        assert_eq!(id.to_string(), "6MYo7cmWjvDGaPVOC6JjazVQ");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn an_identity_stays_what_it_is() {
        let issuer = "C83815158DF0077272F19E1E4169CE9D00970757".parse().unwrap();
        let identity = TokenIdentity::new(issuer, b"{\"a\": 1}");
        assert_eq!(identity.to_string(), "07b2b972aecf455e6fddeaa07a7caf4673922e7b4505698f4873f40535b057f7");
        assert_eq!(identity.to_string().parse(), Ok(identity));
    }

    #[test]
    fn the_issuer_is_part_of_the_identity() {
        let one = TokenIdentity::new("C83815158DF0077272F19E1E4169CE9D00970757".parse().unwrap(), b"x");
        let two = TokenIdentity::new("CA5424C4AE618D1881ABACE0D1125558CB981400".parse().unwrap(), b"x");
        assert_ne!(one, two);
    }

    #[test]
    fn other_texts_are_neither() {
        assert_eq!("abc".parse::<TokenIdentity>(), Err(NotATokenIdentity));
        assert_eq!("é".repeat(32).parse::<TokenIdentity>(), Err(NotATokenIdentity));
        assert_eq!("abc".parse::<TokenId>(), Err(NotATokenId));
        assert_eq!("A".repeat(23).parse::<TokenId>(), Err(NotATokenId));
    }
}
