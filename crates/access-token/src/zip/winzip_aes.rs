//! WinZip's AES encryption: salt, two bytes to check the passphrase with, AES-CTR, ten bytes of MAC.
//!
//! <https://www.winzip.com/en/support/aes-encryption/>. Only the content is covered, neither the name of the
//! entry nor the other entries.

use aes::{Aes128, Aes192, Aes256};
use ctr::Ctr128LE;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
use hmac::{Hmac, Mac as _};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::Cipher;

const CHECK_LEN: usize = 2;
const MAC_LEN: usize = 10;
/// The format's number; a passphrase of ours needs no slower one.
const ROUNDS: u32 = 1000;

/// How long the salt of AES-256 is.
pub(super) const SALT_LEN: usize = 16;

/// Why nothing came out.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    CutShort,
    Passphrase,
    /// The MAC is another, so content or passphrase are (one wrong passphrase in 65 536 gets this far).
    Mac,
}

struct Keys {
    encryption: Zeroizing<Vec<u8>>,
    mac: Hmac<Sha1>,
    check: [u8; CHECK_LEN],
}

impl Keys {
    fn derive(passphrase: &[u8], salt: &[u8]) -> Self {
        // The salt is half as long as the key.
        let key_len = 2 * salt.len();
        let mut derived = Zeroizing::new(vec![0; 2 * key_len + CHECK_LEN]);
        pbkdf2::pbkdf2::<Hmac<Sha1>>(passphrase, salt, ROUNDS, &mut derived)
            .expect("any length is a key of HMAC");
        let (keys, check) = derived.split_at(2 * key_len);
        let (encryption, mac) = keys.split_at(key_len);
        Self {
            encryption: Zeroizing::new(encryption.to_vec()),
            mac: Hmac::new_from_slice(mac).expect("any length is a key of HMAC"),
            check: [check[0], check[1]],
        }
    }

    /// CTR with a little-endian counter that begins at one.
    fn apply(&self, bytes: &mut [u8]) {
        let mut counter = [0; 16];
        counter[0] = 1;
        let (key, counter) = (self.encryption.as_slice(), &counter.into());
        match key.len() {
            16 => Ctr128LE::<Aes128>::new(key.into(), counter).apply_keystream(bytes),
            24 => Ctr128LE::<Aes192>::new(key.into(), counter).apply_keystream(bytes),
            _ => Ctr128LE::<Aes256>::new(key.into(), counter).apply_keystream(bytes),
        }
    }

    fn mac(&self, encrypted: &[u8]) -> Vec<u8> {
        let mac = self.mac.clone().chain_update(encrypted).finalize().into_bytes();
        mac[..MAC_LEN].to_vec()
    }
}

/// Encrypts with AES-256.
pub(super) fn encrypt(plain: &[u8], passphrase: &[u8], salt: [u8; SALT_LEN]) -> Vec<u8> {
    let keys = Keys::derive(passphrase, &salt);
    let mut encrypted = plain.to_vec();
    keys.apply(&mut encrypted);
    let mac = keys.mac(&encrypted);
    [&salt[..], &keys.check, &encrypted, &mac].concat()
}

/// Decrypts what `cipher`, one of the three, encrypted, after its MAC was right.
pub(super) fn decrypt(data: &[u8], passphrase: &[u8], cipher: Cipher) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let salt_len = match cipher {
        Cipher::Aes128 => 8,
        Cipher::Aes192 => 12,
        _ => SALT_LEN,
    };
    let (salt, rest) = data.split_at_checked(salt_len).ok_or(Refused::CutShort)?;
    let (check, rest) = rest.split_at_checked(CHECK_LEN).ok_or(Refused::CutShort)?;
    let content_len = rest.len().checked_sub(MAC_LEN).ok_or(Refused::CutShort)?;
    let (encrypted, mac) = rest.split_at(content_len);
    let keys = Keys::derive(passphrase, salt);
    if keys.check != check {
        return Err(Refused::Passphrase);
    }
    if !bool::from(keys.mac(encrypted).ct_eq(mac)) {
        return Err(Refused::Mac);
    }
    let mut plain = Zeroizing::new(encrypted.to_vec());
    keys.apply(&mut plain);
    Ok(plain)
}
