//! The hashes that the tree is made of (RFC 6962 section 2.1).

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use crate::Entry;

/// How many bytes a hash has.
pub const HASH_LENGTH: usize = 32;

/// The hash of a leaf, of a node, or of a whole tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; HASH_LENGTH]);

impl Hash {
    /// The root of the tree without leaves: SHA-256 of nothing.
    pub const EMPTY: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
        0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    ]);

    /// Hashes a leaf: SHA-256(0x00 ‖ entry).
    pub fn of_leaf(entry: &Entry) -> Self {
        let mut input = [0; 1 + HASH_LENGTH];
        input[1..].copy_from_slice(&entry.0);
        Self(Sha256::digest(input).into())
    }

    /// Hashes the node over two others: SHA-256(0x01 ‖ left ‖ right).
    pub fn of_node(left: &Self, right: &Self) -> Self {
        let mut input = [1; 1 + 2 * HASH_LENGTH];
        input[1..=HASH_LENGTH].copy_from_slice(&left.0);
        input[1 + HASH_LENGTH..].copy_from_slice(&right.0);
        Self(Sha256::digest(input).into())
    }

    /// Reads one line of base64 (RFC 4648 section 4), which has one right form. `None`: it is no hash.
    pub fn from_base64(line: &str) -> Option<Self> {
        BASE64_STANDARD.decode(line).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Display for Hash {
    /// As checkpoints and proofs have it: base64.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// Reads an ASCII decimal without a sign and without leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let plain = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    if plain { text.parse().ok() } else { None }
}
