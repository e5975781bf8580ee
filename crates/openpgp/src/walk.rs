//! Walks over a whole sealed message without any key.

use std::io::{self, BufRead, Read};

use pgp::{
    packet::{PacketHeader, PublicKeyEncryptedSessionKey},
    types::Tag,
};

use crate::{
    describe::{DescribeError, key_opener, passphrase_opener},
    flaw::Flaw,
    message_input::MessageInput,
    packet_reader::{Packet, Positioned, TOO_LONG},
    sealed_message::{AeadMode, Cipher, Protection, SealedMessage},
};

/// A sealed message whose structure is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked {
    /// Who can open it, and how it is protected.
    pub message: SealedMessage,
    /// All that was read: the file's length.
    pub file_bytes: u64,
    /// Of the encrypted packet's body, some dozens more than what is inside.
    pub content_bytes: u64,
    /// In how many pieces the encrypted packet came.
    pub pieces: u64,
}

/// Reads a whole sealed message, armored or not, without any key.
///
/// Checks that every packet and every length follows the format, that the message is complete, and
/// that nothing stands behind it. Memory use is constant, whatever the message is.
///
/// What it cannot see is a changed byte inside the encrypted content, nor a file that was swapped
/// for another: compare a hash that was kept elsewhere, or open it. In armor a checksum catches
/// accidents.
///
/// # Errors
///
/// [`Flaw`], with the byte at which the message ends too early or is damaged.
pub fn walk(input: impl Read) -> Result<Walked, Flaw> {
    let Outside { message, container, mut content, .. } = Outside::read(MessageInput::new(input)?)?;
    let at = content.position();
    if content.has_no_length() {
        return Err(Flaw::Malformed { at, what: "content that does not say where it ends" });
    }
    let rest = content.skip()?;
    if !container.may_hold(rest) {
        return Err(Flaw::Malformed { at, what: "content of a length that cannot be" });
    }
    let pieces = content.pieces();
    let file_bytes = expect_end(content.into_source())?;
    Ok(Walked { message, file_bytes, content_bytes: rest + container.header_bytes(), pieces })
}

/// Nothing may follow a message. Returns how long it was.
pub(crate) fn expect_end(mut input: impl Positioned) -> Result<u64, Flaw> {
    if input.fill_buf()?.is_empty() {
        Ok(input.position())
    } else {
        Err(Flaw::Trailing { at: input.position() })
    }
}

/// What stands before the encrypted bytes, and the stream of those.
pub(crate) struct Outside<S> {
    pub(crate) message: SealedMessage,
    pub(crate) session_keys: Vec<PublicKeyEncryptedSessionKey>,
    pub(crate) container: Container,
    pub(crate) content: Packet<S>,
}

/// The encrypted packet's own beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    /// RFC 9580 section 5.13.1.
    Mdc,
    /// RFC 9580 section 5.13.2, with the numbers that it has there.
    Aead { cipher: u8, mode: u8, chunk: u8, salt: [u8; 32] },
    /// What is not opened here.
    Other(Protection),
}

/// Some hundred recipients with the longest keys.
const MOST_OUTSIDE: usize = 256 * 1024;

/// What an opener takes apart from its bytes.
const OPENER: usize = 64;

impl<R: Read> Outside<MessageInput<R>> {
    pub(crate) fn read(mut input: MessageInput<R>) -> Result<Self, Flaw> {
        let armored = input.is_armored();
        let (mut openers, mut session_keys) = (Vec::new(), Vec::new());
        let mut room = MOST_OUTSIDE;
        loop {
            if input.fill_buf()?.is_empty() {
                return Err(Flaw::CutOff { at: input.position() });
            }
            let at = input.position();
            let malformed = |what| Flaw::Malformed { at, what };
            let packet = Packet::next(input).map_err(Flaw::from);
            let first = openers.is_empty() && !armored;
            let mut packet = packet.map_err(|flaw| if first { flaw.at_the_start() } else { flaw })?;
            match Tag::from(packet.tag) {
                tag @ (Tag::PublicKeyEncryptedSessionKey | Tag::SymKeyEncryptedSessionKey) => {
                    let body = packet.whole(room)?;
                    room = room.checked_sub(body.len() + OPENER).ok_or(malformed(TOO_LONG))?;
                    let header = PacketHeader::new_fixed(tag, u32::try_from(body.len()).unwrap_or(u32::MAX));
                    let opener = if tag == Tag::PublicKeyEncryptedSessionKey {
                        session_keys.extend(PublicKeyEncryptedSessionKey::try_from_reader(header, &body[..]));
                        key_opener(header, &body)
                    } else {
                        passphrase_opener(header, &body)
                    };
                    openers.push(opener.map_err(|error| malformed(in_words(error)))?);
                }
                // RFC 9580 sections 5.8 and 5.14: to be ignored wherever they stand.
                Tag::Marker | Tag::Padding => {
                    packet.skip()?;
                }
                Tag::SymEncryptedProtectedData | Tag::SymEncryptedData | Tag::GnupgAeadData => {
                    let container = Container::read(&mut packet)?;
                    let message = SealedMessage { armored, openers, protection: container.protection() };
                    return Ok(Self { message, session_keys, container, content: packet });
                }
                _ if !openers.is_empty() => {
                    return Err(malformed("session keys without encrypted content"));
                }
                Tag::Signature
                | Tag::OnePassSignature
                | Tag::LiteralData
                | Tag::CompressedData
                | Tag::PublicKey
                | Tag::SecretKey => return Err(Flaw::NotSealed),
                _ => return Err(Flaw::NotOpenPgp),
            }
            input = packet.into_source();
        }
    }
}

fn in_words(error: DescribeError) -> &'static str {
    match error {
        DescribeError::Malformed(what) => what,
        DescribeError::NotOpenPgp | DescribeError::NotSealed | DescribeError::CutOff => "a session key",
    }
}

impl Container {
    fn read(packet: &mut Packet<impl Positioned>) -> Result<Self, Flaw> {
        match Tag::from(packet.tag) {
            Tag::SymEncryptedData => return Ok(Self::Other(Protection::None)),
            Tag::GnupgAeadData => return Ok(Self::Other(Protection::GnupgAead)),
            _ => {}
        }
        let [version] = take(packet)?;
        if version == 1 {
            return Ok(Self::Mdc);
        }
        if version != 2 {
            return Ok(Self::Other(Protection::Unknown));
        }
        let at = packet.position();
        let [cipher, mode, chunk] = take(packet)?;
        if chunk > MOST_CHUNK {
            return Err(Flaw::Malformed { at, what: "chunks that are too long" });
        }
        Ok(Self::Aead { cipher, mode, chunk, salt: take(packet)? })
    }

    pub(crate) fn protection(&self) -> Protection {
        match self {
            Self::Mdc => Protection::Mdc,
            Self::Aead { cipher, mode, .. } => {
                Protection::Aead { cipher: Cipher::numbered(*cipher), mode: AeadMode::numbered(*mode) }
            }
            Self::Other(protection) => *protection,
        }
    }

    fn header_bytes(&self) -> u64 {
        match self {
            Self::Mdc | Self::Other(Protection::Unknown) => 1,
            Self::Aead { .. } => 36,
            Self::Other(_) => 0,
        }
    }

    /// Whether so many encrypted bytes are possible.
    fn may_hold(&self, bytes: u64) -> bool {
        match self {
            // The shortest prefix, and the code at the end.
            Self::Mdc => bytes >= 10 + 22,
            Self::Aead { mode, chunk, .. } => match AeadMode::numbered(*mode) {
                AeadMode::Other(_) => true,
                AeadMode::Eax | AeadMode::Ocb | AeadMode::Gcm => {
                    // Full chunks with a tag each, one that may be shorter, a last tag.
                    let chunks = bytes.checked_sub(TAG);
                    let shorter = chunks.map(|chunks| chunks % ((1 << (chunk + 6)) + TAG));
                    shorter.is_some_and(|shorter| shorter == 0 || shorter > TAG)
                }
            },
            Self::Other(_) => true,
        }
    }
}

/// What EAX, OCB and GCM authenticate with.
const TAG: u64 = 16;

/// 4 MiB (RFC 9580 section 5.13.2).
const MOST_CHUNK: u8 = 16;

fn take<const N: usize>(packet: &mut Packet<impl Positioned>) -> Result<[u8; N], Flaw> {
    let mut taken = [0; N];
    match packet.read_exact(&mut taken) {
        Ok(()) => Ok(taken),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(Flaw::Malformed { at: packet.position(), what: "content that is too short" })
        }
        Err(error) => Err(error.into()),
    }
}
