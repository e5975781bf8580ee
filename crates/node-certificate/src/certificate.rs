//! One certificate: what stands in it.

use std::fmt;

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension, X509Extension};
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

use crate::fingerprint::Fingerprint;
use crate::name::DistinguishedName;
use crate::san::San;

/// A certificate that was read, and no more: nothing of it is believed.
///
/// Attributes and extensions that are not known here make no difference, unless an extension is critical
/// (RFC 5280 section 4.2).
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: CertificateDer<'static>,
    fingerprint: Fingerprint,
    subject: DistinguishedName,
    issuer: DistinguishedName,
    pub(crate) subject_der: Vec<u8>,
    pub(crate) issuer_der: Vec<u8>,
    pub(crate) public_key_der: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    sans: Vec<San>,
    not_before: Timestamp,
    not_after: Timestamp,
    pub(crate) purpose: Purpose,
    is_authority: bool,
    pub(crate) may_sign_lists: bool,
    /// URIs under which its issuer says who is revoked (RFC 5280 section 4.2.1.13).
    pub(crate) list_points: Vec<String>,
}

/// Whether a certificate is for machines that call others (RFC 5280 section 4.2.1.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// It is, or does not say what it is for.
    Client,
    /// It is for something else alone.
    Other,
}

/// Why bytes are no certificate that can be used. Whoever supplied them takes others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotACertificate {
    /// They are something else, or damaged.
    #[error("this is no X.509 certificate, or it is damaged")]
    Damaged,
    /// It was made without extensions, as `openssl x509 -req` does without `-extfile`.
    #[error(
        "it is a certificate of version 1, which TLS does not take: issue it again with extensions \
         (openssl x509 -req -extfile FILE, or openssl ca)"
    )]
    Version,
    /// Its issuer says that whoever does not know this extension must not use it.
    #[error("it has a critical extension that is not known here")]
    Critical,
    /// Something in it breaks the rules.
    #[error("it breaks the rules for certificates (RFC 5280): {0}")]
    Rules(&'static str),
    /// No certificate is that large.
    #[error("it is larger than {MAX_BYTES} bytes")]
    TooLarge,
}

/// How large a certificate may be in its DER form: what a handshake carries.
const MAX_BYTES: usize = 64 * 1024;

impl Certificate {
    /// Reads a certificate in its DER form.
    ///
    /// # Errors
    ///
    /// [`NotACertificate`]; what TLS could never take is none here.
    pub fn from_der(der: &[u8]) -> Result<Self, NotACertificate> {
        if der.len() > MAX_BYTES {
            return Err(NotACertificate::TooLarge);
        }
        let Ok(([], parsed)) = X509Certificate::from_der(der) else {
            return Err(NotACertificate::Damaged);
        };
        // The reader of the TLS library is the stricter one: what it does not read never gets in.
        let der = CertificateDer::from(der.to_vec());
        webpki::EndEntityCert::try_from(&der).map_err(|error| strict(&error))?;
        let validity = parsed.validity();
        Ok(Self {
            fingerprint: Fingerprint::of(&der),
            subject: DistinguishedName::of(parsed.subject()),
            issuer: DistinguishedName::of(parsed.issuer()),
            subject_der: parsed.subject().as_raw().to_vec(),
            issuer_der: parsed.issuer().as_raw().to_vec(),
            public_key_der: parsed.public_key().raw.to_vec(),
            serial: positive(parsed.raw_serial()).to_vec(),
            sans: sans(&parsed),
            not_before: timestamp(validity.not_before),
            not_after: timestamp(validity.not_after),
            purpose: purpose(&parsed)?,
            is_authority: parsed
                .basic_constraints()
                .map_err(|_| NotACertificate::Rules("it says twice whether it is an authority's"))?
                .is_some_and(|constraints| constraints.value.ca),
            may_sign_lists: parsed
                .key_usage()
                .map_err(|_| NotACertificate::Rules("it says twice what its key may do"))?
                .is_none_or(|usage| usage.value.crl_sign()),
            list_points: list_points(&parsed),
            der: der.clone(),
        })
    }

    /// Returns its DER form.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Returns its SHA-256.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Returns whom it is about.
    pub fn subject(&self) -> &DistinguishedName {
        &self.subject
    }

    /// Returns who says to have signed it.
    pub fn issuer(&self) -> &DistinguishedName {
        &self.issuer
    }

    /// Returns the other names of whom it is about.
    pub fn sans(&self) -> &[San] {
        &self.sans
    }

    /// Returns the first second in which it is valid.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Returns the last second in which it is valid (RFC 5280 section 4.1.2.5).
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Returns its serial number as bytes, the highest first, without zeros before it.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// Whether it may sign certificates (RFC 5280 section 4.2.1.9).
    pub fn is_authority(&self) -> bool {
        self.is_authority
    }

    /// Whether it may be shown by a machine that calls another: it says so, or does not say what it is for.
    pub fn is_for_clients(&self) -> bool {
        self.purpose == Purpose::Client
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, {})", self.subject, self.fingerprint)
    }
}

fn strict(error: &webpki::Error) -> NotACertificate {
    match error {
        webpki::Error::UnsupportedCertVersion => NotACertificate::Version,
        webpki::Error::UnsupportedCriticalExtension => NotACertificate::Critical,
        webpki::Error::InvalidSerialNumber => NotACertificate::Rules("its serial number is none"),
        webpki::Error::SignatureAlgorithmMismatch => {
            NotACertificate::Rules("it names two ways in which it was signed")
        }
        webpki::Error::InvalidCertValidity => NotACertificate::Rules("it ends before it begins"),
        webpki::Error::ExtensionValueInvalid | webpki::Error::MalformedExtensions => {
            NotACertificate::Rules("one of its extensions cannot be read, or stands there twice")
        }
        _ => NotACertificate::Damaged,
    }
}

/// Zeros before a number are no part of it.
pub(crate) fn positive(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    &serial[zeros.min(serial.len().saturating_sub(1))..]
}

/// "No well-defined end" is the last second of the year 9999 (RFC 5280 section 4.1.2.5), which is past the
/// last one that has a name here.
pub(crate) fn timestamp(time: ASN1Time) -> Timestamp {
    let second = time.timestamp().clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(second).expect("it lies between the first second and the last")
}

/// An absent extension, and one that says "any", restrict nothing (RFC 5280 section 4.2.1.12).
fn purpose(parsed: &X509Certificate<'_>) -> Result<Purpose, NotACertificate> {
    let extension = parsed
        .extended_key_usage()
        .map_err(|_| NotACertificate::Rules("what it is for cannot be read, or stands there twice"))?;
    let is_for_clients = extension.is_none_or(|usage| usage.value.client_auth || usage.value.any);
    Ok(if is_for_clients { Purpose::Client } else { Purpose::Other })
}

/// Names that cannot be read are nobody's: no registration means them.
fn sans(parsed: &X509Certificate<'_>) -> Vec<San> {
    let Ok(Some(extension)) = parsed.subject_alternative_name() else { return Vec::new() };
    extension.value.general_names.iter().filter_map(San::of).collect()
}

fn list_points(parsed: &X509Certificate<'_>) -> Vec<String> {
    let extensions = parsed.extensions().iter().map(X509Extension::parsed_extension);
    let points = extensions.filter_map(|extension| match extension {
        ParsedExtension::CRLDistributionPoints(points) => Some(&points.points),
        _ => None,
    });
    points.flatten().filter_map(|point| point.distribution_point.as_ref()).flat_map(uris).collect()
}

pub(crate) fn uris(point: &DistributionPointName<'_>) -> Vec<String> {
    let DistributionPointName::FullName(names) = point else { return Vec::new() };
    let uri = |name: &GeneralName<'_>| match name {
        GeneralName::URI(uri) => Some((*uri).to_owned()),
        _ => None,
    };
    names.iter().filter_map(uri).collect()
}
