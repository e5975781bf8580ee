//! A path from a certificate to an authority (RFC 5280 section 6), as the TLS library builds it.

use std::time::Duration;

use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};

use crate::certificate::Certificate;
use crate::untrusted::Untrusted;

/// How many certificates between a machine's own and an authority are looked at.
const MAX_BETWEEN: usize = 10;

/// Returns the certificates above `own` in the verified path, the nearest first, and which anchor it ends at.
///
/// Lists of revoked certificates are not looked at, and neither is the anchor's own time.
pub(super) fn build(
    anchors: &[TrustAnchor<'static>],
    own: &Certificate,
    between: &[CertificateDer<'_>],
    now: Timestamp,
) -> Result<(Vec<Certificate>, usize), Untrusted> {
    let end = webpki::EndEntityCert::try_from(own.der()).expect("the certificate was read so before");
    let between = &between[..between.len().min(MAX_BETWEEN)];
    let seconds = u64::try_from(now.as_second()).unwrap_or(0);
    let path = end
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            anchors,
            between,
            UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
            ForClients,
            None,
            None,
        )
        .map_err(|error| why(&error))?;
    let above = path.intermediate_certificates().map(|certificate| Certificate::from_der(&certificate.der()));
    let above: Vec<Certificate> = above.collect::<Result<_, _>>()?;
    let at = anchors.iter().position(|anchor| anchor == path.anchor());
    Ok((above, at.expect("a path ends at one of the anchors")))
}

/// Takes certificates for clients, for anything, and those that do not say what they are for
/// (RFC 5280 section 4.2.1.12); also of authorities between, as the library asks it of them.
struct ForClients;

const CLIENT_AUTH: [usize; 9] = [1, 3, 6, 1, 5, 5, 7, 3, 2];
const ANY: [usize; 5] = [2, 5, 29, 37, 0];

impl webpki::ExtendedKeyUsageValidator for ForClients {
    fn validate(&self, purposes: webpki::KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        let mut says_something = false;
        for purpose in purposes {
            let purpose = purpose?.to_decoded_oid();
            if purpose == CLIENT_AUTH || purpose == ANY {
                return Ok(());
            }
            says_something = true;
        }
        #[expect(deprecated, reason = "its successor cannot be made outside of the library")]
        if says_something { Err(webpki::Error::RequiredEkuNotFound) } else { Ok(()) }
    }
}

fn time(at: UnixTime) -> Timestamp {
    i64::try_from(at.as_secs())
        .ok()
        .and_then(|second| Timestamp::from_second(second).ok())
        .unwrap_or(Timestamp::MAX)
}

/// The machine's own certificate was looked at before: what is said here is said of its authorities.
fn why(error: &webpki::Error) -> Untrusted {
    use webpki::Error;
    let above = || "the certificate of one of its authorities".to_owned();
    #[expect(deprecated, reason = "what is made above arrives here")]
    match error {
        Error::CertExpired { not_after, .. } => Untrusted::Expired { what: above(), until: time(*not_after) },
        Error::CertNotValidYet { not_before, .. } => {
            Untrusted::NotYetValid { what: above(), from: time(*not_before) }
        }
        Error::RequiredEkuNotFound => Untrusted::WrongEku,
        Error::InvalidSignatureForPublicKey => {
            Untrusted::BadSignature("whom it names as its issuer did not sign it")
        }
        Error::UnsupportedSignatureAlgorithm
        | Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKey
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Untrusted::BadSignature(
            "it is signed in a way that is not taken, such as SHA-1 or RSA under 2048 bits",
        ),
        Error::CaUsedAsEndEntity => {
            Untrusted::UnknownCa("it is an authority's own certificate, no machine's")
        }
        Error::EndEntityUsedAsCa => Untrusted::UnknownCa("it was signed by somebody who is no authority"),
        Error::NameConstraintViolation => {
            Untrusted::UnknownCa("its name is not one that its authority may give")
        }
        Error::PathLenConstraintViolated => {
            Untrusted::UnknownCa("one of its authorities may not vouch for others")
        }
        _ => Untrusted::UnknownCa("its issuer is not known here"),
    }
}
