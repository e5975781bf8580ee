//! HTTP/2 on one connection (RFC 9113): many requests at once, each of which can be cut alone.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Method, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_framing::{Fault, is_authority};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2::Connection;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::{Clients, HEAD, until_ended};
use crate::base::once::Once;
use crate::server::body::{AnswerBody, Cut};
use crate::server::cutter::Cutter;
use crate::server::listener::{Answer, until_true};
use crate::server::malformed;
use crate::server::strict::Malformed;

/// How many requests may run at once on one connection.
const STREAMS: u32 = 100;

/// How much of a request's body may be on its way unread, in bytes.
const STREAM_WINDOW: u32 = 256 * 1024;

/// How much of all bodies on one connection may be on its way unread, in bytes.
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// How large the piece of an answer is that may wait for one client, in bytes: of a frame's size, so that of
/// each stream no more is held than one.
const PIECE: usize = 16 * 1024;

/// How often it is looked whether the client is still there, and for how long it may keep its answer back.
const ALIVE: Duration = Duration::from_secs(20);

/// How many requests a client may take back before they are looked at, until it is taken for an attack
/// (CVE-2023-44487).
const TAKEN_BACK: usize = 20;

tokio::task_local! {
    /// Cuts the stream that this task carries.
    static CUTTER: Cutter;
}

pub(super) async fn serve<A: Answer>(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    clients: Clients,
    answer: Arc<A>,
    mut stop: watch::Receiver<bool>,
) {
    let service = service_fn(move |request| {
        let (answer, clients) = (Arc::clone(&answer), clients.clone());
        async move {
            let cutter = CUTTER.with(Cutter::clone);
            let answered = one(request, &clients, answer, cutter).await;
            Ok::<_, std::convert::Infallible>(answered.map(InPieces::new))
        }
    });
    let streams = Streams::default();
    let served = hyper::server::conn::http2::Builder::new(streams.clone())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(u32::try_from(http_framing::MOST_HEAD).expect("it is small"))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(PIECE)
        .max_pending_accept_reset_streams(TAKEN_BACK)
        .keep_alive_interval(ALIVE)
        .keep_alive_timeout(ALIVE)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    // One that idles is drained like one whose program stops.
    let (idle, drained) = watch::channel(false);
    let (never, uncut) = Cutter::new();
    let watching = async {
        tokio::select! {
            () = streams.until_idle() => {}
            () = until_true(&mut stop) => {}
        }
        idle.send_replace(true);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = until_ended(served.as_mut(), uncut, drained, Connection::graceful_shutdown) => {}
        () = watching => {}
    }
    drop(never);
}

/// Answers one request, unless it has no one reading.
async fn one<A: Answer>(
    mut request: Request<Incoming>,
    clients: &Clients,
    answer: Arc<A>,
    cutter: Cutter,
) -> Response<AnswerBody> {
    let from = clients.from(request.headers(), cutter);
    let address = from.address;
    if let Some(fault) = fault(&request) {
        let (method, target) = (request.method().to_string(), request.uri().path().to_owned());
        return malformed::refuse(answer.gate(), Malformed { fault, method, target }, address).await;
    }
    // Which host is meant stands in one place from here on.
    let host = request.uri().authority().and_then(|authority| HeaderValue::try_from(authority.as_str()).ok());
    if let Some(host) = host {
        request.headers_mut().insert(HOST, host);
    }
    answer.answer(request, from).await
}

/// What about a request has no one reading; lengths and fields of the connection were looked at before
/// (RFC 9113 sections 8.1.1, 8.2.2).
fn fault(request: &Request<Incoming>) -> Option<Fault> {
    if request.method() == Method::CONNECT {
        return Some(Fault::Connect);
    }
    if request.headers().len() > http_framing::MOST_FIELDS {
        return Some(Fault::HeadTooLarge);
    }
    let path = request.uri().path();
    let is_good = path.starts_with('/') || (path == "*" && request.method() == Method::OPTIONS);
    if !is_good {
        return Some(Fault::Target);
    }
    let host = match Once::of(request.headers(), HOST) {
        Once::No => None,
        Once::One(host) => Some(host.as_bytes()),
        Once::Several => return Some(Fault::Host),
    };
    let named = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    if !named.or(host).is_some_and(is_authority) {
        return Some(Fault::Host);
    }
    let differs = named.zip(host).is_some_and(|(named, host)| !named.eq_ignore_ascii_case(host));
    differs.then_some(Fault::TargetHost)
}

/// Runs the streams of one connection, each as a task that its cutter ends.
#[derive(Debug, Clone, Default)]
struct Streams(Arc<Counted>);

#[derive(Debug, Default)]
struct Counted {
    running: AtomicUsize,
    begun: AtomicUsize,
}

/// Counts a stream as running.
struct Running(Arc<Counted>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        self.0.running.fetch_add(1, Ordering::Relaxed);
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        let running = Running(Arc::clone(&self.0));
        let (cutter, mut cut) = Cutter::new();
        // A stream that is dropped is reset, and its neighbours run on (RFC 9113 section 5.4.2).
        tokio::spawn(CUTTER.scope(cutter, async move {
            tokio::select! {
                _ = stream => {}
                () = until_true(&mut cut) => {}
            }
            drop(running);
        }));
    }
}

impl Streams {
    /// Returns once nothing ran for as long as a connection may idle.
    async fn until_idle(&self) {
        let mut before = None;
        loop {
            let begun = self.0.begun.load(Ordering::Relaxed);
            if self.0.running.load(Ordering::Relaxed) == 0 && before == Some(begun) {
                return;
            }
            before = Some(begun);
            tokio::time::sleep(HEAD).await;
        }
    }
}

/// The body of an answer, in pieces of which only one waits for the client's window.
struct InPieces {
    body: AnswerBody,
    rest: Bytes,
}

impl InPieces {
    fn new(body: AnswerBody) -> Self {
        Self { body, rest: Bytes::new() }
    }
}

impl Body for InPieces {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                end => return Poll::Ready(end),
            }
        }
        let size = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(size)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.rest.len() as u64;
        match self.body.size_hint().exact() {
            Some(left) => SizeHint::with_exact(left + held),
            None => SizeHint::default(),
        }
    }
}
