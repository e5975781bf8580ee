//! PKWARE's traditional encryption (APPNOTE 6.1), which the stock reader knows and no other.
//!
//! Three 32-bit keys, stirred by every plaintext byte. Whoever knows twelve bytes of plaintext gets the keys
//! in seconds, whatever the passphrase: this is a format, no protection.

use zeroize::{Zeroize, Zeroizing};

use super::crc32::step;

pub(super) const HEADER_LEN: usize = 12;

struct Keys([u32; 3]);

impl Keys {
    /// APPNOTE 6.1.5.
    fn new(passphrase: &[u8]) -> Self {
        let mut keys = Self([0x1234_5678, 0x2345_6789, 0x3456_7890]);
        for byte in passphrase {
            keys.stir(*byte);
        }
        keys
    }

    fn stir(&mut self, plain: u8) {
        let Self([first, second, third]) = self;
        *first = step(*first, plain);
        *second = second.wrapping_add(*first & 0xFF).wrapping_mul(134_775_813).wrapping_add(1);
        let [.., high] = second.to_le_bytes();
        *third = step(*third, high);
    }

    /// The next byte of the key stream (APPNOTE 6.1.7).
    fn next(&self) -> u8 {
        let word = (self.0[2] | 2) & 0xFFFF;
        let [_, byte, ..] = word.wrapping_mul(word ^ 1).to_le_bytes();
        byte
    }

    fn encrypt(&mut self, plain: u8) -> u8 {
        let encrypted = plain ^ self.next();
        self.stir(plain);
        encrypted
    }

    fn decrypt(&mut self, encrypted: u8) -> u8 {
        let plain = encrypted ^ self.next();
        self.stir(plain);
        plain
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Encrypts `plain`; `check` is the last byte of the header, the others are random.
///
/// Random they must be: constant ones would be the known plaintext that breaks the cipher.
pub(super) fn encrypt(plain: &[u8], passphrase: &[u8], random: [u8; HEADER_LEN - 1], check: u8) -> Vec<u8> {
    let mut keys = Keys::new(passphrase);
    let bytes = random.iter().chain([&check]).chain(plain);
    bytes.map(|byte| keys.encrypt(*byte)).collect()
}

/// Decrypts, if the header's last byte is `check`: of wrong passphrases, every 256th passes.
pub(super) fn decrypt(encrypted: &[u8], passphrase: &[u8], check: u8) -> Option<Zeroizing<Vec<u8>>> {
    let mut keys = Keys::new(passphrase);
    let (header, content) = encrypted.split_at_checked(HEADER_LEN)?;
    let last = header.iter().fold(0, |_, byte| keys.decrypt(*byte));
    (last == check).then(|| Zeroizing::new(content.iter().map(|byte| keys.decrypt(*byte)).collect()))
}
