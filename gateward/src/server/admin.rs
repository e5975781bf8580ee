//! The listener for operators: readiness for whoever watches, and nothing else without a user.

use std::sync::Arc;

use data_encoding::BASE64;
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, Request, StatusCode};
use hyper::body::Incoming;
use tokio::sync::Semaphore;

use super::answer::{self, Answered, Problem, SERVICE_VERSION};
use super::boot::{Gate, Opened};
use super::cutter::Cutter;
use super::listener::Answer;
use crate::base::address::ClientAddress;
use crate::base::id::Reference;
use crate::base::secret::Secret;
use crate::flows::door::Refused;
use crate::flows::failures::Attempt;
use crate::flows::record::{Happened, Personal, What};
use crate::flows::users;

/// How many passwords are hashed at once: each takes 19 MiB and a core.
const HASHES: usize = 2;

/// Answers operators.
#[derive(Debug)]
pub struct Admin {
    gate: Arc<Gate>,
    hashes: Arc<Semaphore>,
}

impl Admin {
    /// Answers for `gate`.
    pub fn new(gate: Arc<Gate>) -> Self {
        Self { gate, hashes: Arc::new(Semaphore::new(HASHES)) }
    }
}

impl Answer for Admin {
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        address: ClientAddress,
        _: Cutter,
    ) -> Answered {
        let (head, _) = request.into_parts();
        match head.uri.path() {
            "/healthz" => answer::text(StatusCode::OK, "alive\n"),
            "/readyz" => match self.gate.ready() {
                Ok(()) => answer::text(StatusCode::OK, "ready\n"),
                Err(reason) => {
                    answer::text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n"))
                }
            },
            _ => self.for_operators(&head, address).await,
        }
    }
}

/// Why nobody may look.
enum NotAnOperator {
    Challenge,
    Wrong(Reference),
    Answered(Answered),
}

impl Admin {
    async fn for_operators(&self, head: &http::request::Parts, address: ClientAddress) -> Answered {
        let opened = match self.gate.opened() {
            Ok(opened) => opened,
            Err(reason) => return Problem::shut(&reason).answer(),
        };
        let challenged = |problem: Problem| {
            problem.with(WWW_AUTHENTICATE, "Basic realm=\"gateward operators\", charset=\"UTF-8\"").answer()
        };
        let user = match self.operator(&opened, &head.headers, address).await {
            Ok(user) => user,
            Err(NotAnOperator::Challenge) => {
                return challenged(Problem::new(
                    StatusCode::UNAUTHORIZED,
                    "who-are-you",
                    "Log in as an operator.",
                ));
            }
            Err(NotAnOperator::Wrong(reference)) => {
                let said = "Wrong user or password.";
                return challenged(
                    Problem::new(StatusCode::UNAUTHORIZED, "not-known", said).under(reference),
                );
            }
            Err(NotAnOperator::Answered(answered)) => return answered,
        };
        let (status, answered) = if head.uri.path() == "/" {
            (
                StatusCode::OK,
                answer::text(StatusCode::OK, format!("{SERVICE_VERSION}: logged in as {user}\n")),
            )
        } else {
            let problem = Problem::new(StatusCode::NOT_FOUND, "no-page", "There is no page at this path.");
            (StatusCode::NOT_FOUND, problem.answer())
        };
        let now = match opened.clock.now() {
            Ok(now) => now,
            Err(stepped) => return opened.shut_for_clock(&stepped),
        };
        let path: String = head.uri.path().chars().take(256).collect();
        let what = What::OperatorRequest { method: head.method.to_string(), path, status: status.as_u16() };
        let happened = Happened { who: Some(user), personal: Personal::at(address), ..Happened::done(what) };
        match opened.door.recorder.commit(None, Vec::new(), &[happened], now).await {
            Ok(_) => answered,
            Err(error) => answer::shut(&error),
        }
    }

    /// Finds out which user asks, by HTTP Basic (RFC 7617).
    async fn operator(
        &self,
        opened: &Opened,
        fields: &HeaderMap,
        address: ClientAddress,
    ) -> Result<String, NotAnOperator> {
        let (name, password) = basic(fields).ok_or(NotAnOperator::Challenge)?;
        let now =
            opened.clock.now().map_err(|stepped| NotAnOperator::Answered(opened.shut_for_clock(&stepped)))?;
        let shut = |error: &dyn std::error::Error| NotAnOperator::Answered(answer::shut(error));
        // Before the hash: guessing costs the guesser a minute, not us a core.
        let too_many = opened
            .door
            .refuse_for_limit(address, Attempt::Operator, None, now)
            .await
            .map_err(|error| shut(&error))?;
        if let Some(too_many) = too_many {
            let wait = too_many.wait_seconds.to_string();
            let problem = Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-failures",
                format!("Too many wrong passwords from this address: try again in {wait} s."),
            )
            .under(too_many.reference);
            return Err(NotAnOperator::Answered(problem.with(RETRY_AFTER, wait).answer()));
        }
        let Ok(place) = Arc::clone(&self.hashes).try_acquire_owned() else {
            return Err(NotAnOperator::Answered(Problem::shut("too many log in at once").answer()));
        };
        let reader = opened.door.store.reader.clone();
        let proven = tokio::task::spawn_blocking(move || {
            let proven = users::prove(&reader, &name, &password);
            drop(place);
            proven
        });
        match proven.await {
            Ok(Ok(Some(user))) => Ok(user.name),
            Ok(Ok(None)) => {
                opened.door.failures.count_attempt(address, Attempt::Operator, now);
                let what = What::AuthenticationFailed {
                    reason: "wrong-password",
                    detail: "wrong user or password".into(),
                };
                let reason = "operator: wrong-password".to_owned();
                let refused = Refused { what, reason, service: None, who: None, address };
                let recorded = opened.door.record_refusal(refused, now).await;
                Err(NotAnOperator::Wrong(recorded.map_err(|error| shut(&error))?))
            }
            Ok(Err(error)) => Err(shut(&error)),
            Err(error) => Err(shut(&error)),
        }
    }
}

/// Reads user and password; `None` where nothing, or something else, was sent.
fn basic(fields: &HeaderMap) -> Option<(String, Secret)> {
    let value = fields.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64.decode(credentials.trim().as_bytes()).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    Some((name.to_owned(), Secret::new(password.to_owned())))
}
