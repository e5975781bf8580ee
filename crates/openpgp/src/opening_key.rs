//! A secret key out of a file, to open what was sealed to it.

use std::fmt;

use pgp::{
    composed::{PlainSessionKey, PublicOrSecret, SignedSecretKey},
    packet::{PublicKeyEncryptedSessionKey, SecretKey, SecretSubkey},
    types::{
        DecryptionKey, EskType, KeyDetails, Password, PkeskVersion, S2kParams, SecretParams, StringToKey,
    },
};

use crate::{
    Fingerprint,
    armor::{self, Broken, Lines},
};

/// The secret parts of a key that open messages, ready for use.
///
/// Whether the key has expired or was revoked does not matter here: what was sealed to it once can
/// still be opened.
pub struct OpeningKey(Vec<Part>);

enum Part {
    Primary(Fingerprint, SecretKey),
    Subkey(Fingerprint, SecretSubkey),
}

/// Why a file does not open anything. All of these are for whoever named the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpeningKeyError {
    /// The wrong half.
    #[error("this is a public key; export the secret one")]
    PublicKey,
    /// Neither armor nor binary packets with a secret key.
    #[error("this is not an OpenPGP secret key: {0}")]
    NotAKey(&'static str),
    /// No passphrase was given.
    #[error("the secret key is locked: it needs its passphrase")]
    Locked,
    /// Another one was given, or the file is damaged.
    #[error("the passphrase does not unlock the secret key")]
    WrongPassphrase,
    /// Made for signing only, or the secret part lies elsewhere: on a card, or in another file.
    #[error("the secret key has no part that opens messages")]
    CannotOpen,
}

impl From<Broken> for OpeningKeyError {
    fn from(Broken(why): Broken) -> Self {
        Self::NotAKey(why)
    }
}

impl fmt::Debug for OpeningKey {
    /// Never the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OpeningKey").field(&self.fingerprints()).finish()
    }
}

impl OpeningKey {
    /// Reads and unlocks what `gpg --export-secret-keys` writes, armored or binary.
    ///
    /// `passphrase` is that of the key; one that is not locked needs none, and whatever is given is
    /// ignored then. A file with several keys opens what any of them opens; one passphrase has to
    /// unlock them all. Unlocking takes up to a second for each part: passphrases are stretched.
    pub fn parse(file: &[u8], passphrase: Option<&str>) -> Result<Self, OpeningKeyError> {
        let binary = match file.first() {
            None => return Err(OpeningKeyError::NotAKey("it is empty")),
            // The first bit of every packet is set (RFC 9580 section 4.2), of every letter not.
            Some(first) if first & 0x80 != 0 && !file.starts_with(armor::BYTE_ORDER_MARK) => file.to_vec(),
            Some(_) => dearmor(file)?,
        };
        let (mut keys, mut parts) = (0, Vec::new());
        for key in PublicOrSecret::from_bytes_many(&binary[..]).map_err(|_| MALFORMED)? {
            match key.map_err(|_| MALFORMED)? {
                PublicOrSecret::Public(_) => return Err(OpeningKeyError::PublicKey),
                PublicOrSecret::Secret(key) => add_parts(&mut parts, key, passphrase)?,
            }
            keys += 1;
        }
        match (keys, parts.is_empty()) {
            (0, _) => Err(OpeningKeyError::NotAKey("no key in it")),
            (_, true) => Err(OpeningKeyError::CannotOpen),
            (_, false) => Ok(Self(parts)),
        }
    }

    /// The keys, mostly subkeys, that open.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.0.iter().map(Part::fingerprint).collect()
    }

    /// Opens the first of `session_keys` that is for one of our parts.
    pub(crate) fn open(&self, session_keys: &[PublicKeyEncryptedSessionKey]) -> Opening {
        let mut result = Opening::NotOurs;
        for packet in session_keys {
            for part in self.0.iter().filter(|part| part.is_named_by(packet)) {
                if let Some(session_key) = part.decrypt(packet) {
                    return Opening::Opened(part.fingerprint(), session_key);
                }
                if !is_hidden(packet) {
                    result = Opening::Broken(part.fingerprint());
                }
            }
        }
        result
    }
}

/// What became of a message's session keys.
pub(crate) enum Opening {
    Opened(Fingerprint, PlainSessionKey),
    /// One is for this key, and what it holds is none.
    Broken(Fingerprint),
    NotOurs,
}

const MALFORMED: OpeningKeyError = OpeningKeyError::NotAKey("its packets are malformed");

fn add_parts(
    parts: &mut Vec<Part>,
    key: SignedSecretKey,
    passphrase: Option<&str>,
) -> Result<(), OpeningKeyError> {
    let SignedSecretKey { mut primary_key, secret_subkeys, .. } = key;
    for mut subkey in secret_subkeys.into_iter().map(|subkey| subkey.key) {
        if let Some(fingerprint) = opens(&subkey, subkey.secret_params()) {
            unlock(subkey.secret_params().is_encrypted(), passphrase, |it| subkey.remove_password(it))?;
            parts.push(Part::Subkey(fingerprint, subkey));
        }
    }
    if let Some(fingerprint) = opens(&primary_key, primary_key.secret_params()) {
        unlock(primary_key.secret_params().is_encrypted(), passphrase, |it| primary_key.remove_password(it))?;
        parts.push(Part::Primary(fingerprint, primary_key));
    }
    Ok(())
}

/// Its fingerprint, if its secret is here and its algorithm encrypts.
fn opens(key: &impl KeyDetails, secret: &SecretParams) -> Option<Fingerprint> {
    let here = !is_placeholder(secret);
    (here && key.algorithm().can_encrypt()).then(|| Fingerprint::of(key)).flatten()
}

/// What GnuPG writes instead of a secret that it does not have.
fn is_placeholder(secret: &SecretParams) -> bool {
    let SecretParams::Encrypted(secret) = secret else {
        return false;
    };
    match secret.string_to_key_params() {
        S2kParams::Cfb { s2k, .. } | S2kParams::MalleableCfb { s2k, .. } | S2kParams::Aead { s2k, .. } => {
            matches!(s2k, StringToKey::Private { .. })
        }
        S2kParams::Unprotected | S2kParams::LegacyCfb { .. } => false,
    }
}

fn unlock(
    locked: bool,
    passphrase: Option<&str>,
    remove: impl FnOnce(&Password) -> pgp::errors::Result<()>,
) -> Result<(), OpeningKeyError> {
    if !locked {
        return Ok(());
    }
    let passphrase = passphrase.ok_or(OpeningKeyError::Locked)?;
    remove(&Password::from(passphrase)).map_err(|_| OpeningKeyError::WrongPassphrase)
}

fn is_hidden(packet: &PublicKeyEncryptedSessionKey) -> bool {
    match packet {
        PublicKeyEncryptedSessionKey::V3 { id, .. } => id.is_wildcard(),
        PublicKeyEncryptedSessionKey::V6 { fingerprint, .. } => fingerprint.is_none(),
        PublicKeyEncryptedSessionKey::Other { .. } => false,
    }
}

impl Part {
    fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::Primary(fingerprint, _) | Self::Subkey(fingerprint, _) => *fingerprint,
        }
    }

    /// A packet that names nobody may be for everybody.
    fn is_named_by(&self, packet: &PublicKeyEncryptedSessionKey) -> bool {
        match self {
            Self::Primary(_, key) => packet.match_identity(key.public_key()),
            Self::Subkey(_, key) => packet.match_identity(key.public_key()),
        }
    }

    fn decrypt(&self, packet: &PublicKeyEncryptedSessionKey) -> Option<PlainSessionKey> {
        let kind = match packet.version() {
            PkeskVersion::V3 => EskType::V3_4,
            PkeskVersion::V6 => EskType::V6,
            PkeskVersion::Other(_) => return None,
        };
        let (values, unlocked) = (packet.values().ok()?, Password::empty());
        let opened = match self {
            Self::Primary(_, key) => key.decrypt(&unlocked, values, kind),
            Self::Subkey(_, key) => key.decrypt(&unlocked, values, kind),
        };
        opened.ok()?.ok()
    }
}

fn dearmor(file: &[u8]) -> Result<Vec<u8>, OpeningKeyError> {
    let mut lines = Lines::new(file.strip_prefix(armor::BYTE_ORDER_MARK).unwrap_or(file));
    loop {
        match lines.skip_blank().map(|line| line.text) {
            None => return Err(OpeningKeyError::NotAKey("no armor in it")),
            Some(b"-----BEGIN PGP PUBLIC KEY BLOCK-----") => return Err(OpeningKeyError::PublicKey),
            Some(b"-----BEGIN PGP PRIVATE KEY BLOCK-----") => break,
            Some(_) => {}
        }
    }
    Ok(armor::decode(&mut lines, b"-----END PGP PRIVATE KEY BLOCK-----")?)
}
