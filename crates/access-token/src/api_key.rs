//! The API key in an access token: which texts are one, and of which kind it is.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use zeroize::{Zeroize, Zeroizing};

/// The key that CKAN, or the door before it, takes in `Authorization`. A secret.
///
/// ASCII letters, digits, `.`, `_` and `-`. Blanks around it are not part of it: the stock reader
/// strips them.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Zeroizing<String>);

/// Why a text is no API key. Whoever supplied it has to look what they copied.
///
/// Never says what the text was: it is a secret even when it is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnApiKey {
    #[error("the API key has {0} characters: it needs {MIN_LEN} to {MAX_LEN}")]
    Length(usize),
    #[error("the API key may have ASCII letters, digits, '.', '_' and '-' only: character {0} is another")]
    Character(usize),
    /// The stock reader takes 36 characters for a UUID and drops what is none, so another key of that
    /// length would arrive mutilated.
    #[error(
        "an API key of 36 characters must be a UUID in lower case: the programs that read it take it for one"
    )]
    MutilatedUuid,
}

/// What an API key is, as far as its form tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// A token of CKAN 2.10 and newer: a signed statement that CKAN checks.
    Jwt,
    /// A key of CKAN 2.9 and older.
    Uuid,
    /// Random, without structure: what a door in front of CKAN hands out.
    Opaque,
}

/// Says that a word names no kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no kind of key: jwt, uuid or opaque")]
pub struct NotAKeyKind;

impl KeyKind {
    /// Returns the word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Uuid => "uuid",
            Self::Opaque => "opaque",
        }
    }
}

impl FromStr for KeyKind {
    type Err = NotAKeyKind;

    fn from_str(word: &str) -> Result<Self, NotAKeyKind> {
        [Self::Jwt, Self::Uuid, Self::Opaque]
            .into_iter()
            .find(|kind| kind.as_str() == word)
            .ok_or(NotAKeyKind)
    }
}

/// Shorter is nothing that a machine made at random.
const MIN_LEN: usize = 16;
/// CKAN's own have 175 characters; beyond this, web servers refuse the header.
pub(crate) const MAX_LEN: usize = 4096;
const UUID_LEN: usize = 36;

impl ApiKey {
    /// Returns the key as it goes into the header.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says what the key is by its form.
    pub fn kind(&self) -> KeyKind {
        if is_uuid(&self.0) {
            KeyKind::Uuid
        } else if payload(&self.0).is_some() {
            KeyKind::Jwt
        } else {
            KeyKind::Opaque
        }
    }

    /// Returns the `jti` of a JWT (RFC 7519 section 4.1.7), by which CKAN revokes it.
    ///
    /// Nothing is verified: only CKAN can. `None` for other kinds, and if it is no text.
    pub fn jti(&self) -> Option<String> {
        payload(&self.0)?.get("jti")?.as_str().map(String::from)
    }
}

/// Like the stock reader's `strip()`: Unicode's white space and the four ASCII separators.
pub(crate) fn strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c))
}

/// RFC 7519 section 7.2: three parts, of which the first two are JSON objects.
fn payload(key: &str) -> Option<serde_json::Map<String, serde_json::Value>> {
    let mut parts = key.split('.');
    let (header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let object = |part: &str| serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).ok()?).ok();
    object(header).filter(|header: &serde_json::Map<_, _>| header.contains_key("alg"))?;
    object(payload)
}

fn is_uuid(key: &str) -> bool {
    key.len() == UUID_LEN
        && key.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

impl FromStr for ApiKey {
    type Err = NotAnApiKey;

    fn from_str(text: &str) -> Result<Self, NotAnApiKey> {
        let key = strip(text);
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if let Some(at) = key.chars().position(|c| !allowed(c)) {
            return Err(NotAnApiKey::Character(at + 1));
        }
        if !(MIN_LEN..=MAX_LEN).contains(&key.len()) {
            return Err(NotAnApiKey::Length(key.len()));
        }
        if key.len() == UUID_LEN && !is_uuid(key) {
            return Err(NotAnApiKey::MutilatedUuid);
        }
        Ok(Self(Zeroizing::new(key.to_owned())))
    }
}

impl Zeroize for ApiKey {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({:?})", self.kind())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // {"typ":"JWT","alg":"HS256"} . {"jti":"abc-DEF_1","iat":1767225600}
    const JWT: &str =
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJhYmMtREVGXzEiLCJpYXQiOjE3NjcyMjU2MDB9.c2lnbmF0dXJl";
    const UUID: &str = "0a4f113b-4c7a-4f0e-9d5b-6a1e2f3c4d5e";

    fn key(text: &str) -> ApiKey {
        text.parse().unwrap()
    }

    #[test]
    fn the_form_of_a_key_says_what_it_is() {
        assert_eq!(key(JWT).kind(), KeyKind::Jwt);
        assert_eq!(key(UUID).kind(), KeyKind::Uuid);
        assert_eq!(key("a.b.c.d-0123456789_0123456789").kind(), KeyKind::Opaque);
        assert_eq!(key("not.base64.butthreeparts").kind(), KeyKind::Opaque);
    }

    #[test]
    fn the_jti_of_a_jwt_can_be_read() {
        assert_eq!(key(JWT).jti().as_deref(), Some("abc-DEF_1"));
        assert_eq!(key(UUID).jti(), None);
    }

    #[test]
    fn what_the_stock_reader_strips_is_no_part_of_the_key() {
        for around in ["\n", " \t", "\r\n", "\x1c\x1f", "\u{a0}", "\u{85}"] {
            assert_eq!(key(&format!("{around}{UUID}{around}")).as_str(), UUID, "{around:?}");
        }
    }

    #[test]
    fn what_would_not_arrive_whole_is_refused() {
        let refused = |text: &str| ApiKey::from_str(text).unwrap_err();
        assert_eq!(refused("fifteen-letters"), NotAnApiKey::Length(15));
        assert_eq!(refused(&"a".repeat(4097)), NotAnApiKey::Length(4097));
        assert_eq!(refused("sixteen-letters\u{e4}b"), NotAnApiKey::Character(16));
        assert_eq!(refused("two words and more"), NotAnApiKey::Character(4));
        assert_eq!(refused(&format!("\u{feff}{UUID}")), NotAnApiKey::Character(1));
        assert_eq!(refused(&"x".repeat(36)), NotAnApiKey::MutilatedUuid);
        assert_eq!(refused(&UUID.to_uppercase()), NotAnApiKey::MutilatedUuid);
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", key(UUID)), "ApiKey(Uuid)");
    }
}
