//! JSON that can be read in one way only: an object, no key twice, not too deep.

use std::{cell::Cell, collections::BTreeMap, fmt};

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use crate::Error;

/// The deepest nesting that is followed. Real tokens have a depth of one.
const DEEPEST: usize = 16;

/// A value, as far as a token's fields need to be told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Null,
    /// Checked for duplicate keys, and forgotten.
    Other,
}

/// Parses one JSON object with nothing but blanks around it.
pub(crate) fn object(text: &[u8]) -> Result<BTreeMap<String, Value>, Error> {
    let fault = Cell::new(None);
    let mut top = None;
    let mut json = serde_json::Deserializer::from_slice(text);
    let seed = Seed { depth: 0, fault: &fault, top: Some(&mut top) };
    let parsed = seed.deserialize(&mut json).and_then(|_| json.end());
    match (parsed, fault.into_inner(), top) {
        (_, Some(fault), _) => Err(fault),
        // serde_json's own words could quote the payload.
        (Err(_), None, _) => Err(Error::NotJson("it cannot be parsed")),
        (Ok(()), None, None) => Err(Error::NotJson("it is not an object")),
        (Ok(()), None, Some(fields)) => Ok(fields),
    }
}

struct Seed<'a> {
    depth: usize,
    /// Why we, rather than serde_json, stopped.
    fault: &'a Cell<Option<Error>>,
    /// Where the outermost object goes.
    top: Option<&'a mut Option<BTreeMap<String, Value>>>,
}

impl Seed<'_> {
    fn stop<E: de::Error>(&self, fault: Error) -> E {
        self.fault.set(Some(fault));
        E::custom("stopped")
    }

    fn inside(&self) -> Seed<'_> {
        Seed { depth: self.depth + 1, fault: self.fault, top: None }
    }

    fn check_depth<E: de::Error>(&self) -> Result<(), E> {
        if self.depth >= DEEPEST {
            return Err(self.stop(Error::NotJson("it is nested too deep")));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        while items.next_element_seed(self.inside())?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.check_depth()?;
        let mut fields = BTreeMap::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self.inside())?;
            if fields.insert(key, value).is_some() {
                return Err(self.stop(Error::DuplicateKey));
            }
        }
        if let Some(top) = self.top {
            *top = Some(fields);
        }
        Ok(Value::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> Error {
        object(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn fields_are_read_with_their_escapes() {
        let fields = object(br#" {"cn": "Andr\u00e9, {\"x\"}: ", "n": null, "o": [1, {"a": 2.5}]} "#);
        let fields = fields.unwrap();
        assert_eq!(fields["cn"], Value::Text("André, {\"x\"}: ".to_owned()));
        assert_eq!(fields["n"], Value::Null);
        assert_eq!(fields["o"], Value::Other);
    }

    #[test]
    fn a_key_may_occur_once_in_each_object() {
        assert_eq!(refused(r#"{"a": 1, "a": 1}"#), Error::DuplicateKey);
        assert_eq!(refused(r#"{"a": 1, "\u0061": 1}"#), Error::DuplicateKey);
        assert_eq!(refused(r#"{"a": [{"b": {"c": 1, "c": 2}}]}"#), Error::DuplicateKey);
        assert!(object(br#"{"a": {"a": {"a": 1}}, "b": [{"a": 1}, {"a": 1}]}"#).is_ok());
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |depth: usize| format!("{{\"a\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(object(nested(DEEPEST - 1).as_bytes()).is_ok());
        assert_eq!(refused(&nested(DEEPEST)), Error::NotJson("it is nested too deep"));
        assert!(matches!(refused(&nested(30_000)), Error::NotJson(_)));
    }

    #[test]
    fn anything_but_one_object_is_refused() {
        for text in ["", "[]", "\"x\"", "1", "null", "{", "{}{}", "{} x", "{\"a\"}", "{\"a\": 1,}", "[{}]"] {
            assert!(matches!(refused(text), Error::NotJson(_)), "{text}");
        }
        assert!(object(b"{\"a\": \"\xff\"}").is_err());
    }
}
