//! Which server, a CKAN or an object store, is believed to be the one that is meant.
//!
//! Many servers of institutions show a certificate that signed itself, often one that calls itself an
//! authority besides (`openssl req -x509` makes those). A client takes it for what it is when exactly
//! this certificate was given to it, as DCOR-Aid does.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, aws_lc_rs as provider, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{boot, outwards};

/// Why nobody can be believed: the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read, or has no certificates.
    #[error(transparent)]
    File(#[from] boot::Error),
    /// The system believes nobody.
    #[error(
        "this machine believes no authority: install Debian's ca-certificates, or name the file with the server's \
         certificate"
    )]
    NoAuthorities,
}

/// Believes what the file `ca` says, or else whom this machine believes.
///
/// # Errors
///
/// [`Error`].
pub fn tls(is_https: bool, ca: Option<&Path>) -> Result<ClientConfig, Error> {
    let tls = outwards::tls();
    let Some(path) = ca else {
        let roots = if is_https { of_this_machine()? } else { RootCertStore::empty() };
        return Ok(tls.with_root_certificates(roots).with_no_client_auth());
    };
    let given = outwards::certificates(path)?;
    let roots = outwards::roots(&given, path)?;
    let leads =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(provider::default_provider()))
            .build()
            .expect("there are roots, and no lists of revoked ones");
    Ok(believing(move |shown| {
        let Showing { certificate, between, name, ocsp, now } = shown;
        if !given.contains(certificate) {
            return leads.verify_server_cert(certificate, between, name, ocsp, now).map(drop);
        }
        rustls::client::verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        Ok(is_in_its_time(certificate, now)?)
    }))
}

fn of_this_machine() -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    // Those that cannot be read are as good as not there.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(Error::NoAuthorities) } else { Ok(roots) }
}

/// What a server shows of itself.
#[derive(Debug, Clone, Copy)]
pub struct Showing<'a> {
    certificate: &'a CertificateDer<'a>,
    between: &'a [CertificateDer<'a>],
    name: &'a ServerName<'a>,
    ocsp: &'a [u8],
    now: UnixTime,
}

/// Prepares TLS that believes whom `judge` does; that whoever shows a certificate has its key is verified
/// all the same.
pub fn believing<J>(judge: J) -> ClientConfig
where
    J: Fn(Showing<'_>) -> Result<(), rustls::Error> + Send + Sync + 'static,
{
    let signatures = provider::default_provider().signature_verification_algorithms;
    let verifier = Arc::new(Judging { judge, signatures });
    outwards::tls().dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
}

struct Judging<J> {
    judge: J,
    signatures: WebPkiSupportedAlgorithms,
}

impl<J> std::fmt::Debug for Judging<J> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Judging")
    }
}

impl<J: Fn(Showing<'_>) -> Result<(), rustls::Error> + Send + Sync> ServerCertVerifier for Judging<J> {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        (self.judge)(Showing { certificate, between, name, ocsp, now })?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.signatures)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.signatures)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.supported_schemes()
    }
}

/// RFC 5280 section 4.1.2.5: both ends belong to the time.
fn is_in_its_time(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), CertificateError> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
    let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if seconds > parsed.validity().not_after.timestamp() {
        return Err(CertificateError::Expired);
    }
    if seconds < parsed.validity().not_before.timestamp() {
        return Err(CertificateError::NotValidYet);
    }
    Ok(())
}

/// Says what is wrong with the TLS of a server, and what would mend it; `None` where it is not that.
pub fn what_is_wrong(error: &(dyn std::error::Error + 'static), host: &str) -> Option<String> {
    let error = tls_error(error)?;
    Some(match error {
        rustls::Error::InvalidCertificate(wrong) => certificate_is_wrong(wrong, host),
        rustls::Error::InvalidMessage(_) => "what answers there does not speak TLS: look at the port".into(),
        other => format!("no TLS comes about: {other}"),
    })
}

fn certificate_is_wrong(wrong: &CertificateError, host: &str) -> String {
    let given = "give the file with its certificate, or with its authority's";
    match wrong {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            format!("its certificate leads to nobody who is believed: if it is the right server, {given}")
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => format!(
            "its certificate is not for {host}: give the address that stands in it, or renew it with this name \
             in subjectAltName"
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has ended: it is to be renewed there".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet: look at the clocks, there and here".into()
        }
        // What has no name in rustls: among others an authority's own certificate, which serves nobody save
        // who was given it.
        CertificateError::Other(_) => {
            format!(
                "its certificate signed itself, or cannot be believed at all: if it is the right server, {given}"
            )
        }
        other => format!("its certificate cannot be believed ({other}): {given}"),
    }
}

/// What rustls said stands in an error of input and output, which hides it from `source`.
fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        let hidden = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(found) = hidden.and_then(|hidden| tls_error(hidden)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}
