//! Where a service stands, and whether it is open: paths, and how maintenance is written.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use crate::base::maintenance::Maintenance;
use crate::base::name::UrlPath;

/// The paths of a service, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths(Vec<UrlPath>);

impl Paths {
    /// The one that names the service.
    pub fn first(&self) -> &UrlPath {
        &self.0[0]
    }

    /// All of them.
    pub fn iter(&self) -> std::slice::Iter<'_, UrlPath> {
        self.0.iter()
    }

    /// Whether it is more than one.
    pub fn are_several(&self) -> bool {
        self.0.len() > 1
    }
}

impl<'de> Deserialize<'de> for Paths {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OneOrMore;

        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Paths;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a path, or a list of paths")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Paths, E> {
                UrlPath::try_from(text.to_owned()).map(|path| Paths(vec![path])).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Paths, A::Error> {
                let mut paths = Vec::new();
                while let Some(path) = list.next_element::<UrlPath>()? {
                    paths.push(path);
                }
                if paths.is_empty() {
                    return Err(de::Error::custom("a service stands at one path at least"));
                }
                Ok(Paths(paths))
            }
        }

        from.deserialize_any(OneOrMore)
    }
}

/// Reads `true`, `false`, or the time until which it lasts.
pub(super) fn maintenance<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Maintenance>, D::Error> {
    struct FlagOrTime;

    impl Visitor<'_> for FlagOrTime {
        type Value = Option<Maintenance>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("true, false, or the time until which it lasts, as in \"2026-12-01T00:00:00Z\"")
        }

        fn visit_bool<E: de::Error>(self, on: bool) -> Result<Self::Value, E> {
            Ok(on.then_some(Maintenance::On))
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            let until = |_| E::custom(format!("{text:?} is no time, as 2026-12-01T00:00:00Z is"));
            text.parse::<Timestamp>().map(|end| Some(Maintenance::Until(end))).map_err(until)
        }
    }

    from.deserialize_any(FlagOrTime)
}
