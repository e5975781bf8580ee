//! A header field that has one meaning only where it stands once.

use http::header::AsHeaderName;
use http::{HeaderMap, HeaderValue};

/// How often a field stands in a head: of several, two readers could each take another one.
///
/// Whoever asks says what several are to them: an error, or nothing that is of use ([`Once::one`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Once<'a> {
    /// Not at all.
    #[default]
    No,
    /// Once, with this value; it may be empty.
    One(&'a HeaderValue),
    /// Several times.
    Several,
}

impl<'a> Once<'a> {
    /// Looks for the field `name`.
    pub fn of(fields: &'a HeaderMap, name: impl AsHeaderName) -> Self {
        let mut values = fields.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Self::No,
            (Some(value), None) => Self::One(value),
            (Some(_), Some(_)) => Self::Several,
        }
    }

    /// Returns the value where there is exactly one: several are none.
    pub fn one(self) -> Option<&'a HeaderValue> {
        match self {
            Self::One(value) => Some(value),
            Self::No | Self::Several => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_value_twice_is_not_once() {
        let mut fields = HeaderMap::new();
        assert_eq!(Once::of(&fields, "host"), Once::No);
        let value = HeaderValue::from_static("a");
        fields.append("host", value.clone());
        assert_eq!(Once::of(&fields, "Host"), Once::One(&value));
        assert_eq!(Once::of(&fields, "host").one(), Some(&value));
        fields.append("host", value.clone());
        assert_eq!(Once::of(&fields, "host"), Once::Several);
        assert_eq!(Once::of(&fields, "host").one(), None);
    }
}
