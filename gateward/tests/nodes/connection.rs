//! One connection that stays open, and shows what it is told to.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, RootCertStore, SignatureScheme, StreamOwned};

use super::authority::Machine;
use super::server::Server;

pub struct Connection {
    tls: StreamOwned<ClientConnection, TcpStream>,
}

/// Shows a certificate whether or not the key is its own.
#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl ResolvesClientCert for Shows {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// The certificate of one with the key of another, or of the same.
pub fn shows(certificate: &Machine, key: &Machine) -> Arc<CertifiedKey> {
    let der = PrivateKeyDer::from_pem_slice(key.key.serialize_pem().as_bytes()).unwrap();
    let key = provider::sign::any_supported_type(&der).unwrap();
    Arc::new(CertifiedKey::new(vec![CertificateDer::from(certificate.der.clone())], key))
}

/// What believes the server, and shows this.
pub fn client(server: &Server, shown: Option<Arc<CertifiedKey>>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(server.file("ca.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    match shown {
        Some(shown) => config.with_client_cert_resolver(Arc::new(Shows(shown))),
        None => config.with_no_client_auth(),
    }
}

impl Connection {
    pub fn new(server: &Server, shown: Option<Arc<CertifiedKey>>) -> Self {
        let config = client(server, shown);
        let session = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let socket = TcpStream::connect(("127.0.0.1", server.public)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self { tls: StreamOwned::new(session, socket) }
    }

    /// Asks, and leaves what comes unread.
    pub fn ask(&mut self, path: &str) -> io::Result<()> {
        write!(self.tls, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        self.tls.flush()
    }

    /// Asks, and reads the whole answer: its status and its body.
    pub fn get(&mut self, path: &str) -> io::Result<(u16, String)> {
        let (status, _, body) = self.send("GET", path, "", "")?;
        Ok((status, body))
    }

    /// Asks with these lines of the head, and reads the whole answer: its status, its head and its body.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        fields: &str,
        body: &str,
    ) -> io::Result<(u16, String, String)> {
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        write!(self.tls, "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{fields}{length}\r\n{body}")?;
        self.tls.flush()?;
        let mut read = Vec::new();
        let head = loop {
            if let Some(at) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.more(&mut read)?;
        };
        let text = String::from_utf8_lossy(&read[..head]).into_owned();
        let fields = text.to_ascii_lowercase();
        let status = fields.split(' ').nth(1).unwrap().parse().unwrap();
        let length = fields.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.filter(|_| method != "HEAD").unwrap_or("0");
        let length: usize = length.trim().parse().unwrap();
        while read.len() < head + length {
            self.more(&mut read)?;
        }
        Ok((status, text, String::from_utf8_lossy(&read[head..]).into_owned()))
    }

    fn more(&mut self, read: &mut Vec<u8>) -> io::Result<()> {
        let mut piece = [0; 4096];
        match self.tls.read(&mut piece)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            length => {
                read.extend_from_slice(&piece[..length]);
                Ok(())
            }
        }
    }

    /// Reads until the other side closes, whatever comes; returns how long that took and how much came.
    pub fn until_closed(&mut self) -> (Duration, usize) {
        let (begun, mut bytes, mut piece) = (Instant::now(), 0, [0; 16 * 1024]);
        loop {
            match self.tls.read(&mut piece) {
                Ok(0) => return (begun.elapsed(), bytes),
                Ok(more) => bytes += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("it stays open"),
                Err(_) => return (begun.elapsed(), bytes),
            }
        }
    }
}
