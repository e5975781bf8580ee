//! What connections take: idle ones, and answers that run.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Outcome;
use crate::certificates::Certificates;
use crate::nginx::LARGE;
use crate::pair::Pair;

/// Prints what each of `count` connections takes of the door's memory, idle and with an answer that runs.
pub fn measure(pair: &Pair, count: usize) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let tls = TlsConnector::from(Arc::new(client(&pair.certificates)?));
        let before = pair.site.process.memory("VmRSS")?;
        let mut open = Vec::new();
        for at in 0..count {
            let mut stream = connect(&tls, pair.site.port, at).await?;
            // One answer, so that all is there that a connection in use has.
            ask(&mut stream, pair, "small").await?;
            let mut answer = vec![0; 8192];
            if !stream.read(&mut answer).await.is_ok_and(|read| answer[..read].starts_with(b"HTTP/1.1 200")) {
                return Err("an answer was not 200".into());
            }
            open.push(stream);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let idle = pair.site.process.memory("VmRSS")?;
        println!("\nresident with no connection {before:.1} MiB, with {count} idle {idle:.1} MiB");
        println!("an idle connection          {:>8.1} KiB", (idle - before) * 1024.0 / count as f64);

        for stream in &mut open {
            ask(stream, pair, LARGE.0).await?;
            // Its first bytes come, and then nobody reads on.
            let mut first = [0; 12];
            stream.read_exact(&mut first).await?;
            if &first != b"HTTP/1.1 200" {
                return Err(String::from_utf8_lossy(&first).into_owned().into());
            }
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        let running = pair.site.process.memory("VmRSS")?;
        println!("resident with {count} answers of 100 MiB that run {running:.1} MiB");
        println!("an answer that runs         {:>8.1} KiB", (running - before) * 1024.0 / count as f64);
        Ok(())
    })
}

/// Connects as the client number `at`: one address has 512 places at most.
pub async fn connect(tls: &TlsConnector, port: u16, at: usize) -> Outcome<TlsStream<TcpStream>> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, 0, u8::try_from(2 + at / 400)?), 0).into())?;
    let stream = socket.connect((Ipv4Addr::LOCALHOST, port).into()).await?;
    Ok(tls.connect(ServerName::try_from("localhost")?, stream).await?)
}

async fn ask(stream: &mut TlsStream<TcpStream>, pair: &Pair, file: &str) -> Outcome<()> {
    let token = &pair.site.token;
    let request =
        format!("GET /data/{file} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    Ok(())
}

pub fn client(certificates: &Certificates) -> Outcome<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&certificates.ca)?)?;
    let own = vec![CertificateDer::from_pem_file(&certificates.node[0])?];
    let key = PrivateKeyDer::from_pem_file(&certificates.node[1])?;
    Ok(ClientConfig::builder().with_root_certificates(roots).with_client_auth_cert(own, key)?)
}
