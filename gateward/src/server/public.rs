//! The public listener: the exchange, the services, `/version`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::answer::{self, Answered, FdsnError, Problem, SERVICE_VERSION};
use super::boot::{Gate, Opened, Protected};
use super::cutter::Cutter;
use super::folder::Content;
use super::listener::Answer;
use super::pump::Pump;
use crate::base::address::ClientAddress;
use crate::base::id::TransactionId;
use crate::base::name::UrlPath;
use crate::flows::admit::{self, Ask};
use crate::flows::authenticate::Shown;
use crate::flows::exchange::{self, From};
use crate::flows::replays::Arrival;
use crate::store::CommitError;

/// How much of a body that is refused is read and dropped, so that the client sees the answer.
const DROPPED: usize = 1024 * 1024;

/// How long a body may take to arrive.
const BODY: Duration = Duration::from_secs(30);

/// How often a request is decided again when the policy keeps moving.
const ATTEMPTS: usize = 8;

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
        let path = head.uri.path();
        if path == self.exchange_path.as_str() {
            return self.exchange(&head, body, address).await;
        }
        let dropped = tokio::time::timeout(BODY, drop_body(body)).await;
        let answered = self.read(head, address, cutter).await;
        if matches!(dropped, Ok(true)) { answered } else { answer::closing(answered) }
    }
}

impl Public {
    async fn exchange(
        &self,
        head: &http::request::Parts,
        body: Incoming,
        address: ClientAddress,
    ) -> Answered {
        let path = self.exchange_path.as_str();
        let error = |status, said: &str| {
            let (at, _) = self.gate.now();
            FdsnError { status, said: said.to_owned(), path, at, reference: None }.answer()
        };
        if head.method != Method::POST {
            let mut answered =
                error(StatusCode::METHOD_NOT_ALLOWED, "Send the signed token as the body of a POST.");
            answered.headers_mut().insert(ALLOW, http::HeaderValue::from_static("POST"));
            return answer::closing(answered);
        }
        let token = match tokio::time::timeout(BODY, read_body(body, signed_token::MAX_BODY)).await {
            Ok(Ok(token)) => token,
            Ok(Err(Gone)) => {
                return answer::closing(error(StatusCode::BAD_REQUEST, "The body ended too early."));
            }
            Err(_) => {
                return answer::closing(error(
                    StatusCode::REQUEST_TIMEOUT,
                    "The body took longer than 30 s to arrive.",
                ));
            }
        };
        let shut = |reason: &str| {
            error(StatusCode::SERVICE_UNAVAILABLE, &format!("The door is shut: {reason}. Try again later."))
        };
        // Only now: a token is judged when it is there, not when its first byte was sent.
        let (now, clock_trouble) = self.gate.now();
        if let Some(trouble) = clock_trouble {
            tracing::error!(%trouble, "an exchange could not be made");
            return shut(answer::SHUT);
        }
        let Ok(opened) = self.gate.opened() else {
            return shut(answer::NOT_READY);
        };
        match exchange::exchange(&opened.door, &token, &From::Address(address), now).await {
            Ok(exchanged) => answer::exchanged(&exchanged),
            Err(refusal) => answer::exchange_refused(&refusal, path, now),
        }
    }

    async fn read(&self, head: http::request::Parts, address: ClientAddress, cutter: Cutter) -> Answered {
        if head.uri.path() == "/version" {
            return answer::text(StatusCode::OK, format!("{SERVICE_VERSION}\n"));
        }
        let Ok(opened) = self.gate.opened() else {
            return Problem::shut(answer::NOT_READY).answer();
        };
        // A task of its own: a client who leaves takes the connection along and nothing else, so that
        // what is being recorded as admitted still finds its end.
        let carried = tokio::spawn(async move { route(&opened, &head, address, cutter).await });
        carried.await.unwrap_or_else(|error| answer::shut(&error))
    }
}

/// Finds the service that a request is for, and carries the request there.
async fn route(
    opened: &Opened,
    head: &http::request::Parts,
    address: ClientAddress,
    cutter: Cutter,
) -> Answered {
    for service in &opened.services {
        if let Some(rest) = service.service.path.strip(head.uri.path()) {
            return serve(opened, service, head, rest, address, cutter).await;
        }
    }
    Problem::new(StatusCode::NOT_FOUND, "no-service", "There is no service at this path.").answer()
}

/// Carries one request to a service: decides, asks the upstream, records, releases.
async fn serve(
    opened: &Opened,
    protected: &Protected,
    head: &http::request::Parts,
    rest: &str,
    address: ClientAddress,
    cutter: Cutter,
) -> Answered {
    let door = &opened.door;
    let target = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let arrival = Arrival::default();
    let shown = Shown {
        authorization: only_authorization(&head.headers),
        method: head.method.as_str(),
        target,
        address,
        arrival: &arrival,
    };
    let ask = Ask { service: &protected.service, method: &head.method, rest, shown };
    let mut last = CommitError::Precondition;
    for _ in 0..ATTEMPTS {
        let now = match opened.clock.now() {
            Ok(now) => now,
            Err(stepped) => return opened.shut_for_clock(&stepped),
        };
        let permit = match admit::admit(door, ask, now).await {
            Ok(permit) => permit,
            Err(error) => {
                let space = door.protection_space(&protected.service.name);
                return answer::not_admitted(&error, |stale| {
                    space.challenges(now, door.random.bytes(), stale)
                });
            }
        };
        let found = match protected.folder.find(&permit, &head.method, &head.headers).await {
            Ok(found) => found,
            Err(error) => {
                return match permit.fail(door, StatusCode::BAD_GATEWAY.as_u16(), now).await {
                    Ok(transaction) => upstream_failed(&error, transaction),
                    Err(error) => answer::shut(&error),
                };
            }
        };
        let size = answer::size(&found);
        let now = opened.clock.now().unwrap_or(now);
        let recorded = match found.content {
            Content::Whole(content) => permit
                .release(door, found.status.as_u16(), size, now)
                .await
                .map(|released| answer::release(released, found.status, found.fields, content)),
            Content::Running(file, length) => permit.open(door, now).await.map(|admitted| {
                let pump = Pump {
                    door: Arc::clone(door),
                    clock: opened.clock.clone(),
                    seen: opened.seen.clone(),
                    cutter: cutter.clone(),
                    running: opened.running.clone(),
                };
                answer::run(admitted, pump, found.status, found.fields, file, length)
            }),
        };
        match recorded {
            Ok(answered) => return answered,
            Err(error @ (CommitError::Stale(_) | CommitError::Precondition)) => {
                if let Err(error) = door.policy.refresh() {
                    return answer::shut(&error);
                }
                last = error;
            }
            Err(error) => return answer::shut(&error),
        }
    }
    answer::shut(&last)
}

/// Returns the value of `Authorization` if there is exactly one that is text; several are nobody's.
fn only_authorization(fields: &HeaderMap) -> Option<&str> {
    let mut values = fields.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.to_str().unwrap_or("?")),
        (Some(_), Some(_)) => Some("?"),
        (None, _) => None,
    }
}

fn upstream_failed(error: &std::io::Error, transaction: TransactionId) -> Answered {
    tracing::error!(%error, %transaction, "a folder cannot be read");
    let detail =
        format!("What is behind this service does not answer. Ask the operator about {transaction}.");
    Problem::new(StatusCode::BAD_GATEWAY, "upstream", detail).answer()
}

/// Says that a body ended before its time.
struct Gone;

/// Reads a body and keeps one byte more than `most` of it, enough to be refused for its length;
/// beyond [`DROPPED`] bytes it stops reading.
async fn read_body(mut body: Incoming, most: usize) -> Result<Bytes, Gone> {
    let mut kept = Vec::new();
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Gone)?.into_data() else { continue };
        seen += data.len();
        let room = (most + 1).saturating_sub(kept.len());
        kept.extend_from_slice(&data[..data.len().min(room)]);
        if seen > DROPPED {
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
