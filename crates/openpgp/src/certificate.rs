//! A public key block as it lies in a file: read, not yet believed.

use jiff::Timestamp;
use pgp::{
    composed::{ArmorOptions, PublicOrSecret, SignedPublicKey},
    types::KeyDetails,
};

use crate::{
    Fingerprint, KeyAlgorithm, LibraryError,
    armor::{self, Broken, Lines},
    time,
};

/// One OpenPGP public key with everything that came with it.
///
/// Parsing proves nothing: not that a user id belongs to the key, not that it is still valid.
/// [`TrustedKey::pin`](crate::TrustedKey::pin) checks what the key says about itself.
#[derive(Debug, Clone)]
pub struct Certificate {
    pub(crate) key: SignedPublicKey,
    fingerprint: Fingerprint,
    algorithm: KeyAlgorithm,
    user_ids: Vec<String>,
}

/// Why a file holds no usable public key. All of these are for the operator who named the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// A private key was given; it should not lie there, and is not needed.
    #[error("this is a secret key; export the public key and keep the secret one elsewhere")]
    SecretKey,
    /// A key ring: name each key in a file of its own.
    #[error("this holds more than one public key")]
    SeveralKeys,
    /// Neither armor nor binary packets with a public key.
    #[error("this is not an OpenPGP public key: {0}")]
    NotAKey(&'static str),
    /// Version 3 or 5, or newer than we know.
    #[error("keys of this version are not supported, only versions 4 and 6")]
    Version,
}

impl From<Broken> for CertificateError {
    fn from(Broken(why): Broken) -> Self {
        Self::NotAKey(why)
    }
}

impl Certificate {
    /// Reads exactly one public key, armored or binary. Text around the armor is ignored.
    pub fn parse(bytes: &[u8]) -> Result<Self, CertificateError> {
        let binary = match bytes.first() {
            None => return Err(CertificateError::NotAKey("it is empty")),
            // The first bit of every packet is set (RFC 9580 section 4.2), of every letter not.
            Some(first) if first & 0x80 != 0 && !bytes.starts_with(armor::BYTE_ORDER_MARK) => bytes.to_vec(),
            Some(_) => dearmor(bytes)?,
        };
        let keys = PublicOrSecret::from_bytes_many(binary.as_slice())
            .map_err(|_| CertificateError::NotAKey("its packets are malformed"))?;
        let mut found = None;
        for key in keys {
            match key {
                Ok(PublicOrSecret::Secret(_)) => return Err(CertificateError::SecretKey),
                Ok(PublicOrSecret::Public(_)) if found.is_some() => {
                    return Err(CertificateError::SeveralKeys);
                }
                Ok(PublicOrSecret::Public(key)) => found = Some(key),
                Err(_) => return Err(CertificateError::NotAKey("its packets are malformed")),
            }
        }
        Self::from_library(found.ok_or(CertificateError::NotAKey("no key in it"))?)
    }

    pub(crate) fn from_library(key: SignedPublicKey) -> Result<Self, CertificateError> {
        Ok(Self {
            fingerprint: Fingerprint::of(&key.primary_key).ok_or(CertificateError::Version)?,
            algorithm: KeyAlgorithm::of(key.primary_key.public_params()),
            user_ids: key
                .details
                .users
                .iter()
                .map(|user| String::from_utf8_lossy(user.id.id()).into_owned())
                .collect(),
            key,
        })
    }

    /// The key alone, armored: whatever stood around it in the file is left out.
    ///
    /// # Errors
    ///
    /// The library refuses, which what it has read should not make it do.
    pub fn armored(&self) -> Result<String, LibraryError> {
        self.key.to_armored_string(ArmorOptions::default()).map_err(LibraryError)
    }

    /// The primary key's fingerprint, by which the key is pinned.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// When the primary key says that it was made.
    pub fn created(&self) -> Timestamp {
        time::from_library(self.key.primary_key.created_at())
    }

    /// The primary key's algorithm.
    pub fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// Whether the primary key is too short: RSA under 2048 bits.
    pub fn is_short(&self) -> bool {
        self.algorithm.is_short()
    }

    /// Names and addresses as the file has them. Nobody vouches for them.
    pub fn user_ids(&self) -> &[String] {
        &self.user_ids
    }
}

fn dearmor(bytes: &[u8]) -> Result<Vec<u8>, CertificateError> {
    let mut lines = Lines::new(bytes.strip_prefix(armor::BYTE_ORDER_MARK).unwrap_or(bytes));
    loop {
        match lines.skip_blank().map(|line| line.text) {
            None => return Err(CertificateError::NotAKey("no armor in it")),
            Some(b"-----BEGIN PGP PRIVATE KEY BLOCK-----") => {
                return Err(CertificateError::SecretKey);
            }
            Some(b"-----BEGIN PGP PUBLIC KEY BLOCK-----") => break,
            Some(_) => {}
        }
    }
    let decoded = armor::decode(&mut lines, b"-----END PGP PUBLIC KEY BLOCK-----")?;
    for line in lines {
        match line.text {
            b"-----BEGIN PGP PRIVATE KEY BLOCK-----" => return Err(CertificateError::SecretKey),
            b"-----BEGIN PGP PUBLIC KEY BLOCK-----" => return Err(CertificateError::SeveralKeys),
            _ => {}
        }
    }
    Ok(decoded)
}
