//! Where checkpoints are kept outside the store.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Feed, Target, Witness};

/// A place outside the store that gets each checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anchor {
    /// A file, on another machine's disk best: each checkpoint is appended.
    File(PathBuf),
    /// Another installation, which cosigns each checkpoint.
    Witness(Box<Witness>),
    /// A receiver of syslog, which is sent each checkpoint and says nothing.
    Syslog(Box<Feed>),
}

impl Anchor {
    pub(super) fn anchor(&mut self, folder: &Path) {
        match self {
            Self::File(path) => *path = folder.join(&*path),
            Self::Witness(witness) => witness.anchor(folder),
            Self::Syslog(receiver) => receiver.anchor(folder),
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Syslog(receiver) => receiver.check(),
            Self::File(_) | Self::Witness(_) => Ok(()),
        }
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Witness(witness) => write!(f, "witness:{}", witness.url),
            Self::Syslog(receiver) => receiver.to.fmt(f),
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
            of_table(map).map(|anchor| vec![anchor])
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

const FORMS: &str =
    "file:PATH (as in file:/mnt/auditor/checkpoints), syslog+tls://HOST:PORT or syslog+udp://HOST:PORT";

/// Reads a table: with `to` a receiver of syslog, else a witness.
fn of_table<'de, A: MapAccess<'de>>(map: A) -> Result<Anchor, A::Error> {
    let table = serde_json::Map::<String, serde_json::Value>::deserialize(MapAccessDeserializer::new(map))?;
    let is_syslog = table.contains_key("to");
    let table = serde_json::Value::Object(table);
    if is_syslog {
        Feed::deserialize(table).map_err(de::Error::custom)?.try_into().map_err(de::Error::custom)
    } else {
        Witness::deserialize(table).map(Into::into).map_err(de::Error::custom)
    }
}

impl TryFrom<Feed> for Anchor {
    type Error = String;

    fn try_from(receiver: Feed) -> Result<Self, String> {
        match receiver.to {
            Target::SyslogTls { .. } | Target::SyslogUdp { .. } => Ok(Self::Syslog(Box::new(receiver))),
            Target::Fhir { .. } => Err(format!("{} takes no checkpoints: an anchor is {FORMS}", receiver.to)),
        }
    }
}

impl TryFrom<&str> for Anchor {
    type Error = String;

    fn try_from(text: &str) -> Result<Self, String> {
        if text.starts_with("syslog+") {
            let to = Target::try_from(text)?;
            return Feed { to, ca: None, certificate: None, key: None }.try_into();
        }
        match text.strip_prefix("file:").filter(|path| !path.is_empty() && !path.starts_with("//")) {
            Some(path) => Ok(Self::File(path.into())),
            None => Err(format!("an anchor is {FORMS}")),
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
                write!(f, "{FORMS}, or a table with witness, key and ca, or with to, ca, certificate and key")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Anchor, E> {
                Anchor::try_from(text).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Anchor, A::Error> {
                of_table(map)
            }
        }

        from.deserialize_any(TextOrTable)
    }
}
