//! What a sealed message shows to those who cannot open it: who can, and how it is protected.

use std::fmt;

use crate::Fingerprint;

/// A sealed message as it looks from outside.
///
/// All of it is a claim: nothing here is authenticated, and whether the message is whole only
/// whoever opens it can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedMessage {
    /// Text rather than bytes.
    pub armored: bool,
    /// Who can open it, each alone, in the message's order. Empty: a passphrase, stretched not at
    /// all, in the manner of the 1990s.
    pub openers: Vec<Opener>,
    /// How the content is protected.
    pub protection: Protection,
}

/// One way to open a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opener {
    /// With the secret half of this key.
    Key(NamedKey),
    /// With a passphrase.
    Passphrase(Stretching),
    /// In a way that is newer than this program.
    Unknown,
}

/// What a message says about a key that opens it. Mostly a subkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedKey {
    /// Messages with AEAD.
    Fingerprint(Fingerprint),
    /// All that older messages say.
    KeyId([u8; 8]),
    /// Whoever has a key has to try.
    Hidden,
}

/// How much work one guess at a passphrase takes (RFC 9580 section 3.7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stretching {
    /// One hash of the passphrase; without a salt, tables of guesses made in advance serve.
    None,
    /// One hash, with a salt.
    Salted,
    /// So many bytes are hashed, with a salt.
    Iterated {
        /// At most 65 011 712.
        bytes: u32,
    },
    /// Takes memory as well as time.
    Argon2 {
        /// In KiB, as a power of two.
        memory_power: u8,
    },
    /// Newer than this program, or never a standard.
    Unknown,
}

/// How the content of a message is kept secret and from being changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Encrypted only: whoever carries it can change what is read.
    None,
    /// Version 1, with a modification detection code; what every program reads. The cipher is
    /// named inside, out of sight.
    Mdc,
    /// Version 2 of RFC 9580: each piece is authenticated before it is believed.
    Aead {
        /// The cipher.
        cipher: Cipher,
        /// The mode that it runs in.
        mode: AeadMode,
    },
    /// GnuPG's own form of AEAD, which RFC 9580 did not take over.
    GnupgAead,
    /// Newer than this program.
    Unknown,
}

/// A block cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// AES with 128 bits.
    Aes128,
    /// AES with 192 bits.
    Aes192,
    /// AES with 256 bits.
    Aes256,
    /// Any other, by its number (RFC 9580 section 9.3).
    Other(u8),
}

/// How a cipher is made to authenticate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AeadMode {
    /// EAX.
    Eax,
    /// OCB.
    Ocb,
    /// GCM.
    Gcm,
    /// Any other, by its number (RFC 9580 section 9.6).
    Other(u8),
}

impl Cipher {
    pub(crate) fn numbered(number: u8) -> Self {
        match number {
            7 => Self::Aes128,
            8 => Self::Aes192,
            9 => Self::Aes256,
            other => Self::Other(other),
        }
    }
}

impl AeadMode {
    pub(crate) fn numbered(number: u8) -> Self {
        match number {
            1 => Self::Eax,
            2 => Self::Ocb,
            3 => Self::Gcm,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for NamedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fingerprint(fingerprint) => fingerprint.fmt(f),
            Self::KeyId(id) => write!(f, "{:016X}", u64::from_be_bytes(*id)),
            Self::Hidden => f.write_str("a key that it does not name"),
        }
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no protection from being changed"),
            Self::Mdc => f.write_str("modification detection code (SEIPD version 1)"),
            Self::Aead { cipher, mode } => write!(f, "{cipher} {mode} (SEIPD version 2)"),
            Self::GnupgAead => f.write_str("GnuPG's own AEAD"),
            Self::Unknown => f.write_str("an unknown protection"),
        }
    }
}

impl fmt::Display for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aes128 => f.write_str("AES-128"),
            Self::Aes192 => f.write_str("AES-192"),
            Self::Aes256 => f.write_str("AES-256"),
            Self::Other(number) => write!(f, "cipher {number}"),
        }
    }
}

impl fmt::Display for AeadMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eax => f.write_str("EAX"),
            Self::Ocb => f.write_str("OCB"),
            Self::Gcm => f.write_str("GCM"),
            Self::Other(number) => write!(f, "mode {number}"),
        }
    }
}
