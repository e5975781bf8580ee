//! Kind `plain`: a path names a thing, and reading it is all there is.

use http::Method;
use percent_encoding::percent_decode_str;

use super::{Meaning, NotUnderstood};

/// Longest path below the service, decoded: what file systems take.
const LONGEST: usize = 4096;

/// Reads GET and HEAD; the path is decoded once and must then be plain (RFC 3986 section 6.2.2).
pub(super) fn meaning(method: &Method, path: &str) -> Result<Meaning, NotUnderstood> {
    if method != Method::GET && method != Method::HEAD {
        return Err(NotUnderstood::Method { method: method.to_string(), allowed: "GET, HEAD" });
    }
    let what = percent_decode_str(path).decode_utf8().map_err(|_| NotUnderstood::Path("it is not UTF-8"))?;
    let problem = if what.len() > LONGEST {
        Some("it is too long")
    } else if what.chars().any(char::is_control) {
        Some("it has a control character")
    } else if what.contains('\\') {
        Some("it has a backslash")
    } else if path.to_ascii_lowercase().contains("%2f") {
        Some("it has a slash in disguise")
    } else if what.split('/').any(|part| part == "." || part == "..") || what.contains("//") {
        Some("it has '.', '..' or an empty segment")
    } else {
        None
    };
    match problem {
        Some(problem) => Err(NotUnderstood::Path(problem)),
        None => Ok(Meaning { what: what.into_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_reading_or_none() {
        assert_eq!(meaning(&Method::GET, "/a%20b/c").unwrap().what, "/a b/c");
        for bad in [
            "/..",
            "/a/../b",
            "/%2e%2e/x",
            "/a%2fb",
            "/a//b",
            "/a\\..",
            "/a%5c",
            "/a%00",
            "/%ff",
            "/.",
            "/%2E/",
        ] {
            assert!(matches!(meaning(&Method::GET, bad), Err(NotUnderstood::Path(_))), "{bad}");
        }
    }

    #[test]
    fn only_reading_is_served() {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE] {
            assert!(matches!(meaning(&method, "/a"), Err(NotUnderstood::Method { .. })), "{method}");
        }
    }
}
