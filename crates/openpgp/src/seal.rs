//! Sealing: encrypting a stream so that only the holders of some keys, or of a passphrase, read it.
//!
//! Nothing is signed and nothing compressed. What comes out is the plain form that every program
//! reads: session keys, then one encrypted packet around one literal packet. Memory use is
//! constant, whatever the length.

use std::io::{self, Read, Write};

use jiff::Timestamp;
use pgp::crypto::aead::AeadAlgorithm;

use crate::{
    EncryptionKey, Fingerprint, LibraryError, Recipient, RecipientStatus, sealed_message::Protection,
    sealing::Sealing, self_signature::Reads,
};

/// How the sealed message looks from outside, and what it calls itself inside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SealOptions {
    /// Text that survives mail, a third longer, instead of bytes.
    pub armor: bool,
    /// What programs may offer as a name when they open it: at most 255 bytes. Sealed like the rest.
    pub file_name: Option<String>,
}

/// What was sealed, for a record of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Bytes that were read.
    pub plaintext_bytes: u64,
    /// Bytes that were written.
    pub sealed_bytes: u64,
    /// The keys that open it, each alone; empty for a passphrase. Subkeys' where those were used.
    pub keys: Vec<Fingerprint>,
    /// How the content is protected.
    pub protection: Protection,
}

/// Why nothing was sealed. What was written up to then is worthless, and no reader takes it for whole.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    // Whoever named the recipients can act: take another key, or a new copy of it from its owner.
    /// Nobody could open it.
    #[error("no recipients")]
    NoRecipients,
    /// The recipient's key ran out; its owner may have prolonged it.
    #[error("the key {0} expired at {1}")]
    Expired(Fingerprint, Timestamp),
    /// The recipient took the key back, or every part of it that could encrypt.
    #[error("the key {0} is revoked")]
    Revoked(Fingerprint),
    /// No part of the recipient's key is good for encryption at this moment.
    #[error("the key {0} cannot encrypt")]
    CannotEncrypt(Fingerprint),

    // The caller can act.
    /// Empty, or holds what nobody can type.
    #[error("a passphrase that is empty or has control characters")]
    Passphrase,
    /// Longer than 255 bytes, or one that programs take as an order (RFC 9580 section 5.9).
    #[error("a file name that a sealed message cannot carry")]
    FileName,

    // The operator can act.
    /// What was to be sealed cannot be read to its end.
    #[error("reading what is to be sealed: {0}")]
    Input(#[source] io::Error),
    /// There is no room for it, or nobody takes it any more.
    #[error("writing what was sealed: {0}")]
    Output(#[source] io::Error),
    /// The library refused, which checked keys should not make it do.
    #[error(transparent)]
    Library(#[from] LibraryError),
}

impl From<pgp::errors::Error> for SealError {
    fn from(error: pgp::errors::Error) -> Self {
        Self::Library(LibraryError(error))
    }
}

/// Seals all that `input` gives to `recipients`: each of them alone can open it.
///
/// `now` decides which of a recipient's keys is used and whether it is still good. `seed` is 32
/// fresh bytes from the operating system's random source, never used for anything else: whoever
/// knows it can open the message.
///
/// AES-256 throughout. With AEAD (RFC 9580) where every recipient's key says that its owner reads
/// that, otherwise with a modification detection code, which GnuPG 2.2 reads. A key that does not
/// list AES-256 among its preferences gets it all the same: no program of this century lacks it.
///
/// Memory use is constant. Longer content with a modification detection code is encrypted by a thread
/// that lives as long as the call; `input` and `output` stay on the caller's.
///
/// # Errors
///
/// [`SealError`], grouped by who can act. Every recipient is looked at before anything is read or
/// written, and one that is not usable stops it all.
pub fn seal_to<R: Read, W: Write>(
    input: R,
    output: W,
    recipients: &[Recipient],
    now: Timestamp,
    seed: [u8; 32],
    options: &SealOptions,
) -> Result<Sealed, SealError> {
    if recipients.is_empty() {
        return Err(SealError::NoRecipients);
    }
    let keys: Vec<_> = recipients.iter().map(|it| usable_key(it, now)).collect::<Result<_, _>>()?;
    let mut sealing = Sealing::new(aead_for_all(recipients, now), seed);
    for key in keys {
        sealing.open_to_key(&key)?;
    }
    sealing.run(input, output, options)
}

/// Seals all that `input` gives with a passphrase, in the form that GnuPG 2.2 reads.
///
/// The passphrase is stretched with SHA-256 over 65 million bytes, the most that the format can
/// say: that slows a guess to a fraction of a second and saves no weak passphrase. Use one of 128
/// random bits. `seed` as in [`seal_to`].
///
/// # Errors
///
/// [`SealError::Passphrase`] and [`SealError::FileName`] before anything is read or written.
pub fn seal_with_passphrase<R: Read, W: Write>(
    input: R,
    output: W,
    passphrase: &str,
    seed: [u8; 32],
    options: &SealOptions,
) -> Result<Sealed, SealError> {
    if passphrase.is_empty() || passphrase.chars().any(char::is_control) {
        return Err(SealError::Passphrase);
    }
    let mut sealing = Sealing::new(None, seed);
    sealing.open_to_passphrase(passphrase)?;
    sealing.run(input, output, options)
}

fn usable_key(recipient: &Recipient, now: Timestamp) -> Result<EncryptionKey<'_>, SealError> {
    let fingerprint = recipient.fingerprint();
    match recipient.status(now) {
        RecipientStatus::Usable { .. } => recipient.key_at(now).ok_or(SealError::CannotEncrypt(fingerprint)),
        RecipientStatus::Expired(at) => Err(SealError::Expired(fingerprint, at)),
        RecipientStatus::Revoked => Err(SealError::Revoked(fingerprint)),
        RecipientStatus::CannotEncrypt => Err(SealError::CannotEncrypt(fingerprint)),
    }
}

/// GCM, the faster, where all say that they read it with AES-256; OCB is what everybody has to read
/// who reads AEAD (RFC 9580 section 9.6). `None` where not everybody does.
fn aead_for_all(recipients: &[Recipient], now: Timestamp) -> Option<AeadAlgorithm> {
    let all_read = |what: fn(Reads) -> bool| recipients.iter().all(|recipient| what(recipient.reads(now)));
    if !all_read(|reads| reads.aead) {
        None
    } else if all_read(|reads| reads.aes256_gcm) {
        Some(AeadAlgorithm::Gcm)
    } else {
        Some(AeadAlgorithm::Ocb)
    }
}
