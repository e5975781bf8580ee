//! A sender that writes bytes as it is told.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs as provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::authority::Machine;
use super::site::Site;

/// A TLS connection to the receiver.
pub struct Line(StreamOwned<ClientConnection, TcpStream>);

impl Line {
    pub fn of(site: &Site, machine: Option<&Machine>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(site.server.file("ca.pem")).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match machine {
            Some(machine) => {
                let key = PrivateKeyDer::from_pem_slice(machine.key.serialize_pem().as_bytes()).unwrap();
                config.with_client_auth_cert(vec![machine.der.clone().into()], key).unwrap()
            }
            None => config.with_no_client_auth(),
        };
        let session = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let socket = TcpStream::connect(("127.0.0.1", site.tls)).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(StreamOwned::new(session, socket))
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)?;
        self.0.flush()
    }

    /// Says that nothing more comes.
    pub fn end(mut self) {
        self.0.conn.send_close_notify();
        self.0.flush().unwrap();
    }

    /// Waits until the other side has closed it.
    pub fn until_closed(&mut self) {
        let mut piece = [0; 1024];
        loop {
            match self.0.read(&mut piece) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("it stays open"),
                Err(_) => return,
            }
        }
    }
}
