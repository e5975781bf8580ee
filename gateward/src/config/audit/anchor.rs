//! Where checkpoints are kept outside the store.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A place outside the store that gets each checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anchor {
    /// A file, on another machine's disk best: each checkpoint is appended.
    File(PathBuf),
}

impl Anchor {
    pub(super) fn anchor(&mut self, folder: &Path) {
        let Self::File(path) = self;
        *path = folder.join(&*path);
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::File(path) = self;
        write!(f, "file:{}", path.display())
    }
}

impl<'de> Deserialize<'de> for Anchor {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        match text.strip_prefix("file:").filter(|path| !path.is_empty() && !path.starts_with("//")) {
            Some(path) => Ok(Self::File(path.into())),
            None => {
                Err(serde::de::Error::custom("an anchor is file:PATH, as in file:/mnt/auditor/checkpoints"))
            }
        }
    }
}
