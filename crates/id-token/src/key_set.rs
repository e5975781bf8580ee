//! The keys that an issuer publishes (RFC 7517 section 5).

use aws_lc_rs::signature::ParsedPublicKey;
use serde_json::Value;

use crate::json;
use crate::key::{Algorithm, Key};

/// The longest key set that is read, in bytes. Real ones have 2 to 20 KiB.
pub const MAX_KEY_SET: usize = 256 * 1024;

/// The most keys that a set may have. Real ones have two to five.
pub const MAX_KEYS: usize = 64;

/// Why a text is no key set that can be worked with. Whoever runs the issuer acts, or the operator
/// who named another page than that of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAKeySet {
    /// More than [`MAX_KEY_SET`] bytes.
    #[error("the key set is longer than {MAX_KEY_SET} bytes")]
    TooLong,
    /// Not a JSON object with a list `keys` of objects, or a name stands twice in one of them.
    #[error("not a key set (RFC 7517): {0}")]
    Malformed(&'static str),
    /// More than [`MAX_KEYS`] keys.
    #[error("the key set has more than {MAX_KEYS} keys")]
    TooMany,
    /// None of its keys could verify anything; the reason is that of the first.
    #[error("the key set has no key that can be used here{}", .0.map(|why| format!("; the first is {why}")).unwrap_or_default())]
    NothingUsable(Option<&'static str>),
}

/// A key of the set that is left out. Worth a line for the operator, where it was meant to sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// As the issuer named it.
    pub kid: Option<String>,
    /// Why.
    pub why: &'static str,
}

/// The keys of one issuer. That they are its keys, whoever fetched them has to know.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<Key>,
    unusable: Vec<Unusable>,
}

/// Which key a token asks for.
#[derive(Debug)]
pub(crate) enum Choice<'a> {
    /// These, one of which has to fit: a `kid` may be there once for each type of key.
    These(Vec<&'a ParsedPublicKey>),
    NotNamed,
    Unknown,
}

impl KeySet {
    /// Reads a key set. Keys of unknown kinds are left out, as RFC 7517 section 5 has it, and so are
    /// secrets, private keys, and RSA keys of less than 2048 bits.
    ///
    /// # Errors
    ///
    /// [`NotAKeySet`].
    pub fn parse(text: &[u8]) -> Result<Self, NotAKeySet> {
        if text.len() > MAX_KEY_SET {
            return Err(NotAKeySet::TooLong);
        }
        let set = json::object(text).map_err(|error| match error {
            json::NotJson::Syntax => NotAKeySet::Malformed("it is no JSON object"),
            json::NotJson::DuplicateName => NotAKeySet::Malformed("a name occurs twice in one object"),
        })?;
        let Some(Value::Array(members)) = set.get("keys") else {
            return Err(NotAKeySet::Malformed("it has no list named keys"));
        };
        if members.len() > MAX_KEYS {
            return Err(NotAKeySet::TooMany);
        }
        let mut read = Self { keys: Vec::new(), unusable: Vec::new() };
        for member in members {
            let fields = member.as_object().ok_or(NotAKeySet::Malformed("a key is no object"))?;
            match Key::read(fields) {
                Ok(key) => read.keys.push(key),
                Err(why) => {
                    let kid = fields.get("kid").and_then(Value::as_str).map(ToOwned::to_owned);
                    read.unusable.push(Unusable { kid, why });
                }
            }
        }
        if read.keys.is_empty() {
            return Err(NotAKeySet::NothingUsable(read.unusable.first().map(|unusable| unusable.why)));
        }
        Ok(read)
    }

    /// What was left out, and why.
    pub fn unusable(&self) -> &[Unusable] {
        &self.unusable
    }

    /// How many keys can verify something.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Never: a set without a usable key is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Chooses by `kid`, which is compared and never looked up anywhere (RFC 8725 section 3.10).
    pub(crate) fn choose(&self, kid: Option<&str>, algorithm: Algorithm) -> Choice<'_> {
        let named = self.keys.iter().filter(|key| kid.is_none() || key.kid.as_deref() == kid);
        let these: Vec<_> = named.filter_map(|key| key.serves(algorithm)).collect();
        match (kid, these.len()) {
            (_, 0) => Choice::Unknown,
            (None, 2..) => Choice::NotNamed,
            _ => Choice::These(these),
        }
    }
}
