//! Accepts connections: TLS only, bounded in number and time, drained at the end.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;

use super::answer::{self, Problem};
use super::body::AnswerBody;
use super::cutter::Cutter;
use super::places::Places;
use crate::base::address::ClientAddress;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a request's head may take, and how long a connection may idle between requests.
const HEAD: Duration = Duration::from_secs(30);

/// How long a client may take nothing of what is sent before the connection is cut.
const STALLED: Duration = Duration::from_secs(60);

/// How long a running request may go on after the program was told to stop.
const DRAIN: Duration = Duration::from_secs(30);

/// How large a request's head may be, in bytes.
const HEAD_SIZE: usize = 32 * 1024;

/// How many header fields a request may have.
const FIELDS: usize = 64;

/// Answers requests; one for each listener.
pub trait Answer: Send + Sync + 'static {
    /// Answers `request`, which came from `address`; `cutter` closes its connection.
    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        address: ClientAddress,
        cutter: Cutter,
    ) -> impl Future<Output = Response<AnswerBody>> + Send;
}

/// Accepts until `stop` is true, then drains: idle connections close, running requests end, for at
/// most 30 s; what runs on then is cut.
///
/// `connections` holds one sender for each connection; the last one gone, all have ended.
pub async fn listen<A: Answer>(
    socket: TcpListener,
    tls: Arc<ServerConfig>,
    answer: Arc<A>,
    mut stop: watch::Receiver<bool>,
    connections: mpsc::Sender<()>,
) {
    let places = Places::new();
    loop {
        let free = places.free().await;
        let (stream, peer) = tokio::select! {
            () = until_true(&mut stop) => return,
            accepted = socket.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, mostly: wait for connections to end.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let address = ClientAddress::new(peer.ip());
        let Some(place) = places.take(free, address) else {
            tracing::debug!(%address, "this address has its share of connections");
            continue;
        };
        let connection = connection(stream, address, Arc::clone(&tls), Arc::clone(&answer), stop.clone());
        let held = connections.clone();
        tokio::spawn(async move {
            connection.await;
            drop((place, held));
        });
    }
}

async fn connection<A: Answer>(
    stream: TcpStream,
    address: ClientAddress,
    tls: Arc<ServerConfig>,
    answer: Arc<A>,
    mut stop: watch::Receiver<bool>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection was gone before it began");
        return;
    }
    let handshake = tokio::time::timeout(HANDSHAKE, async {
        let mut first = [0];
        stream.peek(&mut first).await?;
        if first[0].is_ascii_alphabetic() {
            explain_tls(stream).await?;
            return Ok(None);
        }
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(STALLED));
        TlsAcceptor::from(tls).accept(Box::pin(stream)).await.map(Some)
    });
    let handshaken = tokio::select! {
        () = until_true(&mut stop) => return,
        handshaken = handshake => handshaken,
    };
    let stream = match handshaken {
        Ok(Ok(Some(stream))) => stream,
        Ok(Ok(None)) => return,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a handshake failed");
            return;
        }
        Err(_) => {
            tracing::debug!("a handshake took too long");
            return;
        }
    };
    let (cutter, mut cut) = Cutter::new();
    let service = service_fn(move |request| {
        let (answer, cutter) = (Arc::clone(&answer), cutter.clone());
        async move {
            Ok::<_, std::convert::Infallible>(if head_size(&request) > HEAD_SIZE {
                head_too_large()
            } else {
                answer.answer(request, address, cutter).await
            })
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_SIZE)
        .max_headers(FIELDS)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = until_true(&mut cut) => return,
        () = until_true(&mut stop) => {
            served.as_mut().graceful_shutdown();
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

/// How many bytes the head of `request` has, without the version and the line ends.
///
/// hyper holds its buffer against the limit only before it reads on, so that a head in large
/// pieces slips through.
fn head_size(request: &Request<Incoming>) -> usize {
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
    request.uri().path_and_query().map_or(0, |target| target.as_str().len()) + fields.sum::<usize>()
}

fn head_too_large() -> Response<AnswerBody> {
    let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    let detail = format!("The request's head has more than {} KiB.", HEAD_SIZE / 1024);
    answer::closing(Problem::new(status, "head-too-large", detail).answer())
}

/// Waits until somebody says so, or nobody can any more.
async fn until_true(said: &mut watch::Receiver<bool>) {
    drop(said.wait_for(|said| *said).await);
}

/// How much of a plain HTTP request is read and dropped, so that the client sees the answer.
const DROPPED: u64 = 1024 * 1024;

/// Tells a client that speaks plain HTTP what to do instead.
async fn explain_tls(mut stream: TcpStream) -> std::io::Result<()> {
    let text = "This port speaks HTTPS only: use https:// instead of http://.\n";
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await?;
    // What is left unread makes the system reset the connection, and the answer is lost with it.
    tokio::io::copy(&mut stream.take(DROPPED), &mut tokio::io::sink()).await.map(drop)
}
