//! A small HTTPS client: the demo looks at the door from outside.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use http_digest::client::{Challenge, answer};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::PATIENCE;

/// Trusts one authority and nobody else.
pub(super) struct Client(TlsConnector);

/// An answer, whole.
pub(super) struct Answer {
    pub status: StatusCode,
    challenge: Option<String>,
    body: Bytes,
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    pub(super) fn trusting(ca: &str) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes())?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(Self(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))))
    }

    pub(super) async fn post(&self, to: SocketAddr, path: &str, body: Vec<u8>) -> anyhow::Result<Answer> {
        self.send(to, request(Method::POST, path, None, body.into())?).await
    }

    /// Asks once without, and once more with the answer to the challenge, as clients do.
    pub(super) async fn get(
        &self,
        to: SocketAddr,
        path: &str,
        login: Option<(&str, &str)>,
    ) -> anyhow::Result<Answer> {
        let challenged = self.send(to, request(Method::GET, path, None, Bytes::new())?).await?;
        let Some((login, password)) = login else { return Ok(challenged) };
        let challenge =
            challenged.challenge.as_deref().and_then(Challenge::parse).context("no Digest challenge")?;
        let asked = http_digest::Request { method: "GET", target: path };
        let authorization = answer(&challenge, login, password, asked, 1, "0a4f113b");
        self.send(to, request(Method::GET, path, Some(authorization), Bytes::new())?).await
    }

    async fn send(&self, to: SocketAddr, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        tokio::time::timeout(PATIENCE, self.exchange(to, request))
            .await
            .context("the door does not answer")?
    }

    async fn exchange(&self, to: SocketAddr, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        let stream =
            self.0.connect(ServerName::try_from("localhost")?, TcpStream::connect(to).await?).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let carried = tokio::spawn(connection);
        let response: Response<_> = sender.send_request(request).await?;
        let status = response.status();
        let challenge = response
            .headers()
            .get(WWW_AUTHENTICATE)
            .map(|value| value.to_str().map(str::to_owned))
            .transpose()?;
        let body = response.into_body().collect().await?.to_bytes();
        drop(sender);
        match carried.await? {
            Ok(()) => Ok(Answer { status, challenge, body }),
            Err(error) => bail!("the connection broke: {error}"),
        }
    }
}

fn request(
    method: Method,
    path: &str,
    authorization: Option<String>,
    body: Bytes,
) -> anyhow::Result<Request<Full<Bytes>>> {
    let mut request = Request::builder().method(method).uri(path).header(HOST, "localhost");
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    Ok(request.body(Full::new(body))?)
}
