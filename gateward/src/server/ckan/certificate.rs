//! The certificate that a server shows, whoever it is.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::flows::access_token::ckan::Error;
use crate::server::trust;

/// Fetches the certificate that whoever answers at `host` shows, as PEM: its own, without those that it
/// leads to.
///
/// Believes anybody, so it proves nothing: somebody on the way can show another one. A person must compare
/// its fingerprint, over another channel, before it is pinned anywhere. Nothing is sent over the connection.
///
/// # Errors
///
/// [`Error::Unreachable`], and [`Error::Tls`] where no TLS is spoken.
pub async fn fetch_certificate_of_anybody(
    host: &str,
    port: u16,
    patience: Duration,
) -> Result<String, Error> {
    let place = format!("{host}:{port}");
    let late = || Error::Unreachable {
        place: place.clone(),
        why: format!("it showed no certificate within {} s", patience.as_secs()),
    };
    tokio::time::timeout(patience, fetch(host, port, &place)).await.unwrap_or_else(|_| Err(late()))
}

async fn fetch(host: &str, port: u16, place: &str) -> Result<String, Error> {
    let unreachable = |why: String| Error::Unreachable { place: place.to_owned(), why };
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| unreachable("that is neither a host's name nor its address".into()))?;
    let tls = trust::believing(|_| Ok(()));
    let stream = TcpStream::connect((host, port)).await.map_err(|error| unreachable(error.to_string()))?;
    let connected = TlsConnector::from(Arc::new(tls)).connect(name, stream).await;
    let connected = connected.map_err(|error| match trust::what_is_wrong(&error, host) {
        Some(why) => Error::Tls { place: place.to_owned(), why },
        None => unreachable(format!("it hangs up: {error}")),
    })?;
    let (_, session) = connected.get_ref();
    let shown = session.peer_certificates().and_then(<[_]>::first);
    Ok(pem(shown.expect("a server without a certificate is not believed by rustls")))
}

/// RFC 7468 section 5.1: lines of 64.
fn pem(certificate: &CertificateDer<'_>) -> String {
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let base64 = data_encoding::BASE64.encode(certificate);
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}
