//! Codes with wildcards, and lists of them, as requests and restrictions name channels.

use crate::glob;
use std::fmt;

/// A code, or a pattern for codes: upper case, `*` and `?` are wildcards.
///
/// A blank location is the empty pattern, written `--`. Servers read a blank location as nothing,
/// as two blanks or as `--` when they compare it with a pattern; here it matches if any of them does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(Box<str>);

/// Why a text is not a code or pattern. Whoever wrote it acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a code is made of A-Z, 0-9, '-' and the wildcards '*' and '?'; a blank location is '--'")]
pub struct NotAPattern;

impl Pattern {
    /// Matches everything.
    pub fn any() -> Self {
        Self("*".into())
    }

    /// Reads the code of a network, station or channel. Lower case is raised.
    ///
    /// # Errors
    ///
    /// [`NotAPattern`] for an empty text, one of dashes only, one longer than 32 characters, and
    /// whatever servers could read differently: classes, exclusions, blanks.
    pub fn code(text: &str) -> Result<Self, NotAPattern> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'*' | b'?');
        if text.len() > glob::MAX_LEN || !text.bytes().all(known) || text.bytes().all(|byte| byte == b'-') {
            return Err(NotAPattern);
        }
        let mut plain = String::with_capacity(text.len());
        for letter in text.chars() {
            // A star after a star says nothing.
            if !(letter == '*' && plain.ends_with('*')) {
                plain.push(letter.to_ascii_uppercase());
            }
        }
        Ok(Self(plain.into()))
    }

    /// Reads a location; `--` or blanks are the blank one.
    ///
    /// # Errors
    ///
    /// As for [`Pattern::code`].
    pub fn location(text: &str) -> Result<Self, NotAPattern> {
        let blank =
            text == "--" || (!text.is_empty() && text.len() <= 8 && text.bytes().all(|byte| byte == b' '));
        if blank { Ok(Self("".into())) } else { Self::code(text) }
    }

    /// The pattern that means exactly this code, if a request can name it; empty is a blank location.
    pub(crate) fn naming(code: &str) -> Option<Self> {
        let pattern = if code.is_empty() { Ok(Self("".into())) } else { Self::code(code) };
        pattern.ok().filter(Self::is_literal)
    }

    /// Whether it names one code, without wildcards.
    pub fn is_literal(&self) -> bool {
        !self.0.contains(['*', '?'])
    }

    /// The pattern in upper case, empty for a blank location.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `code`, in upper case and empty for a blank location, is one that it means.
    pub fn matches(&self, code: &str) -> bool {
        glob::matches(&self.0, code) || (code.is_empty() && self.means_blank())
    }

    /// Whether some code is meant by both.
    pub fn intersects(&self, other: &Self) -> bool {
        glob::intersect(&self.0, &other.0) || (self.means_blank() && other.means_blank())
    }

    /// Whether it means every code that `other` means; a no may be wrong.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        glob::matches(&self.0, &other.0) || (other.0.is_empty() && self.means_blank())
    }

    fn means_blank(&self) -> bool {
        // No pattern holds a blank, so what matches two blanks matches two dashes; so does a star.
        self.0.is_empty() || glob::matches(&self.0, "--")
    }
}

impl fmt::Display for Pattern {
    /// As a request writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "--" } else { &self.0 })
    }
}

/// A list of patterns, any of which may match; an empty one says nothing, so that anything does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Patterns(Vec<Pattern>);

impl Patterns {
    /// Nothing said: everything is meant.
    pub fn unsaid() -> Self {
        Self::default()
    }

    /// Exactly this pattern.
    pub fn one(pattern: Pattern) -> Self {
        Self(vec![pattern])
    }

    /// Reads a comma list of patterns by `read`. Whatever is repeated counts once.
    ///
    /// # Errors
    ///
    /// [`NotAPattern`] as soon as one of them, which may be an empty one, is none.
    pub fn parse(
        text: &str,
        read: impl Fn(&str) -> Result<Pattern, NotAPattern>,
    ) -> Result<Self, NotAPattern> {
        let mut patterns = text.split(',').map(read).collect::<Result<Vec<_>, _>>()?;
        let mut seen = std::collections::HashSet::new();
        let first: Vec<bool> = patterns.iter().map(|pattern| seen.insert(pattern)).collect();
        let mut first = first.into_iter();
        patterns.retain(|_| first.next().unwrap_or(true));
        Ok(Self(patterns))
    }

    /// Whether anything was said.
    pub fn is_said(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether it names codes only, and at least one.
    pub fn are_literal(&self) -> bool {
        self.is_said() && self.0.iter().all(Pattern::is_literal)
    }

    /// The one code that it names, if it names exactly one.
    pub fn single(&self) -> Option<&str> {
        match self.0.as_slice() {
            [pattern] if pattern.is_literal() => Some(pattern.as_str()),
            _ => None,
        }
    }

    /// What was said; nothing means everything.
    pub fn iter(&self) -> impl Iterator<Item = &Pattern> {
        self.0.iter()
    }

    /// Whether `code`, in upper case and empty for a blank location, is one that it means.
    pub fn matches(&self, code: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| pattern.matches(code))
    }

    /// Whether it means some code that `pattern` means.
    pub(crate) fn intersects(&self, pattern: &Pattern) -> bool {
        self.0.is_empty() || self.0.iter().any(|ours| ours.intersects(pattern))
    }

    /// Whether `pattern` means every code that this means; a no may be wrong.
    pub(crate) fn are_covered_by(&self, pattern: &Pattern) -> bool {
        if self.0.is_empty() {
            pattern.as_str() == "*"
        } else {
            self.0.iter().all(|ours| pattern.covers(ours))
        }
    }

    /// The patterns that a bulk request needs to say the same: none that another one of them covers.
    ///
    /// Of a list with many wildcards, only the first [`MAX_COVERING`] are looked at as covering others.
    pub(crate) fn spelled_out(&self) -> Vec<&Pattern> {
        let covers = |one: &Pattern, other: &Pattern| {
            // A server may not mean a blank location by "??", so only a star takes its place.
            one != other && one.covers(other) && (!other.as_str().is_empty() || one.as_str() == "*")
        };
        let wild: Vec<&Pattern> =
            self.0.iter().filter(|pattern| !pattern.is_literal()).take(MAX_COVERING).collect();
        self.0.iter().filter(|other| !wild.iter().any(|one| covers(one, other))).collect()
    }

    /// How many patterns a bulk request would need at most.
    pub(crate) fn count(&self) -> usize {
        self.0.len().max(1)
    }
}

/// Keeps the work for one list linear.
const MAX_COVERING: usize = 100;

impl fmt::Display for Patterns {
    /// A comma list, as a request writes it; `*` where nothing was said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("*");
        }
        for (at, pattern) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            pattern.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locations(text: &str) -> Patterns {
        Patterns::parse(text, Pattern::location).unwrap()
    }

    #[test]
    fn a_blank_location_is_two_dashes_or_blanks() {
        for text in ["--", " ", "  "] {
            assert_eq!(Pattern::location(text).unwrap().as_str(), "");
            assert_eq!(Pattern::location(text).unwrap().to_string(), "--");
        }
        assert_eq!(locations("--,00").to_string(), "--,00");
        assert!(Pattern::code("--").is_err() && Pattern::code(" ").is_err());
    }

    #[test]
    fn a_blank_location_matches_if_any_server_would_say_so() {
        for pattern in ["*", "--", "??", "-?", "?-", "?*", "-*"] {
            assert!(Pattern::location(pattern).unwrap().matches(""), "{pattern}");
            assert!(
                Pattern::location("--").unwrap().intersects(&Pattern::location(pattern).unwrap()),
                "{pattern}"
            );
        }
        for pattern in ["00", "0?", "?", "0*"] {
            assert!(!Pattern::location(pattern).unwrap().matches(""), "{pattern}");
            assert!(
                !Pattern::location("--").unwrap().intersects(&Pattern::location(pattern).unwrap()),
                "{pattern}"
            );
        }
        // Both mean the blank location, one as nothing and the other as two dashes.
        assert!(Pattern::location("-*").unwrap().intersects(&Pattern::location("--").unwrap()));
    }

    #[test]
    fn what_servers_could_read_differently_is_no_code() {
        for text in [
            "", "-", "---", "A B", " A", "[AB]", "!A", "A+B", "_ALP", "A%", "A.B", "A\0", "A\n", "\u{c4}",
            "A,B", "~A",
        ] {
            assert_eq!(Pattern::code(text), Err(NotAPattern), "{text:?}");
            assert_eq!(Pattern::location(text), Err(NotAPattern), "{text:?}");
        }
        assert!(Pattern::code(&"A".repeat(33)).is_err());
    }

    #[test]
    fn an_empty_element_of_a_list_is_an_error() {
        for text in ["", ",", "A,", ",A", "A,,B"] {
            assert_eq!(Patterns::parse(text, Pattern::code), Err(NotAPattern), "{text:?}");
        }
    }

    #[test]
    fn what_a_list_repeats_counts_once() {
        assert_eq!(Patterns::parse("b,A,a,B*,b**", Pattern::code).unwrap().to_string(), "B,A,B*");
    }

    #[test]
    fn a_bulk_request_names_nothing_twice_that_one_pattern_covers() {
        let spelled = |text| {
            locations(text).spelled_out().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(spelled("00,0?,10"), "0? 10");
        assert_eq!(spelled("00,*,--"), "*");
        assert_eq!(spelled("--,??"), "-- ??", "a server may read ?? without the blank one");
        assert_eq!(spelled("A*,*A"), "A* *A");
    }
}
