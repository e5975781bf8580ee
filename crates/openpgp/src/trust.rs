//! Which keys are believed, and until when.

use std::{collections::BTreeMap, fmt, sync::Arc};

use jiff::Timestamp;
use pgp::types::VerifyingKey;

use crate::{
    Certificate, Fingerprint, KeyAlgorithm,
    algorithm::PreparedKey,
    component::{Component, Verdict, judge},
    self_signature::{self, Purpose, Statements},
};

/// Exceptions that an operator makes for one key, and for no other. The default makes none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowances {
    /// SHA-1 in the key's own signatures and in its messages. Known collision attacks are still
    /// detected; unknown ones are not.
    pub sha1: bool,
    /// RSA under 2048 bits. For development only.
    pub short: bool,
}

/// A key that is believed: pinned by its full fingerprint, checked and made ready once.
///
/// Whether it has expired is judged at each use, at the time given there.
#[derive(Debug, Clone)]
pub struct TrustedKey(Arc<Pinned>);

#[derive(Debug)]
struct Pinned {
    certificate: Certificate,
    allow: Allowances,
    primary: SigningComponent,
    subkeys: Vec<SigningComponent>,
}

/// Why a key cannot be trusted as it is. All of these are for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// The file holds another key than the one that was meant.
    #[error("the key is {found}, not {expected}")]
    WrongKey {
        /// The fingerprint that was asked for.
        expected: Fingerprint,
        /// The fingerprint of the key at hand.
        found: Fingerprint,
    },
    /// RSA under 2048 bits can be broken. The issuer needs a new key.
    #[error("{0} is too short")]
    Short(KeyAlgorithm),
    /// All that the key says about itself is signed with SHA-1, which is not allowed for it.
    #[error("the key vouches for itself with SHA-1 only, which is not allowed for it")]
    Sha1,
    /// The key does not vouch for itself: cut off, tampered with, or made by a broken program.
    #[error("no valid self-signature")]
    NoSelfSignature,
    /// Neither the primary key nor a subkey was made for signing, or their algorithm is not
    /// supported.
    #[error("the key was not made for signing")]
    CannotSign,
}

/// What a pinned key is good for at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStatus {
    /// It can vouch for messages, until then if ever.
    Usable {
        /// `None`: the key itself sets no end.
        expires: Option<Timestamp>,
    },
    /// The primary key, or every key that could sign, ran out then.
    Expired(Timestamp),
    /// Its owner took it back, whenever that was.
    Revoked,
    /// No promise of the key about itself holds at this moment, or none lets it sign.
    CannotSign,
}

impl fmt::Display for KeyStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usable { expires: None } => f.write_str("believed"),
            Self::Usable { expires: Some(at) } => write!(f, "believed until {at:.0}"),
            Self::Expired(at) => write!(f, "expired at {at:.0}"),
            Self::Revoked => f.write_str("revoked by its owner"),
            Self::CannotSign => f.write_str("cannot sign"),
        }
    }
}

impl TrustedKey {
    /// Believes `certificate`, provided that it is the key named by `fingerprint`.
    ///
    /// Checks every signature that the key made over itself. An expired or revoked key can be
    /// pinned; it verifies nothing, and [`TrustedKey::status`] says why.
    pub fn pin(
        certificate: Certificate,
        fingerprint: &Fingerprint,
        allow: Allowances,
    ) -> Result<Self, PinError> {
        if certificate.fingerprint() != *fingerprint {
            return Err(PinError::WrongKey { expected: *fingerprint, found: certificate.fingerprint() });
        }
        if certificate.is_short() && !allow.short {
            return Err(PinError::Short(certificate.algorithm()));
        }
        let key = &certificate.key;
        let about_primary = self_signature::about_primary(key, allow.sha1);
        if about_primary.valid.is_empty() && !about_primary.revoked {
            return Err(if about_primary.needs_sha1 { PinError::Sha1 } else { PinError::NoSelfSignature });
        }
        let primary =
            SigningComponent::new(key.primary_key.clone(), about_primary).ok_or(PinError::CannotSign)?;
        let (subkeys, too_short): (Vec<_>, Vec<_>) = key
            .public_subkeys
            .iter()
            .filter_map(|subkey| {
                let about = self_signature::about_subkey(&key.primary_key, subkey, allow.sha1);
                SigningComponent::new(subkey.key.clone(), about)
            })
            .partition(|subkey| allow.short || !subkey.component.algorithm.is_short());
        let usable = |keys: &[SigningComponent]| keys.iter().any(SigningComponent::was_made_to_sign);
        if !primary.was_made_to_sign() && !usable(&subkeys) {
            return Err(match too_short.iter().find(|key| key.was_made_to_sign()) {
                Some(short) => PinError::Short(short.component.algorithm),
                None if subkeys.iter().any(|key| key.component.about.needs_sha1) => PinError::Sha1,
                None => PinError::CannotSign,
            });
        }
        Ok(Self(Arc::new(Pinned { certificate, allow, primary, subkeys })))
    }

    /// The primary key's fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.primary.component.fingerprint
    }

    /// The key as it was read.
    pub fn certificate(&self) -> &Certificate {
        &self.0.certificate
    }

    /// The exceptions made for it.
    pub fn allowances(&self) -> Allowances {
        self.0.allow
    }

    /// What the key is good for at `now`.
    pub fn status(&self, now: Timestamp) -> KeyStatus {
        let keys = self.keys().map(|key| &key.component);
        match judge(&self.0.primary.component, keys, Purpose::Sign, now) {
            Verdict::Usable { expires } => KeyStatus::Usable { expires },
            Verdict::Expired(at) => KeyStatus::Expired(at),
            Verdict::Revoked => KeyStatus::Revoked,
            Verdict::Unable => KeyStatus::CannotSign,
        }
    }

    pub(crate) fn primary(&self) -> &SigningComponent {
        &self.0.primary
    }

    /// Primary key first.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &SigningComponent> {
        std::iter::once(&self.0.primary).chain(&self.0.subkeys)
    }
}

/// The keys that are believed, each by its full fingerprint.
#[derive(Debug, Clone, Default)]
pub struct TrustedKeys(BTreeMap<Fingerprint, TrustedKey>);

impl TrustedKeys {
    /// Trusts nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key and returns the one of the same fingerprint that it replaces.
    pub fn insert(&mut self, key: TrustedKey) -> Option<TrustedKey> {
        self.0.insert(key.fingerprint(), key)
    }

    /// The key whose primary fingerprint this is.
    pub fn get(&self, fingerprint: &Fingerprint) -> Option<&TrustedKey> {
        self.0.get(fingerprint)
    }

    /// In order of fingerprints.
    pub fn iter(&self) -> impl Iterator<Item = &TrustedKey> {
        self.0.values()
    }

    /// How many keys are trusted.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<TrustedKey> for TrustedKeys {
    fn from_iter<I: IntoIterator<Item = TrustedKey>>(keys: I) -> Self {
        Self(keys.into_iter().map(|key| (key.fingerprint(), key)).collect())
    }
}

/// A key that can sign, ready to verify.
#[derive(Debug)]
pub(crate) struct SigningComponent {
    pub(crate) component: Component,
    pub(crate) prepared: PreparedKey,
}

impl SigningComponent {
    /// `None` where the algorithm cannot sign or is not supported.
    fn new(key: impl VerifyingKey + Send + Sync + 'static, about: Statements) -> Option<Self> {
        let component = Component::new(&key, about).filter(|component| component.algorithm.can_sign())?;
        Some(Self { component, prepared: PreparedKey::new(key) })
    }

    fn was_made_to_sign(&self) -> bool {
        self.component.was_made_to(Purpose::Sign)
    }
}
