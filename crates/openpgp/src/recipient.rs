//! Whom something may be sealed to: a public key that was pinned and can still take secrets.

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use pgp::{
    crypto::public_key::PublicKeyAlgorithm,
    packet::{PublicKey, PublicSubkey},
    types::KeyDetails,
};

use crate::{
    Certificate, Fingerprint, KeyAlgorithm,
    component::{Component, Standing, Verdict, judge},
    self_signature::{self, Purpose, Reads, Statements},
};

/// A key that something may be sealed to: pinned by its full fingerprint, checked once.
///
/// Whether it has expired is judged at each use, at the time given there.
#[derive(Debug, Clone)]
pub struct Recipient(Arc<Pinned>);

#[derive(Debug)]
struct Pinned {
    certificate: Certificate,
    primary: Component,
    /// Those that can encrypt. Subkeys first, as the file has them.
    keys: Vec<Candidate>,
}

#[derive(Debug)]
struct Candidate {
    component: Component,
    key: LibraryKey,
}

#[derive(Debug)]
pub(crate) enum LibraryKey {
    Primary(PublicKey),
    Subkey(PublicSubkey),
}

/// Why nothing can be sealed to a key, whatever the time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// The operator named one key and gave the file of another.
    #[error("the key is {found}, not {expected}")]
    WrongKey {
        /// The fingerprint that was asked for.
        expected: Fingerprint,
        /// The fingerprint of the key at hand.
        found: Fingerprint,
    },
    /// RSA under 2048 bits can be broken. Its owner needs a new key.
    #[error("{0} is too short")]
    Short(KeyAlgorithm),
    /// The owner needs a new key, or a subkey of RSA, X25519 or a NIST curve.
    #[error("the key uses an algorithm that nothing is sealed to, such as DSA or Elgamal")]
    Algorithm,
    /// The owner can let the key vouch for itself again, for instance by setting its expiry anew.
    #[error("the key vouches for itself with SHA-1 only")]
    Sha1,
    /// The file is cut off or was tampered with: the operator needs a good copy.
    #[error("no valid self-signature")]
    NoSelfSignature,
    /// Made for signing only: its owner has to add a subkey for encryption.
    #[error("the key was not made for encryption")]
    CannotEncrypt,
}

/// What a recipient is good for at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecipientStatus {
    /// Secrets can be sealed to it, until then if ever.
    Usable {
        /// `None`: the key itself sets no end.
        expires: Option<Timestamp>,
    },
    /// The primary key, or every key that could encrypt, ran out then.
    Expired(Timestamp),
    /// Its owner took it back, or every key that could encrypt, whenever that was.
    Revoked,
    /// No promise of the key about itself holds at this moment, or none lets it encrypt.
    CannotEncrypt,
}

impl fmt::Display for RecipientStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usable { expires: None } => f.write_str("usable"),
            Self::Usable { expires: Some(at) } => write!(f, "usable until {at:.0}"),
            Self::Expired(at) => write!(f, "expired at {at:.0}"),
            Self::Revoked => f.write_str("revoked by its owner"),
            Self::CannotEncrypt => f.write_str("cannot encrypt"),
        }
    }
}

/// The one key of a recipient that is sealed to at some moment.
#[derive(Debug, Clone, Copy)]
pub struct EncryptionKey<'a> {
    candidate: &'a Candidate,
    expires: Option<Timestamp>,
}

impl EncryptionKey<'_> {
    /// What a sealed message names: the subkey's, or the primary key's where it takes secrets itself.
    pub fn fingerprint(&self) -> Fingerprint {
        self.candidate.component.fingerprint
    }

    /// The last eight bytes of it for version 4, the first eight for version 6: what GnuPG shows.
    pub fn key_id(&self) -> [u8; 8] {
        self.candidate.component.key_id
    }

    /// Its algorithm.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.candidate.component.algorithm
    }

    /// When this key by itself runs out; the primary key may do so earlier.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    pub(crate) fn in_library(&self) -> &LibraryKey {
        &self.candidate.key
    }
}

impl Recipient {
    /// Accepts `certificate` as a recipient, provided that it is the key named by `fingerprint`.
    ///
    /// Checks every signature that the key made over itself. An expired or revoked key can be
    /// pinned; nothing is sealed to it, and [`Recipient::status`] says why.
    ///
    /// It proves whose key this is no more than the fingerprint does: that has to come from its
    /// owner by a way that can be trusted.
    pub fn pin(certificate: Certificate, fingerprint: &Fingerprint) -> Result<Self, RecipientError> {
        Self::pin_with(certificate, fingerprint, false)
    }

    /// As [`Recipient::pin`], for an old key that vouches for itself with SHA-1 only.
    ///
    /// Known collision attacks are still detected; unknown ones are not.
    pub fn pin_allowing_sha1(
        certificate: Certificate,
        fingerprint: &Fingerprint,
    ) -> Result<Self, RecipientError> {
        Self::pin_with(certificate, fingerprint, true)
    }

    fn pin_with(
        certificate: Certificate,
        fingerprint: &Fingerprint,
        allow_sha1: bool,
    ) -> Result<Self, RecipientError> {
        if certificate.fingerprint() != *fingerprint {
            return Err(RecipientError::WrongKey {
                expected: *fingerprint,
                found: certificate.fingerprint(),
            });
        }
        let primary = primary(&certificate, allow_sha1)?;
        let keys = candidates(&certificate, &primary, allow_sha1)?;
        Ok(Self(Arc::new(Pinned { certificate, primary, keys })))
    }

    /// The primary key's fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.primary.fingerprint
    }

    /// The keys that may be named where something was sealed to it, at whatever time: those that can encrypt,
    /// expired and revoked ones, too.
    pub fn encryption_keys(&self) -> impl Iterator<Item = Fingerprint> {
        self.0.keys.iter().map(|key| key.component.fingerprint)
    }

    /// The key as it was read.
    pub fn certificate(&self) -> &Certificate {
        &self.0.certificate
    }

    /// What the key is good for at `now`.
    pub fn status(&self, now: Timestamp) -> RecipientStatus {
        let keys = self.0.keys.iter().map(|key| &key.component);
        match judge(&self.0.primary, keys, Purpose::Encrypt, now) {
            Verdict::Usable { expires } => RecipientStatus::Usable { expires },
            Verdict::Expired(at) => RecipientStatus::Expired(at),
            Verdict::Revoked => RecipientStatus::Revoked,
            Verdict::Unable => RecipientStatus::CannotEncrypt,
        }
    }

    /// The key that is sealed to at `now`: the newest good subkey made for encryption, or the
    /// primary key where no subkey is.
    ///
    /// `None` exactly where [`Recipient::status`] is not [`RecipientStatus::Usable`].
    pub fn key_at(&self, now: Timestamp) -> Option<EncryptionKey<'_>> {
        let Standing::Good(_) = self.0.primary.standing(now) else {
            return None;
        };
        self.0
            .keys
            .iter()
            .filter_map(|candidate| match candidate.component.standing(now) {
                Standing::Good(statement) if statement.may_encrypt => {
                    Some(EncryptionKey { candidate, expires: statement.until() })
                }
                _ => None,
            })
            // Of two made in the same second the first, as GnuPG does.
            .rev()
            .max_by_key(|key| {
                let subkey = matches!(key.candidate.key, LibraryKey::Subkey(_));
                (subkey, key.candidate.component.created)
            })
    }

    /// What the owner says that their program can read.
    pub(crate) fn reads(&self, now: Timestamp) -> Reads {
        match self.0.primary.standing(now) {
            Standing::Good(statement) => statement.reads,
            _ => Reads::default(),
        }
    }
}

/// The primary key, which vouches for the rest and so has to be strong itself.
fn primary(certificate: &Certificate, allow_sha1: bool) -> Result<Component, RecipientError> {
    if certificate.is_short() {
        return Err(RecipientError::Short(certificate.algorithm()));
    }
    if !certificate.algorithm().can_sign() {
        return Err(RecipientError::Algorithm);
    }
    let about = self_signature::about_primary(&certificate.key, allow_sha1);
    if about.valid.is_empty() && !about.revoked {
        return Err(if about.needs_sha1 { RecipientError::Sha1 } else { RecipientError::NoSelfSignature });
    }
    Component::new(&certificate.key.primary_key, about).ok_or(RecipientError::Algorithm)
}

/// Every key that was once made for encryption and is strong enough for it.
fn candidates(
    certificate: &Certificate,
    primary: &Component,
    allow_sha1: bool,
) -> Result<Vec<Candidate>, RecipientError> {
    let key = &certificate.key;
    let subkeys = key.public_subkeys.iter().filter_map(|subkey| {
        let about = self_signature::about_subkey(&key.primary_key, subkey, allow_sha1);
        Candidate::new(LibraryKey::Subkey(subkey.key.clone()), about)
    });
    let itself = Candidate::new(LibraryKey::Primary(key.primary_key.clone()), primary.about.clone());
    let made: Vec<_> = subkeys.chain(itself).collect();

    let needs_sha1 = made.iter().any(|candidate| candidate.component.about.needs_sha1);
    let (strong, weak): (Vec<_>, Vec<_>) =
        made.into_iter().filter(Candidate::was_made_to_encrypt).partition(Candidate::is_strong);
    if !strong.is_empty() {
        return Ok(strong);
    }
    let short = weak.iter().map(|candidate| candidate.component.algorithm).find(|a| a.is_short());
    Err(match short {
        Some(short) => RecipientError::Short(short),
        None if !weak.is_empty() => RecipientError::Algorithm,
        None if needs_sha1 => RecipientError::Sha1,
        None => RecipientError::CannotEncrypt,
    })
}

impl Candidate {
    fn new(key: LibraryKey, about: Statements) -> Option<Self> {
        let component = match &key {
            LibraryKey::Primary(key) => Component::new(key, about),
            LibraryKey::Subkey(key) => Component::new(key, about),
        };
        Some(Self { component: component?, key })
    }

    /// By its flags, as far as an algorithm can; a key without flags by its algorithm alone.
    fn was_made_to_encrypt(&self) -> bool {
        self.key.algorithm().can_encrypt() && self.component.was_made_to(Purpose::Encrypt)
    }

    fn is_strong(&self) -> bool {
        self.component.algorithm.can_encrypt() && !self.component.algorithm.is_short()
    }
}

impl LibraryKey {
    fn algorithm(&self) -> PublicKeyAlgorithm {
        match self {
            Self::Primary(key) => key.algorithm(),
            Self::Subkey(key) => key.algorithm(),
        }
    }
}
