//! One connection's HTTP, over TLS or not: bounded in size and time, drained at the end.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::answer::{self, Problem};
use super::body::AnswerBody;
use super::cutter::Cutter;
use super::listener::{Answer, until_true};
use super::peer::Origin;
use crate::base::address::ClientAddress;
use crate::flows::nodes::Presented;

/// How long a request's head may take, and how long a connection may idle between requests.
const HEAD: Duration = Duration::from_secs(30);

/// How long a running request may go on after the program was told to stop.
const DRAIN: Duration = Duration::from_secs(30);

/// How large a request's head may be, in bytes.
const HEAD_SIZE: usize = 32 * 1024;

/// How many header fields a request may have.
const FIELDS: usize = 64;

/// What is known of whoever is at the other end of a connection, before they ask for anything.
#[derive(Debug, Clone, Default)]
pub struct OtherEnd {
    /// The certificate that they showed; it stood the handshake, and who that is each request asks anew.
    pub certificate: Option<Arc<Presented>>,
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
    /// Closes the connection.
    pub cutter: Cutter,
}

/// Answers the requests on `stream` until either side ends it.
///
/// Once `stop` is true, an idle connection closes and a running request ends, for at most 30 s.
pub async fn serve<A: Answer>(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin,
    origin: Origin,
    other_end: OtherEnd,
    answer: Arc<A>,
    mut stop: watch::Receiver<bool>,
) {
    let (cutter, mut cut) = Cutter::new();
    let service = service_fn(move |request| {
        let (other_end, cutter) = (other_end.clone(), cutter.clone());
        let from = CameFrom { address: origin.address(request.headers()), other_end, cutter };
        let answer = Arc::clone(&answer);
        async move {
            Ok::<_, std::convert::Infallible>(if head_size(&request) > HEAD_SIZE {
                head_too_large()
            } else {
                answer.answer(request, from).await
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
