//! The machinery of sealing: one message on its way from session key to last byte.

use std::io::{self, Cursor, Read, Write};

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
    EncryptionKey, Fingerprint, SealError, SealOptions, Sealed,
    armor_writer::ArmorWriter,
    cfb,
    gcm::GcmChunks,
    mdc::WithMdc,
    packet_stream::PacketStream,
    recipient::LibraryKey,
    sealed_message::{AeadMode, Cipher, Protection},
};

/// One message on its way: the session key, and who is given it.
pub(crate) struct Sealing {
    random: ChaCha20Rng,
    /// Without: a modification detection code.
    aead: Option<AeadAlgorithm>,
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
    pub(crate) fn new(aead: Option<AeadAlgorithm>, seed: [u8; 32]) -> Self {
        let mut random = ChaCha20Rng::from_seed(seed);
        let session_key = CIPHER.new_session_key(&mut random);
        Self { random, aead, session_key, openers: Vec::new(), keys: Vec::new() }
    }

    /// The same key twice is once.
    pub(crate) fn open_to_key(&mut self, key: &EncryptionKey<'_>) -> Result<(), SealError> {
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
        let packet = match self.aead {
            Some(_) => PublicKeyEncryptedSessionKey::from_session_key_v6(random, session_key, key)?,
            None => PublicKeyEncryptedSessionKey::from_session_key_v3(random, session_key, CIPHER, key)?,
        };
        Ok(packet.to_writer_with_header(&mut self.openers)?)
    }

    pub(crate) fn open_to_passphrase(&mut self, passphrase: &str) -> Result<(), SealError> {
        let stretched = StringToKey::new_iterated(&mut self.random, HashAlgorithm::Sha256, MOST_STRETCHED);
        let passphrase = Password::from(passphrase);
        let packet =
            SymKeyEncryptedSessionKey::encrypt_v4(&passphrase, &self.session_key, stretched, CIPHER)?;
        Ok(packet.to_writer_with_header(&mut self.openers)?)
    }

    pub(crate) fn run<R: Read, W: Write>(
        self,
        input: R,
        output: W,
        options: &SealOptions,
    ) -> Result<Sealed, SealError> {
        let (keys, protection) = (self.keys.clone(), self.protection());
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

    fn protection(&self) -> Protection {
        self.aead.map_or(Protection::Mdc, |mode| Protection::Aead {
            cipher: Cipher::numbered(CIPHER.into()),
            mode: AeadMode::numbered(mode.into()),
        })
    }

    fn write(mut self, header: Vec<u8>, input: impl Read, output: &mut impl Write) -> Result<(), SealError> {
        output.write_all(&self.openers).map_err(SealError::Output)?;
        let literal = PacketStream::new(LITERAL, Cursor::new(header).chain(input));
        let key = self.session_key.as_ref();
        let Some(mode) = self.aead else {
            // RFC 9580 section 5.13.1: the version, then the ciphertext.
            let content = WithMdc::new(random_bytes(&mut self.random), literal);
            return cfb::write_encrypted(ENCRYPTED, key, Cursor::new([1]).chain(content), output);
        };
        let salt = random_bytes(&mut self.random);
        // RFC 9580 section 5.13.2.
        let parameters = [2, CIPHER.into(), mode.into(), AEAD_CHUNK.into()];
        let start = Cursor::new([&parameters, salt.as_slice()].concat());
        if mode == AeadAlgorithm::Gcm {
            let [version, cipher, mode, chunk] = parameters;
            let associated = [0xc0 | ENCRYPTED, version, cipher, mode, chunk];
            let content = GcmChunks::new(associated, AEAD_CHUNK, key, &salt, literal);
            return copy(PacketStream::new(ENCRYPTED, start.chain(content)), output);
        }
        let content =
            SymEncryptedProtectedData::encrypt_seipdv2_stream(CIPHER, mode, AEAD_CHUNK, key, salt, literal)?;
        copy(PacketStream::new(ENCRYPTED, start.chain(content)), output)
    }
}

fn random_bytes<const N: usize>(random: &mut ChaCha20Rng) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill_bytes(&mut bytes);
    bytes
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
        match sealed.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => output.write_all(&buffer[..length]).map_err(SealError::Output)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(SealError::Input(error)),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Around every size at which a piece, a chunk or a unit is full.
    fn sizes() -> Vec<usize> {
        let full = [65_536, 2 * 65_536, 4 * 65_536, 8 * 65_536, 13 * 65_536];
        let around = full.iter().flat_map(|full| full - 90..full + 20);
        around.chain([0, 1, 200, 3_000_000]).collect()
    }

    fn content(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 31 % 251).to_be_bytes()[7]).collect()
    }

    fn ours(aead: Option<AeadAlgorithm>, content: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        let sealing = Sealing::new(aead, [5; 32]);
        sealing.run(content, &mut output, &SealOptions::default()).unwrap();
        output
    }

    /// The same with nothing but the library.
    fn libraries(aead: Option<AeadAlgorithm>, content: &[u8]) -> Vec<u8> {
        let Sealing { mut random, session_key, .. } = Sealing::new(aead, [5; 32]);
        let literal = PacketStream::new(LITERAL, Cursor::new(literal_header("").unwrap()).chain(content));
        let mut body = Vec::new();
        if let Some(mode) = aead {
            let salt = random_bytes(&mut random);
            body.extend([2, CIPHER.into(), mode.into(), AEAD_CHUNK.into()]);
            body.extend(salt);
            let (key, size) = (session_key.as_ref(), AEAD_CHUNK);
            SymEncryptedProtectedData::encrypt_seipdv2_stream(CIPHER, mode, size, key, salt, literal)
                .unwrap()
                .read_to_end(&mut body)
                .unwrap();
        } else {
            body.push(1);
            let mut encrypted = CIPHER.stream_encryptor(random, session_key.as_ref(), literal).unwrap();
            encrypted.read_to_end(&mut body).unwrap();
        }
        let mut output = Vec::new();
        PacketStream::new(ENCRYPTED, body.as_slice()).read_to_end(&mut output).unwrap();
        output
    }

    #[test]
    fn the_fast_way_with_a_modification_detection_code_gives_the_librarys_bytes() {
        for size in sizes() {
            let content = content(size);
            assert!(ours(None, &content) == libraries(None, &content), "{size} bytes");
        }
    }

    #[test]
    fn the_fast_way_with_gcm_gives_the_librarys_bytes() {
        for size in sizes().into_iter().step_by(7) {
            let content = content(size);
            let gcm = Some(AeadAlgorithm::Gcm);
            assert!(ours(gcm, &content) == libraries(gcm, &content), "{size} bytes");
        }
    }
}
