//! Key ids, as GnuPG shows them and as names of files have them: hints, from which one full fingerprint is found.

use openpgp::Fingerprint;

use super::Recipients;

/// Why a key id means no key. Whoever typed it acts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOneKey {
    /// Eight digits: anybody makes a key with the same in seconds.
    #[error(
        "{0:?} is a short key id, which anybody can make a key for: give the 16 digits of the long one, or the \
         full fingerprint"
    )]
    Short(String),
    /// Neither a long key id nor a fingerprint.
    #[error("{0:?} names no key: 16 digits of hex, or a full fingerprint")]
    Form(String),
    /// Nobody imported such a key.
    #[error("no key that was imported is called {0}: `gateward backup recipient list` shows those there are")]
    Unknown(String),
    /// Somebody made a key so that its id is the same.
    #[error("{id} means more than one key, {}: give the full fingerprint", list(.keys))]
    Several {
        /// The id.
        id: String,
        /// All that it means.
        keys: Vec<Fingerprint>,
    },
}

fn list(keys: &[Fingerprint]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

impl Recipients {
    /// Finds the one imported key that `text` names: a long key id or a full fingerprint, of the primary key
    /// or of one that encrypts. Blanks, case and a leading `0x` do not matter.
    ///
    /// # Errors
    ///
    /// [`NotOneKey`].
    pub fn by_key_id(&self, text: &str) -> Result<Fingerprint, NotOneKey> {
        let digits: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        let digits =
            digits.strip_prefix("0x").or(digits.strip_prefix("0X")).unwrap_or(&digits).to_uppercase();
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        match digits.len() {
            16 | 40 | 64 if is_hex => {}
            8 if is_hex => return Err(NotOneKey::Short(text.to_owned())),
            _ => return Err(NotOneKey::Form(text.to_owned())),
        }
        let is_meant = |key: Fingerprint| key.to_string() == digits || key_id(&key) == digits;
        let found = self.0.iter().filter(|(primary, recipient)| {
            let opens = recipient.iter().flat_map(openpgp::Recipient::encryption_keys);
            is_meant(**primary) || opens.into_iter().any(is_meant)
        });
        let keys: Vec<Fingerprint> = found.map(|(primary, _)| *primary).collect();
        match keys.as_slice() {
            [] => Err(NotOneKey::Unknown(digits)),
            [one] => Ok(*one),
            _ => Err(NotOneKey::Several { id: digits, keys }),
        }
    }
}

/// The last eight bytes of a fingerprint of version 4, the first eight of version 6 (RFC 9580 section 5.5.4).
fn key_id(fingerprint: &Fingerprint) -> String {
    let digits = fingerprint.to_string();
    match digits.len() {
        40 => digits[24..].to_owned(),
        _ => digits[..16].to_owned(),
    }
}
