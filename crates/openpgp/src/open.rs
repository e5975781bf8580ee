//! Opening: decrypting a stream with a secret key out of a file.

use std::io::{self, BufRead, Read, Write};

use pgp::{
    composed::PlainSessionKey, crypto::aead::ChunkSize, packet::StreamDecryptor, types::Seipdv1ReadMode,
};

use crate::{
    Fingerprint,
    flaw::Flaw,
    message_input::MessageInput,
    opened_content::{Sink, read_packets},
    opening_key::{Opening, OpeningKey},
    packet_reader::{Counted, read_buffered},
    sealed_message::{AeadMode, Cipher, NamedKey, Opener, Protection},
    walk::{Container, Outside, expect_end},
};

/// What was opened, whole and as it was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The key that opened it, mostly a subkey.
    pub key: Fingerprint,
    /// How the content was protected.
    pub protection: Protection,
    /// Bytes that were read.
    pub sealed_bytes: u64,
    /// Bytes that were written.
    pub plaintext_bytes: u64,
}

/// Why a message was not opened. Whatever was written until then must be deleted.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    // Whoever has the key can act.
    /// It is sealed to other keys.
    #[error("this key does not open the message; it needs {}", in_words(.needs))]
    WrongKey {
        /// Any one of these opens it. Mostly subkeys.
        needs: Vec<NamedKey>,
    },
    /// It is sealed with a passphrase and to no key.
    #[error("only a passphrase opens this message")]
    NeedsPassphrase,

    // Whoever has the file can act: get another copy.
    /// Cut off, damaged, or no sealed message at all.
    #[error(transparent)]
    Flaw(#[from] Flaw),
    /// The session key for our key is damaged.
    #[error("the message is damaged: what it holds for the key {0} is no session key")]
    SessionKey(Fingerprint),
    /// The encrypted content is not what was sealed.
    #[error("the message is damaged: its content was changed or cut")]
    Damaged,

    // Whoever made the message can act.
    /// Other programs may open it.
    #[error("the message cannot be opened here: {0}")]
    Unsupported(&'static str),
    /// Unchanged since it was sealed, and not a message inside.
    #[error("the message was sealed broken: {0}")]
    Content(&'static str),

    // The caller can act.
    /// More comes out than was to be expected.
    #[error("the message holds more than {0} bytes")]
    TooLong(u64),
    /// There is no room for it, or nobody takes it any more.
    #[error("writing what was opened: {0}")]
    Output(#[source] io::Error),
}

fn in_words(keys: &[NamedKey]) -> String {
    keys.iter().map(NamedKey::to_string).collect::<Vec<_>>().join(" or ")
}

/// Opens a sealed message, armored or not, with `key`, and writes what is inside.
///
/// Takes what [`seal_to`](crate::seal_to), GnuPG and Sequoia make, compressed content (zip, zlib)
/// included. Of a message that was signed before it was sealed the signature is not looked at.
/// `most` bounds what is written, since a few compressed bytes can stand for as many as they like.
/// Memory use is constant: some kilobytes, with AEAD up to 8 MiB if the message has the longest
/// chunks.
///
/// **Output comes before the proof.** Whether a message with a modification detection code is as it
/// was sealed shows at its very end; with AEAD each chunk is proven before it is written, and that
/// none is missing at the end. Only `Ok` says that what was written is what was sealed. It says
/// nothing about who sealed it: whoever has the public key can.
///
/// # Errors
///
/// [`OpenError`], grouped by who can act. Nothing was written with [`OpenError::WrongKey`] and
/// [`OpenError::NeedsPassphrase`]; with all others delete what was.
pub fn open_to(
    input: impl Read,
    output: impl Write,
    key: &OpeningKey,
    most: u64,
) -> Result<Opened, OpenError> {
    let input = MessageInput::new(input).map_err(Flaw::from)?;
    let Outside { message, session_keys, container, content } = Outside::read(input)?;
    let (key, session_key) = match key.open(&session_keys) {
        Opening::Opened(key, session_key) => (key, session_key),
        Opening::Broken(key) => return Err(OpenError::SessionKey(key)),
        Opening::NotOurs => return Err(needs(&message.openers)),
    };
    let mut decrypted = Decrypted::new(decryptor(container, &session_key, content)?);
    let mut sink = Sink::new(output, most);
    let read = read_packets(&mut Counted::new(&mut decrypted), &mut sink);
    let content = decrypted.finish(read)?;
    let sealed_bytes = expect_end(content.into_source())?;
    let plaintext_bytes = sink.finish()?;
    Ok(Opened { key, protection: message.protection, sealed_bytes, plaintext_bytes })
}

fn needs(openers: &[Opener]) -> OpenError {
    let keys = openers.iter().filter_map(|opener| match opener {
        Opener::Key(key) => Some(*key),
        Opener::Passphrase(_) | Opener::Unknown => None,
    });
    let needs: Vec<_> = keys.collect();
    match needs.is_empty() {
        true if openers.contains(&Opener::Unknown) => {
            OpenError::Unsupported("its session keys are of a new kind")
        }
        true => OpenError::NeedsPassphrase,
        false => OpenError::WrongKey { needs },
    }
}

/// The session key must be of the same version as the content (RFC 9580 section 10.3.2.1).
fn decryptor<S: BufRead>(
    container: Container,
    session_key: &PlainSessionKey,
    content: S,
) -> Result<StreamDecryptor<S>, OpenError> {
    const UNKNOWN: OpenError = OpenError::Unsupported("its cipher is unknown");
    match (container, session_key) {
        (Container::Mdc, PlainSessionKey::V3_4 { sym_alg, key }) => {
            StreamDecryptor::v1(*sym_alg, Seipdv1ReadMode::Streaming, key.as_ref(), content)
                .map_err(|_| UNKNOWN)
        }
        (Container::Aead { cipher, mode, chunk, salt }, PlainSessionKey::V6 { key }) => {
            // The library panics at a mode that it does not know.
            if let (Cipher::Other(_), _) | (_, AeadMode::Other(_)) =
                (Cipher::numbered(cipher), AeadMode::numbered(mode))
            {
                return Err(UNKNOWN);
            }
            let chunk = ChunkSize::try_from(chunk).map_err(|_| UNKNOWN)?;
            StreamDecryptor::v2(cipher.into(), mode.into(), chunk, &salt, key.as_ref(), content)
                .map_err(|_| UNKNOWN)
        }
        (Container::Other(Protection::None), _) => {
            Err(OpenError::Unsupported("nothing would show whether it was changed"))
        }
        (Container::Other(_), _) => Err(OpenError::Unsupported("its protection is not of the standard")),
        (Container::Mdc | Container::Aead { .. }, _) => {
            Err(OpenError::Unsupported("its session key is for another kind of content"))
        }
    }
}

/// Decrypted content that remembers why it could not go on.
struct Decrypted<S: BufRead> {
    decryptor: StreamDecryptor<S>,
    failure: Option<OpenError>,
}

impl<S: BufRead> Decrypted<S> {
    fn new(decryptor: StreamDecryptor<S>) -> Self {
        Self { decryptor, failure: None }
    }

    /// Gives back the stream beneath, if `read` went well and the content is proven.
    ///
    /// What looks broken inside may be so because somebody changed it: then that is the answer.
    fn finish(mut self, read: Result<(), OpenError>) -> Result<S, OpenError> {
        if let Err(OpenError::Content(_) | OpenError::Unsupported(_)) = read {
            while let Ok(length @ 1..) = self.fill_buf().map(<[u8]>::len) {
                self.consume(length);
            }
        }
        match self.failure {
            Some(failure) => Err(failure),
            None => read.map(|()| self.decryptor.into_inner()),
        }
    }
}

impl<S: BufRead> BufRead for Decrypted<S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.failure.is_none()
            && let Err(error) = self.decryptor.fill_buf()
        {
            // What the message's own structure says, or else the cipher's answer.
            self.failure = Some(error.downcast::<Flaw>().map_or(OpenError::Damaged, OpenError::Flaw));
        }
        match self.failure {
            Some(_) => Err(io::Error::other("told elsewhere")),
            None => self.decryptor.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        self.decryptor.consume(amount);
    }
}

impl<S: BufRead> Read for Decrypted<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, buffer)
    }
}
