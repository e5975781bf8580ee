//! Texts, addresses and bytes that every form can hold.

/// A text that FHIR and XML 1.0 can both hold: not empty, no control characters but tab and line ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(String);

/// An address (RFC 3986) or another name without spaces in it: FHIR's `uri`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uri(String);

/// Bytes, one at least.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Octets(Vec<u8>);

/// What a resource is found by in FHIR: 1 to 64 letters, digits, `-` and `.`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(String);

/// Tells whether XML 1.0 (section 2.2) and FHIR's `string` hold this character.
pub(crate) fn is_held(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

impl Text {
    /// Takes what may be empty: then there is none. Characters that cannot be held become U+FFFD.
    pub fn some(text: &str) -> Option<Self> {
        (!text.is_empty())
            .then(|| Self(text.chars().map(|char| if is_held(char) { char } else { '\u{FFFD}' }).collect()))
    }

    /// Takes it only as it is.
    pub fn exactly(text: &str) -> Option<Self> {
        (!text.is_empty() && text.chars().all(is_held)).then(|| Self(text.to_owned()))
    }

    /// As it stands.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Text {
    /// As [`Text::some`], for a place that may not be empty: nothing is said as `-`.
    fn from(text: &str) -> Self {
        Self::some(text).unwrap_or_else(|| Self("-".to_owned()))
    }
}

impl Uri {
    /// Takes what may be empty: then there is none. Spaces and what cannot be held become `_`.
    pub fn some(uri: &str) -> Option<Self> {
        let fits = |char: char| if is_held(char) && !char.is_whitespace() { char } else { '_' };
        (!uri.is_empty()).then(|| Self(uri.chars().map(fits).collect()))
    }

    /// Takes it only as it is.
    pub fn exactly(uri: &str) -> Option<Self> {
        (!uri.is_empty() && uri.chars().all(|char| is_held(char) && !char.is_whitespace()))
            .then(|| Self(uri.to_owned()))
    }

    /// As it stands.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Uri {
    /// As [`Uri::some`], for a place that may not be empty: nothing is said as `urn:nil`.
    fn from(uri: &str) -> Self {
        Self::some(uri).unwrap_or_else(|| Self("urn:nil".to_owned()))
    }
}

impl Octets {
    /// Takes what may be empty: then there is none.
    pub fn some(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        let bytes = bytes.into();
        (!bytes.is_empty()).then_some(Self(bytes))
    }

    /// As they are.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Id {
    /// Takes it only as it is.
    pub fn exactly(id: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        ((1..=64).contains(&id.len()) && id.bytes().all(fits)).then(|| Self(id.to_owned()))
    }

    /// As it stands.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
