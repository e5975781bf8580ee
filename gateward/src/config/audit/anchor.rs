//! Where checkpoints are kept outside the store.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Witness;

/// A place outside the store that gets each checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anchor {
    /// A file, on another machine's disk best: each checkpoint is appended.
    File(PathBuf),
    /// Another installation, which cosigns each checkpoint.
    Witness(Box<Witness>),
}

impl Anchor {
    pub(super) fn anchor(&mut self, folder: &Path) {
        match self {
            Self::File(path) => *path = folder.join(&*path),
            Self::Witness(witness) => witness.anchor(folder),
        }
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Witness(witness) => write!(f, "witness:{}", witness.url),
        }
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

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<Anchor>, A::Error> {
            Witness::deserialize(MapAccessDeserializer::new(map)).map(|witness| vec![witness.into()])
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

impl From<Witness> for Anchor {
    fn from(witness: Witness) -> Self {
        Self::Witness(Box::new(witness))
    }
}

impl<'de> Deserialize<'de> for Anchor {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct TextOrTable;

        impl<'de> Visitor<'de> for TextOrTable {
            type Value = Anchor;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("file:PATH, or a table with witness, key and ca")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Anchor, E> {
                Anchor::try_from(text).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Anchor, A::Error> {
                Witness::deserialize(MapAccessDeserializer::new(map)).map(Into::into)
            }
        }

        from.deserialize_any(TextOrTable)
    }
}
