//! Names of the algorithms that count, and the one public-key operation behind each signature.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    digest::{self, Digest},
    signature::{
        ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaParameters,
    },
};
use pgp::{
    crypto::{ecc_curve::ECCCurve, hash, public_key::PublicKeyAlgorithm, sym::SymmetricKeyAlgorithm},
    ser::Serialize,
    types::{EcdhPublicParams, EddsaLegacyPublicParams, Mpi, PublicParams, SignatureBytes, VerifyingKey},
};

/// A hash that a signature may use. MD5 and RIPEMD-160 are not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HashAlgorithm {
    /// Only where a trusted key is allowed it; checked for known collision attacks.
    Sha1,
    /// SHA2-224.
    Sha224,
    /// SHA2-256.
    Sha256,
    /// SHA2-384.
    Sha384,
    /// SHA2-512.
    Sha512,
    /// SHA3-256.
    Sha3_256,
    /// SHA3-512.
    Sha3_512,
}

impl HashAlgorithm {
    /// `None` for every hash that is too weak or unknown.
    pub(crate) fn acceptable(hash: hash::HashAlgorithm) -> Option<Self> {
        match hash {
            hash::HashAlgorithm::Sha1 => Some(Self::Sha1),
            hash::HashAlgorithm::Sha224 => Some(Self::Sha224),
            hash::HashAlgorithm::Sha256 => Some(Self::Sha256),
            hash::HashAlgorithm::Sha384 => Some(Self::Sha384),
            hash::HashAlgorithm::Sha512 => Some(Self::Sha512),
            hash::HashAlgorithm::Sha3_256 => Some(Self::Sha3_256),
            hash::HashAlgorithm::Sha3_512 => Some(Self::Sha3_512),
            _ => None,
        }
    }

    pub(crate) fn in_library(self) -> hash::HashAlgorithm {
        match self {
            Self::Sha1 => hash::HashAlgorithm::Sha1,
            Self::Sha224 => hash::HashAlgorithm::Sha224,
            Self::Sha256 => hash::HashAlgorithm::Sha256,
            Self::Sha384 => hash::HashAlgorithm::Sha384,
            Self::Sha512 => hash::HashAlgorithm::Sha512,
            Self::Sha3_256 => hash::HashAlgorithm::Sha3_256,
            Self::Sha3_512 => hash::HashAlgorithm::Sha3_512,
        }
    }
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha1 => "SHA-1",
            Self::Sha224 => "SHA-224",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
            Self::Sha3_256 => "SHA3-256",
            Self::Sha3_512 => "SHA3-512",
        })
    }
}

/// What kind of key it is, and how long where that varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// RSA with the length of its modulus in bits.
    Rsa(u32),
    /// Ed25519, in the old (GnuPG) or the new form.
    Ed25519,
    /// Ed448.
    Ed448,
    /// ECDSA over NIST P-256.
    EcdsaP256,
    /// ECDSA over NIST P-384.
    EcdsaP384,
    /// ECDSA over NIST P-521.
    EcdsaP521,
    /// X25519, in the old (GnuPG) or the new form. Only for encryption, like the ones below.
    X25519,
    /// X448.
    X448,
    /// ECDH over NIST P-256.
    EcdhP256,
    /// ECDH over NIST P-384.
    EcdhP384,
    /// ECDH over NIST P-521.
    EcdhP521,
    /// Not trusted to sign nor to keep a secret: DSA, Elgamal, uncommon curves.
    Unsupported,
}

impl KeyAlgorithm {
    pub(crate) fn of(params: &PublicParams) -> Self {
        match params {
            PublicParams::RSA(_) => {
                rsa_numbers(params).map_or(Self::Unsupported, |rsa| Self::Rsa(rsa.bits()))
            }
            PublicParams::Ed25519(_) | PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Ed25519 { .. }) => {
                Self::Ed25519
            }
            PublicParams::Ed448(_) => Self::Ed448,
            PublicParams::ECDSA(ecdsa) => match ecdsa.curve() {
                ECCCurve::P256 => Self::EcdsaP256,
                ECCCurve::P384 => Self::EcdsaP384,
                ECCCurve::P521 => Self::EcdsaP521,
                _ => Self::Unsupported,
            },
            PublicParams::X25519(_) => Self::X25519,
            PublicParams::X448(_) => Self::X448,
            PublicParams::ECDH(ecdh) => ecdh_algorithm(ecdh),
            _ => Self::Unsupported,
        }
    }

    pub(crate) fn can_sign(self) -> bool {
        match self {
            Self::Rsa(_)
            | Self::Ed25519
            | Self::Ed448
            | Self::EcdsaP256
            | Self::EcdsaP384
            | Self::EcdsaP521 => true,
            Self::X25519
            | Self::X448
            | Self::EcdhP256
            | Self::EcdhP384
            | Self::EcdhP521
            | Self::Unsupported => false,
        }
    }

    pub(crate) fn can_encrypt(self) -> bool {
        match self {
            Self::Rsa(_) => true,
            Self::Unsupported => false,
            other => !other.can_sign(),
        }
    }

    /// Whether the key is too short to be believed: RSA under 2048 bits.
    pub fn is_short(self) -> bool {
        matches!(self, Self::Rsa(bits) if bits < 2048)
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa(bits) => write!(f, "RSA-{bits}"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Ed448 => f.write_str("Ed448"),
            Self::EcdsaP256 => f.write_str("ECDSA P-256"),
            Self::EcdsaP384 => f.write_str("ECDSA P-384"),
            Self::EcdsaP521 => f.write_str("ECDSA P-521"),
            Self::X25519 => f.write_str("X25519"),
            Self::X448 => f.write_str("X448"),
            Self::EcdhP256 => f.write_str("ECDH P-256"),
            Self::EcdhP384 => f.write_str("ECDH P-384"),
            Self::EcdhP521 => f.write_str("ECDH P-521"),
            Self::Unsupported => f.write_str("an unsupported algorithm"),
        }
    }
}

/// The key itself names the hash and the cipher that wrap what is sent to it (RFC 9580 section
/// 11.5): a weak one makes a weak key.
fn ecdh_algorithm(ecdh: &EcdhPublicParams) -> KeyAlgorithm {
    let (algorithm, hash, cipher) = match ecdh {
        EcdhPublicParams::Curve25519Legacy { hash, alg_sym, .. } => (KeyAlgorithm::X25519, hash, alg_sym),
        EcdhPublicParams::P256 { hash, alg_sym, .. } => (KeyAlgorithm::EcdhP256, hash, alg_sym),
        EcdhPublicParams::P384 { hash, alg_sym, .. } => (KeyAlgorithm::EcdhP384, hash, alg_sym),
        EcdhPublicParams::P521 { hash, alg_sym, .. } => (KeyAlgorithm::EcdhP521, hash, alg_sym),
        _ => return KeyAlgorithm::Unsupported,
    };
    match (hash, cipher) {
        (
            hash::HashAlgorithm::Sha256 | hash::HashAlgorithm::Sha384 | hash::HashAlgorithm::Sha512,
            SymmetricKeyAlgorithm::AES128 | SymmetricKeyAlgorithm::AES192 | SymmetricKeyAlgorithm::AES256,
        ) => algorithm,
        _ => KeyAlgorithm::Unsupported,
    }
}

/// A public key made ready once, so that each signature costs one operation.
///
/// RSA and Ed25519 go through AWS-LC, several times faster than the library's own; what AWS-LC
/// does not take (RSA under 2048 bits, SHA-224 and SHA-3 under RSA, ECDSA, Ed448) goes through
/// the library.
#[derive(Debug, Clone)]
pub(crate) struct PreparedKey {
    algorithm: PublicKeyAlgorithm,
    fast: Fast,
    library: Arc<dyn VerifyingKey + Send + Sync>,
}

#[derive(Debug, Clone)]
enum Fast {
    Rsa(Arc<PreparedRsa>),
    Ed25519(Arc<ParsedPublicKey>),
    No,
}

impl PreparedKey {
    pub(crate) fn new(key: impl VerifyingKey + Send + Sync + 'static) -> Self {
        let fast = match key.public_params() {
            params @ PublicParams::RSA(_) => rsa_numbers(params)
                .and_then(|rsa| PreparedRsa::new(&rsa))
                .map_or(Fast::No, |rsa| Fast::Rsa(Arc::new(rsa))),
            PublicParams::Ed25519(params) => ed25519(params.key.as_bytes()),
            PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Ed25519 { key }) => ed25519(key.as_bytes()),
            _ => Fast::No,
        };
        Self { algorithm: key.algorithm(), fast, library: Arc::new(key) }
    }

    /// Whether `hash` is strong enough for this kind of key: Ed25519 signatures need 256 bits
    /// (RFC 9580 section 5.2.3.3 and 5.2.3.4); the library sees to the other curves.
    pub(crate) fn takes(&self, hash: HashAlgorithm) -> bool {
        !matches!((&self.fast, hash), (Fast::Ed25519(_), HashAlgorithm::Sha1 | HashAlgorithm::Sha224))
    }

    /// Whether `signature` is this key's over `digest`. Says nothing about what the key may do.
    pub(crate) fn made(
        &self,
        signature: &SignatureBytes,
        algorithm: PublicKeyAlgorithm,
        hash: HashAlgorithm,
        digest: &[u8],
    ) -> bool {
        if algorithm != self.algorithm || !self.takes(hash) {
            return false;
        }
        match (&self.fast, signature) {
            (Fast::Rsa(rsa), SignatureBytes::Mpis(mpis)) => match (rsa.for_hash(hash), &mpis[..]) {
                (Some((key, digest_algorithm)), [mpi]) => {
                    rsa_made(key, rsa.modulus_length, mpi, digest_algorithm, digest)
                }
                (Some(_), _) => false,
                (None, _) => self.library_says(signature, hash, digest),
            },
            (Fast::Ed25519(key), SignatureBytes::Mpis(mpis)) => match &mpis[..] {
                [r, s] => match (left_padded::<32>(r), left_padded::<32>(s)) {
                    (Some(r), Some(s)) => key.verify_sig(digest, &[r, s].concat()).is_ok(),
                    _ => false,
                },
                _ => false,
            },
            (Fast::Ed25519(key), SignatureBytes::Native(bytes)) => key.verify_sig(digest, bytes).is_ok(),
            (Fast::Rsa(_), SignatureBytes::Native(_)) => false,
            (Fast::No, _) => self.library_says(signature, hash, digest),
        }
    }

    fn library_says(&self, signature: &SignatureBytes, hash: HashAlgorithm, digest: &[u8]) -> bool {
        self.library.verify(hash.in_library(), digest, signature).is_ok()
    }
}

fn ed25519(key: &[u8; 32]) -> Fast {
    ParsedPublicKey::new(&ED25519, key).map_or(Fast::No, |key| Fast::Ed25519(Arc::new(key)))
}

/// One parsed key for each hash, because AWS-LC binds the hash to the key.
#[derive(Debug)]
struct PreparedRsa {
    modulus_length: usize,
    sha1: ParsedPublicKey,
    sha256: ParsedPublicKey,
    sha384: ParsedPublicKey,
    sha512: ParsedPublicKey,
}

impl PreparedRsa {
    /// `None` for lengths that AWS-LC refuses: under 2048 and over 8192 bits.
    fn new(rsa: &RsaNumbers) -> Option<Self> {
        if !(2048..=8192).contains(&rsa.bits()) {
            return None;
        }
        let der = rsa.to_pkcs1();
        let parse = |parameters: &'static RsaParameters| ParsedPublicKey::new(parameters, &der).ok();
        Some(Self {
            modulus_length: rsa.modulus.len(),
            sha1: parse(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY)?,
            sha256: parse(&RSA_PKCS1_2048_8192_SHA256)?,
            sha384: parse(&RSA_PKCS1_2048_8192_SHA384)?,
            sha512: parse(&RSA_PKCS1_2048_8192_SHA512)?,
        })
    }

    fn for_hash(&self, hash: HashAlgorithm) -> Option<(&ParsedPublicKey, &'static digest::Algorithm)> {
        match hash {
            HashAlgorithm::Sha1 => Some((&self.sha1, &digest::SHA1_FOR_LEGACY_USE_ONLY)),
            HashAlgorithm::Sha256 => Some((&self.sha256, &digest::SHA256)),
            HashAlgorithm::Sha384 => Some((&self.sha384, &digest::SHA384)),
            HashAlgorithm::Sha512 => Some((&self.sha512, &digest::SHA512)),
            HashAlgorithm::Sha224 | HashAlgorithm::Sha3_256 | HashAlgorithm::Sha3_512 => None,
        }
    }
}

fn rsa_made(
    key: &ParsedPublicKey,
    modulus_length: usize,
    signature: &Mpi,
    algorithm: &'static digest::Algorithm,
    digest: &[u8],
) -> bool {
    // OpenPGP drops leading zero bytes of a number, PKCS#1 wants the modulus's length.
    let number = signature.as_ref();
    let Some(missing) = modulus_length.checked_sub(number.len()) else {
        return false;
    };
    let mut padded = vec![0; modulus_length];
    padded[missing..].copy_from_slice(number);
    Digest::import_less_safe(digest, algorithm)
        .and_then(|digest| key.verify_digest_sig(&digest, &padded))
        .is_ok()
}

fn left_padded<const N: usize>(number: &Mpi) -> Option<[u8; N]> {
    let number = number.as_ref();
    let mut padded = [0; N];
    padded[N.checked_sub(number.len())?..].copy_from_slice(number);
    Some(padded)
}

/// Modulus and exponent, big-endian without leading zeros.
struct RsaNumbers {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

/// Reads the two numbers back from the packet's own form, which spares a dependency on the
/// library's RSA crate.
fn rsa_numbers(params: &PublicParams) -> Option<RsaNumbers> {
    let bytes = params.to_bytes().ok()?;
    let mut rest = bytes.as_slice();
    let modulus = Mpi::try_from_reader(&mut rest).ok()?;
    let exponent = Mpi::try_from_reader(&mut rest).ok()?;
    Some(RsaNumbers { modulus: modulus.as_ref().to_vec(), exponent: exponent.as_ref().to_vec() })
}

impl RsaNumbers {
    fn bits(&self) -> u32 {
        let Some(first) = self.modulus.first() else {
            return 0;
        };
        let bits = self.modulus.len() * 8;
        u32::try_from(bits).map_or(u32::MAX, |bits| bits - first.leading_zeros())
    }

    /// `RSAPublicKey` of RFC 8017 appendix A.1.1.
    fn to_pkcs1(&self) -> Vec<u8> {
        let numbers = [der(0x02, &unsigned(&self.modulus)), der(0x02, &unsigned(&self.exponent))];
        der(0x30, &numbers.concat())
    }
}

/// A DER integer is signed: a leading zero keeps it positive.
fn unsigned(number: &[u8]) -> Vec<u8> {
    let sign: &[u8] = match number.first() {
        Some(first) if first & 0x80 == 0 => &[],
        _ => &[0],
    };
    [sign, number].concat()
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let header = match significant {
        [] => vec![tag, 0],
        [short @ 0..=0x7f] => vec![tag, *short],
        long => {
            let count = u8::try_from(long.len()).expect("a usize has at most eight bytes");
            [&[tag, 0x80 | count], long].concat()
        }
    };
    [header.as_slice(), content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn der_lengths_take_as_many_bytes_as_they_need() {
        assert_eq!(der(2, &[])[..], [2, 0]);
        assert_eq!(der(2, &[7; 127])[..2], [2, 127]);
        assert_eq!(der(2, &[7; 128])[..3], [2, 0x81, 128]);
        assert_eq!(der(2, &[7; 300])[..4], [2, 0x82, 1, 44]);
    }

    #[test]
    fn der_integers_stay_positive() {
        assert_eq!(unsigned(&[0x80]), [0, 0x80]);
        assert_eq!(unsigned(&[0x7f]), [0x7f]);
        assert_eq!(unsigned(&[]), [0]);
    }

    #[test]
    fn rsa_is_short_below_2048_bits() {
        assert!(KeyAlgorithm::Rsa(2047).is_short());
        assert!(!KeyAlgorithm::Rsa(2048).is_short());
        assert!(!KeyAlgorithm::Ed25519.is_short());
    }

    #[test]
    fn weak_hashes_have_no_name_here() {
        for weak in [hash::HashAlgorithm::Md5, hash::HashAlgorithm::Ripemd160] {
            assert_eq!(HashAlgorithm::acceptable(weak), None);
        }
    }
}
