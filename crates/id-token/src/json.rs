//! JSON that can be read in one way only: one object, no name twice.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Why a text is not such JSON; holds none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotJson {
    /// Not one JSON object.
    Syntax,
    /// RFC 7519 section 4: readers could differ about which of the two counts.
    DuplicateName,
}

/// Parses one JSON object with nothing but blanks around it, at most 127 levels deep.
pub(crate) fn object(text: &[u8]) -> Result<Map<String, Value>, NotJson> {
    match serde_json::from_slice::<Strict>(text) {
        Ok(Strict(Value::Object(fields))) => Ok(fields),
        // Any value may stand anywhere, so a complaint about data is the one that we make ourselves.
        Err(error) if error.is_data() => Err(NotJson::DuplicateName),
        Ok(_) | Err(_) => Err(NotJson::Syntax),
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some((name, Strict(value))) = entries.next_entry::<String, _>()? {
            if fields.insert(name, value).is_some() {
                return Err(de::Error::custom("a name occurs twice"));
            }
        }
        Ok(fields.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_occur_once_in_each_object() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"{"a":[{"b":{"c":1,"c":2}}]}"#] {
            assert_eq!(object(text.as_bytes()), Err(NotJson::DuplicateName), "{text}");
        }
        assert!(object(br#"{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}"#).is_ok());
    }

    #[test]
    fn anything_but_one_object_is_refused() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
        for text in ["", "[]", "\"x\"", "1", "null", "{", "{}{}", "{} x", "{\"a\"}", "{\"a\":1e999}", &deep] {
            assert_eq!(object(text.as_bytes()), Err(NotJson::Syntax), "{text:.20}");
        }
        assert_eq!(object(b"{\"a\": \"\xff\"}"), Err(NotJson::Syntax));
        assert!(object(b" {\"a\": 1.5, \"b\": null, \"c\": true, \"d\": -1} \n").is_ok());
    }
}
