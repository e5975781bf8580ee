//! A small HTTPS client: the demo looks at the door from outside, and so do tests and benchmarks.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use http_digest::client::{Challenge, answer};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long one request may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// Trusts one authority and nobody else; asks for `localhost`.
#[derive(Clone)]
pub struct Client(TlsConnector);

/// A connection that is kept alive.
#[derive(Debug)]
pub struct Connection(SendRequest<Full<Bytes>>);

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub fields: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

impl Answer {
    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    /// Trusts the authority whose certificate `ca` is, PEM.
    ///
    /// # Errors
    ///
    /// When `ca` is no certificate.
    pub fn trusting(ca: &str) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes())?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = config.with_root_certificates(roots).with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Connects to `to`.
    ///
    /// # Errors
    ///
    /// Nobody listens, or the handshake fails.
    pub async fn connect(&self, to: SocketAddr) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        let stream = self.0.connect(ServerName::try_from("localhost")?, stream).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Ends with the sender; what goes wrong, the next request reports.
        tokio::spawn(connection);
        Ok(Connection(sender))
    }
}

impl Connection {
    /// Sends one request and waits for the whole answer.
    ///
    /// # Errors
    ///
    /// The connection broke, or nothing came in time.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        tokio::time::timeout(PATIENCE, self.exchange(request)).await.context("the door does not answer")?
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        self.0.ready().await?;
        let (head, body) = self.0.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: head.status, fields: head.headers, body })
    }

    /// Posts `body` to `path`.
    ///
    /// # Errors
    ///
    /// As [`Connection::send`].
    pub async fn post(&mut self, path: &str, body: impl Into<Bytes>) -> anyhow::Result<Answer> {
        self.send(request(Method::POST, path, None, body.into())?).await
    }

    /// Asks for `path`, with this value of `Authorization` if any.
    ///
    /// # Errors
    ///
    /// As [`Connection::send`].
    pub async fn get(&mut self, path: &str, authorization: Option<String>) -> anyhow::Result<Answer> {
        self.send(request(Method::GET, path, authorization, Bytes::new())?).await
    }

    /// Asks once without, and once more with the answer to the challenge, as clients do.
    ///
    /// # Errors
    ///
    /// As [`Connection::send`]; also when there is no challenge.
    pub async fn get_with_digest(
        &mut self,
        path: &str,
        login: &str,
        password: &str,
    ) -> anyhow::Result<Answer> {
        let challenged = self.get(path, None).await?;
        let answer = digest(&challenged, path, login, password)?;
        self.get(path, Some(answer)).await
    }
}

/// Answers the Digest challenge in `challenged` for a GET of `path`.
///
/// # Errors
///
/// There is no challenge.
pub fn digest(challenged: &Answer, path: &str, login: &str, password: &str) -> anyhow::Result<String> {
    let header = challenged.fields.get(WWW_AUTHENTICATE).context("no challenge")?.to_str()?;
    let challenge = Challenge::parse(header).context("no Digest challenge")?;
    let asked = http_digest::Request { method: "GET", target: path };
    Ok(answer(&challenge, login, password, asked, 1, "0a4f113b")?)
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
