//! What tells contents apart: SHA-256 (FIPS 180-4).

use aws_lc_rs::digest::{SHA256, digest};

/// The SHA-256 of some content; shows itself in lower-case hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256(pub [u8; 32]);

impl Sha256 {
    /// Sums up `content`; takes time in proportion to its length.
    pub fn of(content: &[u8]) -> Self {
        Self(digest(&SHA256, content).as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

impl std::fmt::Display for Sha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_the_standards() {
        // FIPS 180-4's example, as NIST publishes it.
        let sum = Sha256::of(b"abc").to_string();
        assert_eq!(sum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
