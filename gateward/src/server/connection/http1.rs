//! HTTP/1.1 on one connection, read strictly (RFC 9112).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::body::Incoming;
use hyper::server::conn::http1::UpgradeableConnection;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::{Clients, DRAIN, HEAD, until_ended};
use crate::server::body::AnswerBody;
use crate::server::cutter::Cutter;
use crate::server::listener::{Answer, until_true};
use crate::server::malformed;
use crate::server::strict::{Line, Strict};
use crate::server::tunnel::Tunnel;

/// How much is read at once, in bytes; a head, which `http_framing` bounds, has room in it.
const BUFFER: usize = 64 * 1024;

pub(super) async fn serve<A: Answer>(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    clients: Clients,
    answer: Arc<A>,
    stop: watch::Receiver<bool>,
) {
    let (cutter, cut) = Cutter::new();
    let (stream, line) = Strict::new(stream);
    let requests = AtomicU64::new(0);
    let (tunnels, tunnel) = watch::channel(None::<Tunnel>);
    let (tunnels, cutting) = (Arc::new(tunnels), cutter.clone());
    let service = service_fn(move |request| {
        // One for each head that passed, in their order.
        let number = requests.fetch_add(1, Ordering::Relaxed) + 1;
        let (line, answer, cutter) = (Arc::clone(&line), Arc::clone(&answer), cutter.clone());
        let (clients, tunnels) = (clients.clone(), Arc::clone(&tunnels));
        async move {
            let answered = one(&line, number, request, &clients, answer, cutter).await;
            let tunnel = answered.extensions().get::<Tunnel>().cloned();
            line.answered(number, tunnel.is_some());
            if let Some(tunnel) = tunnel {
                tunnels.send_replace(Some(tunnel));
            }
            Ok::<_, std::convert::Infallible>(answered)
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER)
        .max_headers(http_framing::MOST_FIELDS)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(served);
    until_ended(served.as_mut(), cut, stop.clone(), UpgradeableConnection::graceful_shutdown).await;
    let tunnel = tunnel.borrow().clone();
    if let Some(tunnel) = tunnel {
        carry_on(tunnel, &cutting, stop).await;
    }
}

/// Waits for the end of a websocket, and cuts one that runs on for too long after `stop`.
async fn carry_on(tunnel: Tunnel, cutter: &Cutter, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        () = tunnel.clone().until_ended() => return,
        () = until_true(&mut stop) => {}
    }
    if tokio::time::timeout(DRAIN, tunnel.clone().until_ended()).await.is_err() {
        tracing::warn!(seconds = DRAIN.as_secs(), "a websocket ran on after the stop and is cut");
        cutter.cut();
        tunnel.until_ended().await;
    }
}

/// Answers one request, unless it has no one reading.
async fn one<A: Answer>(
    line: &Line,
    number: u64,
    request: Request<Incoming>,
    clients: &Clients,
    answer: Arc<A>,
    cutter: Cutter,
) -> Response<AnswerBody> {
    let from = clients.from(request.headers(), cutter);
    let address = from.address;
    if let Some(malformed) = line.refusal(number) {
        return malformed::refuse(answer.gate(), malformed, address).await;
    }
    let gate = Arc::clone(answer.gate());
    tokio::select! {
        // What was decided by half a body does not count once the other half is refused.
        biased;
        malformed = line.until_refused(number) => malformed::refuse(&gate, malformed, address).await,
        answered = answer.answer(request, from) => answered,
    }
}
