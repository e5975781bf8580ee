//! The server's certificate in an access token: PEM in, what people and programs ask of it out.

use core::net::IpAddr;
use std::fmt;

use data_encoding::BASE64;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Name;

use crate::host::{self, HostError};

/// The certificate that the reader will accept from the server and no other.
///
/// Where a file holds several, the first is the server's; the others are kept behind it, since the stock
/// reader trusts all of them as issuers. Nothing is verified here: no signature, no chain, no time.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerCertificate {
    /// The server's first.
    der: Vec<Vec<u8>>,
    common_name: Option<String>,
    names: Vec<String>,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Why a file is no server certificate. Whoever supplied it has to take another file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotACertificate {
    #[error("no certificate in PEM form (-----BEGIN CERTIFICATE-----) is in it")]
    Missing,
    #[error("the certificate is larger than {MAX_LEN} bytes, or comes with more than {MAX_CERTIFICATES}")]
    TooLarge,
    /// A token goes to people: a server's key must never be in it.
    #[error("it holds a private key, which must not leave the server; give the certificate alone")]
    PrivateKey,
    #[error("it holds something other than certificates; give the certificate alone")]
    OtherPem,
    #[error("the certificate is damaged: {0}")]
    Damaged(&'static str),
}

/// A chain of three with long names has a tenth of this.
pub(crate) const MAX_LEN: usize = 64 * 1024;
const MAX_CERTIFICATES: usize = 8;

/// The SHA-256 of a certificate (its DER form), as people compare it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CertificateFingerprint([u8; 32]);

impl CertificateFingerprint {
    /// Returns the 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Upper-case hexadecimal in pairs with colons, as OpenSSL and browsers show it.
impl fmt::Display for CertificateFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let colon = if at == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl ServerCertificate {
    /// Reads PEM (RFC 7468). Text around the certificates is passed over, and not kept.
    pub fn parse(pem: &[u8]) -> Result<Self, NotACertificate> {
        if pem.len() > MAX_LEN {
            return Err(NotACertificate::TooLarge);
        }
        let der = certificates(pem)?;
        for issuer in &der {
            read(issuer)?;
        }
        let certificate = read(der.first().ok_or(NotACertificate::Missing)?)?;
        let parsed = Self {
            common_name: common_name(certificate.subject()),
            names: names(&certificate)?,
            not_before: timestamp(certificate.validity().not_before)?,
            not_after: timestamp(certificate.validity().not_after)?,
            der: der.clone(),
        };
        // Line ends can make it longer than it was, and what is written must be read again.
        if parsed.pem().len() > MAX_LEN { Err(NotACertificate::TooLarge) } else { Ok(parsed) }
    }

    /// Returns the subject's first CN, without blanks around it: the stock reader's server.
    ///
    /// `None` also where the stock reader stops before it, at a part of the subject with two attributes.
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// Returns the DNS names and IP addresses of the subject's alternative names (RFC 5280, 4.2.1.6).
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the SHA-256 of the server's own certificate.
    pub fn fingerprint(&self) -> CertificateFingerprint {
        CertificateFingerprint(Sha256::digest(&self.der[0]).into())
    }

    /// Returns how many certificates follow the server's own.
    pub fn issuers(&self) -> usize {
        self.der.len() - 1
    }

    /// Returns the first second in which it is valid.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Returns the last second in which it is valid.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Writes all certificates anew, the server's first, without any text around them.
    pub fn pem(&self) -> String {
        let mut pem = String::new();
        for der in &self.der {
            pem.push_str("-----BEGIN CERTIFICATE-----\n");
            let base64 = BASE64.encode(der);
            for line in base64.as_bytes().chunks(64) {
                pem.extend(line.iter().map(|byte| char::from(*byte)));
                pem.push('\n');
            }
            pem.push_str("-----END CERTIFICATE-----\n");
        }
        pem
    }

    /// Returns the host that the stock reader will talk to, as the certificate's CN says.
    pub fn host(&self) -> Result<&str, HostError> {
        host::of(self)
    }

    /// Checks that a reader of this certificate will talk to `host` and be content with its name.
    pub fn check_host(&self, host: &str) -> Result<(), HostError> {
        host::check(self, host)
    }
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerCertificate({:?}, {})", self.common_name, self.fingerprint())
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, NotACertificate> {
    let mut der = Vec::new();
    for block in Pem::iter_from_buffer(pem) {
        let block = block.map_err(|_| NotACertificate::Damaged("its PEM form is broken"))?;
        match block.label.as_str() {
            "CERTIFICATE" => der.push(block.contents),
            label if label.ends_with("PRIVATE KEY") => return Err(NotACertificate::PrivateKey),
            _ => return Err(NotACertificate::OtherPem),
        }
        if der.len() > MAX_CERTIFICATES {
            return Err(NotACertificate::TooLarge);
        }
    }
    Ok(der)
}

fn read(der: &[u8]) -> Result<X509Certificate<'_>, NotACertificate> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) => Err(NotACertificate::Damaged("something follows inside its PEM block")),
        Err(_) => Err(NotACertificate::Damaged("what is in its PEM block is no X.509 certificate")),
    }
}

/// Like the stock reader: the first CN, and every part of the subject up to it has one attribute.
fn common_name(subject: &X509Name<'_>) -> Option<String> {
    for part in subject.iter_rdn() {
        let mut attributes = part.iter();
        let (Some(attribute), None) = (attributes.next(), attributes.next()) else { return None };
        if *attribute.attr_type() == x509_parser::oid_registry::OID_X509_COMMON_NAME {
            return Some(attribute.as_str().ok()?.trim().to_owned());
        }
    }
    None
}

fn names(certificate: &X509Certificate<'_>) -> Result<Vec<String>, NotACertificate> {
    let damaged = |_| NotACertificate::Damaged("its alternative names cannot be read");
    let Some(extension) = certificate.subject_alternative_name().map_err(damaged)? else {
        return Ok(Vec::new());
    };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    };
    Ok(extension.value.general_names.iter().filter_map(name).collect())
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

fn timestamp(time: ASN1Time) -> Result<Timestamp, NotACertificate> {
    Timestamp::from_second(time.timestamp()).map_err(|_| NotACertificate::Damaged("its validity is no time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made by OpenSSL: tests/golden/make.sh.
    const SERVER: &[u8] = include_bytes!("../tests/golden/server.pem");
    const OTHER: &[u8] = include_bytes!("../tests/golden/other.pem");
    const KEY: &[u8] = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";

    fn parse(pem: &[u8]) -> Result<ServerCertificate, NotACertificate> {
        ServerCertificate::parse(pem)
    }

    #[test]
    fn what_openssl_says_of_a_certificate_is_read() {
        let certificate = parse(SERVER).unwrap();
        assert_eq!(certificate.common_name(), Some("dcor.example.org"));
        assert_eq!(certificate.names(), ["dcor.example.org", "192.0.2.7"]);
        let said = include_str!("../tests/golden/server.txt");
        assert!(said.contains(&certificate.fingerprint().to_string()), "{said}");
        assert!(said.contains(&format!("notBefore={}", openssl_time(certificate.not_before()))), "{said}");
        assert!(said.contains(&format!("notAfter={}", openssl_time(certificate.not_after()))), "{said}");
    }

    fn openssl_time(at: Timestamp) -> String {
        at.strftime("%b %e %H:%M:%S %Y GMT").to_string()
    }

    #[test]
    fn text_around_a_certificate_is_passed_over_and_not_kept() {
        let text = [b"Certificate:\n    Data: \xff\n".as_slice(), SERVER, b"\nbye\n"].concat();
        let certificate = parse(&text).unwrap();
        assert_eq!(certificate, parse(SERVER).unwrap());
        assert_eq!(certificate.pem().as_bytes(), SERVER);
    }

    #[test]
    fn the_first_certificate_is_the_servers_and_the_others_stay_behind_it() {
        let both = [SERVER, OTHER].concat();
        let certificate = parse(&both).unwrap();
        assert_eq!(certificate.fingerprint(), parse(SERVER).unwrap().fingerprint());
        assert_eq!((certificate.issuers(), certificate.pem().into_bytes()), (1, both));
    }

    #[test]
    fn a_private_key_never_gets_in() {
        assert_eq!(parse(&[SERVER, KEY].concat()), Err(NotACertificate::PrivateKey));
        assert_eq!(parse(&[KEY, SERVER].concat()), Err(NotACertificate::PrivateKey));
    }

    #[test]
    fn what_is_no_certificate_is_refused_with_the_reason() {
        assert_eq!(parse(b"no PEM at all"), Err(NotACertificate::Missing));
        assert_eq!(parse(&vec![b' '; MAX_LEN + 1]), Err(NotACertificate::TooLarge));
        assert_eq!(parse(&SERVER.repeat(9)), Err(NotACertificate::TooLarge));
        assert_eq!(
            parse(&SERVER[..SERVER.len() - 30]),
            Err(NotACertificate::Damaged("its PEM form is broken"))
        );
        let request = String::from_utf8_lossy(SERVER).replace("CERTIFICATE", "CERTIFICATE REQUEST");
        assert_eq!(parse(request.as_bytes()), Err(NotACertificate::OtherPem));
        let broken = String::from_utf8_lossy(SERVER).replacen("MII", "AII", 1);
        assert!(matches!(parse(broken.as_bytes()), Err(NotACertificate::Damaged(_))));
    }
}
