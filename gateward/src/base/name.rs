//! Names that the operator chooses, and the paths that services stand at.

use super::text::texts;

/// Says why a name or path from the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// The operator named something with letters that URLs, tables and pages do not share.
    #[error("{0:?} is no name: 1 to 64 of a-z, A-Z, 0-9, '-', '_', '.', '/'")]
    Name(String),
    /// A path that two parsers could read differently.
    #[error(
        "{0:?} is no path: it starts with '/', has no '//', '.', '..', '%', '?', '#', and is '/' or has none at its end"
    )]
    Path(String),
}

/// The name of a service, as grants and events use it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName(String);

impl TryFrom<String> for ServiceName {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        if (1..=64).contains(&text.len()) && text.bytes().all(good) {
            Ok(Self(text))
        } else {
            Err(Invalid::Name(text))
        }
    }
}

texts!(Invalid: ServiceName);

/// Where a service or the exchange stands in the URL space: `/files`, `/fdsnws/dataselect/1`, or `/`, the whole
/// of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UrlPath(String);

impl UrlPath {
    /// Shows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the whole URL space.
    pub fn is_root(&self) -> bool {
        self.0 == "/"
    }

    /// What stands before whatever follows it: empty for the whole URL space.
    pub fn prefix(&self) -> &str {
        if self.is_root() { "" } else { &self.0 }
    }

    /// Returns the name of a service that stands here and was given none: the path without its
    /// leading slash, at most 64 letters of it; `/` is called so.
    pub fn service_name(&self) -> ServiceName {
        if self.is_root() {
            return ServiceName(self.0.clone());
        }
        ServiceName(self.0.trim_start_matches('/').replace('~', "-").chars().take(64).collect())
    }

    /// Returns what follows this path in `path` (empty, or starting with `/`), or `None` when
    /// `path` does not lie at or below it.
    pub fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.strip_prefix(self.prefix())?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }
}

impl TryFrom<String> for UrlPath {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(Invalid::Path(text));
        };
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte);
        let segments = || rest.is_empty() || rest.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if text.len() <= 256 && rest.bytes().all(good) && segments() {
            Ok(Self(text))
        } else {
            Err(Invalid::Path(text))
        }
    }
}

impl From<UrlPath> for String {
    fn from(path: UrlPath) -> Self {
        path.0
    }
}

impl std::fmt::Display for UrlPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_does_not_own_what_only_starts_like_it() {
        let path = UrlPath::try_from("/files".to_owned()).unwrap();
        assert_eq!(path.strip("/files/a"), Some("/a"));
        assert_eq!(path.strip("/files"), Some(""));
        assert_eq!(path.strip("/files2/a"), None);
    }

    #[test]
    fn the_root_is_everything_and_what_follows_it_is_the_whole_path() {
        let root = UrlPath::try_from("/".to_owned()).unwrap();
        for path in ["/", "/a/b"] {
            assert_eq!(root.strip(path), Some(path));
        }
        assert_eq!(root.strip("*"), None);
        assert_eq!(root.service_name().as_str(), "/");
    }

    #[test]
    fn a_path_that_two_parsers_could_read_differently_is_refused() {
        for bad in ["", "files", "//", "/a/", "/a//b", "/a/../b", "/a%2f", "/a?b", "/./a"] {
            assert!(UrlPath::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
