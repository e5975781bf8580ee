//! Where checkpoints are kept outside the store.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

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

/// Reads one place, or a list of them; none twice.
pub(super) fn one_or_more<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Anchor>, D::Error> {
    struct OneOrMore;

    impl<'de> Visitor<'de> for OneOrMore {
        type Value = Vec<Anchor>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an anchor, or a list of anchors")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<Anchor>, E> {
            Anchor::try_from(text).map(|anchor| vec![anchor]).map_err(E::custom)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Anchor>, A::Error> {
            let mut anchors = Vec::new();
            while let Some(anchor) = list.next_element::<Anchor>()? {
                if anchors.contains(&anchor) {
                    return Err(de::Error::custom(format!("checkpoints are kept in {anchor} twice")));
                }
                anchors.push(anchor);
            }
            Ok(anchors)
        }
    }

    from.deserialize_any(OneOrMore)
}

impl TryFrom<&str> for Anchor {
    type Error = &'static str;

    fn try_from(text: &str) -> Result<Self, &'static str> {
        match text.strip_prefix("file:").filter(|path| !path.is_empty() && !path.starts_with("//")) {
            Some(path) => Ok(Self::File(path.into())),
            None => Err("an anchor is file:PATH, as in file:/mnt/auditor/checkpoints"),
        }
    }
}

impl<'de> Deserialize<'de> for Anchor {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(from)?.as_str()).map_err(de::Error::custom)
    }
}
