//! The one question: did a trusted key sign this text, and may it still?

use std::fmt;

use jiff::Timestamp;
use pgp::packet::{SignatureConfig, SignatureVersion, SignatureVersionSpecific};

use crate::{
    Fingerprint, HashAlgorithm, Limits, TrustedKey, TrustedKeys,
    component::{Component, Standing},
    message::Message,
    self_signature::has_unknown_critical_subpacket,
    time::{self, CLOCK_ALLOWANCE},
    trust::SigningComponent,
};

/// A text that a trusted key signed. Only [`verify`] makes one.
///
/// It proves that the issuer's key, good at the time of the check, signed this payload. It does
/// not prove that the payload is fresh, nor who sent it: whoever has the message can send it.
#[derive(Clone, PartialEq, Eq)]
pub struct Verified {
    payload: Vec<u8>,
    issuer: Fingerprint,
    signing_key: Fingerprint,
    hash_algorithm: HashAlgorithm,
    signed_at: Timestamp,
}

impl Verified {
    /// The signed text byte for byte as `gpg --decrypt` prints it.
    ///
    /// For a cleartext message that is: line ends as they came, trailing blanks gone, and a line
    /// end after the last line, which the signature does not cover.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The same text in the one spelling that all its re-spellings share: LF line ends, no
    /// blanks before them, no line ends at the end, no carriage returns anywhere.
    ///
    /// A signature over text covers line ends only as such, so one signed text can arrive in
    /// several spellings that all verify. Compare signed texts by this form, never by payload.
    pub fn canonical_text(&self) -> Vec<u8> {
        // A literal in text mode loses stray carriage returns too, cleartext keeps them.
        let text: Vec<u8> = self.payload.iter().copied().filter(|byte| *byte != b'\r').collect();
        let mut canonical = Vec::with_capacity(text.len());
        for line in text.split(|byte| *byte == b'\n') {
            canonical.extend_from_slice(crate::armor::without_trailing_blanks(line));
            canonical.push(b'\n');
        }
        while canonical.last() == Some(&b'\n') {
            canonical.pop();
        }
        canonical
    }

    /// The primary fingerprint of the trusted key.
    pub fn issuer(&self) -> Fingerprint {
        self.issuer
    }

    /// The key that signed: the primary key itself or one of its signing subkeys.
    pub fn signing_key(&self) -> Fingerprint {
        self.signing_key
    }

    /// The hash that the signature rests on.
    pub fn hash_algorithm(&self) -> HashAlgorithm {
        self.hash_algorithm
    }

    /// When the issuer says that it signed; whole seconds.
    pub fn signed_at(&self) -> Timestamp {
        self.signed_at
    }
}

impl fmt::Debug for Verified {
    /// Leaves the payload out: it may be personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("issuer", &self.issuer)
            .field("signing_key", &self.signing_key)
            .field("hash_algorithm", &self.hash_algorithm)
            .field("signed_at", &self.signed_at)
            .finish_non_exhaustive()
    }
}

/// Why a message is not believed. None of it holds a byte of the payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    // Whoever sent the message can act: it is not the message that the issuer gave out.
    /// Longer than this many bytes.
    #[error("longer than {0} bytes")]
    TooLong(usize),
    /// Compressed, and unfolds to more than this many bytes.
    #[error("unfolds to more than {0} bytes")]
    UnfoldsTooFar(usize),
    /// Not an armored message, or a damaged one.
    #[error("not a signed message: {0}")]
    Malformed(&'static str),
    /// Encrypted, signed or not.
    #[error("encrypted")]
    Encrypted,
    /// A signature without its text.
    #[error("a signature without the text that it signs")]
    Detached,
    /// A text without a signature.
    #[error("not signed")]
    Unsigned,
    /// Exactly one signature is expected.
    #[error("signed more than once")]
    SeveralSignatures,
    /// A compressed message in a compressed or signed message.
    #[error("a message inside a message")]
    Nested,
    /// The text was changed after it was signed, or somebody else signed it.
    #[error("the signature does not match the text")]
    BadSignature,
    /// Signed by a key that is not trusted here.
    #[error("signed by {0}, which is not trusted here")]
    UnknownIssuer(ClaimedIssuer),

    // The issuer can act: it signs in a way that cannot be accepted.
    /// Something other than a signature over a text (RFC 9580 section 5.2.1).
    #[error("a signature of type {0:#04x} does not sign a text")]
    SignatureType(u8),
    /// Only versions 4 and 6 are accepted.
    #[error("a signature of a version that is not accepted")]
    SignatureVersion,
    /// MD5, RIPEMD-160, or a hash that nobody knows.
    #[error("the signature uses a hash that is too weak or unknown")]
    WeakHash,
    /// The signature demands that something be understood which we do not know.
    #[error("the signature has a critical part that is not understood")]
    UnknownCritical,
    /// The signature does not say when it was made.
    #[error("the signature does not say when it was made")]
    Undated,
    /// Made more than 300 seconds from now: some clock is wrong.
    #[error("signed at {0}, which is in the future")]
    SignedInFuture(Timestamp),
    /// The issuer put an end to this signature.
    #[error("the signature itself expired at {0}")]
    SignatureExpired(Timestamp),
    /// Made before its own key: some clock is wrong, or worse.
    #[error("signed before the key {0} was made")]
    SignedBeforeKey(Fingerprint),
    /// The key was not made for signing, or a subkey did not agree to sign for its primary key.
    #[error("the key {0} was not made for signing")]
    MayNotSign(Fingerprint),
    /// The issuer took the key back.
    #[error("the key {0} is revoked")]
    Revoked(Fingerprint),
    /// The key ran out; the issuer may have prolonged it, then the operator needs a new copy.
    #[error("the key {0} expired at {1}")]
    Expired(Fingerprint, Timestamp),

    // The operator can act.
    /// SHA-1, and the trusted key (its primary fingerprint) is not allowed it.
    #[error("signed with SHA-1, which is not allowed for {0}")]
    Sha1NotAllowed(Fingerprint),
}

/// By whom a message claims to be signed. A claim, good for telling the operator and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimedIssuer {
    /// The full fingerprint of the key that signed.
    Fingerprint(Fingerprint),
    /// All that old messages say.
    KeyId([u8; 8]),
    /// The signature says nothing.
    Nobody,
}

impl fmt::Display for ClaimedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fingerprint(fingerprint) => fingerprint.fmt(f),
            Self::KeyId(id) => write!(f, "{:016X}", u64::from_be_bytes(*id)),
            Self::Nobody => f.write_str("a key that it does not name"),
        }
    }
}

/// Verifies one armored message: cleartext-signed, or inline (compressed or not).
///
/// `message` holds that one block and nothing around it but blank lines. `now` decides whether
/// keys and signature still hold: an expired or revoked key vouches for nothing, however old
/// the signature is.
///
/// # Errors
///
/// [`Refusal`], grouped by who can act. The state of the issuer's key is told only for a message
/// that the key really signed.
pub fn verify(
    message: &[u8],
    trusted: &TrustedKeys,
    limits: Limits,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    let message = Message::read(message, limits)?;
    let config = message.signature.config().ok_or(Refusal::SignatureVersion)?;
    if !matches!(config.version(), SignatureVersion::V4 | SignatureVersion::V6) {
        return Err(Refusal::SignatureVersion);
    }
    if has_unknown_critical_subpacket(config) {
        return Err(Refusal::UnknownCritical);
    }
    let hash = HashAlgorithm::acceptable(config.hash_alg).ok_or(Refusal::WeakHash)?;
    let signed_at = time::from_library(config.created().ok_or(Refusal::Undated)?);

    let claim = Claim::of(config);
    let candidates = claim.candidates(trusted, hash)?;
    let digest = digest(&message, config, hash).ok_or(Refusal::BadSignature)?;
    let (issuer, key) = candidates
        .into_iter()
        .find(|(_, key)| made_by(key, &message, config, hash, &digest))
        .ok_or(Refusal::BadSignature)?;

    check_dates(config, signed_at, &key.component, now)?;
    check_key(&issuer.primary().component, now)?;
    if !check_key(&key.component, now)? {
        return Err(Refusal::MayNotSign(key.component.fingerprint));
    }
    Ok(Verified {
        issuer: issuer.fingerprint(),
        signing_key: key.component.fingerprint,
        hash_algorithm: hash,
        signed_at,
        payload: message.into_payload(),
    })
}

/// Whom the signature names as its maker. Hints: the public-key operation decides.
struct Claim {
    fingerprints: Vec<Fingerprint>,
    key_ids: Vec<[u8; 8]>,
}

impl Claim {
    fn of(config: &SignatureConfig) -> Self {
        Self {
            fingerprints: config
                .issuer_fingerprint()
                .into_iter()
                .filter_map(Fingerprint::from_library)
                .collect(),
            key_ids: config
                .issuer_key_id()
                .into_iter()
                .filter_map(|id| id.as_ref().try_into().ok())
                .collect(),
        }
    }

    /// The trusted keys that may have made the signature, and for which its hash will do.
    fn candidates<'a>(
        &self,
        trusted: &'a TrustedKeys,
        hash: HashAlgorithm,
    ) -> Result<Vec<(&'a TrustedKey, &'a SigningComponent)>, Refusal> {
        let mut candidates: Vec<_> = trusted
            .iter()
            .flat_map(|issuer| issuer.keys().map(move |key| (issuer, key)))
            .filter(|(_, key)| self.names(&key.component))
            .collect();
        let (first_issuer, _) = *candidates.first().ok_or(Refusal::UnknownIssuer(self.told()))?;
        candidates.retain(|(_, key)| key.prepared.takes(hash));
        if candidates.is_empty() {
            return Err(Refusal::WeakHash);
        }
        candidates.retain(|(issuer, _)| hash != HashAlgorithm::Sha1 || issuer.allowances().sha1);
        if candidates.is_empty() {
            return Err(Refusal::Sha1NotAllowed(first_issuer.fingerprint()));
        }
        Ok(candidates)
    }

    /// Where a fingerprint is named, key ids are not looked at.
    fn names(&self, key: &Component) -> bool {
        if self.fingerprints.is_empty() {
            self.key_ids.contains(&key.key_id)
        } else {
            self.fingerprints.contains(&key.fingerprint)
        }
    }

    fn told(&self) -> ClaimedIssuer {
        match (self.fingerprints.first(), self.key_ids.first()) {
            (Some(fingerprint), _) => ClaimedIssuer::Fingerprint(*fingerprint),
            (None, Some(id)) => ClaimedIssuer::KeyId(*id),
            (None, None) => ClaimedIssuer::Nobody,
        }
    }
}

/// RFC 9580 section 5.2.4. `None` for what cannot be hashed, such as a salt of a wrong length.
fn digest(message: &Message, config: &SignatureConfig, hash: HashAlgorithm) -> Option<Box<[u8]>> {
    let mut hasher = hash.in_library().new_hasher().ok()?;
    if let SignatureVersionSpecific::V6 { salt } = &config.version_specific {
        if config.hash_alg.salt_len() != Some(salt.len()) {
            return None;
        }
        hasher.update(salt);
    }
    hasher.update(&message.signed_bytes());
    let length = config.hash_signature_data(&mut hasher).ok()?;
    hasher.update(&config.trailer(length).ok()?);
    Some(hasher.finalize())
}

fn made_by(
    key: &SigningComponent,
    message: &Message,
    config: &SignatureConfig,
    hash: HashAlgorithm,
    digest: &[u8],
) -> bool {
    // Version 6 keys make version 6 signatures and nobody else does (RFC 9580 section 5.2.3).
    let same_version =
        (config.version() == SignatureVersion::V6) == (key.component.fingerprint.as_bytes().len() == 32);
    let start_matches = message.signature.signed_hash_value().as_ref().map(|s| &s[..]) == digest.get(..2);
    same_version
        && start_matches
        && message
            .signature
            .signature()
            .is_some_and(|signature| key.prepared.made(signature, config.pub_alg, hash, digest))
}

fn check_dates(
    config: &SignatureConfig,
    signed_at: Timestamp,
    key: &Component,
    now: Timestamp,
) -> Result<(), Refusal> {
    if signed_at.duration_since(now) > CLOCK_ALLOWANCE {
        return Err(Refusal::SignedInFuture(signed_at));
    }
    if signed_at < key.created {
        return Err(Refusal::SignedBeforeKey(key.fingerprint));
    }
    match expiry(config, signed_at) {
        Some(at) if now >= at => Err(Refusal::SignatureExpired(at)),
        _ => Ok(()),
    }
}

/// RFC 9580 section 5.2.3.18; only what is itself signed counts.
fn expiry(config: &SignatureConfig, signed_at: Timestamp) -> Option<Timestamp> {
    config
        .hashed_subpackets()
        .filter_map(|subpacket| match subpacket.data {
            pgp::packet::SubpacketData::SignatureExpirationTime(period) => time::end(signed_at, period),
            _ => None,
        })
        .min()
}

/// Whether the key, being good, may sign.
fn check_key(key: &Component, now: Timestamp) -> Result<bool, Refusal> {
    match key.standing(now) {
        Standing::Good(statement) => Ok(statement.may_sign),
        Standing::Expired(at) => Err(Refusal::Expired(key.fingerprint, at)),
        Standing::Revoked => Err(Refusal::Revoked(key.fingerprint)),
        Standing::Unbound => Err(Refusal::MayNotSign(key.fingerprint)),
    }
}
