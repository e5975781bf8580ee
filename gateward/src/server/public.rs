//! The public listener: the exchange, the services, `/version`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::answer::{self, Answered, Form, Problem, SERVICE_VERSION};
use super::boot::{Gate, Opened};
use super::carry::Carriage;
use super::cutter::Cutter;
use super::listener::Answer;
use super::services::Protected;
use crate::base::address::ClientAddress;
use crate::base::name::UrlPath;
use crate::flows::kind::BodyWanted;
use crate::flows::replays::Arrival;

/// How much of a body that is refused is read and dropped, so that the client sees the answer.
const DROPPED: usize = 1024 * 1024;

/// How long a body may take to arrive.
const BODY: Duration = Duration::from_secs(30);

/// Answers the public.
#[derive(Debug)]
pub struct Public {
    /// What there is once the program is ready.
    pub gate: Arc<Gate>,
    /// Where the exchange stands.
    pub exchange_path: UrlPath,
}

impl Answer for Public {
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        address: ClientAddress,
        cutter: Cutter,
    ) -> Answered {
        let (head, body) = request.into_parts();
        if head.uri.path() == self.exchange_path.as_str() {
            return self.exchange(&head, body, address).await;
        }
        if head.uri.path() == "/version" {
            let answered = answer::text(StatusCode::OK, format!("{SERVICE_VERSION}\n"));
            return dropping(body, answered).await;
        }
        let Ok(opened) = self.gate.opened() else {
            return dropping(body, Problem::shut(answer::NOT_READY).answer()).await;
        };
        let path = head.uri.path().to_owned();
        let services = Arc::clone(&opened.services);
        let strip = |one: &Protected| Some(one.service.path.strip(&path)?.to_owned());
        let found = services.iter().enumerate().find_map(|(at, one)| Some((at, strip(one)?)));
        let Some((at, rest)) = found else {
            let said = "There is no service at this path.";
            let problem = Problem::new(StatusCode::NOT_FOUND, "no-service", said);
            return dropping(body, problem.answer()).await;
        };
        if services[at].service.kind.is_exchange(&rest) {
            return self.exchange(&head, body, address).await;
        }
        self.serve(opened, at, rest, Arrived { head, body, address, cutter }).await
    }
}

/// A request as it arrived.
struct Arrived {
    head: http::request::Parts,
    body: Incoming,
    address: ClientAddress,
    cutter: Cutter,
}

impl Public {
    /// Reads as much of the body as the service at `at` needs to understand the request, and carries
    /// it there.
    async fn serve(&self, opened: Arc<Opened>, at: usize, rest: String, arrived: Arrived) -> Answered {
        let Arrived { head, body, address, cutter } = arrived;
        let services = Arc::clone(&opened.services);
        let interpreter = &services[at].service.kind;
        let path = head.uri.path().to_owned();
        let form = Form::of(interpreter.error_form(), &path, self.gate.now().0);
        if head.version == http::Version::HTTP_10 && services[at].is_server() {
            let said = "HTTP/1.0 cannot tell an answer that was cut from a complete one: use HTTP/1.1 (in nginx, \
                        proxy_http_version 1.1).";
            let status = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
            return dropping(body, Problem::new(status, "version", said).answer_in(form)).await;
        }
        let (read, streamed, whole) = match interpreter.body(&head.method) {
            BodyWanted::Streamed => (Bytes::new(), Some(body), true),
            BodyWanted::Nothing => {
                let dropped = tokio::time::timeout(BODY, drop_body(body)).await;
                (Bytes::new(), None, matches!(dropped, Ok(true)))
            }
            BodyWanted::Whole(most) => match read_whole(body, most).await {
                Ok(read) => (read, None, true),
                Err(problem) => return answer::closing(problem.answer_in(form)),
            },
        };
        let arrival = Arrival::default();
        let carriage = Carriage { opened, head, read, streamed, address, arrival, cutter };
        // A task of its own: a client who leaves takes the connection along and nothing else, so that
        // what is being recorded as admitted still finds its end.
        let services = Arc::clone(&services);
        let carried = tokio::spawn(async move { carriage.to(&services[at], &rest).await });
        let answered = carried.await.unwrap_or_else(|error| answer::shut(&error).answer_in(form));
        if whole { answered } else { answer::closing(answered) }
    }
}

/// Drops the body of a request that is answered without it.
async fn dropping(body: Incoming, answered: Answered) -> Answered {
    let dropped = tokio::time::timeout(BODY, drop_body(body)).await;
    if matches!(dropped, Ok(true)) { answered } else { answer::closing(answered) }
}

/// Reads a body of at most `most` bytes; of a longer one, one byte more is kept where somebody else
/// refuses it, and it is refused here where nobody would.
pub(super) async fn read_whole(body: Incoming, most: usize) -> Result<Bytes, Problem> {
    match tokio::time::timeout(BODY, read_body(body, most)).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(Gone)) => Err(Problem::new(StatusCode::BAD_REQUEST, "body", "The body ended too early.")),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body",
            "The body took longer than 30 s to arrive.",
        )),
    }
}

/// Says that a body ended before its time.
struct Gone;

/// Reads a body and keeps one byte more than `most` of it, enough to be refused for its length;
/// [`DROPPED`] bytes beyond that it stops reading.
async fn read_body(mut body: Incoming, most: usize) -> Result<Bytes, Gone> {
    let mut kept = Vec::new();
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Gone)?.into_data() else { continue };
        seen += data.len();
        let room = (most + 1).saturating_sub(kept.len());
        kept.extend_from_slice(&data[..data.len().min(room)]);
        if seen > most + DROPPED {
            break;
        }
    }
    Ok(kept.into())
}

/// Reads a body that nobody wants; `false` when something of it is left.
async fn drop_body(mut body: Incoming) -> bool {
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(data)) => seen += data.len(),
            Ok(Err(_)) => {}
            Err(_) => return false,
        }
        if seen > DROPPED {
            return false;
        }
    }
    true
}
