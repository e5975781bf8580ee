//! Lists of revoked certificates (CRLs, RFC 5280 section 5).

use std::collections::HashSet;
use std::fmt;

use jiff::Timestamp;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use x509_parser::asn1_rs::{Any, FromDer as _, Sequence};
use x509_parser::extensions::{IssuingDistributionPoint, ParsedExtension, X509Extension};
use x509_parser::revocation_list::{CertificateRevocationList, RevokedCertificate};

use crate::certificate::{Certificate, positive, timestamp, uris};
use crate::name::DistinguishedName;

/// A list that was read, and no more: it is believed once its issuer's key has verified it.
#[derive(Clone, PartialEq, Eq)]
pub struct RevocationList {
    issuer: DistinguishedName,
    issuer_der: Vec<u8>,
    this_update: Timestamp,
    next_update: Timestamp,
    revoked: HashSet<Vec<u8>>,
    scope: Scope,
    signed: Signed,
}

/// Which certificates of its issuer a list speaks of (RFC 5280 section 5.2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Scope {
    of_users: bool,
    of_authorities: bool,
    /// Only certificates that name one of these; `None` for all.
    points: Option<Vec<String>>,
}

#[derive(Clone, PartialEq, Eq)]
struct Signed {
    text: Vec<u8>,
    /// What is in the SEQUENCE that names the algorithm.
    algorithm: Vec<u8>,
    signature: Vec<u8>,
}

/// Why bytes are no list that can be used. The operator asks the authority for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAList {
    /// They are something else, or damaged.
    #[error("this is no list of revoked certificates (CRL), or it is damaged")]
    Damaged,
    /// Nobody could tell an old one from the newest.
    #[error("the list does not say when the next one comes (nextUpdate)")]
    Endless,
    /// A part of what is revoked would be taken for all of it.
    #[error(
        "the list is not a whole one: changes only (a delta), lists of several authorities, and lists of some \
         reasons are not read"
    )]
    Partial,
    /// Its issuer says that whoever does not know this extension must not use it.
    #[error("the list has a critical extension that is not known here")]
    Critical,
}

impl RevocationList {
    /// Reads a list in its DER form, of version 1 or 2.
    ///
    /// # Errors
    ///
    /// [`NotAList`].
    pub fn from_der(der: &[u8]) -> Result<Self, NotAList> {
        let Ok(([], parsed)) = CertificateRevocationList::from_der(der) else {
            return Err(NotAList::Damaged);
        };
        let list = &parsed.tbs_cert_list;
        let mut revoked = HashSet::with_capacity(list.revoked_certificates.len());
        for entry in &list.revoked_certificates {
            check_entry(entry)?;
            revoked.insert(positive(entry.raw_serial()).to_vec());
        }
        Ok(Self {
            issuer: DistinguishedName::of(&list.issuer),
            issuer_der: list.issuer.as_raw().to_vec(),
            this_update: timestamp(list.this_update),
            next_update: timestamp(list.next_update.ok_or(NotAList::Endless)?),
            revoked,
            scope: scope(list.extensions())?,
            signed: signed(der)?,
        })
    }

    /// Returns whose list it is.
    pub fn issuer(&self) -> &DistinguishedName {
        &self.issuer
    }

    /// Returns when it was made.
    pub fn this_update(&self) -> Timestamp {
        self.this_update
    }

    /// Returns when the next one comes at the latest: from then on this one says nothing.
    pub fn next_update(&self) -> Timestamp {
        self.next_update
    }

    /// Returns how many certificates it revokes.
    pub fn len(&self) -> usize {
        self.revoked.len()
    }

    /// Whether it revokes none.
    pub fn is_empty(&self) -> bool {
        self.revoked.is_empty()
    }

    /// Whether the key of `issuer` has signed it, and may.
    pub fn is_of(&self, issuer: &Certificate) -> bool {
        self.may_be_of(issuer) && self.is_signed_by(&issuer.public_key_der)
    }

    /// Whether it names `issuer`, who may sign lists.
    pub(crate) fn may_be_of(&self, issuer: &Certificate) -> bool {
        self.issuer_der == issuer.subject_der && issuer.may_sign_lists
    }

    /// Whether it says that `certificate` is revoked, or is silent about it because it is not.
    pub(crate) fn speaks_of(&self, certificate: &Certificate) -> bool {
        let Scope { of_users, of_authorities, points } = &self.scope;
        let kind = if certificate.is_authority() { *of_authorities } else { *of_users };
        // A certificate that names no point is meant by every list of its issuer.
        let point = points.as_ref().is_none_or(|points| {
            certificate.list_points.is_empty()
                || certificate.list_points.iter().any(|point| points.contains(point))
        });
        self.issuer_der == certificate.issuer_der && kind && point
    }

    /// Whether it speaks of the same certificates of its issuer.
    pub(crate) fn has_scope_of(&self, other: &Self) -> bool {
        self.scope == other.scope
    }

    pub(crate) fn revokes(&self, certificate: &Certificate) -> bool {
        self.revoked.contains(&certificate.serial)
    }

    /// Only ways of signing that TLS takes here count, and only the one that the list names.
    fn is_signed_by(&self, public_key_der: &[u8]) -> bool {
        let Signed { text, algorithm, signature } = &self.signed;
        let key = SubjectPublicKeyInfoDer::from(public_key_der);
        let Ok(key) = webpki::RawPublicKeyEntity::try_from(&key) else { return false };
        webpki::ALL_VERIFICATION_ALGS
            .iter()
            .filter(|known| known.signature_alg_id().as_ref() == algorithm)
            .any(|known| key.verify_signature(*known, text, signature).is_ok())
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RevocationList({}, until {})", self.issuer, self.next_update)
    }
}

/// Takes the signed text, the algorithm and the signature apart (RFC 5280 section 5.1.1).
fn signed(der: &[u8]) -> Result<Signed, NotAList> {
    let damaged = |_| NotAList::Damaged;
    let (_, whole) = Sequence::from_der(der).map_err(damaged)?;
    let content: &[u8] = &whole.content;
    let (rest, _) = Any::from_der(content).map_err(damaged)?;
    let text = &content[..content.len() - rest.len()];
    let (rest, algorithm) = Any::from_der(rest).map_err(damaged)?;
    let (_, signature) = Any::from_der(rest).map_err(damaged)?;
    // The first byte of a BIT STRING counts the bits that are no part of it: none, in signatures.
    let Some((0, signature)) = signature.data.split_first() else { return Err(NotAList::Damaged) };
    Ok(Signed { text: text.to_vec(), algorithm: algorithm.data.to_vec(), signature: signature.to_vec() })
}

fn scope(extensions: &[X509Extension<'_>]) -> Result<Scope, NotAList> {
    let mut scope = Scope { of_users: true, of_authorities: true, points: None };
    for extension in extensions {
        match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(_) | ParsedExtension::CRLNumber(_) => {}
            ParsedExtension::IssuingDistributionPoint(point) => restrict(&mut scope, point)?,
            // A delta, section 5.2.4.
            _ if extension.oid.to_id_string() == "2.5.29.27" => return Err(NotAList::Partial),
            _ if extension.critical => return Err(NotAList::Critical),
            _ => {}
        }
    }
    Ok(scope)
}

fn restrict(scope: &mut Scope, point: &IssuingDistributionPoint<'_>) -> Result<(), NotAList> {
    if point.indirect_crl || point.only_contains_attribute_certs || point.only_some_reasons.is_some() {
        return Err(NotAList::Partial);
    }
    scope.of_users = !point.only_contains_ca_certs;
    scope.of_authorities = !point.only_contains_user_certs;
    scope.points = point.distribution_point.as_ref().map(uris);
    Ok(())
}

/// An entry may say something critical of itself, such as another issuer (section 5.3.3).
fn check_entry(entry: &RevokedCertificate<'_>) -> Result<(), NotAList> {
    for extension in entry.extensions() {
        if extension.oid.to_id_string() == "2.5.29.29" {
            return Err(NotAList::Partial);
        }
        let is_known = matches!(
            extension.parsed_extension(),
            ParsedExtension::ReasonCode(_) | ParsedExtension::InvalidityDate(_)
        );
        if extension.critical && !is_known {
            return Err(NotAList::Critical);
        }
    }
    Ok(())
}
