//! The load: a machine with a certificate that sends audit messages on one connection or several.

use std::net::Ipv4Addr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Outcome;
use crate::certificates::Certificates;

/// Connections whose handshakes are done.
pub struct Connections(Vec<TlsStream<TcpStream>>);

/// Makes `count` connections to `port`.
pub async fn connect(certificates: &Certificates, port: u16, count: usize) -> Outcome<Connections> {
    let tls = TlsConnector::from(Arc::new(client(certificates)?));
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        connections.push(tls.connect(ServerName::try_from("localhost")?, stream).await?);
    }
    Ok(Connections(connections))
}

impl Connections {
    /// Sends each its share, all at once; returns when all of it was taken by the system. They stay open.
    pub async fn send(self, shares: Vec<String>) -> Outcome<Self> {
        let sending = self.0.into_iter().zip(shares).map(|(mut stream, share)| {
            tokio::spawn(async move {
                stream.write_all(share.as_bytes()).await?;
                stream.flush().await?;
                Outcome::Ok(stream)
            })
        });
        let mut sent = Vec::new();
        for sending in sending.collect::<Vec<_>>() {
            sent.push(sending.await??);
        }
        Ok(Self(sent))
    }

    /// Ends them in good order.
    pub async fn close(self) -> Outcome<()> {
        for mut stream in self.0 {
            stream.shutdown().await?;
        }
        Ok(())
    }
}

/// Shows the machine's certificate.
pub fn client(certificates: &Certificates) -> Outcome<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&certificates.ca)?)?;
    let own = vec![CertificateDer::from_pem_file(&certificates.node[0])?];
    let key = PrivateKeyDer::from_pem_file(&certificates.node[1])?;
    Ok(ClientConfig::builder().with_root_certificates(roots).with_client_auth_cert(own, key)?)
}
