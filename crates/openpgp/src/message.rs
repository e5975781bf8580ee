//! The two wire forms of a signed message, taken apart: what was signed, and the signature.
//!
//! *Cleartext* (RFC 9580 section 7): readable text, then an armored signature over it.
//! *Inline*: an armored message, one-pass signature, literal data, signature (or the old order,
//! signature first), all of it possibly inside one compressed packet.
//! Whatever else OpenPGP can say is refused by name.

use std::io::Read;

use pgp::{
    packet::{LiteralData, Packet, PacketParser, Signature, SignatureType},
    ser::Serialize,
};

use crate::{
    Refusal,
    armor::{self, Broken, Line, Lines},
};

/// How much of a message is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the armored message.
    pub message: usize,
    /// Bytes that a compressed message may unfold to, signature and packet headers included.
    pub decompressed: usize,
}

impl Default for Limits {
    /// 64 KiB for both.
    fn default() -> Self {
        Self { message: 64 * 1024, decompressed: 64 * 1024 }
    }
}

/// One signed message, not yet verified.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) signature: Signature,
    pub(crate) signature_type: SignatureType,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Cleartext(Vec<u8>),
    Inline(LiteralData),
}

const CLEARTEXT_BEGIN: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE_BEGIN: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const SIGNATURE_END: &[u8] = b"-----END PGP SIGNATURE-----";
const MESSAGE_BEGIN: &[u8] = b"-----BEGIN PGP MESSAGE-----";
const MESSAGE_END: &[u8] = b"-----END PGP MESSAGE-----";

impl Message {
    /// Reads one armored block and nothing around it but blank lines.
    pub(crate) fn read(message: &[u8], limits: Limits) -> Result<Self, Refusal> {
        if message.len() > limits.message {
            return Err(Refusal::TooLong(limits.message));
        }
        let mut lines = Lines::new(message);
        let parts = match lines.skip_blank().map(|line| line.text) {
            Some(CLEARTEXT_BEGIN) => read_cleartext(&mut lines)?,
            Some(MESSAGE_BEGIN) => {
                let binary = armor::decode(&mut lines, MESSAGE_END)?;
                read_inline(&binary, limits)?
            }
            Some(SIGNATURE_BEGIN) => return Err(Refusal::Detached),
            _ => return Err(Refusal::Malformed("no armored message")),
        };
        if lines.skip_blank().is_some() {
            return Err(Refusal::Malformed("text after the message"));
        }
        Self::judge(parts)
    }

    /// Lets through only the signature types that mean "I signed this text".
    fn judge((content, signature): (Content, Signature)) -> Result<Self, Refusal> {
        let signature_type = signature.typ().ok_or(Refusal::SignatureVersion)?;
        match (&content, signature_type) {
            (_, SignatureType::Text) | (Content::Inline(_), SignatureType::Binary) => {
                Ok(Self { signature, signature_type, content })
            }
            _ => Err(Refusal::SignatureType(signature_type.into())),
        }
    }

    /// The bytes that the signature covers (RFC 9580 section 5.2.4).
    pub(crate) fn signed_bytes(&self) -> Vec<u8> {
        match (&self.content, self.signature_type) {
            (Content::Cleartext(text), _) => cleartext_as_signed(text),
            (Content::Inline(literal), SignatureType::Text) => with_crlf(literal.data()),
            (Content::Inline(literal), _) => literal.data().to_vec(),
        }
    }

    /// The payload as `gpg --decrypt` prints it.
    pub(crate) fn into_payload(self) -> Vec<u8> {
        match self.content {
            Content::Cleartext(text) => text,
            // GnuPG takes text literals for text with network line ends, and drops those.
            Content::Inline(literal) if is_text(&literal) => {
                let data = literal.data();
                data.iter().copied().filter(|byte| *byte != b'\r').collect()
            }
            Content::Inline(literal) => literal.data().to_vec(),
        }
    }
}

impl From<Broken> for Refusal {
    fn from(Broken(why): Broken) -> Self {
        Self::Malformed(why)
    }
}

fn read_cleartext(lines: &mut Lines<'_>) -> Result<(Content, Signature), Refusal> {
    read_hash_headers(lines)?;
    let mut text = Vec::new();
    for Line { text: line, end } in lines.by_ref() {
        if line == SIGNATURE_BEGIN {
            let binary = armor::decode(lines, SIGNATURE_END)?;
            let signature = match <[Packet; 1]>::try_from(packets(&binary)?) {
                Ok([Packet::Signature(signature)]) => signature,
                Ok(_) => return Err(Refusal::Malformed("no signature in the signature block")),
                Err(packets) if packets.iter().all(|p| matches!(p, Packet::Signature(_))) => {
                    return Err(if packets.is_empty() {
                        Refusal::Unsigned
                    } else {
                        Refusal::SeveralSignatures
                    });
                }
                Err(_) => return Err(Refusal::Malformed("more than a signature in its block")),
            };
            return Ok((Content::Cleartext(text), signature));
        }
        // RFC 9580 section 7.2: a line that begins with a dash is escaped, always.
        let unescaped = match line.strip_prefix(b"-") {
            None => line,
            Some(b"") => return Err(Refusal::Malformed("a dash that is not escaped")),
            Some(rest) => rest.strip_prefix(b" ").ok_or(Refusal::Malformed("a dash that is not escaped"))?,
        };
        text.extend_from_slice(unescaped);
        text.extend_from_slice(end);
    }
    Err(Refusal::Malformed("no signature after the text"))
}

/// RFC 9580 section 7.1: only `Hash` headers may stand before the text. They prove nothing, and
/// the signature itself says which hash it used, so their value is only kept harmless.
fn read_hash_headers(lines: &mut Lines<'_>) -> Result<(), Refusal> {
    for line in lines.by_ref() {
        if line.text.is_empty() {
            return Ok(());
        }
        let value = line.text.strip_prefix(b"Hash: ");
        let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || b"-/, ".contains(byte);
        if !value.is_some_and(|value| value.iter().all(harmless)) {
            return Err(Refusal::Malformed("a header that a signed text may not have"));
        }
    }
    Err(Refusal::Malformed("no text"))
}

fn read_inline(binary: &[u8], limits: Limits) -> Result<(Content, Signature), Refusal> {
    let outer = packets(binary)?;
    match <[Packet; 1]>::try_from(outer) {
        Ok([Packet::CompressedData(compressed)]) => {
            let mut unfolded = Vec::new();
            // One byte more than the limit, to tell "just fits" from "goes on".
            let most = u64::try_from(limits.decompressed).map_or(u64::MAX, |limit| limit + 1);
            compressed
                .decompress()
                .map_err(|_| Refusal::Malformed("a compression that is not supported"))?
                .take(most)
                .read_to_end(&mut unfolded)
                .map_err(|_| Refusal::Malformed("broken compression"))?;
            if unfolded.len() > limits.decompressed {
                return Err(Refusal::UnfoldsTooFar(limits.decompressed));
            }
            one_signed_literal(packets(&unfolded)?)
        }
        Ok(single) => one_signed_literal(single.into()),
        Err(several) => one_signed_literal(several),
    }
}

fn one_signed_literal(packets: Vec<Packet>) -> Result<(Content, Signature), Refusal> {
    let packets = match <[Packet; 3]>::try_from(packets) {
        Ok([Packet::OnePassSignature(announced), Packet::LiteralData(data), Packet::Signature(s)]) => {
            if announced.is_nested() || !announced.matches(&s) {
                return Err(Refusal::Malformed("the signature is not the announced one"));
            }
            return Ok((Content::Inline(data), s));
        }
        Ok(other) => other.into(),
        Err(packets) => packets,
    };
    match <[Packet; 2]>::try_from(packets) {
        Ok([Packet::Signature(signature), Packet::LiteralData(data)]) => {
            Ok((Content::Inline(data), signature))
        }
        Ok(other) => Err(refuse_shape(&other)),
        Err(packets) => Err(refuse_shape(&packets)),
    }
}

/// Says what the message is instead of one signed text.
fn refuse_shape(packets: &[Packet]) -> Refusal {
    let count = |wanted: fn(&Packet) -> bool| packets.iter().filter(|p| wanted(p)).count();
    let encrypted = count(|packet| {
        matches!(
            packet,
            Packet::PublicKeyEncryptedSessionKey(_)
                | Packet::SymKeyEncryptedSessionKey(_)
                | Packet::SymEncryptedData(_)
                | Packet::SymEncryptedProtectedData(_)
                | Packet::GnupgAeadData(_)
        )
    });
    let announced = count(|packet| matches!(packet, Packet::OnePassSignature(_)));
    let signatures = count(|packet| matches!(packet, Packet::Signature(_)));
    let literals = count(|packet| matches!(packet, Packet::LiteralData(_)));
    let compressed = count(|packet| matches!(packet, Packet::CompressedData(_)));
    if encrypted > 0 {
        Refusal::Encrypted
    } else if announced > 1 || signatures > 1 {
        Refusal::SeveralSignatures
    } else if compressed > 0 {
        Refusal::Nested
    } else if signatures == 1 && packets.len() == 1 {
        Refusal::Detached
    } else if literals == 1 && packets.len() == 1 {
        Refusal::Unsigned
    } else {
        Refusal::Malformed("not one signed text")
    }
}

/// All packets, but never more than it takes to say what is wrong with them.
fn packets(binary: &[u8]) -> Result<Vec<Packet>, Refusal> {
    PacketParser::new(binary)
        .take(MOST_PACKETS)
        .collect::<Result<_, _>>()
        .map_err(|_| Refusal::Malformed("broken packets"))
}

/// Two announcements, the text, two signatures: enough to recognise a second signer.
const MOST_PACKETS: usize = 5;

/// The library keeps the mode to itself; it is the first byte of the packet's body.
fn is_text(literal: &LiteralData) -> bool {
    let mode = || literal.to_bytes().ok().and_then(|body| body.first().copied());
    !literal.is_binary() && matches!(mode(), Some(b't' | b'u'))
}

/// Lines without trailing blanks, joined by CR LF, without the last line's end: that one belongs
/// to the armor (RFC 9580 section 7.2).
pub(crate) fn cleartext_as_signed(text: &[u8]) -> Vec<u8> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.split(|byte| *byte == b'\n')
        .map(armor::without_trailing_blanks)
        .collect::<Vec<_>>()
        .join(&b"\r\n"[..])
}

/// Every line end as CR LF (RFC 9580 section 5.2.1.2), blanks kept.
fn with_crlf(text: &[u8]) -> Vec<u8> {
    let mut converted = Vec::with_capacity(text.len() + text.len() / 32);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(line) => {
                converted.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
                converted.extend_from_slice(b"\r\n");
            }
            None => converted.extend_from_slice(line),
        }
    }
    converted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleartext_is_hashed_without_trailing_blanks_and_last_line_end() {
        let text = b"a \t\r\n\n b\nc \n";
        assert_eq!(cleartext_as_signed(text), b"a\r\n\r\n b\r\nc");
        assert_eq!(cleartext_as_signed(b""), b"");
        assert_eq!(cleartext_as_signed(b"\n\n"), b"\r\n");
    }

    #[test]
    fn inline_text_is_hashed_with_network_line_ends() {
        assert_eq!(with_crlf(b"a \nb\r\nc\rd\n"), b"a \r\nb\r\nc\rd\r\n");
        assert_eq!(with_crlf(b"a"), b"a");
    }

    #[test]
    fn a_signed_text_may_announce_hashes_only() {
        let read = |text: &str| read_hash_headers(&mut Lines::new(text.as_bytes()));
        assert!(read("\n").is_ok());
        assert!(read("Hash: SHA256\nHash: SHA1, SHA512\n \r\n").is_ok());
        assert!(read("Charset: UTF-8\n\n").is_err());
        assert!(read("Hash: \u{1b}[2J\n\n").is_err());
        assert!(read("Hash: SHA1\n").is_err());
    }

    fn refused(message: &str) -> Refusal {
        Message::read(message.as_bytes(), Limits::default()).unwrap_err()
    }

    #[test]
    fn a_dash_that_is_not_escaped_is_refused() {
        for line in ["-", "-x", "--", "-----BEGIN PGP MESSAGE-----"] {
            let text = format!("-----BEGIN PGP SIGNED MESSAGE-----\n\n{line}\n");
            assert_eq!(refused(&text), Refusal::Malformed("a dash that is not escaped"));
        }
    }

    #[test]
    fn a_signature_alone_is_detached() {
        assert_eq!(refused("-----BEGIN PGP SIGNATURE-----\n"), Refusal::Detached);
    }

    #[test]
    fn a_long_message_is_not_looked_at() {
        assert_eq!(refused(&" ".repeat(65_537)), Refusal::TooLong(65_536));
    }
}
