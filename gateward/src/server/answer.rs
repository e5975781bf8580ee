//! The one place where errors become answers: exhaustively, each with its reference.
//!
//! Callers learn what they can act on; the reason in full stands in the event of that reference.

use ::fhir::Issue;
use http::header::{
    ALLOW, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use jiff::Timestamp;

use super::body::AnswerBody;
use super::found::{Failed, Source};
use super::pump::Pump;
use super::tunnel::Tunnel;
use crate::base::id::{Reference, TransactionId};
use crate::flows::admit::{self, Admitted, KeyShown, Released, Verified};
use crate::flows::authenticate::key::X_CKAN_API_KEY;
use crate::flows::authenticate::{self, Failure};
use crate::flows::caller::Person;
use crate::flows::exchange;
use crate::flows::kind::{ErrorForm, NotAllowed, NotUnderstood};
use crate::flows::oidc::NotBelieved;
use crate::flows::operate;
use crate::flows::passwords;
use crate::flows::verify::Unclear;

/// How long a caller is asked to wait when nothing can be recorded, in seconds.
const COME_BACK: u64 = 5;

/// What this program calls itself to clients.
pub const SERVICE_VERSION: &str = concat!("gateward ", env!("CARGO_PKG_VERSION"));

/// What a proxy that asked is told beside the status: the person, the machine, the request's id, and of a
/// refusal the reference; of a CKAN, its key.
const X_GATEWARD_USER: HeaderName = HeaderName::from_static("x-gateward-user");
const X_GATEWARD_NODE: HeaderName = HeaderName::from_static("x-gateward-node");
const X_GATEWARD_TRANSACTION: HeaderName = HeaderName::from_static("x-gateward-transaction");
const X_GATEWARD_AUTHORIZATION: HeaderName = HeaderName::from_static("x-gateward-authorization");
const X_GATEWARD_REFERENCE: HeaderName = HeaderName::from_static("x-gateward-reference");

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
    fields: HeaderMap,
}

impl Problem {
    /// Makes one; `kind` becomes its type `/problems/<kind>`.
    pub fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self { status, kind, detail: detail.into(), reference: None, fields: HeaderMap::new() }
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

    /// Writes it in the form that the clients of a service expect.
    pub fn answer_in(self, form: Form<'_>) -> Answered {
        match form {
            Form::Problem => self.answer(),
            Form::Fdsn { path, at } => self.fdsn(path, at),
            Form::Fhir => self.fhir(),
            Form::Ckan => self.ckan(),
        }
    }

    /// As FDSN's clients read errors (FDSN web services 1.2, section "error messages").
    fn fdsn(self, path: &str, at: Timestamp) -> Answered {
        let Self { status, detail, reference, fields, .. } = self;
        let title = status.canonical_reason().unwrap_or("Refused");
        let number = status.as_u16();
        let reference = reference.map_or(String::new(), |reference| {
            format!("Reference:\n{reference} (give it to the data centre, never the token)\n\n")
        });
        let body = format!(
            "Error {number}: {title}\n\n{detail}\n\n{reference}Usage details are available from the data centre that runs this service\n\n\
             Request:\n{path}\n\nRequest Submitted:\n{at:.0}\n\nService version:\n{SERVICE_VERSION}\n"
        );
        let mut answered = text(status, body);
        answered.headers_mut().extend(fields);
        answered
    }

    /// As FHIR's clients read errors (R4 section 3.1.0.1.6).
    fn fhir(self) -> Answered {
        let Self { status, detail, reference, fields, .. } = self;
        let issue = match status {
            StatusCode::UNAUTHORIZED => Issue::Login,
            StatusCode::FORBIDDEN => Issue::Forbidden,
            StatusCode::NOT_FOUND => Issue::NotFound,
            StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_ACCEPTABLE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE => Issue::NotSupported,
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::URI_TOO_LONG => Issue::TooLong,
            StatusCode::TOO_MANY_REQUESTS => Issue::Throttled,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT => {
                Issue::Transient
            }
            status if status.is_client_error() => Issue::Invalid,
            _ => Issue::Exception,
        };
        let reference = reference.map_or(String::new(), |reference| format!(" Reference: {reference}."));
        let mut answered = text(status, ::fhir::outcome(issue, &format!("{detail}{reference}")));
        answered.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(::fhir::JSON));
        answered.headers_mut().extend(fields);
        answered
    }

    /// Writes it for a proxy that asks on behalf of its clients: of all refusals, nginx passes on 401 and 403
    /// alone, and makes an error of its own of any other.
    pub fn for_proxy(mut self) -> Answered {
        if self.status.is_client_error() && self.status != StatusCode::UNAUTHORIZED {
            self.status = StatusCode::FORBIDDEN;
        }
        let reference = self.reference;
        let mut answered = self.answer();
        if let Some(Ok(reference)) = reference.map(|reference| reference.to_string().try_into()) {
            answered.headers_mut().insert(X_GATEWARD_REFERENCE, reference);
        }
        answered
    }

    /// As CKAN's clients read errors: its action API's own form.
    fn ckan(self) -> Answered {
        let Self { status, detail, reference, fields, .. } = self;
        let kind = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "Authorization Error",
            StatusCode::NOT_FOUND => "Not Found Error",
            _ => "Gateway Error",
        };
        let mut error = serde_json::json!({ "__type": kind, "message": detail });
        if let Some(reference) = reference {
            error["reference"] = reference.to_string().into();
        }
        let document = serde_json::json!({ "success": false, "error": error });
        let mut answered = json(status, "application/json", &document);
        answered.headers_mut().extend(fields);
        answered
    }

    /// Writes it as a problem document.
    pub fn answer(self) -> Answered {
        let mut document = serde_json::json!({
            "type": format!("/problems/{}", self.kind),
            "title": self.status.canonical_reason().unwrap_or("Refused"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(reference) = self.reference {
            document["reference"] = reference.to_string().into();
        }
        let mut answered = json(self.status, "application/problem+json", &document);
        answered.headers_mut().extend(self.fields);
        answered
    }
}

/// What the public may know when nothing can be recorded: the operator finds the rest in the log.
pub const SHUT: &str = "nothing can be recorded at the moment";

/// What the public may know before the door is open: `/readyz` and the log tell the rest.
pub const NOT_READY: &str = "it is not ready";

/// The form in which an error is written.
#[derive(Debug, Clone, Copy)]
pub enum Form<'a> {
    /// A problem document (RFC 9457).
    Problem,
    /// FDSN's text.
    Fdsn {
        /// The request's path.
        path: &'a str,
        /// When it came.
        at: Timestamp,
    },
    /// An OperationOutcome.
    Fhir,
    /// CKAN's JSON.
    Ckan,
}

impl<'a> Form<'a> {
    /// Makes the form that clients of a service expect, for a request to `path`.
    pub fn of(form: ErrorForm, path: &'a str, at: Timestamp) -> Self {
        match form {
            ErrorForm::Problem => Self::Problem,
            ErrorForm::Fdsn => Self::Fdsn { path, at },
            ErrorForm::Fhir => Self::Fhir,
            ErrorForm::Ckan => Self::Ckan,
        }
    }
}

/// Answers a refused exchange.
pub fn exchange_refused(refusal: &exchange::Refusal) -> Problem {
    let mut wait = None;
    let (status, said) = match &refusal.error {
        exchange::Error::Token(error @ signed_token::Error::TooLong) => {
            (StatusCode::PAYLOAD_TOO_LARGE, token_said(error))
        }
        exchange::Error::Token(error) => (StatusCode::BAD_REQUEST, token_said(error)),
        exchange::Error::Jwt(NotBelieved::Token(refusal)) => (StatusCode::BAD_REQUEST, jwt_said(refusal)),
        exchange::Error::Jwt(NotBelieved::KeysMissing) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("Your token cannot be looked at now: {}. Try again in {COME_BACK} s.", refusal.error),
        ),
        exchange::Error::NoGroupHere(_)
        | exchange::Error::IssuerRevoked(_)
        | exchange::Error::TokenRevoked => {
            (StatusCode::FORBIDDEN, format!("The token is good, but {}. Ask the data centre.", refusal.error))
        }
        exchange::Error::TooMany { wait_seconds } => {
            wait = Some(*wait_seconds);
            (StatusCode::TOO_MANY_REQUESTS, format!("{}.", capitalised(&refusal.error.to_string())))
        }
        exchange::Error::NotPlaced(_) => {
            let mut problem = not_placed(&refusal.error);
            problem.reference = refusal.reference;
            return problem;
        }
        exchange::Error::KeyMissing(_) | exchange::Error::Store(_) | exchange::Error::Commit(_) => {
            tracing::error!(error = %refusal.error, "an exchange could not be made");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                format!("The door is shut: {SHUT}. Try again in {COME_BACK} s."),
            )
        }
    };
    let mut problem = Problem::new(status, refusal.error.reason(), said);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        wait = Some(COME_BACK);
    }
    if let Some(wait) = wait {
        problem = problem.with(RETRY_AFTER, wait);
    }
    problem.reference = refusal.reference;
    problem
}

/// Says that a login was made and that the data service does not know it yet, and tells the operator why.
pub fn not_placed(error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, "an exchange could not be finished");
    let said =
        format!("The data service cannot be told of your login at the moment. Try again in {COME_BACK} s.");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-placed", said).with(RETRY_AFTER, COME_BACK.to_string())
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// What the holder of a token is told, with what they can do.
fn token_said(error: &signed_token::Error) -> String {
    use openpgp::Refusal;
    use signed_token::Error;
    let do_this = match error {
        Error::TooLong | Error::NoToken | Error::TextOutside | Error::SeveralTokens | Error::Nested => {
            "Send the file as the issuer gave it out, one token and nothing else"
        }
        Error::Expired(_) => "Get a new token from its issuer",
        Error::IssuedInFuture(_)
        | Error::NotJson(_)
        | Error::DuplicateKey
        | Error::FieldMissing(_)
        | Error::FieldWrong(..) => "Ask the issuer for another token",
        Error::Signature(refusal) => match refusal {
            Refusal::TooLong(_)
            | Refusal::UnfoldsTooFar(_)
            | Refusal::Malformed(_)
            | Refusal::Encrypted
            | Refusal::Detached
            | Refusal::Unsigned
            | Refusal::SeveralSignatures
            | Refusal::Nested
            | Refusal::BadSignature => "Send the file as the issuer gave it out, unchanged",
            Refusal::UnknownIssuer(_) => "This data centre believes other issuers; ask it which",
            Refusal::SignatureType(_)
            | Refusal::SignatureVersion
            | Refusal::WeakHash
            | Refusal::UnknownCritical
            | Refusal::Undated
            | Refusal::SignedInFuture(_)
            | Refusal::SignatureExpired(_)
            | Refusal::SignedBeforeKey(_)
            | Refusal::MayNotSign(_) => "Ask the issuer for another token",
            Refusal::Revoked(_) | Refusal::Expired(..) | Refusal::Sha1NotAllowed(_) => {
                "Ask the data centre: it decides which keys and hashes of issuers it believes"
            }
        },
    };
    format!("The token is not accepted: {error}. {do_this}.")
}

/// What the holder of a JWT is told, with what they can do.
fn jwt_said(refusal: &id_token::Refusal) -> String {
    use id_token::Refusal;
    let do_this = match refusal {
        Refusal::TooLong | Refusal::Malformed(_) | Refusal::BadSignature => {
            "Send it as the issuer gave it out, unchanged"
        }
        Refusal::Expired(_) => "Get a new one from its issuer",
        Refusal::UnknownKey | Refusal::WrongIssuer => "This data centre believes other issuers; ask it which",
        Refusal::WrongAudience => "Ask its issuer for one that is meant for this data centre",
        Refusal::AlgorithmNotAllowed => "Ask the data centre: it decides which algorithms it believes",
        Refusal::KeyNotNamed
        | Refusal::NotYet(_)
        | Refusal::IssuedInFuture(_)
        | Refusal::TooLongLived
        | Refusal::DuplicateName
        | Refusal::ClaimMissing(_)
        | Refusal::ClaimWrong(..) => "Ask the issuer for another token",
    };
    format!("The token is not accepted: {refusal}. {do_this}.")
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
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-failures", format!("{detail}."))
                .under(*reference)
                .with(RETRY_AFTER, wait_seconds.to_string())
        }
        authenticate::Error::Busy => busy(),
        authenticate::Error::Store(error) => shut(error),
        authenticate::Error::Commit(error) => shut(error),
    }
}

/// How operators are asked who they are (RFC 7617).
pub const BASIC_CHALLENGE: &str = "Basic realm=\"gateward operators\", charset=\"UTF-8\"";

/// Answers somebody who is no operator.
pub fn no_operator(error: &operate::Error) -> Answered {
    let detail = format!("{}.", capitalised(&error.to_string()));
    match error {
        operate::Error::Unknown(passwords::Error::Wrong { reference }) => {
            Problem::new(StatusCode::UNAUTHORIZED, "not-known", detail)
                .under(*reference)
                .with(WWW_AUTHENTICATE, BASIC_CHALLENGE)
                .answer()
        }
        operate::Error::Unknown(passwords::Error::TooMany { wait_seconds, reference }) => {
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-failures", detail)
                .under(*reference)
                .with(RETRY_AFTER, wait_seconds.to_string())
                .answer()
        }
        operate::Error::Unknown(passwords::Error::Busy) => busy().answer(),
        operate::Error::Unknown(passwords::Error::Store(error)) => shut(error).answer(),
        operate::Error::Unknown(passwords::Error::Commit(error)) | operate::Error::Commit(error) => {
            shut(error).answer()
        }
        operate::Error::NoRole { reference } => {
            Problem::new(StatusCode::FORBIDDEN, "role", detail).under(*reference).answer()
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

/// Tells somebody who asked at `/verify` that they are no proxy.
pub fn no_proxy(reference: Reference) -> Problem {
    let said = "Only a proxy may ask here: a node with the role proxy, by its certificate, or a configured user of \
                this machine, by the Unix socket.";
    // Some challenge must stand here (RFC 9110 section 15.5.2); no client has a scheme for certificates.
    Problem::new(StatusCode::UNAUTHORIZED, "not-a-proxy", said)
        .under(reference)
        .with(WWW_AUTHENTICATE, "Certificate realm=\"gateward proxies\"")
}

/// Tells a proxy that its question has no answer.
pub fn unclear(why: &Unclear, reference: Reference) -> Problem {
    let detail = format!("{}.", capitalised(&why.to_string()));
    Problem::new(StatusCode::FORBIDDEN, why.reason(), detail).under(reference)
}

/// Tells a proxy who asks and that they may, also in the field by which its own upstream learns it.
///
/// Each field is there, empty for nobody: of one that is not, Caddy passes on the name of its placeholder.
pub fn verified(verified: &Verified, identify_as: Option<&HeaderName>, asked: &HeaderMap) -> Answered {
    let caller = verified.caller();
    let told = [
        (identify_as.cloned(), verified.told().map(str::to_owned)),
        (Some(X_GATEWARD_USER), caller.person().map(Person::told)),
        (Some(X_GATEWARD_NODE), caller.node().map(|node| node.name().to_string())),
        (Some(X_GATEWARD_TRANSACTION), Some(verified.transaction().to_string())),
    ];
    let mut answered = text(StatusCode::OK, "");
    for (name, value) in told {
        let Some(name) = name else { continue };
        let value = value.unwrap_or_default().try_into().expect("names are letters that a field can hold");
        answered.headers_mut().insert(name, value);
    }
    if let Some(key) = key_to_show(verified.key(), asked) {
        answered.headers_mut().insert(X_GATEWARD_AUTHORIZATION, key);
    }
    answered
}

/// The key that a proxy shows to a CKAN behind it, in the one field that this looks at; empty for none.
fn key_to_show(key: &KeyShown, asked: &HeaderMap) -> Option<HeaderValue> {
    let mut key = match key {
        KeyShown::None => return None,
        KeyShown::Ours(key) => key.expose().try_into().expect("a key has letters that a field can hold"),
        KeyShown::AsItCame => {
            let came = [AUTHORIZATION, X_CKAN_API_KEY].into_iter().find_map(|name| asked.get(name).cloned());
            came.unwrap_or(HeaderValue::from_static(""))
        }
    };
    key.set_sensitive(true);
    Some(key)
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
