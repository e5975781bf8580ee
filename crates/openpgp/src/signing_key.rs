//! A key that signs: for the demonstration and for tests. Issuers sign with their own tools.

use jiff::Timestamp;
use pgp::{
    composed::{ArmorOptions, DetachedSignature, KeyType, PublicOrSecret, SignedKeyDetails, SignedSecretKey},
    crypto::hash::HashAlgorithm,
    packet::{self, KeyFlags, PubKeyInner, SignatureConfig, SignatureType, Subpacket, SubpacketData, UserId},
    types::{
        KeyDetails, KeyVersion, PacketHeaderVersion, Password, SignedUser, SigningKey as LibrarySigningKey,
        Tag,
    },
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use crate::{Fingerprint, armor, message::cleartext_as_signed, time};

/// A version 4 secret key without a passphrase that signs with its primary key.
pub struct SigningKey {
    key: SignedSecretKey,
    fingerprint: Fingerprint,
}

/// What kind of key to make. GnuPG 2.2 reads both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 in the form that GnuPG uses; made in no time.
    Ed25519,
    /// RSA with 2048 bits; takes some seconds to make.
    Rsa2048,
    /// RSA with 4096 bits; takes up to a minute to make.
    Rsa4096,
}

/// Why a key was not made, read, or could not sign.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The time does not fit into OpenPGP's 32 bits: 1970 to 2106.
    #[error("{0} cannot be written as an OpenPGP time")]
    Time(Timestamp),
    /// Not one armored secret key, or one that is locked with a passphrase, or not of version 4.
    #[error("not one armored secret key of version 4 without a passphrase")]
    NotASecretKey,
    /// The library refused, which good input should not make it do.
    #[error(transparent)]
    Library(#[from] LibraryError),
}

/// What the OpenPGP library said, for the operator to report.
#[derive(Debug, thiserror::Error)]
#[error("OpenPGP library: {0}")]
pub struct LibraryError(pub(crate) pgp::errors::Error);

impl From<pgp::errors::Error> for SigningError {
    fn from(error: pgp::errors::Error) -> Self {
        Self::Library(LibraryError(error))
    }
}

impl std::fmt::Debug for SigningKey {
    /// Never the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SigningKey").field(&self.fingerprint).finish()
    }
}

impl SigningKey {
    /// Makes a key that never expires, for certifying and signing.
    ///
    /// `seed` is 32 fresh bytes from the operating system's random source; the same seed gives
    /// the same key, and whoever knows it has the key.
    pub fn generate(
        user_id: &str,
        algorithm: Algorithm,
        created: Timestamp,
        seed: [u8; 32],
    ) -> Result<Self, SigningError> {
        let created = time::to_library(created).ok_or(SigningError::Time(created))?;
        let kind = match algorithm {
            Algorithm::Ed25519 => KeyType::Ed25519Legacy,
            Algorithm::Rsa2048 => KeyType::Rsa(2048),
            Algorithm::Rsa4096 => KeyType::Rsa(4096),
        };
        let (public, secret) = kind.generate(ChaCha20Rng::from_seed(seed))?;
        let inner = PubKeyInner::new(KeyVersion::V4, kind.to_alg(), created, None, public)?;
        let public = packet::PublicKey::from_inner(inner)?;
        let secret = packet::SecretKey::new(public.clone(), secret)?;
        let user_id = UserId::from_str(PacketHeaderVersion::New, user_id)?;

        let mut flags = KeyFlags::default();
        flags.set_certify(true);
        flags.set_sign(true);
        let mut config = config(&secret, SignatureType::CertPositive, created)?;
        config.hashed_subpackets.push(Subpacket::critical(SubpacketData::KeyFlags(flags))?);
        let binding =
            config.sign_certification(&secret, &public, &Password::empty(), Tag::UserId, &user_id)?;
        let user = SignedUser::new(user_id, vec![binding]);
        let details = SignedKeyDetails::new(vec![], vec![], vec![user], vec![]);
        Self::from_library(SignedSecretKey::new(secret, details, vec![], vec![]))
    }

    /// Reads one armored secret key.
    pub fn parse(armored: &[u8]) -> Result<Self, SigningError> {
        let (mut keys, _) =
            PublicOrSecret::from_armor_many(armored).map_err(|_| SigningError::NotASecretKey)?;
        match (keys.next(), keys.next()) {
            (Some(Ok(PublicOrSecret::Secret(key))), None) => Self::from_library(key),
            _ => Err(SigningError::NotASecretKey),
        }
    }

    fn from_library(key: SignedSecretKey) -> Result<Self, SigningError> {
        let fingerprint = Fingerprint::of(&key.primary_key).ok_or(SigningError::NotASecretKey)?;
        if key.primary_key.version() != KeyVersion::V4 || key.primary_key.secret_params().is_encrypted() {
            return Err(SigningError::NotASecretKey);
        }
        Ok(Self { key, fingerprint })
    }

    /// The fingerprint by which others pin this key.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Signs `text` readably: what EAS gives out, without the bare line in front of it.
    ///
    /// Blanks at the ends of lines are not covered by the signature and are left out.
    pub fn sign_cleartext(&self, text: &str, now: Timestamp) -> Result<String, SigningError> {
        let signer = &self.key.primary_key;
        let created = time::to_library(now).ok_or(SigningError::Time(now))?;
        let config = config(signer, SignatureType::Text, created)?;
        let hash = config.hash_alg;
        let signature =
            config.sign(signer, &Password::empty(), cleartext_as_signed(text.as_bytes()).as_slice())?;

        let mut message = format!("-----BEGIN PGP SIGNED MESSAGE-----\nHash: {hash}\n\n");
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            // RFC 9580 section 7.2
            if line.starts_with('-') {
                message.push_str("- ");
            }
            let kept = armor::without_trailing_blanks(line.as_bytes()).len();
            message.push_str(&line[..kept]);
            message.push('\n');
        }
        message.push_str(&DetachedSignature::new(signature).to_armored_string(ArmorOptions::default())?);
        Ok(message)
    }

    /// The public half, armored.
    pub fn public_armored(&self) -> Result<String, SigningError> {
        let options = ArmorOptions::default();
        Ok(self.key.to_public_key().to_armored_string(options)?)
    }

    /// The secret half, armored and not locked: for a file that only its owner can read.
    pub fn secret_armored(&self) -> Result<String, SigningError> {
        Ok(self.key.to_armored_string(ArmorOptions::default())?)
    }
}

fn config(
    signer: &packet::SecretKey,
    kind: SignatureType,
    created: pgp::types::Timestamp,
) -> Result<SignatureConfig, SigningError> {
    let hash = match signer.hash_alg() {
        stronger @ (HashAlgorithm::Sha384 | HashAlgorithm::Sha512) => stronger,
        _ => HashAlgorithm::Sha256,
    };
    let mut config = SignatureConfig::v4(kind, signer.algorithm(), hash);
    config.hashed_subpackets = vec![
        Subpacket::regular(SubpacketData::IssuerFingerprint(signer.fingerprint()))?,
        Subpacket::critical(SubpacketData::SignatureCreationTime(created))?,
    ];
    config.unhashed_subpackets =
        vec![Subpacket::regular(SubpacketData::IssuerKeyId(signer.legacy_key_id()))?];
    Ok(config)
}
