//! The keys: how they are named, written down, and made.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine, prelude::BASE64_STANDARD};

/// The type byte of an Ed25519 signature.
const ED25519_TYPE: u8 = 0x01;

/// Names a key: what a signature line says of who made it.
///
/// It is no proof. Anybody can make a key with the same id; they cannot sign with the key that it means.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId {
    /// The name, as its owner chose it.
    pub name: String,
    /// The first bytes of a hash over the name and the key.
    pub id: [u8; 4],
}

/// Why a text cannot name a key. Whoever chose it acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name of a key has 1 to 255 bytes without spaces, '+' and control characters")]
pub struct NotAName;

/// Why a text is no verifier key. Whoever copied it should look at the original again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAVerifierKey {
    /// Some of it is missing.
    #[error("a verifier key is NAME+ID+KEY, ID being 8 hex digits and KEY base64")]
    Form,
    /// Its name cannot be one.
    #[error(transparent)]
    Name(#[from] NotAName),
    /// It is for other signatures.
    #[error("the key is not an Ed25519 key of signed notes")]
    Type,
    /// A letter of it changed on the way.
    #[error("the id in it does not belong to the name and the key in it: it was copied wrongly")]
    Id,
}

/// A public key whose signatures count, with its name: `NAME+ID+KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    id: KeyId,
    public: [u8; 32],
}

/// A private key, with its name.
pub struct Signer {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

pub(crate) fn check_name(name: &str) -> Result<(), NotAName> {
    let fits = |letter: char| !letter.is_whitespace() && letter != '+' && letter >= ' ';
    if (1..=255).contains(&name.len()) && name.chars().all(fits) { Ok(()) } else { Err(NotAName) }
}

impl KeyId {
    // key ID = SHA-256(key name || 0x0A || 0x01 || 32-byte Ed25519 public key)[:4]
    fn of(name: &str, public: &[u8; 32]) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(name.as_bytes());
        hash.update(&[b'\n', ED25519_TYPE]);
        hash.update(public);
        let mut id = [0; 4];
        id.copy_from_slice(&hash.finish().as_ref()[..4]);
        Self { name: name.to_owned(), id }
    }
}

impl fmt::Display for KeyId {
    /// The name may come from a stranger: what could trick a terminal is escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:08x}", self.name.escape_debug(), u32::from_be_bytes(self.id))
    }
}

impl VerifierKey {
    /// What signature lines call it.
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// The key itself (RFC 8032 section 5.1.5).
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    pub(crate) fn accepts(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(text.as_bytes(), signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519_TYPE];
        key.extend_from_slice(&self.public);
        let id = u32::from_be_bytes(self.id.id);
        write!(f, "{}+{id:08x}+{}", self.id.name, BASE64_STANDARD.encode(key))
    }
}

impl FromStr for VerifierKey {
    type Err = NotAVerifierKey;

    fn from_str(text: &str) -> Result<Self, NotAVerifierKey> {
        // No name has a '+', base64 may have one.
        let mut fields = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(NotAVerifierKey::Form);
        };
        check_name(name)?;
        if id.len() != 8 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotAVerifierKey::Form);
        }
        let id = u32::from_str_radix(id, 16).map_err(|_| NotAVerifierKey::Form)?;
        let key = BASE64_STANDARD.decode(key).map_err(|_| NotAVerifierKey::Form)?;
        let (&kind, public) = key.split_first().ok_or(NotAVerifierKey::Form)?;
        let public: [u8; 32] = public.try_into().map_err(|_| NotAVerifierKey::Type)?;
        if kind != ED25519_TYPE {
            return Err(NotAVerifierKey::Type);
        }
        let own = KeyId::of(name, &public);
        if own.id != id.to_be_bytes() {
            return Err(NotAVerifierKey::Id);
        }
        Ok(Self { id: own, public })
    }
}

impl Signer {
    /// Makes the key that `seed` stands for (RFC 8032 section 5.1.5), under `name`.
    ///
    /// # Errors
    ///
    /// [`NotAName`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NotAName> {
        check_name(name)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are a seed");
        let mut public = [0; 32];
        public.copy_from_slice(pair.public_key().as_ref());
        Ok(Self { pair, verifier: VerifierKey { id: KeyId::of(name, &public), public } })
    }

    /// What others need to check its notes.
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.verifier
    }

    pub(crate) fn signature_over(&self, text: &str) -> String {
        let mut blob = self.verifier.id.id.to_vec();
        blob.extend_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        BASE64_STANDARD.encode(blob)
    }
}

impl fmt::Debug for Signer {
    /// Never the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.verifier)
    }
}
