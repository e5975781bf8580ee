//! The name of an entry of an archive: a way down from the folder that it is unpacked into, and nowhere else.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// A path that only leads down: no `..`, no `.`, not from the root, nothing empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPath {
    parts: Vec<OsString>,
}

/// No path of Linux is longer (limits.h), so no folder that was backed up had a longer one.
const LONGEST: usize = 4096;

impl EntryPath {
    /// Takes the name of an entry; `None` if it leads anywhere but down.
    pub fn of(name: &[u8]) -> Option<Self> {
        // A folder's name ends with a slash.
        let name = name.strip_suffix(b"/").unwrap_or(name);
        if name.len() > LONGEST || name.contains(&0) {
            return None;
        }
        let parts: Vec<OsString> =
            name.split(|byte| *byte == b'/').map(|part| OsString::from_vec(part.to_vec())).collect();
        let leads_down = |part: &OsString| !matches!(part.as_bytes(), b"" | b"." | b"..");
        parts.iter().all(leads_down).then_some(Self { parts })
    }

    /// The folders that it lies in, from above.
    pub fn folders(&self) -> impl Iterator<Item = &OsStr> {
        self.parts[..self.parts.len() - 1].iter().map(OsString::as_os_str)
    }

    /// The folder that it lies in.
    pub fn folder(&self) -> PathBuf {
        self.folders().collect()
    }

    /// What it is called there.
    pub fn name(&self) -> &OsStr {
        self.parts.last().expect("a path has at least one part")
    }

    /// The whole of it.
    pub fn path(&self) -> PathBuf {
        self.parts.iter().collect()
    }

    /// Whether it is `entry`, or lies beneath it.
    pub fn is_within(&self, entry: &str) -> bool {
        self.path().starts_with(Path::new(entry))
    }

    /// The number of a piece, where this is one of `entry`: `ENTRY.NNNNNN`.
    pub fn piece_of(&self, entry: &str) -> Option<u64> {
        let path = self.path();
        let number = path.as_os_str().as_bytes().strip_prefix(entry.as_bytes())?.strip_prefix(b".")?;
        let is_number = number.len() >= 6 && number.iter().all(u8::is_ascii_digit);
        std::str::from_utf8(number).ok().filter(|_| is_number)?.parse().ok()
    }
}

impl std::fmt::Display for EntryPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.path().display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_down_or_is_none() {
        for bad in ["", "/", "/etc/passwd", "..", "a/../b", "a/..", "./a", "a//b", "a\0b", "a//"] {
            assert_eq!(EntryPath::of(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(EntryPath::of("a/".repeat(10_000).as_bytes()), None);
        let good = EntryPath::of(b"files/srv/a ..b").unwrap();
        assert_eq!((good.folder(), good.name()), (PathBuf::from("files/srv"), OsStr::new("a ..b")));
        assert_eq!(EntryPath::of(b"files/srv/").unwrap().path(), PathBuf::from("files/srv"));
    }

    #[test]
    fn what_lies_within_another_is_told_by_whole_names() {
        let path = EntryPath::of(b"files/srv/x").unwrap();
        assert!(path.is_within("files/srv") && path.is_within("files/srv/x") && path.is_within("files"));
        assert!(!path.is_within("files/sr") && !path.is_within("files/srv/x/y"));
    }

    #[test]
    fn a_piece_has_its_number_behind_the_name() {
        let piece = |name: &str| EntryPath::of(name.as_bytes()).unwrap().piece_of("database/a.pgc");
        assert_eq!(piece("database/a.pgc.000000"), Some(0));
        assert_eq!(piece("database/a.pgc.1000000"), Some(1_000_000));
        for other in ["database/a.pgc", "database/a.pgc.1", "database/a.pgc.00000x", "database/b.pgc.000000"]
        {
            assert_eq!(piece(other), None, "{other}");
        }
    }
}
