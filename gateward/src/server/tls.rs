//! Certificates and keys: loading, judging, and exchanging them while connections run.

pub mod nodes;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::client::ResolvesClientCert;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use crate::config::Mode;

/// What a throw-away certificate or key says of itself, in its subject or user id.
pub const NON_PRODUCTION: &str = "NON-PRODUCTION";

/// Why a certificate cannot be used: the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there, or no PEM.
    #[error("{path}: {source}", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: pem::Error,
    },
    /// No certificate in the file, or one that cannot be read.
    #[error("{path} holds no certificate that can be read", path = .0.display())]
    NoCertificate(PathBuf),
    /// The key cannot sign, or belongs to another certificate.
    #[error("{certificate} and {key} cannot be used together: {source}", certificate = .certificate.display(), key = .key.display())]
    Unfit {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// Made for trying things out.
    #[error("{path} is a throw-away certificate: mode = \"production\" takes none", path = .0.display())]
    ThrowAway(PathBuf),
    /// Too short to trust.
    #[error("{path} has an RSA key of {bits} bits: mode = \"production\" takes 2048 and more", path = .path.display())]
    Short {
        /// The certificate.
        path: PathBuf,
        /// Its modulus.
        bits: usize,
    },
}

/// Whether throw-away certificates and short keys may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// They are refused.
    Production,
    /// They are taken.
    Lenient,
}

/// Tells what an installation of this mode takes.
pub fn strictness(mode: Mode) -> Strictness {
    match mode {
        Mode::Production => Strictness::Production,
        Mode::Development | Mode::Test => Strictness::Lenient,
    }
}

/// Loads a certificate chain and its key, both PEM, and judges them.
///
/// # Errors
///
/// [`Error`].
pub fn load(certificate: &Path, key: &Path, strictness: Strictness) -> Result<CertifiedKey, Error> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Unreadable { path, source }
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(unreadable(certificate))?;
    let own = chain.first().ok_or_else(|| Error::NoCertificate(certificate.to_owned()))?;
    if strictness == Strictness::Production {
        judge(certificate, own)?;
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
    CertifiedKey::from_der(chain, private, &provider::default_provider()).map_err(|source| Error::Unfit {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        source,
    })
}

fn judge(path: &Path, der: &CertificateDer<'_>) -> Result<(), Error> {
    let (_, parsed) = X509Certificate::from_der(der).map_err(|_| Error::NoCertificate(path.to_owned()))?;
    if parsed.subject().to_string().contains(NON_PRODUCTION)
        || parsed.issuer().to_string().contains(NON_PRODUCTION)
    {
        return Err(Error::ThrowAway(path.to_owned()));
    }
    match parsed.public_key().parsed() {
        Ok(PublicKey::RSA(rsa)) if rsa.key_size() < 2048 => {
            Err(Error::Short { path: path.to_owned(), bits: rsa.key_size() })
        }
        _ => Ok(()),
    }
}

/// The certificate that we show, as a listener or to an upstream, exchanged without dropping a connection.
#[derive(Debug)]
pub struct Shown(ArcSwap<CertifiedKey>);

impl Shown {
    /// Shows `certified` from now on.
    pub fn new(certified: CertifiedKey) -> Arc<Self> {
        Arc::new(Self(ArcSwap::from_pointee(certified)))
    }

    /// Shows another one to whoever connects from now on.
    pub fn exchange(&self, certified: CertifiedKey) {
        self.0.store(Arc::new(certified));
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Makes the configuration of a listener: TLS 1.2 and 1.3 with rustls' own suites, and the protocols that are
/// `offered`; `clients` judges their certificates, where they are asked for one.
///
/// # Panics
///
/// Never: the provider knows both versions.
pub fn server_config(
    shown: Arc<Shown>,
    clients: Option<Arc<nodes::Nodes>>,
    offered: &[&[u8]],
) -> Arc<ServerConfig> {
    let provider: Arc<CryptoProvider> = Arc::new(provider::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .expect("the provider knows TLS 1.2 and 1.3");
    let config = match clients {
        Some(clients) => config.with_client_cert_verifier(clients),
        None => config.with_no_client_auth(),
    };
    // What a client sends before the handshake is over is not taken (0-RTT): it could be sent again.
    let mut config = config.with_cert_resolver(shown);
    config.alpn_protocols = offered.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(config)
}
