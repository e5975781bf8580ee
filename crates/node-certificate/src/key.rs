//! What a registration means: exactly one certificate, or what an authority calls somebody.

use std::fmt;

use crate::certificate::Certificate;
use crate::fingerprint::{Fingerprint, sha256};
use crate::name::DistinguishedName;
use crate::san::San;

/// An authority: its name and its key, whatever certificate it has just now.
///
/// An authority that renews its own certificate with the same key stays who it is; another one that calls
/// itself the same is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Authority([u8; 32]);

impl Authority {
    /// Tells whose certificate this is.
    pub fn of(certificate: &Certificate) -> Self {
        // Both are DER: where one ends and the other begins is unmistakable.
        Self(sha256(&[&certificate.subject_der, &certificate.public_key_der]))
    }

    /// Takes one that was stored.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns what is stored: SHA-256 over the name and the key, both DER.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What an authority calls somebody.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Named {
    /// By the whole subject.
    Subject(DistinguishedName),
    /// By one alternative name.
    San(San),
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subject(name) => name.fmt(f),
            Self::San(san) => san.fmt(f),
        }
    }
}

/// What a registration is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// Exactly this certificate.
    Certificate(Fingerprint),
    /// Any certificate in whose verified path this authority stands, and that has this name.
    Issued {
        /// Who vouches.
        by: Authority,
        /// For whom.
        named: Named,
    },
}
