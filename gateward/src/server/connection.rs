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

/// How long a request's head may take, and how long a connection may idle between requests.
const HEAD: Duration = Duration::from_secs(30);

/// How long a running request may go on after the program was told to stop.
const DRAIN: Duration = Duration::from_secs(30);

/// How large a request's head may be, in bytes.
const HEAD_SIZE: usize = 32 * 1024;

/// How many header fields a request may have.
const FIELDS: usize = 64;

/// Answers the requests on `stream` until either side ends it.
///
/// Once `stop` is true, an idle connection closes and a running request ends, for at most 30 s.
pub async fn serve<A: Answer>(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin,
    origin: Origin,
    answer: Arc<A>,
    mut stop: watch::Receiver<bool>,
) {
    let (cutter, mut cut) = Cutter::new();
    let service = service_fn(move |request| {
        let address = origin.address(request.headers());
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
