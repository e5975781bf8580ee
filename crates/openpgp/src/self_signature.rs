//! What a key says about itself, and whether it may be believed.
//!
//! Only signatures that the primary key made over its own parts count (and, for a signing
//! subkey, the subkey's answer). Certifications by others travel with published keys and are
//! passed over. Revocations count whatever their hash: refusing too much is the safe mistake.
//! Revocation by a designated third key (RFC 9580 section 5.2.3.23) is not looked at.

use jiff::Timestamp;
use pgp::{
    composed::{SignedPublicKey, SignedPublicSubKey},
    crypto::{aead::AeadAlgorithm, sym::SymmetricKeyAlgorithm},
    packet::{self, KeyFlags, SignatureType, SubpacketData},
    types::{KeyDetails, KeyVersion, SignedUser, Tag},
};

use crate::{HashAlgorithm, time};

/// One self-signature's promise about one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) made: Timestamp,
    /// When the promise itself runs out.
    pub(crate) ends: Option<Timestamp>,
    /// When the key runs out, according to this promise.
    pub(crate) key_expires: Option<Timestamp>,
    pub(crate) may_sign: bool,
    pub(crate) may_encrypt: bool,
    pub(crate) reads: Reads,
}

/// What a key is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Sign,
    Encrypt,
}

/// Newer forms of encryption that the owner says their program can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reads {
    /// Version 2 of encrypted data, with AEAD (RFC 9580 section 5.2.3.32).
    pub(crate) aead: bool,
    /// AES-256 in GCM beside the OCB that everybody has to know (section 5.2.3.15).
    pub(crate) aes256_gcm: bool,
}

impl Statement {
    /// Until when the key is good by this promise.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        [self.ends, self.key_expires].into_iter().flatten().min()
    }

    pub(crate) fn allows(&self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Sign => self.may_sign,
            Purpose::Encrypt => self.may_encrypt,
        }
    }
}

/// Everything that one key (primary or subkey) is known by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Statements {
    /// Newest first.
    pub(crate) valid: Vec<Statement>,
    pub(crate) revoked: bool,
    /// Some valid signature was left out only because SHA-1 is not allowed.
    pub(crate) needs_sha1: bool,
}

impl Statements {
    fn add(&mut self, trust: Trust, statement: impl FnOnce() -> Option<Statement>) {
        match trust {
            Trust::Sufficient => self.valid.extend(statement()),
            Trust::NeedsSha1 => self.needs_sha1 = true,
            Trust::None => {}
        }
    }

    fn newest_first(mut self) -> Self {
        self.valid.sort_by_key(|statement| std::cmp::Reverse(statement.made));
        self
    }
}

/// What the primary key says about itself: direct-key signatures and, for version 4, the
/// certifications of its own user ids (RFC 9580 section 5.2.3.10).
pub(crate) fn about_primary(key: &SignedPublicKey, allow_sha1: bool) -> Statements {
    let primary = &key.primary_key;
    let mut statements = Statements {
        revoked: key
            .details
            .revocation_signatures
            .iter()
            .any(|revocation| revocation.verify_key(primary).is_ok()),
        ..Statements::default()
    };
    for direct in &key.details.direct_signatures {
        if direct.typ() == Some(SignatureType::Key) && direct.verify_key(primary).is_ok() {
            statements.add(trust_in(direct, allow_sha1), || statement(direct, primary));
        }
    }
    if primary.version() == KeyVersion::V4 {
        for user in &key.details.users {
            about_user_id(user, primary, allow_sha1, &mut statements);
        }
    }
    statements.newest_first()
}

/// A user id that its owner revoked speaks for the key no longer.
fn about_user_id(
    user: &SignedUser,
    primary: &packet::PublicKey,
    allow_sha1: bool,
    statements: &mut Statements,
) {
    let own = |signature: &&packet::Signature| {
        signature.verify_certification(primary, Tag::UserId, &user.id).is_ok()
    };
    let revoked_at = user
        .signatures
        .iter()
        .filter(|signature| signature.typ() == Some(SignatureType::CertRevocation))
        .filter(own)
        .filter_map(packet::Signature::created)
        .max();
    for certification in user
        .signatures
        .iter()
        .filter(|signature| signature.typ() != Some(SignatureType::CertRevocation))
        .filter(|signature| revoked_at.is_none_or(|at| signature.created() > Some(at)))
        .filter(own)
    {
        statements.add(trust_in(certification, allow_sha1), || statement(certification, primary));
    }
}

/// What primary key and subkey say about belonging together.
pub(crate) fn about_subkey(
    primary: &packet::PublicKey,
    subkey: &SignedPublicSubKey,
    allow_sha1: bool,
) -> Statements {
    let mut statements = Statements::default();
    for signature in &subkey.signatures {
        if signature.verify_subkey_binding(primary, &subkey.key).is_err() {
            continue;
        }
        match signature.typ() {
            Some(SignatureType::SubkeyRevocation) => statements.revoked = true,
            Some(SignatureType::SubkeyBinding) => {
                statements
                    .add(trust_in(signature, allow_sha1), || binding(signature, primary, subkey, allow_sha1));
            }
            _ => {}
        }
    }
    statements.newest_first()
}

/// A binding; it lets the subkey sign only if the subkey answers (RFC 9580 section 5.2.1.9).
fn binding(
    signature: &packet::Signature,
    primary: &packet::PublicKey,
    subkey: &SignedPublicSubKey,
    allow_sha1: bool,
) -> Option<Statement> {
    let mut statement = statement(signature, &subkey.key)?;
    let answer = signature
        .embedded_signature()
        .filter(|answer| answer.verify_primary_key_binding(&subkey.key, primary).is_ok())
        .filter(|answer| trust_in(answer, allow_sha1) == Trust::Sufficient);
    match answer.and_then(|answer| Some((answer.created()?, answer.signature_expiration_time()))) {
        Some((made, period)) => {
            let answer_ends = period.and_then(|period| time::end(time::from_library(made), period));
            statement.ends = [statement.ends, answer_ends].into_iter().flatten().min();
        }
        None => statement.may_sign = false,
    }
    Some(statement)
}

fn statement(signature: &packet::Signature, about: &impl KeyDetails) -> Option<Statement> {
    let made = time::from_library(signature.created()?);
    let created = time::from_library(about.created_at());
    // A key without flags may do what its algorithm can, as before flags existed.
    let may = |wanted: fn(&KeyFlags) -> bool| flags(signature).is_none_or(wanted);
    Some(Statement {
        made,
        ends: signature.signature_expiration_time().and_then(|period| time::end(made, period)),
        key_expires: signature.key_expiration_time().and_then(|period| time::end(created, period)),
        may_sign: may(KeyFlags::sign),
        may_encrypt: may(|flags| flags.encrypt_comms() || flags.encrypt_storage()),
        reads: reads(signature),
    })
}

fn flags(signature: &packet::Signature) -> Option<&KeyFlags> {
    signature.config()?.hashed_subpackets().find_map(|subpacket| match &subpacket.data {
        SubpacketData::KeyFlags(flags) => Some(flags),
        _ => None,
    })
}

fn reads(signature: &packet::Signature) -> Reads {
    let mut reads = Reads::default();
    for subpacket in signature.config().into_iter().flat_map(packet::SignatureConfig::hashed_subpackets) {
        match &subpacket.data {
            SubpacketData::Features(features) => reads.aead = features.seipd_v2(),
            SubpacketData::PreferredAeadAlgorithms(suites) => {
                reads.aes256_gcm = suites.contains(&(SymmetricKeyAlgorithm::AES256, AeadAlgorithm::Gcm));
            }
            _ => {}
        }
    }
    reads
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    Sufficient,
    NeedsSha1,
    None,
}

/// Whether a self-signature's hash and subpackets let it count.
fn trust_in(signature: &packet::Signature, allow_sha1: bool) -> Trust {
    let Some(config) = signature.config() else {
        return Trust::None;
    };
    if has_unknown_critical_subpacket(config) {
        return Trust::None;
    }
    match HashAlgorithm::acceptable(config.hash_alg) {
        None => Trust::None,
        Some(HashAlgorithm::Sha1) if !allow_sha1 => Trust::NeedsSha1,
        Some(_) => Trust::Sufficient,
    }
}

/// RFC 9580 section 5.2.3.7: what its maker called critical must be understood. We understand
/// no notation (section 5.2.3.24), so a critical one is as unknown as the rest.
pub(crate) fn has_unknown_critical_subpacket(config: &packet::SignatureConfig) -> bool {
    config
        .hashed_subpackets()
        .chain(config.unhashed_subpackets())
        .filter(|subpacket| subpacket.is_critical)
        .any(|subpacket| {
            matches!(
                subpacket.data,
                SubpacketData::Other(..) | SubpacketData::Experimental(..) | SubpacketData::Notation(_)
            )
        })
}
