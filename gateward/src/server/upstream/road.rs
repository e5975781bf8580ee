//! The road to an upstream: a port, TLS with the authorities that were pinned and our certificate, or a Unix
//! socket of this machine.

use std::io::{Error, IoSlice};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use http::{Extensions, Response, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::config::upstream::{HttpUpstream, Place};
use crate::server::socket::Wire;
use crate::server::tls::{self, Shown, Strictness};
use crate::server::{boot, outwards};

/// Makes connections to one upstream, whatever the URL of a request says.
#[derive(Debug, Clone)]
pub(super) struct Road(Arc<Way>);

#[derive(Debug)]
enum Way {
    Tcp(HttpConnector),
    Tls(HttpConnector, Arc<ClientConfig>, Option<Ours>),
    Unix(PathBuf),
}

impl Road {
    /// Prepares the road; nobody is asked yet.
    ///
    /// # Errors
    ///
    /// [`boot::Error`]: a file that cannot be read, or holds nothing of use.
    pub(super) fn new(config: &HttpUpstream, strictness: Strictness) -> Result<Self, boot::Error> {
        Ok(Self(Arc::new(match (&config.url, config.ca.as_deref()) {
            (Place::Unix(path), _) => Way::Unix(path.clone()),
            (Place::Url(_), None) => Way::Tcp(outwards::tcp()),
            (Place::Url(_), Some(ca)) => {
                // Those servers are believed whose certificates lead to one in `ca`, and no others.
                let roots = outwards::roots(&outwards::certificates(ca)?, ca)?;
                let believing = outwards::tls().with_root_certificates(roots);
                match config.certificate.as_ref().zip(config.key.as_ref()) {
                    None => Way::Tls(outwards::tcp(), Arc::new(believing.with_no_client_auth()), None),
                    Some((certificate, key)) => {
                        let (certificate, key) = (certificate.clone(), key.clone());
                        let ours = Ours::load(certificate, key, strictness)?;
                        let shown = Arc::clone(&ours.shown);
                        let mut tls = believing.with_client_cert_resolver(shown);
                        // A session that is resumed goes on with the certificate that it began with.
                        tls.resumption = Resumption::disabled();
                        Way::Tls(outwards::tcp(), Arc::new(tls), Some(ours))
                    }
                }
            }
        })))
    }

    async fn connect(self, uri: Uri) -> Result<Paved, Error> {
        let wire: Box<dyn Wire> = match &*self.0 {
            Way::Tcp(tcp) => Box::new(by_tcp(tcp, uri).await?),
            Way::Unix(path) => Box::new(UnixStream::connect(path).await?),
            Way::Tls(tcp, tls, ours) => {
                if let Some(ours) = ours {
                    ours.reload();
                }
                let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
                let name = ServerName::try_from(host).map_err(Error::other)?;
                let stream = by_tcp(tcp, uri).await?;
                Box::new(TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?)
            }
        };
        Ok(Paved { wire: TokioIo::new(wire), used: Used::default() })
    }
}

async fn by_tcp(tcp: &HttpConnector, uri: Uri) -> Result<tokio::net::TcpStream, Error> {
    let connected = tcp.clone().call(uri).await.map_err(Error::other)?;
    Ok(connected.into_inner())
}

impl Service<Uri> for Road {
    type Response = Paved;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Paved, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.clone().connect(uri);
        Box::pin(async {
            let late = |_| Error::new(std::io::ErrorKind::TimedOut, "it took no connection in time");
            tokio::time::timeout(outwards::CONNECT, connecting).await.map_err(late)?
        })
    }
}

/// A connection to an upstream.
pub(super) struct Paved {
    wire: TokioIo<Box<dyn Wire>>,
    used: Used,
}

impl Connection for Paved {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.used.clone())
    }
}

impl Read for Paved {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.wire).poll_read(context, buffer)
    }
}

impl Write for Paved {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Error>> {
        Pin::new(&mut self.wire).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.wire).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize, Error>> {
        Pin::new(&mut self.wire).poll_write_vectored(context, slices)
    }
}

/// Whether a connection has brought an answer already.
#[derive(Debug, Clone, Default)]
pub(super) struct Used(Arc<AtomicBool>);

impl Used {
    /// Notes that the connection of `response` has.
    pub(super) fn note<B>(response: &Response<B>) {
        if let Some(used) = response.extensions().get::<Self>() {
            used.0.store(true, Ordering::Relaxed);
        }
    }

    /// Tells whether the connection had that failed with `error`.
    pub(super) fn is_that_of(error: &hyper_util::client::legacy::Error) -> bool {
        let mut extras = Extensions::new();
        if let Some(connection) = error.connect_info() {
            connection.get_extras(&mut extras);
        }
        extras.get::<Self>().is_some_and(|used| used.0.load(Ordering::Relaxed))
    }
}

/// The certificate that we show, read again when its files have changed.
#[derive(Debug)]
struct Ours {
    certificate: PathBuf,
    key: PathBuf,
    strictness: Strictness,
    shown: Arc<Shown>,
    seen: Mutex<[Option<Version>; 2]>,
}

/// What tells a file from the one that was there before: inode, size, seconds and nanoseconds of its change.
type Version = (u64, u64, i64, i64);

impl Ours {
    fn load(certificate: PathBuf, key: PathBuf, strictness: Strictness) -> Result<Self, boot::Error> {
        let seen = Mutex::new([&certificate, &key].map(version));
        let shown = Shown::new(tls::load(&certificate, &key, strictness)?);
        Ok(Self { certificate, key, strictness, shown, seen })
    }

    /// Shows what the files hold now; while that is nothing of use, what they held before.
    fn reload(&self) {
        let now = [&self.certificate, &self.key].map(version);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return;
        }
        match tls::load(&self.certificate, &self.key, self.strictness) {
            Ok(certified) => {
                self.shown.exchange(certified);
                *seen = now;
            }
            // Perhaps one of the two is written and the other is not: the next connection looks again.
            Err(error) => tracing::error!(%error, "an upstream is still shown our certificate of before"),
        }
    }
}

fn version(path: &PathBuf) -> Option<Version> {
    let there = std::fs::metadata(path).ok()?;
    Some((there.ino(), there.size(), there.mtime(), there.mtime_nsec()))
}
