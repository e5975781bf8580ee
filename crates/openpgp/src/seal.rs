//! Sealing: encrypting a stream so that only the holders of some keys, or of a passphrase, read it.
//!
//! Nothing is signed and nothing compressed. What comes out is the plain form that every program
//! reads: session keys, then one encrypted packet around one literal packet. Memory use is
//! constant, whatever the length.

use std::io::{self, Cursor, Read, Write};

use jiff::Timestamp;
use pgp::{
    composed::RawSessionKey,
    crypto::{
        aead::{AeadAlgorithm, ChunkSize},
        hash::HashAlgorithm,
        sym::SymmetricKeyAlgorithm,
    },
    packet::{
        PacketTrait, PublicKeyEncryptedSessionKey, SymEncryptedProtectedData, SymKeyEncryptedSessionKey,
    },
    types::{EncryptionKey as LibraryEncryptionKey, Password, StringToKey},
};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore, SeedableRng},
};

use crate::{
    EncryptionKey, Fingerprint, LibraryError, Recipient, RecipientStatus,
    armor_writer::ArmorWriter,
    packet_stream::PacketStream,
    recipient::LibraryKey,
    sealed_message::{AeadMode, Cipher, Protection},
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
    let mut sealing = Sealing::new(best_for_all(recipients, now), seed);
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
    let mut sealing = Sealing::new(Protection::Mdc, seed);
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
/// who reads AEAD (RFC 9580 section 9.6).
fn best_for_all(recipients: &[Recipient], now: Timestamp) -> Protection {
    let all_read = |what: fn(&crate::self_signature::Reads) -> bool| {
        recipients.iter().all(|recipient| what(&recipient.reads(now)))
    };
    if !all_read(|reads| reads.aead) {
        return Protection::Mdc;
    }
    let mode = if all_read(|reads| reads.aes256_gcm) { AeadMode::Gcm } else { AeadMode::Ocb };
    Protection::Aead { cipher: Cipher::Aes256, mode }
}

/// One message on its way: the session key, and who is given it.
struct Sealing {
    random: ChaCha20Rng,
    protection: Protection,
    session_key: RawSessionKey,
    /// The session key for each who may open the message, as packets.
    openers: Vec<u8>,
    keys: Vec<Fingerprint>,
}

const CIPHER: SymmetricKeyAlgorithm = SymmetricKeyAlgorithm::AES256;

/// How much a reader with AEAD has to hold before it may believe it.
const AEAD_CHUNK: ChunkSize = ChunkSize::C64KiB;

/// 31 << 21 bytes, the highest (RFC 9580 section 3.7.1.3).
const MOST_STRETCHED: u8 = 255;

const LITERAL: u8 = 11;
const ENCRYPTED: u8 = 18;

impl Sealing {
    fn new(protection: Protection, seed: [u8; 32]) -> Self {
        let mut random = ChaCha20Rng::from_seed(seed);
        let session_key = CIPHER.new_session_key(&mut random);
        Self { random, protection, session_key, openers: Vec::new(), keys: Vec::new() }
    }

    /// The same key twice is once.
    fn open_to_key(&mut self, key: &EncryptionKey<'_>) -> Result<(), SealError> {
        if self.keys.contains(&key.fingerprint()) {
            return Ok(());
        }
        match key.in_library() {
            LibraryKey::Primary(primary) => self.encrypt_session_key(primary)?,
            LibraryKey::Subkey(subkey) => self.encrypt_session_key(subkey)?,
        }
        self.keys.push(key.fingerprint());
        Ok(())
    }

    fn encrypt_session_key(&mut self, key: &impl LibraryEncryptionKey) -> Result<(), SealError> {
        let Self { random, session_key, .. } = self;
        let packet = match self.protection {
            Protection::Aead { .. } => {
                PublicKeyEncryptedSessionKey::from_session_key_v6(random, session_key, key)?
            }
            _ => PublicKeyEncryptedSessionKey::from_session_key_v3(random, session_key, CIPHER, key)?,
        };
        Ok(packet.to_writer_with_header(&mut self.openers)?)
    }

    fn open_to_passphrase(&mut self, passphrase: &str) -> Result<(), SealError> {
        let stretched = StringToKey::new_iterated(&mut self.random, HashAlgorithm::Sha256, MOST_STRETCHED);
        let passphrase = Password::from(passphrase);
        let packet =
            SymKeyEncryptedSessionKey::encrypt_v4(&passphrase, &self.session_key, stretched, CIPHER)?;
        Ok(packet.to_writer_with_header(&mut self.openers)?)
    }

    fn run<R: Read, W: Write>(self, input: R, output: W, options: &SealOptions) -> Result<Sealed, SealError> {
        let (keys, protection) = (self.keys.clone(), self.protection);
        let header = literal_header(options.file_name.as_deref().unwrap_or_default())?;
        let mut input = Counted { stream: input, bytes: 0 };
        let mut output = Counted { stream: output, bytes: 0 };
        if options.armor {
            let with_checksum = protection == Protection::Mdc;
            let mut armor = ArmorWriter::begin(&mut output, with_checksum).map_err(SealError::Output)?;
            self.write(header, &mut input, &mut armor)?;
            armor.finish().map_err(SealError::Output)?;
        } else {
            self.write(header, &mut input, &mut output)?;
        }
        output.flush().map_err(SealError::Output)?;
        Ok(Sealed { plaintext_bytes: input.bytes, sealed_bytes: output.bytes, keys, protection })
    }

    fn write(mut self, header: Vec<u8>, input: impl Read, output: &mut impl Write) -> Result<(), SealError> {
        output.write_all(&self.openers).map_err(SealError::Output)?;
        let literal = PacketStream::new(LITERAL, Cursor::new(header).chain(input));
        let mode = match self.protection {
            Protection::Aead { mode: AeadMode::Gcm, .. } => AeadAlgorithm::Gcm,
            Protection::Aead { .. } => AeadAlgorithm::Ocb,
            _ => {
                let content =
                    CIPHER.stream_encryptor(&mut self.random, self.session_key.as_ref(), literal)?;
                // RFC 9580 section 5.13.1: the version, then the ciphertext.
                return copy(PacketStream::new(ENCRYPTED, Cursor::new([1]).chain(content)), output);
            }
        };
        let mut salt = [0; 32];
        self.random.fill_bytes(&mut salt);
        let content = SymEncryptedProtectedData::encrypt_seipdv2_stream(
            CIPHER,
            mode,
            AEAD_CHUNK,
            self.session_key.as_ref(),
            salt,
            literal,
        )?;
        // RFC 9580 section 5.13.2.
        let start = [&[2, CIPHER.into(), mode.into(), AEAD_CHUNK.into()], salt.as_slice()].concat();
        copy(PacketStream::new(ENCRYPTED, Cursor::new(start).chain(content)), output)
    }
}

/// RFC 9580 section 5.9: binary, the name, no date: that of the file system is the true one.
fn literal_header(file_name: &str) -> Result<Vec<u8>, SealError> {
    // Programs show what is called so and do not save it.
    if file_name == "_CONSOLE" {
        return Err(SealError::FileName);
    }
    let length = u8::try_from(file_name.len()).map_err(|_| SealError::FileName)?;
    Ok([&[b'b', length], file_name.as_bytes(), &[0; 4]].concat())
}

/// Says on which side it broke. A cipher cannot fail, so that whatever fails to be read is input.
fn copy(mut sealed: impl Read, output: &mut impl Write) -> Result<(), SealError> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match sealed.read(&mut buffer).map_err(SealError::Input)? {
            0 => return Ok(()),
            length => output.write_all(&buffer[..length]).map_err(SealError::Output)?,
        }
    }
}

struct Counted<S> {
    stream: S,
    bytes: u64,
}

impl<S: Read> Read for Counted<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

impl<S: Write> Write for Counted<S> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(buffer)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
