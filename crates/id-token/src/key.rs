//! One public key of an issuer (RFC 7517, RFC 7518 section 6, RFC 8037), and what it may verify.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaParameters, RsaPublicKeyComponents,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

/// How a token may be signed. Asymmetric throughout: whoever can verify cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3): what nearly every issuer uses.
    Rs256,
    /// RSASSA-PSS with SHA-256 (RFC 7518 section 3.5).
    Ps256,
    /// ECDSA with P-256 and SHA-256 (RFC 7518 section 3.4).
    Es256,
    /// Ed25519 (RFC 8037 section 3.1, `Ed25519` in RFC 9864).
    EdDsa,
}

/// The text names no algorithm that can be allowed: the operator's to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an algorithm of signed tokens: RS256, PS256, ES256 or EdDSA")]
pub struct NotAnAlgorithm;

impl FromStr for Algorithm {
    type Err = NotAnAlgorithm;

    fn from_str(name: &str) -> Result<Self, NotAnAlgorithm> {
        match name {
            "RS256" => Ok(Self::Rs256),
            "PS256" => Ok(Self::Ps256),
            "ES256" => Ok(Self::Es256),
            "EdDSA" | "Ed25519" => Ok(Self::EdDsa),
            _ => Err(NotAnAlgorithm),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        })
    }
}

/// A public key with what its issuer says it is for.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) kid: Option<String>,
    /// The only algorithm that it serves, if the issuer says so.
    algorithm: Option<Algorithm>,
    material: Material,
}

#[derive(Debug)]
enum Material {
    /// One parsed key for each padding, because AWS-LC binds the padding to the key.
    Rsa {
        pkcs1: Box<ParsedPublicKey>,
        pss: Box<ParsedPublicKey>,
    },
    P256(Box<ParsedPublicKey>),
    Ed25519(Box<ParsedPublicKey>),
}

impl Key {
    /// Reads one member of `keys`, or says why it verifies nothing here.
    pub(crate) fn read(fields: &Map<String, Value>) -> Result<Self, &'static str> {
        if fields.contains_key("d") {
            return Err("a private key that was published: anybody can sign with it");
        }
        // RFC 7517 sections 4.2 and 4.3.
        if fields.get("use").is_some_and(|usage| usage != "sig") {
            return Err("not for signatures");
        }
        let verifies =
            |operations: &Value| operations.as_array().is_some_and(|all| all.contains(&"verify".into()));
        if fields.get("key_ops").is_some_and(|operations| !verifies(operations)) {
            return Err("not for verifying");
        }
        let kid = match fields.get("kid") {
            None => None,
            Some(kid) => Some(kid.as_str().ok_or("its kid is no text")?.to_owned()),
        };
        let algorithm = match fields.get("alg") {
            None => None,
            Some(name) => Some(
                name.as_str()
                    .and_then(|name| name.parse().ok())
                    .ok_or("for an algorithm that is not known here")?,
            ),
        };
        let material = Material::read(fields)?;
        if algorithm.is_some_and(|algorithm| material.serves(algorithm).is_none()) {
            return Err("its alg does not suit its kty");
        }
        Ok(Self { kid, algorithm, material })
    }

    /// The key as `algorithm` uses it; `None` when it does not serve that algorithm.
    pub(crate) fn serves(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        if self.algorithm.is_some_and(|only| only != algorithm) {
            return None;
        }
        self.material.serves(algorithm)
    }
}

impl Material {
    fn read(fields: &Map<String, Value>) -> Result<Self, &'static str> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let bytes = |name| text(name).and_then(|coded| BASE64_URL_SAFE_NO_PAD.decode(coded).ok());
        match (text("kty"), text("crv")) {
            (Some("RSA"), _) => {
                let (n, e) = bytes("n").zip(bytes("e")).ok_or("its n or e cannot be read")?;
                rsa(n, e)
            }
            (Some("EC"), Some("P-256")) => {
                let (x, y) = bytes("x").zip(bytes("y")).ok_or("its x or y cannot be read")?;
                if x.len() != 32 || y.len() != 32 {
                    return Err("its point is not of P-256");
                }
                let point = [&[4][..], &x, &y].concat();
                let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                key.map(|key| Self::P256(Box::new(key))).map_err(|_| "its point is not on the curve")
            }
            (Some("OKP"), Some("Ed25519")) => {
                let x = bytes("x").filter(|x| x.len() == 32).ok_or("its x cannot be read")?;
                let key = ParsedPublicKey::new(&ED25519, x);
                key.map(|key| Self::Ed25519(Box::new(key))).map_err(|_| "its x is no key")
            }
            // `oct` among them: a secret that verifies also signs.
            _ => Err("of a kind that is not known here"),
        }
    }

    fn serves(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        match (self, algorithm) {
            (Self::Rsa { pkcs1: key, .. }, Algorithm::Rs256)
            | (Self::Rsa { pss: key, .. }, Algorithm::Ps256)
            | (Self::P256(key), Algorithm::Es256)
            | (Self::Ed25519(key), Algorithm::EdDsa) => Some(key),
            (Self::Rsa { .. } | Self::P256(_) | Self::Ed25519(_), _) => None,
        }
    }
}

fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Material, &'static str> {
    // Some issuers write a zero byte first, as ASN.1 would.
    let n: Vec<u8> = n.into_iter().skip_while(|byte| *byte == 0).collect();
    let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
    if !(2048..=8192).contains(&bits) {
        return Err("an RSA key of less than 2048 or more than 8192 bits");
    }
    let components = RsaPublicKeyComponents { n, e };
    let parse = |parameters: &'static RsaParameters| {
        components.to_parsed_public_key(parameters).map(Box::new).map_err(|_| "its n and e are no RSA key")
    };
    Ok(Material::Rsa { pkcs1: parse(&RSA_PKCS1_2048_8192_SHA256)?, pss: parse(&RSA_PSS_2048_8192_SHA256)? })
}
