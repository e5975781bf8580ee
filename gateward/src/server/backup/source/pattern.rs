//! What is left out of a folder: patterns with `*` and `?`.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Patterns: one without `/` is of a name, wherever it is; one with `/` is of a path beneath the folder.
///
/// `*` stands for any bytes and `?` for one, but neither for a `/`. What lies in a folder that is left out is left
/// out, too.
#[derive(Debug, Clone, Default)]
pub(super) struct Patterns(Vec<Pattern>);

#[derive(Debug, Clone)]
struct Pattern {
    text: Vec<u8>,
    is_path: bool,
}

impl Patterns {
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let pattern = |text: &str| {
            let text = text.trim_end_matches('/');
            let is_path = text.contains('/');
            Pattern { text: text.trim_start_matches("./").trim_start_matches('/').into(), is_path }
        };
        Self(texts.into_iter().map(pattern).filter(|pattern| !pattern.text.is_empty()).collect())
    }

    /// Whether what lies at `path`, beneath the folder, is left out.
    pub fn match_path(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().as_bytes();
        let path = path.as_os_str().as_bytes();
        self.0.iter().any(|pattern| matches(&pattern.text, if pattern.is_path { path } else { name }))
    }
}

/// Compares from the left; at a difference the last `*` takes one byte more.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut in_text) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while in_text < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, in_text));
                at += 1;
            }
            Some(&byte) if byte == text[in_text] || byte == b'?' && text[in_text] != b'/' => {
                at += 1;
                in_text += 1;
            }
            _ => match star {
                Some((after, taken)) if text[taken] != b'/' => {
                    star = Some((after, taken + 1));
                    (at, in_text) = (after, taken + 1);
                }
                _ => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_of_a_name_or_of_a_path() {
        for (pattern, path, out) in [
            ("*~", "resources/ab1/c~", true),
            ("*~", "c~", true),
            ("*~", "c~/d", false),
            ("tmp", "a/tmp", true),
            ("tmp/", "a/tmp", true),
            ("tmp", "a/tmpx", false),
            ("/tmp", "a/tmp", false),
            ("/tmp", "tmp", true),
            ("./tmp", "tmp", true),
            ("a/*/c", "a/b/c", true),
            ("a/*/c", "a/b/b/c", false),
            ("a/*", "a/b", true),
            ("a*", "a/b", false),
            ("a?b/c", "a/b/c", false),
            ("?.log", "x.log", true),
            ("?.log", "xx.log", false),
            ("*.log*", "a.log.log.1", true),
            ("*a*b*c", "xaxbxbxc", true),
            ("*a*b*c", "xaxbxbx", false),
            ("", "a", false),
            ("/", "a", false),
        ] {
            assert_eq!(Patterns::new([pattern]).match_path(Path::new(path)), out, "{pattern} {path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_pattern_matches_what_a_slow_and_simple_matcher_matches(pattern in "[ab*?/]{0,8}", text in "[ab/]{0,10}") {
            fn simply(pattern: &[u8], text: &[u8]) -> bool {
                match (pattern.split_first(), text.split_first()) {
                    (None, None) => true,
                    (Some((b'*', rest)), None) => simply(rest, text),
                    (Some((b'*', rest)), Some((byte, after))) => {
                        simply(rest, text) || *byte != b'/' && simply(pattern, after)
                    }
                    (Some((b'?', rest)), Some((byte, after))) => *byte != b'/' && simply(rest, after),
                    (Some((one, rest)), Some((other, after))) => one == other && simply(rest, after),
                    _ => false,
                }
            }
            proptest::prop_assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), simply(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
