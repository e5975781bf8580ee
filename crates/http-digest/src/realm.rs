//! The realm: the words that a client hashes together with login and password.

use std::fmt;
use std::str::FromStr;

/// Names the accounts that a challenge asks for, and is part of every [`Ha1`](crate::Ha1).
///
/// Printable ASCII without `"` and `\`: it stands in a quoted-string (RFC 7230 section 3.2.6)
/// without escapes, which some clients forget to undo, and every client hashes the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm(String);

/// Why a text cannot be a realm. Whoever wrote the configuration acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARealm {
    /// Clients would ask a person for a password without saying for what.
    #[error("a realm must not be empty")]
    Empty,
    /// Longer than any dialog shows.
    #[error("a realm must not be longer than {MAX_LEN} bytes")]
    TooLong,
    /// Clients disagree about how to hash it.
    #[error("a realm is printable ASCII without quotation marks and backslashes")]
    Character,
}

impl Realm {
    /// The text as it stands between the quotation marks.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Realm {
    type Err = NotARealm;

    fn from_str(text: &str) -> Result<Self, NotARealm> {
        let fits = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        if text.is_empty() {
            Err(NotARealm::Empty)
        } else if text.len() > MAX_LEN {
            Err(NotARealm::TooLong)
        } else if !text.bytes().all(fits) {
            Err(NotARealm::Character)
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl fmt::Display for Realm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

const MAX_LEN: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_a_realm() {
        let sentence = "FDSNWS-dataselect, restricted data; see http://localhost/";
        assert_eq!(sentence.parse::<Realm>().unwrap().as_str(), sentence);
    }

    #[test]
    fn a_realm_that_would_need_escapes_is_refused() {
        for text in ["a\"b", "a\\b", "a\r\nSet-Cookie: b", "a\tb", "caf\u{e9}", "\u{7f}"] {
            assert_eq!(text.parse::<Realm>(), Err(NotARealm::Character), "{text:?}");
        }
    }

    #[test]
    fn an_empty_and_an_endless_realm_are_refused() {
        assert_eq!("".parse::<Realm>(), Err(NotARealm::Empty));
        assert_eq!("a".repeat(256).parse::<Realm>(), Err(NotARealm::TooLong));
        assert!("a".repeat(255).parse::<Realm>().is_ok());
    }
}
