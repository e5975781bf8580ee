//! What an issuer says: the claims of RFC 7519 section 4.1 and OpenID Connect Core section 5.1.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::Refusal;

/// The most groups that a token may list.
const MAX_GROUPS: usize = 512;

/// The longest `sub` and `jti`, in bytes (OpenID Connect Core section 2 has 255 for `sub`).
const MAX_NAME: usize = 255;

/// Where a claim stands: its name, or the names that lead to it, with dots between:
/// `realm_access.roles`.
///
/// A name that has dots itself, such as `https://example.org/groups` or a client of a Keycloak in
/// `resource_access.data.example.org.roles`, is found before a shorter one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClaimPath(String);

/// The text leads to no claim: the operator's to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a claim, nor names with dots between, such as realm_access.roles")]
pub struct NotAClaimPath;

impl FromStr for ClaimPath {
    type Err = NotAClaimPath;

    fn from_str(path: &str) -> Result<Self, NotAClaimPath> {
        let good = path.len() <= MAX_NAME && path.split('.').all(|name| !name.is_empty());
        good.then(|| Self(path.to_owned())).ok_or(NotAClaimPath)
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The claims of a token whose signature is good.
#[derive(Debug)]
pub(crate) struct Claims(Map<String, Value>);

impl Claims {
    pub(crate) fn new(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    fn at(&self, path: &ClaimPath) -> Option<&Value> {
        follow(&self.0, &path.0)
    }

    pub(crate) fn issuer(&self) -> Result<&str, Refusal> {
        let issuer = self.0.get("iss").ok_or(Refusal::ClaimMissing("iss"))?;
        issuer.as_str().ok_or(Refusal::ClaimWrong("iss", "it is no text"))
    }

    /// `aud`: one text, or a list of them (RFC 7519 section 4.1.3).
    pub(crate) fn audiences(&self) -> Result<Vec<&str>, Refusal> {
        let wrong = Refusal::ClaimWrong("aud", "it is neither a text nor a list of texts");
        match self.0.get("aud").ok_or(Refusal::ClaimMissing("aud"))? {
            Value::String(one) => Ok(vec![one]),
            Value::Array(all) => all.iter().map(Value::as_str).collect::<Option<_>>().ok_or(wrong),
            _ => Err(wrong),
        }
    }

    pub(crate) fn subject(&self) -> Result<String, Refusal> {
        self.name("sub")?.ok_or(Refusal::ClaimMissing("sub"))
    }

    pub(crate) fn id(&self) -> Result<Option<String>, Refusal> {
        self.name("jti")
    }

    fn name(&self, claim: &'static str) -> Result<Option<String>, Refusal> {
        let Some(value) = self.0.get(claim) else { return Ok(None) };
        let good = |text: &&str| {
            !text.is_empty() && text.len() <= MAX_NAME && !text.contains(|letter: char| letter.is_control())
        };
        let wrong = Refusal::ClaimWrong(claim, "not 1 to 255 bytes of text without control characters");
        value.as_str().filter(good).map(|text| Some(text.to_owned())).ok_or(wrong)
    }

    /// Whether only the holder of a key may use the token (RFC 7800 section 3.1).
    pub(crate) fn is_bound_to_a_key(&self) -> bool {
        self.0.contains_key("cnf")
    }

    /// Whether it tells that something happened to the person (RFC 8417 section 2.2): a logout, say, and not who comes.
    pub(crate) fn is_of_an_event(&self) -> bool {
        self.0.contains_key("events")
    }

    /// A NumericDate: seconds since 1970, perhaps with a fraction, which is dropped.
    pub(crate) fn time(&self, claim: &'static str) -> Result<Option<Timestamp>, Refusal> {
        let Some(value) = self.0.get(claim) else { return Ok(None) };
        #[allow(clippy::cast_possible_truncation, reason = "what saturates is no time either")]
        let whole = || value.as_f64().map(|seconds| seconds.floor() as i64);
        let seconds = value.as_i64().or_else(whole).filter(|seconds| *seconds >= 0);
        let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        time.map(Some).ok_or(Refusal::ClaimWrong(claim, "it is no time in seconds since 1970"))
    }

    /// A text where `path` leads, with whether `email_verified` stands beside it and is true.
    pub(crate) fn mail(&self, path: &ClaimPath) -> Result<Option<(String, bool)>, Refusal> {
        let Some(value) = self.at(path).filter(|value| !value.is_null()) else { return Ok(None) };
        let mail = value.as_str().ok_or(Refusal::ClaimWrong("mail", "it is no text"))?;
        let is_verified = self.0.get("email_verified") == Some(&Value::Bool(true));
        Ok(Some((mail.to_owned(), is_verified)))
    }

    /// The texts where `path` leads; one text counts as a list of one.
    pub(crate) fn groups(&self, path: &ClaimPath) -> Result<Vec<String>, Refusal> {
        let wrong = |why| Refusal::ClaimWrong("groups", why);
        match self.at(path) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(one)) => Ok(vec![one.clone()]),
            Some(Value::Array(all)) if all.len() > MAX_GROUPS => Err(wrong("more than 512 groups")),
            Some(Value::Array(all)) => {
                let texts = all.iter().map(|group| group.as_str().map(ToOwned::to_owned));
                texts.collect::<Option<_>>().ok_or(wrong("one of them is no text"))
            }
            Some(_) => Err(wrong("neither a text nor a list of texts")),
        }
    }
}

/// Finds where `path` leads from `object`: longer names are tried before shorter ones.
fn follow<'a>(object: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let below = |dot: usize| follow(object.get(&path[..dot])?.as_object()?, &path[dot + 1..]);
    object.get(path).or_else(|| path.rmatch_indices('.').find_map(|(dot, _)| below(dot)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(claims: &str, path: &str) -> Result<Vec<String>, Refusal> {
        Claims::new(crate::json::object(claims.as_bytes()).unwrap()).groups(&path.parse().unwrap())
    }

    #[test]
    fn groups_are_found_by_a_path_or_by_a_name_with_dots() {
        let keycloak = r#"{"realm_access": {"roles": ["a", "b"]}, "https://example.org/groups": "c"}"#;
        assert_eq!(groups(keycloak, "realm_access.roles").unwrap(), ["a", "b"]);
        assert_eq!(groups(keycloak, "https://example.org/groups").unwrap(), ["c"]);
        assert_eq!(groups(keycloak, "realm_access.groups").unwrap(), [""; 0]);
        assert_eq!(groups(keycloak, "realm_access.roles.x").unwrap(), [""; 0]);
    }

    #[test]
    fn a_client_whose_name_has_dots_is_found() {
        let keycloak =
            r#"{"resource_access": {"data": {"roles": "a"}, "data.example.org": {"roles": ["b", "c"]}}}"#;
        assert_eq!(groups(keycloak, "resource_access.data.example.org.roles").unwrap(), ["b", "c"]);
        assert_eq!(groups(keycloak, "resource_access.data.roles").unwrap(), ["a"]);
        assert_eq!(groups(keycloak, "resource_access.data.example.roles").unwrap(), [""; 0]);
        let both = r#"{"a": {"b.c": "of a"}, "a.b": {"c": "of a.b"}}"#;
        assert_eq!(groups(both, "a.b.c").unwrap(), ["of a.b"], "the longer name comes first");
    }

    #[test]
    fn groups_that_are_no_texts_are_refused() {
        for claims in [r#"{"g": 1}"#, r#"{"g": ["a", 1]}"#, r#"{"g": {"a": true}}"#, r#"{"g": [["a"]]}"#] {
            assert!(matches!(groups(claims, "g"), Err(Refusal::ClaimWrong("groups", _))), "{claims}");
        }
        let many = format!("{{\"g\": [{}\"a\"]}}", "\"a\",".repeat(MAX_GROUPS));
        assert!(groups(&many, "g").is_err());
    }

    #[test]
    fn times_are_seconds() {
        let claims =
            r#"{"a": 1800000000, "b": 1800000000.9, "c": "1800000000", "d": -1, "e": 1e300, "f": null}"#;
        let claims = Claims::new(crate::json::object(claims.as_bytes()).unwrap());
        let second = |claim| claims.time(claim).map(|time| time.map(Timestamp::as_second));
        assert_eq!(second("a"), Ok(Some(1_800_000_000)));
        assert_eq!(second("b"), Ok(Some(1_800_000_000)));
        assert_eq!(second("z"), Ok(None));
        for wrong in ["c", "d", "e", "f"] {
            assert!(matches!(second(wrong), Err(Refusal::ClaimWrong(..))), "{wrong}");
        }
    }

    #[test]
    fn a_path_has_a_name_between_all_dots() {
        for path in ["", ".", "a.", ".a", "a..b"] {
            assert_eq!(path.parse::<ClaimPath>(), Err(NotAClaimPath), "{path}");
        }
    }
}
