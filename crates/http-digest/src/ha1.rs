//! What stands for a password on the server, and the answer that it gives to a challenge.

use crate::{Realm, Request};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use md5::{Digest, Md5};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// `MD5(login:realm:password)`, RFC 7616 section 3.4.2: all that a server needs, and a secret.
///
/// It opens whatever its password opens in the same realm: keep it as carefully. Compared in
/// constant time, wiped when dropped, never printed.
#[derive(Clone)]
pub struct Ha1([u8; 16]);

impl Ha1 {
    /// Computes it. A `login` with a `:` would be ambiguous; [`Credentials`](crate::Credentials)
    /// never has one.
    pub fn of(login: &str, realm: &Realm, password: &str) -> Self {
        Self(md5(&[login.as_bytes(), realm.as_str().as_bytes(), password.as_bytes()]))
    }

    /// Takes the 16 bytes that [`Ha1::expose_bytes`] gave.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads 32 hexadecimal digits, as `htdigest` files and RESIF databases hold them.
    pub fn from_hex(text: &str) -> Option<Self> {
        hex16(text).map(Self)
    }

    /// The secret itself, to be sealed and stored.
    pub fn expose_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The secret itself, as 32 lower-case digits.
    pub fn expose_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(HEXLOWER.encode(&self.0))
    }

    /// The `response` that proves knowledge of the password, RFC 7616 section 3.4.1.
    pub(crate) fn answer(&self, request: Request<'_>, asked: &Asked<'_>) -> [u8; 16] {
        let ha1 = self.expose_hex();
        let ha2 = HEXLOWER.encode(&md5(&[request.method.as_bytes(), request.target.as_bytes()]));
        let fields = [ha1.as_str(), asked.nonce, asked.nc, asked.cnonce, "auth", &ha2];
        md5(&fields.map(str::as_bytes))
    }
}

/// What varies from one answer to the next, spelled exactly as in the header.
pub(crate) struct Asked<'a> {
    pub(crate) nonce: &'a str,
    pub(crate) nc: &'a str,
    pub(crate) cnonce: &'a str,
}

/// 32 hexadecimal digits of either case.
pub(crate) fn hex16(text: &str) -> Option<[u8; 16]> {
    let bytes = Zeroizing::new(HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?);
    bytes.as_slice().try_into().ok()
}

/// MD5 of the fields with a colon between any two.
fn md5(fields: &[&[u8]]) -> [u8; 16] {
    let mut hash = Md5::new();
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            hash.update(b":");
        }
        hash.update(field);
    }
    hash.finalize().into()
}

impl PartialEq for Ha1 {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Ha1 {}

impl Drop for Ha1 {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Ha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ha1(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mufasa() -> Ha1 {
        Ha1::of("Mufasa", &"http-auth@example.org".parse().unwrap(), "Circle of Life")
    }

    /// RFC 7616 section 3.9.1, computed again with `openssl dgst -md5`.
    #[test]
    fn the_example_of_the_rfc_is_answered_as_in_the_rfc() {
        let asked = Asked {
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            nc: "00000001",
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        };
        let answer = mufasa().answer(Request { method: "GET", target: "/dir/index.html" }, &asked);
        assert_eq!(HEXLOWER.encode(&answer), "8ca523f5e9506fed4657c9700eebdbec");
    }

    #[test]
    fn a_hash_from_a_database_is_the_hash_of_the_password() {
        let stored = mufasa().expose_hex();
        assert_eq!(*stored, "3d78807defe7de2157e2b0b6573a855f");
        assert_eq!(Ha1::from_hex(&stored.to_uppercase()), Some(mufasa()));
        assert_eq!(Ha1::from_bytes(*mufasa().expose_bytes()), mufasa());
    }

    #[test]
    fn a_hash_of_another_length_is_refused() {
        for text in ["", "3d78", "3d78807defe7de2157e2b0b6573a855", "3d78807defe7de2157e2b0b6573a855f00"] {
            assert_eq!(Ha1::from_hex(text), None, "{text}");
        }
    }

    #[test]
    fn a_hash_is_never_printed() {
        assert_eq!(format!("{:?}", mufasa()), "Ha1(..)");
    }
}
