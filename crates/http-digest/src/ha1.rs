//! What stands for a password on the server, and the answer that it gives to a challenge.

use crate::algorithm::{Algorithm, Hash};
use crate::credentials::Counting;
use crate::{Realm, Request};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// `H(login:realm:password)`, RFC 7616 section 3.4.2: all that a server needs, and a secret.
///
/// It opens whatever its password opens in the same realm: keep it as carefully. Good for answers
/// of its own algorithm alone. Compared in constant time, wiped when dropped, never printed.
#[derive(Clone)]
pub struct Ha1(Hash);

impl Ha1 {
    /// Computes it. A `login` with a `:` would be ambiguous; [`Credentials`](crate::Credentials)
    /// never has one.
    pub fn of(algorithm: Algorithm, login: &str, realm: &Realm, password: &str) -> Self {
        Self::in_any_realm(algorithm, login, realm.as_str(), password)
    }

    /// As [`Ha1::of`], for a realm that somebody else chose.
    pub(crate) fn in_any_realm(algorithm: Algorithm, login: &str, realm: &str, password: &str) -> Self {
        Self(algorithm.hash(&[login.as_bytes(), realm.as_bytes(), password.as_bytes()]))
    }

    /// Stands for a login that there is not, so that as much work is done for it.
    pub(crate) fn nobody(algorithm: Algorithm) -> Self {
        Self(Hash::zero(algorithm))
    }

    /// Reads 32 hexadecimal digits for MD5, as `htdigest` files and RESIF databases hold them, or
    /// 64 for SHA-256.
    pub fn from_hex(algorithm: Algorithm, text: &str) -> Option<Self> {
        Hash::from_hex(algorithm, text).map(Self)
    }

    /// The secret itself, to be sealed and stored.
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.bytes()
    }

    /// The secret itself, as lower-case digits.
    pub fn expose_hex(&self) -> Zeroizing<String> {
        self.0.hex()
    }

    /// The `response` that proves knowledge of the password, RFC 7616 section 3.4.1; without
    /// `counting`, as RFC 2069 section 2.1.2 had it.
    pub(crate) fn answer(&self, request: Request<'_>, nonce: &str, counting: Option<&Counting>) -> Hash {
        let algorithm = self.0.algorithm();
        let ha1 = self.expose_hex();
        let ha2 = algorithm.hash(&[request.method.as_bytes(), request.target.as_bytes()]).hex();
        match counting {
            Some(Counting { nc, cnonce }) => {
                let fields = [ha1.as_str(), nonce, nc, cnonce, "auth", ha2.as_str()];
                algorithm.hash(&fields.map(str::as_bytes))
            }
            None => algorithm.hash(&[ha1.as_str(), nonce, ha2.as_str()].map(str::as_bytes)),
        }
    }
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

    fn mufasa(algorithm: Algorithm) -> Ha1 {
        Ha1::of(algorithm, "Mufasa", &"http-auth@example.org".parse().unwrap(), "Circle of Life")
    }

    /// RFC 7616 section 3.9.1, computed again with `openssl dgst`.
    #[test]
    fn the_examples_of_the_rfc_are_answered_as_in_the_rfc() {
        let counting =
            Counting { nc: "00000001".into(), cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ".into() };
        let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let request = Request { method: "GET", target: "/dir/index.html" };
        for (algorithm, response) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            assert_eq!(*mufasa(algorithm).answer(request, nonce, Some(&counting)).hex(), response);
        }
    }

    /// RFC 2069 section 2.4 with the response that its erratum gives, computed again with
    /// `openssl dgst`.
    #[test]
    fn the_example_of_the_older_rfc_is_answered_as_in_its_erratum() {
        let realm = "testrealm@host.com".parse().unwrap();
        let ha1 = Ha1::of(Algorithm::Md5, "Mufasa", &realm, "CircleOfLife");
        let request = Request { method: "GET", target: "/dir/index.html" };
        let answer = ha1.answer(request, "dcd98b7102dd2f0e8b11d0f600bfb0c093", None);
        assert_eq!(*answer.hex(), "1949323746fe6a43ef61f9606e7febea");
    }

    #[test]
    fn a_hash_from_a_database_is_the_hash_of_the_password() {
        let stored = mufasa(Algorithm::Md5).expose_hex();
        assert_eq!(*stored, "3d78807defe7de2157e2b0b6573a855f");
        assert_eq!(Ha1::from_hex(Algorithm::Md5, &stored.to_uppercase()), Some(mufasa(Algorithm::Md5)));
        let stored = mufasa(Algorithm::Sha256).expose_hex();
        assert_eq!(Ha1::from_hex(Algorithm::Sha256, &stored), Some(mufasa(Algorithm::Sha256)));
    }

    #[test]
    fn a_hash_of_another_length_is_refused() {
        for text in ["", "3d78", "3d78807defe7de2157e2b0b6573a855", "3d78807defe7de2157e2b0b6573a855f00"] {
            assert_eq!(Ha1::from_hex(Algorithm::Md5, text), None, "{text}");
            assert_eq!(Ha1::from_hex(Algorithm::Sha256, text), None, "{text}");
        }
        assert_eq!(Ha1::from_hex(Algorithm::Sha256, "3d78807defe7de2157e2b0b6573a855f"), None);
    }

    #[test]
    fn a_hash_is_never_printed() {
        assert_eq!(format!("{:?}", mufasa(Algorithm::Sha256)), "Ha1(..)");
    }
}
