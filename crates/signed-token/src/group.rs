//! Group names, as issuers write them.

use std::{fmt, str::FromStr};

/// A group that a token says its holder belongs to, such as `/epos/alparray`.
///
/// At most 255 bytes, begins with `/`, no control characters, no `;`, no blanks at its ends.
/// What a group may reach is for grants to say.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Group(String);

impl Group {
    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text cannot be a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a group: a path such as /epos/alparray, at most 255 bytes, without ; or control characters")]
pub struct NotAGroup;

impl FromStr for Group {
    type Err = NotAGroup;

    fn from_str(path: &str) -> Result<Self, NotAGroup> {
        let good = path.starts_with('/')
            && path.len() <= 255
            && path == path.trim()
            && !path.contains(|c: char| c == ';' || c.is_control());
        good.then(|| Self(path.to_owned())).ok_or(NotAGroup)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_a_path() {
        assert_eq!("/epos/alparray".parse::<Group>().unwrap().as_str(), "/epos/alparray");
    }

    #[test]
    fn other_texts_are_not_groups() {
        let long = format!("/{}", "x".repeat(255));
        for text in ["", "alparray", " /epos", "/epos ", "/a;/b", "/a\nb", "/a\u{7f}", &long] {
            assert_eq!(text.parse::<Group>(), Err(NotAGroup), "{text:?}");
        }
    }
}
