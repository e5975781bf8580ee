//! Reads a sealed message's outside: the session keys before the content, and its first bytes.

use std::io::ErrorKind;

use pgp::{
    packet::{PacketHeader, PublicKeyEncryptedSessionKey, SymKeyEncryptedSessionKey},
    types::{PacketLength, StringToKey, Tag},
};

use crate::{
    Fingerprint,
    armor::{self, Broken, Line, Lines},
    sealed_message::{AeadMode, Cipher, NamedKey, Opener, Protection, SealedMessage, Stretching},
};

/// Why nothing can be said. All of these are for whoever has the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DescribeError {
    /// Another kind of file.
    #[error("this is not an OpenPGP message")]
    NotOpenPgp,
    /// A key, a signature, a signed text, or a message that everybody can read.
    #[error("this is OpenPGP, and not encrypted")]
    NotSealed,
    /// It ends before the content begins.
    #[error("the message is cut off")]
    CutOff,
    /// Damaged, or made by a broken program.
    #[error("the message is malformed: {0}")]
    Malformed(&'static str),
}

impl From<Broken> for DescribeError {
    fn from(Broken(why): Broken) -> Self {
        Self::Malformed(why)
    }
}

/// Describes the message that begins with `beginning`, armored or not, without any key.
///
/// The first 64 KiB of a file are enough for some hundred recipients. Nothing behind the first
/// bytes of the encrypted content is looked at.
pub fn describe(beginning: &[u8]) -> Result<SealedMessage, DescribeError> {
    let Some(first) = beginning.first() else {
        return Err(DescribeError::NotOpenPgp);
    };
    // The first bit of every packet is set (RFC 9580 section 4.2), of every letter not.
    if first & 0x80 != 0 && !beginning.starts_with(armor::BYTE_ORDER_MARK) {
        describe_packets(beginning, false)
    } else {
        describe_packets(&dearmor(beginning)?, true)
    }
}

/// Text before the armor is read over, as mail has it.
fn dearmor(text: &[u8]) -> Result<Vec<u8>, DescribeError> {
    let mut lines = Lines::new(text.strip_prefix(armor::BYTE_ORDER_MARK).unwrap_or(text));
    let begins = |line: &Line<'_>| line.text.starts_with(b"-----BEGIN PGP ");
    match lines.find(begins).ok_or(DescribeError::NotOpenPgp)?.text {
        b"-----BEGIN PGP MESSAGE-----" => Ok(armor::decode_beginning(&mut lines)?),
        _ => Err(DescribeError::NotSealed),
    }
}

fn describe_packets(mut rest: &[u8], armored: bool) -> Result<SealedMessage, DescribeError> {
    let mut openers = Vec::new();
    loop {
        let header = match PacketHeader::try_from_reader(&mut rest) {
            Ok(header) => header,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(DescribeError::CutOff),
            Err(_) => return Err(DescribeError::NotOpenPgp),
        };
        let protection = match header.tag() {
            Tag::PublicKeyEncryptedSessionKey => {
                openers.push(key_opener(header, take_body(&mut rest, header)?)?);
                continue;
            }
            Tag::SymKeyEncryptedSessionKey => {
                openers.push(passphrase_opener(header, take_body(&mut rest, header)?)?);
                continue;
            }
            // RFC 9580 sections 5.8 and 5.14: to be ignored wherever they stand.
            Tag::Marker | Tag::Padding => {
                take_body(&mut rest, header)?;
                continue;
            }
            Tag::SymEncryptedProtectedData => protection(rest)?,
            Tag::SymEncryptedData => Protection::None,
            Tag::GnupgAeadData => Protection::GnupgAead,
            _ if !openers.is_empty() => {
                return Err(DescribeError::Malformed("session keys without encrypted content"));
            }
            Tag::Signature
            | Tag::OnePassSignature
            | Tag::LiteralData
            | Tag::CompressedData
            | Tag::PublicKey
            | Tag::SecretKey => return Err(DescribeError::NotSealed),
            _ => return Err(DescribeError::NotOpenPgp),
        };
        return Ok(SealedMessage { armored, openers, protection });
    }
}

/// What stands before the content is short and says how long it is.
fn take_body<'a>(rest: &mut &'a [u8], header: PacketHeader) -> Result<&'a [u8], DescribeError> {
    let PacketLength::Fixed(length) = header.packet_length() else {
        return Err(DescribeError::Malformed("a session key without a length"));
    };
    let length = usize::try_from(length).map_err(|_| DescribeError::CutOff)?;
    let (body, behind) = rest.split_at_checked(length).ok_or(DescribeError::CutOff)?;
    *rest = behind;
    Ok(body)
}

pub(crate) fn key_opener(header: PacketHeader, body: &[u8]) -> Result<Opener, DescribeError> {
    let packet = PublicKeyEncryptedSessionKey::try_from_reader(header, body)
        .map_err(|_| DescribeError::Malformed("a session key for a key"))?;
    Ok(match packet {
        PublicKeyEncryptedSessionKey::V3 { id, .. } if id.is_wildcard() => Opener::Key(NamedKey::Hidden),
        PublicKeyEncryptedSessionKey::V3 { id, .. } => {
            let id = id.as_ref().try_into().expect("a key id has eight bytes");
            Opener::Key(NamedKey::KeyId(id))
        }
        PublicKeyEncryptedSessionKey::V6 { fingerprint: None, .. } => Opener::Key(NamedKey::Hidden),
        PublicKeyEncryptedSessionKey::V6 { fingerprint: Some(fingerprint), .. } => {
            Fingerprint::from_library(&fingerprint)
                .map_or(Opener::Unknown, |known| Opener::Key(NamedKey::Fingerprint(known)))
        }
        PublicKeyEncryptedSessionKey::Other { .. } => Opener::Unknown,
    })
}

pub(crate) fn passphrase_opener(header: PacketHeader, body: &[u8]) -> Result<Opener, DescribeError> {
    let packet = SymKeyEncryptedSessionKey::try_from_reader(header, body)
        .map_err(|_| DescribeError::Malformed("a session key for a passphrase"))?;
    let stretching = match packet.s2k() {
        None => return Ok(Opener::Unknown),
        Some(StringToKey::Simple { .. }) => Stretching::None,
        Some(StringToKey::Salted { .. }) => Stretching::Salted,
        // RFC 9580 section 3.7.1.3.
        Some(StringToKey::IteratedAndSalted { count, .. }) => {
            Stretching::Iterated { bytes: (16 + u32::from(count & 15)) << (u32::from(count >> 4) + 6) }
        }
        Some(StringToKey::Argon2 { m_enc, .. }) => Stretching::Argon2 { memory_power: *m_enc },
        Some(_) => Stretching::Unknown,
    };
    Ok(Opener::Passphrase(stretching))
}

/// RFC 9580 sections 5.13.1 and 5.13.2.
fn protection(content: &[u8]) -> Result<Protection, DescribeError> {
    match content {
        [] | [2] | [2, _] => Err(DescribeError::CutOff),
        [1, ..] => Ok(Protection::Mdc),
        [2, cipher, mode, ..] => {
            Ok(Protection::Aead { cipher: Cipher::numbered(*cipher), mode: AeadMode::numbered(*mode) })
        }
        _ => Ok(Protection::Unknown),
    }
}
