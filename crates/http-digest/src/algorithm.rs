//! The two hash functions that answers are made with, RFC 7616 section 6.1.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use md5::{Digest, Md5};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

/// What an answer is computed with. The `-sess` variants are not spoken here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// What every client speaks, and what a parameter that is not there means.
    Md5,
    /// Python's requests; curl, where nothing else is offered; neither wget nor Python's urllib.
    Sha256,
}

impl Algorithm {
    /// The name that stands in headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    /// Reads the value of an `algorithm` parameter; names are compared in any case.
    pub(crate) fn named(text: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256].into_iter().find(|known| text.eq_ignore_ascii_case(known.as_str()))
    }

    /// Hashes the fields with a colon between any two.
    pub(crate) fn hash(self, fields: &[&[u8]]) -> Hash {
        match self {
            Self::Md5 => Hash::Md5(joined::<Md5>(fields).into()),
            Self::Sha256 => Hash::Sha256(joined::<Sha256>(fields).into()),
        }
    }
}

fn joined<D: Digest>(fields: &[&[u8]]) -> md5::digest::Output<D> {
    let mut hash = D::new();
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            hash.update(b":");
        }
        hash.update(field);
    }
    hash.finalize()
}

/// A hash that knows what made it: one of another algorithm never equals it.
#[derive(Clone)]
pub(crate) enum Hash {
    Md5([u8; 16]),
    Sha256([u8; 32]),
}

impl Hash {
    /// Reads as many hexadecimal digits, of either case, as `algorithm` makes.
    pub(crate) fn from_hex(algorithm: Algorithm, text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?);
        match algorithm {
            Algorithm::Md5 => bytes.as_slice().try_into().ok().map(Self::Md5),
            Algorithm::Sha256 => bytes.as_slice().try_into().ok().map(Self::Sha256),
        }
    }

    /// What no password is known to hash to.
    pub(crate) fn zero(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Md5 => Self::Md5([0; 16]),
            Algorithm::Sha256 => Self::Sha256([0; 32]),
        }
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Md5(_) => Algorithm::Md5,
            Self::Sha256(_) => Algorithm::Sha256,
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Md5(bytes) => bytes,
            Self::Sha256(bytes) => bytes,
        }
    }

    /// Lower-case digits, wiped when dropped: an HA1 is a hash, too.
    pub(crate) fn hex(&self) -> Zeroizing<String> {
        Zeroizing::new(HEXLOWER.encode(self.bytes()))
    }
}

impl ConstantTimeEq for Hash {
    /// Lengths are no secret, and differ between the algorithms.
    fn ct_eq(&self, other: &Self) -> Choice {
        self.bytes().ct_eq(other.bytes())
    }
}

impl Zeroize for Hash {
    fn zeroize(&mut self) {
        match self {
            Self::Md5(bytes) => bytes.zeroize(),
            Self::Sha256(bytes) => bytes.zeroize(),
        }
    }
}
