//! One connection's HTTP, over TLS or not: bounded in size and time, drained at the end.

mod http1;
mod http2;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::cutter::Cutter;
use super::listener::{Answer, until_true};
use super::peer::Origin;
use super::welcome::until_unwelcome;
use crate::base::address::ClientAddress;
use crate::flows::nodes::Presented;

/// How long a request's head may take, and how long a connection may idle between requests.
const HEAD: Duration = Duration::from_secs(30);

/// How long a running request may go on after the program was told to stop.
const DRAIN: Duration = Duration::from_secs(30);

/// Which protocol a connection speaks (ALPN, RFC 7301).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, and 1.0 where that is enough.
    Http1,
    /// HTTP/2.
    Http2,
}

impl Protocol {
    /// What clients are offered over TLS, the first most of all.
    ///
    /// `by_digest`: some service asks people by HTTP Digest. curl 7 then sends an upload over HTTP/2 that says it is
    /// empty and is not, to learn the challenge, and loses the whole of it: such clients keep to HTTP/1.1.
    pub fn offered(by_digest: bool) -> &'static [&'static [u8]] {
        if by_digest { &[b"http/1.1"] } else { &[b"h2", b"http/1.1"] }
    }

    /// Reads what a client chose; one that chose nothing speaks HTTP/1.1.
    pub fn chosen(alpn: Option<&[u8]>) -> Self {
        if alpn == Some(b"h2") { Self::Http2 } else { Self::Http1 }
    }
}

/// What is known of whoever is at the other end of a connection, before they ask for anything.
#[derive(Debug, Clone, Default)]
pub struct OtherEnd {
    /// The certificate that they showed; it stood the handshake, and who that is each request asks anew.
    pub certificate: Option<Presented>,
    /// The host that they asked for in the handshake (RFC 6066 section 3).
    pub server_name: Option<Arc<str>>,
    /// The user that they run as, where they came by our Unix socket.
    pub uid: Option<u32>,
}

/// Where a request comes from.
#[derive(Debug, Clone)]
pub struct CameFrom {
    /// The address of whoever asks.
    pub address: ClientAddress,
    /// Who is at the other end of the connection.
    pub other_end: OtherEnd,
    /// Nobody could read along: it came over TLS, to us or to a proxy that is believed.
    pub is_secure: bool,
    /// Closes the connection, or resets the request's stream where others share the connection.
    pub cutter: Cutter,
}

/// Whose requests a connection carries.
#[derive(Debug, Clone)]
pub struct Clients {
    /// Where they come from.
    pub origin: Origin,
    /// Who is at the other end.
    pub other_end: OtherEnd,
    /// The connection is encrypted.
    pub tls: bool,
}

impl Clients {
    /// Says where a request with these `fields` comes from.
    fn from(&self, fields: &HeaderMap, cutter: Cutter) -> CameFrom {
        CameFrom {
            address: self.origin.address(fields),
            other_end: self.other_end.clone(),
            is_secure: self.tls || self.origin.says_secure(fields),
            cutter,
        }
    }
}

/// Answers the requests on `stream` until either side ends it.
///
/// Once `stop` is true, an idle connection closes and a running request ends, for at most 30 s.
pub async fn serve<A: Answer>(
    protocol: Protocol,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    clients: Clients,
    answer: Arc<A>,
    stop: watch::Receiver<bool>,
) {
    let (gate, certificate) = (Arc::clone(answer.gate()), clients.other_end.certificate.clone());
    let served = async {
        match protocol {
            Protocol::Http1 => http1::serve(stream, clients, answer, stop).await,
            Protocol::Http2 => http2::serve(stream, clients, answer, stop).await,
        }
    };
    tokio::select! {
        () = served => {}
        () = until_unwelcome(&gate, certificate.as_ref()) => {}
    }
}

/// Carries `served` until it ends, is cut, or ran on for too long after `stop`.
async fn until_ended<S: Future<Output = hyper::Result<()>>>(
    mut served: Pin<&mut S>,
    mut cut: watch::Receiver<bool>,
    mut stop: watch::Receiver<bool>,
    drain: impl FnOnce(Pin<&mut S>),
) {
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = until_true(&mut cut) => return,
        () = until_true(&mut stop) => {
            drain(served.as_mut());
            tokio::select! {
                ended = &mut served => ended,
                () = until_true(&mut cut) => return,
                () = tokio::time::sleep(DRAIN) => {
                    tracing::warn!(seconds = DRAIN.as_secs(), "a request ran on after the stop and is cut");
                    return;
                }
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
