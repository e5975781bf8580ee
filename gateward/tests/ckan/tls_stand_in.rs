//! A stand-in for a server with a strange certificate: shows it, hears what comes, and answers with a page.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::NamedTempFile;

/// A certificate that signed itself, in a file, and its key.
pub struct Certificate {
    file: NamedTempFile,
    key: KeyPair,
}

impl Certificate {
    pub fn path(&self) -> &Path {
        self.file.path()
    }
}

/// Makes a certificate call itself an authority.
pub const AUTHORITY: fn(&mut CertificateParams) =
    |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);

pub fn certificate(names: &[&str], change: impl Fn(&mut CertificateParams)) -> Certificate {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), params.self_signed(&key).unwrap().pem()).unwrap();
    Certificate { file, key }
}

pub struct TlsStandIn {
    port: u16,
    heard: Arc<Mutex<String>>,
}

impl TlsStandIn {
    pub fn showing(certificate: &Certificate) -> Self {
        let chain = vec![CertificateDer::from_pem_file(certificate.path()).unwrap()];
        let key = PrivateKeyDer::try_from(certificate.key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let (config, heard) = (Arc::new(config), Arc::<Mutex<String>>::default());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stand_in = Self { port: listener.local_addr().unwrap().port(), heard: Arc::clone(&heard) };
        // It ends with the test program: nobody else knows the port.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                converse(stream, Arc::clone(&config), &heard);
            }
        });
        stand_in
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it heard within TLS.
    pub fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }
}

/// A handshake that fails is the test's to judge, at its other end.
fn converse(stream: TcpStream, config: Arc<ServerConfig>, heard: &Mutex<String>) {
    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    let mut piece = [0; 16 * 1024];
    let Ok(length) = stream.read(&mut piece) else { return };
    heard.lock().unwrap().push_str(&String::from_utf8_lossy(&piece[..length]));
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\n<p>";
    drop(stream.write_all(page.as_bytes()));
}
