//! What a request asks for, where another program reads it besides us: both must come to the same path.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Longest path, decoded: what file systems take.
const LONGEST_PATH: usize = 4096;

/// Longest target as it is written, in bytes.
const LONGEST: usize = 16 * 1024;

/// Says why two programs could read a path differently: the caller's to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path cannot be read in one way only: {0}")]
pub struct Ambiguous(pub &'static str);

/// Decodes a path once; it must then be plain (RFC 3986 section 6.2.2).
///
/// # Errors
///
/// [`Ambiguous`].
pub fn decoded(path: &str) -> Result<String, Ambiguous> {
    let plain = percent_decode_str(path).decode_utf8().map_err(|_| Ambiguous("it is not UTF-8"))?;
    // Servers of Java drop what follows a semicolon, and then look for dots.
    let bare = |part: &str| part.split(';').next().is_some_and(|name| matches!(name, "." | ".."));
    let problem = if plain.len() > LONGEST_PATH {
        Some("it is too long")
    } else if plain.chars().any(char::is_control) {
        Some("it has a control character")
    } else if plain.contains('\\') {
        Some("it has a backslash")
    } else if path.to_ascii_lowercase().contains("%2f") {
        Some("it has a slash in disguise")
    } else if plain.split('/').any(bare) || plain.contains("//") {
        Some("it has '.', '..' or an empty segment")
    } else {
        None
    };
    problem.map_or_else(|| Ok(plain.into_owned()), |problem| Err(Ambiguous(problem)))
}

/// Decodes what needs no escape (RFC 3986 section 6.2.2.2): `/%66iles` and `/files` are one path, and no
/// spelling of it leads to another service.
pub fn without_needless_escapes(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return path.into();
    }
    let mut parts = path.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let unreserved = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
        if let Some(byte) = escaped(part).filter(unreserved) {
            plain.push(char::from(byte));
            plain.push_str(&part[2..]);
        } else {
            plain.push('%');
            plain.push_str(part);
        }
    }
    plain.into()
}

/// The byte that two hexadecimal digits at the beginning of `part` stand for.
fn escaped(part: &str) -> Option<u8> {
    let digits = part.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

/// The target of a request that somebody else answers (RFC 9112 section 3.2.1, origin form), in one reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(String);

impl Target {
    /// Reads it; what another program could take for another path is refused.
    ///
    /// # Errors
    ///
    /// [`Ambiguous`].
    pub fn parse(text: &[u8]) -> Result<Self, Ambiguous> {
        if text.len() > LONGEST {
            return Err(Ambiguous("it is too long"));
        }
        let whole = match std::str::from_utf8(text) {
            Ok(whole) if text.iter().all(u8::is_ascii_graphic) => whole,
            _ => return Err(Ambiguous("it has a letter that a URL has in an escape only")),
        };
        if !whole.starts_with('/') {
            return Err(Ambiguous("it does not begin with a slash"));
        }
        if whole.contains('#') {
            return Err(Ambiguous("it has a fragment"));
        }
        let path = whole.split('?').next().unwrap_or_default();
        if path.split('%').skip(1).any(|part| escaped(part).is_none()) {
            return Err(Ambiguous("it has a percent sign that begins no escape"));
        }
        if decoded(path)?.split('%').skip(1).any(|part| escaped(part).is_some()) {
            return Err(Ambiguous("it is escaped twice"));
        }
        Ok(Self(whole.to_owned()))
    }

    /// As it was written, byte for byte.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path, not decoded.
    pub fn path(&self) -> &str {
        self.0.split('?').next().unwrap_or_default()
    }

    /// What follows the question mark, not decoded.
    pub fn query(&self) -> Option<&str> {
        self.0.split_once('?').map(|(_, query)| query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_has_one_reading_or_none() {
        let target = Target::parse(b"/a%20b/c;v=1/?x=//../%2f%zz").unwrap();
        assert_eq!((target.path(), target.query()), ("/a%20b/c;v=1/", Some("x=//../%2f%zz")));
        assert_eq!(Target::parse(b"/").unwrap().query(), None);
        let long = format!("/{}", "a".repeat(5000));
        for bad in [
            "",
            "a",
            "*",
            "?",
            "http://a/b",
            "//a/b",
            "/a//b",
            "/..",
            "/a/../b",
            "/./a",
            "/%2e%2e/a",
            "/.%2E/a",
            "/a/..;/b",
            "/a/..%3bx/b",
            "/a%2fb",
            "/a%2Fb",
            "/a\\b",
            "/a%5cb",
            "/a%00",
            "/a%0d%0ab",
            "/a%7f",
            "/a b",
            "/a\tb",
            "/a\r\nb",
            "/ä",
            "/%ff",
            "/%c3",
            "/%",
            "/%1",
            "/%zz",
            "/%252e%252e/a",
            "/%25%32%65",
            "/a#b",
            "/a?b#c",
            "/a?b c",
            "/a?\u{0}",
            &long,
        ] {
            assert!(Target::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(Target::parse(b"/\xff").is_err());
        assert!(Target::parse(format!("/?{}", "a".repeat(LONGEST)).as_bytes()).is_err());
    }

    #[test]
    fn a_path_is_the_same_however_needlessly_it_is_escaped() {
        for (written, plain) in [
            ("/files/a", "/files/a"),
            ("/%66iles/%7Ea%2D%5f", "/files/~a-_"),
            ("/a%2fb%20c%25%zz%4", "/a%2fb%20c%25%zz%4"),
            ("/a%e4%b8%80", "/a%e4%b8%80"),
        ] {
            assert_eq!(without_needless_escapes(written), plain);
        }
    }
}
