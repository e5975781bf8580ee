//! The keys: how they are named, written down, and made.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine, prelude::BASE64_STANDARD};

/// What a key makes: the byte in its id that keeps one kind from standing for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// Ed25519 over the text.
    Note = 0x01,
    /// Ed25519 over a time and the text.
    Cosignature = 0x04,
}

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
    /// It is for other signatures: of a cosigner where a signer's should be, say.
    #[error("the key is for signatures of another kind")]
    Type,
    /// A letter of it changed on the way.
    #[error("the id in it does not belong to the name and the key in it: it was copied wrongly")]
    Id,
}

/// A public key whose signatures count, with its name: `NAME+ID+KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey(Key);

/// A private key, with its name.
pub struct Signer {
    pair: Pair,
    verifier: VerifierKey,
}

/// A public key of either kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) id: KeyId,
    pub(crate) public: [u8; 32],
    algorithm: Algorithm,
}

/// A private key of either kind.
pub(crate) struct Pair {
    pair: Ed25519KeyPair,
    pub(crate) key: Key,
}

pub(crate) fn check_name(name: &str) -> Result<(), NotAName> {
    let fits = |letter: char| !letter.is_whitespace() && letter != '+' && letter >= ' ';
    if (1..=255).contains(&name.len()) && name.chars().all(fits) { Ok(()) } else { Err(NotAName) }
}

impl KeyId {
    // key ID = SHA-256(key name || 0x0A || type || 32-byte Ed25519 public key)[:4]
    fn of(name: &str, algorithm: Algorithm, public: &[u8; 32]) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(name.as_bytes());
        hash.update(&[b'\n', algorithm as u8]);
        hash.update(public);
        let mut id = [0; 4];
        id.copy_from_slice(&hash.finish().as_ref()[..4]);
        Self { name: name.to_owned(), id }
    }

    /// What a signature line has behind the name.
    pub(crate) fn blob(&self, signature: &[u8]) -> String {
        BASE64_STANDARD.encode([&self.id, signature].concat())
    }
}

impl fmt::Display for KeyId {
    /// The name may come from a stranger: what could trick a terminal is escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:08x}", self.name.escape_debug(), u32::from_be_bytes(self.id))
    }
}

impl Key {
    pub(crate) fn accepts(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(text.as_bytes(), signature).is_ok()
    }

    pub(crate) fn read(text: &str, algorithm: Algorithm) -> Result<Self, NotAVerifierKey> {
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
        if kind != algorithm as u8 {
            return Err(NotAVerifierKey::Type);
        }
        let own = KeyId::of(name, algorithm, &public);
        if own.id != id.to_be_bytes() {
            return Err(NotAVerifierKey::Id);
        }
        Ok(Self { id: own, public, algorithm })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![self.algorithm as u8];
        key.extend_from_slice(&self.public);
        let id = u32::from_be_bytes(self.id.id);
        write!(f, "{}+{id:08x}+{}", self.id.name, BASE64_STANDARD.encode(key))
    }
}

impl Pair {
    pub(crate) fn from_seed(name: &str, seed: &[u8; 32], algorithm: Algorithm) -> Result<Self, NotAName> {
        check_name(name)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are a seed");
        let mut public = [0; 32];
        public.copy_from_slice(pair.public_key().as_ref());
        Ok(Self { pair, key: Key { id: KeyId::of(name, algorithm, &public), public, algorithm } })
    }

    pub(crate) fn sign(&self, text: &str) -> Vec<u8> {
        self.pair.sign(text.as_bytes()).as_ref().to_vec()
    }
}

impl VerifierKey {
    /// What signature lines call it.
    pub fn id(&self) -> &KeyId {
        &self.0.id
    }

    /// The key itself (RFC 8032 section 5.1.5).
    pub fn public(&self) -> &[u8; 32] {
        &self.0.public
    }

    pub(crate) fn accepts(&self, text: &str, signature: &[u8]) -> bool {
        self.0.accepts(text, signature)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for VerifierKey {
    type Err = NotAVerifierKey;

    fn from_str(text: &str) -> Result<Self, NotAVerifierKey> {
        Key::read(text, Algorithm::Note).map(Self)
    }
}

impl Signer {
    /// Makes the key that `seed` stands for (RFC 8032 section 5.1.5), under `name`.
    ///
    /// # Errors
    ///
    /// [`NotAName`].
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, NotAName> {
        let pair = Pair::from_seed(name, seed, Algorithm::Note)?;
        let verifier = VerifierKey(pair.key.clone());
        Ok(Self { pair, verifier })
    }

    /// What others need to check its notes.
    pub fn verifier_key(&self) -> &VerifierKey {
        &self.verifier
    }

    pub(crate) fn signature_over(&self, text: &str) -> String {
        self.verifier.id().blob(&self.pair.sign(text))
    }
}

impl fmt::Debug for Signer {
    /// Never the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.verifier)
    }
}
