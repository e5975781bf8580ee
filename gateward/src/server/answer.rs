//! The one place where errors become answers: exhaustively, each with its reference.
//!
//! Callers learn what they can act on; the reason in full stands in the event of that reference.

mod exchange;
mod form;
mod proxy;

use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

pub use self::exchange::{exchange_refused, not_placed};
pub use self::form::Form;
pub use self::proxy::{no_proxy, unclear, verified};
use super::body::AnswerBody;
use super::found::{Failed, Source};
use super::pump::Pump;
use super::tunnel::Tunnel;
use crate::base::id::{Reference, TransactionId};
use crate::flows::admit::{self, Admitted, Released};
use crate::flows::authenticate::{self, Failure};
use crate::flows::kind::{NotAllowed, NotUnderstood};
use crate::flows::operate;
use crate::flows::passwords;

/// How long a caller is asked to wait when nothing can be recorded, in seconds.
const COME_BACK: u64 = 5;

/// What this program calls itself to clients.
pub const SERVICE_VERSION: &str = concat!("gateward ", env!("CARGO_PKG_VERSION"));

/// The answer of every listener.
pub type Answered = Response<AnswerBody>;

/// Makes a plain text.
pub fn text(status: StatusCode, said: impl Into<String>) -> Answered {
    let mut answered = Response::new(AnswerBody::whole(said.into()));
    *answered.status_mut() = status;
    let fields = answered.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answered
}

/// Makes bytes whose content never changes, for whoever was let in.
pub fn for_ever(bytes: Vec<u8>) -> Answered {
    let mut answered = Response::new(AnswerBody::whole(bytes));
    let fields = answered.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("private, max-age=604800, immutable"));
    answered
}

/// Makes a document for programs; `media_type` says which kind of JSON it is.
pub fn json(status: StatusCode, media_type: &'static str, document: &serde_json::Value) -> Answered {
    let mut answered = text(status, format!("{document}\n"));
    answered.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    answered
}

/// A problem document (RFC 9457).
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    detail: String,
    reference: Option<Reference>,
    /// Boxed: a refusal is often the error of something small.
    fields: Box<HeaderMap>,
}

impl Problem {
    /// Makes one; `kind` becomes its type `/problems/<kind>`.
    pub fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, detail: detail.into(), reference: None, fields: Box::default() }
    }

    /// Gives the reference that it is recorded under.
    pub fn under(mut self, reference: Reference) -> Self {
        self.reference = Some(reference);
        self
    }

    /// Adds a header field; several of one name stand in the order of adding.
    pub fn with(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.fields.append(name, value);
        }
        self
    }

    /// What the caller is told in words.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Says that the door is shut for now.
    pub fn shut(reason: &str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "nothing-can-be-recorded",
            format!("The door is shut: {reason}."),
        )
        .with(RETRY_AFTER, COME_BACK.to_string())
    }
}

/// What the public may know when nothing can be recorded: the operator finds the rest in the log.
pub const SHUT: &str = "nothing can be recorded at the moment";

/// What the public may know before the door is open: `/readyz` and the log tell the rest.
pub const NOT_READY: &str = "it is not ready";

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// Answers a request to a service that was not admitted. `challenges` makes the values of fresh
/// `WWW-Authenticate` fields, in their order; its argument says whether the answer was right and
/// only the challenge old.
pub fn not_admitted(error: &admit::Error, challenges: impl Fn(bool) -> Vec<String>) -> Problem {
    match error {
        admit::Error::Maintenance { seconds, reference } => {
            let said = "This service is being worked on: come back later.";
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "maintenance", said);
            problem.under(*reference).with(RETRY_AFTER, *seconds)
        }
        admit::Error::NotFromThere(reference) => {
            let said =
                "Nobody may come to this service from your address. Ask the operator, with this reference.";
            Problem::new(StatusCode::FORBIDDEN, "from", said).under(*reference)
        }
        admit::Error::NotUnderstood { why, reference } => not_understood(why, *reference),
        admit::Error::Unknown(unknown) => not_known(unknown, challenges),
        admit::Error::NotANode { why, reference } => {
            let detail = format!("{}.", capitalised(why.told()));
            Problem::new(StatusCode::FORBIDDEN, "node", detail).under(*reference)
        }
        admit::Error::NotAllowed { why, reference } => not_allowed(why, *reference),
        admit::Error::Store(error) => shut(error),
        admit::Error::Commit(error) => shut(error),
    }
}

fn not_allowed(why: &NotAllowed, reference: Reference) -> Problem {
    let (status, kind, detail) = match why {
        NotAllowed::NotGranted => (
            StatusCode::FORBIDDEN,
            "not-granted",
            "Your login is good, but nothing grants it this service. Ask the data centre for access, \
             with this reference."
                .to_owned(),
        ),
        NotAllowed::TokenNotForThis => (
            StatusCode::FORBIDDEN,
            "token-not-for-this",
            "Your token is good, but it was made for other services, or for reading alone.".to_owned(),
        ),
        NotAllowed::Restricted(said) => (StatusCode::FORBIDDEN, "restricted", said.clone()),
        NotAllowed::TooMuch(said) => (StatusCode::PAYLOAD_TOO_LARGE, "too-much", said.clone()),
    };
    Problem::new(status, kind, detail).under(reference)
}

fn not_understood(why: &NotUnderstood, reference: Reference) -> Problem {
    let detail = format!("{}.", capitalised(&why.to_string()));
    let problem = match why {
        NotUnderstood::Method { allowed, .. } => {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", detail).with(ALLOW, *allowed)
        }
        NotUnderstood::Path(_) => Problem::new(StatusCode::NOT_FOUND, "path", detail),
        NotUnderstood::NotHere(_) | NotUnderstood::Nowhere(_) => {
            Problem::new(StatusCode::NOT_FOUND, "not-here", detail)
        }
        NotUnderstood::NotAcceptable(_) => Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", detail),
        NotUnderstood::MediaType(_) => Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", detail),
        NotUnderstood::Request(_) => Problem::new(StatusCode::BAD_REQUEST, "request", detail),
        NotUnderstood::TooMuch(_) => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-much", detail),
    };
    problem.under(reference)
}

fn not_known(error: &authenticate::Error, challenges: impl Fn(bool) -> Vec<String>) -> Problem {
    let challenging = |problem, stale| {
        challenges(stale)
            .into_iter()
            .fold(problem, |problem: Problem, one| problem.with(WWW_AUTHENTICATE, one))
    };
    let detail = capitalised(&error.to_string());
    match error {
        authenticate::Error::Challenged { stale } => {
            let detail = "This service wants to know who you are: see WWW-Authenticate for how to say so.";
            challenging(Problem::new(StatusCode::UNAUTHORIZED, "who-are-you", detail), *stale)
        }
        authenticate::Error::Failed { reference, how: Failure::Unauthorized, .. } => {
            let detail = format!("{detail}.");
            let problem = Problem::new(StatusCode::UNAUTHORIZED, "not-known", detail).under(*reference);
            challenging(problem, false)
        }
        authenticate::Error::Failed { reference, how: Failure::Forbidden, .. } => {
            Problem::new(StatusCode::FORBIDDEN, "not-known", format!("{detail}.")).under(*reference)
        }
        authenticate::Error::Failed { reference, how: Failure::BadRequest, .. } => {
            Problem::new(StatusCode::BAD_REQUEST, "bad-answer", format!("{detail}.")).under(*reference)
        }
        authenticate::Error::Failed { reference, how: Failure::Unavailable, .. } => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-now", format!("{detail}."))
                .under(*reference)
                .with(RETRY_AFTER, COME_BACK.to_string())
        }
        authenticate::Error::TooMany { wait_seconds, reference } => {
            too_many_failures(format!("{detail}."), *wait_seconds, *reference)
        }
        authenticate::Error::Busy => busy(),
        authenticate::Error::Store(error) => shut(error),
        authenticate::Error::Commit(error) => shut(error),
    }
}

/// Answers somebody who is known by no password; how to ask again, whoever answers adds.
pub fn no_user(error: &passwords::Error) -> Problem {
    let detail = format!("{}.", capitalised(&error.to_string()));
    match error {
        passwords::Error::Wrong { reference } => {
            Problem::new(StatusCode::UNAUTHORIZED, "not-known", detail).under(*reference)
        }
        passwords::Error::TooMany { wait_seconds, reference } => {
            too_many_failures(detail, *wait_seconds, *reference)
        }
        passwords::Error::Busy => busy(),
        passwords::Error::Store(error) => shut(error),
        passwords::Error::Commit(error) => shut(error),
    }
}

fn too_many_failures(detail: String, wait_seconds: u64, reference: Reference) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-failures", detail)
        .under(reference)
        .with(RETRY_AFTER, wait_seconds.to_string())
}

/// How operators are asked who they are (RFC 7617).
pub const BASIC_CHALLENGE: &str = "Basic realm=\"gateward operators\", charset=\"UTF-8\"";

/// Answers somebody who is no operator.
pub fn no_operator(error: &operate::Error) -> Problem {
    let detail = format!("{}.", capitalised(&error.to_string()));
    match error {
        operate::Error::Unknown(wrong @ passwords::Error::Wrong { .. }) => {
            no_user(wrong).with(WWW_AUTHENTICATE, BASIC_CHALLENGE)
        }
        operate::Error::Unknown(error) => no_user(error),
        operate::Error::Commit(error) => shut(error),
        operate::Error::NoRole { reference } => {
            Problem::new(StatusCode::FORBIDDEN, "role", detail).under(*reference)
        }
    }
}

/// Says that too many passwords are being looked at: nothing is wrong with this one.
pub fn busy() -> Problem {
    let said = format!("Too many log in at once. Try again in {COME_BACK} s.");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", said).with(RETRY_AFTER, COME_BACK.to_string())
}

/// Answers a request on a connection that was made for another host: the client makes one for this.
pub fn misdirected() -> Problem {
    let said =
        "This connection was made for another host, whose door asks for something else: make one for this.";
    Problem::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", said)
}

/// Says that nothing is served at a path.
pub fn no_service() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no-service", "There is no service at this path.")
}

/// Says that the door is shut, and tells the operator why.
pub fn shut(error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, "a request could not be decided or recorded");
    Problem::shut(SHUT)
}

/// Says that what is behind a service failed, under what the operator finds it.
pub fn upstream_failed(failed: &Failed, transaction: TransactionId) -> Problem {
    let Failed { status, said, detail, retry_after, .. } = failed;
    if status.is_server_error() {
        tracing::error!(detail, %transaction, "an upstream failed");
    }
    let problem = Problem::new(*status, "upstream", format!("{said} Ask the operator about {transaction}."));
    match retry_after {
        Some(seconds) => problem.with(RETRY_AFTER, *seconds),
        None => problem,
    }
}

/// Answers with what was found; it is whole, and `released` proves that it is recorded.
pub fn release(
    _released: Released,
    status: StatusCode,
    fields: HeaderMap,
    content: bytes::Bytes,
) -> Answered {
    leaving(status, fields, AnswerBody::whole(content))
}

/// Answers that the connection goes on as a websocket, which `tunnel` carries.
pub fn switched(tunnel: Tunnel, fields: HeaderMap) -> Answered {
    let mut answered = Response::new(AnswerBody::whole(""));
    *answered.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *answered.headers_mut() = fields;
    answered.extensions_mut().insert(tunnel);
    answered
}

/// Answers with what was found, piece by piece; `admitted` proves that it is recorded.
pub fn run(
    admitted: Admitted,
    pump: Pump,
    status: StatusCode,
    fields: HeaderMap,
    source: Source,
) -> Answered {
    let body = pump.start(admitted, status.as_u16(), source);
    leaving(status, fields, body)
}

fn leaving(status: StatusCode, fields: HeaderMap, body: AnswerBody) -> Answered {
    let mut answered = Response::new(body);
    *answered.status_mut() = status;
    *answered.headers_mut() = fields;
    answered.headers_mut().insert(http::header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answered
}

/// Marks the connection as ended by this answer: something of the request was left unread.
pub fn closing(mut answered: Answered) -> Answered {
    answered.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answered
}
